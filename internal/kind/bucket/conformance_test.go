package bucket_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/bucket"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
	zero    = "example-staging-proofs"
	one     = "example-staging-validator-0-fuji"
	writer  = "arn:aws:iam::444455556666:role/processor"
)

// admin is S3 in the hands of somebody else.
type admin interface {
	cloud.BucketAPI
	DeleteBucketEncryption(context.Context, *s3.DeleteBucketEncryptionInput, ...func(*s3.Options)) (*s3.DeleteBucketEncryptionOutput, error)
	DeleteBucketOwnershipControls(context.Context, *s3.DeleteBucketOwnershipControlsInput, ...func(*s3.Options)) (*s3.DeleteBucketOwnershipControlsOutput, error)
	DeleteBucketPolicy(context.Context, *s3.DeleteBucketPolicyInput, ...func(*s3.Options)) (*s3.DeleteBucketPolicyOutput, error)
	DeletePublicAccessBlock(context.Context, *s3.DeletePublicAccessBlockInput, ...func(*s3.Options)) (*s3.DeletePublicAccessBlockOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	s3      func(region string) cloud.BucketAPI
	tagging func(region string) cloud.TaggingAPI
	admin   admin
	// iam reads the account's IAM; nil: nobody does.
	iam    cloud.DirectoryAPI
	faults *cloudtest.Switch
}

func proofs() config.Bucket {
	return config.Bucket{Name: "proofs", Bucket: zero, Region: oregon, Purpose: "proofs", Agent: "processor", Writers: []string{writer}}
}

func checkpoints() config.Bucket {
	return config.Bucket{Name: "validator-0-fuji", Bucket: one, Region: oregon, Purpose: "checkpoints", Agent: "validator", Listing: true}
}

func environment(buckets ...config.Bucket) *config.Environment {
	return &config.Environment{Name: "staging", AWS: config.AWS{Account: account, Region: oregon}, Access: &config.Access{Buckets: buckets}}
}

func instantly() cloud.Clock {
	return cloud.Clock{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// kind is the kind as apply makes it: anew, with a new inventory, for every
// reading of the world.
func (p place) kind(t *testing.T) kind.Kind {
	t.Helper()
	fresh := func() kind.Kind {
		o := bucket.Options{
			Buckets:   cloud.Buckets{S3: p.s3, Account: account, Clock: instantly()},
			Inventory: cloud.NewInventory(p.tagging, kind.TagEnvironment, "staging", kind.TypeKey, kind.TypeBucket),
		}
		if p.iam != nil {
			o.Directory = cloud.NewDirectory(p.iam, instantly(), nil)
		}
		k, err := bucket.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := fresh()
	k.Observe = func(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Seen {
		return fresh().Observe(ctx, env, lookup)
	}
	k.Read = func(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Seen {
		return fresh().Read(ctx, env, ids, lookup)
	}
	return k
}

func onFake(*testing.T) place {
	return placeOf(cloudtest.NewFake(account))
}

func placeOf(fake *cloudtest.Fake) place {
	return place{
		s3:      func(region string) cloud.BucketAPI { return fake.S3(region) },
		tagging: func(region string) cloud.TaggingAPI { return fake.Tagging(region) },
		admin:   fake.S3(oregon), iam: fake.IAM(), faults: &fake.Switch,
	}
}

func onEmulator(moto *cloudtest.Moto) func(*testing.T) place {
	return func(t *testing.T) place {
		t.Helper()
		if err := moto.Reset(); err != nil {
			t.Fatal(err)
		}
		proxy, err := cloudtest.NewProxy(moto.Endpoint())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(proxy.Close)
		watched, direct := session(t, proxy.Endpoint()), session(t, moto.Endpoint())
		return place{
			s3:      func(region string) cloud.BucketAPI { return watched.S3(region) },
			tagging: func(region string) cloud.TaggingAPI { return watched.Tagging(region) },
			admin:   direct.S3(oregon), faults: &proxy.Switch,
		}
	}
}

func session(t *testing.T, endpoint string) *cloud.Session {
	t.Helper()
	s, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: endpoint, Unlimited: true, MaxBackoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func harness(open func(*testing.T) place) kindtest.Harness {
	return kindtest.Harness{
		Recode: kindtest.Recode[bucket.Spec],
		New: func(t *testing.T) *kindtest.World {
			t.Helper()
			p := open(t)
			return &kindtest.World{
				Kind: p.kind(t), Environment: environment(proofs(), checkpoints()), Smaller: environment(proofs()),
				Effects: func(t *testing.T) int { t.Helper(); return p.count(t) },
				Drift:   p.drift(), Foreign: p.foreign,
				Reads: func(_ *testing.T, fault kindtest.Fault) func() {
					return p.faults.Break(cloudtest.Fault(fault), 0, cloudtest.Reads)
				},
				Writes: func(_ *testing.T, fault kindtest.Fault) func() {
					times := 0
					if fault == kindtest.Lost {
						times = 1
					}
					return p.faults.Break(cloudtest.Fault(fault), times, cloudtest.Writes)
				},
			}
		},
	}
}

func (p place) count(t *testing.T) int {
	t.Helper()
	out, err := p.admin.ListBuckets(context.Background(), &s3.ListBucketsInput{MaxBuckets: aws.Int32(100)})
	must(t, out, err)
	return len(out.Buckets)
}

func must(t *testing.T, _ any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readAll is a policy that lets everybody do something more.
const widened = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","ACTION"],"Resource":["arn:aws:s3:::` + zero + `","arn:aws:s3:::` + zero + `/*"]}]}`

func (p place) putPolicy(t *testing.T, text string) {
	t.Helper()
	out, err := p.admin.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(zero), Policy: &text})
	must(t, out, err)
}

func (p place) block(t *testing.T, acls, policies bool) {
	t.Helper()
	out, err := p.admin.PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{
		Bucket: aws.String(zero), PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &acls, IgnorePublicAcls: &acls, BlockPublicPolicy: &policies, RestrictPublicBuckets: &policies,
		},
	})
	must(t, out, err)
}

func (p place) tags(t *testing.T) map[string]string {
	t.Helper()
	out, err := p.admin.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: aws.String(zero)})
	must(t, out, err)
	tags := map[string]string{}
	for _, tag := range out.TagSet {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

func (p place) setTags(t *testing.T, tags map[string]string) {
	t.Helper()
	out, err := p.admin.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: aws.String(zero), Tagging: &types.Tagging{TagSet: tagSet(tags)}})
	must(t, out, err)
}

func tagSet(tags map[string]string) []types.Tag {
	var set []types.Tag
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		set = append(set, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return set
}

func (p place) drift() map[string]func(*testing.T) {
	name := aws.String(zero)
	return map[string]func(*testing.T){
		"the public access block is lifted": func(t *testing.T) { p.block(t, false, false) },
		"the public access block is closed": func(t *testing.T) { p.block(t, true, true) },
		"the policy is widened to list":     func(t *testing.T) { p.putPolicy(t, strings.ReplaceAll(widened, "ACTION", "s3:ListBucket")) },
		"the policy is widened to write":    func(t *testing.T) { p.putPolicy(t, strings.ReplaceAll(widened, "ACTION", "s3:PutObject")) },
		"the policy is widened and its readers locked": func(t *testing.T) {
			p.putPolicy(t, strings.ReplaceAll(widened, "ACTION", "s3:*"))
			p.block(t, true, true)
		},
		"the public access block is deleted": func(t *testing.T) {
			out, err := p.admin.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: name})
			must(t, out, err)
		},
		"the policy is removed": func(t *testing.T) {
			out, err := p.admin.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: name})
			must(t, out, err)
		},
		"ownership is off": func(t *testing.T) {
			out, err := p.admin.DeleteBucketOwnershipControls(t.Context(), &s3.DeleteBucketOwnershipControlsInput{Bucket: name})
			must(t, out, err)
		},
		"versioning is suspended": func(t *testing.T) {
			out, err := p.admin.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
				Bucket: name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
			})
			must(t, out, err)
		},
		"encryption is by a key that readers have not": func(t *testing.T) {
			rule := types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms}}
			out, err := p.admin.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
				Bucket: name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}},
			})
			must(t, out, err)
		},
		"a tag is retyped": func(t *testing.T) {
			tags := p.tags(t)
			tags["agent"] = "watcher"
			p.setTags(t, tags)
		},
		"a tag is removed": func(t *testing.T) {
			tags := p.tags(t)
			delete(tags, "use")
			p.setTags(t, tags)
		},
	}
}

func (p place) make(t *testing.T, tags map[string]string) {
	t.Helper()
	out, err := p.admin.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String(zero), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: oregon, Tags: tagSet(tags)},
	})
	must(t, out, err)
}

func (p place) foreign(t *testing.T) (resource.ID, func() string) {
	t.Helper()
	p.make(t, map[string]string{"team": "somebody else"})
	return proofs().ResourceID(), func() string { return p.print(t) }
}

// print is all of a bucket's configuration.
func (p place) print(t *testing.T) string {
	t.Helper()
	ctx, name := t.Context(), aws.String(zero)
	policy, errPolicy := p.admin.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name})
	block, errBlock := p.admin.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name})
	owner, errOwner := p.admin.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: name})
	versions, errVersions := p.admin.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: name})
	by, errBy := p.admin.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: name})
	all := []any{p.tags(t)}
	if errPolicy == nil {
		all = append(all, policy.Policy)
	}
	if errBlock == nil {
		all = append(all, block.PublicAccessBlockConfiguration)
	}
	if errOwner == nil {
		all = append(all, owner.OwnershipControls)
	}
	must(t, versions, errVersions)
	must(t, by, errBy)
	text, err := resource.Canonical(append(all, versions.Status, by.ServerSideEncryptionConfiguration))
	must(t, text, err)
	return string(text)
}

func TestTheKindConformsOnTheFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake))
}

func TestTheKindConformsOnTheEmulator(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	kindtest.Run(t, harness(onEmulator(moto)))
}
