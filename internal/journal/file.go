package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// FileStore keeps objects in a folder of one machine. Conditional writes hold
// an flock on the folder's lock file; a file appears whole or not at all.
type FileStore struct{ dir string }

// NewFileStore opens the folder, making it (mode 0700) where it is absent. A
// folder that everybody may write to is refused: who can edit the journal can
// forget what was spent.
func NewFileStore(dir string) (*FileStore, error) {
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("store: %s is not a folder", dir)
	}
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		return nil, fmt.Errorf("store: %s has mode %04o, everybody may write to it\nhint: chmod 0700 %s", dir, mode, dir)
	}
	return &FileStore{dir: dir}, nil
}

// makeFolder makes what is missing of a path and syncs each parent, so that a
// power cut does not take the folder away with the files in it.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Tears says that a power cut may leave part of the last object: a rename is
// atomic, but not every file system keeps its promise of order.
func (s *FileStore) Tears() bool { return true }

// Name is the folder.
func (s *FileStore) Name() string { return "file " + s.dir }

// Get reads an object; its version is the hash of its bytes.
func (s *FileStore) Get(_ context.Context, key string) ([]byte, string, error) {
	if err := checkKey(key); err != nil {
		return nil, "", err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, filepath.FromSlash(key)), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", ErrNotFound
	}
	if err != nil {
		return nil, "", fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxObjectBytes+1))
	if err != nil {
		return nil, "", fmt.Errorf("store: %w", err)
	}
	if len(data) > MaxObjectBytes {
		return nil, "", tooLarge(key, int64(len(data)))
	}
	return data, versionOf(data), nil
}

func versionOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Create writes an object that does not exist.
func (s *FileStore) Create(ctx context.Context, key string, data []byte) error {
	return s.locked(ctx, key, data, func() error {
		_, _, err := s.Get(ctx, key)
		switch {
		case err == nil:
			return ErrExists
		case !errors.Is(err, ErrNotFound):
			return err
		}
		return s.write(key, data)
	})
}

// Replace writes an object whose version is still the given one.
func (s *FileStore) Replace(ctx context.Context, key, version string, data []byte) error {
	return s.locked(ctx, key, data, func() error {
		_, have, err := s.Get(ctx, key)
		if errors.Is(err, ErrNotFound) || err == nil && have != version {
			return ErrConflict
		}
		if err != nil {
			return err
		}
		return s.write(key, data)
	})
}

// List walks the folder that the prefix names, or all of the store's;
// unfinished files are not objects.
func (s *FileStore) List(_ context.Context, prefix, after string) ([]string, error) {
	root := s.dir
	if folder := strings.TrimSuffix(prefix, "/"); folder != prefix && checkKey(folder) == nil {
		root = filepath.Join(s.dir, filepath.FromSlash(folder))
	}
	var keys []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if path == root && errors.Is(err, fs.ErrNotExist) && root != s.dir {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(relative)
		if checkKey(key) == nil && strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	slices.Sort(keys)
	return keys, nil
}

// locked runs one conditional write under the folder's lock. The kernel drops
// an flock with its process, so a crash leaves nothing locked.
func (s *FileStore) locked(ctx context.Context, key string, data []byte, write func() error) error {
	if err := checkWrite(key, data); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer lock.Close()
	if err := flock(ctx, lock); err != nil {
		return err
	}
	return write()
}

// lockWait bounds how long one write waits for others, each of which takes
// milliseconds: whoever holds the lock longer was stopped in the middle.
const lockWait = 10 * time.Second

func flock(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("store: lock %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("store: lock %s: another process holds it: %w", f.Name(), context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// write puts the bytes beside the target, syncs them, renames, and syncs the
// folder: after it returns, a power cut loses nothing. It runs under the lock,
// so the unfinished file has one name and a crash leaves at most one of them.
func (s *FileStore) write(key string, data []byte) error {
	path := filepath.Join(s.dir, filepath.FromSlash(key))
	folder, name := filepath.Split(path)
	if err := makeFolder(filepath.Clean(folder)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	unfinished := filepath.Join(folder, "."+name+".part")
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	part, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	_, errWrite := part.Write(data)
	err = errors.Join(errWrite, part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		return fmt.Errorf("store: %w", errors.Join(err, os.Remove(unfinished)))
	}
	if err := syncFolder(folder); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
