package cloudtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// fakeBuckets are the buckets of the account, and what the rest of the world
// has to do with them: names are unique over all accounts.
type fakeBuckets struct {
	own    map[string]*fakeBucket
	others map[string]bool
	// stale is what lists still show while they are frozen.
	stale map[string]*fakeBucket
}

type fakeBucket struct {
	name, region string
	created      time.Time
	tags         map[string]string
	policy       string
	// block is nil once it was deleted, which is not the same as all false in an
	// answer and is in effect.
	block      *types.PublicAccessBlockConfiguration
	ownership  types.ObjectOwnership
	versioning types.BucketVersioningStatus
	encryption types.ServerSideEncryptionByDefault
	acl        types.BucketCannedACL
}

// usEast1 is the Region that S3 began in; it has rules of its own.
const usEast1 = "us-east-1"

func (b *fakeBuckets) freeze() {
	b.stale = map[string]*fakeBucket{}
	for name, bucket := range b.own {
		c := *bucket
		c.tags = maps.Clone(bucket.tags)
		b.stale[name] = &c
	}
}

func (b *fakeBuckets) listed() map[string]*fakeBucket {
	if b.stale != nil {
		return b.stale
	}
	return b.own
}

// S3 is the fake's S3 as one region's endpoint answers.
type S3 struct {
	fake *Fake
	name string
}

// S3 is the client of one region.
func (f *Fake) S3(region string) *S3 { return &S3{fake: f, name: region} }

// OthersBucket takes a name for a bucket of another account.
func (f *Fake) OthersBucket(name string) {
	f.state.Lock()
	defer f.state.Unlock()
	if f.s3.others == nil {
		f.s3.others = map[string]bool{}
	}
	f.s3.others[name] = true
}

// SystemTag puts a tag on a bucket that only AWS's own services can write.
func (f *Fake) SystemTag(bucket, key, value string) {
	f.state.Lock()
	defer f.state.Unlock()
	f.s3.own[bucket].tags[key] = value
}

// Buckets counts the buckets of the account.
func (f *Fake) Buckets() int {
	f.state.Lock()
	defer f.state.Unlock()
	return len(f.s3.own)
}

// at finds a bucket of the account for a caller who expects an owner, and
// redirects one who asks in another region.
func (s *S3) at(name, expected *string) (*fakeBucket, error) {
	own := s.fake.s3.own[aws.ToString(name)]
	switch {
	case own == nil && s.fake.s3.others[aws.ToString(name)], own != nil && expected != nil && *expected != s.fake.account:
		return nil, failure("AccessDenied", "Access Denied")
	case own == nil:
		return nil, failure("NoSuchBucket", "The specified bucket does not exist")
	case own.region != s.name:
		return nil, failure("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint: "+own.region)
	default:
		return own, nil
	}
}

// on runs one operation on a bucket.
func on[O any](s *S3, operation string, name, expected *string, run func(*fakeBucket) (O, error)) (O, error) {
	return answer(s.fake, "s3."+operation, func() (O, error) {
		b, err := s.at(name, expected)
		if err != nil {
			var none O
			return none, err
		}
		return run(b)
	})
}

// CreateBucket makes a bucket as AWS does since April 2023: public access
// blocked, ACLs off, encrypted with AES256.
func (s *S3) CreateBucket(_ context.Context, in *s3.CreateBucketInput, _ ...func(*s3.Options)) (*s3.CreateBucketOutput, error) {
	return answer(s.fake, "s3.CreateBucket", func() (*s3.CreateBucketOutput, error) {
		name := aws.ToString(in.Bucket)
		made := &fakeBucket{
			name: name, region: s.name, tags: map[string]string{}, ownership: types.ObjectOwnershipBucketOwnerEnforced,
			encryption: types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256},
			block:      blockAll(), acl: types.BucketCannedACLPrivate,
		}
		var constraint string
		if c := in.CreateBucketConfiguration; c != nil {
			constraint = string(c.LocationConstraint)
			tags, err := bucketTags(nil, c.Tags)
			if err != nil {
				return nil, err
			}
			made.tags = tags
		}
		if err := bucketName(name); err != nil {
			return nil, err
		}
		if err := location(s.name, constraint); err != nil {
			return nil, err
		}
		if constraint != "" {
			made.region = constraint
		}
		if in.ObjectOwnership != "" {
			made.ownership = in.ObjectOwnership
		}
		if in.ACL != "" && in.ACL != types.BucketCannedACLPrivate {
			return nil, failure("InvalidBucketAclWithBlockPublicAccessError", "Bucket cannot have public ACLs set with BlockPublicAccess enabled")
		}
		have := s.fake.s3.own[name]
		switch {
		case s.fake.s3.others[name]:
			return nil, &types.BucketAlreadyExists{Message: aws.String("The requested bucket name is not available.")}
		case have != nil && have.region == usEast1 && s.name == usEast1:
			// The oldest Region answers that all is well, and resets the ACL.
			have.acl = types.BucketCannedACLPrivate
			return &s3.CreateBucketOutput{Location: aws.String("/" + name)}, nil
		case have != nil:
			return nil, &types.BucketAlreadyOwnedByYou{Message: aws.String("Your previous request to create the named bucket succeeded and you already own it.")}
		}
		_, made.created = s.fake.next()
		if s.fake.s3.own == nil {
			s.fake.s3.own = map[string]*fakeBucket{}
		}
		s.fake.s3.own[name] = made
		return &s3.CreateBucketOutput{Location: aws.String("/" + name)}, nil
	})
}

func blockAll() *types.PublicAccessBlockConfiguration {
	on := aws.Bool(true)
	return &types.PublicAccessBlockConfiguration{BlockPublicAcls: on, IgnorePublicAcls: on, BlockPublicPolicy: on, RestrictPublicBuckets: on}
}

// HeadBucket says whether a bucket is there; its answers have no body, so that
// their codes are those of HTTP.
func (s *S3) HeadBucket(_ context.Context, in *s3.HeadBucketInput, _ ...func(*s3.Options)) (*s3.HeadBucketOutput, error) {
	return answer(s.fake, "s3.HeadBucket", func() (*s3.HeadBucketOutput, error) {
		b, err := s.at(in.Bucket, in.ExpectedBucketOwner)
		switch {
		case err == nil:
			return &s3.HeadBucketOutput{BucketRegion: aws.String(b.region)}, nil
		case strings.Contains(err.Error(), "NoSuchBucket"):
			return nil, &types.NotFound{}
		case strings.Contains(err.Error(), "AccessDenied"):
			return nil, failure("Forbidden", "")
		default:
			return nil, failure("MovedPermanently", "")
		}
	})
}

// mostBuckets is the largest page of ListBuckets (S3 API reference).
const mostBuckets = 10000

// ListBuckets lists the buckets of all regions, page by page. It names their
// region only to a caller that uses a parameter.
func (s *S3) ListBuckets(_ context.Context, in *s3.ListBucketsInput, _ ...func(*s3.Options)) (*s3.ListBucketsOutput, error) {
	return answer(s.fake, "s3.ListBuckets", func() (*s3.ListBucketsOutput, error) {
		limit, err := limitOf(in.MaxBuckets, mostBuckets, mostBuckets)
		if err != nil {
			return nil, failure("InvalidArgument", err.Error())
		}
		var all []types.Bucket
		listed := s.fake.s3.listed()
		for _, name := range slices.Sorted(maps.Keys(listed)) {
			b := listed[name]
			if !strings.HasPrefix(name, aws.ToString(in.Prefix)) || in.BucketRegion != nil && b.region != *in.BucketRegion {
				continue
			}
			entry := types.Bucket{Name: aws.String(name), CreationDate: aws.Time(b.created)}
			if in.MaxBuckets != nil || in.Prefix != nil || in.ContinuationToken != nil || in.BucketRegion != nil {
				entry.BucketRegion = aws.String(b.region)
			}
			all = append(all, entry)
		}
		part, next, err := page(all, aws.ToString(in.ContinuationToken), limit)
		if err != nil {
			return nil, failure("InvalidArgument", "The continuation token provided is incorrect")
		}
		out := &s3.ListBucketsOutput{Buckets: part}
		if next != "" {
			out.ContinuationToken = aws.String(next)
		}
		return out, nil
	})
}

// DeleteBucket is what somebody else does; the kind never does.
func (s *S3) DeleteBucket(_ context.Context, in *s3.DeleteBucketInput, _ ...func(*s3.Options)) (*s3.DeleteBucketOutput, error) {
	return on(s, "DeleteBucket", in.Bucket, in.ExpectedBucketOwner, func(b *fakeBucket) (*s3.DeleteBucketOutput, error) {
		delete(s.fake.s3.own, b.name)
		return &s3.DeleteBucketOutput{}, nil
	})
}

// location checks a LocationConstraint against the endpoint that it was sent to
// (CreateBucket, S3 API reference).
func location(endpoint, constraint string) error {
	switch {
	case endpoint == usEast1 && constraint == usEast1:
		return failure("InvalidLocationConstraint", "The specified location-constraint is not valid")
	case endpoint != usEast1 && constraint != endpoint:
		if constraint == "" {
			constraint = "unspecified"
		}
		return failure("IllegalLocationConstraintException", fmt.Sprintf("The %s location constraint is incompatible for the region specific endpoint this request was sent to.", constraint))
	default:
		return nil
	}
}
