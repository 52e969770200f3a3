package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Uses of a key.
const (
	useSigner      = "signer"
	useAttestation = "attestation"
	useBank        = "bank"
	useOwner       = "owner"
)

// mergeAgents fills in what the user left out: from the agent set, then from
// the role.
func (l *lowering) mergeAgents() {
	raw := &l.doc.raw
	set := l.doc.sets.Sets[raw.AgentSet]
	l.agents = map[string]rawAgent{}
	for name, agent := range set {
		if _, refined := raw.Agents[name]; refined || raw.Class == Mainnet && l.doc.sets.Roles[agent.Role].TestnetOnly {
			continue
		}
		l.agents[name] = agent
	}
	for name, agent := range raw.Agents {
		l.agents[name] = fillIn(agent, set[name])
	}
	for _, name := range slices.Sorted(maps.Keys(l.agents)) {
		agent := l.agents[name]
		if agent.Role == "" {
			agent.Role = name
		}
		role, ok := l.doc.sets.Roles[agent.Role]
		if !ok {
			known := slices.Concat(slices.Collect(maps.Keys(set)), slices.Collect(maps.Keys(l.doc.sets.Roles)))
			l.fault(in("agents", name), meant(name, known), "has no role, and %q is none", name)
			delete(l.agents, name)
			continue
		}
		agent = fillIn(agent, role)
		if agent.Enabled != nil && !*agent.Enabled {
			delete(l.agents, name)
			continue
		}
		if raw.Class == Mainnet && role.TestnetOnly {
			l.fault(in("agents", name), "", "role %s has no place in an environment of class mainnet", agent.Role)
		}
		l.agents[name] = agent
	}
}

// fillIn takes from below what agent does not state.
func fillIn(agent, below rawAgent) rawAgent {
	agent.Role = cmp.Or(agent.Role, below.Role)
	agent.Instances = cmp.Or(agent.Instances, below.Instances)
	agent.Signer = cmp.Or(agent.Signer, below.Signer)
	agent.Attestation = cmp.Or(agent.Attestation, below.Attestation)
	agent.Storage = cmp.Or(agent.Storage, below.Storage)
	agent.SignerKey = cmp.Or(agent.SignerKey, below.SignerKey)
	agent.Operator = cmp.Or(agent.Operator, below.Operator)
	agent.OperatedBy = cmp.Or(agent.OperatedBy, below.OperatedBy)
	agent.Enabled = cmp.Or(agent.Enabled, below.Enabled)
	agent.Numbered = cmp.Or(agent.Numbered, below.Numbered)
	agent.Routes = cmp.Or(agent.Routes, below.Routes)
	if agent.Networks == nil {
		agent.Networks = below.Networks
	}
	return agent
}

func (l *lowering) lowerAgents() {
	for _, name := range slices.Sorted(maps.Keys(l.agents)) {
		raw, path := l.agents[name], in("agents", name)
		agent := Agent{
			Name: name, Role: raw.Role, Instances: max(raw.Instances, 1), Signer: raw.Signer, Attestation: raw.Attestation, Storage: cmp.Or(raw.Storage, storageNone),
			Operator: cmp.Or(raw.Operator, l.doc.raw.Operator), OperatedBy: cmp.Or(raw.OperatedBy, "us"),
			Source: l.agentSource(name),
		}
		if raw.Networks == nil {
			agent.Networks = l.networkNames()
		} else {
			agent.Networks = l.networkList(path.Append(cue.Str("networks")), raw.Networks)
			if len(raw.Networks) == 0 {
				l.fault(path.Append(cue.Str("networks")), "enabled: false takes an agent out", "is empty")
			}
		}
		if agent.OperatedBy == "external" && agent.Operator == "" {
			l.fault(path, "name the party: operator: \"acme\"", "is operated by somebody external, and does not say by whom")
		}
		routes := path.Append(cue.Str("routes"))
		switch {
		case raw.Role == "relayer":
			agent.Routes = l.expandRoutes(routes, raw.Routes, agent.Networks)
			if raw.Routes != nil && !raw.Routes.All {
				l.routesInside(routes, agent)
			}
		case raw.Routes != nil:
			l.fault(routes, "", "only a relayer has routes, and %s is a %s", name, raw.Role)
		}
		l.env.Agents = append(l.env.Agents, agent)
		l.agentKeys(agent, raw)
	}
}

// agentSource is where the agent was asked for: its own lines, or agentSet.
func (l *lowering) agentSource(name string) resource.Source {
	if _, stated := l.doc.raw.Agents[name]; stated {
		return l.doc.at(in("agents", name))
	}
	return l.doc.at(in("agentSet"))
}

// routesInside refuses stated routes over networks that the relayer is not on.
func (l *lowering) routesInside(at cue.Path, agent Agent) {
	for _, route := range agent.Routes {
		for _, end := range []string{route.From, route.To} {
			if !slices.Contains(agent.Networks, end) {
				l.fault(at, "add "+end+" to its networks", "route %s to %s: %s does not work on %s", route.From, route.To, agent.Name, end)
			}
		}
	}
}

// baseName starts the names of an instance's keys, user, role and buckets.
func baseName(agent string, instance int, raw rawAgent) string {
	if instance > 0 || raw.Numbered != nil && *raw.Numbered {
		return agent + "-" + itoa(instance)
	}
	return agent
}

// agentKeys derives the keys of all instances of an agent. The first instance
// keeps the bare name unless the agent is numbered, so that running a second
// one renames nothing.
func (l *lowering) agentKeys(agent Agent, raw rawAgent) {
	for instance := range agent.Instances {
		base := baseName(agent.Name, instance, raw)
		each := func(use string, spread string) {
			key := Key{
				Agent: agent.Name, Instance: instance, Role: agent.Role, Use: use,
				Operator: agent.Operator, OperatedBy: agent.OperatedBy, Source: agent.Source,
			}
			if spread == "perNetwork" {
				for _, network := range agent.Networks {
					key.Name, key.Networks = base+"-"+use+"-"+network, []string{network}
					l.env.Keys = append(l.env.Keys, key)
				}
				return
			}
			key.Name, key.Networks = base+"-"+use, slices.Clone(agent.Networks)
			l.env.Keys = append(l.env.Keys, key)
		}
		if raw.SignerKey == "" {
			each(useSigner, agent.Signer)
		}
		if agent.Attestation != "none" {
			each(useAttestation, agent.Attestation)
		}
	}
}

// lowerKeys adds the generic keys, and applies what is stated about agents'.
func (l *lowering) lowerKeys() {
	raw := l.doc.raw.Keys
	derived := map[string]int{}
	for i, key := range l.env.Keys {
		if first, twice := derived[key.Name]; twice {
			l.add(key.Source, "agents."+key.Agent, "rename one of the agents", "key %s is also made for agent %s", key.Name, l.env.Keys[first].Agent)
		}
		derived[key.Name] = i
	}
	var names []string
	for name := range derived {
		names = append(names, name)
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		stated, path := raw[name], in("keys", name)
		i, ofAgent := derived[name]
		switch {
		case ofAgent && (stated.Use != "" || stated.Networks != nil || stated.Operator != ""):
			l.fault(path, "state only alias, region, holder, path, adopt and protect", "is the key of agent %s, which says its use, networks and operator", l.env.Keys[i].Agent)
		case !ofAgent && stated.Use == "":
			l.fault(path, meant(name, names), "no agent has a key of this name, and it states no use")
		case !ofAgent:
			key := Key{Name: name, Use: stated.Use, Operator: cmp.Or(stated.Operator, l.doc.raw.Operator), OperatedBy: "us", Source: l.doc.at(path)}
			key.Networks = l.networkList(path.Append(cue.Str("networks")), stated.Networks)
			if stated.Use == useOwner && stated.Networks == nil {
				key.Networks = l.networkNames()
			}
			l.env.Keys = append(l.env.Keys, key)
		}
	}
	l.signerKeys()
	for i := range l.env.Keys {
		l.hold(&l.env.Keys[i], raw[l.env.Keys[i].Name])
	}
	slices.SortFunc(l.env.Keys, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	l.aliasesOnce()
}

// signerKeys gives generic keys to the agents that name them: one running
// instance on each network, because two would use one nonce twice.
func (l *lowering) signerKeys() {
	users := map[string][]Agent{}
	for _, agent := range l.env.Agents {
		name := l.agents[agent.Name].SignerKey
		if name == "" {
			continue
		}
		path := in("agents", agent.Name, "signerKey")
		i := slices.IndexFunc(l.env.Keys, func(k Key) bool { return k.Name == name && k.Agent == "" })
		switch {
		case i < 0 || l.env.Keys[i].Use != useSigner:
			l.fault(path, "declare it: keys: \""+name+"\": use: \"signer\"", "no key %q of use signer is declared", name)
			continue
		case agent.Instances > 1:
			l.fault(path, "give each instance its own key: leave signerKey out", "%d running instances on one signer %s, may be 1", agent.Instances, name)
		}
		for _, other := range users[name] {
			l.signsBeside(path, name, agent, other)
		}
		users[name] = append(users[name], agent)
		key := &l.env.Keys[i]
		key.Role, key.Operator, key.OperatedBy = agent.Role, agent.Operator, agent.OperatedBy
		key.Networks = slices.Compact(slices.Sorted(slices.Values(slices.Concat(key.Networks, agent.Networks))))
	}
}

// signsBeside refuses two agents on one signer that meet on a network, or that
// are not of one sort.
func (l *lowering) signsBeside(path cue.Path, key string, agent, other Agent) {
	at := slices.IndexFunc(agent.Networks, func(network string) bool { return slices.Contains(other.Networks, network) })
	switch {
	case at >= 0:
		l.fault(path, "", "two running agents on one signer: %s signs with %s too, on %s", other.Name, key, agent.Networks[at])
	case agent.Role != other.Role || agent.Operator != other.Operator || agent.OperatedBy != other.OperatedBy:
		l.fault(path, "give each role and operator its own key: leave signerKey out", "%s signs with %s too, and is not of the same role and operator", other.Name, key)
	}
}
