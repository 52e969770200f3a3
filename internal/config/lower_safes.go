package config

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"github.com/ethereum/go-ethereum/common"
)

// fromDeployment stands for the address that the deployment gives.
const fromDeployment = "deployment"

// placeSafes finds each Safe's addresses.
func (c *chaining) placeSafes() {
	for _, name := range slices.Sorted(maps.Keys(c.doc.raw.Safes)) {
		raw, at := c.doc.raw.Safes[name].Networks, in("safes", name, "networks")
		places := map[string]string{}
		c.safes[name] = places
		if raw.All {
			for _, network := range c.aliveNames() {
				places[network] = c.safeAt(at, name, network, fromDeployment)
			}
			continue
		}
		for _, network := range slices.Sorted(maps.Keys(raw.On)) {
			if here := at.Append(cue.Str(network)); c.alive(here, network) {
				places[network] = c.safeAt(here, name, network, raw.On[network])
			}
		}
		if len(raw.On) == 0 {
			c.fault(at, "networks: \"all\"", "is empty, a Safe is on 1 network at least")
		}
	}
	owners := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.safes)) {
		for _, network := range slices.Sorted(maps.Keys(c.safes[name])) {
			place := network + " " + strings.ToLower(c.safes[name][network])
			if other := owners[place]; other != "" && c.safes[name][network] != "" {
				c.fault(in("safes", name, "networks", network), "", "%s is also Safe %s", c.safes[name][network], other)
			}
			owners[place] = name
		}
	}
}

// safeAt is the stated address, or the deployment's; empty: not deployed there.
func (c *chaining) safeAt(at cue.Path, name, network, stated string) string {
	if stated != fromDeployment {
		c.address(at, stated)
		return stated
	}
	d := c.env.Deployment
	if d == nil || d.Networks[network] == nil {
		return ""
	}
	if d.Safes[network][name] == "" {
		c.fault(at, meant(name, slices.Collect(maps.Keys(d.Safes[network]))), "deployment %s has no Safe %q on %s", d.ID, name, network)
	}
	return d.Safes[network][name]
}

// lowerSafes makes one Safe of each name and network.
func (c *chaining) lowerSafes() {
	for _, name := range slices.Sorted(maps.Keys(c.doc.raw.Safes)) {
		raw, at := c.doc.raw.Safes[name], in("safes", name)
		before := len(c.list)
		c.safeShape(at, raw)
		if len(c.list) > before {
			continue // the same on every network
		}
		for _, network := range slices.Sorted(maps.Keys(c.safes[name])) {
			if !c.safeServices(at, network, raw) || !c.safeOwners(at, name, network, raw) {
				break
			}
			owners := make([]Party, len(raw.Owners))
			for i, o := range raw.Owners {
				owners[i] = Party(o)
			}
			c.env.Safes = append(c.env.Safes, Safe{
				Name: name, Network: network, Address: c.safes[name][network], Managed: raw.Managed, Owners: owners,
				Threshold: raw.Threshold, Version: raw.Version, Modules: slices.Sorted(slices.Values(raw.Modules)),
				Guard: raw.Guard, Fallback: raw.FallbackHandler, Service: raw.Services[network], ServiceKey: raw.ServiceKey,
				Delegate: raw.Delegate, Execute: raw.Execute, Source: c.doc.at(at),
			})
		}
	}
	slices.SortFunc(c.env.Safes, func(a, b Safe) int {
		return cmp.Or(strings.Compare(a.Network, b.Network), strings.Compare(a.Name, b.Name))
	})
}

// safeShape refuses what is wrong with a Safe on whatever network.
func (c *chaining) safeShape(at cue.Path, raw rawSafe) {
	field := func(name string) cue.Path { return at.Append(cue.Str(name)) }
	if len(raw.Owners) == 0 {
		c.fault(field("owners"), "", "is empty, a Safe has 1 owner at least")
	} else if raw.Threshold > len(raw.Owners) {
		c.fault(field("threshold"), "", "is %d of %d owners: it could never be reached", raw.Threshold, len(raw.Owners))
	}
	seen := map[rawParty]int{}
	keys := 0
	for i, owner := range raw.Owners {
		folded := owner
		folded.Address = strings.ToLower(owner.Address)
		if first, twice := seen[folded]; twice {
			c.fault(field("owners").Append(cue.Index(i)), "", "is also owners[%d]: one owner counts once", first)
		}
		if seen[folded] = i; owner.Key != "" {
			keys++
		}
	}
	modules := map[string]bool{}
	for i, module := range raw.Modules {
		here := field("modules").Append(cue.Index(i))
		if c.address(here, module); modules[module] {
			c.fault(here, "", "%s is listed twice", module)
		}
		modules[module] = true
	}
	for name, address := range map[string]string{"guard": raw.Guard, "fallbackHandler": raw.FallbackHandler} {
		if address != "" {
			c.address(field(name), address)
		}
	}
	switch {
	case raw.Execute && c.env.Class == Mainnet:
		c.fault(field("execute"), "execute: false", "has no place in an environment of class mainnet: its owners sign, each by themselves")
	case raw.Execute && keys < raw.Threshold:
		c.fault(field("execute"), "own it by more keys of this environment, or execute: false", "has %d owner keys here, needs %d", keys, raw.Threshold)
	}
}

// safeServices refuses services that CUE must not be able to name, and a key that
// would be sent to a host of its choice.
func (c *chaining) safeServices(at cue.Path, network string, raw rawSafe) bool {
	before := len(c.list)
	services := at.Append(cue.Str("services"))
	for _, on := range slices.Sorted(maps.Keys(raw.Services)) {
		here, service := services.Append(cue.Str(on)), raw.Services[on]
		if !c.known(here, on) {
			continue
		}
		if message, hint := serviceFault(service, on); message != "" {
			c.fault(here, hint, "%s", message)
		} else if raw.ServiceKey != "" && !keeps(service) {
			c.fault(here, "put the URL into "+ServiceVariable(on)+" and write \"env:"+ServiceVariable(on)+"\"", "would be sent the key in %s: only hosts of safe.global, or a host that the variable names, get it", strings.TrimPrefix(raw.ServiceKey, "env:"))
		}
	}
	if raw.ServiceKey != "" && len(raw.Services) == 0 {
		c.fault(at.Append(cue.Str("serviceKey")), "take it out, or write services: {<network>: \"https://…\"}", "is for services, and there is none")
	}
	if raw.Delegate != "" {
		if len(raw.Services) == 0 {
			c.fault(at.Append(cue.Str("delegate")), "take it out, or write services: {<network>: \"https://…\"}", "proposes at services, and there is none")
		}
		c.ownerKey(at.Append(cue.Str("delegate")), raw.Delegate, network)
	}
	return len(c.list) == before
}

// ServiceVariable is the only variable that a network's Safe Transaction Service
// may come from, for the reason of Variable.
func ServiceVariable(network string) string {
	return "RECONCILE_SAFE_SERVICE_" + strings.ToUpper(network)
}

// serviceFault is endpointFault for the service of Safes.
func serviceFault(service, network string) (message, hint string) {
	name, variable := strings.CutPrefix(service, "env:")
	switch {
	case variable && name != ServiceVariable(network):
		return "variable " + name + " may not be named here, only " + ServiceVariable(network), "write \"env:" + ServiceVariable(network) + "\""
	case variable:
		return "", ""
	}
	message, hint = endpointFault(service, network)
	return message, strings.ReplaceAll(hint, Variable(network), ServiceVariable(network))
}

// keeps reports a service that may be sent a key: Safe's own hosts, or what the
// machine's variable names. Any other host is the choice of whoever wrote the CUE.
func keeps(service string) bool {
	if strings.HasPrefix(service, "env:") {
		return true
	}
	u, err := url.Parse(service)
	return err == nil && u.Port() == "" && strings.HasSuffix(strings.ToLower(u.Hostname()), ".safe.global")
}

// safeOwners refuses owners that are nobody on the network, or that no Safe may have.
func (c *chaining) safeOwners(at cue.Path, name, network string, raw rawSafe) bool {
	before := len(c.list)
	self := c.safes[name][network]
	for i, owner := range raw.Owners {
		here := at.Append(cue.Str("owners"), cue.Index(i))
		if _, ok := c.party(here, owner, network); !ok {
			continue
		}
		switch {
		case owner.Safe == name || owner.Address != "" && strings.EqualFold(owner.Address, self):
			c.fault(here, "", "a Safe cannot own itself")
		case owner.Address == common.BigToAddress(common.Big1).Hex():
			// Safe 1.4.1, OwnerManager: SENTINEL_OWNERS.
			c.fault(here, "", "%s ends a Safe's list of owners and is no owner", owner.Address)
		}
	}
	return len(c.list) == before
}
