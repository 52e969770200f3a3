package kindtest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func converges(t *testing.T, h Harness) {
	a := newActor(t, h)
	changes := a.plan(a.mustRead())
	if want := len(a.declare()); want < 2 || len(changes) != want {
		t.Fatalf("an empty world asks for %d changes, %d resources are declared (at least 2 are needed)", len(changes), want)
	}
	a.run(changes, nil)
	a.converged()
}

func isPure(t *testing.T, h Harness) {
	a := newActor(t, h)
	if first, second := canonical(t, a.declare()), canonical(t, a.declare()); first != second {
		t.Errorf("declare said two things:\n%s\n%s", first, second)
	}
	seen := a.mustRead()
	for _, c := range a.plan(seen) {
		before, after := canonical(t, c.before), canonical(t, c.after)
		again := a.withSteps(c.before, c.after, seen.Facts)
		if first, second := canonical(t, c.steps), canonical(t, again.steps); first != second {
			t.Errorf("steps said two things:\n%s\n%s", first, second)
		}
		if before != canonical(t, c.before) || after != canonical(t, c.after) {
			t.Errorf("%s: steps changed its arguments", c.after.ID)
		}
		if len(c.steps) == 0 {
			t.Errorf("%s: a change without a step", c.after.ID)
		}
		for _, step := range c.steps {
			if step.ID != c.after.ID {
				t.Errorf("%s: step %s is of %s", c.after.ID, step.Op, step.ID)
			}
		}
	}
	if first, second := canonical(t, a.check(a.declare(), seen)), canonical(t, a.check(a.declare(), seen)); first != second {
		t.Errorf("check said two things:\n%s\n%s", first, second)
	}
	for _, op := range a.world.Kind.Traits.Person {
		if _, ok := a.world.Kind.Traits.Risks[op]; !ok {
			t.Errorf("operation %q asks for a person and has no risk", op)
		}
	}
}

func survivesEncoding(t *testing.T, h Harness) {
	a := newActor(t, h)
	a.run(a.plan(a.mustRead()), nil)
	seen := a.converged()
	for _, r := range slices.Concat(a.declare(), seen.Owned, seen.Foreign) {
		data := canonical(t, r.Attrs)
		parsed, err := resource.ParseAttrs([]byte(data))
		if err != nil || canonical(t, parsed) != data {
			t.Errorf("%s: attributes do not survive JSON: %v\n%s", r.ID, err, data)
		}
		recoded, err := h.Recode(parsed)
		if err != nil || canonical(t, recoded) != data {
			t.Errorf("%s: attributes do not survive the spec: %v\nbefore %s\nafter  %s", r.ID, err, data, canonical(t, recoded))
		}
		for _, path := range slices.Sorted(maps.Keys(parsed)) {
			without := parsed.Clone()
			delete(without, path)
			recoded, err := h.Recode(without)
			if err != nil {
				t.Errorf("%s: without %s: %v", r.ID, path, err)
			} else if value, ok := recoded[path]; ok {
				t.Errorf("%s: absent %s came back as %v: absent means not managed", r.ID, path, value)
			}
		}
		for _, path := range a.world.Kind.Traits.Sensitive {
			if _, ok := r.Attrs[path]; ok {
				t.Errorf("%s: sensitive attribute %s is in the attributes", r.ID, path)
			}
		}
	}
}

func readsNarrowed(t *testing.T, h Harness) {
	a := newActor(t, h)
	a.run(a.plan(a.mustRead()), nil)
	whole := map[resource.ID]string{}
	for _, r := range a.mustRead().Owned {
		whole[r.ID] = canonical(t, r)
	}
	for _, id := range sortedIDs(whole) {
		narrow := a.world.Kind.Read(t.Context(), a.env, []resource.ID{id}, a.lookup)
		a.record("narrow", narrow)
		if len(narrow.Unread) > 0 || len(narrow.Owned) != 1 || narrow.Owned[0].ID != id {
			t.Fatalf("%s: narrowed read gave %s", id, canonical(t, narrow))
		}
		if got := canonical(t, narrow.Owned[0]); got != whole[id] {
			t.Errorf("%s: narrowed read differs\nwhole  %s\nnarrow %s", id, whole[id], got)
		}
	}
}

func mendsDrift(t *testing.T, h Harness) {
	for _, name := range slices.Sorted(maps.Keys(h.New(t).Drift)) {
		t.Run(name, func(t *testing.T) {
			a := newActor(t, h)
			a.run(a.plan(a.mustRead()), nil)
			a.converged()
			a.world.Drift[name](t)
			changes := a.plan(a.mustRead())
			if len(changes) == 0 {
				t.Fatal("the drift was not seen")
			}
			a.run(changes, nil)
			a.converged()
		})
	}
}

func sparesForeign(t *testing.T, h Harness) {
	a := newActor(t, h)
	if a.world.Foreign == nil {
		return
	}
	id, print := a.world.Foreign(t)
	before := print()
	seen := a.mustRead()
	if slices.ContainsFunc(seen.Owned, func(r resource.Resource) bool { return r.ID == id }) {
		t.Fatalf("%s: counted as owned without our mark", id)
	}
	if !slices.ContainsFunc(seen.Foreign, func(r resource.Resource) bool { return r.ID == id }) {
		t.Fatalf("%s: an object with our name was not reported as foreign", id)
	}
	a.run(a.plan(seen), nil)
	a.converged()
	if after := print(); after != before {
		t.Errorf("%s: somebody else's object was written\nbefore %s\nafter  %s", id, before, after)
	}
	for _, want := range a.declare() {
		if want.ID == id {
			a.forceCreate(want, seen.Facts)
		}
	}
	if after := print(); after != before {
		t.Errorf("%s: a forced create wrote somebody else's object\nbefore %s\nafter  %s", id, before, after)
	}
}

// forceCreate runs the steps of a create although the name is taken; they
// may fail, which is the point.
func (a *actor) forceCreate(want resource.Resource, facts []resource.Fact) {
	a.t.Helper()
	steps, err := a.world.Kind.Steps(nil, &want, facts)
	a.recordError("forced steps error", err)
	for _, step := range steps {
		params, missing := step.Params.Resolve(a.lookup)
		if len(missing) > 0 {
			return
		}
		step.Params = params
		a.intents++
		resolved := kind.Resolved{Step: step, Intent: fmt.Sprintf("forced-%s-%04d", a.env.Name, a.intents), Environment: a.env}
		prepared, err := a.world.Kind.Prepare(a.t.Context(), resolved)
		a.recordError("forced prepare error", err)
		if err != nil {
			return
		}
		if a.do(resolved, prepared) != nil {
			return
		}
	}
}

func forgets(t *testing.T, h Harness) {
	a := newActor(t, h)
	if a.world.Smaller == nil {
		if !a.world.Kind.Traits.DeleteOff {
			t.Fatal("the world has no Smaller, and the kind removes things")
		}
		return
	}
	a.run(a.plan(a.mustRead()), nil)
	a.converged()
	a.env = a.world.Smaller
	seen := a.mustRead()
	declared := len(a.declare())
	if a.world.Kind.Traits.DeleteOff {
		if changes := a.plan(seen); len(changes) > 0 {
			t.Fatalf("%d changes for what is no longer declared", len(changes))
		}
		if len(seen.Owned) <= declared {
			t.Fatalf("%d objects observed, %d declared: the undeclared one became invisible", len(seen.Owned), declared)
		}
		return
	}
	a.run(a.plan(seen), nil)
	if left := len(a.converged().Owned); left != declared {
		t.Fatalf("%d objects left, %d declared", left, declared)
	}
}
