package cloud

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// BucketReader is what reading buckets' configuration needs of S3 in one region.
type BucketReader interface {
	GetBucketEncryption(context.Context, *s3.GetBucketEncryptionInput, ...func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error)
	GetBucketOwnershipControls(context.Context, *s3.GetBucketOwnershipControlsInput, ...func(*s3.Options)) (*s3.GetBucketOwnershipControlsOutput, error)
	GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error)
	GetBucketTagging(context.Context, *s3.GetBucketTaggingInput, ...func(*s3.Options)) (*s3.GetBucketTaggingOutput, error)
	GetBucketVersioning(context.Context, *s3.GetBucketVersioningInput, ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error)
	GetPublicAccessBlock(context.Context, *s3.GetPublicAccessBlockInput, ...func(*s3.Options)) (*s3.GetPublicAccessBlockOutput, error)
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	ListBuckets(context.Context, *s3.ListBucketsInput, ...func(*s3.Options)) (*s3.ListBucketsOutput, error)
}

// BucketWriter is what setting buckets up needs. No delete is in it, and nothing
// of objects.
type BucketWriter interface {
	CreateBucket(context.Context, *s3.CreateBucketInput, ...func(*s3.Options)) (*s3.CreateBucketOutput, error)
	PutBucketEncryption(context.Context, *s3.PutBucketEncryptionInput, ...func(*s3.Options)) (*s3.PutBucketEncryptionOutput, error)
	PutBucketOwnershipControls(context.Context, *s3.PutBucketOwnershipControlsInput, ...func(*s3.Options)) (*s3.PutBucketOwnershipControlsOutput, error)
	PutBucketPolicy(context.Context, *s3.PutBucketPolicyInput, ...func(*s3.Options)) (*s3.PutBucketPolicyOutput, error)
	PutBucketTagging(context.Context, *s3.PutBucketTaggingInput, ...func(*s3.Options)) (*s3.PutBucketTaggingOutput, error)
	PutBucketVersioning(context.Context, *s3.PutBucketVersioningInput, ...func(*s3.Options)) (*s3.PutBucketVersioningOutput, error)
	PutPublicAccessBlock(context.Context, *s3.PutPublicAccessBlockInput, ...func(*s3.Options)) (*s3.PutPublicAccessBlockOutput, error)
}

// BucketAPI is both.
type BucketAPI interface {
	BucketReader
	BucketWriter
}

// Buckets reads and writes how the buckets of one account are set up. Its methods
// may be called from many goroutines.
type Buckets struct {
	// S3 gives the client of a region.
	S3 func(region string) BucketAPI
	// Account owns the buckets; every call says so, and S3 refuses it on a bucket
	// of somebody else.
	Account string
	// Parallel bounds how many buckets are read at once; 0 means 16.
	Parallel int
	// Clock and Waits are how long an effect may take to be seen; zero values
	// mean the wall clock and SettleWaits.
	Clock Clock
	Waits []time.Duration
}

// Buckets are those of the session's account.
func (s *Session) Buckets() Buckets {
	return Buckets{S3: func(region string) BucketAPI { return s.S3(region) }, Account: s.options.Account, Clock: s.options.Clock}
}

// BucketConfig is how one bucket is set up.
type BucketConfig struct {
	Name, Region string
	Tags         map[string]string
	// Policy is the text as S3 keeps it; empty: there is none.
	Policy string
	// PublicAccess is the bucket's own block. One that was deleted is all false,
	// which is how S3 acts on it.
	PublicAccess PublicAccess
	// Ownership, Versioning and Encryption are S3's words; empty where S3 has
	// none.
	Ownership, Versioning, Encryption string
}

// PublicAccess is a public access block: what is blocked where true.
type PublicAccess struct {
	BlockACLs       bool `json:"blockAcls"`
	IgnoreACLs      bool `json:"ignoreAcls"`
	BlockPolicy     bool `json:"blockPolicy"`
	RestrictBuckets bool `json:"restrictBuckets"`
}

// NoPublicAccess blocks all.
func NoPublicAccess() PublicAccess { return PublicAccess{true, true, true, true} }

// Within reports that all that is blocked stays blocked.
func (p PublicAccess) Within(next PublicAccess) bool {
	return (!p.BlockACLs || next.BlockACLs) && (!p.IgnoreACLs || next.IgnoreACLs) &&
		(!p.BlockPolicy || next.BlockPolicy) && (!p.RestrictBuckets || next.RestrictBuckets)
}

// BucketARN is the ARN of a bucket, which names neither region nor account.
func BucketARN(name string) string { return "arn:aws:s3:::" + name }

// BucketPart is one piece of a bucket's configuration, by the action that IAM
// wants for reading it; that is not always the operation's name.
type BucketPart string

// The parts of a bucket.
const (
	PartTags         BucketPart = "s3:GetBucketTagging"
	PartPolicy       BucketPart = "s3:GetBucketPolicy"
	PartPublicAccess BucketPart = "s3:GetBucketPublicAccessBlock"
	PartOwnership    BucketPart = "s3:GetBucketOwnershipControls"
	PartVersioning   BucketPart = "s3:GetBucketVersioning"
	PartEncryption   BucketPart = "s3:GetEncryptionConfiguration"
)

// BucketParts are all that is read of a bucket, its tags first: they say whose it
// is.
func BucketParts() []BucketPart {
	return []BucketPart{PartTags, PartPolicy, PartPublicAccess, PartOwnership, PartVersioning, PartEncryption}
}

// Read reads a bucket, or only some parts of it. A part that there is not is an
// answer; a bucket that there is not is an error, NotFound.
func (b Buckets) Read(ctx context.Context, region, name string, only ...BucketPart) (BucketConfig, error) {
	if len(only) == 0 {
		only = BucketParts()
	}
	c := BucketConfig{Name: name, Region: region, Tags: map[string]string{}}
	for _, part := range only {
		err := part.read(ctx, b.S3(region), &b.Account, &c)
		if err != nil && !HasCode(err, part.absent()) {
			return c, Explain(string(part), name, err)
		}
	}
	return c, nil
}

// absent is the code by which S3 says that there is no such part; the SDK has no
// type for any of them.
func (p BucketPart) absent() string {
	switch p {
	case PartTags:
		return "NoSuchTagSet"
	case PartPolicy:
		return "NoSuchBucketPolicy"
	case PartPublicAccess:
		return "NoSuchPublicAccessBlockConfiguration"
	case PartOwnership:
		return "OwnershipControlsNotFoundError"
	case PartEncryption:
		return "ServerSideEncryptionConfigurationNotFoundError"
	default:
		// Versioning that was never on is an answer without a status.
		return "none"
	}
}

func (p BucketPart) read(ctx context.Context, api BucketReader, owner *string, c *BucketConfig) error {
	switch p {
	case PartTags:
		out, err := api.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &c.Name, ExpectedBucketOwner: owner})
		if err != nil {
			return err
		}
		for _, tag := range out.TagSet {
			c.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	case PartPolicy:
		out, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &c.Name, ExpectedBucketOwner: owner})
		if err != nil {
			return err
		}
		c.Policy = aws.ToString(out.Policy)
	case PartPublicAccess:
		out, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &c.Name, ExpectedBucketOwner: owner})
		if err != nil {
			return err
		}
		c.PublicAccess = publicAccessOf(out.PublicAccessBlockConfiguration)
	case PartOwnership:
		out, err := api.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &c.Name, ExpectedBucketOwner: owner})
		if err != nil {
			return err
		}
		if out.OwnershipControls != nil && len(out.OwnershipControls.Rules) > 0 {
			c.Ownership = string(out.OwnershipControls.Rules[0].ObjectOwnership)
		}
	case PartVersioning:
		out, err := api.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &c.Name, ExpectedBucketOwner: owner})
		if err != nil {
			return err
		}
		c.Versioning = string(out.Status)
	case PartEncryption:
		out, err := api.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &c.Name, ExpectedBucketOwner: owner})
		if err != nil {
			return err
		}
		c.Encryption = encryptionOf(out.ServerSideEncryptionConfiguration)
	default:
		return fmt.Errorf("no part %q", p)
	}
	return nil
}

func publicAccessOf(block *types.PublicAccessBlockConfiguration) PublicAccess {
	if block == nil {
		return PublicAccess{}
	}
	return PublicAccess{
		BlockACLs: aws.ToBool(block.BlockPublicAcls), IgnoreACLs: aws.ToBool(block.IgnorePublicAcls),
		BlockPolicy: aws.ToBool(block.BlockPublicPolicy), RestrictBuckets: aws.ToBool(block.RestrictPublicBuckets),
	}
}

func encryptionOf(c *types.ServerSideEncryptionConfiguration) string {
	if c == nil || len(c.Rules) == 0 || c.Rules[0].ApplyServerSideEncryptionByDefault == nil {
		return ""
	}
	return string(c.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm)
}
