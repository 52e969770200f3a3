// Package journal is the memory of apply: an append-only, hash-chained record
// of what was about to be done and what came of it, and the lease that lets one
// holder at a time write to it. Both live in one store with conditional writes.
//
// Objects: lease.json, journal/<number>.json for each entry, and for readers
// segment/<first>-<last>.json, copies of many entries in one. stop.json says
// whether anything may be applied at all; it needs no lease.
package journal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

// Store keeps small objects and writes them only under a condition. Every
// method is safe for many processes at once; that is its whole point.
type Store interface {
	// Get reads an object and its version; ErrNotFound if there is none.
	Get(ctx context.Context, key string) (data []byte, version string, err error)
	// Create writes an object that does not exist; ErrExists if it does.
	Create(ctx context.Context, key string, data []byte) error
	// Replace writes an object whose version is still the given one; ErrConflict
	// if it is not.
	Replace(ctx context.Context, key, version string, data []byte) error
	// List gives the keys below a prefix in lexical order, all that come after
	// the given key; all there are if it is empty.
	List(ctx context.Context, prefix, after string) ([]string, error)
	// Name says where the store is, for people: no secret is in it.
	Name() string
}

// The answers that callers branch on.
var (
	ErrNotFound = errors.New("no such object")
	ErrExists   = errors.New("object exists already")
	ErrConflict = errors.New("object was changed by somebody else")
)

// MaxObjectBytes bounds what is written and read of one object.
const MaxObjectBytes = 1 << 20

var keyForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$`)

// checkKey refuses keys that could leave the store's own folder.
func checkKey(key string) error {
	if !keyForm.MatchString(key) || len(key) > 200 {
		return fmt.Errorf("store: %q is not a key", key)
	}
	return nil
}

// checkWrite refuses what Get would refuse to read again.
func checkWrite(key string, data []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(data) > MaxObjectBytes {
		return tooLarge(key, int64(len(data)))
	}
	return nil
}

func tooLarge(key string, have int64) error {
	return fmt.Errorf("store: %s has %d bytes or more, may have %d", key, have, MaxObjectBytes)
}
