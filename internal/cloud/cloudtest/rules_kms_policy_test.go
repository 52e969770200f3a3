package cloudtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// permitAPI is KMS as far as policies and grants go.
type permitAPI interface {
	kmsAPI
	CreateGrant(context.Context, *kms.CreateGrantInput, ...func(*kms.Options)) (*kms.CreateGrantOutput, error)
	GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error)
	ListGrants(context.Context, *kms.ListGrantsInput, ...func(*kms.Options)) (*kms.ListGrantsOutput, error)
	PutKeyPolicy(context.Context, *kms.PutKeyPolicyInput, ...func(*kms.Options)) (*kms.PutKeyPolicyOutput, error)
	RevokeGrant(context.Context, *kms.RevokeGrantInput, ...func(*kms.Options)) (*kms.RevokeGrantOutput, error)
}

func permits(t *testing.T, b backend) (permitAPI, *string) {
	t.Helper()
	api, ok := b.kms.(permitAPI)
	if !ok {
		t.Fatal("no policies here")
	}
	out, err := api.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	return api, out.KeyMetadata.KeyId
}

func readPolicy(t *testing.T, api permitAPI, key *string) string {
	t.Helper()
	out, err := api.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key, PolicyName: aws.String("default")})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Policy
}

// policyOf is a document of the account's administration and some statement more.
func policyOf(more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}` + more + `]}`
}

func signerOf(arn string) string {
	return `{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"kms:Sign","Resource":"*"}`
}

func TestKeyPoliciesAndGrantsGoAsInAWS(t *testing.T) {
	t.Parallel()
	onBoth(t, map[string]func(*testing.T, backend){
		"a new key leaves everything to the account's IAM": func(t *testing.T, b backend) {
			api, key := permits(t, b)
			have, err := access.Parse(readPolicy(t, api, key))
			want, _ := access.Parse(policyOf(""))
			if err != nil || !have.Equivalent(want) {
				t.Errorf("%+v, %v", have, err)
			}
		},
		"a policy comes back as it was put": func(t *testing.T, b backend) {
			api, key := permits(t, b)
			text := policyOf(signerOf("arn:aws:iam::444455556666:root"))
			if _, err := api.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key, PolicyName: aws.String("default"), Policy: aws.String(text)}); err != nil {
				t.Fatal(err)
			}
			if have := readPolicy(t, api, key); have != text {
				t.Errorf("have %s\nput  %s", have, text)
			}
		},
		"a key is made with the policy that it is given": func(t *testing.T, b backend) {
			api, _ := permits(t, b)
			text := policyOf(signerOf("arn:aws:iam::444455556666:root"))
			out, err := api.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify, Policy: aws.String(text)})
			if err != nil {
				t.Fatal(err)
			}
			if have := readPolicy(t, api, out.KeyMetadata.KeyId); have != text {
				t.Errorf("have %s", have)
			}
		},
		"a grant is listed until it is revoked": func(t *testing.T, b backend) {
			api, key := permits(t, b)
			made, err := api.CreateGrant(t.Context(), &kms.CreateGrantInput{
				KeyId: key, GranteePrincipal: aws.String("arn:aws:iam::444455556666:role/x"), Operations: []types.GrantOperation{types.GrantOperationSign},
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := api.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key})
			if err != nil || len(out.Grants) != 1 || *out.Grants[0].GrantId != *made.GrantId || *out.Grants[0].GranteePrincipal != "arn:aws:iam::444455556666:role/x" || out.Grants[0].Operations[0] != types.GrantOperationSign {
				t.Fatalf("%+v, %v", out, err)
			}
			if _, err := api.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key, GrantId: made.GrantId}); err != nil {
				t.Fatal(err)
			}
			if out, err := api.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key}); err != nil || len(out.Grants) != 0 {
				t.Errorf("%+v, %v", out, err)
			}
		},
		"the aliases of one key can be asked for": func(t *testing.T, b backend) {
			api, key := permits(t, b)
			_, other := permits(t, b)
			for alias, target := range map[string]*string{"alias/a": key, "alias/b": other, "alias/c": key} {
				if _, err := api.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(alias), TargetKeyId: target}); err != nil {
					t.Fatal(err)
				}
			}
			out, err := api.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: key})
			if err != nil || len(out.Aliases) != 2 {
				t.Errorf("%+v, %v", out, err)
			}
		},
	})
}

// The emulator is lax where these are strict.
func TestWhatKMSTakesForAKeyPolicy(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	api, key := permits(t, backend{kms: f.KMS(oregon)})
	user, err := f.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("known")})
	if err != nil {
		t.Fatal(err)
	}
	locked := `{"Version":"2012-10-17","Statement":[` + signerOf("arn:aws:iam::"+account+":root") + `]}`
	for name, test := range map[string]struct {
		policy string
		bypass bool
		want   string
	}{
		"no JSON":                         {"kms", false, "MalformedPolicyDocumentException"},
		"no principal":                    {policyOf(`{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}`), false, "MalformedPolicyDocumentException"},
		"no resource":                     {policyOf(`{"Effect":"Allow","Principal":"*","Action":"kms:Sign"}`), false, "MalformedPolicyDocumentException"},
		"a user who is not there":         {policyOf(signerOf("arn:aws:iam::" + account + ":user/unknown")), false, "MalformedPolicyDocumentException"},
		"a user who is there":             {policyOf(signerOf(*user.User.Arn)), false, ""},
		"a role of another account":       {policyOf(signerOf("arn:aws:iam::444455556666:role/x")), false, ""},
		"nobody could change it":          {locked, false, "MalformedPolicyDocumentException"},
		"nobody could, and that is meant": {locked, true, ""},
		"somebody could, on a condition": {strings.Replace(policyOf(""), `"Resource"`, `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}},"Resource"`, 1),
			false, "MalformedPolicyDocumentException"},
		"too long": {policyOf(signerOf("arn:aws:iam::444455556666:role/" + strings.Repeat("x", 32*1024))), false, "LimitExceededException"},
	} {
		_, err := api.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{
			KeyId: key, PolicyName: aws.String("default"), Policy: aws.String(test.policy), BypassPolicyLockoutSafetyCheck: test.bypass,
		})
		if (err != nil) != (test.want != "") || err != nil && !cloud.HasCode(err, test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if cloud.HasCode(err, "MalformedPolicyDocumentException") != cloud.Malformed(err) {
			t.Errorf("%s: %v is not seen as malformed", name, err)
		}
	}
	if _, err := api.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: aws.String("alias/x")}); !cloud.HasCode(err, "InvalidArnException") {
		t.Errorf("by alias: %v", err)
	}
	if _, err := api.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key, PolicyName: aws.String("second")}); !cloud.NotFound(err) {
		t.Errorf("by another name: %v", err)
	}
}

func TestAKeyPolicyFollowsItsUsers(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	api, key := permits(t, backend{kms: f.KMS(oregon)})
	user, err := f.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("known")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key, Policy: aws.String(policyOf(signerOf(*user.User.Arn)))}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.IAM().DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("known")}); err != nil {
		t.Fatal(err)
	}
	if now := readPolicy(t, api, key); strings.Contains(now, *user.User.Arn) || !strings.Contains(now, *user.User.UserId) {
		t.Errorf("the policy of a user who is gone: %s", now)
	}
}

func TestGrantsComeInPagesOfAHundredAtMost(t *testing.T) {
	t.Parallel()
	api, key := permits(t, fake())
	for i := range 120 {
		if _, err := api.CreateGrant(t.Context(), &kms.CreateGrantInput{
			KeyId: key, Name: aws.String(fmt.Sprint(i)), GranteePrincipal: aws.String("arn:aws:iam::444455556666:role/x"), Operations: []types.GrantOperation{types.GrantOperationSign},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := api.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key, Limit: aws.Int32(101)}); !cloud.HasCode(err, "ValidationException") {
		t.Errorf("101 at once: %v", err)
	}
	for limit, want := range map[int32]int{0: 50, 100: 100, 7: 7} {
		in := &kms.ListGrantsInput{KeyId: key}
		if limit > 0 {
			in.Limit = aws.Int32(limit)
		}
		out, err := api.ListGrants(t.Context(), in)
		if err != nil || len(out.Grants) != want || !out.Truncated || out.NextMarker == nil {
			t.Errorf("limit %d: %d grants, %v", limit, len(out.Grants), err)
		}
	}
}
