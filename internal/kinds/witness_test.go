package kinds_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// witness looks at the account after every single write, and asks whether
// agents that run can still do all that they do.
type witness struct {
	t      *testing.T
	fake   *cloudtest.Fake
	agents []agent
	// calls are the writes that were looked at, by operation.
	calls map[string]int
}

// watch begins, and demands that the agents can do their work to begin with.
func watch(t *testing.T, fake *cloudtest.Fake, agents []agent) *witness {
	t.Helper()
	w := &witness{t: t, fake: fake.Aside(), agents: agents, calls: map[string]int{}}
	w.check("nothing")
	fake.AfterWrite(func(operation string) {
		w.calls[operation]++
		w.check(operation)
	})
	return w
}

// total is how many writes were looked at.
func (w *witness) total() int {
	total := 0
	for _, n := range w.calls {
		total += n
	}
	return total
}

// world is the account as it is, read by nobody.
func (w *witness) world() *access.World {
	ctx := context.Background()
	live, err := cloud.NewDirectory(w.fake.IAM(), cloud.Clock{}, nil).All(ctx)
	must(w.t, err)
	world := &access.World{Account: account, Directory: *live}
	ring := cloud.Keyring{KMS: w.fake.KMS(virginia), Tagging: w.fake.Tagging(virginia), Region: virginia, Parallel: 1}
	seen := map[string]bool{}
	for _, a := range w.agents {
		if !seen[a.key] {
			world.Keys = append(world.Keys, w.key(ctx, ring, a.key))
		}
		if !seen[a.bucket] {
			world.Buckets = append(world.Buckets, w.bucket(ctx, a.bucket))
		}
		seen[a.key], seen[a.bucket] = true, true
	}
	return world
}

func (w *witness) key(ctx context.Context, ring cloud.Keyring, arn string) access.Key {
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	key := access.Key{ARN: arn}
	meta, err := ring.Describe(ctx, id)
	must(w.t, err)
	if meta.KeyState != "Enabled" {
		w.t.Errorf("key %s is %s", id, meta.KeyState)
	}
	key.Policy, err = ring.Policy(ctx, id)
	must(w.t, err)
	key.Grants, err = ring.Grants(ctx, id)
	must(w.t, err)
	aliases, err := ring.Aliases(ctx, id)
	must(w.t, err)
	key.Aliases = slices.Sorted(maps.Keys(aliases))
	key.Tags, err = ring.Tags(ctx, id)
	must(w.t, err)
	return key
}

func (w *witness) bucket(ctx context.Context, arn string) access.Bucket {
	b, name := access.Bucket{ARN: arn}, aws.String(strings.TrimPrefix(arn, "arn:aws:s3:::"))
	policy, err := w.fake.S3(virginia).GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name})
	must(w.t, err)
	b.Policy = access.Read(aws.ToString(policy.Policy))
	if block, err := w.fake.S3(virginia).GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name}); err == nil {
		b.RestrictPublic = aws.ToBool(block.PublicAccessBlockConfiguration.RestrictPublicBuckets)
	}
	return b
}

// check demands that each agent signs with its key and writes to its bucket by
// the static key that it runs with, and that anybody reads what it wrote.
func (w *witness) check(after string) {
	world := w.world()
	tls := map[string][]string{"aws:SecureTransport": {"true"}}
	for _, a := range w.agents {
		for _, need := range []access.Request{
			{Principal: a.arn(), Action: "kms:Sign", Resource: a.key},
			{Principal: a.arn(), Action: "kms:GetPublicKey", Resource: a.key},
			{Principal: a.arn(), Action: "s3:PutObject", Resource: a.bucket + "/checkpoint_7_with_id.json", Context: tls},
			{Action: "s3:GetObject", Resource: a.bucket + "/checkpoint_7_with_id.json", Context: tls},
			{Action: "s3:GetObject", Resource: a.bucket + "/checkpoint_7_with_id.json", Context: map[string][]string{"aws:SecureTransport": {"false"}}},
			{Action: "s3:ListBucket", Resource: a.bucket, Context: tls},
		} {
			if d := world.Decide(need); d.Verdict != access.Allowed {
				w.t.Errorf("after %s: %q %s on %s: %s: %s", after, need.Principal, need.Action, need.Resource, d.Verdict, d.Reason)
			}
		}
		if !w.active(a) {
			w.t.Errorf("after %s: %s runs with access key %s, which is gone or switched off", after, a.user, a.accessKey)
		}
	}
}

func (w *witness) active(a agent) bool {
	out, err := w.fake.IAM().ListAccessKeys(context.Background(), &iam.ListAccessKeysInput{UserName: aws.String(a.user)})
	must(w.t, err)
	return slices.ContainsFunc(out.AccessKeyMetadata, func(m iamtypes.AccessKeyMetadata) bool {
		return aws.ToString(m.AccessKeyId) == a.accessKey && m.Status == iamtypes.StatusTypeActive
	})
}
