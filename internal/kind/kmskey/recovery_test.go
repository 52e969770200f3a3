package kmskey_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// attempt is a create-key that was prepared.
func (b *bench) attempt(intent string) (kind.Resolved, kind.Prepared) {
	b.Helper()
	want := b.declare()[0]
	steps, err := b.kind.Steps(nil, &want, nil)
	if err != nil {
		b.Fatal(err)
	}
	resolved := kind.Resolved{Step: steps[0], Intent: intent, Environment: b.env}
	prepared, err := b.kind.Prepare(b.Context(), resolved)
	if err != nil {
		b.Fatal(err)
	}
	return resolved, prepared
}

func TestListsThatLagBehindChangeNothing(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(*bench){
		"empty still": func(b *bench) {
			b.fake.Freeze()
			b.create()
		},
		"the key without alias and address tag": func(b *bench) {
			for _, want := range b.declare() {
				steps, err := b.kind.Steps(nil, &want, nil)
				must(b.T, nil, err)
				outputs := b.do(steps[0])
				b.fake.Freeze()
				for _, step := range steps[1:] {
					step.Params, _ = step.Params.Resolve(func(ref resource.Ref) (string, bool) { return outputs[ref.Output], true })
					b.do(step)
				}
			}
		},
		"old values of tags": func(b *bench) {
			b.create()
			b.drift()["a tag is retyped"](b.T)
			b.fake.Freeze()
			_, steps, _ := b.judge()
			b.do(steps...)
		},
		"a tag that is gone by now": func(b *bench) {
			// Here the drift is real, and only the lists are behind.
			b.create()
			b.drift()["a tag is removed"](b.T)
			_, steps, _ := b.judge()
			b.fake.Freeze()
			b.do(steps...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, false, environment(zero))
			at(b)
			seen := b.observe()
			if len(seen.Owned) != 1 || len(seen.Foreign) != 0 || b.fake.Keys() != 1 {
				t.Fatalf("owned %d, foreign %d, keys %d", len(seen.Owned), len(seen.Foreign), b.fake.Keys())
			}
			if rules, steps, _ := b.judge(); len(steps) != 0 || len(rules) != 0 {
				t.Errorf("the second diff is %v, refused by %v", ops(steps), rules)
			}
		})
	}
}

func TestAKeyWhoseReplyWasLostIsFoundEvenWithoutTheTaggingAPI(t *testing.T) {
	t.Parallel()
	for _, lag := range []bool{false, true} {
		b := newBench(t, false, environment(zero))
		if lag {
			b.fake.Freeze()
		}
		for range 3 {
			b.make(t, ethereumKey())
		}
		resolved, prepared := b.attempt("intent-1")
		heal := b.faults.Break(cloudtest.Lost, 1, cloudtest.Is("kms.CreateKey"))
		if _, err := b.kind.Do(t.Context(), resolved, prepared); err == nil {
			t.Fatal("the reply was not lost")
		}
		heal()
		_, unrelated := b.attempt("intent-0")
		happened, outputs, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{unrelated, prepared})
		if happened != kind.Yes || err != nil || outputs["address"] == "" || outputs["keyId"] == "" {
			t.Errorf("lag %t: %s %v %v", lag, happened, outputs, err)
		}
		if n := b.fake.Keys(); n != 4 {
			t.Errorf("lag %t: %d keys, want 4", lag, n)
		}
	}
}

func TestTheSearchForALostKeyWaitsForItsTags(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	b.fake.Freeze()
	slept := 0
	b.options.Clock.Sleep = func(context.Context, time.Duration) error {
		if slept++; slept == 3 {
			b.fake.Thaw()
		}
		return nil
	}
	k, err := kmskey.New(b.options)
	if err != nil {
		t.Fatal(err)
	}
	resolved, prepared := b.attempt("intent-1")
	b.faults.Break(cloudtest.Lost, 1, cloudtest.Is("kms.CreateKey"))
	_, _ = b.kind.Do(t.Context(), resolved, prepared)
	happened, _, err := k.Probe(t.Context(), resolved, []kind.Prepared{prepared})
	if happened != kind.Yes || err != nil || b.faults.Calls()["kms.ListKeys"] != 0 {
		t.Errorf("%s %v after %d waits, with %d walks over all keys", happened, err, slept, b.faults.Calls()["kms.ListKeys"])
	}
}

func TestWhatStaysAmbiguousIsUnknown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		happen     func(*bench)
	}{
		{"two keys of one attempt", "one is too many", func(b *bench) {
			for range 2 {
				in := ethereumKey()
				in.Tags = []types.Tag{{TagKey: aws.String(kind.TagIntent), TagValue: aws.String("intent-1")}}
				b.make(b.T, in)
			}
		}},
		{"the tagging API refuses", "tag:GetResources on us-west-2: access denied", func(b *bench) {
			b.faults.Break(cloudtest.Denied, 0, cloudtest.Is("tagging.GetResources"))
		}},
		{"the tags of one key may not be read", "kms:ListResourceTags on 0000", func(b *bench) {
			b.make(b.T, ethereumKey())
			b.faults.Break(cloudtest.Denied, 1, cloudtest.Is("kms.ListResourceTags"))
		}},
		{"keys may not be listed", "kms:ListKeys on us-west-2: access denied", func(b *bench) {
			b.faults.Break(cloudtest.Denied, 0, cloudtest.Is("kms.ListKeys"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, false, environment(zero))
			resolved, prepared := b.attempt("intent-1")
			test.happen(b)
			happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared})
			if happened != kind.Unknown || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s %v, want unknown with %q", happened, err, test.want)
			}
		})
	}
}

func TestAnAliasThatWasTakenMeanwhileIsNotOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	want := b.declare()[0]
	steps, err := b.kind.Steps(nil, &want, nil)
	if err != nil {
		t.Fatal(err)
	}
	outputs := b.do(steps[0])
	b.alias(zeroAlias, b.make(t, ethereumKey()))
	step := steps[1]
	step.Params, _ = step.Params.Resolve(func(ref resource.Ref) (string, bool) { return outputs[ref.Output], true })
	resolved := kind.Resolved{Step: step, Intent: "intent-2", Environment: b.env}
	_, err = b.kind.Do(t.Context(), resolved, kind.Prepared(`{"intent":"intent-2"}`))
	if err == nil || !strings.Contains(err.Error(), "it points to key") || !asNotAccepted(err) {
		t.Errorf("error %v", err)
	}
	if happened, _, err := b.kind.Probe(t.Context(), resolved, nil); happened != kind.No || err != nil {
		t.Errorf("probe %s %v", happened, err)
	}
}

func asNotAccepted(err error) bool {
	var refused *kind.NotAcceptedError
	return errors.As(err, &refused)
}

func TestAcceptedAndNotYetVisibleIsNeverCalledRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	resolved, prepared := b.attempt("intent-1")
	b.faults.Break(cloudtest.Denied, 0, cloudtest.Is("kms.GetPublicKey"))
	_, err := b.kind.Do(t.Context(), resolved, prepared)
	if err == nil || asNotAccepted(err) || !strings.Contains(err.Error(), "is made, and then: kms:GetPublicKey") {
		t.Errorf("error %v", err)
	}
}

func TestABrokenRecordOrStepTouchesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	resolved, _ := b.attempt("intent-1")
	wrong := resolved
	wrong.Step.Op = "delete-key"
	wrong.Step.Params = resource.Attrs{"key": "key-1"}
	unnamed := resolved
	unnamed.Step.Op = "enable-key"
	unnamed.Step.Params = resource.Attrs{}
	for name, do := range map[string]func() error{
		"no intent": func() error { _, err := b.kind.Do(t.Context(), resolved, kind.Prepared(`{}`)); return err },
		"no record": func() error { _, err := b.kind.Do(t.Context(), resolved, nil); return err },
		"unknown operation": func() error {
			_, err := b.kind.Do(t.Context(), wrong, kind.Prepared(`{"intent":"i"}`))
			return err
		},
		"no key": func() error { _, err := b.kind.Do(t.Context(), unnamed, kind.Prepared(`{"intent":"i"}`)); return err },
	} {
		if err := do(); !asNotAccepted(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.kind.Prepare(t.Context(), unnamed); err == nil {
		t.Error("a step that names no key is prepared")
	}
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{kind.Prepared(`{}`)}); happened != kind.Unknown || err == nil {
		t.Errorf("probe of a broken record: %s %v", happened, err)
	}
	if n := b.fake.Total(); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestAWarmPlanOfAThousandKeysStaysInItsBudget(t *testing.T) {
	t.Parallel()
	const keys, others = 1000, 230
	var names []string
	for i := range keys {
		names = append(names, fmt.Sprintf("validator-%d-signer-fuji", i))
	}
	for _, gated := range []bool{false, true} {
		b := newBench(t, gated, environment(names...))
		b.create()
		// Gated, the walk over tags is the one that other kinds share.
		if gated {
			b.options.Inventory = cloud.NewInventory(b.options.Tagging, kind.TagEnvironment, "staging", kind.TypeKey, kind.TypeSecret)
			shared, err := kmskey.New(b.options)
			must(t, nil, err)
			b.kind = shared
		}
		for i := range others {
			b.alias(fmt.Sprintf("alias/somebody-%d", i), b.make(t, ethereumKey()))
		}
		b.fake.Forget()
		if seen := b.observe(); len(seen.Owned) != keys || len(seen.Foreign)+len(seen.Facts) != 0 {
			t.Fatalf("owned %d, foreign %d, facts %v", len(seen.Owned), len(seen.Foreign), seen.Facts)
		}
		// One alias more: AWS's own.
		budget := map[string]int{"kms.ListAliases": pages(keys + others + 1), "tagging.GetResources": pages(keys), "kms.DescribeKey": keys}
		if gated {
			budget["kms.GetPublicKey"] = keys
		}
		calls := b.fake.Calls()
		total := 0
		for operation, most := range budget {
			total += most
			if calls[operation] > most {
				t.Errorf("gated %t: %s %d times, at most %d", gated, operation, calls[operation], most)
			}
		}
		if b.fake.Total() > total {
			t.Errorf("gated %t: %d calls, at most %d: %v", gated, b.fake.Total(), total, calls)
		}
	}
}

func pages(n int) int { return (n + 99) / 100 }

func TestKeysBeyondTheFirstPageAreNotMadeAgain(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 130 {
		names = append(names, fmt.Sprintf("validator-%03d-signer-fuji", i))
	}
	b := newBench(t, false, environment(names...))
	b.create()
	rules, steps, deferred := b.judge()
	if len(b.observe().Owned) != 130 || len(rules)+len(steps)+len(deferred) != 0 {
		t.Errorf("rules %v, steps %v, deferred %v", rules, ops(steps), deferred)
	}
	ids := make([]resource.ID, 0, 130)
	for _, r := range b.declare() {
		ids = append(ids, r.ID)
	}
	if narrow := b.kind.Read(t.Context(), b.env, ids, nil); len(narrow.Owned) != 130 || len(narrow.Unread) != 0 {
		t.Errorf("narrowed: owned %d, unread %v", len(narrow.Owned), narrow.Unread)
	}
}

func TestANarrowedReadListsNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t, true, environment(zero, "validator-1-signer-fuji"))
	b.create()
	b.fake.Forget()
	b.kind.Read(t.Context(), b.env, []resource.ID{id(zero)}, nil)
	for operation := range b.fake.Calls() {
		if slices.Contains([]string{"kms.ListAliases", "kms.ListKeys"}, operation) {
			t.Errorf("%s for one key", operation)
		}
	}
	if n := b.fake.Total(); n > 5 {
		t.Errorf("%d calls for one key: %v", n, b.fake.Calls())
	}
	absent := b.kind.Read(t.Context(), b.env, []resource.ID{id("nobody")}, nil)
	if len(absent.Owned)+len(absent.Foreign)+len(absent.Unread) != 0 {
		t.Errorf("nobody: %+v", absent)
	}
	_, err := b.admin.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(zeroAlias)})
	must(t, nil, err)
}
