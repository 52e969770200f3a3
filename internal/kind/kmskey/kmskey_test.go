package kmskey_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAccidentsAndAttacksAreRefusedAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, rule, reason string
		happen             func(*bench)
	}{
		{"the alias points to a stranger's key", "alias-retargeted", "points to key 0000", func(b *bench) {
			b.create()
			b.retarget(zeroAlias, b.make(b.T, ethereumKey()))
		}},
		{"the alias points to another environment's key", "alias-retargeted", "points to key 0000", func(b *bench) {
			b.create()
			in := ethereumKey()
			in.Tags = []types.Tag{{TagKey: aws.String(kind.TagEnvironment), TagValue: aws.String("production")}, {TagKey: aws.String(kind.TagID), TagValue: aws.String(id(zero).String())}}
			b.retarget(zeroAlias, b.make(b.T, in))
		}},
		{"two keys carry one id", "duplicate-id", "all carry this id", func(b *bench) {
			b.create()
			tagged(b, func(*kms.CreateKeyInput) {})
		}},
		{"another curve", "wrong-spec", "has spec ECC_NIST_P256, need ECC_SECG_P256K1", func(b *bench) {
			b.alias(zeroAlias, tagged(b, func(in *kms.CreateKeyInput) { in.KeySpec = types.KeySpecEccNistP256 }))
		}},
		{"another usage", "wrong-usage", "has usage KEY_AGREEMENT, need SIGN_VERIFY", func(b *bench) {
			b.alias(zeroAlias, tagged(b, func(in *kms.CreateKeyInput) {
				in.KeySpec, in.KeyUsage = types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement
			}))
		}},
		{"imported material", "foreign-origin", "has origin EXTERNAL, need AWS_KMS", func(b *bench) {
			b.alias(zeroAlias, tagged(b, func(in *kms.CreateKeyInput) { in.Origin = types.OriginTypeExternal }))
		}},
		{"a multi-Region key", "multi-region", "is multi-Region true, declared false", func(b *bench) {
			b.alias(zeroAlias, tagged(b, func(in *kms.CreateKeyInput) { in.MultiRegion = aws.Bool(true) }))
		}},
		{"scheduled for deletion", "pending-deletion", "is scheduled for deletion", func(b *bench) {
			b.create()
			out, err := b.admin.ScheduleKeyDeletion(b.Context(), &kms.ScheduleKeyDeletionInput{KeyId: b.keyOf(b.T, zeroAlias)})
			must(b.T, out, err)
		}},
		{"not the pinned address", "pin-mismatch", "addresses.json pins 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", func(b *bench) {
			b.create()
			b.env.Pins = map[string]string{zero: "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"}
		}},
		{"not the pinned key", "pin-mismatch", "addresses.json pins arn:aws:kms:us-west-2:222233334444:key/another with 0x", func(b *bench) {
			b.create()
			b.env.Pins = map[string]string{zero: b.observe().Owned[0].Outputs["address"]}
			b.env.PinnedARNs = map[string]string{zero: "arn:aws:kms:us-west-2:222233334444:key/another"}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, true, environment(zero))
			test.happen(b)
			rules, steps, deferred := b.judge()
			if !slices.Contains(rules, test.rule) {
				t.Errorf("rules %v, want %s", rules, test.rule)
			}
			if len(steps) != 0 || len(deferred) != 1 {
				t.Errorf("steps %v, deferred %q: want none and one", ops(steps), deferred)
			}
			seen := b.observe()
			findings, err := b.kind.Check(b.declare(), seen.Owned, seen.Facts)
			if err != nil || !slices.ContainsFunc(findings, func(f resource.Finding) bool {
				return f.Rule == test.rule && strings.Contains(f.Reason, test.reason) && f.ID == id(zero)
			}) {
				t.Errorf("findings %+v %v, want a reason with %q", findings, err, test.reason)
			}
		})
	}
}

func TestTwoAliasesThatChangedPlacesAreBothRefused(t *testing.T) {
	t.Parallel()
	const one, oneAlias = "validator-1-signer-fuji", "alias/staging-validator-1-signer-fuji"
	b := newBench(t, false, environment(zero, one))
	b.create()
	first, second := b.keyOf(t, zeroAlias), b.keyOf(t, oneAlias)
	b.retarget(zeroAlias, second)
	b.retarget(oneAlias, first)
	rules, steps, _ := b.judge()
	if !slices.Equal(rules, []string{"alias-retargeted", "alias-retargeted"}) || len(steps) != 0 {
		t.Errorf("rules %v and steps %v", rules, ops(steps))
	}
}

func TestAKeyThatSomebodyDisabledIsEnabledByAPersonOnly(t *testing.T) {
	t.Parallel()
	for _, gated := range []bool{false, true} {
		b := newBench(t, gated, environment(zero))
		b.create()
		b.disable(t)
		seen := b.observe()
		if got := seen.Owned[0].Outputs["state"]; got != "Disabled" {
			t.Errorf("state %q is shown, want Disabled", got)
		}
		// A tag is not a proof: the address waits until KMS gives the public key.
		if address, known := seen.Owned[0].Outputs["address"]; known || len(seen.Facts) != 1 {
			t.Errorf("gated %t: address %q, facts %v", gated, address, seen.Facts)
		}
		rules, steps, _ := b.judge()
		if len(rules) != 0 || !slices.Equal(ops(steps), []string{"enable-key"}) {
			t.Fatalf("rules %v, steps %v", rules, ops(steps))
		}
		traits := kmskey.Traits()
		if traits.Risks["enable-key"] != resource.Sensitive || !slices.Contains(traits.Person, "enable-key") {
			t.Error("enabling is not sensitive, or asks no person")
		}
		if outputs := b.do(steps...); outputs["address"] == "" {
			t.Error("the enabled key's address is not put out")
		}
	}
}

func TestAKeyWithoutItsAliasGetsOnlyTheAlias(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	want := b.declare()[0]
	steps, err := b.kind.Steps(nil, &want, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"create-key", "create-alias", "tag-key"}, ops(steps)); diff != "" {
		t.Fatal(diff)
	}
	// The run ends after the key was made.
	b.do(steps[0])
	_, rest, _ := b.judge()
	if diff := cmp.Diff([]string{"create-alias", "tag-key"}, ops(rest)); diff != "" {
		t.Fatalf("steps (-want +got):\n%s", diff)
	}
	b.do(rest...)
	if b.fake.Keys() != 1 {
		t.Errorf("%d keys, want 1", b.fake.Keys())
	}
	if _, rest, _ := b.judge(); len(rest) != 0 {
		t.Errorf("still %v", ops(rest))
	}
}

func TestAdoptionWritesTheMarkAndNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	_, print := b.foreign(t)
	if _, steps, deferred := b.judge(); len(steps) != 0 || len(deferred) != 1 {
		t.Fatalf("not declared for adoption: steps %v, deferred %q", ops(steps), deferred)
	}
	b.env.Keys[0].Adopt = true
	_, steps, _ := b.judge()
	if diff := cmp.Diff([]string{kind.AdoptOp}, ops(steps)); diff != "" {
		t.Fatal(diff)
	}
	before := print()
	b.do(steps...)
	tags, err := b.admin.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: b.keyOf(t, zeroAlias)})
	must(t, tags, err)
	if len(tags.Tags) != 2 || before == print() {
		t.Errorf("tags %v, want the two of the mark", tags.Tags)
	}
	// Now that it is ours, every difference is listed.
	_, steps, _ = b.judge()
	if diff := cmp.Diff([]string{"describe-key", "tag-key"}, ops(steps)); diff != "" {
		t.Error(diff)
	}
}

func TestAnotherEnvironmentsKeyIsNeverAdopted(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	b.env.Keys[0].Adopt = true
	in := ethereumKey()
	for name, value := range kind.MarkTags("production", id(zero)) {
		in.Tags = append(in.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(value)})
	}
	b.alias(zeroAlias, b.make(t, in))
	seen := b.observe()
	if len(seen.Owned) != 0 || len(seen.Foreign) != 1 {
		t.Fatalf("owned %d, foreign %d", len(seen.Owned), len(seen.Foreign))
	}
	_, steps, deferred := b.judge()
	if len(steps) != 0 || len(deferred) != 1 || !strings.Contains(deferred[0], "the mark of production kms-key/us-west-2/validator-0-signer-fuji") {
		t.Errorf("steps %v, deferred %q", ops(steps), deferred)
	}
}

func TestATagOnTheAddressIsBelievedByNoGatedPlan(t *testing.T) {
	t.Parallel()
	const forged = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
	for _, gated := range []bool{false, true} {
		b := newBench(t, gated, environment(zero))
		b.create()
		derived := b.observe().Owned[0].Outputs["address"]
		out, err := b.admin.TagResource(t.Context(), &kms.TagResourceInput{
			KeyId: b.keyOf(t, zeroAlias), Tags: []types.Tag{{TagKey: aws.String(kind.TagAddress), TagValue: aws.String(forged)}},
		})
		must(t, out, err)
		got := b.observe().Owned[0].Outputs["address"]
		if gated && got != derived || !gated && got != forged {
			t.Errorf("gated %t: address %s, the key's is %s", gated, got, derived)
		}
		if _, steps, _ := b.judge(); gated && !slices.Equal(ops(steps), []string{"tag-key"}) {
			t.Errorf("a forged tag is mended by %v", ops(steps))
		}
	}
}

func TestAPinnedKeyIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, true, environment(zero))
	b.env.Pins = map[string]string{zero: "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"}
	want := b.declare()[0]
	steps, err := b.kind.Steps(nil, &want, nil)
	var later *kind.DeferredError
	if !errors.As(err, &later) || len(steps) != 0 {
		t.Errorf("steps %v, error %v", ops(steps), err)
	}
	if _, err := b.kind.Steps(&want, nil, nil); !errors.As(err, &later) {
		t.Errorf("a key is deleted: %v", err)
	}
}

func TestKeysOfOtherHoldersAreNotDeclaredAndThoseOfContractedPartiesAre(t *testing.T) {
	t.Parallel()
	env := environment("a-signer", "b-signer", "c-signer")
	env.Keys[0].Holder, env.Keys[1].Holder, env.Keys[2].OperatedBy = "keystore", "hex", "external"
	env.Keys[2].Networks = []string{"fuji", "sepolia"}
	env.Keys[2].Alias = "staging-legacy"
	declared := newBench(t, false, env).declare()
	if len(declared) != 1 || declared[0].ID != id("c-signer") {
		t.Fatalf("declared %v", declared)
	}
	want := resource.Attrs{
		"mark": "staging", "alias": "alias/staging-legacy", "description": "staging c-signer", "spec": "ECC_SECG_P256K1",
		"usage": "SIGN_VERIFY", "origin": "AWS_KMS", "multiRegion": false, "state": "Enabled", "addressTag": "current",
		"tags": map[string]any{"agent": "validator", "role": "validator", "use": "signer"},
	}
	if diff := cmp.Diff(want, declared[0].Attrs); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestOneRegionThatCannotBeReadLeavesTheOther(t *testing.T) {
	t.Parallel()
	env := environment(zero)
	env.Keys = append(env.Keys, config.Key{Name: "elsewhere", Alias: "alias/staging-elsewhere", Holder: "kms", Region: "eu-west-1", Use: "signer"})
	b := newBench(t, false, env)
	b.create()
	b.options.KMS = func(region string) kmskey.API {
		if region == "eu-west-1" {
			broken := cloudtest.NewFake(account)
			broken.Break(cloudtest.Denied, 0, cloudtest.Reads)
			return broken.KMS(region)
		}
		return b.fake.KMS(region)
	}
	k, err := kmskey.New(b.options)
	if err != nil {
		t.Fatal(err)
	}
	seen := k.Observe(t.Context(), env, nil)
	if len(seen.Owned) != 1 || seen.Owned[0].ID != id(zero) || len(seen.Unread) != 1 {
		t.Fatalf("owned %v, unread %v", seen.Owned, seen.Unread)
	}
	u := seen.Unread[0]
	if !u.Covers(resource.ID{Kind: kmskey.Name, Scope: "eu-west-1", Name: "elsewhere"}) || u.Covers(id(zero)) || !strings.HasPrefix(u.Operation, "kms:ListAliases on eu-west-1") || !strings.HasPrefix(u.Cause, "access denied") {
		t.Errorf("unread %+v", u)
	}
}

func TestOneKeyThatCannotBeReadLeavesTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, true, environment(zero, "validator-1-signer-fuji", "validator-2-signer-fuji"))
	b.create()
	b.faults.Break(cloudtest.Denied, 1, cloudtest.Is("kms.GetPublicKey"))
	seen := b.kind.Observe(t.Context(), b.env, nil)
	if len(seen.Owned) != 2 || len(seen.Unread) != 1 || !strings.HasPrefix(seen.Unread[0].Operation, "kms:GetPublicKey on 0000") {
		t.Errorf("owned %d, unread %+v", len(seen.Owned), seen.Unread)
	}
}

func TestTheKindNeedsItsClients(t *testing.T) {
	t.Parallel()
	if _, err := kmskey.New(kmskey.Options{}); err == nil {
		t.Error("no clients and no error")
	}
}
