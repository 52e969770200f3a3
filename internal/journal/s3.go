package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// S3API is what the store needs of an S3 client.
type S3API interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// S3Store keeps one object per key in a bucket. Conditions are S3's own:
// If-None-Match: * to create, If-Match: <etag> to replace
// (docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
type S3Store struct {
	api            S3API
	bucket, prefix string
}

// NewS3Store names the bucket and a prefix below which all keys lie.
func NewS3Store(api S3API, bucket, prefix string) *S3Store {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &S3Store{api: api, bucket: bucket, prefix: prefix}
}

// Name is the bucket's URL form.
func (s *S3Store) Name() string { return "s3://" + s.bucket + "/" + s.prefix }

// Get reads an object; its version is its ETag.
func (s *S3Store) Get(ctx context.Context, key string) ([]byte, string, error) {
	if err := checkKey(key); err != nil {
		return nil, "", err
	}
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + key)})
	if err != nil {
		return nil, "", s.explain("read", key, err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, MaxObjectBytes+1))
	if err != nil {
		return nil, "", s.explain("read", key, err)
	}
	if len(data) > MaxObjectBytes {
		return nil, "", tooLarge(key, int64(len(data)))
	}
	return data, aws.ToString(out.ETag), nil
}

// Create writes an object that does not exist. A lost reply is settled by
// reading: our own bytes mean that we wrote them.
func (s *S3Store) Create(ctx context.Context, key string, data []byte) error {
	return s.put(ctx, key, data, ErrExists, func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })
}

// Replace writes an object whose version is still the given one.
func (s *S3Store) Replace(ctx context.Context, key, version string, data []byte) error {
	return s.put(ctx, key, data, ErrConflict, func(in *s3.PutObjectInput) { in.IfMatch = &version })
}

func (s *S3Store) put(ctx context.Context, key string, data []byte, lost error, condition func(*s3.PutObjectInput)) error {
	if err := checkWrite(key, data); err != nil {
		return err
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + key), Body: bytes.NewReader(data), ContentType: aws.String("application/json")}
	condition(in)
	for try := 1; ; try++ {
		_, err := s.api.PutObject(ctx, in)
		if err == nil {
			return nil
		}
		written, busy := s.settle(ctx, key, data, err)
		switch {
		case written:
			return nil
		case busy && try < conflictTries && wait(ctx, time.Duration(try)*conflictPause):
			in.Body = bytes.NewReader(data)
			continue
		case refused(err):
			return lost
		default:
			return s.explain("write", key, err)
		}
	}
}

// How often a write that met another one is sent again, how long it waits
// before, and how long the question may take whether a write arrived.
const (
	conflictTries = 5
	conflictPause = 50 * time.Millisecond
	settleTimeout = 15 * time.Second
)

// settle finds out what became of a write that got an error. The SDK may have
// sent it twice: the first reply lost, the second refused by our own first
// write. Entries and leases hold what makes them unique, so our own bytes mean
// that we wrote them. busy says that S3 answered 409, that it met another
// write, and wants to be asked again.
func (s *S3Store) settle(ctx context.Context, key string, data []byte, cause error) (written, busy bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	have, _, err := s.Get(ctx, key)
	return err == nil && bytes.Equal(have, data), codeOf(cause) == "ConditionalRequestConflict"
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// refused reports that the condition did not hold; NoSuchKey is If-Match on
// nothing.
func refused(err error) bool {
	switch codeOf(err) {
	case "PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey":
		return true
	default:
		return false
	}
}

func codeOf(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// List pages through the keys below the prefix, up to 1,000 a request, from the
// one after the given key on.
func (s *S3Store) List(ctx context.Context, prefix, after string) ([]string, error) {
	var keys []string
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.prefix + prefix)}
	if after != "" {
		in.StartAfter = aws.String(s.prefix + after)
	}
	pages := s3.NewListObjectsV2Paginator(s.api, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.explain("list", prefix, err)
		}
		for _, object := range page.Contents {
			if key := strings.TrimPrefix(aws.ToString(object.Key), s.prefix); checkKey(key) == nil && key > after {
				keys = append(keys, key)
			}
		}
		if len(keys) > MaxEntries {
			return nil, fmt.Errorf("store: %s: more than %d objects below %s", s.Name(), MaxEntries, prefix)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func (s *S3Store) explain(verb, key string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "NoSuchKey", "NotFound":
			return ErrNotFound
		case "NoSuchBucket":
			return fmt.Errorf("store: bucket %q does not exist\nhint: somebody with administrator rights makes it once, with versioning on", s.bucket)
		}
		return fmt.Errorf("store: %s %s: %s: %s", verb, s.Name()+key, api.ErrorCode(), api.ErrorMessage())
	}
	return fmt.Errorf("store: %s %s: %w", verb, s.Name()+key, err)
}
