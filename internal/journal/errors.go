package journal

import (
	"fmt"
	"time"
)

// BrokenError says that the record was damaged or edited. Nothing is appended
// to such a journal.
type BrokenError struct {
	// Where is the entry's key, or the store's name.
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

// RaceError says that somebody else's entry came first, under our term or an
// older one: what the caller decided on is not all there is. Nothing was
// written; after a Read the caller may decide again.
type RaceError struct{ Seq, Term, Theirs int64 }

// Error names the entry and both terms.
func (e *RaceError) Error() string {
	return fmt.Sprintf("journal: entry %d of term %d came before ours of term %d: read the journal again", e.Seq, e.Theirs, e.Term)
}

// HeldError says that somebody else holds the lease.
type HeldError struct {
	Owner   Owner
	Plan    string
	Term    int64
	Taken   time.Time
	Expires time.Time
	// Left is how long it cannot be taken, if it is not renewed: until it
	// expires and the grace after that is over.
	Left time.Duration
}

// Error names the holder, the plan and how long it may take.
func (e *HeldError) Error() string {
	return fmt.Sprintf("the lease (term %d) is held by %s since %s for plan %s, %s left unless it is renewed",
		e.Term, e.Owner, e.Taken.UTC().Format("2006-01-02 15:04:05 UTC"), e.Plan, e.Left.Round(time.Second))
}

// LostError says that the lease is no longer ours.
type LostError struct{ Term int64 }

// Error names the term.
func (e *LostError) Error() string { return fmt.Sprintf("the lease of term %d is lost", e.Term) }
