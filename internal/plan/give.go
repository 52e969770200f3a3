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
// it; where it needs more of the taker, its need wins. A change that does both
// waits for those that only give.
func giveFirst(changes []Change, rules map[string]Rules, previous resource.Set) []Change {
	first := givers(changes, rules)
	if len(first) == 0 {
		return changes
	}
	graph := withoutSoft(changes, first, previous)
	// Only through these could a loop close.
	tied := neededBy(graph, slices.Collect(maps.Keys(first))...)
	for i, c := range changes {
		if len(first[c.ID]) == 0 {
			continue
		}
		c.Waits = slices.Clone(c.Waits)
		var needed map[resource.ID]bool
		if len(tied) > 0 {
			needed = neededBy(graph, c.ID)
		}
		for _, g := range first[c.ID] {
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

// givers lists, for each change that takes something away, those that give and
// should come before it.
func givers(changes []Change, rules map[string]Rules) map[resource.ID][]resource.ID {
	var all, only []resource.ID
	taking := map[resource.ID]bool{} // and whether they give, too
	for _, c := range changes {
		traits := rules[c.ID.Kind].Traits
		gives, takes := balance(c, traits)
		switch {
		case !traits.Gives:
			continue
		case takes:
			taking[c.ID] = gives
		}
		// What is new and lies still (a key, a bucket) gives nobody a right that he
		// had elsewhere.
		if gives && (c.Before != nil || !traits.DeleteOff) {
			all = append(all, c.ID)
			if !takes {
				only = append(only, c.ID)
			}
		}
	}
	first := map[resource.ID][]resource.ID{}
	for id, gives := range taking {
		switch {
		case gives && len(only) > 0:
			first[id] = only
		case !gives && len(all) > 0:
			first[id] = all
		}
	}
	return first
}

// balance says whether a change gives somebody something and whether it takes:
// a removal and a protective step take, every other step may give.
func balance(c Change, traits resource.Traits) (gives, takes bool) {
	if c.Action == Delete {
		return false, true
	}
	for _, s := range c.Steps {
		protective := traits.Risks[s.Op] == resource.Protective
		gives, takes = gives || !protective, takes || protective
	}
	return gives, takes
}

// withoutSoft is what each change needs for certain: not what only points at a
// live taker, whose outputs are known and which may as well come later.
func withoutSoft(changes []Change, first map[resource.ID][]resource.ID, previous resource.Set) map[resource.ID][]resource.ID {
	last := slices.Clone(changes)
	for i, c := range last {
		last[i].Waits = slices.Concat(c.Waits, first[c.ID])
	}
	own, graph := Dependencies(changes, previous), Dependencies(last, previous)
	for id := range first {
		graph[id] = own[id]
	}
	return graph
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
