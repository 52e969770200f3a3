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

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const (
	account  = "111122223333"
	virginia = "us-east-1"
)

// agent is a process that runs on what it was given, whatever is planned.
type agent struct {
	user, accessKey string
	key, bucket     string
}

func (a agent) arn() string { return "arn:aws:iam::" + account + ":user/" + a.user }

// legacy is an account as Hyperlane's own infrastructure code leaves it.
func legacy(t *testing.T) (*cloudtest.Fake, []agent) {
	t.Helper()
	fake := cloudtest.NewFake(account)
	shared := []string{"alfajores", "chiado", "fuji", "sepolia"}
	agents := make([]agent, 0, 5)
	for _, network := range shared {
		agents = append(agents, validator(t, fake, network, 0))
	}
	agents = append(agents, validator(t, fake, "fuji", 1))
	first := legacyKey(t, fake, "hyperlane-testnet4-key-alfajores-validator-0", agents[:4])
	for i := range agents[:4] {
		agents[i].key = first
	}
	agents[4].key = legacyKey(t, fake, "hyperlane-testnet4-key-fuji-validator-1", agents[4:])
	return fake, agents
}

// validator makes one validator's user, with the tags of that code and a static
// key, and its bucket.
func validator(t *testing.T, fake *cloudtest.Fake, network string, index int) agent {
	t.Helper()
	a := agent{user: fmt.Sprintf("hyperlane-testnet4-%s-validator-%d", network, index)}
	a.bucket = "arn:aws:s3:::" + a.user
	in := &iam.CreateUserInput{UserName: aws.String(a.user)}
	for key, value := range map[string]string{"environment": "testnet4", "role": "validator", "chain": network, "index": fmt.Sprint(index)} {
		in.Tags = append(in.Tags, iamtypes.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	_, err := fake.IAM().CreateUser(t.Context(), in)
	must(t, err)
	made, err := fake.IAM().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(a.user)})
	must(t, err)
	a.accessKey = aws.ToString(made.AccessKey.AccessKeyId)
	fake.IAM().AgeAccessKey(a.accessKey, day().AddDate(-1, 0, 0), day())
	legacyBucket(t, fake, a)
	return a
}

// legacyBucket has no public access block left at all, and a policy that also
// lets the validator delete.
func legacyBucket(t *testing.T, fake *cloudtest.Fake, a agent) {
	t.Helper()
	api, name := fake.S3(virginia), aws.String(a.user)
	_, err := api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: name})
	must(t, err)
	_, err = api.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: name})
	must(t, err)
	_, err = api.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(strings.NewReplacer("BUCKET", a.bucket, "USER", a.arn()).Replace(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["BUCKET","BUCKET/*"]},
		{"Effect":"Allow","Principal":{"AWS":"USER"},"Action":["s3:DeleteObject","s3:PutObject"],"Resource":"BUCKET/*"}]}`))})
	must(t, err)
}

// legacyKey is a key with an alias of the old form, whose policy names the users
// in one statement. It gives its ARN.
func legacyKey(t *testing.T, fake *cloudtest.Fake, alias string, users []agent) string {
	t.Helper()
	api := fake.KMS(virginia)
	made, err := api.CreateKey(t.Context(), &kms.CreateKeyInput{
		Description: aws.String(strings.ReplaceAll(alias, "-", " ")), KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify,
		Tags: []types.Tag{{TagKey: aws.String("environment"), TagValue: aws.String("testnet4")}},
	})
	must(t, err)
	_, err = api.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/" + alias), TargetKeyId: made.KeyMetadata.KeyId})
	must(t, err)
	var arns []string
	for _, a := range users {
		arns = append(arns, `"`+a.arn()+`"`)
	}
	_, err = api.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: made.KeyMetadata.KeyId, Policy: aws.String(`{"Version":"2012-10-17","Id":"key-default-1","Statement":[
		{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":[` + strings.Join(arns, ",") + `]},"Action":["kms:GetPublicKey","kms:Sign","kms:DescribeKey"],"Resource":"*"}]}`)})
	must(t, err)
	return aws.ToString(made.KeyMetadata.Arn)
}
