package bucket_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/bucket"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	validator = "validator-7"
	byPolicy  = "arn:aws:iam::" + account + ":user/" + validator
	ownFolder = "arn:aws:s3:::" + zero + "/fuji/*"
)

// legacyWriter is a bucket whose own policy lets a user write and delete, who is
// declared to write to his folder by IAM.
func legacyWriter(t *testing.T) *bench {
	t.Helper()
	stated := checkpoints()
	stated.Bucket = zero
	b := newBench(t, stated)
	out, err := b.fake.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(validator)})
	must(t, out, err)
	b.create()
	b.env.Access.Users = []config.User{{Name: validator, Path: "/", Policies: []string{"storage"}}}
	b.env.Access.Policies = []config.Policy{{Name: "storage", Path: "/", Statements: []config.Statement{{Actions: []string{"s3:PutObject"}, Resources: []string{ownFolder}}}}}
	b.writesAs(byPolicy, "arn:aws:s3:::"+zero+"/*")
	return b
}

// writesAs lets somebody write to the bucket by its own policy.
func (b *bench) writesAs(who, where string) {
	b.putPolicy(b.T, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::`+zero+`","arn:aws:s3:::`+zero+`/*"]},
		{"Effect":"Allow","Principal":{"AWS":"`+who+`"},"Action":["s3:DeleteObject","s3:PutObject"],"Resource":"`+where+`"}]}`)
}

// grant lets the user write somewhere by IAM.
func (b *bench) grant(where string) {
	b.Helper()
	out, err := b.fake.IAM().PutUserPolicy(b.Context(), &iam.PutUserPolicyInput{UserName: aws.String(validator), PolicyName: aws.String("write"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"` + where + `"}}`)})
	must(b.T, out, err)
}

func TestAWriterIsNotTakenFromTheBucketsPolicyBeforeIAMLetsHimWrite(t *testing.T) {
	t.Parallel()
	b := legacyWriter(t)
	waits := func(when string, want bool) []resource.Step {
		t.Helper()
		_, steps, deferred := b.judge()
		if (len(deferred) == 1 && strings.Contains(deferred[0], byPolicy)) != want || (len(steps) == 0) != want {
			t.Fatalf("%s: steps %q, deferred %q", when, ops(steps), deferred)
		}
		return steps
	}
	waits("IAM says nothing yet", true)
	b.grant("arn:aws:s3:::" + zero + "/sepolia/*")
	waits("IAM lets him write elsewhere", true)
	heal := b.fake.Break(cloudtest.Denied, 0, cloudtest.Is("iam.GetAccountAuthorizationDetails"))
	b.grant(ownFolder)
	waits("IAM cannot be read", true)
	heal()
	b.iam = nil
	b.kind = b.place.kind(t)
	waits("nobody reads IAM", true)
	b.iam = b.fake.IAM()
	b.kind = b.place.kind(t)
	steps := waits("IAM lets him write", false)
	// The same is seen by the narrowed read of an apply, and it is told when IAM
	// lets go of him after the first reading.
	id := b.declare()[0].ID
	k, err := bucket.New(bucket.Options{
		Buckets: cloud.Buckets{S3: b.s3, Account: account}, Inventory: cloud.NewInventory(b.tagging, kind.TagEnvironment, "staging", kind.TypeBucket),
		Directory: cloud.NewDirectory(b.iam, instantly(), nil),
	})
	must(t, k, err)
	if seen := k.Observe(t.Context(), b.env, nil); len(seen.Facts) != 0 {
		t.Errorf("facts %v", seen.Facts)
	}
	if seen := b.kind.Read(t.Context(), b.env, []resource.ID{id}, nil); len(seen.Facts) != 0 {
		t.Errorf("facts %v", seen.Facts)
	}
	out, err := b.fake.IAM().DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String(validator), PolicyName: aws.String("write")})
	must(t, out, err)
	fact := resource.Fact{ID: id, Name: "writes-by-policy-only", Value: byPolicy}
	if seen := k.Read(t.Context(), b.env, []resource.ID{id}, nil); !slices.Contains(seen.Facts, fact) {
		t.Errorf("facts %v after IAM let go of him", seen.Facts)
	}
	b.grant(ownFolder)
	b.do(steps...)
	if _, steps, deferred := b.judge(); len(steps)+len(deferred) != 0 {
		t.Errorf("steps %q, deferred %q", ops(steps), deferred)
	}
}

func TestOnlyWhoIsDeclaredToWriteKeepsABucketsPolicyAsItIs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bench){
		"he is declared to read": func(b *bench) { b.env.Access.Policies[0].Statements[0].Actions = []string{"s3:GetObject"} },
		"he is declared to write to another": func(b *bench) {
			b.env.Access.Policies[0].Statements[0].Resources = []string{"arn:aws:s3:::" + one + "/*"}
		},
		"nobody has the policy":                   func(b *bench) { b.env.Access.Users[0].Policies = nil },
		"he is not declared":                      func(b *bench) { b.env.Access.Users = nil },
		"he could not write to his folder so far": func(b *bench) { b.writesAs(byPolicy, "arn:aws:s3:::"+zero+"/sepolia/*") },
		"the declared policy names him":           func(b *bench) { b.env.Access.Buckets[0].Writers = []string{byPolicy} },
	} {
		b := legacyWriter(t)
		change(b)
		if _, steps, deferred := b.judge(); !strings.Contains(ops(steps), "-policy") || len(deferred) != 0 {
			t.Errorf("%s: steps %q, deferred %q", name, ops(steps), deferred)
		}
	}
	for name, change := range map[string]func(*bench){
		"by any action of S3": func(b *bench) { b.env.Access.Policies[0].Statements[0].Actions = []string{"S3:Put*"} },
		"on anything":         func(b *bench) { b.env.Access.Policies[0].Statements[0].Resources = []string{"*"} },
		"by a group": func(b *bench) {
			b.env.Access.Users[0].Policies = nil
			b.env.Access.Groups = []config.Group{{Name: "writers", Members: []string{validator}, Policies: []string{"storage"}}}
		},
	} {
		b := legacyWriter(t)
		change(b)
		if _, steps, deferred := b.judge(); len(steps) != 0 || len(deferred) != 1 {
			t.Errorf("he is declared to write %s: steps %q, deferred %q", name, ops(steps), deferred)
		}
	}
}

func TestANarrowedReadWalksIAMOnceForAllBuckets(t *testing.T) {
	t.Parallel()
	b := legacyWriter(t)
	second := checkpoints()
	second.Name, second.Bucket = "second", "example-staging-second"
	b.env.Access.Buckets = append(b.env.Access.Buckets, second)
	b.create2()
	policy := &b.env.Access.Policies[0]
	policy.Statements[0].Resources = append(policy.Statements[0].Resources, "arn:aws:s3:::"+second.Bucket+"/*")
	text := strings.ReplaceAll(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+byPolicy+`"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::BUCKET/*"}}`, "BUCKET", second.Bucket)
	out, err := b.fake.S3(oregon).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &second.Bucket, Policy: &text})
	must(t, out, err)
	b.fake.Forget()
	var ids []resource.ID
	for _, r := range b.declare() {
		ids = append(ids, r.ID)
	}
	seen := b.kind.Read(t.Context(), b.env, ids, nil)
	if walks := b.fake.Calls()["iam.GetAccountAuthorizationDetails"]; len(seen.Facts) != 2 || walks != 1 {
		t.Errorf("facts %v after %d walks, want 2 after 1", seen.Facts, walks)
	}
}

// create2 makes the second bucket.
func (b *bench) create2() {
	b.Helper()
	for _, want := range b.declare() {
		if want.ID.Name == "second" {
			steps, err := b.kind.Steps(nil, &want, nil)
			must(b.T, steps, err)
			b.do(steps...)
		}
	}
}
