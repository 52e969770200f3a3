package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// BucketState is what keeps a bucket's objects safe.
type BucketState struct {
	// Versioned: what was overwritten can be found again.
	Versioned bool
	// Private: all four blocks of public access are on.
	Private bool
	// Policy has no statements where the bucket has no policy.
	Policy access.Document
}

// Bucket reads how safe a bucket is. One that is not there is an error.
func (s *Session) Bucket(ctx context.Context, region, name string) (BucketState, error) {
	var state BucketState
	client, bucket := s.S3(region), aws.String(name)
	versions, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: bucket})
	if err != nil {
		return state, Explain("s3:GetBucketVersioning", name, err)
	}
	state.Versioned = versions.Status == types.BucketVersioningStatusEnabled
	block, err := client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: bucket})
	if err != nil && !HasCode(err, "NoSuchPublicAccessBlockConfiguration") {
		return state, Explain("s3:GetBucketPublicAccessBlock", name, err)
	}
	if err == nil && block.PublicAccessBlockConfiguration != nil {
		c := block.PublicAccessBlockConfiguration
		state.Private = aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.BlockPublicPolicy) && aws.ToBool(c.RestrictPublicBuckets)
	}
	policy, err := client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucket})
	if err != nil && !HasCode(err, "NoSuchBucketPolicy") {
		return state, Explain("s3:GetBucketPolicy", name, err)
	}
	if err == nil {
		state.Policy = access.Read(aws.ToString(policy.Policy))
	}
	return state, nil
}
