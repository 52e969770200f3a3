package plan

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// giveFirst lets what only takes rights away wait for what gives some: a right
// that moves from a key's policy to a role must be in one of them at any moment,
// however the changes overlap while they are applied. Where a giver itself needs
// the taker, its need wins.
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
	before := Dependencies(changes, previous)
	needs := make(map[resource.ID]map[resource.ID]bool, len(givers))
	for _, g := range givers {
		needs[g] = reach(before, g)
	}
	for i, c := range changes {
		if !takers[c.ID] {
			continue
		}
		for _, g := range givers {
			if !needs[g][c.ID] {
				c.Waits = append(slices.Clip(c.Waits), g)
			}
		}
		slices.SortFunc(c.Waits, resource.ID.Compare)
		changes[i].Waits = slices.Compact(c.Waits)
	}
	return changes
}

// takesOnly reports a change that gives nobody anything: a removal, or one whose
// every step is protective.
func takesOnly(c Change, traits resource.Traits) bool {
	if c.Action == Delete {
		return true
	}
	return len(c.Steps) > 0 && !slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return traits.Risks[s.Op] != resource.Protective })
}

// reach is everything that a change waits for, directly or through others.
func reach(before map[resource.ID][]resource.ID, from resource.ID) map[resource.ID]bool {
	seen := map[resource.ID]bool{}
	left := slices.Clone(before[from])
	for len(left) > 0 {
		id := left[len(left)-1]
		left = left[:len(left)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		left = append(left, before[id]...)
	}
	return seen
}
