package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// check runs the rules that join two places of one environment. Rules about
// one value alone stand in the schema.
func (l *lowering) check() {
	l.checkClass()
	l.checkIDs()
	l.checkEndpoints()
	l.checkStore()
	l.checkRoutes()
	l.checkWallets()
}

// checkClass refuses real and test money side by side, and hex keys where
// money is real.
func (l *lowering) checkClass() {
	for _, n := range l.env.Networks {
		if n.Class != l.env.Class {
			l.fault(in("networks", n.Name, "class"), "an environment never mixes classes", "is %s, the environment is %s", n.Class, l.env.Class)
		}
	}
	if l.env.Class == Mainnet && l.env.Accounts == "hex" {
		l.fault(in("accounts"), "accounts: \"kms\"", "hex keys have no place in an environment of class mainnet")
	}
}

// checkIDs refuses two networks with one chain id or one domain id.
func (l *lowering) checkIDs() {
	chains, domains := map[uint64]string{}, map[uint32]string{}
	for _, n := range l.env.Networks {
		if other, twice := chains[n.ChainID]; twice {
			l.fault(in("networks", n.Name, "chainId"), "", "%d is also the chain id of %s", n.ChainID, other)
		}
		if other, twice := domains[n.DomainID]; twice {
			l.fault(in("networks", n.Name, "domainId"), "", "%d is also the domain id of %s", n.DomainID, other)
		}
		chains[n.ChainID], domains[n.DomainID] = n.Name, n.Name
	}
}

func (l *lowering) checkEndpoints() {
	for _, n := range l.env.Networks {
		if len(n.RPC) == 0 {
			l.fault(in("networks", n.Name, "rpc"), "", "is empty, a network has 1 endpoint at least")
		}
		for i, endpoint := range n.RPC {
			if message, hint := endpointFault(endpoint, n.Name); message != "" {
				l.fault(in("networks", n.Name, "rpc", i), hint, "%s", message)
			}
			if slices.Index(n.RPC, endpoint) < i {
				l.fault(in("networks", n.Name, "rpc", i), "", "this endpoint is listed twice")
			}
		}
		if message := publicHost(n.Explorer); n.Explorer != "" && message != "" {
			l.fault(in("networks", n.Name, "explorer"), "", "%s", message)
		}
	}
}

// checkStore demands a store that outlives the machine where approvals or
// money depend on it: a runner's disk forgets spent approvals, day caps and
// open intents.
func (l *lowering) checkStore() {
	if l.env.Store.Kind == "s3" {
		return
	}
	why := ""
	for _, risk := range []resource.Risk{resource.Protective, resource.Routine, resource.Sensitive, resource.Destructive} {
		if l.env.Governance.Requirements[risk].Approvals > 0 {
			why = "its gates ask for approvals"
			break
		}
	}
	if l.env.Governance.TopUp != nil && l.env.Governance.TopUp.Approvals > 0 {
		why = "its gates ask for approvals"
	}
	if l.env.Class == Mainnet {
		why = "its class is mainnet"
	}
	if why != "" {
		l.fault(in("store"), "store: {kind: \"s3\", bucket: …}", "must be of kind s3, because %s", why)
	}
}

// routes lists the directions that the environment promises.
func (l *lowering) routes() {
	if raw := l.doc.raw.Routes; raw != nil {
		l.env.Routes = l.expandRoutes(in("routes"), raw, l.networkNames())
	}
}

// checkRoutes demands, for each promised direction, a relayer that delivers
// it; and for each that a relayer delivers, money where it delivers.
func (l *lowering) checkRoutes() {
	carried := map[Route]bool{}
	for _, agent := range l.env.Agents {
		asked := map[string]bool{}
		for _, route := range agent.Routes {
			carried[route] = true
			if asked[route.To] {
				continue
			}
			asked[route.To] = true
			if l.paid(agent, route.To) {
				continue
			}
			l.fault(in("funding", route.To, "roles"), "write a level for "+agent.Role+" on "+route.To,
				"route %s to %s: %s delivers on %s and is not funded there", route.From, route.To, agent.Name, route.To)
		}
	}
	for i, route := range l.env.Routes {
		if carried[route] {
			continue
		}
		at := in("routes")
		if raw := l.doc.raw.Routes; !raw.All {
			if j := slices.Index(raw.List, rawRoute(route)); j >= 0 {
				at = in("routes", j)
			}
		}
		l.fault(at, "add both networks to a relayer, or a route to its routes", "route %s to %s (%d of %d): no relayer delivers it", route.From, route.To, i+1, len(l.env.Routes))
	}
}

// paid reports whether each signer of the agent on that network is funded.
// Where funding as a whole is missing, another check says so.
func (l *lowering) paid(agent Agent, network string) bool {
	i, found := slices.BinarySearchFunc(l.env.Funding, network, func(f Funding, name string) int { return strings.Compare(f.Network, name) })
	if !found {
		return true
	}
	wallets := l.env.Funding[i].Wallets
	signerKey := l.agents[agent.Name].SignerKey
	_, stated := l.doc.raw.Funding[network].Roles[agent.Role]
	for _, key := range l.env.Keys {
		signs := key.Use == useSigner && slices.Contains(key.Networks, network) && (key.Agent == agent.Name || signerKey != "" && key.Name == signerKey)
		if !signs {
			continue
		}
		if _, own := l.doc.raw.Funding[network].Keys[key.Name]; !own && !stated {
			continue // a missing level is reported as such
		}
		if j := slices.IndexFunc(wallets, func(w Wallet) bool { return w.Name == key.Name }); j < 0 || wallets[j].Target.Sign() == 0 {
			return false
		}
	}
	return true
}

// checkWallets refuses a literal recipient that is one of our keys by another
// name: one address is funded once.
func (l *lowering) checkWallets() {
	owners := map[string]string{}
	for name, address := range l.env.Pins {
		owners[strings.ToLower(address)] = cmp.Or(owners[strings.ToLower(address)], name)
	}
	for _, f := range l.env.Funding {
		for _, w := range f.Wallets {
			if owner := owners[strings.ToLower(w.Address)]; w.Address != "" && owner != "" {
				l.fault(in("funding", f.Network, "wallets", w.Name, "address"), "fund the key by its name: keys: \""+owner+"\": {floor, target}", "%s is the address of key %s", w.Address, owner)
			}
		}
	}
}
