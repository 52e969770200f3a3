package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// mirror compares the shape of an environment with that of the one it
// rehearses: agents, roles, instances, keys' modes, networks, routes and access.
// Values (addresses, amounts, accounts) are meant to differ. Every difference
// has a path, by which an exception names it.
func mirror(env, other *Environment, faults *faults) {
	m := mirroring{env: env, other: other, faults: faults, used: map[string]bool{}}
	if !m.mapping() {
		return // what follows would repeat it for every agent
	}
	m.agents()
	m.routes()
	m.access()
	m.onchain()
	for _, path := range slices.Sorted(maps.Keys(env.Mirrors.Exceptions)) {
		if !m.used[path] {
			faults.add(env.Mirrors.Source, "mirrors.exceptions", "take it out", "%q names no difference from %s", path, other.Name)
		}
	}
}

type mirroring struct {
	env, other *Environment
	faults     *faults
	used       map[string]bool
}

// differ reports one difference, unless it is excepted.
func (m *mirroring) differ(at resource.Source, path, format string, args ...any) {
	if _, meantTo := m.env.Mirrors.Exceptions[path]; meantTo {
		m.used[path] = true
		return
	}
	m.faults.add(at, path, "make them equal, or give the reason: mirrors: exceptions: \""+path+"\": \"…\"", format, args...)
}

// mapping demands that the map of networks is one to one and leaves none out;
// it reports whether the map itself is sound.
func (m *mirroring) mapping() bool {
	before := len(m.faults.list)
	networks := m.env.Mirrors.Networks
	standFor := map[string]string{}
	for _, here := range slices.Sorted(maps.Keys(networks)) {
		there := networks[here]
		if _, ok := m.other.Network(there); !ok {
			known := make([]string, 0, len(m.other.Networks))
			for _, n := range m.other.Networks {
				known = append(known, n.Name)
			}
			m.faults.add(m.env.Mirrors.Source, "mirrors.networks."+here, meant(there, known), "no network %q in %s", there, m.other.Name)
		}
		if first, twice := standFor[there]; twice {
			m.faults.add(m.env.Mirrors.Source, "mirrors.networks."+here, "", "%s stands for %s already", first, there)
		}
		standFor[there] = here
	}
	if len(m.faults.list) > before {
		return false
	}
	for _, n := range m.env.Networks {
		if networks[n.Name] == "" {
			m.differ(n.Source, "networks."+n.Name, "stands for no network of %s", m.other.Name)
		}
	}
	for _, n := range m.other.Networks {
		if standFor[n.Name] == "" {
			m.differ(m.env.Mirrors.Source, "networks."+n.Name, "%s of %s has no network that stands for it: %d here, %d there", n.Name, m.other.Name, len(m.env.Networks), len(m.other.Networks))
		}
	}
	return true
}

func (m *mirroring) agents() {
	for _, here := range m.env.Agents {
		path := "agents." + here.Name
		i := slices.IndexFunc(m.other.Agents, func(a Agent) bool { return a.Name == here.Name })
		if i < 0 {
			m.differ(here.Source, path, "is not in %s", m.other.Name)
			continue
		}
		there := m.other.Agents[i]
		for _, f := range []struct {
			name        string
			here, there any
		}{
			{"role", here.Role, there.Role},
			{"instances", here.Instances, there.Instances},
			{"signer", here.Signer, there.Signer},
			{"attestation", here.Attestation, there.Attestation},
			{"storage", here.Storage, there.Storage},
			{"operatedBy", here.OperatedBy, there.OperatedBy},
			{"networks", strings.Join(m.translated(here.Networks), " "), strings.Join(m.mirrored(there.Networks), " ")},
		} {
			if f.here != f.there {
				m.differ(here.Source, path+"."+f.name, "is %v, in %s %v", f.here, m.other.Name, f.there)
			}
		}
		m.compareRoutes(here.Source, path+".routes", here.Routes, there.Routes)
	}
	for _, there := range m.other.Agents {
		if !slices.ContainsFunc(m.env.Agents, func(a Agent) bool { return a.Name == there.Name }) {
			m.differ(m.env.Mirrors.Source, "agents."+there.Name, "is missing, %s has it", m.other.Name)
		}
	}
}

func (m *mirroring) routes() {
	m.compareRoutes(m.env.Mirrors.Source, "routes", m.env.Routes, m.other.Routes)
}

// translated gives the other side's names of networks, sorted; what stands for
// nothing is reported once, by mapping, and left out.
func (m *mirroring) translated(networks []string) []string {
	var names []string
	for _, n := range networks {
		if there := m.env.Mirrors.Networks[n]; there != "" {
			names = append(names, there)
		}
	}
	slices.Sort(names)
	return names
}

// mirrored keeps the other side's networks that something here stands for.
func (m *mirroring) mirrored(networks []string) []string {
	var names []string
	for _, n := range networks {
		for _, there := range m.env.Mirrors.Networks {
			if there == n {
				names = append(names, n)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}

// compareRoutes compares two sets of directions under the map of networks.
func (m *mirroring) compareRoutes(at resource.Source, path string, here, there []Route) {
	have, want := map[Route]bool{}, map[Route]bool{}
	back := map[string]string{}
	for ours, theirs := range m.env.Mirrors.Networks {
		back[theirs] = ours
	}
	for _, r := range here {
		if m.env.Mirrors.Networks[r.From] != "" && m.env.Mirrors.Networks[r.To] != "" {
			have[r] = true
		}
	}
	for _, r := range there {
		if ours := (Route{From: back[r.From], To: back[r.To]}); ours.From != "" && ours.To != "" {
			want[ours] = true
		}
	}
	for _, r := range slices.SortedFunc(maps.Keys(have), Route.Compare) {
		if !want[r] {
			m.differ(at, routePath(path, r), "is delivered here, and %s to %s is not in %s", m.env.Mirrors.Networks[r.From], m.env.Mirrors.Networks[r.To], m.other.Name)
		}
	}
	for _, r := range slices.SortedFunc(maps.Keys(want), Route.Compare) {
		if !have[r] {
			m.differ(at, routePath(path, r), "is not delivered here, and %s to %s is in %s", m.env.Mirrors.Networks[r.From], m.env.Mirrors.Networks[r.To], m.other.Name)
		}
	}
}

func routePath(path string, r Route) string { return fmt.Sprintf("%s.%s->%s", path, r.From, r.To) }
