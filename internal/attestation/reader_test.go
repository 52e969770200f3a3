package attestation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
)

func reader(t testing.TB, o attestation.Options) *attestation.Reader {
	t.Helper()
	r, err := attestation.NewReader(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// served is a reader of everything that a handler serves.
func served(t testing.TB, handler http.Handler, o attestation.Options) *attestation.Reader {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o.Endpoint = server.URL
	return reader(t, o)
}

var bucket = attestation.Location{Storage: attestation.S3, Bucket: "bucket", Region: "us-east-1"}

// asked notes the URLs that are asked for, and answers that nothing is there.
type asked []string

func (a *asked) RoundTrip(request *http.Request) (*http.Response, error) {
	*a = append(*a, request.URL.String())
	if request.Header.Get("Authorization") != "" || request.Header.Get("Cookie") != "" {
		return nil, errors.New("somebody is named")
	}
	return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func TestTheHostFollowsFromTheLocationAlone(t *testing.T) {
	t.Parallel()
	var seen asked
	r := reader(t, attestation.Options{HTTP: &seen})
	ctx := context.Background()
	for _, text := range []string{"s3://abc/eu-west-1", "s3://abc/eu-west-1/f/g", "s3://a.bc/eu-west-1/f", "gs://abc/gcsAnnouncementKey", "gs://abc/f/gcsAnnouncementKey"} {
		l, err := attestation.ParseLocation(text, attestation.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.LatestIndex(ctx, l); !errors.Is(err, attestation.Absent) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := r.Checkpoint(ctx, bucket, 7); !errors.Is(err, attestation.Absent) {
		t.Error(err)
	}
	if _, err := r.Announcement(ctx, bucket); !errors.Is(err, attestation.Absent) {
		t.Error(err)
	}
	if flagged, err := r.Reorged(ctx, attestation.Location{Storage: attestation.GCS, Bucket: "abc", Folder: "f"}); flagged || err != nil {
		t.Error(flagged, err)
	}
	want := []string{
		"https://abc.s3.eu-west-1.amazonaws.com/checkpoint_latest_index.json",
		"https://abc.s3.eu-west-1.amazonaws.com/f/g/checkpoint_latest_index.json",
		"https://s3.eu-west-1.amazonaws.com/a.bc/f/checkpoint_latest_index.json",
		"https://storage.googleapis.com/abc/gcsLatestIndexKey",
		"https://storage.googleapis.com/abc/f/gcsLatestIndexKey",
		"https://bucket.s3.us-east-1.amazonaws.com/checkpoint_7_with_id.json",
		"https://bucket.s3.us-east-1.amazonaws.com/announcement.json",
		"https://storage.googleapis.com/abc/f/gcsReorgFlagKey",
		"https://storage.googleapis.com/abc/gcsReorgFlagKey",
	}
	if got := strings.Join(seen, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked for\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var trap atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		trap.Add(1)
		_, _ = io.WriteString(w, "7")
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := served(t, http.RedirectHandler(elsewhere.URL+"/7", status), attestation.Options{})
		_, err := r.LatestIndex(context.Background(), bucket)
		if !errors.Is(err, attestation.Silent) || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if trap.Load() != 0 {
		t.Errorf("%d redirects were followed", trap.Load())
	}
}

func TestAStorageThatDoesNotAnswerIsSilentAndOneThatHasNothingIsNot(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]attestation.Trouble{
		404: attestation.Absent, 403: attestation.Absent, 400: attestation.Silent, 401: attestation.Silent,
		429: attestation.Silent, 500: attestation.Silent, 503: attestation.Silent, 206: attestation.Silent, 204: attestation.Silent,
	} {
		r := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), attestation.Options{})
		if _, err := r.LatestIndex(context.Background(), bucket); !errors.Is(err, want) {
			t.Errorf("HTTP status %d: %v, want %q", status, err, want)
		}
		flagged, err := r.Reorged(context.Background(), bucket)
		if flagged || (want == attestation.Silent) != (err != nil) {
			t.Errorf("HTTP status %d: reorg flag %v, %v", status, flagged, err)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	r := reader(t, attestation.Options{Endpoint: gone.URL})
	if _, err := r.LatestIndex(context.Background(), bucket); !errors.Is(err, attestation.Silent) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestAPassingFaultIsAskedAboutOnceMore(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int64{503: 2, 429: 2, 404: 1, 400: 1} {
		var requests atomic.Int64
		r := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			w.WriteHeader(status)
		}), attestation.Options{})
		_, _ = r.LatestIndex(context.Background(), bucket)
		if requests.Load() != want {
			t.Errorf("HTTP status %d: %d requests, want %d", status, requests.Load(), want)
		}
	}
}

func TestASlowStorageIsLeftAfterTheTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.WriteString(w, "1") // headers and the first byte come, the end does not
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-request.Context().Done():
		}
	})
	r := served(t, slow, attestation.Options{Timeout: 20 * time.Millisecond})
	defer close(release)
	_, err := r.LatestIndex(context.Background(), bucket)
	if !errors.Is(err, attestation.Silent) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "20ms") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.LatestIndex(ctx, bucket); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestALargeObjectIsRefusedAndNotRead(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	r := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1024 { // 64 MB
			n, err := w.Write(make([]byte, 64<<10))
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}), attestation.Options{})
	_, err := r.LatestIndex(context.Background(), bucket)
	if !errors.Is(err, attestation.Malformed) || !strings.Contains(err.Error(), "51200") {
		t.Errorf("%v", err)
	}
	if sent.Load() > 32<<20 {
		t.Errorf("%d bytes were taken", sent.Load())
	}
	if flagged, err := r.Reorged(context.Background(), bucket); !flagged || err != nil {
		t.Errorf("a large flag is a flag: %v, %v", flagged, err)
	}
	exact := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "7"+long(" ", attestation.DefaultMaxObject-1))
	}), attestation.Options{})
	if got, err := exact.LatestIndex(context.Background(), bucket); got != 7 || err != nil {
		t.Errorf("an object of the bound: %d, %v", got, err)
	}
}

func TestAnEndpointIsAPlainURL(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"ftp://127.0.0.1", "127.0.0.1:5000", "http://", "http://u:p@127.0.0.1", "http://127.0.0.1/x", "http://127.0.0.1?x=1", "http://127.0.0.1#x", "\x00"} {
		if _, err := attestation.NewReader(attestation.Options{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is taken", endpoint)
		}
	}
}

func TestTheFolderForFilesIsAbsoluteAndPlain(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"points", "./points", "/srv/", "/srv/../etc", "//srv"} {
		if _, err := attestation.NewReader(attestation.Options{Rules: attestation.Rules{FileRoot: root}}); err == nil {
			t.Errorf("%q is taken", root)
		}
	}
}

func TestFilesAreReadBelowTheRootAndNowhereElse(t *testing.T) {
	t.Parallel()
	outside, root := t.TempDir(), t.TempDir()
	write := func(path, data string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "index.json"), "66")
	write(filepath.Join(root, "a", "index.json"), "7")
	for link, to := range map[string]string{
		"out": outside, "climb": "../" + filepath.Base(outside), "file/index.json": filepath.Join(outside, "index.json"), "in": "a",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "pipe"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe", "index.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "folder", "index.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := reader(t, attestation.Options{Rules: attestation.Rules{FileRoot: root}})
	at := func(path string) (uint32, error) {
		return r.LatestIndex(context.Background(), attestation.Location{Storage: attestation.File, Path: path})
	}
	for _, name := range []string{"a", "in"} {
		if got, err := at(filepath.Join(root, name)); got != 7 || err != nil {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	for path, want := range map[string]attestation.Trouble{
		filepath.Join(root, "out"): attestation.Silent, filepath.Join(root, "climb"): attestation.Silent,
		filepath.Join(root, "file"): attestation.Silent, outside: attestation.Silent, root + "/../" + filepath.Base(outside): attestation.Silent,
		filepath.Join(root, "none"): attestation.Absent, filepath.Join(root, "pipe"): attestation.Malformed, filepath.Join(root, "folder"): attestation.Malformed,
	} {
		if got, err := at(path); !errors.Is(err, want) || got != 0 {
			t.Errorf("%s: %d, %v, want %q", path, got, err, want)
		}
	}
	if got, err := reader(t, attestation.Options{}).LatestIndex(context.Background(), attestation.Location{Storage: attestation.File, Path: filepath.Join(root, "a")}); err == nil {
		t.Errorf("read without a root: %d", got)
	}
}

func TestAFolderHoldsWhatAValidatorPutsThere(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	l := attestation.Location{Storage: attestation.File, Path: filepath.Join(root, "v")}
	folder := attestationtest.Folder(l.Path)
	for _, index := range []string{"1", "2"} {
		if err := folder.Put(context.Background(), l.Objects().Latest, []byte(index)); err != nil {
			t.Fatal(err)
		}
	}
	r := reader(t, attestation.Options{Rules: attestation.Rules{FileRoot: root}})
	if got, err := r.LatestIndex(context.Background(), l); got != 2 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if files, err := os.ReadDir(l.Path); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}
