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
)

// FileStore keeps objects in a folder of one machine. Conditional writes hold
// an flock on the folder's lock file; a file appears whole or not at all.
type FileStore struct{ dir string }

// NewFileStore opens the folder, making it (mode 0700) where it is absent.
func NewFileStore(dir string) (*FileStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &FileStore{dir: dir}, nil
}

// Name is the folder.
func (s *FileStore) Name() string { return "file " + s.dir }

// Get reads an object; its version is the hash of its bytes.
func (s *FileStore) Get(_ context.Context, key string) ([]byte, string, error) {
	if err := checkKey(key); err != nil {
		return nil, "", err
	}
	f, err := os.Open(filepath.Join(s.dir, filepath.FromSlash(key)))
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
		return nil, "", fmt.Errorf("store: %s has more than %d bytes", key, MaxObjectBytes)
	}
	return data, versionOf(data), nil
}

func versionOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Create writes an object that does not exist.
func (s *FileStore) Create(ctx context.Context, key string, data []byte) error {
	return s.locked(ctx, key, func() error {
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
	return s.locked(ctx, key, func() error {
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

// List walks the folder; unfinished files are not objects.
func (s *FileStore) List(_ context.Context, prefix string) ([]string, error) {
	var keys []string
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(relative)
		if checkKey(key) == nil && strings.HasPrefix(key, prefix) {
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
func (s *FileStore) locked(ctx context.Context, key string, write func() error) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer lock.Close()
	if err := flock(lock); err != nil {
		return fmt.Errorf("store: lock: %w", err)
	}
	return write()
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// write puts the bytes beside the target, syncs them, renames, and syncs the
// folder: after it returns, a power cut loses nothing.
func (s *FileStore) write(key string, data []byte) error {
	path := filepath.Join(s.dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer os.Remove(part.Name())
	_, errWrite := part.Write(data)
	if err := errors.Join(errWrite, part.Chmod(0o600), part.Sync(), part.Close()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
