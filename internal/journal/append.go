package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// appendTries bounds how often a store may refuse a number that turns out to be
// free: S3 answers 409 to two conditional writes at once.
const appendTries = 5

// Append records an entry under a term: a conditional create of the next
// sequence number. What is returned without an error is stored for good. If
// somebody else took that number, nothing is written, their entry is read, and
// the error says what it means: a newer term is a *FencedError (the lease is
// lost), another one a *RaceError. So the first entry under a new term proves
// that its writer had seen everything before it, and no older term writes after.
func (j *Journal) Append(ctx context.Context, term int64, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.read {
		if err := j.refresh(ctx); err != nil {
			return err
		}
	}
	for range appendTries {
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
		err = j.put(ctx, keyOf(e.Seq), data)
		if err == nil {
			j.entries, j.torn = append(j.entries, e), ""
			clear(j.unsure)
			j.gathered(ctx)
			return nil
		}
		if !errors.Is(err, ErrExists) && !errors.Is(err, ErrConflict) {
			j.unsure[e.Hash] = true
			return fmt.Errorf("journal: entry %d: %w", e.Seq, err)
		}
		if err := j.refresh(ctx); err != nil {
			return err
		}
		if err := j.overtaken(e); err != nil {
			return err
		}
	}
	return fmt.Errorf("journal: entry %d: %s refused to create it %d times, and has none", e.Seq, j.store.Name(), appendTries)
}

// put creates the object, or replaces what a crash left of it.
func (j *Journal) put(ctx context.Context, key string, data []byte) error {
	if j.torn != "" {
		return j.store.Replace(ctx, key, j.torn, data)
	}
	return j.store.Create(ctx, key, data)
}

// overtaken says what came instead of our entry, nil if nothing did but an
// earlier entry of our own, of which the store could not say that it took it.
func (j *Journal) overtaken(ours Entry) error {
	for _, theirs := range j.entries[min(int(ours.Seq-1), len(j.entries)):] {
		if j.unsure[theirs.Hash] {
			continue
		}
		if _, last := j.tail(); last > ours.Term {
			return &FencedError{Term: ours.Term, Newer: last}
		}
		return &RaceError{Seq: theirs.Seq, Term: ours.Term, Theirs: theirs.Term}
	}
	return nil
}
