package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const ireland = "eu-west-1"

// bucketsOf are an account's buckets, without waiting for anything.
func bucketsOf(fake *cloudtest.Fake) cloud.Buckets {
	clock := cloud.Clock{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	return cloud.Buckets{S3: func(region string) cloud.BucketAPI { return fake.S3(region) }, Account: account, Clock: clock}
}

// bucketIn makes a bucket by somebody else's hand.
func bucketIn(t *testing.T, fake *cloudtest.Fake, region, name string, tags ...string) {
	t.Helper()
	c := &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	for i := 0; i < len(tags); i += 2 {
		c.Tags = append(c.Tags, types.Tag{Key: aws.String(tags[i]), Value: aws.String(tags[i+1])})
	}
	must(t, second(fake.S3(region).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name), CreateBucketConfiguration: c})))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestABucketIsReadWholeAndWhatItHasNotIsAnAnswer(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	b := bucketsOf(fake)
	bucketIn(t, fake, oregon, "proofs", "team", "bridge")
	want := cloud.BucketConfig{
		Name: "proofs", Region: oregon, Tags: map[string]string{"team": "bridge"}, PublicAccess: cloud.NoPublicAccess(),
		Ownership: "BucketOwnerEnforced", Encryption: "AES256",
	}
	have, err := b.Read(t.Context(), oregon, "proofs")
	if err != nil || !reflect.DeepEqual(have, want) {
		t.Errorf("have %+v %v\nwant %+v", have, err, want)
	}
	api, name := fake.S3(oregon), aws.String("proofs")
	must(t, second(api.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: name, Tagging: &types.Tagging{}})))
	must(t, second(api.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: name})))
	must(t, second(api.DeleteBucketOwnershipControls(t.Context(), &s3.DeleteBucketOwnershipControlsInput{Bucket: name})))
	want = cloud.BucketConfig{Name: "proofs", Region: oregon, Tags: map[string]string{}, Encryption: "AES256"}
	have, err = b.Read(t.Context(), oregon, "proofs")
	if err != nil || !reflect.DeepEqual(have, want) {
		t.Errorf("bare: have %+v %v\nwant %+v", have, err, want)
	}
	if _, err := b.Read(t.Context(), oregon, "none"); !cloud.NotFound(err) {
		t.Errorf("a bucket that is not there: %v", err)
	}
}

func TestOnlyThePartsThatAreAskedForAreRead(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	bucketIn(t, fake, oregon, "proofs")
	for _, part := range cloud.BucketParts() {
		fake.Forget()
		must(t, second(bucketsOf(fake).Read(t.Context(), oregon, "proofs", part)))
		if fake.Total() != 1 {
			t.Errorf("%s costs %v", part, fake.Calls())
		}
		heal := fake.Break(cloudtest.Denied, 0, cloudtest.Reads)
		_, err := bucketsOf(fake).Read(t.Context(), oregon, "proofs", part)
		if operation, _ := cloud.Operation(err); operation != string(part)+" on proofs" {
			t.Errorf("%s denied: %v", part, err)
		}
		heal()
	}
	if _, err := bucketsOf(fake).Read(t.Context(), oregon, "proofs", "s3:GetBucketLogging"); err == nil {
		t.Error("a part that nobody knows was read")
	}
}

// survey reads buckets by name.
func survey(t *testing.T, b cloud.Buckets, named map[string]string) map[string]cloud.Surveyed {
	t.Helper()
	found, unread := b.Survey(t.Context(), cloud.BucketSearch{Home: oregon, Named: named})
	if len(unread) > 0 {
		t.Errorf("unread regions %v", unread)
	}
	return found
}

func TestMarkedBucketsAreFoundInTheirRegionsAndReadOnce(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	bucketIn(t, fake, oregon, "named", "mark", "x", "id", "1")
	bucketIn(t, fake, oregon, "marked", "mark", "x", "id", "2")
	bucketIn(t, fake, oregon, "unwanted", "mark", "x", "id", "3")
	bucketIn(t, fake, oregon, "others", "mark", "y", "id", "2")
	bucketIn(t, fake, ireland, "far", "mark", "x", "id", "4")
	search := cloud.BucketSearch{Home: oregon, Named: map[string]string{"named": oregon}, Regions: []string{oregon, ireland}}
	search.Wanted = func(region, name string, tags map[string]string) bool {
		if name == "far" && region != ireland || name != "far" && region != oregon {
			t.Errorf("%s is said to be in %s", name, region)
		}
		return tags["id"] != "3"
	}
	look := func() (map[string]cloud.Surveyed, map[string]error) {
		search.Marked = cloud.NewInventory(func(region string) cloud.TaggingAPI { return fake.Tagging(region) }, "mark", "x", "kms:key", "s3:bucket")
		return bucketsOf(fake).Survey(t.Context(), search)
	}
	found, unread := look()
	if have := slices.Sorted(maps.Keys(found)); !slices.Equal(have, []string{"far", "marked", "named"}) || len(unread) > 0 || found["far"].Region != ireland {
		t.Errorf("found %v, unread %v", have, unread)
	}
	if _, changed := search.Named["far"]; changed {
		t.Error("what was asked for is changed")
	}
	defer fake.Break(cloudtest.Denied, 1, cloudtest.Is("tagging.GetResources"))()
	if found, unread := look(); !cloud.Denied(unread[oregon]) || unread[ireland] != nil || len(found) != 2 {
		t.Errorf("one region denied: found %v, unread %v", found, unread)
	}
}

func TestASurveyTellsApartWhatIsThereNotThereAndSomebodyElses(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	bucketIn(t, fake, oregon, "here")
	bucketIn(t, fake, ireland, "far")
	bucketIn(t, fake, oregon, "sealed")
	fake.Freeze()
	bucketIn(t, fake, oregon, "new")
	bucketIn(t, fake, ireland, "new-far")
	must(t, second(fake.S3(oregon).DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("sealed")})))
	fake.OthersBucket("taken")
	suppose := map[string]string{"here": oregon, "far": oregon, "new": oregon, "new-far": oregon, "sealed": oregon, "taken": oregon, "none": oregon}
	have := map[string]string{}
	for name, one := range survey(t, bucketsOf(fake), suppose) {
		have[name] = one.Region
		if taken := (*cloud.TakenError)(nil); errors.As(one.Err, &taken) {
			have[name] = "taken: " + taken.Name + " " + taken.Region
		} else if one.Err != nil {
			t.Errorf("%s: %v", name, one.Err)
		}
	}
	want := map[string]string{"here": oregon, "far": ireland, "new": oregon, "new-far": "taken: new-far " + oregon, "taken": "taken: taken " + oregon}
	if !maps.Equal(have, want) {
		t.Errorf("have %v\nwant %v", have, want)
	}
}

func TestWhatCannotBeReadInASurveyHidesNothingElse(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	bucketIn(t, fake, oregon, "aaa")
	bucketIn(t, fake, oregon, "bbb")
	suppose := map[string]string{"aaa": oregon, "bbb": oregon, "none": oregon}
	for operation, want := range map[string]int{"s3.ListBuckets": 3, "s3.GetBucketPolicy": 1, "s3.GetBucketEncryption": 1} {
		heal := fake.Break(cloudtest.Denied, 1, cloudtest.Is(operation))
		missed := 0
		found := survey(t, bucketsOf(fake), suppose)
		for _, one := range found {
			if cloud.Denied(one.Err) {
				missed++
			}
		}
		if missed != want {
			t.Errorf("%s denied: %d unread of %d, want %d", operation, missed, len(found), want)
		}
		heal()
	}
	heal := fake.Break(cloudtest.Throttled, 1, cloudtest.Is("s3.HeadBucket"))
	defer heal()
	if found := survey(t, bucketsOf(fake), suppose); !cloud.Throttled(found["none"].Err) {
		t.Errorf("nobody knows whether a bucket is there: %+v", found["none"])
	}
	bucketIn(t, fake, oregon, "aaa-2")
	if found := survey(t, bucketsOf(fake), map[string]string{"aaa": ireland}); len(found) != 1 || found["aaa"].Region != oregon {
		t.Errorf("one bucket: %+v", found)
	}
	fake.Forget()
	if found := survey(t, bucketsOf(fake), nil); len(found) > 0 || fake.Total() > 0 {
		t.Errorf("of no bucket: %v, calls %v", found, fake.Calls())
	}
}

// crowd is an S3 that counts who is in it. It lets nobody out before it was full
// once, and then gives others time to come in.
type crowd struct {
	cloud.BucketAPI
	mu             sync.Mutex
	in, most, room int
	full           chan struct{}
}

func (c *crowd) GetBucketTagging(ctx context.Context, in *s3.GetBucketTaggingInput, o ...func(*s3.Options)) (*s3.GetBucketTaggingOutput, error) {
	c.mu.Lock()
	c.in++
	c.most = max(c.most, c.in)
	if c.in == c.room {
		select {
		case <-c.full:
		default:
			close(c.full)
		}
	}
	c.mu.Unlock()
	select {
	case <-c.full:
	case <-ctx.Done():
	}
	for range 100 {
		runtime.Gosched()
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.in--
	}()
	return c.BucketAPI.GetBucketTagging(ctx, in, o...)
}

func TestHundredsOfBucketsAreReadAtOnceAndNeverMoreThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	const networks, validators = 150, 3
	fake := cloudtest.NewFake(account)
	suppose := map[string]string{}
	for i := range networks * validators {
		name := fmt.Sprintf("example-validator-%d", i)
		suppose[name] = oregon
		bucketIn(t, fake, oregon, name)
	}
	for parallel, room := range map[int]int{0: 16, 5: 5} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := &crowd{BucketAPI: fake.S3(oregon), room: room, full: make(chan struct{})}
		b := bucketsOf(fake)
		b.S3, b.Parallel = func(string) cloud.BucketAPI { return c }, parallel
		fake.Forget()
		found, _ := b.Survey(ctx, cloud.BucketSearch{Home: oregon, Named: suppose})
		if len(found) != networks*validators || c.most != room || ctx.Err() != nil {
			t.Errorf("%d buckets read, %d at once, want %d at once; %v", len(found), c.most, room, ctx.Err())
		}
		if calls, want := fake.Total(), 1+len(cloud.BucketParts())*len(suppose); calls != want {
			t.Errorf("%d calls, want %d", calls, want)
		}
	}
}

func TestABlockLiesWithinOneThatBlocksAsMuch(t *testing.T) {
	t.Parallel()
	all, some := cloud.NoPublicAccess(), cloud.PublicAccess{BlockACLs: true, IgnoreACLs: true}
	if !some.Within(all) || all.Within(some) || !all.Within(all) || !(cloud.PublicAccess{}).Within(some) {
		t.Error("within is not as much or more")
	}
	for i := range 4 {
		one := cloud.PublicAccess{BlockACLs: i == 0, IgnoreACLs: i == 1, BlockPolicy: i == 2, RestrictBuckets: i == 3}
		if one.Within(cloud.PublicAccess{}) {
			t.Errorf("%+v lies within nothing", one)
		}
	}
}

func TestBucketsAreSetUpSlowly(t *testing.T) {
	t.Parallel()
	rates, api := cloud.DefaultRates(), reflect.TypeFor[cloud.BucketAPI]()
	for i := range api.NumMethod() {
		if rate := rates["s3."+api.Method(i).Name]; rate != 20 {
			t.Errorf("%s has a rate of %g a second", api.Method(i).Name, rate)
		}
	}
}
