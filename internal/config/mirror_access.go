package config

import (
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// access compares how access is written: a rehearsal with other rights finds
// none of production's faults. Names, accounts and providers are meant to differ.
func (m *mirroring) access() {
	here, there := m.env.Access, m.other.Access
	at := m.env.Mirrors.Source
	switch {
	case here == nil && there == nil:
		return
	case here == nil:
		m.differ(at, "access", "is not managed here, %s manages it", m.other.Name)
		return
	case there == nil:
		m.differ(here.Source, "access", "is managed here, %s does not manage it", m.other.Name)
		return
	}
	for _, f := range []struct{ name, here, there string }{
		{"shape", here.Shape, there.Shape},
		{"keys", here.Keys, there.Keys},
		{"grants", here.Grants, there.Grants},
		{"delegate", here.Delegate, there.Delegate},
		{"keyAdmin", here.KeyAdmin, there.KeyAdmin},
		{"boundary", present(here.Boundary), present(there.Boundary)},
	} {
		if f.here != f.there {
			m.differ(here.Source, "access."+f.name, "is %s, in %s %s", orNone(f.here), m.other.Name, orNone(f.there))
		}
	}
	if here.Shape != there.Shape || here.Grants != there.Grants {
		return // told above, and true of every agent
	}
	for _, agent := range m.env.Agents {
		if !slices.ContainsFunc(m.other.Agents, func(a Agent) bool { return a.Name == agent.Name }) {
			continue // told by agents
		}
		ours, theirs := waysIn(m.env, agent.Name), waysIn(m.other, agent.Name)
		if ours != theirs {
			m.differ(m.sourceOfAccess(agent), "access.agents."+agent.Name, "gets in by %s, in %s by %s", orNone(ours), m.other.Name, orNone(theirs))
		}
	}
}

func (m *mirroring) sourceOfAccess(agent Agent) resource.Source {
	for _, r := range m.env.Access.Roles {
		if r.Agent == agent.Name {
			return r.Source
		}
	}
	return agent.Source
}

// waysIn says in words who uses an agent's keys: a role and the kinds of its
// trust, a user, the shared user, or somebody else's principals; and where their
// right is written.
func waysIn(env *Environment, agent string) string {
	var ways []string
	own := false
	for _, r := range env.Access.Roles {
		if r.Agent != agent {
			continue
		}
		own = true
		for _, t := range r.Trust {
			ways = append(ways, "a role by "+t.Kind)
		}
		ways = append(ways, byAlias(env, r.Policies)...)
	}
	for _, u := range env.Access.Users {
		if u.Agent != agent {
			continue
		}
		own = true
		ways = append(append(ways, "a user"), byAlias(env, u.Policies)...)
		if u.AccessKey != nil {
			ways = append(ways, "an access key")
		}
	}
	for _, use := range env.Access.Uses {
		if use.Agent != agent {
			continue
		}
		ways = append(ways, use.By)
		if !own && use.External {
			ways = append(ways, "principals of an operator")
		} else if !own {
			ways = append(ways, "a shared user")
		}
	}
	slices.Sort(ways)
	return strings.Join(slices.Compact(ways), ", ")
}

// byAlias says that one of the policies names keys by their aliases.
func byAlias(env *Environment, policies []string) []string {
	for _, p := range env.Access.Policies {
		if slices.Contains(policies, p.Name) && slices.ContainsFunc(p.Statements, func(s Statement) bool { return len(s.Aliases) > 0 }) {
			return []string{"aliases"}
		}
	}
	return nil
}

// present keeps that there is one, where its name is meant to differ.
func present(text string) string {
	if text == "" {
		return ""
	}
	return "there"
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
