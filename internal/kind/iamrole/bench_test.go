package iamrole_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iamrole"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// bench is one kind over one fake account.
type bench struct {
	*testing.T
	place
	fake *cloudtest.Fake
	kind kind.Kind
	env  *config.Environment
}

// newBench declares roles and makes none of them.
func newBench(t *testing.T, names ...string) *bench {
	t.Helper()
	fake := cloudtest.NewFake(account)
	b := &bench{T: t, fake: fake, env: environment(names...), place: place{api: fake.IAM(), admin: fake.IAM(), faults: &fake.Switch}}
	b.furnish(t)
	b.kind = b.place.kind(t)
	fake.Forget()
	return b
}

// made is a bench whose roles were made.
func made(t *testing.T, names ...string) *bench {
	t.Helper()
	b := newBench(t, names...)
	for _, want := range b.declare() {
		b.do(b.steps(nil, &want)...)
	}
	b.fake.Forget()
	return b
}

// as runs the kind as somebody.
func (b *bench) as(caller string) {
	b.caller = caller
	b.kind = b.place.kind(b.T)
}

func (b *bench) declare() []resource.Resource {
	b.Helper()
	declared, err := b.kind.Declare(b.env)
	must(b.T, err)
	for i := range declared {
		declared[i].Attrs, _ = declared[i].Attrs.Resolve(lookup)
	}
	return declared
}

func (b *bench) observe() kind.Seen {
	b.Helper()
	seen := b.kind.Observe(b.Context(), b.env, nil)
	for _, u := range seen.Unread {
		b.Fatalf("unread: %+v", u)
	}
	return seen
}

func (b *bench) steps(before, after *resource.Resource) []resource.Step {
	b.Helper()
	steps, err := b.kind.Steps(before, after, b.observe().Facts)
	must(b.T, err)
	return steps
}

// attempt prepares a step.
func (b *bench) attempt(step resource.Step, intent string) (kind.Resolved, kind.Prepared) {
	b.Helper()
	step.Params, _ = step.Params.Resolve(lookup)
	resolved := kind.Resolved{Step: step, Intent: intent, Environment: b.env}
	prepared, err := b.kind.Prepare(b.Context(), resolved)
	must(b.T, err)
	return resolved, prepared
}

func (b *bench) do(steps ...resource.Step) (last resource.Outputs) {
	b.Helper()
	for i, step := range steps {
		resolved, prepared := b.attempt(step, fmt.Sprintf("intent-%d", i))
		outputs, err := b.kind.Do(b.Context(), resolved, prepared)
		if err != nil {
			b.Fatalf("%s: %v", step.Op, err)
		}
		if outputs != nil {
			last = outputs
		}
	}
	return last
}

// live is one observed object, owned or not.
func (b *bench) live(name string) *resource.Resource {
	b.Helper()
	seen := b.observe()
	for _, r := range slices.Concat(seen.Owned, seen.Foreign) {
		if r.ID == config.RoleID(name) {
			return &r
		}
	}
	return nil
}

// plan is what Steps says of one role as it is, or why nothing is planned.
func (b *bench) plan(name string) (steps []resource.Step, deferred string) {
	b.Helper()
	seen := b.observe()
	var before, after *resource.Resource
	for _, r := range slices.Concat(seen.Owned, seen.Foreign) {
		if r.ID == config.RoleID(name) {
			before = &r
		}
	}
	for _, r := range b.declare() {
		if r.ID == config.RoleID(name) {
			after = &r
		}
	}
	steps, err := b.kind.Steps(before, after, seen.Facts)
	if later := (*kind.DeferredError)(nil); errors.As(err, &later) {
		return nil, later.Reason
	}
	must(b.T, err)
	return steps, ""
}

// findings are those about one role, by rule.
func (b *bench) findings(name string) map[string]resource.Finding {
	b.Helper()
	seen := b.observe()
	all, err := b.kind.Check(b.declare(), seen.Owned, seen.Facts)
	must(b.T, err)
	rules := map[string]resource.Finding{}
	for _, f := range all {
		if f.ID == config.RoleID(name) {
			rules[f.Rule] = f
		}
	}
	return rules
}

func ops(steps []resource.Step) []string {
	names := []string{}
	for _, s := range steps {
		names = append(names, s.Op)
	}
	return names
}

// worst is the highest risk among steps, and whether a person is asked for.
func worst(steps []resource.Step) (risk resource.Risk, person bool) {
	traits := iamrole.Traits()
	for _, s := range steps {
		if r := traits.Risks[s.Op]; risk == "" || r.Rank() > risk.Rank() {
			risk = r
		}
		person = person || slices.Contains(traits.Person, s.Op)
	}
	return risk, person
}
