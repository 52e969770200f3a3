package cloud

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// BucketWrite is one change of a bucket's configuration, and how one sees that it
// happened. All of them say how the bucket is, so that a second one makes nothing
// twice.
type BucketWrite struct {
	// Region and Name are the bucket's, Op is what we call the write.
	Region, Name, Op string
	// Guard says why the bucket must not be written, by its tags as they were read
	// right before; nil: nothing is asked. A bucket that is made is not there yet,
	// and has no guard.
	Guard func(tags map[string]string) error

	// action is as in an IAM policy.
	action string
	// makes: the bucket must not be there.
	makes bool
	send  func(context.Context, bucketTarget) error
	// part is where the effect shows.
	part  BucketPart
	shows func(BucketConfig) bool
}

// bucketTarget is what a write is sent to.
type bucketTarget struct {
	api          BucketWriter
	region       string
	bucket       *string
	owner        *string
	clock        Clock
	tagsRightNow map[string]string
}

// Perform makes a change, waits until its effect is seen, and gives what the
// bucket puts out. Refused says that the error proves that nothing happened;
// without it the effect is unknown, or was accepted and is not seen yet.
func (b Buckets) Perform(ctx context.Context, w BucketWrite) (out resource.Outputs, refused bool, err error) {
	tags, err := b.ready(ctx, w)
	if err != nil {
		return nil, true, err
	}
	err = w.send(ctx, bucketTarget{api: b.S3(w.Region), region: w.Region, bucket: &w.Name, owner: &b.Account, clock: b.Clock, tagsRightNow: tags})
	if err != nil {
		return nil, NotAccepted(err), Explain(w.action, w.Name, err)
	}
	out, seen, err := b.Performed(ctx, w)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("accepted, and then: %w", err)
	case !seen:
		return nil, false, fmt.Errorf("%s was accepted and cannot be seen yet", w.Op)
	}
	return out, false, nil
}

// Performed reports whether the effect of a change that may have happened is
// seen, twice in a row, within the time that S3 takes to show one.
func (b Buckets) Performed(ctx context.Context, w BucketWrite) (out resource.Outputs, seen bool, err error) {
	waits := b.Waits
	if waits == nil {
		waits = SettleWaits()
	}
	seen, err = b.Clock.Await(ctx, waits, func() (bool, error) {
		c, err := b.Read(ctx, w.Region, w.Name, w.part)
		if NotFound(err) {
			return false, nil
		}
		return err == nil && w.shows(c), err
	})
	if err != nil || !seen {
		return nil, false, err
	}
	return resource.Outputs{"arn": BucketARN(w.Name)}, true, nil
}

// ready asks whether a change may be made, and gives the bucket's tags as they
// are.
func (b Buckets) ready(ctx context.Context, w BucketWrite) (map[string]string, error) {
	if w.makes {
		return nil, b.vacant(ctx, w.Region, w.Name)
	}
	c, err := b.Read(ctx, w.Region, w.Name, PartTags)
	if err == nil && w.Guard != nil {
		err = w.Guard(c.Tags)
	}
	return c.Tags, err
}

// vacant refuses a name that is in use. In us-east-1 S3 answers that all is well
// to who makes a bucket that is the account's already, and resets its ACL
// (CreateBucket, S3 API reference).
func (b Buckets) vacant(ctx context.Context, region, name string) error {
	at, err := b.Locate(ctx, region, name)
	if err == nil && at != "" {
		err = fmt.Errorf("bucket %s is there already", name)
	}
	return err
}

// BucketSettings say how parts of a bucket are set; of a part that is left out
// nothing is said. Ownership, Versioning and Encryption are S3's words.
type BucketSettings struct {
	Tags         map[string]string `json:"tags,omitzero"`
	Policy       *access.Document  `json:"policy,omitempty"`
	PublicAccess *PublicAccess     `json:"publicAccess,omitempty"`
	Ownership    string            `json:"ownership,omitempty"`
	Versioning   string            `json:"versioning,omitempty"`
	Encryption   string            `json:"encryption,omitempty"`
}

// Block is the public access block; where nothing is said of it, nothing is
// blocked.
func (s BucketSettings) Block() PublicAccess {
	if s.PublicAccess == nil {
		return PublicAccess{}
	}
	return *s.PublicAccess
}

// Put is the write that sets one part. An error says that nothing is said of it.
func (s BucketSettings) Put(part BucketPart) (BucketWrite, error) {
	switch {
	case part == PartTags && len(s.Tags) > 0:
		return TagBucket(s.Tags), nil
	case part == PartPolicy && s.Policy != nil:
		return PutBucketPolicy(*s.Policy)
	case part == PartPublicAccess && s.PublicAccess != nil:
		return BlockBucket(*s.PublicAccess), nil
	case part == PartOwnership && s.Ownership != "":
		return OwnBucket(s.Ownership), nil
	case part == PartVersioning && s.Versioning != "":
		return VersionBucket(s.Versioning), nil
	case part == PartEncryption && s.Encryption != "":
		return EncryptBucket(s.Encryption), nil
	default:
		return BucketWrite{}, fmt.Errorf("nothing is said of the part that %s reads", part)
	}
}

// MakeBucket makes a bucket with its tags: they are in the call, so that no
// bucket is ever without a mark. Ours tells by the tags of a live bucket whether
// it was made by this, and not by somebody else.
func MakeBucket(ownership string, tags map[string]string, ours func(tags map[string]string) bool) BucketWrite {
	return BucketWrite{action: "s3:CreateBucket", makes: true, part: PartTags,
		send: func(ctx context.Context, to bucketTarget) error {
			in := &s3.CreateBucketInput{
				Bucket: to.bucket, ObjectOwnership: types.ObjectOwnership(ownership),
				CreateBucketConfiguration: &types.CreateBucketConfiguration{Tags: bucketTags(tags)},
			}
			// The oldest Region is asked for by not naming it.
			if to.region != "us-east-1" {
				in.CreateBucketConfiguration.LocationConstraint = types.BucketLocationConstraint(to.region)
			}
			_, err := to.api.CreateBucket(ctx, in)
			if HasCode(err, "BucketAlreadyOwnedByYou") && !NotAccepted(err) {
				// The SDK sent it again after a lost reply; its tags will tell.
				return nil
			}
			return err
		},
		shows: func(c BucketConfig) bool { return ours(c.Tags) },
	}
}

// TagBucket adds tags and replaces values. S3 replaces all tags at once: those of
// other people go back as they are.
func TagBucket(tags map[string]string) BucketWrite {
	return BucketWrite{action: "s3:PutBucketTagging", part: PartTags,
		send: func(ctx context.Context, to bucketTarget) error {
			all := maps.Clone(to.tagsRightNow)
			maps.Copy(all, tags)
			_, err := to.api.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{
				Bucket: to.bucket, ExpectedBucketOwner: to.owner, Tagging: &types.Tagging{TagSet: bucketTags(all)},
			})
			return err
		},
		shows: func(c BucketConfig) bool {
			for name, value := range tags {
				if have, ok := c.Tags[name]; !ok || have != value {
					return false
				}
			}
			return true
		},
	}
}

// PutBucketPolicy replaces a bucket's policy. A principal that was made a moment
// ago is waited for. An error says that the document has no text.
func PutBucketPolicy(policy access.Document) (BucketWrite, error) {
	text, err := policy.Text()
	sent := access.Read(text)
	return BucketWrite{action: "s3:PutBucketPolicy", part: PartPolicy,
		send: func(ctx context.Context, to bucketTarget) error {
			return AwaitPrincipal(ctx, to.clock, func() error {
				_, err := to.api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: to.bucket, ExpectedBucketOwner: to.owner, Policy: &text})
				return err
			})
		},
		shows: func(c BucketConfig) bool { return c.Policy != "" && sent.Equivalent(access.Read(c.Policy)) },
	}, err
}

// BlockBucket replaces a bucket's public access block.
func BlockBucket(block PublicAccess) BucketWrite {
	return BucketWrite{action: "s3:PutBucketPublicAccessBlock", part: PartPublicAccess,
		send: func(ctx context.Context, to bucketTarget) error {
			_, err := to.api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
				Bucket: to.bucket, ExpectedBucketOwner: to.owner, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
					BlockPublicAcls: &block.BlockACLs, IgnorePublicAcls: &block.IgnoreACLs,
					BlockPublicPolicy: &block.BlockPolicy, RestrictPublicBuckets: &block.RestrictBuckets,
				},
			})
			return err
		},
		shows: func(c BucketConfig) bool { return c.PublicAccess == block },
	}
}

// OwnBucket says who owns the objects that others write, and with that whether
// ACLs mean anything.
func OwnBucket(ownership string) BucketWrite {
	return BucketWrite{action: "s3:PutBucketOwnershipControls", part: PartOwnership,
		send: func(ctx context.Context, to bucketTarget) error {
			rules := []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnership(ownership)}}
			_, err := to.api.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{
				Bucket: to.bucket, ExpectedBucketOwner: to.owner, OwnershipControls: &types.OwnershipControls{Rules: rules},
			})
			return err
		},
		shows: func(c BucketConfig) bool { return c.Ownership == ownership },
	}
}

// VersionBucket turns versioning on, or suspends it.
func VersionBucket(status string) BucketWrite {
	return BucketWrite{action: "s3:PutBucketVersioning", part: PartVersioning,
		send: func(ctx context.Context, to bucketTarget) error {
			_, err := to.api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
				Bucket: to.bucket, ExpectedBucketOwner: to.owner,
				VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatus(status)},
			})
			return err
		},
		shows: func(c BucketConfig) bool { return c.Versioning == status },
	}
}

// EncryptBucket says how new objects are encrypted that do not say it themselves.
func EncryptBucket(algorithm string) BucketWrite {
	return BucketWrite{action: "s3:PutEncryptionConfiguration", part: PartEncryption,
		send: func(ctx context.Context, to bucketTarget) error {
			by := types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryption(algorithm)}
			_, err := to.api.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
				Bucket: to.bucket, ExpectedBucketOwner: to.owner, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
					Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &by}},
				},
			})
			return err
		},
		shows: func(c BucketConfig) bool { return c.Encryption == algorithm },
	}
}

func bucketTags(tags map[string]string) []types.Tag {
	var set []types.Tag
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		set = append(set, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return set
}
