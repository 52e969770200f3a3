package cloudtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const token = "00000000-0000-0000-0000-000000000001"

func TestFakeAndEmulatorKeepTheRulesOfSecretsManager(t *testing.T) {
	t.Parallel()
	onBoth(t, map[string]func(*testing.T, backend){
		"one name holds one secret":                                     oneNameOneSecret,
		"a secret that waits for deletion is hidden and keeps its name": pendingSecretIsHidden,
		"secrets are listed by tag, page by page":                       secretsAreListed,
	})
}

func (b backend) store(t *testing.T, name, value, token string, tags ...secrets.Tag) error {
	t.Helper()
	_, err := b.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String(name), SecretString: aws.String(value), ClientRequestToken: aws.String(token), Tags: tags,
	})
	return err
}

func oneNameOneSecret(t *testing.T, b backend) {
	t.Helper()
	if err := b.store(t, "a", "1", token); err != nil {
		t.Fatal(err)
	}
	if err := b.store(t, "a", "1", token); err != nil {
		t.Errorf("the same call again: %v", err)
	}
	wantCode(t, "another value", b.store(t, "a", "2", strings.Replace(token, "1", "2", 1)), "ResourceExistsException")
	out, err := b.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("a")})
	if err != nil || !slices.Equal(out.VersionIdsToStages[token], []string{"AWSCURRENT"}) {
		t.Errorf("described as %+v %v", out, err)
	}
	_, err = b.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("b")})
	wantCode(t, "none", err, "ResourceNotFoundException")
}

func pendingSecretIsHidden(t *testing.T, b backend) {
	t.Helper()
	if err := b.store(t, "a", "1", token); err != nil {
		t.Fatal(err)
	}
	if _, err := b.secrets.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	// AWS: InvalidRequestException; the emulator: ResourceExistsException.
	if got := code(b.store(t, "a", "2", strings.Replace(token, "1", "2", 1))); !slices.Contains([]string{"InvalidRequestException", "ResourceExistsException"}, got) {
		t.Errorf("the name again: %s", got)
	}
	for shown, want := range map[bool]int{false: 0, true: 1} {
		out, err := b.secrets.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(shown)})
		if err != nil || len(out.SecretList) != want {
			t.Errorf("planned deletions shown %t: %d secrets, want %d (%v)", shown, len(out.SecretList), want, err)
		}
	}
	out, err := b.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("a")})
	if err != nil || out.DeletedDate == nil {
		t.Errorf("described as %+v %v", out, err)
	}
}

func secretsAreListed(t *testing.T, b backend) {
	t.Helper()
	mine := secrets.Tag{Key: aws.String("env"), Value: aws.String("staging")}
	other := secrets.Tag{Key: aws.String("env"), Value: aws.String("production")}
	for i := range 7 {
		if err := errors.Join(b.store(t, fmt.Sprintf("mine-%d", i), "1", token, mine), b.store(t, fmt.Sprintf("other-%d", i), "1", token, other)); err != nil {
			t.Fatal(err)
		}
	}
	in := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(5), Filters: []secrets.Filter{
		{Key: secrets.FilterNameStringTypeTagKey, Values: []string{"env"}},
		{Key: secrets.FilterNameStringTypeTagValue, Values: []string{"staging"}},
	}}
	var names []string
	for {
		out, err := b.secrets.ListSecrets(t.Context(), in)
		if err != nil || len(out.SecretList) > 5 {
			t.Fatalf("%d on a page, %v", len(out.SecretList), err)
		}
		for _, s := range out.SecretList {
			names = append(names, *s.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	slices.Sort(names)
	if want := []string{"mine-0", "mine-1", "mine-2", "mine-3", "mine-4", "mine-5", "mine-6"}; !slices.Equal(names, want) {
		t.Errorf("listed %v", names)
	}
}

func TestTheFakeKeepsWhatTheEmulatorIsLaxAbout(t *testing.T) {
	t.Parallel()
	b := fake()
	tags := map[string]string{}
	for i := range 50 {
		tags[fmt.Sprint(i)] = "x"
	}
	key := b.key(t, tags)
	add := func(name string) error {
		_, err := b.kms.TagResource(t.Context(), &kms.TagResourceInput{KeyId: key, Tags: []types.Tag{{TagKey: aws.String(name), TagValue: aws.String("v")}}})
		return err
	}
	wantCode(t, "a 51st tag", add("more"), "LimitExceededException")
	wantCode(t, "a reserved tag", add("aws:more"), "TagException")
	if err := add("7"); err != nil {
		t.Errorf("a tag that is there: %v", err)
	}
	wantCode(t, "a reserved alias", b.alias(t, "alias/aws/mine", key), "NotAuthorizedException")
	wantCode(t, "no alias at all", b.alias(t, "mine", key), "InvalidAliasNameException")
	_, err := b.kms.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1})
	wantCode(t, "usage left out", err, "ValidationException")
	_, err = b.tags.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(101)})
	wantCode(t, "a page of 101 resources", err, "ValidationException")
	_, err = b.secrets.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(101)})
	wantCode(t, "a page of 101 secrets", err, "ValidationException")
	_, err = b.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("a"), ClientRequestToken: aws.String("short")})
	wantCode(t, "a short token", err, "ValidationException")
}

func TestTheSwitchBreaksCountsAndHeals(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	b := backend{kms: f.KMS(oregon)}
	in := &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify}
	heal := f.Break(cloudtest.Denied, 0, cloudtest.Writes)
	for range 2 {
		_, err := b.kms.CreateKey(t.Context(), in)
		wantCode(t, "broken", err, "AccessDeniedException")
	}
	if _, err := b.kms.ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
		t.Errorf("a read meets a fault of writes: %v", err)
	}
	heal()
	f.Break(cloudtest.Lost, 1, cloudtest.Is("kms.CreateKey"))
	if _, err := b.kms.CreateKey(t.Context(), in); err == nil || f.Keys() != 1 {
		t.Errorf("a lost reply: %v with %d keys", err, f.Keys())
	}
	if _, err := b.kms.CreateKey(t.Context(), in); err != nil || f.Keys() != 2 {
		t.Errorf("after it: %v with %d keys", err, f.Keys())
	}
	if calls := f.Calls(); calls["kms.CreateKey"] != 4 || calls["kms.ListKeys"] != 1 || f.Total() != 5 {
		t.Errorf("calls %v", calls)
	}
}
