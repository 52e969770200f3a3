package apply_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// scene is a world with a plan that is about to be applied to it.
type scene struct {
	world    *world
	plan     *plan.Plan
	previous resource.Set
	log      apply.Log
	// open opens the log anew for every run; nil keeps the one that is there.
	open func() apply.Log
}

// run is one process: re-read, then apply.
func (s *scene) run(t *testing.T) []apply.Outcome {
	t.Helper()
	if s.open != nil {
		s.log = s.open()
	}
	begun := func(c plan.Change) bool {
		return slices.ContainsFunc(c.Steps, func(step resource.Step) bool {
			digest, err := plan.StepDigest(step)
			return err == nil && len(s.log.Attempts(digest)) > 0
		})
	}
	e := s.world.engine(t, s.plan, s.log)
	e.Previous = s.previous
	if _, err := apply.Reread(t.Context(), &config.Environment{}, e.Kinds, e.Desired, s.plan, begun); err != nil {
		t.Fatalf("re-read: %v", err)
	}
	return e.Run(t.Context(), t.Context())
}

// randomScene fills a shelf with one random configuration and plans the way to
// another: boxes are made, painted and removed, and links follow.
func randomScene(t *testing.T, seed uint64) *scene {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	w := newWorld()
	w.declared = randomBoxes(r)
	first := &scene{world: w, plan: w.draft(t, nil), log: newLog(w)}
	for _, o := range first.run(t) {
		if o.Result != apply.Created {
			t.Fatalf("seed %d: %s: %s: %v", seed, o.ID, o.Result, o.Err)
		}
	}
	previous := w.desired(t)
	w.declared = randomBoxes(r)
	w.effects = map[string]int{}
	return &scene{world: w, plan: w.draft(t, previous), previous: previous, log: newLog(w)}
}

func randomBoxes(r *rand.Rand) []kind.Object[box] {
	var objects []kind.Object[box]
	for i := range 6 {
		if r.IntN(3) == 0 {
			continue
		}
		spec := box{Links: []resource.Value{}, Color: []string{"red", "green", "blue"}[r.IntN(3)], Label: "fixed", Lane: []string{"", "left", "right"}[i%3]}
		for _, target := range objects {
			if r.IntN(2) == 0 {
				spec.Links = append(spec.Links, resource.RefTo(target.ID, "address"))
			}
		}
		objects = append(objects, kind.Object[box]{ID: boxID(fmt.Sprintf("box-%d", i)), Spec: spec})
	}
	// The order of names must not be the order of work.
	for i := range objects {
		if r.IntN(2) == 0 {
			slices.Reverse(objects[:i])
		}
	}
	return objects
}

// fault is one way to break a run at one moment.
type fault struct {
	name  string
	at    []moment
	err   error
	fatal bool
}

func faults() []fault {
	all := []moment{beforeIntent, afterIntent, beforeDo, afterDo, beforeOutcome, afterOutcome}
	return []fault{
		{name: "crash", at: all, err: errCrash, fatal: true},
		{name: "journal write lost", at: []moment{beforeIntent, afterIntent, beforeOutcome, afterOutcome}, err: errors.New("no answer from the store")},
		{name: "reply lost", at: []moment{beforeDo, afterDo}, err: errors.New("connection reset")},
		{name: "refused", at: []moment{beforeDo}, err: &kind.NotAcceptedError{Err: errors.New("throttled")}},
	}
}

// strike makes the fault happen once, at the step and moment given. A fatal one
// leaves the process dead: nothing it does afterwards reaches the outside.
func (f fault) strike(w *world, target resource.Step, when moment) {
	dead, struck := false, false
	w.at = func(m moment, s resource.Step) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if dead {
			return errCrash
		}
		if struck || m != when || s.Op != target.Op || s.ID != target.ID {
			return nil
		}
		struck, dead = true, f.fatal
		return f.err
	}
}

func TestAfterACrashAtAnyBoundaryASecondRunLeavesTheUninterruptedWorldWithEveryEffectOnce(t *testing.T) {
	t.Parallel()
	everyBoundary(t, 5, func(s *scene) {})
}

func everyBoundary(t *testing.T, seeds uint64, prepare func(*scene)) {
	t.Helper()
	boundaries, runs, duplicates := 0, 0, 0
	for seed := range seeds {
		clean := randomScene(t, seed)
		prepare(clean)
		outcomes := clean.run(t)
		requireSound(t, seed, "uninterrupted", clean, outcomes)
		for _, step := range clean.plan.Steps() {
			for _, f := range faults() {
				for _, when := range f.at {
					what := fmt.Sprintf("%s %s at %s of %s", f.name, when, step.Op, step.ID)
					broken := randomScene(t, seed)
					prepare(broken)
					f.strike(broken.world, step, when)
					first := broken.run(t)
					broken.world.at = nil
					second := broken.run(t)
					requireSound(t, seed, what, broken, second)
					if diff := cmp.Diff(clean.world.state(), broken.world.state()); diff != "" {
						t.Fatalf("seed %d: %s: the world differs (-uninterrupted +resumed):\n%s", seed, what, diff)
					}
					if diff := cmp.Diff(clean.world.effects, broken.world.effects); diff != "" {
						t.Fatalf("seed %d: %s: effects differ (-uninterrupted +resumed):\n%s\nfirst run: %v", seed, what, diff, first)
					}
					boundaries, runs = boundaries+1, runs+2
					for _, n := range broken.world.effects {
						duplicates += n - 1
					}
				}
			}
		}
	}
	t.Logf("boundaries %d, runs %d, duplicates %d", boundaries, runs, duplicates)
	if boundaries < 100 || duplicates != 0 {
		t.Errorf("%d boundaries with %d duplicates, want at least 100 without any", boundaries, duplicates)
	}
}

// requireSound fails unless all changes ended as they should and nothing was
// out of order.
func requireSound(t *testing.T, seed uint64, what string, s *scene, outcomes []apply.Outcome) {
	t.Helper()
	want := map[plan.Action]apply.Result{plan.Create: apply.Created, plan.Update: apply.Updated, plan.Delete: apply.Deleted}
	for _, o := range outcomes {
		if o.Result != want[o.Action] {
			t.Fatalf("seed %d: %s: %s %s is %s: %s %v", seed, what, o.Action, o.ID, o.Result, o.Detail, o.Err)
		}
	}
	if len(s.world.wrong) > 0 {
		t.Fatalf("seed %d: %s: %v", seed, what, s.world.wrong)
	}
	if again := s.world.draft(t, s.world.desired(t)); len(again.Changes) != 0 {
		t.Fatalf("seed %d: %s: the second plan still holds %v", seed, what, again.Changes)
	}
}

func TestAFailureInTheSecondRunTooStillEndsInTheUninterruptedWorld(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		clean := randomScene(t, seed)
		requireSound(t, seed, "uninterrupted", clean, clean.run(t))
		steps := clean.plan.Steps()
		if len(steps) == 0 {
			continue
		}
		r := rand.New(rand.NewPCG(seed, 11))
		broken := randomScene(t, seed)
		story := ""
		for range 1 + r.IntN(4) {
			f := faults()[r.IntN(len(faults()))]
			step, when := steps[r.IntN(len(steps))], f.at[r.IntN(len(f.at))]
			story += fmt.Sprintf("%s %s at %s of %s; ", f.name, when, step.Op, step.ID)
			f.strike(broken.world, step, when)
			broken.run(t)
		}
		broken.world.at = nil
		requireSound(t, seed, story, broken, broken.run(t))
		if diff := cmp.Diff(clean.world.effects, broken.world.effects); diff != "" {
			t.Fatalf("seed %d: %s: effects differ (-uninterrupted +resumed):\n%s", seed, story, diff)
		}
	}
}
