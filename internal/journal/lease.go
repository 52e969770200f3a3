package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

const leaseKey = "lease.json"

// Owner says who holds a lease, for whoever finds it taken.
type Owner struct {
	User string `json:"user"`
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// URL of the run, in CI.
	URL string `json:"url,omitempty"`
	// Nonce tells two runs of one process apart.
	Nonce string `json:"nonce"`
}

// String prints user@host and the run's URL.
func (o Owner) String() string {
	text := fmt.Sprintf("%s@%s (pid %d)", o.User, o.Host, o.PID)
	if o.URL != "" {
		text += " " + o.URL
	}
	return text
}

// held is the lease object.
type held struct {
	Environment string    `json:"environment"`
	Owner       Owner     `json:"owner"`
	Plan        string    `json:"plan"`
	Term        int64     `json:"term"`
	Taken       time.Time `json:"taken"`
	Heartbeat   time.Time `json:"heartbeat"`
	Expires     time.Time `json:"expires"`
	Released    bool      `json:"released"`
}

// HeldError says that somebody else holds the lease.
type HeldError struct {
	Owner   Owner
	Plan    string
	Term    int64
	Taken   time.Time
	Expires time.Time
	// Left is how long it still holds.
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

// LeaseOptions are the times of a lease.
type LeaseOptions struct {
	// Length is how long it holds without a heartbeat.
	Length time.Duration
	// Grace is how long a thief waits after expiry: one full call deadline, so
	// that the holder's last call has ended.
	Grace time.Duration
	Now   func() time.Time
}

// Lease is the right to write an environment's journal. Its term rises with
// every holder and is never used again.
type Lease struct {
	store   Store
	options LeaseOptions

	mu      sync.Mutex
	held    held
	version string
	lost    bool
}

// Acquire takes the lease of an environment, or steals one that expired longer
// than the grace ago. A lease in force is a *HeldError. floor is the highest
// term in the journal: a lost lease object cannot bring an old term back.
func Acquire(ctx context.Context, store Store, environment, plan string, owner Owner, floor int64, o LeaseOptions) (*Lease, error) {
	l := &Lease{store: store, options: o}
	data, version, err := store.Get(ctx, leaseKey)
	fresh := errors.Is(err, ErrNotFound)
	if err != nil && !fresh {
		return nil, fmt.Errorf("lease: %w", err)
	}
	now := o.Now().UTC()
	next := held{Environment: environment, Owner: owner, Plan: plan, Term: floor + 1, Taken: now}
	if !fresh {
		last, err := decodeHeld(data, environment)
		if err != nil {
			return nil, err
		}
		if until := last.Expires.Add(o.Grace); !last.Released && now.Before(until) {
			return nil, &HeldError{Owner: last.Owner, Plan: last.Plan, Term: last.Term, Taken: last.Taken, Expires: last.Expires, Left: until.Sub(now)}
		}
		next.Term = max(floor, last.Term) + 1
	}
	return l, l.write(ctx, next, version, fresh)
}

func decodeHeld(data []byte, environment string) (held, error) {
	var h held
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return held{}, fmt.Errorf("lease: not readable: %w", err)
	}
	if h.Environment != environment {
		return held{}, fmt.Errorf("lease: is of environment %q, not %q: two environments share one store", h.Environment, environment)
	}
	return h, nil
}

// write puts the lease under its condition and remembers the new version.
func (l *Lease) write(ctx context.Context, next held, version string, fresh bool) error {
	now := l.options.Now().UTC()
	next.Heartbeat, next.Expires = now, now.Add(l.options.Length)
	data, err := resource.Canonical(next)
	if err != nil {
		return err
	}
	if fresh {
		err = l.store.Create(ctx, leaseKey, data)
	} else {
		err = l.store.Replace(ctx, leaseKey, version, data)
	}
	if errors.Is(err, ErrExists) || errors.Is(err, ErrConflict) {
		return &LostError{Term: next.Term}
	}
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	mine, have, err := l.store.Get(ctx, leaseKey)
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	if !bytes.Equal(mine, data) {
		return &LostError{Term: next.Term}
	}
	l.held, l.version = next, have
	return nil
}

// Term is this holder's number.
func (l *Lease) Term() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held.Term
}

// Remaining is how long the lease still holds; zero when it is lost.
func (l *Lease) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return 0
	}
	return max(0, l.held.Expires.Sub(l.options.Now()))
}

// Renew prolongs the lease. A lease that somebody else took, or that expired,
// is lost for good (*LostError); a store that does not answer leaves it as it
// was, running out.
func (l *Lease) Renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost || !l.options.Now().Before(l.held.Expires) {
		l.lost = true
		return &LostError{Term: l.held.Term}
	}
	err := l.write(ctx, l.held, l.version, false)
	if lost := (*LostError)(nil); errors.As(err, &lost) {
		l.lost = true
	}
	return err
}

// Release gives the lease back, so that nobody has to wait for it to expire.
func (l *Lease) Release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return &LostError{Term: l.held.Term}
	}
	last := l.held
	last.Released = true
	err := l.write(ctx, last, l.version, false)
	l.lost = true
	return err
}

// Keep renews the lease at a third of its length until ctx ends. The context
// it returns ends, with the cause, when the lease is lost or has run out.
func (l *Lease) Keep(ctx context.Context, sleep func(context.Context, time.Duration)) context.Context {
	kept, cancel := context.WithCancelCause(ctx)
	go func() {
		for kept.Err() == nil {
			sleep(kept, l.options.Length/3)
			if kept.Err() != nil {
				return
			}
			err := l.Renew(kept)
			var lost *LostError
			if errors.As(err, &lost) || l.Remaining() == 0 {
				cancel(&LostError{Term: l.Term()})
				return
			}
		}
	}()
	return kept
}
