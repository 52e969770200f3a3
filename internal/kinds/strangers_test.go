package kinds_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// crowd fills an account with what is none of our business: names that begin
// like ours, tags that look like ours, another environment's marks, members of
// one group with ours.
func crowd(t *testing.T, fake *cloudtest.Fake) {
	t.Helper()
	people, ctx := fake.IAM(), t.Context()
	for i, marks := range []map[string]string{
		nil, {"environment": "testnet4"}, kind.MarkTags("mainnet3", resource.ID{Kind: "iam-user", Scope: "global", Name: "theirs-2"}),
	} {
		user := &iam.CreateUserInput{UserName: aws.String(fmt.Sprintf("theirs-%d", i)), Path: aws.String("/theirs/")}
		bucket := &s3.CreateBucketInput{Bucket: aws.String(fmt.Sprintf("hyperlane-testnet4-theirs-%d", i))}
		key := &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify}
		for name, value := range marks {
			user.Tags = append(user.Tags, iamtypes.Tag{Key: aws.String(name), Value: aws.String(value)})
			key.Tags = append(key.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(value)})
		}
		_, err := people.CreateUser(ctx, user)
		must(t, err)
		_, err = people.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user.UserName})
		must(t, err)
		_, err = people.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: user.UserName, PolicyName: aws.String("all"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)})
		must(t, err)
		_, err = people.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(fmt.Sprintf("testnet4-theirs-%d", i)), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
		must(t, err)
		group := aws.String(fmt.Sprintf("testnet4-theirs-%d", i))
		_, err = people.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: group})
		must(t, err)
		_, err = people.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: group, UserName: user.UserName})
		must(t, err)
		_, err = people.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: group, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}}`)})
		must(t, err)
		made, err := fake.KMS(virginia).CreateKey(ctx, key)
		must(t, err)
		_, err = fake.KMS(virginia).CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(fmt.Sprintf("alias/hyperlane-testnet4-key-theirs-validator-%d", i)), TargetKeyId: made.KeyMetadata.KeyId})
		must(t, err)
		_, err = fake.S3(virginia).CreateBucket(ctx, bucket)
		must(t, err)
		_, err = fake.SecretsManager(virginia).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(fmt.Sprintf("theirs-%d", i)), SecretString: aws.String("theirs"), ClientRequestToken: aws.String(fmt.Sprintf("%032d", i))})
		must(t, err)
	}
}

// TestStrangersGetNotOneWrite: a whole adoption and all that follows on it write
// to what is declared, whoever else is in the account and whatever they are
// called. What the strangers have is compared word by word.
func TestStrangersGetNotOneWrite(t *testing.T) {
	t.Parallel()
	fake, agents := legacy(t)
	crowd(t, fake)
	r := &reconciler{fake: fake, env: environment(t, "hyperlane.txtar", "testnet4")}
	before := theirs(t, fake.Aside())
	if lines := strings.Count(before, "\n"); lines != 3*7 {
		t.Fatalf("%d lines about strangers:\n%s", lines, before)
	}
	w := watch(t, fake, agents)
	fake.AfterWrite(func(operation string) {
		w.calls[operation]++
		if now := theirs(t, w.fake); now != before {
			t.Errorf("after %s strangers have\n%s\nand had\n%s", operation, now, before)
			before = now
		}
	})
	r.settle(t)
	r.env = environment(t, "hyperlane.txtar", "testnet4", `grants: "keyPolicy" => grants: "iam"`)
	r.settle(t)
	t.Logf("%d write calls, none of them on what is not declared", w.total())
}

// theirs is all of the strangers' objects in words.
func theirs(t *testing.T, fake *cloudtest.Fake) string {
	t.Helper()
	var text strings.Builder
	line := func(what any, err error) {
		must(t, err)
		data, err := resource.Canonical(what)
		must(t, err)
		text.Write(append(data, '\n'))
	}
	ctx := t.Context()
	live, err := fake.IAM().GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1000)})
	must(t, err)
	is := func(name *string) bool { return strings.Contains(aws.ToString(name), "theirs") }
	for _, u := range live.UserDetailList {
		if is(u.UserName) {
			line(u, nil)
			line(fake.IAM().ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: u.UserName}))
		}
	}
	for _, g := range live.GroupDetailList {
		if is(g.GroupName) {
			line(g, nil)
		}
	}
	for _, role := range live.RoleDetailList {
		if is(role.RoleName) {
			line(role, nil)
		}
	}
	for _, p := range live.Policies {
		if is(p.PolicyName) {
			line(p, nil)
		}
	}
	for i := range 3 {
		id := aws.String(fmt.Sprintf("alias/hyperlane-testnet4-key-theirs-validator-%d", i))
		key, err := fake.KMS(virginia).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		must(t, err)
		tags, err := fake.KMS(virginia).ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key.KeyMetadata.KeyId})
		must(t, err)
		policy, err := fake.KMS(virginia).GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyMetadata.KeyId})
		line([]any{key.KeyMetadata, tags.Tags, policy.Policy}, err)
		bucket := aws.String(fmt.Sprintf("hyperlane-testnet4-theirs-%d", i))
		line(fake.S3(virginia).GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: bucket}))
	}
	return text.String()
}
