package proof

import (
	"maps"
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// signers are those of some principals who can sign with a key.
func signers(p *projection, key resource.ID, of []string) []string {
	q := p.world().Inquire()
	return slices.DeleteFunc(slices.Clone(of), func(who string) bool {
		return q.Decide(access.Request{Principal: who, Action: access.ActSign, Resource: p.keyARN(key)}).Verdict != access.Allowed
	})
}

// Whatever a plan changes: while a key's address stands somewhere, and somebody
// who runs it or ran it can sign with it, somebody who does so can at every
// moment of what is left of the plan. Whoever ran it, and is followed by nobody,
// loses nothing.
func TestNoPlanTakesTheLastSignerOfAnAddressInUse(t *testing.T) {
	t.Parallel()
	waited, followed, untouched := 0, 0, 0
	for seed := range uint64(300) {
		s := newStage(t, seed)
		in := Input{Environment: "quay", Account: rehearsed, Live: &s.live, Observed: s.seen, Changes: s.plan, Managed: []string{stageARN("user", "u0"), stageARN("role", "r0"), stageARN("policy", "p0")}}
		people := []string{stageARN("user", "u0"), stageARN("user", "u1"), stageARN("role", "r0"), stageARN("role", "r1")}
		var bearers []Bearer
		for i := range 3 {
			id, _ := stageKey(i)
			b := Bearer{Key: id, Why: []string{"stands"}, Runs: s.maybe(people[1:]...), Ran: s.maybe(people...)}
			switch s.r.IntN(4) {
			case 0:
				b.Runs = nil
			case 1:
				b.Runs, b.Ran, b.Anyone = nil, nil, true
			}
			bearers = append(bearers, b)
		}
		got := Keep(in, bearers)
		if len(got.Changes)+len(got.Deferred) != len(s.plan) {
			t.Fatalf("seed %d: %d changes are %d and %d put off", seed, len(s.plan), len(got.Changes), len(got.Deferred))
		}
		now := newProjection(in)
		moves := now.moves(got.Changes)
		r := rehearsal{now: now, moves: moves}
		r.now.in.Changes = got.Changes
		r.wait()
		states := []*projection{now.copied()}
		for _, m := range moves {
			states[0].play(m)
		}
		for range 2 * len(moves) {
			// Any of them are done, with what each waits for.
			done := map[int]bool{}
			for at := range moves {
				if s.r.IntN(3) > 0 {
					continue
				}
				for _, i := range r.earliest(at) {
					done[i] = true
				}
			}
			p := now.copied()
			for _, i := range slices.Sorted(maps.Keys(done)) {
				p.play(moves[i])
			}
			states = append(states, p)
		}
		for _, b := range bearers {
			of := slices.Concat(b.Runs, b.Ran)
			if b.Anyone {
				of = in.Managed[:2]
			}
			before := signers(now, b.Key, of)
			for i, p := range states {
				after := signers(p, b.Key, of)
				lost := slices.DeleteFunc(slices.Clone(before), func(who string) bool { return slices.Contains(after, who) })
				lost = slices.DeleteFunc(lost, func(who string) bool {
					return i > 0 && slices.Contains(b.Runs, who) && slices.Contains(signers(states[0], b.Key, of), who)
				})
				if len(lost) == 0 {
					continue
				}
				if len(signers(p, b.Key, b.Runs)) == 0 {
					t.Fatalf("seed %d, state %d: %v lost %s, and of %v nobody can sign", seed, i, lost, b.Key.Name, b.Runs)
				}
				followed++
			}
		}
		if len(got.Deferred) > 0 {
			waited++
		} else {
			untouched++
		}
	}
	if waited < 50 || followed < 20 || untouched < 50 {
		t.Errorf("%d plans with something put off, %d rights handed over, %d plans untouched: the stage is too tame", waited, followed, untouched)
	}
}

// Where nothing names the keys, a plan stays as it is.
func TestNothingIsPutOffForKeysThatAreFree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		s := newStage(t, seed)
		id, _ := stageKey(0)
		got := Keep(Input{Account: rehearsed, Live: &s.live, Observed: s.seen, Changes: s.plan}, []Bearer{{Key: id, Ran: []string{stageARN("user", "u0")}}})
		if len(got.Deferred)+len(got.Findings) > 0 || len(got.Changes) != len(s.plan) {
			t.Fatalf("seed %d: %+v", seed, got)
		}
	}
}

// A plan that was cut down is not cut down further.
func TestWhatIsLeftOfAPlanStays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		s := newStage(t, seed)
		id, _ := stageKey(1)
		in := Input{Account: rehearsed, Live: &s.live, Observed: s.seen, Changes: s.plan}
		b := []Bearer{{Key: id, Why: []string{"stands"}, Ran: []string{stageARN("user", "u0"), stageARN("role", "r1")}}}
		first := Keep(in, b)
		in.Changes = first.Changes
		if again := Keep(in, b); len(again.Deferred) > 0 || !slices.EqualFunc(again.Changes, first.Changes, func(a, b plan.Change) bool { return a.ID == b.ID }) {
			t.Fatalf("seed %d: %+v", seed, again.Deferred)
		}
	}
}
