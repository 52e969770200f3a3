package secretkey_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/ethereum/go-ethereum/common"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/secretkey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAccidentsAreRefusedAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, rule, reason string
		happen             func(*bench)
	}{
		{"scheduled for deletion", "pending-deletion", "is scheduled for deletion", func(b *bench) {
			b.create()
			out, err := b.admin.DeleteSecret(b.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String(zeroSecret)})
			must(b.T, out, err)
		}},
		{"two secrets carry one id", "duplicate-id", "all carry this id", func(b *bench) {
			b.create()
			b.store(b.T, "copy", marked(nil))
		}},
		{"stored under another name", "renamed", "is stored as old-name, declared as development-relayer-signer-fuji", func(b *bench) {
			b.store(b.T, "old-name", marked(map[string]string{kind.TagAddress: strangersAddress}))
		}},
		{"the address tag is gone", "address-unknown", "has no tag reconcile:address", func(b *bench) {
			b.create()
			out, err := b.admin.UntagResource(b.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String(zeroSecret), TagKeys: []string{kind.TagAddress}})
			must(b.T, out, err)
		}},
		{"the address tag is typed by hand", "address-unknown", "EIP-55", func(b *bench) {
			b.store(b.T, zeroSecret, marked(map[string]string{kind.TagAddress: strings.ToLower(strangersAddress)}))
		}},
		{"not the pinned address", "pin-mismatch", "addresses.json pins " + strangersAddress, func(b *bench) {
			b.create()
			b.env.Pins = map[string]string{zero: strangersAddress}
		}},
		{"not the pinned secret", "pin-mismatch", "addresses.json pins arn:aws:secretsmanager:us-west-2:222233334444:secret:other with 0x", func(b *bench) {
			b.create()
			b.env.Pins = map[string]string{zero: b.observe().Owned[0].Outputs["address"]}
			b.env.PinnedARNs = map[string]string{zero: "arn:aws:secretsmanager:us-west-2:222233334444:secret:other"}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(zero))
			test.happen(b)
			findings, steps, deferred := b.judge()
			if !slices.ContainsFunc(findings, func(f resource.Finding) bool {
				return f.Rule == test.rule && f.Severity == resource.Refuse && f.ID == id(zero) && strings.Contains(f.Reason, test.reason)
			}) {
				t.Errorf("findings %+v, want %s with %q", findings, test.rule, test.reason)
			}
			if len(steps) != 0 || len(deferred) != 1 {
				t.Errorf("steps %v, deferred %q: want none and one", ops(steps), deferred)
			}
		})
	}
}

func TestTheStoredKeyIsTheOneWhoseAddressIsPutOut(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	b.create()
	address := b.observe().Owned[0].Outputs["address"]
	sign := cloud.SecretSigner(b.admin, zeroSecret, common.HexToAddress(address))
	if _, err := sign(t.Context(), [32]byte{1}); err != nil {
		t.Error(err)
	}
}

func TestListsThatLagBehindChangeNothing(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(*bench){
		"empty still": func(b *bench) {
			b.fake.Freeze()
			b.create()
		},
		"old values": func(b *bench) {
			b.create()
			b.drift()["a tag is retyped"](b.T)
			b.drift()["the description is rewritten"](b.T)
			b.fake.Freeze()
			_, steps, _ := b.judge()
			b.do(steps...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(zero, one))
			at(b)
			seen := b.observe()
			if len(seen.Owned) != 2 || len(seen.Foreign) != 0 {
				t.Fatalf("owned %d, foreign %d", len(seen.Owned), len(seen.Foreign))
			}
			if findings, steps, _ := b.judge(); len(steps) != 0 || len(findings) != 0 {
				t.Errorf("the second diff is %v, findings %v", ops(steps), findings)
			}
		})
	}
}

func TestEachSecretHasAVersionOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero, one))
	b.create()
	seen := b.observe()
	if first, second := seen.Owned[0].Outputs, seen.Owned[1].Outputs; first["versionId"] == second["versionId"] || first["address"] == second["address"] {
		t.Errorf("outputs %v and %v", first, second)
	}
}

func TestASecretThatWaitsForDeletionIsShownAlsoWhenNobodyDeclaresIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero, one))
	b.create()
	out, err := b.admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String(zeroSecret)})
	must(t, out, err)
	b.env = environment(one)
	if seen := b.observe(); len(seen.Owned) != 2 || seen.Owned[0].Outputs["state"] != "PendingDeletion" {
		t.Errorf("owned %v", seen.Owned)
	}
}

// Once the access key is declared no more, its secret is left over like any.
func TestTheSecretOfADeclaredAccessKeyIsNoKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	out, err := b.admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("agents-access-key"), SecretString: aws.String("{}"), ClientRequestToken: aws.String(strings.Repeat("a", 32)), Tags: []types.Tag{
			{Key: aws.String(kind.TagEnvironment), Value: aws.String(b.env.Name)},
			{Key: aws.String(kind.TagID), Value: aws.String("access-key/global/agents")},
		},
	})
	must(t, out, err)
	b.env.Access = &config.Access{Users: []config.User{{Name: "agents", AccessKey: &config.AccessKey{Secret: "agents-access-key", Region: oregon}}}}
	if seen := b.observe(); len(seen.Owned)+len(seen.Foreign) != 0 {
		t.Errorf("declared: owned %v, foreign %v", seen.Owned, seen.Foreign)
	}
	b.env.Access.Users[0].AccessKey = nil
	if seen := b.observe(); len(seen.Owned) != 1 || seen.Owned[0].ID.Name != "agents-access-key" {
		t.Errorf("left over: owned %v", seen.Owned)
	}
}

func TestNoPlanReadsAValue(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero, one))
	b.create()
	b.judge()
	b.kind.Read(t.Context(), b.env, []resource.ID{id(zero)}, nil)
	if n := b.fake.Calls()["secretsmanager.GetSecretValue"]; n != 0 {
		t.Errorf("%d values were read", n)
	}
}

func TestAdoptionNeedsToKnowTheAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	b.store(t, zeroSecret, map[string]string{"team": "bridge"})
	if _, steps, deferred := b.judge(); len(steps) != 0 || len(deferred) != 1 {
		t.Fatalf("not declared for adoption: steps %v, deferred %q", ops(steps), deferred)
	}
	b.env.Keys[0].Adopt = true
	if _, steps, deferred := b.judge(); len(steps) != 0 || len(deferred) != 1 || !strings.Contains(deferred[0], "pin it") {
		t.Fatalf("without an address: steps %v, deferred %q", ops(steps), deferred)
	}
	b.env.Pins = map[string]string{zero: strangersAddress}
	_, steps, deferred := b.judge()
	if diff := cmp.Diff([]string{kind.AdoptOp}, ops(steps)); diff != "" {
		t.Fatal(diff, deferred)
	}
	b.do(steps...)
	out, err := b.admin.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(zeroSecret)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Tags) != 4 || aws.ToString(out.Description) != "" {
		t.Errorf("tags %v and description %q, want team, the mark and the address, and no more", out.Tags, aws.ToString(out.Description))
	}
	if _, steps, _ := b.judge(); !slices.Equal(ops(steps), []string{"describe-secret", "tag-secret"}) {
		t.Errorf("then %v", ops(steps))
	}
}

func TestAnotherEnvironmentsSecretIsNeverAdopted(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string]map[string]string{
		"another environment":        kind.MarkTags("production", id(zero)),
		"an environment named alike": kind.MarkTags("development2", id(zero)),
		"another key of ours":        kind.MarkTags("development", id(one)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(zero))
			b.env.Keys[0].Adopt = true
			b.env.Pins = map[string]string{zero: strangersAddress}
			b.store(t, zeroSecret, tags)
			seen := b.observe()
			if len(seen.Foreign) != 1 || seen.Foreign[0].ID != id(zero) || slices.ContainsFunc(seen.Owned, func(r resource.Resource) bool { return r.ID == id(zero) }) {
				t.Fatalf("owned %v, foreign %v", seen.Owned, seen.Foreign)
			}
			_, steps, deferred := b.judge()
			if len(steps) != 0 || len(deferred) != 1 || !strings.Contains(deferred[0], "the mark of "+tags[kind.TagEnvironment]) {
				t.Errorf("steps %v, deferred %q", ops(steps), deferred)
			}
		})
	}
}

func TestANameThatIsTakenMakesNoSecondKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	steps := b.createSteps(zero)
	b.store(t, zeroSecret, nil)
	_, resolved, prepared, err := b.try(steps[0], "intent-1")
	var refused *kind.NotAcceptedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "secretsmanager:CreateSecret on "+zeroSecret) {
		t.Errorf("error %v", err)
	}
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil {
		t.Errorf("probe %s %v: the secret there is somebody else's", happened, err)
	}
}

func TestASecondTryAfterALostReplyMakesNoSecondKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	steps := b.createSteps(zero)
	heal := b.faults.Break(cloudtest.Lost, 1, cloudtest.Writes)
	_, resolved, prepared, err := b.try(steps[0], "intent-1")
	heal()
	if err == nil {
		t.Fatal("the reply was not lost")
	}
	first := b.fake.Secrets()
	happened, outputs, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared})
	if happened != kind.Yes || err != nil || outputs["address"] == "" || outputs["versionId"] == "" {
		t.Fatalf("probe %s %v %v", happened, outputs, err)
	}
	// Somebody tries again all the same.
	if _, err := b.kind.Do(t.Context(), resolved, prepared); err == nil {
		t.Error("a second key was made under one name")
	}
	if diff := cmp.Diff(len(first), len(b.fake.Secrets())); diff != "" || first[0] != b.fake.Secrets()[0] {
		t.Error("the stored key changed")
	}
}

func TestAProbeThatMayNotReadSaysUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	steps := b.createSteps(zero)
	_, resolved, prepared, err := b.try(steps[0], "intent-1")
	must(t, nil, err)
	b.faults.Break(cloudtest.Denied, 0, cloudtest.Reads)
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.Unknown || err == nil {
		t.Errorf("%s %v", happened, err)
	}
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{kind.Prepared(`{}`)}); happened != kind.Unknown || err == nil {
		t.Errorf("a broken record: %s %v", happened, err)
	}
}

func TestAPinnedKeyIsNotMadeAgainAndNoneIsDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	b.env.Pins = map[string]string{zero: strangersAddress}
	want := b.declare()[0]
	var later *kind.DeferredError
	if _, err := b.kind.Steps(nil, &want, nil); !errors.As(err, &later) {
		t.Errorf("made again: %v", err)
	}
	if _, err := b.kind.Steps(&want, nil, nil); !errors.As(err, &later) {
		t.Errorf("deleted: %v", err)
	}
}

func TestABrokenStepTouchesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	step := b.createSteps(zero)[0]
	unknown, unnamed := step, step
	unknown.Op = "read-secret"
	unnamed.Params = resource.Attrs{}
	resolved := func(s resource.Step) kind.Resolved {
		return kind.Resolved{Step: s, Intent: "intent-1", Environment: b.env}
	}
	for name, do := range map[string]func() error{
		"no record": func() error { _, err := b.kind.Do(t.Context(), resolved(step), nil); return err },
		"unknown operation": func() error {
			_, err := b.kind.Do(t.Context(), resolved(unknown), kind.Prepared(`{"intent":"i"}`))
			return err
		},
		"no name": func() error {
			_, err := b.kind.Do(t.Context(), resolved(unnamed), kind.Prepared(`{"intent":"i"}`))
			return err
		},
	} {
		var refused *kind.NotAcceptedError
		if err := do(); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := b.fake.Total(); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestOneSecretThatCannotBeReadLeavesTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero, one))
	b.do(b.createSteps(one)...)
	b.faults.Break(cloudtest.Denied, 1, cloudtest.Is("secretsmanager.DescribeSecret"))
	seen := b.kind.Observe(t.Context(), b.env, nil)
	if len(seen.Owned) != 1 || len(seen.Unread) != 1 || seen.Unread[0].Scope != id(zero).String() || seen.Unread[0].Operation != "secretsmanager:DescribeSecret on "+zeroSecret {
		t.Errorf("owned %v, unread %+v", seen.Owned, seen.Unread)
	}
}

func TestAWarmPlanOfAThousandSecretsStaysInItsBudget(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("relayer-%d-signer", i))
	}
	b := newBench(t, environment(names...))
	b.create()
	for i := range 130 {
		b.store(t, fmt.Sprintf("somebody-%d", i), map[string]string{"team": "other"})
	}
	b.fake.Forget()
	if seen := b.observe(); len(seen.Owned) != 1000 {
		t.Fatalf("%d secrets", len(seen.Owned))
	}
	if diff := cmp.Diff(map[string]int{"secretsmanager.ListSecrets": 10}, b.fake.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAnEnvironmentWithoutHexKeysAsksSecretsManagerOnlyForWhatIsLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	ask := func() (kind.Seen, int) {
		options := b.options
		options.Inventory = cloud.NewInventory(func(region string) cloud.TaggingAPI { return b.fake.Tagging(region) }, kind.TagEnvironment, "development", kind.TypeKey, kind.TypeSecret)
		k, err := secretkey.New(options)
		must(t, nil, err)
		b.fake.Forget()
		seen := k.Observe(t.Context(), environment(), nil)
		return seen, b.fake.Calls()["secretsmanager.ListSecrets"]
	}
	if seen, lists := ask(); len(seen.Owned)+len(seen.Unread) != 0 || lists != 0 {
		t.Errorf("nothing there: %+v with %d lists", seen, lists)
	}
	b.create()
	if seen, _ := ask(); len(seen.Owned) != 1 {
		t.Errorf("one left over: %+v", seen)
	}
	b.faults.Break(cloudtest.Denied, 0, cloudtest.Reads)
	if seen, _ := ask(); len(seen.Unread) != 1 {
		t.Errorf("nothing readable: %+v", seen)
	}
}

func TestTheDeclarationIsInTheUsersWords(t *testing.T) {
	t.Parallel()
	env := environment("a", zero)
	env.Keys[0].Holder = "kms"
	declared := newBench(t, env).declare()
	want := resource.Attrs{
		"mark": "development", "secret": zeroSecret, "description": "development " + zero, "state": "Present",
		"tags": map[string]any{"agent": "relayer", "role": "relayer", "use": "signer", "network": "fuji"},
	}
	if len(declared) != 1 || declared[0].ID != id(zero) {
		t.Fatalf("declared %v", declared)
	}
	if diff := cmp.Diff(want, declared[0].Attrs); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestTheKindNeedsItsClient(t *testing.T) {
	t.Parallel()
	if _, err := secretkey.New(secretkey.Options{}); err == nil {
		t.Error("no client and no error")
	}
}
