package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

func TestTheStoreInMemoryKeepsTheStoresPromises(t *testing.T) {
	t.Parallel()
	journaltest.Run(t, func(*testing.T) journal.Store { return journaltest.NewMemory() })
}

func TestTheFileStoreKeepsTheStoresPromises(t *testing.T) {
	t.Parallel()
	journaltest.Run(t, func(t *testing.T) journal.Store { return openFiles(t, t.TempDir()) })
}

func openFiles(t *testing.T, dir string) *journal.FileStore {
	t.Helper()
	s, err := journal.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOfTwoFileStoresOnOneFolderOnlyOneCreates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := openFiles(t, dir), openFiles(t, dir)
	if err := first.Create(t.Context(), "lease.json", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := second.Create(t.Context(), "lease.json", []byte("second")); !errors.Is(err, journal.ErrExists) {
		t.Errorf("have %v, want ErrExists", err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "store")
	s := openFiles(t, dir)
	if err := s.Create(t.Context(), "journal/000000000001.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		"../": 0o700 | os.ModeDir, "": 0o700 | os.ModeDir, "journal": 0o700 | os.ModeDir,
		"journal/000000000001.json": 0o600, ".lock": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%q: have %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestAFolderThatEverybodyMayWriteToIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := journal.NewFileStore(dir)
	if err == nil || !strings.Contains(err.Error(), "mode 0777") || !strings.Contains(err.Error(), "hint: chmod 0700") {
		t.Errorf("have %v, want a refusal that names the mode and the way out", err)
	}
}

func TestAFileInPlaceOfTheFolderIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.NewFileStore(path); err == nil {
		t.Error("a plain file passes as a folder")
	}
}

func TestAWriterWaitsForTheLockOnlyAsLongAsItsCallMayTake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openFiles(t, dir)
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Create(ctx, "lease.json", nil); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("have %v, want the deadline and its reason", err)
	}
	lock.Close() // as the kernel does for a process that died
	if err := s.Create(t.Context(), "lease.json", nil); err != nil {
		t.Errorf("after the holder is gone: %v", err)
	}
}

func TestWhatACrashLeftOfAWriteIsNoObjectAndIsCleanedUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openFiles(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "journal", ".000000000001.json.part")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err := s.List(t.Context(), "journal/", ""); err != nil || len(keys) != 0 {
		t.Errorf("lists %q, %v", keys, err)
	}
	if err := s.Create(t.Context(), "journal/000000000001.json", []byte("whole")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unfinished file is still there: %v", err)
	}
}

func TestALinkInTheStoreIsNotFollowed(t *testing.T) {
	t.Parallel()
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	s := openFiles(t, dir)
	if err := os.WriteFile(secret, []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "lease.json")); err != nil {
		t.Fatal(err)
	}
	if data, _, err := s.Get(t.Context(), "lease.json"); err == nil {
		t.Errorf("reads %q through a link", data)
	}
}

func TestAFileOfTenMegabytesIsRefusedUnread(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openFiles(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "lease.json"), bytes.Repeat([]byte("x"), 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.Get(t.Context(), "lease.json")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint("may have ", journal.MaxObjectBytes)) {
		t.Errorf("have %v, want a refusal with the limit", err)
	}
}
