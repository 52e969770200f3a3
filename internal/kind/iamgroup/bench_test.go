package iamgroup_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// bench is the kind over one fake account, with one environment.
type bench struct {
	*testing.T
	place
	fake *cloudtest.Fake
	k    kind.Kind
	env  *config.Environment
	n    int
}

func newBench(t *testing.T, env *config.Environment) *bench {
	t.Helper()
	fake := cloudtest.NewFake(account)
	p := place{api: fake.IAM(), admin: fake.IAM(), faults: &fake.Switch}
	p.furnish(t)
	return &bench{T: t, place: p, fake: fake, k: p.kind(t), env: env}
}

func (b *bench) observe() kind.Seen {
	b.Helper()
	seen := b.k.Observe(b.Context(), b.env, nil)
	for _, u := range seen.Unread {
		b.Fatalf("unread: %+v", u)
	}
	return seen
}

// declare is what is declared, with the others' ARNs filled in.
func (b *bench) declare() map[resource.ID]resource.Resource {
	b.Helper()
	list, err := b.k.Declare(b.env)
	must(b.T, err)
	set := map[resource.ID]resource.Resource{}
	for _, want := range list {
		want.Attrs, _ = want.Attrs.Resolve(arnOf)
		set[want.ID] = want
	}
	return set
}

// plan gives the steps for one policy, or why it is deferred.
func (b *bench) plan(name string) (list []resource.Step, deferred string) {
	b.Helper()
	id := config.GroupID(name)
	var before, after *resource.Resource
	if want, ok := b.declare()[id]; ok {
		after = &want
	}
	seen := b.observe()
	for _, have := range slices.Concat(seen.Owned, seen.Foreign) {
		if have.ID == id {
			before = &have
		}
	}
	if before == nil && after == nil {
		return nil, ""
	}
	list, err := b.k.Steps(before, after, nil)
	if later := (*kind.DeferredError)(nil); errors.As(err, &later) {
		return nil, later.Reason
	}
	must(b.T, err)
	return list, ""
}

// prepared is a step with an intent of its own.
func (b *bench) prepared(step resource.Step) (kind.Resolved, kind.Prepared) {
	b.Helper()
	b.n++
	resolved := kind.Resolved{Step: step, Intent: fmt.Sprintf("intent-%d", b.n), Environment: b.env}
	prepared, err := b.k.Prepare(b.Context(), resolved)
	must(b.T, err)
	return resolved, prepared
}

func (b *bench) do(step resource.Step) (resource.Outputs, error) {
	b.Helper()
	resolved, prepared := b.prepared(step)
	return b.k.Do(b.Context(), resolved, prepared)
}

// apply plans one policy and does it.
func (b *bench) apply(name string) []string {
	b.Helper()
	list, deferred := b.plan(name)
	if deferred != "" {
		b.Fatalf("%s: deferred: %s", name, deferred)
	}
	for _, step := range list {
		if _, err := b.do(step); err != nil {
			b.Fatalf("%s: %s: %v", name, step.Op, err)
		}
	}
	return ops(list)
}

// create makes everything that is declared.
func (b *bench) create() *bench {
	b.Helper()
	for _, id := range slices.SortedFunc(maps.Keys(b.declare()), resource.ID.Compare) {
		b.apply(id.Name)
	}
	return b
}

func (b *bench) want(have, want string) {
	b.Helper()
	if have != want {
		b.Errorf("have %q\nwant %q", have, want)
	}
}

func ops(list []resource.Step) []string {
	var names []string
	for _, s := range list {
		name := s.Op
		for _, param := range []string{"user", "policy", "inline"} {
			switch v := s.Params[param].(type) {
			case string:
				name += " " + v[strings.LastIndexByte(v, '/')+1:]
			case resource.Ref:
				name += " " + v.ID.Name
			}
		}
		names = append(names, name)
	}
	return names
}

func text(list []string) string { return strings.Join(list, ", ") }

func refused(err error) bool {
	var not *kind.NotAcceptedError
	return errors.As(err, &not)
}
