package journal

import (
	"context"
	"fmt"
	"slices"
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
	// packed are the segments that a reader of the entries would take, in order.
	packed []span
	// torn is the version of a last object that a crash cut short.
	torn string
	// unsure are the hashes of entries of which we do not know whether they
	// were written: the store gave an error instead of an answer.
	unsure map[string]bool
}

// New opens the journal of an environment; nothing is read yet.
func New(store Store, environment string, now func() time.Time) *Journal {
	return &Journal{store: store, environment: environment, now: now, unsure: map[string]bool{}}
}

func keyOf(seq int64) string { return fmt.Sprintf("%s%012d.json", entryPrefix, seq) }

// Read reads what is new in the store and returns all entries. Every entry is
// checked: sequence, hash chain, environment, terms; a record that fails is a
// *BrokenError. The first Read takes all there is, out of segments as far as
// they go; later ones take what follows and look whether the last known entry
// is still there.
func (j *Journal) Read(ctx context.Context) ([]Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.refresh(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(j.entries), nil
}

func (j *Journal) accept(key string, data []byte) error {
	e, err := decode(data)
	if err != nil {
		return &BrokenError{Where: key, Err: err}
	}
	return j.follow(key, e)
}

// follow adds an entry that fits the one before it; key is where it was read.
func (j *Journal) follow(key string, e Entry) (err error) {
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
