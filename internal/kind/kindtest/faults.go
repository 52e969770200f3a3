package kindtest

import (
	"maps"
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func unreadIsNotAbsent(t *testing.T, h Harness) {
	for _, fault := range []Fault{Denied, Throttled, Dropped} {
		t.Run(string(fault), func(t *testing.T) {
			a := newActor(t, h)
			a.run(a.plan(a.mustRead()), nil)
			a.converged()
			heal := a.world.Reads(t, fault)
			seen := a.observe()
			narrow := a.world.Kind.Read(t.Context(), a.env, idsOf(a.declare()), a.lookup)
			a.record("narrow", narrow)
			heal()
			for _, s := range []kind.Seen{seen, narrow} {
				if len(s.Unread) == 0 {
					t.Fatal("every read failed and nothing is reported as unread")
				}
				for _, u := range s.Unread {
					if u.Scope == "" || u.Operation == "" || u.Cause == "" {
						t.Errorf("unread without scope, operation or cause: %+v", u)
					}
				}
				a.requireAccounted(s)
			}
			a.converged()
		})
	}
}

// requireAccounted fails if a declared resource is neither seen nor unread.
func (a *actor) requireAccounted(seen kind.Seen) {
	a.t.Helper()
	for _, want := range a.declare() {
		owned := slices.ContainsFunc(seen.Owned, func(r resource.Resource) bool { return r.ID == want.ID })
		unread := slices.ContainsFunc(seen.Unread, func(u resource.Unread) bool { return u.Covers(want.ID) })
		if !owned && !unread {
			a.t.Errorf("%s: exists, could not be read, and is reported as absent", want.ID)
		}
	}
}

// eachStep runs the disturbance once per operation of a first create, each in
// a world of its own, and demands that the resource converges all the same,
// with nothing made twice. One resource is enough for that: what comes after it
// is made as in any other test.
func eachStep(t *testing.T, h Harness, disturb func(*actor, kind.Resolved, kind.Prepared)) {
	t.Helper()
	clean := newActor(t, h)
	first := map[string]int{}
	clean.run(clean.plan(clean.mustRead())[:1], func(n int, resolved kind.Resolved, _ kind.Prepared) bool {
		if _, known := first[resolved.Step.Op]; !known {
			first[resolved.Step.Op] = n
		}
		return false
	})
	want := clean.world.Effects(t)
	for _, target := range slices.Sorted(maps.Values(first)) {
		a := newActor(t, h)
		changes := a.plan(a.mustRead())[:1]
		a.run(changes, func(n int, resolved kind.Resolved, prepared kind.Prepared) bool {
			if n == target {
				disturb(a, resolved, prepared)
			}
			return n == target
		})
		a.convergedAt(changes[0].after.ID)
		if got := a.world.Effects(t); got != want {
			t.Fatalf("%d effects, a clean run has %d", got, want)
		}
	}
}

func refusedWrites(t *testing.T, h Harness) {
	for _, fault := range []Fault{Denied, Throttled} {
		t.Run(string(fault), func(t *testing.T) {
			eachStep(t, h, func(a *actor, resolved kind.Resolved, prepared kind.Prepared) {
				heal := a.world.Writes(t, fault)
				err := a.do(resolved, prepared)
				heal()
				if err == nil {
					t.Fatalf("%s: no error although every write was %s", resolved.Step.Op, fault)
				}
				if !notAccepted(err) {
					t.Errorf("%s: a %s write is not known as not accepted: %v", resolved.Step.Op, fault, err)
				}
				if happened := a.probe(resolved, prepared); happened == kind.Yes {
					t.Fatalf("%s: probe says yes of a %s write", resolved.Step.Op, fault)
				}
				if err := a.do(resolved, prepared); err != nil {
					t.Fatalf("%s: again after %s: %v", resolved.Step.Op, fault, err)
				}
			})
		})
	}
}

func droppedWrites(t *testing.T, h Harness) {
	eachStep(t, h, func(a *actor, resolved kind.Resolved, prepared kind.Prepared) {
		heal := a.world.Writes(t, Dropped)
		err := a.do(resolved, prepared)
		heal()
		if err == nil {
			t.Fatalf("%s: no error although the request never arrived", resolved.Step.Op)
		}
		if notAccepted(err) {
			t.Errorf("%s: a request without an answer is called not accepted: %v", resolved.Step.Op, err)
		}
		if happened := a.probe(resolved, prepared); happened == kind.Yes {
			t.Fatalf("%s: probe says yes of a request that never arrived", resolved.Step.Op)
		}
		// Probe has said no, or a person has: the step is done again.
		if err := a.do(resolved, prepared); err != nil {
			t.Fatalf("%s: again: %v", resolved.Step.Op, err)
		}
	})
}

func lostReplies(t *testing.T, h Harness) {
	eachStep(t, h, func(a *actor, resolved kind.Resolved, prepared kind.Prepared) {
		heal := a.world.Writes(t, Lost)
		err := a.do(resolved, prepared)
		heal()
		if err == nil {
			// The call was safe to send again and was.
			return
		}
		if notAccepted(err) {
			t.Fatalf("%s: a lost reply is called not accepted: %v", resolved.Step.Op, err)
		}
		switch happened := a.probe(resolved, prepared); happened {
		case kind.No:
			if !a.world.Halves {
				t.Fatalf("%s: it happened, and probe says no", resolved.Step.Op)
			}
			if err := a.do(resolved, prepared); err != nil {
				t.Fatalf("%s: the other half: %v", resolved.Step.Op, err)
			}
		case kind.Unknown:
			t.Logf("%s: probe says unknown: a person would decide", resolved.Step.Op)
			a.learnFromWorld()
		}
	})
}

// learnFromWorld is what a person does after unknown: look.
func (a *actor) learnFromWorld() {
	a.t.Helper()
	a.mustRead()
}

func preparedOnly(t *testing.T, h Harness) {
	a := newActor(t, h)
	changes := a.plan(a.mustRead())
	before := a.world.Effects(t)
	a.run(changes, func(_ int, resolved kind.Resolved, prepared kind.Prepared) bool {
		if happened := a.probe(resolved, prepared); happened == kind.Yes {
			t.Errorf("%s: probe says yes before anything was done", resolved.Step.Op)
		}
		if resolved.Step.ID == changes[0].after.ID && before != a.world.Effects(t) {
			t.Errorf("%s: prepare or probe had an effect", resolved.Step.Op)
		}
		before = a.world.Effects(t)
		if err := a.do(resolved, prepared); err != nil {
			t.Fatalf("%s: %v", resolved.Step.Op, err)
		}
		before = a.world.Effects(t)
		return true
	})
	a.converged()
}

func idsOf(resources []resource.Resource) []resource.ID {
	ids := make([]resource.ID, 0, len(resources))
	for _, r := range resources {
		ids = append(ids, r.ID)
	}
	return ids
}
