package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/bucket"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// bench is the kind over one fake account.
type bench struct {
	*testing.T
	place
	fake    *cloudtest.Fake
	kind    kind.Kind
	env     *config.Environment
	known   map[resource.Ref]string
	intents int
}

func newBench(t *testing.T, buckets ...config.Bucket) *bench {
	t.Helper()
	fake := cloudtest.NewFake(account)
	b := &bench{T: t, place: placeOf(fake), fake: fake, env: environment(buckets...), known: map[resource.Ref]string{}}
	b.kind = b.place.kind(t)
	return b
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

// try performs one step.
func (b *bench) try(step resource.Step) error {
	b.Helper()
	step.Params, _ = step.Params.Resolve(func(ref resource.Ref) (string, bool) {
		value, ok := b.known[ref]
		return value, ok
	})
	b.intents++
	resolved := kind.Resolved{Step: step, Intent: fmt.Sprintf("intent-%d", b.intents), Environment: b.env}
	prepared, err := b.kind.Prepare(b.Context(), resolved)
	if err != nil {
		return err
	}
	_, err = b.kind.Do(b.Context(), resolved, prepared)
	return err
}

func (b *bench) do(steps ...resource.Step) {
	b.Helper()
	for _, step := range steps {
		if err := b.try(step); err != nil {
			b.Fatalf("%s: %v", step.Op, err)
		}
	}
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

// judge gives the rules that refuse, the steps for what is declared and there,
// and why others wait.
func (b *bench) judge() (rules []string, steps []resource.Step, deferred []string) {
	b.Helper()
	seen := b.observe()
	findings, err := b.kind.Check(b.declare(), seen.Owned, seen.Facts)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range findings {
		if f.Severity != resource.Refuse || f.Reason == "" || f.Hint == "" {
			b.Errorf("a finding that does not refuse, or does not say why or what to do: %+v", f)
		}
		rules = append(rules, f.Rule)
	}
	for _, want := range b.declare() {
		var before *resource.Resource
		for _, have := range slices.Concat(seen.Owned, seen.Foreign) {
			if have.ID == want.ID {
				before = &have
			}
		}
		list, err := b.kind.Steps(before, &want, seen.Facts)
		var later *kind.DeferredError
		if errors.As(err, &later) {
			deferred = append(deferred, later.Reason)
		} else if err != nil {
			b.Fatal(err)
		}
		steps = append(steps, list...)
	}
	return rules, steps, deferred
}

// spec is one live bucket as it was read.
func (b *bench) spec(id resource.ID) bucket.Spec {
	b.Helper()
	for _, r := range b.observe().Owned {
		if r.ID == id {
			var s bucket.Spec
			if err := r.Attrs.Decode(&s); err != nil {
				b.Fatal(err)
			}
			return s
		}
	}
	b.Fatalf("%s is not there", id)
	return bucket.Spec{}
}

func ops(steps []resource.Step) string {
	var names []string
	for _, s := range steps {
		names = append(names, s.Op)
	}
	return strings.Join(names, " ")
}

// in creates a bucket by somebody else's hand in a region.
func (b *bench) in(region string, in *s3.CreateBucketInput) {
	b.Helper()
	out, err := b.fake.S3(region).CreateBucket(context.Background(), in)
	must(b.T, out, err)
}

// writes lists the calls so far that change something.
func (b *bench) writes() []string {
	var names []string
	for name := range b.fake.Calls() {
		if cloudtest.Writes(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
