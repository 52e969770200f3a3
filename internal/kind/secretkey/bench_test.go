package secretkey_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/secretkey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// strangersAddress is the address of strangersKey.
const strangersAddress = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"

// bench is one kind over one fake account.
type bench struct {
	*testing.T
	place
	fake *cloudtest.Fake
	kind kind.Kind
	env  *config.Environment
}

func newBench(t *testing.T, env *config.Environment) *bench {
	t.Helper()
	fake := cloudtest.NewFake(account)
	p := place{
		options: secretkey.Options{Secrets: func(region string) secretkey.API { return fake.SecretsManager(region) }, Clock: instantly()},
		admin:   fake.SecretsManager(oregon), faults: &fake.Switch,
	}
	k, err := secretkey.New(p.options)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{T: t, place: p, fake: fake, kind: k, env: env}
}

func (b *bench) declare() []resource.Resource {
	b.Helper()
	declared, err := b.kind.Declare(b.env)
	if err != nil {
		b.Fatal(err)
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

func (b *bench) try(step resource.Step, intent string) (resource.Outputs, kind.Resolved, kind.Prepared, error) {
	b.Helper()
	resolved := kind.Resolved{Step: step, Intent: intent, Environment: b.env}
	prepared, err := b.kind.Prepare(b.Context(), resolved)
	if err != nil {
		b.Fatal(err)
	}
	outputs, err := b.kind.Do(b.Context(), resolved, prepared)
	return outputs, resolved, prepared, err
}

func (b *bench) do(steps ...resource.Step) {
	b.Helper()
	for i, step := range steps {
		if _, _, _, err := b.try(step, fmt.Sprintf("intent-%s-%d", step.ID, i)); err != nil {
			b.Fatal(err)
		}
	}
}

func (b *bench) createSteps(name string) []resource.Step {
	b.Helper()
	for _, want := range b.declare() {
		if want.ID == id(name) {
			steps, err := b.kind.Steps(nil, &want, nil)
			if err != nil {
				b.Fatal(err)
			}
			return steps
		}
	}
	b.Fatalf("%s is not declared", name)
	return nil
}

func (b *bench) create() {
	b.Helper()
	for _, want := range b.declare() {
		steps, err := b.kind.Steps(nil, &want, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.do(steps...)
	}
}

func (b *bench) judge() (findings []resource.Finding, steps []resource.Step, deferred []string) {
	b.Helper()
	seen := b.observe()
	declared := b.declare()
	live := append(slices.Clone(seen.Owned), seen.Foreign...)
	findings, err := b.kind.Check(declared, live, seen.Facts)
	if err != nil {
		b.Fatal(err)
	}
	for _, want := range declared {
		for _, have := range live {
			if have.ID != want.ID {
				continue
			}
			list, err := b.kind.Steps(&have, &want, seen.Facts)
			var later *kind.DeferredError
			if errors.As(err, &later) {
				deferred = append(deferred, later.Reason)
			} else if err != nil {
				b.Fatal(err)
			}
			steps = append(steps, list...)
		}
	}
	return findings, steps, deferred
}

func ops(steps []resource.Step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.Op)
	}
	return names
}

func marked(extra map[string]string) map[string]string {
	tags := kind.MarkTags("development", id(zero))
	for name, value := range extra {
		tags[name] = value
	}
	return tags
}
