package cloudtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
)

// kmsAPI, tagAPI and secretAPI are what the SDK's clients and the fakes have in
// common: a test written against them holds for both.
type kmsAPI interface {
	CreateKey(context.Context, *kms.CreateKeyInput, ...func(*kms.Options)) (*kms.CreateKeyOutput, error)
	CreateAlias(context.Context, *kms.CreateAliasInput, ...func(*kms.Options)) (*kms.CreateAliasOutput, error)
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	DisableKey(context.Context, *kms.DisableKeyInput, ...func(*kms.Options)) (*kms.DisableKeyOutput, error)
	EnableKey(context.Context, *kms.EnableKeyInput, ...func(*kms.Options)) (*kms.EnableKeyOutput, error)
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	ListAliases(context.Context, *kms.ListAliasesInput, ...func(*kms.Options)) (*kms.ListAliasesOutput, error)
	ListKeys(context.Context, *kms.ListKeysInput, ...func(*kms.Options)) (*kms.ListKeysOutput, error)
	ScheduleKeyDeletion(context.Context, *kms.ScheduleKeyDeletionInput, ...func(*kms.Options)) (*kms.ScheduleKeyDeletionOutput, error)
	Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error)
	TagResource(context.Context, *kms.TagResourceInput, ...func(*kms.Options)) (*kms.TagResourceOutput, error)
}

type tagAPI interface {
	GetResources(context.Context, *resourcegroupstaggingapi.GetResourcesInput, ...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error)
}

type secretAPI interface {
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error)
	DeleteSecret(context.Context, *secretsmanager.DeleteSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DeleteSecretOutput, error)
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
	ListSecrets(context.Context, *secretsmanager.ListSecretsInput, ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretsOutput, error)
	TagResource(context.Context, *secretsmanager.TagResourceInput, ...func(*secretsmanager.Options)) (*secretsmanager.TagResourceOutput, error)
}

type backend struct {
	kms     kmsAPI
	tags    tagAPI
	secrets secretAPI
}

func fake() backend {
	f := cloudtest.NewFake(account)
	return backend{kms: f.KMS(oregon), tags: f.Tagging(oregon), secrets: f.SecretsManager(oregon)}
}

// onBoth runs a test on the fake and on the emulator.
func onBoth(t *testing.T, rules map[string]func(*testing.T, backend)) {
	t.Helper()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	session, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: moto.Endpoint(), Unlimited: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range rules {
		t.Run("fake: "+name, func(t *testing.T) { rule(t, fake()) })
		t.Run("emulator: "+name, func(t *testing.T) {
			if err := moto.Reset(); err != nil {
				t.Fatal(err)
			}
			rule(t, backend{kms: session.KMS(""), tags: session.Tagging(""), secrets: session.SecretsManager("")})
		})
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func (b backend) key(t *testing.T, tags map[string]string) *string {
	t.Helper()
	in := &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify}
	for name, value := range tags {
		in.Tags = append(in.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(value)})
	}
	out, err := b.kms.CreateKey(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata.KeyId
}

func (b backend) alias(t *testing.T, name string, key *string) error {
	t.Helper()
	_, err := b.kms.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(name), TargetKeyId: key})
	return err
}

func (b backend) sign(t *testing.T, key *string, digest []byte) error {
	t.Helper()
	_, err := b.kms.Sign(t.Context(), &kms.SignInput{
		KeyId: key, Message: digest, MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	return err
}

func TestFakeAndEmulatorKeepTheRulesOfKMS(t *testing.T) {
	t.Parallel()
	onBoth(t, map[string]func(*testing.T, backend){
		"aliases come in pages of 50 or at most 100":     aliasesComeInPages,
		"keys come in pages":                             keysComeInPages,
		"tags find keys, page by page":                   tagsFindKeys,
		"a disabled key signs nothing and can be tagged": disabledSignsNothing,
		"a key that waits for deletion is left alone":    pendingIsLeftAlone,
		"names are taken, missing or resolved":           namesAreTaken,
		"a digest is signed as it is and has 32 bytes":   digestAsItIs,
	})
}

func aliasesComeInPages(t *testing.T, b backend) {
	t.Helper()
	key := b.key(t, nil)
	for i := range 130 {
		if err := b.alias(t, fmt.Sprintf("alias/a-%03d", i), key); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []*int32{nil, aws.Int32(100)} {
		seen := map[string]int{}
		in := &kms.ListAliasesInput{Limit: limit}
		for page := 0; ; page++ {
			out, err := b.kms.ListAliases(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if most := 50; limit == nil && len(out.Aliases) > most || len(out.Aliases) > 100 {
				t.Fatalf("%d aliases on a page", len(out.Aliases))
			}
			for _, alias := range out.Aliases {
				seen[*alias.AliasName]++
			}
			if in.Marker = out.NextMarker; !out.Truncated {
				break
			}
		}
		for i := range 130 {
			if n := seen[fmt.Sprintf("alias/a-%03d", i)]; n != 1 {
				t.Fatalf("alias %d was listed %d times", i, n)
			}
		}
	}
	_, err := b.kms.ListAliases(t.Context(), &kms.ListAliasesInput{Limit: aws.Int32(101)})
	wantCode(t, "a page of 101", err, "ValidationException")
}

func keysComeInPages(t *testing.T, b backend) {
	t.Helper()
	for range 7 {
		b.key(t, nil)
	}
	first, err := b.kms.ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(5)})
	if err != nil || len(first.Keys) != 5 || !first.Truncated {
		t.Fatalf("first page %+v %v", first, err)
	}
	second, err := b.kms.ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(5), Marker: first.NextMarker})
	if err != nil || len(second.Keys) != 2 || second.Truncated {
		t.Fatalf("second page %+v %v", second, err)
	}
}

func tagsFindKeys(t *testing.T, b backend) {
	t.Helper()
	for i := range 30 {
		b.key(t, map[string]string{"env": "staging", "n": fmt.Sprint(i)})
		b.key(t, map[string]string{"env": "staging2"})
	}
	filters := []tagging.TagFilter{{Key: aws.String("env"), Values: []string{"staging"}}, {Key: aws.String("n")}}
	seen := map[string]bool{}
	in := &resourcegroupstaggingapi.GetResourcesInput{TagFilters: filters, ResourceTypeFilters: []string{"kms:key"}, ResourcesPerPage: aws.Int32(20)}
	for {
		out, err := b.tags.GetResources(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.ResourceTagMappingList {
			if seen[*m.ResourceARN] {
				t.Fatal("listed twice")
			}
			seen[*m.ResourceARN] = true
		}
		if in.PaginationToken = out.PaginationToken; aws.ToString(in.PaginationToken) == "" {
			break
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d keys found, want 30", len(seen))
	}
}

func disabledSignsNothing(t *testing.T, b backend) {
	t.Helper()
	key := b.key(t, nil)
	if err := b.sign(t, key, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "sign", b.sign(t, key, make([]byte, 32)), "DisabledException")
	if _, err := b.kms.TagResource(t.Context(), &kms.TagResourceInput{KeyId: key, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}}); err != nil {
		t.Error(err)
	}
	if err := b.alias(t, "alias/disabled", key); err != nil {
		t.Error(err)
	}
	if _, err := b.kms.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key}); err != nil {
		t.Error(err)
	}
	if err := b.sign(t, key, make([]byte, 32)); err != nil {
		t.Error(err)
	}
}

func pendingIsLeftAlone(t *testing.T, b backend) {
	t.Helper()
	key := b.key(t, nil)
	if _, err := b.kms.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key}); err != nil {
		t.Fatal(err)
	}
	const want = "KMSInvalidStateException"
	wantCode(t, "sign", b.sign(t, key, make([]byte, 32)), want)
	wantCode(t, "alias", b.alias(t, "alias/pending", key), want)
	_, err := b.kms.TagResource(t.Context(), &kms.TagResourceInput{KeyId: key, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
	wantCode(t, "tag", err, want)
	_, err = b.kms.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key})
	wantCode(t, "enable", err, want)
	out, err := b.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key})
	if err != nil || out.KeyMetadata.KeyState != types.KeyStatePendingDeletion {
		t.Errorf("described as %+v %v", out, err)
	}
}

func namesAreTaken(t *testing.T, b backend) {
	t.Helper()
	key, other := b.key(t, nil), b.key(t, nil)
	if err := b.alias(t, "alias/one", key); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "again", b.alias(t, "alias/one", key), "AlreadyExistsException")
	wantCode(t, "for another key", b.alias(t, "alias/one", other), "AlreadyExistsException")
	wantCode(t, "for no key", b.alias(t, "alias/two", aws.String("00000000-1111-2222-3333-444444444444")), "NotFoundException")
	out, err := b.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/one")})
	if err != nil || *out.KeyMetadata.KeyId != *key {
		t.Errorf("alias/one is %+v %v", out, err)
	}
	_, err = b.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/two")})
	wantCode(t, "describe", err, "NotFoundException")
}

func digestAsItIs(t *testing.T, b backend) {
	t.Helper()
	key := b.key(t, nil)
	public, err := b.kms.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key})
	if err != nil {
		t.Fatal(err)
	}
	address, err := cloud.AddressFromSPKI(public.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sign := cloud.KMSSigner(b.kms, *key, address)
	for i := range 10 {
		if _, err := sign(t.Context(), [32]byte{byte(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, "31 bytes", b.sign(t, key, make([]byte, 31)), "ValidationException")
}
