// Package journaltest holds what tests of the journal and of its users need:
// a store in memory that fails on demand, and the suite every store must pass.
package journaltest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/crosschain-ops/reconcile/internal/journal"
)

// Memory is a journal.Store that lives as long as the test.
type Memory struct {
	// Before runs ahead of every call and may refuse it: nothing happens then.
	// After runs behind it: its error is a reply that got lost. Both may be nil;
	// operation is get, create, replace or list.
	Before, After func(operation, key string) error

	mu      sync.Mutex
	objects map[string]versioned
	writes  int
}

type versioned struct {
	data    []byte
	version string
}

var _ journal.Store = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string]versioned{}} }

// Name says that it is in memory.
func (m *Memory) Name() string { return "memory" }

// Get reads an object.
func (m *Memory) Get(ctx context.Context, key string) (data []byte, version string, err error) {
	err = m.call(ctx, "get", key, func() error {
		o, ok := m.objects[key]
		if !ok {
			return journal.ErrNotFound
		}
		if len(o.data) > journal.MaxObjectBytes {
			return fmt.Errorf("store: %s has %d bytes, may have %d", key, len(o.data), journal.MaxObjectBytes)
		}
		data, version = bytes.Clone(o.data), o.version
		return nil
	})
	return data, version, err
}

// Create writes an object that does not exist.
func (m *Memory) Create(ctx context.Context, key string, data []byte) error {
	return m.call(ctx, "create", key, func() error {
		if _, ok := m.objects[key]; ok {
			return journal.ErrExists
		}
		return m.write(key, data)
	})
}

// Replace writes an object whose version is still the given one.
func (m *Memory) Replace(ctx context.Context, key, version string, data []byte) error {
	return m.call(ctx, "replace", key, func() error {
		if m.objects[key].version != version || version == "" {
			return journal.ErrConflict
		}
		return m.write(key, data)
	})
}

func (m *Memory) write(key string, data []byte) error {
	if len(data) > journal.MaxObjectBytes {
		return fmt.Errorf("store: %s has %d bytes, may have %d", key, len(data), journal.MaxObjectBytes)
	}
	m.set(key, data)
	return nil
}

// List gives the keys below a prefix and after a key, in order.
func (m *Memory) List(ctx context.Context, prefix, after string) (keys []string, err error) {
	err = m.call(ctx, "list", prefix, func() error {
		for _, key := range slices.Sorted(maps.Keys(m.objects)) {
			if strings.HasPrefix(key, prefix) && key > after {
				keys = append(keys, key)
			}
		}
		return nil
	})
	return keys, err
}

// Set writes an object without any condition, as somebody with an editor does.
func (m *Memory) Set(key string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(key, data)
}

// Remove takes an object away.
func (m *Memory) Remove(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
}

func (m *Memory) set(key string, data []byte) {
	m.writes++
	m.objects[key] = versioned{data: bytes.Clone(data), version: fmt.Sprint("v", m.writes)}
}

func (m *Memory) call(ctx context.Context, operation, key string, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if operation != "list" && !wellFormed(key) {
		return fmt.Errorf("store: %q is not a key", key)
	}
	if m.Before != nil {
		if err := m.Before(operation, key); err != nil {
			return err
		}
	}
	m.mu.Lock()
	err := do()
	m.mu.Unlock()
	if err == nil && m.After != nil {
		return m.After(operation, key)
	}
	return err
}

// wellFormed is the suite's rule for keys, written down a second time.
func wellFormed(key string) bool {
	if key == "" || len(key) > 200 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789._-/") != "" {
		return false
	}
	return !slices.ContainsFunc(strings.Split(key, "/"), func(part string) bool {
		return part == "" || strings.ContainsRune("._-", rune(part[0]))
	})
}
