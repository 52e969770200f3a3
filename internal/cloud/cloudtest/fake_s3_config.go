package cloudtest

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// GetBucketTagging gives all tags, those of AWS's services too.
func (s *S3) GetBucketTagging(_ context.Context, in *s3.GetBucketTaggingInput, _ ...func(*s3.Options)) (*s3.GetBucketTaggingOutput, error) {
	return on(s, "GetBucketTagging", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.GetBucketTaggingOutput, error) {
		if len(b.tags) == 0 {
			return nil, failure("NoSuchTagSet", "The TagSet does not exist")
		}
		return &s3.GetBucketTaggingOutput{TagSet: tagSet(b.tags)}, nil
	})
}

// PutBucketTagging replaces all tags.
func (s *S3) PutBucketTagging(_ context.Context, in *s3.PutBucketTaggingInput, _ ...func(*s3.Options)) (*s3.PutBucketTaggingOutput, error) {
	return on(s, "PutBucketTagging", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.PutBucketTaggingOutput, error) {
		if in.Tagging == nil {
			return nil, failure("MalformedXML", "no tags")
		}
		tags, err := bucketTags(b.tags, in.Tagging.TagSet)
		if err != nil {
			return nil, err
		}
		b.tags = tags
		return &s3.PutBucketTaggingOutput{}, nil
	})
}

// GetBucketPolicy gives the policy as it was written.
func (s *S3) GetBucketPolicy(_ context.Context, in *s3.GetBucketPolicyInput, _ ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error) {
	return on(s, "GetBucketPolicy", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.GetBucketPolicyOutput, error) {
		if b.policy == "" {
			return nil, failure("NoSuchBucketPolicy", "The bucket policy does not exist")
		}
		return &s3.GetBucketPolicyOutput{Policy: aws.String(b.policy)}, nil
	})
}

// PutBucketPolicy checks the document, its principals, and whether public
// policies are blocked.
func (s *S3) PutBucketPolicy(_ context.Context, in *s3.PutBucketPolicyInput, _ ...func(*s3.Options)) (*s3.PutBucketPolicyOutput, error) {
	return on(s, "PutBucketPolicy", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.PutBucketPolicyOutput, error) {
		public, err := s.fake.bucketPolicy(aws.ToString(in.Policy), b.name)
		if err != nil {
			return nil, err
		}
		if public && b.block != nil && aws.ToBool(b.block.BlockPublicPolicy) {
			return nil, failure("AccessDenied", "not authorized to perform: s3:PutBucketPolicy because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access")
		}
		b.policy = *in.Policy
		return &s3.PutBucketPolicyOutput{}, nil
	})
}

// DeleteBucketPolicy is what somebody else does.
func (s *S3) DeleteBucketPolicy(_ context.Context, in *s3.DeleteBucketPolicyInput, _ ...func(*s3.Options)) (*s3.DeleteBucketPolicyOutput, error) {
	return on(s, "DeleteBucketPolicy", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.DeleteBucketPolicyOutput, error) {
		b.policy = ""
		return &s3.DeleteBucketPolicyOutput{}, nil
	})
}

// GetPublicAccessBlock gives the bucket's own, never the account's.
func (s *S3) GetPublicAccessBlock(_ context.Context, in *s3.GetPublicAccessBlockInput, _ ...func(*s3.Options)) (*s3.GetPublicAccessBlockOutput, error) {
	return on(s, "GetPublicAccessBlock", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.GetPublicAccessBlockOutput, error) {
		if b.block == nil {
			return nil, failure("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
		}
		block := *b.block
		return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &block}, nil
	})
}

// PutPublicAccessBlock replaces all four; one that is left out is off.
func (s *S3) PutPublicAccessBlock(_ context.Context, in *s3.PutPublicAccessBlockInput, _ ...func(*s3.Options)) (*s3.PutPublicAccessBlockOutput, error) {
	return on(s, "PutPublicAccessBlock", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.PutPublicAccessBlockOutput, error) {
		c := in.PublicAccessBlockConfiguration
		if c == nil {
			return nil, failure("MalformedXML", "no configuration")
		}
		b.block = &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(aws.ToBool(c.BlockPublicAcls)), IgnorePublicAcls: aws.Bool(aws.ToBool(c.IgnorePublicAcls)),
			BlockPublicPolicy: aws.Bool(aws.ToBool(c.BlockPublicPolicy)), RestrictPublicBuckets: aws.Bool(aws.ToBool(c.RestrictPublicBuckets)),
		}
		return &s3.PutPublicAccessBlockOutput{}, nil
	})
}

// DeletePublicAccessBlock is what somebody else does.
func (s *S3) DeletePublicAccessBlock(_ context.Context, in *s3.DeletePublicAccessBlockInput, _ ...func(*s3.Options)) (*s3.DeletePublicAccessBlockOutput, error) {
	return on(s, "DeletePublicAccessBlock", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.DeletePublicAccessBlockOutput, error) {
		b.block = nil
		return &s3.DeletePublicAccessBlockOutput{}, nil
	})
}

// GetBucketOwnershipControls says whether ACLs mean anything.
func (s *S3) GetBucketOwnershipControls(_ context.Context, in *s3.GetBucketOwnershipControlsInput, _ ...func(*s3.Options)) (*s3.GetBucketOwnershipControlsOutput, error) {
	return on(s, "GetBucketOwnershipControls", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.GetBucketOwnershipControlsOutput, error) {
		if b.ownership == "" {
			return nil, failure("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
		}
		return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: &types.OwnershipControls{
			Rules: []types.OwnershipControlsRule{{ObjectOwnership: b.ownership}},
		}}, nil
	})
}

// PutBucketOwnershipControls turns ACLs off only where they give nobody
// anything.
func (s *S3) PutBucketOwnershipControls(_ context.Context, in *s3.PutBucketOwnershipControlsInput, _ ...func(*s3.Options)) (*s3.PutBucketOwnershipControlsOutput, error) {
	return on(s, "PutBucketOwnershipControls", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.PutBucketOwnershipControlsOutput, error) {
		c := in.OwnershipControls
		if c == nil || len(c.Rules) != 1 || !slices.Contains(types.ObjectOwnership("").Values(), c.Rules[0].ObjectOwnership) {
			return nil, failure("MalformedXML", "one rule of ownership is needed")
		}
		if c.Rules[0].ObjectOwnership == types.ObjectOwnershipBucketOwnerEnforced && b.acl != types.BucketCannedACLPrivate {
			return nil, failure("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
		}
		b.ownership = c.Rules[0].ObjectOwnership
		return &s3.PutBucketOwnershipControlsOutput{}, nil
	})
}

// DeleteBucketOwnershipControls is what somebody else does.
func (s *S3) DeleteBucketOwnershipControls(_ context.Context, in *s3.DeleteBucketOwnershipControlsInput, _ ...func(*s3.Options)) (*s3.DeleteBucketOwnershipControlsOutput, error) {
	return on(s, "DeleteBucketOwnershipControls", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.DeleteBucketOwnershipControlsOutput, error) {
		b.ownership = ""
		return &s3.DeleteBucketOwnershipControlsOutput{}, nil
	})
}

// PutBucketAcl is what somebody else does, where ACLs are on and not blocked.
func (s *S3) PutBucketAcl(_ context.Context, in *s3.PutBucketAclInput, _ ...func(*s3.Options)) (*s3.PutBucketAclOutput, error) {
	return on(s, "PutBucketAcl", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.PutBucketAclOutput, error) {
		switch {
		case b.ownership == types.ObjectOwnershipBucketOwnerEnforced:
			return nil, failure("AccessControlListNotSupported", "The bucket does not allow ACLs")
		case in.ACL != types.BucketCannedACLPrivate && b.block != nil && aws.ToBool(b.block.BlockPublicAcls):
			return nil, failure("AccessDenied", "public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access")
		}
		b.acl = in.ACL
		return &s3.PutBucketAclOutput{}, nil
	})
}

// GetBucketVersioning gives no status where versioning was never on.
func (s *S3) GetBucketVersioning(_ context.Context, in *s3.GetBucketVersioningInput, _ ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error) {
	return on(s, "GetBucketVersioning", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.GetBucketVersioningOutput, error) {
		return &s3.GetBucketVersioningOutput{Status: b.versioning}, nil
	})
}

// PutBucketVersioning can suspend versioning, and never take it back to never.
func (s *S3) PutBucketVersioning(_ context.Context, in *s3.PutBucketVersioningInput, _ ...func(*s3.Options)) (*s3.PutBucketVersioningOutput, error) {
	return on(s, "PutBucketVersioning", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.PutBucketVersioningOutput, error) {
		c := in.VersioningConfiguration
		if c == nil || !slices.Contains(c.Status.Values(), c.Status) {
			return nil, failure("IllegalVersioningConfigurationException", "The Versioning element must be specified")
		}
		b.versioning = c.Status
		return &s3.PutBucketVersioningOutput{}, nil
	})
}

// GetBucketEncryption always has an answer: no bucket is without encryption.
func (s *S3) GetBucketEncryption(_ context.Context, in *s3.GetBucketEncryptionInput, _ ...func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error) {
	return on(s, "GetBucketEncryption", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.GetBucketEncryptionOutput, error) {
		by := b.encryption
		return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &by}},
		}}, nil
	})
}

// PutBucketEncryption replaces the default encryption.
func (s *S3) PutBucketEncryption(_ context.Context, in *s3.PutBucketEncryptionInput, _ ...func(*s3.Options)) (*s3.PutBucketEncryptionOutput, error) {
	return on(s, "PutBucketEncryption", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.PutBucketEncryptionOutput, error) {
		c := in.ServerSideEncryptionConfiguration
		if c == nil || len(c.Rules) != 1 || c.Rules[0].ApplyServerSideEncryptionByDefault == nil {
			return nil, failure("MalformedXML", "one rule of encryption is needed")
		}
		by := *c.Rules[0].ApplyServerSideEncryptionByDefault
		if by.SSEAlgorithm == types.ServerSideEncryptionAes256 && by.KMSMasterKeyID != nil {
			return nil, failure("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
		b.encryption = by
		return &s3.PutBucketEncryptionOutput{}, nil
	})
}

// DeleteBucketEncryption puts the default encryption back.
func (s *S3) DeleteBucketEncryption(_ context.Context, in *s3.DeleteBucketEncryptionInput, _ ...func(*s3.Options)) (*s3.DeleteBucketEncryptionOutput, error) {
	return on(s, "DeleteBucketEncryption", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.DeleteBucketEncryptionOutput, error) {
		b.encryption = types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}
		return &s3.DeleteBucketEncryptionOutput{}, nil
	})
}
