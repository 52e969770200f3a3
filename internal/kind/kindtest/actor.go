package kindtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// actor plays plan and apply on one world and keeps a transcript of all that
// the kind said, to be searched for secrets at the end.
type actor struct {
	t          *testing.T
	world      *World
	env        *config.Environment
	intents    int
	transcript strings.Builder
	known      map[resource.Ref]string
}

func newActor(t *testing.T, h Harness) *actor {
	t.Helper()
	world := h.New(t)
	a := &actor{t: t, world: world, env: world.Environment, known: map[resource.Ref]string{}}
	t.Cleanup(a.searchSecrets)
	return a
}

func (a *actor) record(what string, value any) {
	a.t.Helper()
	data, err := resource.Canonical(value)
	if err != nil {
		a.t.Fatalf("%s: not encodable: %v", what, err)
	}
	fmt.Fprintf(&a.transcript, "%s %s\n", what, data)
}

func (a *actor) recordError(what string, err error) {
	if err != nil {
		fmt.Fprintf(&a.transcript, "%s %v\n", what, err)
	}
}

func (a *actor) searchSecrets() {
	if a.world.Canaries == nil {
		return
	}
	said := strings.ToLower(a.transcript.String())
	for _, secret := range a.world.Canaries() {
		bare := strings.TrimPrefix(strings.ToLower(secret), "0x")
		if len(bare) < 8 {
			a.t.Errorf("canary of %d characters is too short to search for", len(bare))
		} else if strings.Contains(said, bare) {
			a.t.Error("a secret appears in what the kind returned (attributes, outputs, prepared, findings or errors)")
		}
	}
}

func (a *actor) declare() []resource.Resource {
	a.t.Helper()
	desired, err := a.world.Kind.Declare(a.env)
	if err != nil {
		a.t.Fatalf("declare: %v", err)
	}
	a.record("desired", desired)
	return desired
}

func (a *actor) lookup(ref resource.Ref) (string, bool) {
	if value, ok := a.known[ref]; ok {
		return value, true
	}
	if a.world.Lookup != nil {
		return a.world.Lookup(ref)
	}
	return "", false
}

func (a *actor) learn(id resource.ID, outputs resource.Outputs) {
	for name, value := range outputs {
		a.known[resource.Ref{ID: id, Output: name}] = value
	}
}

func (a *actor) observe() kind.Seen {
	a.t.Helper()
	seen := a.world.Kind.Observe(a.t.Context(), a.env, a.lookup)
	a.record("seen", seen)
	for _, r := range seen.Owned {
		a.learn(r.ID, r.Outputs)
	}
	return seen
}

func (a *actor) mustRead() kind.Seen {
	a.t.Helper()
	seen := a.observe()
	for _, u := range seen.Unread {
		a.t.Fatalf("unread without a fault: %s: %s: %s", u.Scope, u.Operation, u.Cause)
	}
	return seen
}

// change is one resource to bring from before to after.
type change struct {
	before, after *resource.Resource
	steps         []resource.Step
}

// plan compares as the plan room does, in the small: a desired attribute
// that is neither computed nor steering must equal the observed one or be
// satisfied by it. Refs that are known are filled in first, as there.
func (a *actor) plan(seen kind.Seen) []change {
	a.t.Helper()
	foreign := map[resource.ID]bool{}
	for _, r := range seen.Foreign {
		foreign[r.ID] = true
	}
	owned := map[resource.ID]*resource.Resource{}
	for i := range seen.Owned {
		if owned[seen.Owned[i].ID] != nil {
			a.t.Fatalf("%s: observed twice", seen.Owned[i].ID)
		}
		owned[seen.Owned[i].ID] = &seen.Owned[i]
	}
	var changes []change
	for _, want := range a.declare() {
		if foreign[want.ID] && owned[want.ID] == nil {
			continue
		}
		have := owned[want.ID]
		delete(owned, want.ID)
		want.Attrs, _ = want.Attrs.Resolve(a.lookup)
		if have == nil || len(a.differing(want, *have)) > 0 {
			changes = append(changes, a.withSteps(have, &want, seen.Facts))
		}
	}
	if !a.world.Kind.Traits.DeleteOff {
		for _, id := range sortedIDs(owned) {
			changes = append(changes, a.withSteps(owned[id], nil, seen.Facts))
		}
	}
	return changes
}

func (a *actor) withSteps(before, after *resource.Resource, facts []resource.Fact) change {
	a.t.Helper()
	steps, err := a.world.Kind.Steps(before, after, facts)
	if err != nil {
		a.t.Fatalf("steps: %v", err)
	}
	a.record("steps", steps)
	for _, step := range steps {
		if _, ok := a.world.Kind.Traits.Risks[step.Op]; !ok {
			a.t.Errorf("%s: operation %q has no risk in the traits", step.ID, step.Op)
		}
	}
	return change{before: before, after: after, steps: steps}
}

func (a *actor) differing(want, have resource.Resource) []string {
	a.t.Helper()
	traits := a.world.Kind.Traits
	var paths []string
	for path, value := range want.Attrs {
		if slices.Contains(traits.Computed, path) || slices.Contains(traits.Steering, path) {
			continue
		}
		if canonical(a.t, value) == canonical(a.t, have.Attrs[path]) {
			continue
		}
		if traits.Satisfies != nil && traits.Satisfies(path, want.Attrs, have.Attrs) {
			continue
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// prepare resolves a step, gives it an intent and lets the kind prepare it.
func (a *actor) prepare(step resource.Step) (kind.Resolved, kind.Prepared) {
	a.t.Helper()
	for _, need := range step.Needs {
		if _, ok := a.lookup(need); !ok {
			a.t.Fatalf("%s: %s: needs %s, which nothing has put out", step.ID, step.Op, need)
		}
	}
	params, missing := step.Params.Resolve(a.lookup)
	if len(missing) > 0 {
		a.t.Fatalf("%s: %s: unresolved %v", step.ID, step.Op, missing)
	}
	step.Params = params
	a.intents++
	resolved := kind.Resolved{Step: step, Intent: fmt.Sprintf("intent-%s-%04d", a.env.Name, a.intents), Environment: a.env}
	prepared, err := a.world.Kind.Prepare(a.t.Context(), resolved)
	a.recordError("prepare error", err)
	if err != nil {
		a.t.Fatalf("%s: prepare %s: %v", step.ID, step.Op, err)
	}
	a.record("prepared", prepared)
	return resolved, prepared
}

func (a *actor) do(resolved kind.Resolved, prepared kind.Prepared) error {
	a.t.Helper()
	outputs, err := a.world.Kind.Do(a.t.Context(), resolved, prepared)
	a.recordError("do error", err)
	if err != nil {
		return err
	}
	a.record("outputs", outputs)
	a.learn(resolved.Step.ID, outputs)
	return nil
}

func (a *actor) probe(resolved kind.Resolved, prepared ...kind.Prepared) kind.Happened {
	a.t.Helper()
	happened, outputs, err := a.world.Kind.Probe(a.t.Context(), resolved, prepared)
	a.recordError("probe error", err)
	if err != nil && happened != kind.Unknown {
		a.t.Fatalf("%s: probe %s: %q with an error: %v", resolved.Step.ID, resolved.Step.Op, happened, err)
	}
	if !slices.Contains([]kind.Happened{kind.Yes, kind.No, kind.Unknown}, happened) {
		a.t.Fatalf("%s: probe %s: %q is none of yes, no, unknown", resolved.Step.ID, resolved.Step.Op, happened)
	}
	a.record("probed", outputs)
	if happened == kind.Yes {
		a.learn(resolved.Step.ID, outputs)
	}
	return happened
}

// run applies changes; at(i) is called before the i-th step counted over all
// changes and may do the step itself (true).
func (a *actor) run(changes []change, at func(int, kind.Resolved, kind.Prepared) bool) int {
	a.t.Helper()
	n := 0
	for _, c := range changes {
		for _, step := range c.steps {
			resolved, prepared := a.prepare(step)
			if at == nil || !at(n, resolved, prepared) {
				if err := a.do(resolved, prepared); err != nil {
					a.t.Fatalf("%s: %s: %v", step.ID, step.Op, err)
				}
			}
			n++
		}
	}
	return n
}

// converged fails unless a fresh diff is empty and nothing is refused.
func (a *actor) converged() kind.Seen {
	a.t.Helper()
	seen := a.mustRead()
	for _, c := range a.plan(seen) {
		a.failUnconverged(c)
	}
	a.requireUnrefused(seen)
	return seen
}

// convergedAt is converged for one resource; others may be as they are.
func (a *actor) convergedAt(id resource.ID) {
	a.t.Helper()
	seen := a.mustRead()
	for _, c := range a.plan(seen) {
		if c.after != nil && c.after.ID == id || c.before != nil && c.before.ID == id {
			a.failUnconverged(c)
		}
	}
	a.requireUnrefused(seen)
}

func (a *actor) failUnconverged(c change) {
	a.t.Helper()
	switch {
	case c.before == nil:
		a.t.Fatalf("%s: still to be created", c.after.ID)
	case c.after == nil:
		a.t.Fatalf("%s: still to be deleted", c.before.ID)
	default:
		a.t.Fatalf("%s: still differs in %v\nwant %s\nhave %s", c.after.ID, a.differing(*c.after, *c.before),
			canonical(a.t, c.after.Attrs), canonical(a.t, c.before.Attrs))
	}
}

func (a *actor) requireUnrefused(seen kind.Seen) {
	a.t.Helper()
	for _, f := range a.check(a.declare(), seen) {
		if f.Severity == resource.Refuse {
			a.t.Fatalf("%s: refused in a converged world: %s: %s", f.ID, f.Rule, f.Reason)
		}
	}
}

func (a *actor) check(desired []resource.Resource, seen kind.Seen) []resource.Finding {
	a.t.Helper()
	findings, err := a.world.Kind.Check(desired, seen.Owned, seen.Facts)
	if err != nil {
		a.t.Fatalf("check: %v", err)
	}
	a.record("findings", findings)
	return findings
}

func notAccepted(err error) bool {
	var refused *kind.NotAcceptedError
	return errors.As(err, &refused)
}

func canonical(t *testing.T, v any) string {
	t.Helper()
	data, err := resource.Canonical(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func sortedIDs[V any](m map[resource.ID]V) []resource.ID {
	ids := make([]resource.ID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, resource.ID.Compare)
	return ids
}
