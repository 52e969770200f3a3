package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// onchain compares validator sets, Safes and contracts. Members, owners and
// addresses are values and meant to differ; how many there are is shape.
func (m *mirroring) onchain() {
	m.validatorSets()
	m.safes()
	m.contracts()
}

// compared is one thing that both sides say.
type compared struct {
	name        string
	here, there any
}

// compare reports the fields that differ.
func (m *mirroring) compare(at resource.Source, path string, fields []compared) {
	for _, f := range fields {
		if f.here != f.there {
			m.differ(at, path+"."+f.name, "is %v, in %s %v", f.here, m.other.Name, f.there)
		}
	}
}

// back gives this side's name of each network of the other side.
func (m *mirroring) back() map[string]string {
	back := map[string]string{}
	for ours, theirs := range m.env.Mirrors.Networks {
		back[theirs] = ours
	}
	return back
}

func (m *mirroring) validatorSets() {
	theirs := map[string]ValidatorSet{}
	for _, s := range m.other.ValidatorSets {
		theirs[s.Origin] = s
	}
	for _, here := range m.env.ValidatorSets {
		origin, path := m.env.Mirrors.Networks[here.Origin], "validatorSets."+here.Origin
		there, ok := theirs[origin]
		delete(theirs, origin)
		switch {
		case origin == "":
			continue // told by mapping
		case !ok:
			m.differ(here.Source, path, "is not in %s, where %s stands for it", m.other.Name, origin)
			continue
		}
		m.compare(here.Source, path, []compared{
			{"type", here.Type, there.Type},
			{"managed", here.Managed, there.Managed},
			{"threshold", here.Threshold, there.Threshold},
			{"members", len(here.Members), len(there.Members)},
			{"agents", agentsOf(here), agentsOf(there)},
			{"grace", here.Grace.String(), there.Grace.String()},
			{"destinations", fmt.Sprint(m.translated(here.Destinations)), fmt.Sprint(m.mirrored(there.Destinations))},
		})
	}
	back := m.back()
	for _, origin := range slices.Sorted(maps.Keys(theirs)) {
		if here := back[origin]; here != "" {
			m.differ(m.env.Mirrors.Source, "validatorSets."+here, "is missing, %s has that of %s", m.other.Name, origin)
		}
	}
}

// agentsOf counts the members that are agents of ours.
func agentsOf(s ValidatorSet) int {
	n := 0
	for _, member := range s.Members {
		if member.Key != "" {
			n++
		}
	}
	return n
}

func (m *mirroring) safes() {
	type place struct{ network, name string }
	theirs, back := map[place]Safe{}, m.back()
	for _, s := range m.other.Safes {
		if here := back[s.Network]; here != "" {
			theirs[place{here, s.Name}] = s
		}
	}
	for _, here := range m.env.Safes {
		at, path := (place{here.Network, here.Name}), "safes."+here.Name+"."+here.Network
		there, ok := theirs[at]
		delete(theirs, at)
		switch {
		case m.env.Mirrors.Networks[here.Network] == "":
			continue
		case !ok:
			m.differ(here.Source, path, "is not in %s", m.other.Name)
			continue
		}
		m.compare(here.Source, path, []compared{
			{"managed", here.Managed, there.Managed},
			{"threshold", here.Threshold, there.Threshold},
			{"owners", len(here.Owners), len(there.Owners)},
			{"modules", len(here.Modules), len(there.Modules)},
		})
	}
	for at := range theirs {
		m.differ(m.env.Mirrors.Source, "safes."+at.name+"."+at.network, "is missing, %s has it", m.other.Name)
	}
}

// contracts compares how many there are on each network, and what is demanded of
// them: their names often hold a network's.
func (m *mirroring) contracts() {
	type sum struct{ contracts, parameters, writes, invariants, scans int }
	count := func(env *Environment) map[string]sum {
		sums := map[string]sum{}
		for _, c := range env.Contracts {
			s := sums[c.Network]
			s.contracts++
			s.parameters += len(c.Parameters)
			s.invariants += len(c.Invariants)
			s.scans += len(c.Scans)
			for _, p := range c.Parameters {
				if p.Write != "" {
					s.writes++
				}
			}
			sums[c.Network] = s
		}
		return sums
	}
	ours, theirs := count(m.env), count(m.other)
	for _, network := range slices.Sorted(maps.Keys(m.env.Mirrors.Networks)) {
		here, there := ours[network], theirs[m.env.Mirrors.Networks[network]]
		if here != there {
			m.differ(m.env.Mirrors.Source, "contracts."+network, "has %d contracts with %d parameters (%d written), %d invariants and %d scans, in %s %d with %d (%d), %d and %d",
				here.contracts, here.parameters, here.writes, here.invariants, here.scans,
				m.other.Name, there.contracts, there.parameters, there.writes, there.invariants, there.scans)
		}
	}
}
