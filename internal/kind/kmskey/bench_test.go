package kmskey_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
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

func newBench(t *testing.T, gated bool, env *config.Environment) *bench {
	t.Helper()
	fake := cloudtest.NewFake(account)
	p := place{
		options: kmskey.Options{
			KMS:     func(region string) kmskey.API { return fake.KMS(region) },
			Tagging: func(region string) kmskey.TaggingAPI { return fake.Tagging(region) },
			Clock:   instantly(), Gated: gated,
		},
		admin: fake.KMS(oregon), people: fake.IAM(), faults: &fake.Switch,
	}
	if env.Access != nil {
		p.enlist(t)
		p.options.Directory = cloud.NewDirectory(fake.IAM(), instantly(), nil)
	}
	k, err := kmskey.New(p.options)
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

// do performs steps one after the other, with the outputs of earlier ones
// filled in.
func (b *bench) do(steps ...resource.Step) resource.Outputs {
	b.Helper()
	known := resource.Outputs{}
	for i, step := range steps {
		step.Params, _ = step.Params.Resolve(func(ref resource.Ref) (string, bool) {
			if value, ok := lookup(ref); ok {
				return value, true
			}
			value, ok := known[ref.Output]
			return value, ok
		})
		resolved := kind.Resolved{Step: step, Intent: fmt.Sprintf("intent-%s-%d", step.ID, i), Environment: b.env}
		prepared, err := b.kind.Prepare(b.Context(), resolved)
		if err != nil {
			b.Fatal(err)
		}
		outputs, err := b.kind.Do(b.Context(), resolved, prepared)
		if err != nil {
			b.Fatalf("%s: %v", step.Op, err)
		}
		for name, value := range outputs {
			known[name] = value
		}
	}
	return known
}

// create makes what is declared.
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

// judge gives the rules that refuse, and what Steps says to each declared key.
func (b *bench) judge() (rules []string, steps []resource.Step, deferred []string) {
	b.Helper()
	seen := b.observe()
	declared := b.declare()
	findings, err := b.kind.Check(declared, append(slices.Clone(seen.Owned), seen.Foreign...), seen.Facts)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range findings {
		if f.Severity != resource.Refuse {
			b.Errorf("%s is %s, want refuse", f.Rule, f.Severity)
		}
		rules = append(rules, f.Rule)
	}
	for _, want := range declared {
		for _, have := range append(slices.Clone(seen.Owned), seen.Foreign...) {
			if have.ID != want.ID {
				continue
			}
			want.Attrs, _ = want.Attrs.Resolve(lookup)
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
	return rules, steps, deferred
}

func ops(steps []resource.Step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.Op)
	}
	return names
}

// tagged is a key as we would make it, changed by somebody's hand.
func tagged(b *bench, change func(*kms.CreateKeyInput)) *string {
	b.Helper()
	in := ethereumKey()
	for name, value := range kind.MarkTags("staging", id(zero)) {
		in.Tags = append(in.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(value)})
	}
	change(in)
	return b.make(b.T, in)
}

func (b *bench) alias(name string, keyID *string) {
	b.Helper()
	out, err := b.admin.CreateAlias(b.Context(), &kms.CreateAliasInput{AliasName: aws.String(name), TargetKeyId: keyID})
	must(b.T, out, err)
}

func (b *bench) retarget(name string, keyID *string) {
	b.Helper()
	out, err := b.admin.UpdateAlias(b.Context(), &kms.UpdateAliasInput{AliasName: aws.String(name), TargetKeyId: keyID})
	must(b.T, out, err)
}
