package cloudtest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// bucketReads and bucketWrites are what the SDK's client and the fake have in
// common.
type bucketReads interface {
	GetBucketEncryption(context.Context, *s3.GetBucketEncryptionInput, ...func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error)
	GetBucketOwnershipControls(context.Context, *s3.GetBucketOwnershipControlsInput, ...func(*s3.Options)) (*s3.GetBucketOwnershipControlsOutput, error)
	GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error)
	GetBucketTagging(context.Context, *s3.GetBucketTaggingInput, ...func(*s3.Options)) (*s3.GetBucketTaggingOutput, error)
	GetBucketVersioning(context.Context, *s3.GetBucketVersioningInput, ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error)
	GetPublicAccessBlock(context.Context, *s3.GetPublicAccessBlockInput, ...func(*s3.Options)) (*s3.GetPublicAccessBlockOutput, error)
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	ListBuckets(context.Context, *s3.ListBucketsInput, ...func(*s3.Options)) (*s3.ListBucketsOutput, error)
}

type bucketWrites interface {
	CreateBucket(context.Context, *s3.CreateBucketInput, ...func(*s3.Options)) (*s3.CreateBucketOutput, error)
	DeleteBucketEncryption(context.Context, *s3.DeleteBucketEncryptionInput, ...func(*s3.Options)) (*s3.DeleteBucketEncryptionOutput, error)
	DeleteBucketOwnershipControls(context.Context, *s3.DeleteBucketOwnershipControlsInput, ...func(*s3.Options)) (*s3.DeleteBucketOwnershipControlsOutput, error)
	DeleteBucketPolicy(context.Context, *s3.DeleteBucketPolicyInput, ...func(*s3.Options)) (*s3.DeleteBucketPolicyOutput, error)
	DeletePublicAccessBlock(context.Context, *s3.DeletePublicAccessBlockInput, ...func(*s3.Options)) (*s3.DeletePublicAccessBlockOutput, error)
	PutBucketEncryption(context.Context, *s3.PutBucketEncryptionInput, ...func(*s3.Options)) (*s3.PutBucketEncryptionOutput, error)
	PutBucketPolicy(context.Context, *s3.PutBucketPolicyInput, ...func(*s3.Options)) (*s3.PutBucketPolicyOutput, error)
	PutBucketTagging(context.Context, *s3.PutBucketTaggingInput, ...func(*s3.Options)) (*s3.PutBucketTaggingOutput, error)
	PutBucketVersioning(context.Context, *s3.PutBucketVersioningInput, ...func(*s3.Options)) (*s3.PutBucketVersioningOutput, error)
	PutPublicAccessBlock(context.Context, *s3.PutPublicAccessBlockInput, ...func(*s3.Options)) (*s3.PutPublicAccessBlockOutput, error)
}

// buckets is S3 in some regions, with the tagging API of the first.
type buckets struct {
	in interface {
		bucketReads
		bucketWrites
	}
	virginia interface {
		bucketReads
		bucketWrites
	}
	tags tagAPI
}

func bucketsOn(f *cloudtest.Fake) buckets {
	return buckets{in: f.S3(oregon), virginia: f.S3("us-east-1"), tags: f.Tagging(oregon)}
}

func (b buckets) make(t *testing.T, name string, tags ...types.Tag) {
	t.Helper()
	_, err := b.in.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String(name), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: oregon, Tags: tags},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tagOf(key, value string) types.Tag {
	return types.Tag{Key: aws.String(key), Value: aws.String(value)}
}

func TestFakeAndEmulatorKeepTheRulesOfBuckets(t *testing.T) {
	t.Parallel()
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
	for name, rule := range map[string]func(*testing.T, buckets){
		"a bucket is made where it is asked for":             bucketLocation,
		"a new bucket is private, encrypted and has no ACLs": bucketDefaults,
		"what was taken away is not found":                   bucketAnswers,
		"tags replace each other, all at once":               bucketTagsReplace,
		"buckets are listed with their region, page by page": bucketsAreListed,
		"versioning is never, on or suspended":               bucketVersions,
	} {
		t.Run("fake: "+name, func(t *testing.T) { rule(t, bucketsOn(cloudtest.NewFake(account))) })
		t.Run("emulator: "+name, func(t *testing.T) {
			if err := moto.Reset(); err != nil {
				t.Fatal(err)
			}
			rule(t, buckets{in: session.S3(oregon), virginia: session.S3("us-east-1"), tags: session.Tagging(oregon)})
		})
	}
}

func bucketLocation(t *testing.T, b buckets) {
	t.Helper()
	at := func(client bucketWrites, name string, constraint types.BucketLocationConstraint) error {
		in := &s3.CreateBucketInput{Bucket: aws.String(name)}
		if constraint != "" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: constraint}
		}
		_, err := client.CreateBucket(t.Context(), in)
		return err
	}
	wantCode(t, "no region, in Oregon", at(b.in, "proofs", ""), "IllegalLocationConstraintException")
	wantCode(t, "Ireland, in Oregon", at(b.in, "proofs", "eu-west-1"), "IllegalLocationConstraintException")
	wantCode(t, "Virginia, in Virginia", at(b.virginia, "proofs", "us-east-1"), "InvalidLocationConstraint")
	for _, ok := range []error{at(b.in, "proofs-oregon", oregon), at(b.virginia, "proofs-virginia", ""), at(b.virginia, "proofs-ireland", "eu-west-1")} {
		if ok != nil {
			t.Error(ok)
		}
	}
	wantCode(t, "again", at(b.in, "proofs-oregon", oregon), "BucketAlreadyOwnedByYou")
	if err := at(b.virginia, "proofs-virginia", ""); err != nil {
		t.Errorf("Virginia answers that all is well, has %v", err)
	}
	_, err := b.in.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("no-such-bucket")})
	wantCode(t, "none", err, "NotFound")
	out, err := b.in.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("proofs-oregon")})
	if err != nil || aws.ToString(out.BucketRegion) != oregon {
		t.Errorf("head %+v %v", out, err)
	}
}

func bucketDefaults(t *testing.T, b buckets) {
	t.Helper()
	b.make(t, "proofs", tagOf("env", "staging"), tagOf("empty", ""))
	name := aws.String("proofs")
	block, err := b.in.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: name})
	if err != nil {
		t.Fatal(err)
	}
	c := block.PublicAccessBlockConfiguration
	if !aws.ToBool(c.BlockPublicAcls) || !aws.ToBool(c.IgnorePublicAcls) || !aws.ToBool(c.BlockPublicPolicy) || !aws.ToBool(c.RestrictPublicBuckets) {
		t.Errorf("public access block %+v", c)
	}
	owner, err := b.in.GetBucketOwnershipControls(t.Context(), &s3.GetBucketOwnershipControlsInput{Bucket: name})
	if err != nil || owner.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
		t.Errorf("ownership %+v %v", owner, err)
	}
	wantEncryption(t, b, types.ServerSideEncryptionAes256)
	tags, err := b.in.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: name})
	if err != nil || len(tags.TagSet) != 2 {
		t.Errorf("tags %+v %v", tags, err)
	}
	found, err := b.tags.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"s3:bucket"}})
	if err != nil || len(found.ResourceTagMappingList) != 1 || *found.ResourceTagMappingList[0].ResourceARN != "arn:aws:s3:::proofs" {
		t.Errorf("by tag %+v %v", found, err)
	}
}

func wantEncryption(t *testing.T, b buckets, want types.ServerSideEncryption) {
	t.Helper()
	out, err := b.in.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: aws.String("proofs")})
	if err != nil || out.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != want {
		t.Errorf("encryption %+v %v, want %s", out, err, want)
	}
}

func bucketAnswers(t *testing.T, b buckets) {
	t.Helper()
	b.make(t, "proofs")
	name := aws.String("proofs")
	_, err := b.in.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: name})
	wantCode(t, "no tags", err, "NoSuchTagSet")
	_, err = b.in.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: name})
	wantCode(t, "no policy", err, "NoSuchBucketPolicy")
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::proofs/*"}]}`
	if _, err = b.in.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: name, Policy: &text}); err != nil {
		t.Fatal(err)
	}
	out, err := b.in.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: name})
	if err != nil || aws.ToString(out.Policy) != text {
		t.Errorf("policy %+v %v", out, err)
	}
	_, err = b.in.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: name})
	must(t, err)
	_, err = b.in.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: name})
	wantCode(t, "no block", err, "NoSuchPublicAccessBlockConfiguration")
	_, err = b.in.DeleteBucketOwnershipControls(t.Context(), &s3.DeleteBucketOwnershipControlsInput{Bucket: name})
	must(t, err)
	_, err = b.in.GetBucketOwnershipControls(t.Context(), &s3.GetBucketOwnershipControlsInput{Bucket: name})
	wantCode(t, "no ownership", err, "OwnershipControlsNotFoundError")
	by := types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms}}
	_, err = b.in.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
		Bucket: name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{by}},
	})
	must(t, err)
	wantEncryption(t, b, types.ServerSideEncryptionAwsKms)
	_, err = b.in.DeleteBucketEncryption(t.Context(), &s3.DeleteBucketEncryptionInput{Bucket: name})
	must(t, err)
	wantEncryption(t, b, types.ServerSideEncryptionAes256)
	_, err = b.in.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: name})
	must(t, err)
	_, err = b.in.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: aws.String("no-such-bucket")})
	wantCode(t, "no bucket", err, "NoSuchBucket")
}

func bucketTagsReplace(t *testing.T, b buckets) {
	t.Helper()
	b.make(t, "proofs", tagOf("env", "staging"), tagOf("team", "bridge"))
	put := func(tags ...types.Tag) error {
		_, err := b.in.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: aws.String("proofs"), Tagging: &types.Tagging{TagSet: tags}})
		return err
	}
	must(t, put(tagOf("team", "proofs")))
	out, err := b.in.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: aws.String("proofs")})
	if err != nil || len(out.TagSet) != 1 || *out.TagSet[0].Value != "proofs" {
		t.Errorf("tags %+v %v", out, err)
	}
	wantCode(t, "one key twice", put(tagOf("a", "1"), tagOf("a", "2")), "InvalidTag")
	wantCode(t, "a tag of AWS's own", put(tagOf("aws:a", "1")), "InvalidTag")
}

func bucketsAreListed(t *testing.T, b buckets) {
	t.Helper()
	want := map[string]string{}
	for i := range 7 {
		b.make(t, fmt.Sprintf("proofs-%d", i))
		want[fmt.Sprintf("proofs-%d", i)] = oregon
	}
	_, err := b.virginia.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("proofs-x")})
	must(t, err)
	b.make(t, "other")
	want["proofs-x"] = "us-east-1"
	in := &s3.ListBucketsInput{MaxBuckets: aws.Int32(3), Prefix: aws.String("proofs-")}
	have := map[string]string{}
	for {
		out, err := b.in.ListBuckets(t.Context(), in)
		if err != nil || len(out.Buckets) > 3 {
			t.Fatalf("%d on a page, %v", len(out.Buckets), err)
		}
		for _, bucket := range out.Buckets {
			have[*bucket.Name] = aws.ToString(bucket.BucketRegion)
		}
		if in.ContinuationToken = out.ContinuationToken; in.ContinuationToken == nil {
			break
		}
	}
	if !maps.Equal(have, want) {
		t.Errorf("listed %v, want %v", have, want)
	}
}

func bucketVersions(t *testing.T, b buckets) {
	t.Helper()
	b.make(t, "proofs")
	for _, want := range []types.BucketVersioningStatus{"", types.BucketVersioningStatusEnabled, types.BucketVersioningStatusSuspended} {
		if want != "" {
			_, err := b.in.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
				Bucket: aws.String("proofs"), VersioningConfiguration: &types.VersioningConfiguration{Status: want},
			})
			must(t, err)
		}
		out, err := b.in.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: aws.String("proofs")})
		if err != nil || out.Status != want {
			t.Errorf("versioning %+v %v, want %q", out, err, want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheFakeKeepsBucketsApartAsTheWorldDoes(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	b := bucketsOn(f)
	f.OthersBucket("taken")
	create := func(name string) error {
		_, err := b.in.CreateBucket(t.Context(), &s3.CreateBucketInput{
			Bucket: aws.String(name), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: oregon},
		})
		return err
	}
	wantCode(t, "somebody's name", create("taken"), "BucketAlreadyExists")
	for _, name := range []string{"ab", strings.Repeat("a", 64), "Proofs", "proofs_1", "-proofs", "proofs.", "a..b", "10.0.0.1", "xn--proofs", "sthree-proofs", "proofs-s3alias", "proofs--x-s3"} {
		wantCode(t, name, create(name), "InvalidBucketName")
	}
	b.make(t, "proofs")
	name := aws.String("proofs")
	_, err := b.in.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("taken")})
	wantCode(t, "somebody's bucket", err, "Forbidden")
	_, err = b.in.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: aws.String("taken")})
	wantCode(t, "somebody's tags", err, "AccessDenied")
	_, err = b.in.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: name, ExpectedBucketOwner: aws.String("444455556666")})
	wantCode(t, "another owner expected", err, "AccessDenied")
	_, err = b.virginia.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: name})
	wantCode(t, "another region", err, "PermanentRedirect")
	_, err = b.virginia.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: name})
	wantCode(t, "head in another region", err, "MovedPermanently")
	_, err = b.in.ListBuckets(t.Context(), &s3.ListBucketsInput{MaxBuckets: aws.Int32(10001)})
	wantCode(t, "a page of 10001", err, "InvalidArgument")
	plain, err := b.in.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil || len(plain.Buckets) != 1 || plain.Buckets[0].BucketRegion != nil {
		t.Errorf("a list without parameters names regions: %+v %v", plain, err)
	}
	var many []types.Tag
	for i := range 51 {
		many = append(many, tagOf(fmt.Sprint(i), "x"))
	}
	put := func(tags []types.Tag) error {
		_, err := b.in.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: name, Tagging: &types.Tagging{TagSet: tags}})
		return err
	}
	wantCode(t, "51 tags", put(many), "BadRequest")
	must(t, put(many[:49]))
	f.SystemTag("proofs", "aws:cloudformation:stack-name", "old")
	wantCode(t, "a system tag left out", put(many[:49]), "InvalidTag")
	must(t, put(append(many[:49], tagOf("aws:cloudformation:stack-name", "old"))))
}

func TestTheFakeJudgesBucketPoliciesAsS3Does(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	b := bucketsOn(f)
	b.make(t, "proofs")
	name := aws.String("proofs")
	put := func(statement string) error {
		text := `{"Version":"2012-10-17","Statement":[` + statement + `]}`
		_, err := b.in.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: name, Policy: &text})
		return err
	}
	const read = `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::proofs/*"}`
	wantCode(t, "public while that is blocked", put(read), "AccessDenied")
	must(t, put(strings.Replace(read, `"Action"`, `"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}},"Action"`, 1)))
	must(t, put(strings.Replace(read, "Allow", "Deny", 1)))
	_, err := b.in.PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{Bucket: name, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)}})
	must(t, err)
	must(t, put(read))
	for what, wrong := range map[string]string{
		"another bucket":   strings.Replace(read, "proofs/", "other/", 1),
		"another service":  strings.Replace(read, "s3:GetObject", "kms:Sign", 1),
		"no principal":     strings.Replace(read, `"Principal":"*",`, "", 1),
		"no user":          strings.Replace(read, `"*"`, `{"AWS":"arn:aws:iam::`+account+`:user/nobody"}`, 1),
		"part of a name":   strings.Replace(read, `"*"`, `{"AWS":"arn:aws:iam::444455556666:user/no*"}`, 1),
		"no JSON":          "{",
		"no object":        strings.Replace(read, "proofs/*", "proofs", 1),
		"no bucket":        strings.Replace(read, "GetObject", "ListBucket", 1),
		"unknown elements": strings.Replace(read, "Effect", "Affect", 1),
	} {
		wantCode(t, what, put(wrong), "MalformedPolicy")
	}
	_, err = f.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("processor")})
	must(t, err)
	must(t, put(strings.Replace(read, `"*"`, `{"AWS":"arn:aws:iam::`+account+`:user/processor"}`, 1)))
}

func TestTheFakeTakesACLsOnlyWhereTheyAreOn(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	client := f.S3(oregon)
	bucketsOn(f).make(t, "proofs")
	name := aws.String("proofs")
	acl := func() error {
		_, err := client.PutBucketAcl(t.Context(), &s3.PutBucketAclInput{Bucket: name, ACL: types.BucketCannedACLPublicRead})
		return err
	}
	own := func(owner types.ObjectOwnership) error {
		_, err := client.PutBucketOwnershipControls(t.Context(), &s3.PutBucketOwnershipControlsInput{
			Bucket: name, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: owner}}},
		})
		return err
	}
	wantCode(t, "ACLs off", acl(), "AccessControlListNotSupported")
	must(t, own(types.ObjectOwnershipObjectWriter))
	wantCode(t, "public ACLs blocked", acl(), "AccessDenied")
	_, err := client.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: name})
	must(t, err)
	must(t, acl())
	wantCode(t, "an ACL in use", own(types.ObjectOwnershipBucketOwnerEnforced), "InvalidBucketAclWithObjectOwnership")
	if calls := f.Calls(); calls["s3.PutBucketAcl"] != 3 || calls["s3.PutBucketOwnershipControls"] != 2 {
		t.Errorf("calls %v", slices.Sorted(maps.Keys(calls)))
	}
}
