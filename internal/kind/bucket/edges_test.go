package bucket_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// slow is an S3 that pages one by one, or does not see a bucket yet.
type slow struct {
	cloud.BucketAPI
	blind bool
}

func (s slow) ListBuckets(ctx context.Context, in *s3.ListBucketsInput, o ...func(*s3.Options)) (*s3.ListBucketsOutput, error) {
	one := *in
	one.MaxBuckets = aws.Int32(1)
	return s.BucketAPI.ListBuckets(ctx, &one, o...)
}

func (s slow) HeadBucket(ctx context.Context, in *s3.HeadBucketInput, o ...func(*s3.Options)) (*s3.HeadBucketOutput, error) {
	if s.blind {
		return nil, &types.NotFound{}
	}
	return s.BucketAPI.HeadBucket(ctx, in, o...)
}

// through lets the kind work through a slow S3.
func (b *bench) through(blind bool) {
	b.place.s3 = func(region string) cloud.BucketAPI { return slow{b.fake.S3(region), blind} }
	b.kind = b.place.kind(b.T)
}

func TestEveryPageOfTheListIsRead(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs(), checkpoints())
	b.through(true)
	b.create()
	if seen := b.observe(); len(seen.Owned) != 2 {
		t.Errorf("%d of 2 buckets seen over two pages", len(seen.Owned))
	}
}

func TestWhatIsNotDeclaredAnyMoreCanStillBeReadByItsID(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs(), checkpoints())
	b.create()
	b.env = environment()
	want := checkpoints().ResourceID()
	seen := b.kind.Read(t.Context(), b.env, []resource.ID{want}, nil)
	if len(seen.Unread) > 0 || len(seen.Owned) != 1 || seen.Owned[0].ID != want || seen.Owned[0].Attrs["bucket"] != one {
		t.Errorf("seen %+v", seen)
	}
	heal := b.fake.Break(cloudtest.Denied, 0, cloudtest.Is("tagging.GetResources"))
	defer heal()
	if seen := b.kind.Read(t.Context(), b.env, []resource.ID{want}, nil); len(seen.Unread) != 1 || !seen.Unread[0].Covers(want) {
		t.Errorf("without the inventory: %+v", seen)
	}
}

func TestOnlyTheTwoBlocksOfPoliciesAreOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.create()
	have := b.spec(proofs().ResourceID())
	if *have.PublicAccess != (cloud.PublicAccess{BlockACLs: true, IgnoreACLs: true}) {
		t.Errorf("public access %+v", have.PublicAccess)
	}
	if have.Ownership != "BucketOwnerEnforced" || have.Versioning != "Enabled" || have.Encryption != "AES256" {
		t.Errorf("settings %+v", have)
	}
}

func TestAProtectedBucketIsNotTaggedAgain(t *testing.T) {
	t.Parallel()
	stated := proofs()
	stated.Protect = true
	b := newBench(t, stated)
	b.create()
	b.drift()["versioning is suspended"](t)
	if _, steps, _ := b.judge(); ops(steps) != "set-versioning" {
		t.Errorf("steps %s", ops(steps))
	}
}

func TestWhatIsNotOursHasNoStepsWithoutAdoption(t *testing.T) {
	t.Parallel()
	for why, tags := range map[string]map[string]string{
		"does not carry our mark":         {"team": "bridge"},
		"carries the mark of production":  {kind.TagEnvironment: "production", kind.TagID: proofs().ResourceID().String()},
		"carries the mark of production ": {kind.TagEnvironment: "production", kind.TagID: "x"},
	} {
		b := newBench(t, proofs())
		b.make(t, tags)
		_, steps, deferred := b.judge()
		if len(steps) > 0 || len(deferred) != 1 || !strings.Contains(deferred[0], strings.TrimSpace(why)) {
			t.Errorf("%s: steps %s, deferred %v", why, ops(steps), deferred)
		}
	}
}

func TestABucketMarkedMeanwhileIsNotAdopted(t *testing.T) {
	t.Parallel()
	stated := proofs()
	stated.Adopt = true
	b := newBench(t, stated)
	b.make(t, map[string]string{"team": "bridge"})
	_, steps, _ := b.judge()
	b.setTags(t, map[string]string{kind.TagEnvironment: "production", kind.TagID: proofs().ResourceID().String()})
	var refused *kind.NotAcceptedError
	if err := b.try(steps[0]); !errors.As(err, &refused) || b.tags(t)[kind.TagEnvironment] != "production" {
		t.Errorf("adopted over another mark: %v", err)
	}
}

func TestStepsClaimWhatTheyReplace(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.create()
	b.drift()["the policy is widened and its readers locked"](t)
	b.drift()["a tag is retyped"](t)
	_, steps, _ := b.judge()
	claimed := map[string]bool{}
	for _, step := range steps {
		// Each claim holds when its turn comes, and only then.
		live := b.observe().Owned[0]
		for _, p := range step.Pre {
			claimed[step.Op+" "+p.Path] = true
			if have := at(t, live, p.Path); have != p.Value {
				t.Errorf("%s: %s is %q, claimed is %q", step.Op, p.Path, have, p.Value)
			}
		}
		b.do(step)
	}
	for _, want := range []string{
		"tag-bucket outputs.tagsDigest", "put-policy outputs.policyDigest", "set-public-access publicAccess",
		"tag-bucket mark", "put-policy mark", "set-public-access mark", "put-policy outputs.arn",
	} {
		if !claimed[want] {
			t.Errorf("nothing claims %s", want)
		}
	}
}

// at reads a path as apply does.
func at(t *testing.T, r resource.Resource, path string) string {
	t.Helper()
	if name, ok := strings.CutPrefix(path, "outputs."); ok {
		return r.Outputs[name]
	}
	if text, ok := r.Attrs[path].(string); ok {
		return text
	}
	data, err := resource.Canonical(r.Attrs[path])
	must(t, data, err)
	return string(data)
}

func TestABucketThatSomebodyElseMadeIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	steps, err := b.kind.Steps(nil, &b.declare()[0], nil)
	must(t, steps, err)
	b.make(t, map[string]string{kind.TagIntent: "another"})
	resolved := kind.Resolved{Step: steps[0], Intent: "mine", Environment: b.env}
	prepared, err := b.kind.Prepare(t.Context(), resolved)
	must(t, prepared, err)
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil {
		t.Errorf("probe says %s, %v", happened, err)
	}
	// S3 saw it first when the bucket was to be made.
	b.through(true)
	var refused *kind.NotAcceptedError
	if err := b.try(steps[0]); !errors.As(err, &refused) {
		t.Errorf("create: %v", err)
	}
	// Who cannot read cannot tell.
	heal := b.fake.Break(cloudtest.Denied, 0, cloudtest.Reads)
	defer heal()
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.Unknown || err == nil {
		t.Errorf("probe of what cannot be read says %s, %v", happened, err)
	}
}

func TestAStepThatDoesNotSayEverythingIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.create()
	var params []resource.Attrs
	for _, text := range []string{`{}`, `{"bucket":"` + zero + `"}`, `{"bucket":"` + zero + `","more":true}`, `{"tags":{"a":"b"},"policy":null}`} {
		var one resource.Attrs
		must(t, nil, json.Unmarshal([]byte(text), &one))
		params = append(params, one)
	}
	b.fake.Forget()
	for op := range b.kind.Traits.Risks {
		for i, p := range params {
			if err := b.try(resource.Step{Op: op, ID: proofs().ResourceID(), Params: p}); err == nil {
				t.Errorf("%s with %s was done", op, fmt.Sprint(params[i]))
			}
		}
	}
	if err := b.try(resource.Step{Op: "delete-bucket", ID: proofs().ResourceID(), Params: params[1]}); err == nil {
		t.Error("an operation that there is not was done")
	}
	if calls := b.fake.Calls(); len(calls) > 0 {
		t.Errorf("asked %v", calls)
	}
	if !b.kind.Traits.DeleteOff || !b.kind.Traits.Alone || slices.Contains(b.kind.Traits.Immutable, "region") {
		t.Errorf("traits %+v", b.kind.Traits)
	}
}
