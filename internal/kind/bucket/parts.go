package bucket

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// live is one bucket as it was read.
type live struct {
	name, region string
	tags         map[string]string
	// policy is the text as S3 keeps it; empty: there is none.
	policy                            string
	public                            PublicAccess
	ownership, versioning, encryption string
}

// part is one piece of a bucket's configuration.
type part struct {
	// action is what IAM calls the read; it is not always the operation's name.
	action string
	// none is the code by which S3 says that there is no such piece; the SDK has
	// no type for any of them.
	none string
	read func(ctx context.Context, api Reader, b *live, owner *string) error
	// ops are the operations that write it.
	ops []string
}

// parts are all that is read of a bucket, its tags first: they say whose it is.
func parts() []part {
	return []part{
		{"s3:GetBucketTagging", "NoSuchTagSet", readTags, []string{opCreate, opTag, kind.AdoptOp}},
		{"s3:GetBucketPolicy", "NoSuchBucketPolicy", readPolicy, []string{opPolicy, opNarrow}},
		{"s3:GetBucketPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", readPublicAccess, []string{opPublicAccess, opCloseAccess}},
		{"s3:GetBucketOwnershipControls", "OwnershipControlsNotFoundError", readOwnership, []string{opOwnership}},
		{"s3:GetBucketVersioning", "", readVersioning, []string{opVersioning}},
		{"s3:GetEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError", readEncryption, []string{opEncryption}},
	}
}

// fetch reads all of a bucket.
func (k *buckets) fetch(ctx context.Context, name, region string) (*live, error) {
	b := &live{name: name, region: region, tags: map[string]string{}}
	for _, p := range parts() {
		if err := k.fill(ctx, p, b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// fill reads one part of a bucket. "There is none" is an answer.
func (k *buckets) fill(ctx context.Context, p part, b *live) error {
	err := p.read(ctx, k.S3(b.region), b, &k.Account)
	if p.none != "" && cloud.HasCode(err, p.none) {
		return nil
	}
	return cloud.Explain(p.action, b.name, err)
}

func readTags(ctx context.Context, api Reader, b *live, owner *string) error {
	out, err := api.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b.name, ExpectedBucketOwner: owner})
	if err != nil {
		return err
	}
	for _, tag := range out.TagSet {
		b.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return nil
}

func readPolicy(ctx context.Context, api Reader, b *live, owner *string) error {
	out, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.name, ExpectedBucketOwner: owner})
	if err != nil {
		return err
	}
	b.policy = aws.ToString(out.Policy)
	return nil
}

func readPublicAccess(ctx context.Context, api Reader, b *live, owner *string) error {
	out, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.name, ExpectedBucketOwner: owner})
	if err != nil {
		return err
	}
	if c := out.PublicAccessBlockConfiguration; c != nil {
		b.public = PublicAccess{
			BlockACLs: aws.ToBool(c.BlockPublicAcls), IgnoreACLs: aws.ToBool(c.IgnorePublicAcls),
			BlockPolicy: aws.ToBool(c.BlockPublicPolicy), RestrictBuckets: aws.ToBool(c.RestrictPublicBuckets),
		}
	}
	return nil
}

func readOwnership(ctx context.Context, api Reader, b *live, owner *string) error {
	out, err := api.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &b.name, ExpectedBucketOwner: owner})
	if err != nil {
		return err
	}
	if out.OwnershipControls != nil && len(out.OwnershipControls.Rules) > 0 {
		b.ownership = string(out.OwnershipControls.Rules[0].ObjectOwnership)
	}
	return nil
}

func readVersioning(ctx context.Context, api Reader, b *live, owner *string) error {
	out, err := api.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.name, ExpectedBucketOwner: owner})
	if err != nil {
		return err
	}
	b.versioning = string(out.Status)
	return nil
}

func readEncryption(ctx context.Context, api Reader, b *live, owner *string) error {
	out, err := api.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.name, ExpectedBucketOwner: owner})
	if err != nil {
		return err
	}
	if c := out.ServerSideEncryptionConfiguration; c != nil && len(c.Rules) > 0 && c.Rules[0].ApplyServerSideEncryptionByDefault != nil {
		b.encryption = string(c.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm)
	}
	return nil
}
