package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

const s3Region = "us-west-2"

// startS3 starts the emulator for one test, makes a bucket for each name, and
// gives a client and a proxy that its calls pass.
func startS3(t *testing.T, buckets ...string) (*s3.Client, *cloudtest.Proxy) {
	t.Helper()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	proxy, err := cloudtest.NewProxy(moto.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	client := s3.New(s3.Options{
		Region: s3Region, BaseEndpoint: aws.String(proxy.Endpoint()), UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	for _, bucket := range buckets {
		_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
			Bucket:                    aws.String(bucket),
			CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: s3Region},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return client, proxy
}

func TestTheS3StoreKeepsTheStoresPromises(t *testing.T) {
	t.Parallel()
	client, proxy := startS3(t, "store")
	var mu sync.Mutex
	prefixes := 0
	journaltest.Run(t, func(*testing.T) journal.Store {
		mu.Lock()
		defer mu.Unlock()
		prefixes++
		return journal.NewS3Store(client, "store", fmt.Sprintf("environments/%d/", prefixes))
	})
	t.Cleanup(func() {
		if proxy.Total() == 0 {
			t.Error("no call passed the proxy: this was another emulator")
		}
	})
}

func TestTheS3StoreSettlesWhatItsNetworkLeavesOpen(t *testing.T) {
	t.Parallel()
	client, proxy := startS3(t, "store")
	store := journal.NewS3Store(client, "store", "")
	puts := func(operation string) bool { return operation == "http.PUT" }

	t.Run("a create whose reply is lost has happened once", func(t *testing.T) {
		heal := proxy.Break(cloudtest.Lost, 1, puts)
		defer heal()
		if err := store.Create(t.Context(), "journal/000000000001.json", []byte("ours")); err != nil {
			t.Fatalf("have %v, want success: our bytes are there", err)
		}
		if err := store.Create(t.Context(), "journal/000000000001.json", []byte("theirs")); !errors.Is(err, journal.ErrExists) {
			t.Errorf("have %v, want ErrExists", err)
		}
	})
	t.Run("a replace whose reply is lost has happened once", func(t *testing.T) {
		if err := store.Create(t.Context(), "lease.json", []byte("one")); err != nil {
			t.Fatal(err)
		}
		_, version, err := store.Get(t.Context(), "lease.json")
		if err != nil {
			t.Fatal(err)
		}
		heal := proxy.Break(cloudtest.Lost, 1, puts)
		defer heal()
		if err := store.Replace(t.Context(), "lease.json", version, []byte("two")); err != nil {
			t.Fatalf("have %v, want success: our bytes are there", err)
		}
		if err := store.Replace(t.Context(), "lease.json", version, []byte("three")); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("have %v, want ErrConflict", err)
		}
	})
	t.Run("a create that never arrives is no success", func(t *testing.T) {
		heal := proxy.Break(cloudtest.Dropped, 0, puts)
		err := store.Create(t.Context(), "journal/000000000002.json", []byte("ours"))
		heal()
		if err == nil || errors.Is(err, journal.ErrExists) {
			t.Errorf("have %v, want an error that claims nothing", err)
		}
		if _, _, err := store.Get(t.Context(), "journal/000000000002.json"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("have %v, want ErrNotFound", err)
		}
	})
}

func TestAListOfMoreThanOnePageIsComplete(t *testing.T) {
	t.Parallel()
	client, _ := startS3(t, "store")
	store := journal.NewS3Store(client, "store", "p")
	const objects = 1005 // S3 lists at most 1,000 a page
	slots := make(chan struct{}, 8)
	var wait sync.WaitGroup
	for i := range objects {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if err := store.Create(t.Context(), fmt.Sprintf("journal/%012d.json", i+1), []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	keys, err := store.List(t.Context(), "journal/", "")
	if err != nil || len(keys) != objects {
		t.Fatalf("have %d keys, %v, want %d", len(keys), err, objects)
	}
	if last := keys[objects-1]; last != "journal/000000001005.json" {
		t.Errorf("the last is %s", last)
	}
}

func TestTheS3StoreNamesWhatIsMissingAndRefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	client, _ := startS3(t, "store")
	nowhere := journal.NewS3Store(client, "nowhere", "")
	if _, err := nowhere.List(t.Context(), "journal/", ""); err == nil || !strings.Contains(err.Error(), `bucket "nowhere" does not exist`) {
		t.Errorf("have %v, want the bucket named", err)
	}
	if err := nowhere.Create(t.Context(), "lease.json", nil); err == nil || !strings.Contains(err.Error(), "hint:") {
		t.Errorf("have %v, want the bucket named and a hint", err)
	}
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("store"), Key: aws.String("lease.json"), Body: bytes.NewReader(bytes.Repeat([]byte("x"), 10<<20)),
	})
	if err != nil {
		t.Fatal(err)
	}
	store := journal.NewS3Store(client, "store", "")
	if _, _, err := store.Get(t.Context(), "lease.json"); err == nil || !strings.Contains(err.Error(), "may have 1048576") {
		t.Errorf("have %v, want a refusal with the limit", err)
	}
}

// busyS3 answers 409 to conditional writes that meet another one, as S3 does
// and the emulator does not.
type busyS3 struct {
	journal.S3API
	busy int
}

func (b *busyS3) PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if b.busy--; b.busy >= 0 {
		return nil, &smithy.GenericAPIError{Code: "ConditionalRequestConflict", Message: "at the same time"}
	}
	return &s3.PutObjectOutput{}, nil
}

func (b *busyS3) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return nil, &types.NoSuchKey{}
}

func TestAWriteThatMeetsAnotherOneIsSentAgain(t *testing.T) {
	t.Parallel()
	if err := journal.NewS3Store(&busyS3{busy: 2}, "store", "").Create(t.Context(), "lease.json", nil); err != nil {
		t.Errorf("have %v, want success on the third try", err)
	}
	if err := journal.NewS3Store(&busyS3{busy: 1000}, "store", "").Create(t.Context(), "lease.json", nil); !errors.Is(err, journal.ErrExists) {
		t.Errorf("have %v, want ErrExists: the condition was never met", err)
	}
}
