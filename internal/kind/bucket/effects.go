package bucket

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation; each uses its own part.
type parameters struct {
	Bucket       string            `json:"bucket"`
	Tags         map[string]string `json:"tags"`
	Policy       *access.Document  `json:"policy"`
	PublicAccess *PublicAccess     `json:"publicAccess"`
	Ownership    string            `json:"ownership"`
	Versioning   string            `json:"versioning"`
	Encryption   string            `json:"encryption"`
}

func prepare(ctx context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := decode(resolved.Step); err != nil {
		return nil, err
	}
	return kind.PrepareIntent(ctx, resolved)
}

// decode reads a step and refuses one that does not say what it is about.
func decode(step resource.Step) (parameters, error) {
	var p parameters
	if err := step.Params.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	complete := map[string]bool{
		opCreate: p.Ownership != "" && len(p.Tags) > 0, opTag: len(p.Tags) > 0, kind.AdoptOp: len(p.Tags) > 0,
		opPolicy: p.Policy != nil, opNarrow: p.Policy != nil, opPublicAccess: p.PublicAccess != nil, opCloseAccess: p.PublicAccess != nil,
		opOwnership: p.Ownership != "", opVersioning: p.Versioning != "", opEncryption: p.Encryption != "",
	}
	if p.Bucket == "" || !complete[step.Op] {
		return p, fmt.Errorf("%s: %s: no such operation, or its parameters are not complete", step.ID, step.Op)
	}
	return p, nil
}

// refused words a failed write, and marks the error that proves that nothing
// happened.
func refused(action, bucket string, err error) error {
	if cloud.NotAccepted(err) {
		return &kind.NotAcceptedError{Err: cloud.Explain(action, bucket, err)}
	}
	return cloud.Explain(action, bucket, err)
}

func (k *buckets) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	attempts, err := kind.Intents(prepared)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	api := k.S3(step.ID.Scope)
	if step.Op == opCreate {
		err = k.create(ctx, api, step.ID.Scope, p, attempts[0])
	} else {
		err = k.change(ctx, api, resolved, p)
	}
	if err != nil {
		return nil, err
	}
	there, err := k.holds(ctx, step, p, attempts)
	if err := kind.Accepted(step.Op, there, err); err != nil {
		return nil, err
	}
	return resource.Outputs{"arn": arnOf(p.Bucket)}, nil
}

// create makes a bucket with its tags. It looks first: in us-east-1 S3 answers
// that all is well for a bucket that is the account's already, and resets its
// ACL (CreateBucket, S3 API reference).
func (k *buckets) create(ctx context.Context, api API, region string, p parameters, attempt string) error {
	_, err := api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &p.Bucket, ExpectedBucketOwner: &k.Account})
	switch {
	case err == nil:
		return &kind.NotAcceptedError{Err: fmt.Errorf("bucket %s is there already", p.Bucket)}
	case elsewhere(err):
		return &kind.NotAcceptedError{Err: fmt.Errorf("bucket %s is not this account's, or not in %s: state another name", p.Bucket, region)}
	case !cloud.NotFound(err):
		return &kind.NotAcceptedError{Err: cloud.Explain("s3:ListBucket", p.Bucket, err)}
	}
	tags := maps.Clone(p.Tags)
	tags[kind.TagIntent] = attempt
	in := &s3.CreateBucketInput{
		Bucket: &p.Bucket, ObjectOwnership: types.ObjectOwnership(p.Ownership),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{Tags: tagSet(tags)},
	}
	// The oldest Region is asked for by not naming it.
	if region != "us-east-1" {
		in.CreateBucketConfiguration.LocationConstraint = types.BucketLocationConstraint(region)
	}
	_, err = api.CreateBucket(ctx, in)
	if cloud.HasCode(err, "BucketAlreadyOwnedByYou") && !cloud.NotAccepted(err) {
		// The SDK sent it again after a lost reply; the intent will tell.
		return nil
	}
	return refused("s3:CreateBucket", p.Bucket, err)
}

// change writes one part of a bucket that still carries our mark.
func (k *buckets) change(ctx context.Context, api API, resolved kind.Resolved, p parameters) error {
	step := resolved.Step
	b := &live{name: p.Bucket, region: step.ID.Scope, tags: map[string]string{}}
	if err := k.fill(ctx, parts()[0], b); err != nil {
		return &kind.NotAcceptedError{Err: err}
	}
	id, ours := kind.MarkedFor(b.tags, resolved.Environment.Name, Name, step.ID.Scope, "")
	adopted := step.Op == kind.AdoptOp && b.tags[kind.TagEnvironment] == "" && b.tags[kind.TagID] == ""
	if !adopted && (!ours || id != step.ID) {
		return &kind.NotAcceptedError{Err: fmt.Errorf("bucket %s carries the mark %q, need that of %s %s",
			p.Bucket, kind.MarkOf(b.tags, "", false), resolved.Environment.Name, step.ID)}
	}
	switch step.Op {
	case opTag, kind.AdoptOp:
		// All tags are replaced: those of other people go back as they are.
		maps.Copy(b.tags, p.Tags)
		_, err := api.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &p.Bucket, ExpectedBucketOwner: &k.Account, Tagging: &types.Tagging{TagSet: tagSet(b.tags)}})
		return refused("s3:PutBucketTagging", p.Bucket, err)
	case opPolicy, opNarrow:
		return k.putPolicy(ctx, api, p)
	case opPublicAccess, opCloseAccess:
		_, err := api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &p.Bucket, ExpectedBucketOwner: &k.Account, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &p.PublicAccess.BlockACLs, IgnorePublicAcls: &p.PublicAccess.IgnoreACLs,
			BlockPublicPolicy: &p.PublicAccess.BlockPolicy, RestrictPublicBuckets: &p.PublicAccess.RestrictBuckets,
		}})
		return refused("s3:PutBucketPublicAccessBlock", p.Bucket, err)
	case opOwnership:
		_, err := api.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: &p.Bucket, ExpectedBucketOwner: &k.Account, OwnershipControls: &types.OwnershipControls{
			Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnership(p.Ownership)}},
		}})
		return refused("s3:PutBucketOwnershipControls", p.Bucket, err)
	case opVersioning:
		_, err := api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &p.Bucket, ExpectedBucketOwner: &k.Account, VersioningConfiguration: &types.VersioningConfiguration{
			Status: types.BucketVersioningStatus(p.Versioning),
		}})
		return refused("s3:PutBucketVersioning", p.Bucket, err)
	default:
		rule := types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryption(p.Encryption)}}
		_, err := api.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &p.Bucket, ExpectedBucketOwner: &k.Account, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{rule},
		}})
		return refused("s3:PutEncryptionConfiguration", p.Bucket, err)
	}
}

// putPolicy waits for a writer that was made a moment ago.
func (k *buckets) putPolicy(ctx context.Context, api API, p parameters) error {
	text, err := p.Policy.Text()
	if err != nil {
		return &kind.NotAcceptedError{Err: err}
	}
	err = cloud.AwaitPrincipal(ctx, k.Clock, func() error {
		_, err := api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &p.Bucket, ExpectedBucketOwner: &k.Account, Policy: &text})
		return err
	})
	return refused("s3:PutBucketPolicy", p.Bucket, err)
}

// holds waits until the effect of a step can be seen, twice in a row.
func (k *buckets) holds(ctx context.Context, step resource.Step, p parameters, attempts []string) (bool, error) {
	all := parts()
	of := all[slices.IndexFunc(all, func(one part) bool { return slices.Contains(one.ops, step.Op) })]
	return k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		b := &live{name: p.Bucket, region: step.ID.Scope, tags: map[string]string{}}
		if err := k.fill(ctx, of, b); cloud.NotFound(err) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		return b.shows(step.Op, p, attempts), nil
	})
}

// shows reports whether a bucket is as an operation leaves it.
func (b *live) shows(op string, p parameters, attempts []string) bool {
	switch op {
	case opCreate:
		return slices.Contains(attempts, b.tags[kind.TagIntent])
	case opTag, kind.AdoptOp:
		for name, value := range p.Tags {
			if have, ok := b.tags[name]; !ok || have != value {
				return false
			}
		}
		return true
	case opPolicy, opNarrow:
		return b.policy != "" && p.Policy.Equivalent(access.Read(b.policy))
	case opPublicAccess, opCloseAccess:
		return b.public == *p.PublicAccess
	case opOwnership:
		return b.ownership == p.Ownership
	case opVersioning:
		return b.versioning == p.Versioning
	default:
		return b.encryption == p.Encryption
	}
}

// probe asks the bucket itself: each write says how the bucket is, so that a
// second one makes nothing twice, and a name can be made once only.
func (k *buckets) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	p, err := decode(resolved.Step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return kind.Unknown, nil, err
	}
	happened, err := kind.Sighted(k.holds(ctx, resolved.Step, p, attempts))
	if happened != kind.Yes {
		return happened, nil, err
	}
	return happened, resource.Outputs{"arn": arnOf(p.Bucket)}, nil
}

func tagSet(tags map[string]string) []types.Tag {
	var set []types.Tag
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		set = append(set, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return set
}
