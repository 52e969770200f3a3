package cloud_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const region = "us-west-2"

// ringOf is a keyring over a fake, and a maker of keys with one tag.
func ringOf(t *testing.T) (*cloudtest.Fake, cloud.Keyring, func(tag, value string) string) {
	t.Helper()
	fake := cloudtest.NewFake("111122223333")
	ring := cloud.Keyring{KMS: fake.KMS(region), Tagging: fake.Tagging(region), Region: region, Parallel: 4}
	return fake, ring, func(tag, value string) string {
		out, err := fake.KMS(region).CreateKey(t.Context(), &kms.CreateKeyInput{
			KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify, Tags: []types.Tag{{TagKey: aws.String(tag), TagValue: aws.String(value)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return *out.KeyMetadata.KeyId
	}
}

func nameIt(t *testing.T, fake *cloudtest.Fake, alias, keyID string) {
	t.Helper()
	if _, err := fake.KMS(region).CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(alias), TargetKeyId: aws.String(keyID)}); err != nil {
		t.Fatal(err)
	}
}

func TestASurveyKnowsAllPagesAndEveryAliasOfAKey(t *testing.T) {
	t.Parallel()
	fake, ring, made := ringOf(t)
	var keys []string
	for i := range 130 {
		keys = append(keys, made("env", "staging"))
		nameIt(t, fake, fmt.Sprintf("alias/%03d", i), keys[i])
	}
	made("env", "production")
	nameIt(t, fake, "alias/second", keys[7])
	s, err := ring.Survey(t.Context(), cloud.Tag{Key: "env", Value: "staging"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	if !slices.Equal(s.Keys(), keys) || s.Target("alias/second") != s.Target("alias/007") || s.Target("alias/none") != "" {
		t.Errorf("%d keys, %q", len(s.Keys()), s.Target("alias/second"))
	}
	have, err := s.Aliases(t.Context(), s.Target("alias/007"))
	if err != nil || !slices.Equal(have, []string{"alias/007", "alias/second"}) {
		t.Errorf("aliases %v, %v", have, err)
	}
	narrow, err := ring.Look(t.Context(), cloud.Tag{Key: "env", Value: "staging"}, "env", []string{"staging"}, []string{"alias/007"})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := narrow.Aliases(t.Context(), narrow.Target("alias/007")); err != nil || !slices.Equal(again, have) {
		t.Errorf("a narrowed look has aliases %v, %v", again, err)
	}
}

func TestWhatIsSettledIsSureAndWhatIsListedIsNot(t *testing.T) {
	t.Parallel()
	fake, ring, made := ringOf(t)
	fake.Freeze()
	key := made("env", "staging")
	nameIt(t, fake, "alias/late", key)
	s, err := ring.Survey(t.Context(), cloud.Tag{Key: "env", Value: "staging"}, nil)
	if err != nil || len(s.Keys()) != 0 {
		t.Fatalf("the lists do not lag: %v, %v", s.Keys(), err)
	}
	if err := s.Settle(t.Context(), []string{"alias/late", "alias/none"}); err != nil {
		t.Fatal(err)
	}
	tags, sure := s.Tags(key)
	if s.Target("alias/late") != key || !sure || tags["env"] != "staging" {
		t.Errorf("settled: %q %v %t", s.Target("alias/late"), tags, sure)
	}
	fake.Thaw()
	listed, err := ring.Survey(t.Context(), cloud.Tag{Key: "env", Value: "staging"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, sure := listed.Tags(key); sure {
		t.Error("a tag from a list is called sure")
	}
}

func TestAKeyThatWasMadeIsFoundWhateverTheListsSay(t *testing.T) {
	t.Parallel()
	fake, ring, made := ringOf(t)
	clock := cloud.Clock{Sleep: func(context.Context, time.Duration) error { return nil }}
	fake.Freeze()
	for range 5 {
		made("intent", "other")
	}
	want := []string{made("intent", "a"), made("intent", "b")}
	slices.Sort(want)
	found, err := ring.Made(t.Context(), clock, cloud.SettleWaits(), "intent", []string{"a", "b", "c"})
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, %v, want %v", found, err, want)
	}
	fake.Break(cloudtest.Denied, 1, cloudtest.Is("kms.ListResourceTags"))
	if found, err := ring.Made(t.Context(), clock, nil, "intent", []string{"none"}); err == nil {
		t.Errorf("a key whose tags may not be read is passed over: %v", found)
	}
}
