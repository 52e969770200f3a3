package cloudtest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// The statements of the policies below, on the bucket "proofs".
const (
	anybodyReads = `{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":"arn:aws:s3:::proofs/*"}`
	anybodyLists = `{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::proofs"}`
	writerReads  = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"s3:*","Resource":["arn:aws:s3:::proofs","arn:aws:s3:::proofs/*"]}`
	needsTLS     = `{"Effect":"Deny","Principal":{"AWS":"*"},"NotAction":["s3:GetObject"],"Resource":["arn:aws:s3:::proofs","arn:aws:s3:::proofs/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	needsNone    = `{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::proofs/*","Condition":{"Bool":{"aws:SecureTransport":["true"]}}}`
	neverWritten = `{"Effect":"Deny","Principal":"*","Action":"s3:Put*","Resource":"arn:aws:s3:::proofs/*"}`
	ofAnOrg      = `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::proofs/*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}`
	ofNoOrg      = `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::proofs/*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}}`
	ofTheOrg     = `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::proofs/*","Condition":{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}}`
	ofNobody     = `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::proofs/*","Condition":{"Null":{"aws:PrincipalOrgID":"true"}}}`
)

// asked are a signer's and a stranger's S3 over one emulator.
type asked struct {
	signer, stranger *s3.Client
}

func askedOf(t *testing.T, endpoint string) asked {
	t.Helper()
	session, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: endpoint, Unlimited: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	must(t, err)
	return asked{signer: session.S3(oregon), stranger: s3.New(s3.Options{
		Region: oregon, BaseEndpoint: aws.String(endpoint), UsePathStyle: true, Credentials: aws.AnonymousCredentials{},
	})}
}

func get(ctx context.Context, who *s3.Client, key string) error {
	_, err := who.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("proofs"), Key: aws.String(key)})
	return err
}

func put(ctx context.Context, who *s3.Client, key string) error {
	_, err := who.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("proofs"), Key: aws.String(key), Body: strings.NewReader("{}")})
	return err
}

func list(ctx context.Context, who *s3.Client) error {
	_, err := who.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("proofs")})
	return err
}

// letIn are who gets what of a bucket; all of it that is not named is refused.
type letIn struct {
	policy string
	closed bool
	want   string
}

func TestTheEmulatorLetsAnybodyReadWhatIsPublicAndNothingElse(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	must(t, err)
	t.Cleanup(moto.Close)
	a := askedOf(t, moto.Endpoint())
	const signed = "signer reads, signer writes, signer lists"
	for name, c := range map[string]letIn{
		"no policy":                           {want: signed},
		"public":                              {policy: anybodyReads, want: signed + ", stranger reads"},
		"public, over TLS only":               {policy: anybodyReads + "," + needsTLS, want: signed + ", stranger reads"},
		"public, with a list":                 {policy: anybodyReads + "," + anybodyLists, want: signed + ", stranger reads, stranger lists, stranger is told what is missing"},
		"public, and all public is shut":      {policy: anybodyReads + "," + anybodyLists, closed: true, want: signed},
		"somebody's":                          {policy: writerReads, want: signed},
		"public, and nobody writes":           {policy: anybodyReads + "," + neverWritten, want: "signer reads, signer lists, stranger reads"},
		"nobody writes over TLS":              {policy: needsNone, want: "signer reads, signer lists"},
		"for an organisation":                 {policy: ofAnOrg, want: signed},
		"for everybody but an organisation's": {policy: ofNoOrg, want: signed + ", stranger reads"},
		"for who names no other organisation": {policy: ofTheOrg, want: signed + ", stranger reads"},
		"for who names no organisation":       {policy: ofNobody, want: signed + ", stranger reads"},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, moto.Reset())
			a.open(t, c)
			if have := strings.Join(a.can(t), ", "); have != c.want {
				t.Errorf("have %s\nwant %s", have, c.want)
			}
		})
	}
}

// open makes the bucket with an object in it.
func (a asked) open(t *testing.T, c letIn) {
	t.Helper()
	ctx, name := t.Context(), aws.String("proofs")
	_, err := a.signer.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: oregon},
	})
	must(t, err)
	must(t, put(ctx, a.signer, "0"))
	if !c.closed {
		_, err = a.signer.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
			Bucket: name, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(false)},
		})
		must(t, err)
	}
	if c.policy != "" {
		_, err = a.signer.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(`{"Version":"2012-10-17","Statement":[` + c.policy + `]}`)})
		must(t, err)
	}
}

// can tries everything, and wants every refusal to say so.
func (a asked) can(t *testing.T) []string {
	t.Helper()
	ctx := t.Context()
	var able []string
	note := func(what string, err error) {
		switch {
		case err == nil:
			able = append(able, what)
		case !cloud.Denied(err):
			t.Errorf("%s: %v", what, err)
		}
	}
	note("signer reads", get(ctx, a.signer, "0"))
	note("signer writes", put(ctx, a.signer, "1"))
	note("signer lists", list(ctx, a.signer))
	note("stranger reads", get(ctx, a.stranger, "0"))
	note("stranger writes", put(ctx, a.stranger, "2"))
	note("stranger overwrites", put(ctx, a.stranger, "0"))
	note("stranger lists", list(ctx, a.stranger))
	if err := get(ctx, a.stranger, "none"); cloud.NotFound(err) {
		able = append(able, "stranger is told what is missing")
	} else if !cloud.Denied(err) {
		t.Errorf("a stranger reads what is not there: %v", err)
	}
	_, err := a.stranger.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("proofs")})
	note("stranger reads the policy", err)
	_, err = a.stranger.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("proofs")})
	note("stranger removes the bucket", err)
	return able
}
