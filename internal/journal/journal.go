package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// MaxEntries bounds one environment's journal.
const MaxEntries = 1_000_000

const entryPrefix = "journal/"

// Journal is one environment's record. Its methods may be called from many
// goroutines.
type Journal struct {
	store       Store
	environment string
	now         func() time.Time

	mu      sync.Mutex
	entries []Entry
	read    bool
}

// New opens the journal of an environment; nothing is read yet.
func New(store Store, environment string, now func() time.Time) *Journal {
	return &Journal{store: store, environment: environment, now: now}
}

// BrokenError says that the record was damaged or edited.
type BrokenError struct {
	Where string
	Err   error
}

// Error names the entry.
func (e *BrokenError) Error() string { return fmt.Sprintf("journal: %s: %v", e.Where, e.Err) }

// Unwrap gives the cause.
func (e *BrokenError) Unwrap() error { return e.Err }

// FencedError says that somebody else writes: the lease is lost.
type FencedError struct{ Term, Newer int64 }

// Error gives both terms.
func (e *FencedError) Error() string {
	return fmt.Sprintf("journal: the lease of term %d is lost, term %d writes", e.Term, e.Newer)
}

func keyOf(seq int64) string { return fmt.Sprintf("%s%012d.json", entryPrefix, seq) }

// Read reads what is new in the store and returns all entries. Every entry is
// checked: sequence, hash chain, environment, terms.
func (j *Journal) Read(ctx context.Context) ([]Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.refresh(ctx); err != nil {
		return nil, err
	}
	return append([]Entry(nil), j.entries...), nil
}

func (j *Journal) refresh(ctx context.Context) error {
	keys, err := j.store.List(ctx, entryPrefix)
	if err != nil {
		return err
	}
	if len(keys) > MaxEntries {
		return &BrokenError{Where: j.store.Name(), Err: fmt.Errorf("%d entries, at most %d are read", len(keys), MaxEntries)}
	}
	for i, key := range keys {
		if want := keyOf(int64(i + 1)); key != want {
			return &BrokenError{Where: key, Err: fmt.Errorf("entry %s is missing", want)}
		}
	}
	if len(keys) < len(j.entries) {
		return &BrokenError{Where: j.store.Name(), Err: fmt.Errorf("%d entries, there were %d", len(keys), len(j.entries))}
	}
	fresh, err := j.fetch(ctx, keys[len(j.entries):])
	if err != nil {
		return err
	}
	for i, data := range fresh {
		if err := j.accept(keys[len(j.entries)], data); err != nil {
			return err
		}
		fresh[i] = nil
	}
	j.read = true
	return nil
}

// fetchAtOnce is how many entries are read at the same time.
const fetchAtOnce = 16

func (j *Journal) fetch(ctx context.Context, keys []string) ([][]byte, error) {
	data, errs := make([][]byte, len(keys)), make([]error, len(keys))
	slots := make(chan struct{}, fetchAtOnce)
	var wait sync.WaitGroup
	for i, key := range keys {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			data[i], _, errs[i] = j.store.Get(ctx, key)
		})
	}
	wait.Wait()
	return data, errors.Join(errs...)
}

func (j *Journal) accept(key string, data []byte) error {
	e, err := decode(data)
	if err != nil {
		return &BrokenError{Where: key, Err: err}
	}
	prev, term := j.tail()
	switch {
	case e.Seq != int64(len(j.entries)+1):
		err = fmt.Errorf("says sequence %d", e.Seq)
	case e.Prev != prev:
		err = fmt.Errorf("follows %q, the entry before is %q", e.Prev, prev)
	case e.Environment != j.environment:
		err = fmt.Errorf("is of environment %q, not %q", e.Environment, j.environment)
	case e.Term < term:
		err = fmt.Errorf("is of term %d, after term %d", e.Term, term)
	}
	if err != nil {
		return &BrokenError{Where: key, Err: err}
	}
	j.entries = append(j.entries, e)
	return nil
}

func (j *Journal) tail() (hash string, term int64) {
	if len(j.entries) == 0 {
		return "", 0
	}
	last := j.entries[len(j.entries)-1]
	return last.Hash, last.Term
}

// Append records an entry under a term: a conditional create of the next
// sequence number. If somebody else took that number, their entry is read; a
// newer term there means that the lease is lost (*FencedError), an equal or
// older one that we try the next number.
func (j *Journal) Append(ctx context.Context, term int64, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.read {
		if err := j.refresh(ctx); err != nil {
			return err
		}
	}
	for {
		prev, last := j.tail()
		if last > term {
			return &FencedError{Term: term, Newer: last}
		}
		e.Seq, e.Term, e.Environment = int64(len(j.entries)+1), term, j.environment
		e.Time = j.now().UTC().Truncate(time.Millisecond)
		data, err := e.seal(prev)
		if err != nil {
			return err
		}
		err = j.store.Create(ctx, keyOf(e.Seq), data)
		if err == nil {
			j.entries = append(j.entries, e)
			return nil
		}
		if !errors.Is(err, ErrExists) {
			return fmt.Errorf("journal: entry %d: %w", e.Seq, err)
		}
		if err := j.refresh(ctx); err != nil {
			return err
		}
	}
}
