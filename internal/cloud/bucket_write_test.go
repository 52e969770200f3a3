package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// policyOf lets somebody write.
func policyOf(who string) access.Document {
	return access.Document{Version: access.Version, Statements: []access.Statement{{
		Effect: access.Allow, Principals: map[string]access.Values{"AWS": access.Literals(who)},
		Actions: []string{"s3:PutObject"}, Resources: access.Literals("arn:aws:s3:::proofs/*"),
	}}}
}

// bucketWrites are all writes that a bucket can get, each of which changes
// something in a new one.
func bucketWrites(t *testing.T) map[string]cloud.BucketWrite {
	t.Helper()
	policy := policyOf("arn:aws:iam::444455556666:root")
	settings := cloud.BucketSettings{
		Tags: map[string]string{"empty": ""}, Policy: &policy, PublicAccess: &cloud.PublicAccess{BlockACLs: true, BlockPolicy: true},
		Ownership: "ObjectWriter", Versioning: "Enabled", Encryption: "aws:kms",
	}
	writes := map[string]cloud.BucketWrite{}
	for _, part := range cloud.BucketParts() {
		if _, err := (cloud.BucketSettings{}).Put(part); err == nil {
			t.Errorf("%s is set to nothing", part)
		}
		w, err := settings.Put(part)
		must(t, err)
		writes[operationOf(part)] = w
	}
	return writes
}

// operationOf is the SDK's operation that sets a part.
func operationOf(part cloud.BucketPart) string {
	switch part {
	case cloud.PartPublicAccess:
		return "s3.PutPublicAccessBlock"
	case cloud.PartEncryption:
		return "s3.PutBucketEncryption"
	default:
		return "s3.Put" + strings.TrimPrefix(string(part), "s3:Get")
	}
}

func TestEveryWriteChangesItsPartAndNothingElse(t *testing.T) {
	t.Parallel()
	for operation, w := range bucketWrites(t) {
		fake := cloudtest.NewFake(account)
		b := bucketsOf(fake)
		b.Waits = []time.Duration{}
		bucketIn(t, fake, oregon, "proofs", "team", "bridge")
		fake.SystemTag("proofs", "aws:cloudformation:stack-name", "old")
		w.Region, w.Name, w.Op = oregon, "proofs", "the-write"
		if _, seen, err := b.Performed(t.Context(), w); seen || err != nil {
			t.Errorf("%s: seen before it was made, %v", operation, err)
		}
		before, err := b.Read(t.Context(), oregon, "proofs")
		must(t, err)
		fake.Forget()
		out, refused, err := b.Perform(t.Context(), w)
		if err != nil || refused || out["arn"] != "arn:aws:s3:::proofs" {
			t.Fatalf("%s: %v %v %v", operation, out, refused, err)
		}
		var writes []string
		for call, times := range fake.Calls() {
			if cloudtest.Writes(call) {
				writes = append(writes, fmt.Sprint(call, times))
			}
		}
		if !slices.Equal(writes, []string{operation + "1"}) {
			t.Errorf("%s calls %v", operation, writes)
		}
		if _, seen, err := b.Performed(t.Context(), w); !seen || err != nil {
			t.Errorf("%s: not seen, %v", operation, err)
		}
		after, err := b.Read(t.Context(), oregon, "proofs")
		must(t, err)
		if differing := differ(before, after); len(differing) != 1 {
			t.Errorf("%s changes %v", operation, differing)
		}
		for name, value := range before.Tags {
			if after.Tags[name] != value {
				t.Errorf("%s: tag %s is %q", operation, name, after.Tags[name])
			}
		}
	}
}

// differ names the fields that differ.
func differ(a, b cloud.BucketConfig) (names []string) {
	left, right := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range left.NumField() {
		if !reflect.DeepEqual(left.Field(i).Interface(), right.Field(i).Interface()) {
			names = append(names, left.Type().Field(i).Name)
		}
	}
	return names
}

func TestNothingIsWrittenToABucketThatTheGuardOrTheOwnerRefuses(t *testing.T) {
	t.Parallel()
	for operation, w := range bucketWrites(t) {
		fake := cloudtest.NewFake(account)
		bucketIn(t, fake, oregon, "proofs", "team", "bridge")
		fake.Forget()
		b := bucketsOf(fake)
		w.Region, w.Name = oregon, "proofs"
		w.Guard = func(tags map[string]string) error { return errors.New("it is " + tags["team"] + "'s") }
		if _, refused, err := b.Perform(t.Context(), w); !refused || err.Error() != "it is bridge's" {
			t.Errorf("%s: guarded: %v %v", operation, refused, err)
		}
		w.Guard = nil
		b.Account = "999988887777"
		if _, refused, err := b.Perform(t.Context(), w); !refused || !cloud.Denied(err) {
			t.Errorf("%s: expected of another account: %v %v", operation, refused, err)
		}
		if fake.Calls()[operation] > 0 {
			t.Errorf("%s was called", operation)
		}
	}
}

func TestEveryCallSaysWhoMustOwnTheBucket(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	owners := map[string]string{}
	s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			identity(w, account)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		owners[r.Method+" "+r.URL.RequestURI()] = r.Header.Get("X-Amz-Expected-Bucket-Owner")
		switch {
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Query().Has("tagging") && r.Method == http.MethodGet:
			fmt.Fprint(w, "<Tagging><TagSet></TagSet></Tagging>")
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<Error><Code>NoSuchBucket</Code></Error>")
		}
	}))
	t.Cleanup(s3.Close)
	session, err := cloud.Open(t.Context(), options(s3.URL))
	must(t, err)
	b := session.Buckets()
	b.Waits = []time.Duration{}
	for _, w := range bucketWrites(t) {
		w.Region, w.Name = oregon, "proofs"
		_, _, _ = b.Perform(t.Context(), w) // nothing shows here
	}
	must(t, second(b.Locate(t.Context(), oregon, "proofs")))
	for _, part := range cloud.BucketParts() {
		_, _ = b.Read(t.Context(), oregon, "proofs", part)
	}
	if len(owners) != 6+1+6 {
		t.Errorf("%d kinds of calls: %v", len(owners), owners)
	}
	for call, owner := range owners {
		if owner != account {
			t.Errorf("%s expects the owner %q", call, owner)
		}
	}
}

func TestAWriteThatIsRefusedOrLostOrUnseenSaysSo(t *testing.T) {
	t.Parallel()
	for operation, w := range bucketWrites(t) {
		fake := cloudtest.NewFake(account)
		bucketIn(t, fake, oregon, "proofs")
		b := bucketsOf(fake)
		w.Region, w.Name, w.Op = oregon, "proofs", "the-write"
		try := func(fault cloudtest.Fault, match func(string) bool) (bool, error) {
			defer fake.Break(fault, 1, match)()
			_, refused, err := b.Perform(t.Context(), w)
			return refused, err
		}
		if refused, err := try(cloudtest.Denied, cloudtest.Writes); !refused || !strings.Contains(err.Error(), " on proofs: access denied") {
			t.Errorf("%s denied: %v %v", operation, refused, err)
		}
		if refused, err := try(cloudtest.Lost, cloudtest.Writes); refused || err == nil {
			t.Errorf("%s lost: %v %v", operation, refused, err)
		}
		reads := 0
		after := func(name string) bool {
			if cloudtest.Reads(name) {
				reads++
			}
			return reads > 1 && cloudtest.Reads(name)
		}
		if refused, err := try(cloudtest.Denied, after); refused || err == nil || !strings.HasPrefix(err.Error(), "accepted, and then: ") {
			t.Errorf("%s not read back: %v %v", operation, refused, err)
		}
	}
	fake := cloudtest.NewFake(account)
	b := bucketsOf(fake)
	b.S3 = func(string) cloud.BucketAPI { return deaf{fake.S3(oregon)} }
	bucketIn(t, fake, oregon, "proofs")
	w := cloud.VersionBucket("Enabled")
	w.Region, w.Name, w.Op = oregon, "proofs", "the-write"
	if _, refused, err := b.Perform(t.Context(), w); refused || err == nil || err.Error() != "the-write was accepted and cannot be seen yet" {
		t.Errorf("unseen: %v %v", refused, err)
	}
}

// deaf is an S3 that accepts and does not show.
type deaf struct{ cloud.BucketAPI }

func (deaf) PutBucketVersioning(context.Context, *s3.PutBucketVersioningInput, ...func(*s3.Options)) (*s3.PutBucketVersioningOutput, error) {
	return &s3.PutBucketVersioningOutput{}, nil
}

// made is a write that makes a bucket for one attempt.
func made(region, attempt string, attempts ...string) cloud.BucketWrite {
	w := cloud.MakeBucket("BucketOwnerEnforced", map[string]string{"attempt": attempt}, func(tags map[string]string) bool {
		return slices.Contains(append(attempts, attempt), tags["attempt"])
	})
	w.Region, w.Name, w.Op = region, "proofs", "make"
	return w
}

func TestABucketIsMadeOnceWithItsTagsAndNeverOverAnother(t *testing.T) {
	t.Parallel()
	for _, region := range []string{"us-east-1", oregon} {
		fake := cloudtest.NewFake(account)
		b := bucketsOf(fake)
		b.Waits = []time.Duration{}
		if _, seen, err := b.Performed(t.Context(), made(region, "1")); seen || err != nil {
			t.Errorf("seen before it was made, %v", err)
		}
		out, _, err := b.Perform(t.Context(), made(region, "1"))
		if err != nil || out["arn"] != "arn:aws:s3:::proofs" {
			t.Fatalf("%s: %v %v", region, out, err)
		}
		if c, err := b.Read(t.Context(), region, "proofs"); err != nil || c.Tags["attempt"] != "1" {
			t.Errorf("%s: %+v %v", region, c, err)
		}
		if _, seen, err := b.Performed(t.Context(), made(region, "2", "1")); !seen || err != nil {
			t.Errorf("%s: an earlier attempt is not seen, %v", region, err)
		}
		if _, seen, err := b.Performed(t.Context(), made(region, "2")); seen || err != nil {
			t.Errorf("%s: somebody else's bucket is taken for ours, %v", region, err)
		}
		fake.Forget()
		for _, in := range []string{region, ireland} {
			if _, refused, err := b.Perform(t.Context(), made(in, "2")); !refused || err == nil || fake.Calls()["s3.CreateBucket"] > 0 {
				t.Errorf("made again in %s: %v %v", in, refused, err)
			}
		}
	}
}

// relayed is an S3 whose reply to CreateBucket was lost, and which answers the
// SDK's second try that the bucket is there; that proves nothing.
type relayed struct{ cloud.BucketAPI }

func (r relayed) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, o ...func(*s3.Options)) (*s3.CreateBucketOutput, error) {
	if _, err := r.BucketAPI.CreateBucket(ctx, in, o...); err != nil {
		return nil, err
	}
	return nil, &smithy.GenericAPIError{Code: "BucketAlreadyOwnedByYou", Fault: smithy.FaultUnknown}
}

func TestABucketThatALostReplyMadeIsKnownByItsTags(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	b := bucketsOf(fake)
	b.S3 = func(region string) cloud.BucketAPI { return relayed{fake.S3(region)} }
	if _, refused, err := b.Perform(t.Context(), made(oregon, "1")); refused || err != nil {
		t.Errorf("ours: %v %v", refused, err)
	}
}
