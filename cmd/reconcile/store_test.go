package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

func TestAJournalsBucketThatCanBeRewrittenUnseenIsFound(t *testing.T) {
	t.Parallel()
	const account, region, name = "111122223333", "us-west-2", "example-journal"
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account, Root: checkout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	session := &session{env: &config.Environment{Store: config.Store{Kind: "s3", Bucket: name, Region: region}}}
	session.aws, err = cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: region, Endpoint: moto.Endpoint(), Unlimited: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	set := &bootstrap.Set{Store: &bootstrap.Store{Bucket: name, Region: region, Policy: access.Document{Version: access.Version, Statements: []access.Statement{{
		Effect: access.Deny, Principals: map[string]access.Values{"AWS": access.Literals("*")}, Actions: []string{"s3:*"},
		Resources:  access.Literals(cloud.BucketARN(name), cloud.BucketARN(name)+"/*"),
		Conditions: map[string]map[string]access.Values{"Bool": {"aws:SecureTransport": access.Literals("false")}},
	}}}}}
	if _, err := session.storeFindings(t.Context(), set); !cloud.NotFound(err) {
		t.Errorf("without a bucket: %v", err)
	}
	_, err = session.aws.S3(region).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String(name), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
	})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := cloud.PutBucketPolicy(set.Store.Policy)
	if err != nil {
		t.Fatal(err)
	}
	set.Store.Policy.Statements[0].Actions = []string{"s3:PutObject"}
	other, err := cloud.PutBucketPolicy(set.Store.Policy)
	if err != nil {
		t.Fatal(err)
	}
	set.Store.Policy.Statements[0].Actions = []string{"s3:*"}
	versions, opened, another := "keeps no versions", "does not block public access", "has another policy"
	for i, step := range []struct {
		do    cloud.BucketWrite
		found []string
	}{
		{cloud.BlockBucket(cloud.NoPublicAccess()), []string{versions, another}},
		{cloud.VersionBucket("Enabled"), []string{another}},
		{other, []string{another}},
		{policy, nil},
		{cloud.BlockBucket(cloud.PublicAccess{BlockACLs: true, IgnoreACLs: true, BlockPolicy: true}), []string{opened}},
		{cloud.VersionBucket("Suspended"), []string{versions, opened}},
	} {
		step.do.Region, step.do.Name, step.do.Op = region, name, "the write"
		if _, _, err := session.aws.Buckets().Perform(t.Context(), step.do); err != nil {
			t.Fatal(err)
		}
		found, err := session.storeFindings(t.Context(), set)
		same := slices.EqualFunc(found, step.found, func(line, what string) bool { return strings.HasPrefix(line, "bucket "+name+" "+what) })
		if err != nil || !same {
			t.Errorf("after write %d: %q %v, want %q", i, found, err, step.found)
		}
	}
}
