package plan

import (
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// giveFirst lets what only takes rights away wait for what gives some: a right
// that moves from a key's policy to a role must be in one of them at any moment,
// however the changes overlap while they are applied. That a giver names a live
// taker (a key's policy the role that loses its own) is no reason to come after
// it; where it needs more of the taker, its need wins.
func giveFirst(changes []Change, rules map[string]Rules, previous resource.Set) []Change {
	var givers []resource.ID
	takers := map[resource.ID]bool{}
	for _, c := range changes {
		switch traits := rules[c.ID.Kind].Traits; {
		case !traits.Gives:
		case takesOnly(c, traits):
			takers[c.ID] = true
		case c.Before != nil || !traits.DeleteOff:
			// What is new and lies still (a key, a bucket) gives nobody a right that
			// he had elsewhere.
			givers = append(givers, c.ID)
		}
	}
	if len(givers) == 0 || len(takers) == 0 {
		return changes
	}
	graph := withoutSoft(changes, takers, givers, previous)
	// Only through these could a loop close.
	tied := neededBy(graph, slices.Collect(maps.Keys(takers))...)
	for i, c := range changes {
		if !takers[c.ID] {
			continue
		}
		c.Waits = slices.Clone(c.Waits)
		var needed map[resource.ID]bool
		if len(tied) > 0 {
			needed = neededBy(graph, c.ID)
		}
		for _, g := range givers {
			if needed[g] {
				continue
			}
			c.Waits = append(c.Waits, g)
			if tied[g] {
				graph[c.ID] = append(slices.Clip(graph[c.ID]), g)
			}
		}
		slices.SortFunc(c.Waits, resource.ID.Compare)
		changes[i].Waits = slices.Compact(c.Waits)
	}
	return changes
}

// withoutSoft is what each change needs for certain: not what only points at a
// live taker, whose outputs are known and which may as well come later.
func withoutSoft(changes []Change, takers map[resource.ID]bool, givers []resource.ID, previous resource.Set) map[resource.ID][]resource.ID {
	last := slices.Clone(changes)
	for i, c := range last {
		if takers[c.ID] {
			last[i].Waits = slices.Concat(c.Waits, givers)
		}
	}
	own, graph := Dependencies(changes, previous), Dependencies(last, previous)
	for id := range takers {
		graph[id] = own[id]
	}
	return graph
}

// takesOnly reports a change that gives nobody anything: a removal, or one whose
// every step is protective.
func takesOnly(c Change, traits resource.Traits) bool {
	if c.Action == Delete {
		return true
	}
	return len(c.Steps) > 0 && !slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return traits.Risks[s.Op] != resource.Protective })
}

// neededBy is everything that waits for one of some changes, directly or through
// others.
func neededBy(before map[resource.ID][]resource.ID, ids ...resource.ID) map[resource.ID]bool {
	after := map[resource.ID][]resource.ID{}
	for later, list := range before {
		for _, first := range list {
			after[first] = append(after[first], later)
		}
	}
	seen := map[resource.ID]bool{}
	var left []resource.ID
	for _, id := range ids {
		left = append(left, after[id]...)
	}
	for len(left) > 0 {
		id := left[len(left)-1]
		left = left[:len(left)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		left = append(left, after[id]...)
	}
	return seen
}
