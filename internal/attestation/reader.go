package attestation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Bounds of what is read where Options does not say: as Hyperlane's own relayer
// takes no object above 50 KiB.
const (
	DefaultTimeout   = 10 * time.Second
	DefaultMaxObject = 50 << 10
	DefaultParallel  = 16
)

// Options of a reader. The zero value reads from S3 and Cloud Storage.
type Options struct {
	// HTTP sends requests; nil is a transport of its own, which uses no proxy.
	// Redirects are answers and are not followed, whatever the transport.
	HTTP http.RoundTripper
	// Endpoint stands for all of S3 and Cloud Storage in a sandbox,
	// "http://127.0.0.1:5000"; empty: the real hosts, by https only.
	Endpoint string
	Rules
	// Timeout bounds one object with its body, MaxObject its bytes, Parallel how
	// many validators are read at once; 0: the defaults.
	Timeout   time.Duration
	MaxObject int64
	Parallel  int
}

// Reader reads what validators publish, anonymously. What it reads never decides
// where it reads next: hosts follow from the grammar of locations. It is safe
// for concurrent use.
type Reader struct {
	options Options
	base    string
}

// NewReader checks the options.
func NewReader(o Options) (*Reader, error) {
	r := &Reader{options: o}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("storage endpoint %s: not a plain URL such as http://127.0.0.1:5000", Quote(o.Endpoint))
		}
		r.base = u.Scheme + "://" + u.Host
	}
	if o.FileRoot != "" && (!filepath.IsAbs(o.FileRoot) || filepath.Clean(o.FileRoot) != o.FileRoot) {
		return nil, fmt.Errorf("folder for checkpoints %s: not an absolute path in its plain form", Quote(o.FileRoot))
	}
	if o.HTTP == nil {
		r.options.HTTP = &http.Transport{
			DisableCompression: true, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: DefaultTimeout, MaxResponseHeaderBytes: 64 << 10,
		}
	}
	if o.Timeout <= 0 {
		r.options.Timeout = DefaultTimeout
	}
	if o.MaxObject <= 0 {
		r.options.MaxObject = DefaultMaxObject
	}
	if o.Parallel <= 0 {
		r.options.Parallel = DefaultParallel
	}
	return r, nil
}

// Trouble is why an object could not be read.
type Trouble string

// The sorts of trouble.
const (
	// Absent: the storage answers, and has no such object for the public. S3 says
	// forbidden instead of not found to whoever may not list the bucket.
	Absent Trouble = "not there"
	// Silent: the storage does not answer, or not with the object.
	Silent Trouble = "no answer"
	// Malformed: there is an object, and it is not what it should be.
	Malformed Trouble = "malformed"
)

// ReadError is one object that could not be read. All of a stranger's text in it
// is escaped.
type ReadError struct {
	Location Location
	Object   string
	Trouble  Trouble
	Cause    string

	under error
	// passing trouble may be over at a second try.
	passing bool
}

// Error prints location: object: cause.
func (e *ReadError) Error() string {
	return fmt.Sprintf("%s: %s: %s", Quote(e.Location.String()), e.Object, e.Cause)
}

// Unwrap gives context.Canceled and context.DeadlineExceeded.
func (e *ReadError) Unwrap() error { return e.under }

// Is makes errors.Is compare troubles: errors.Is(err, Absent).
func (e *ReadError) Is(target error) bool { return target == e.Trouble }

// Error makes a trouble a target of errors.Is.
func (t Trouble) Error() string { return string(t) }

// LatestIndex reads the index up to which the validator says it has signed.
func (r *Reader) LatestIndex(ctx context.Context, l Location) (uint32, error) {
	return readAs(ctx, r, l, l.Objects().Latest, ParseIndex)
}

// Checkpoint reads the signed checkpoint at an index. Whose signature it is, and
// whether it is about that index at all, is for the caller to see.
func (r *Reader) Checkpoint(ctx context.Context, l Location, index uint32) (SignedCheckpoint, error) {
	return readAs(ctx, r, l, l.Objects().Checkpoint(index), ParseCheckpoint)
}

// Announcement reads the signed announcement.
func (r *Reader) Announcement(ctx context.Context, l Location) (SignedAnnouncement, error) {
	return readAs(ctx, r, l, l.Objects().Announcement, ParseAnnouncement)
}

// Reorged reports that the validator has stopped because its chain took back
// what it had signed. The flag counts whatever is in it, even if it is too large.
func (r *Reader) Reorged(ctx context.Context, l Location) (bool, error) {
	places := []Location{l}
	if l.Storage == GCS && l.Folder != "" {
		// Agents before folders wrote the flag to the bucket itself, and those of
		// today still look there (hyperlane-base, types/gcs_storage.rs).
		places = append(places, Location{Storage: GCS, Bucket: l.Bucket})
	}
	for _, place := range places {
		_, err := r.read(ctx, place, place.Objects().ReorgFlag)
		switch {
		case err == nil || errors.Is(err, Malformed):
			return true, nil
		case !errors.Is(err, Absent):
			return false, err
		}
	}
	return false, nil
}

func readAs[T any](ctx context.Context, r *Reader, l Location, object string, parse func([]byte) (T, error)) (T, error) {
	var none T
	data, err := r.read(ctx, l, object)
	if err != nil {
		return none, err
	}
	out, err := parse(data)
	if err != nil {
		return none, &ReadError{Location: l, Object: object, Trouble: Malformed, Cause: err.Error()}
	}
	return out, nil
}

// read gets one object whole, within the bounds.
func (r *Reader) read(ctx context.Context, l Location, object string) ([]byte, error) {
	within, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	var (
		data []byte
		err  *ReadError
	)
	if l.Storage == File {
		data, err = r.file(l, object)
	} else {
		data, err = r.get(within, l, object)
		if err != nil && err.passing && within.Err() == nil {
			data, err = r.get(within, l, object)
		}
	}
	if err == nil {
		return data, nil
	}
	err.Location, err.Object = l, object
	switch {
	case ctx.Err() != nil:
		err.Trouble, err.Cause, err.under = Silent, "cancelled", ctx.Err()
	case within.Err() != nil:
		err.Trouble, err.Cause, err.under = Silent, fmt.Sprintf("no whole answer within %s", r.options.Timeout), within.Err()
	}
	return nil, err
}

func trouble(kind Trouble, format string, args ...any) *ReadError {
	return &ReadError{Trouble: kind, Cause: fmt.Sprintf(format, args...)}
}

// get sends one request: no redirect, no cookie, no second host.
func (r *Reader) get(ctx context.Context, l Location, object string) ([]byte, *ReadError) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url(l, object), nil)
	if err != nil {
		return nil, trouble(Silent, "no request can be made of it")
	}
	request.Header.Set("User-Agent", "reconcile")
	request.Header.Set("Accept-Encoding", "identity")
	response, err := r.options.HTTP.RoundTrip(request)
	if err != nil {
		return nil, &ReadError{Trouble: Silent, Cause: "no answer: " + Quote(err.Error()), passing: true}
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return r.bounded(response.Body)
	case status == http.StatusNotFound || status == http.StatusForbidden:
		return nil, trouble(Absent, "not there, or not public (HTTP status %d)", status)
	case status >= 300 && status < 400:
		return nil, trouble(Silent, "it points elsewhere (HTTP status %d), which is not followed", status)
	default:
		passing := status >= 500 || status == http.StatusTooManyRequests
		return nil, &ReadError{Trouble: Silent, Cause: fmt.Sprintf("HTTP status %d", status), passing: passing}
	}
}

func (r *Reader) url(l Location, object string) string {
	key := joined(l.Folder, object)
	switch {
	case r.base != "":
		return r.base + "/" + l.Bucket + "/" + key
	case l.Storage == GCS:
		return "https://storage.googleapis.com/" + l.Bucket + "/" + key
	case strings.Contains(l.Bucket, "."):
		// The certificate of *.s3.… holds for one label only (S3 User Guide, "Virtual
		// hosting of general purpose buckets").
		return "https://s3." + l.Region + ".amazonaws.com/" + l.Bucket + "/" + key
	default:
		return "https://" + l.Bucket + ".s3." + l.Region + ".amazonaws.com/" + key
	}
}

// file reads below the root. os.Root follows no link that leads out of it, at
// whatever moment the link is made.
func (r *Reader) file(l Location, object string) ([]byte, *ReadError) {
	// A location may have been made by other rules than these.
	if _, err := ParseLocation(l.String(), r.options.Rules); err != nil {
		return nil, trouble(Silent, "%v", err)
	}
	root, err := os.OpenRoot(r.options.FileRoot)
	if err != nil {
		return nil, trouble(Silent, "the overlay's folder for files cannot be read")
	}
	defer func() { _ = root.Close() }()
	name, err := filepath.Rel(r.options.FileRoot, filepath.Join(l.Path, object))
	if err != nil {
		return nil, trouble(Silent, "it is not below the overlay's folder for files")
	}
	// Without O_NONBLOCK, opening a pipe waits for who writes to it.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, trouble(Absent, "not there")
	case err != nil:
		return nil, trouble(Silent, "it cannot be opened, or leads out of the overlay's folder for files")
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, trouble(Malformed, "it is no plain file")
	}
	return r.bounded(f)
}

// bounded reads all, or says that it is too much.
func (r *Reader) bounded(body io.Reader) ([]byte, *ReadError) {
	data, err := io.ReadAll(io.LimitReader(body, r.options.MaxObject+1))
	switch {
	case int64(len(data)) > r.options.MaxObject:
		return nil, trouble(Malformed, "it has more than %d bytes", r.options.MaxObject)
	case err != nil:
		return nil, trouble(Silent, "the answer breaks off: %s", Quote(err.Error()))
	}
	return data, nil
}
