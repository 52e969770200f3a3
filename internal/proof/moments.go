package proof

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// allMoments bounds for how many changes every order is tried: 2 to the power of
// it. A leaving member has about four.
const allMoments = 10

// moment finds a change that takes before another one has given: changes overlap
// while they are applied, and only what one waits for is surely done. What those
// who run a key keep themselves is access-gap's to judge.
func (k *keeper) moment(left []move) (taker move, bearer int, found bool) {
	q := k.played(left).world().Inquire()
	watched := map[int][]claim{}
	for _, c := range k.held {
		if !slices.Contains(k.bearers[c.bearer].Runs, c.principal) || answer(q, c) < c.is {
			watched[c.bearer] = append(watched[c.bearer], c)
		}
	}
	if len(watched) == 0 {
		return move{}, 0, false
	}
	r := rehearsal{now: k.now, moves: left}
	r.wait()
	for b := range k.bearers {
		if len(watched[b]) == 0 {
			continue
		}
		base, touched := k.small(watched[b])
		for _, done := range r.moments(touched) {
			p := base.copied()
			for _, i := range done {
				p.play(left[i])
				if len(k.gone(p, watched[b])) > 0 {
					return left[i], b, true
				}
			}
		}
	}
	return move{}, 0, false
}

// moments lists which of some moves can be done while the others are not: all
// such sets where they are few, and otherwise each as early and as late as can be.
func (r *rehearsal) moments(some func(move) bool) [][]int {
	var own []int
	for i, m := range r.moves {
		if some(m) {
			own = append(own, i)
		}
	}
	needs := make([]map[int]bool, len(own))
	for at, i := range own {
		needs[at] = map[int]bool{}
		for _, first := range r.earliest(i) {
			if some(r.moves[first]) {
				needs[at][first] = true
			}
		}
	}
	var sets [][]int
	if len(own) > allMoments {
		for at, i := range own {
			early, late := []int{}, []int{}
			for other, j := range own {
				if needs[at][j] {
					early = append(early, j)
				}
				if !needs[other][i] {
					late = append(late, j)
				}
			}
			sets = append(sets, early, late)
		}
		return append(sets, own)
	}
	for mask := 1; mask < 1<<len(own); mask++ {
		done, closed := []int{}, true
		for at, i := range own {
			if mask>>at&1 == 0 {
				continue
			}
			done = append(done, i)
			for first := range needs[at] {
				closed = closed && mask>>slices.Index(own, first)&1 == 1
			}
		}
		if closed {
			sets = append(sets, done)
		}
	}
	return sets
}

// idle puts off what leaves a right in place and takes away how somebody comes
// to use it: his access key, or who may assume his role.
func (k *keeper) idle(left []move) {
	q := k.played(left).world().Inquire()
	for _, c := range k.in.Changes {
		arn := k.actor(c)
		if arn == "" || k.why[c.ID] != "" {
			continue
		}
		for _, h := range k.held {
			if h.principal == arn && !k.replaced(q, h) && !(c.ID.Kind == kindRole && slices.Contains(k.bearers[h.bearer].Runs, arn)) {
				k.put(c.ID, k.bearers[h.bearer])
			}
		}
	}
}

// actor is the principal that a change takes the means from; empty: nobody.
func (k *keeper) actor(c plan.Change) string {
	switch {
	case c.ID.Kind == kindAccessKey && c.Action == plan.Delete:
		return k.now.users[c.ID.Name].ARN
	case c.ID.Kind == kindRole && c.Action == plan.Update && slices.ContainsFunc(c.Fields, func(f plan.FieldChange) bool { return f.Path == "trust" }):
		return c.Before.Outputs["arn"]
	}
	return ""
}
