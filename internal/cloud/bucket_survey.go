package cloud

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

// typeBucket is a bucket as the tagging API calls it.
const typeBucket = "s3:bucket"

// bucketPage is the largest page of ListBuckets (S3 API reference). A list with
// a size also tells the Region of each bucket.
const bucketPage = 10000

// List maps the account's buckets whose names begin with the prefix to their
// regions; home is the region that is asked.
func (b Buckets) List(ctx context.Context, home, prefix string) (map[string]string, error) {
	in := &s3.ListBucketsInput{MaxBuckets: aws.Int32(bucketPage)}
	if prefix != "" {
		in.Prefix = aws.String(prefix)
	}
	regions := map[string]string{}
	for {
		out, err := b.S3(home).ListBuckets(ctx, in)
		if err != nil {
			return nil, Explain("s3:ListAllMyBuckets", "account "+b.Account, err)
		}
		for _, one := range out.Buckets {
			regions[aws.ToString(one.Name)] = aws.ToString(one.BucketRegion)
		}
		if in.ContinuationToken = out.ContinuationToken; aws.ToString(in.ContinuationToken) == "" {
			return regions, nil
		}
	}
}

// TakenError says that a name is in use and the bucket is not the account's, or
// not in the region that was asked.
type TakenError struct{ Name, Region string }

// Error says what to do.
func (e *TakenError) Error() string {
	return fmt.Sprintf("bucket %s is not this account's, or not in %s: state another name", e.Name, e.Region)
}

// Locate asks a region for a bucket by name and gives the region where it is,
// empty where there is no such bucket in the world. A *TakenError says that
// there is one and that it cannot be looked at.
func (b Buckets) Locate(ctx context.Context, region, name string) (at string, err error) {
	out, err := b.S3(region).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name, ExpectedBucketOwner: &b.Account})
	switch {
	case err == nil && aws.ToString(out.BucketRegion) != "":
		return *out.BucketRegion, nil
	case err == nil:
		return region, nil
	case NotFound(err):
		return "", nil
	// Answers to HEAD have no body, so that their codes are those of HTTP.
	case Denied(err) || HasCode(err, "Forbidden", "MovedPermanently", "PermanentRedirect"):
		return "", &TakenError{Name: name, Region: region}
	default:
		return "", Explain("s3:ListBucket", name, err)
	}
}

// Surveyed is one bucket as it was read, or why it could not be; a *TakenError
// says that the name is somebody else's.
type Surveyed struct {
	BucketConfig
	Err error
}

// BucketSearch says which buckets are read.
type BucketSearch struct {
	// Home is the region that is asked for the list of the account's buckets.
	Home string
	// Named maps names to the regions where they are asked for when the account's
	// list does not hold them: the list may lag, and a name may be somebody else's.
	Named map[string]string
	// Marked is a walk over tagged resources that others may share; it must list
	// s3:bucket. It is asked in Regions, for the buckets that Wanted says yes to.
	Marked  *Inventory
	Regions []string
	Wanted  func(region, name string, tags map[string]string) bool
}

// Survey reads the named buckets and the marked ones, many at once. What there is
// not is not in the answer; Unread are the regions that could not be searched for
// marked buckets, and why.
func (b Buckets) Survey(ctx context.Context, search BucketSearch) (found map[string]Surveyed, unread map[string]error) {
	unread = map[string]error{}
	suppose := map[string]string{}
	for _, region := range search.Regions {
		tagged, err := search.Marked.Of(ctx, region, typeBucket)
		if err != nil {
			unread[region] = err
		}
		for arn, has := range tagged {
			if name := strings.TrimPrefix(arn, BucketARN("")); search.Wanted(region, name, has) {
				suppose[name] = region
			}
		}
	}
	maps.Copy(suppose, search.Named)
	return b.read(ctx, search.Home, suppose), unread
}

// read reads buckets by name; suppose maps each to its region unless the list
// knows better.
func (b Buckets) read(ctx context.Context, home string, suppose map[string]string) map[string]Surveyed {
	found := map[string]Surveyed{}
	names := slices.Sorted(maps.Keys(suppose))
	if len(names) == 0 {
		return found
	}
	prefix := ""
	if len(names) == 1 {
		prefix = names[0]
	}
	listed, err := b.List(ctx, home, prefix)
	if err != nil {
		for _, name := range names {
			found[name] = Surveyed{Err: err}
		}
		return found
	}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(b.parallel())
	for _, name := range names {
		group.Go(func() error {
			if c, there, err := b.visit(ctx, name, listed[name], suppose[name]); there {
				mu.Lock()
				defer mu.Unlock()
				found[name] = Surveyed{BucketConfig: c, Err: err}
			}
			return nil
		})
	}
	_ = group.Wait() // each error is in the answer
	return found
}

// visit reads one bucket; there is false where there is none.
func (b Buckets) visit(ctx context.Context, name, region, otherwise string) (c BucketConfig, there bool, err error) {
	if region == "" {
		if region, err = b.Locate(ctx, otherwise, name); err != nil || region == "" {
			return c, err != nil, err
		}
	}
	c, err = b.Read(ctx, region, name)
	return c, !NotFound(err), err
}

func (b Buckets) parallel() int {
	if b.Parallel > 0 {
		return b.Parallel
	}
	return 16
}
