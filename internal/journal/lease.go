package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
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
	// Machine identifies the boot and the process namespace that PID is of; empty
	// where the system does not tell.
	Machine string `json:"machine,omitempty"`
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

// tidy keeps what may be written down: of a URL neither user, password, query
// nor fragment, which can hold a token, and texts that read back unchanged.
func (o Owner) tidy() Owner {
	o.User, o.Host, o.Nonce, o.Machine = tidied(o.User), tidied(o.Host), tidied(o.Nonce), tidied(o.Machine)
	run, err := url.Parse(o.URL)
	if err != nil {
		o.URL = ""
		return o
	}
	o.URL = tidied((&url.URL{Scheme: run.Scheme, Host: run.Host, Path: run.Path}).String())
	return o
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

// LeaseOptions are the times of a lease.
type LeaseOptions struct {
	// Length is how long it holds without a heartbeat.
	Length time.Duration
	// Grace is how long a thief waits after expiry: one full call deadline, so
	// that the holder's last call has ended.
	Grace time.Duration
	Now   func() time.Time
	// Dead reports that a holder's process is proved to have ended: then nobody
	// has to wait for its lease. nil: never proved.
	Dead func(Owner) bool
}

// maxTerm bounds a term that was read, so that the next one is larger still.
const maxTerm = 1 << 53

func (o LeaseOptions) check() error {
	if o.Length <= 0 || o.Grace <= 0 || o.Now == nil {
		return fmt.Errorf("lease: length %s and grace %s must be above zero, and there must be a clock", o.Length, o.Grace)
	}
	return nil
}

// Lease is the right to write an environment's journal. Its term rises with
// every holder and is never used again.
//
// It is safe while the clocks of two machines differ by less than the grace and
// two thirds of the length: a holder renews at a third of the length.
type Lease struct {
	store   Store
	options LeaseOptions

	// writing serialises what is sent to the store. mu guards the fields and is
	// never held during a call: Remaining must answer at once.
	writing sync.Mutex
	mu      sync.Mutex
	held    held
	version string
	lost    bool
}

// Acquire takes the lease of an environment, or steals one that expired longer
// than the grace ago. A lease in force, or one that somebody took in this very
// moment, is a *HeldError. floor is the highest term in the journal: a lost
// lease object cannot bring an old term back.
func Acquire(ctx context.Context, store Store, environment, plan string, owner Owner, floor int64, o LeaseOptions) (*Lease, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	l := &Lease{store: store, options: o}
	data, version, err := store.Get(ctx, leaseKey)
	fresh := errors.Is(err, ErrNotFound)
	if err != nil && !fresh {
		return nil, fmt.Errorf("lease: %w", err)
	}
	next := held{Environment: environment, Owner: owner.tidy(), Plan: plan, Term: floor + 1, Taken: o.Now().UTC()}
	if !fresh {
		last, err := decodeHeld(data, environment)
		if err != nil {
			return nil, err
		}
		if err := l.refuse(last); err != nil {
			return nil, err
		}
		next.Term = max(floor, last.Term) + 1
	}
	err = l.write(ctx, next, version, fresh)
	if lost := (*LostError)(nil); errors.As(err, &lost) {
		return nil, l.taken(ctx, environment, err)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// refuse says that a lease is in force, or was so a moment ago.
func (l *Lease) refuse(last held) error {
	now := l.options.Now().UTC()
	until := last.Expires.Add(l.options.Grace)
	if last.Released || !now.Before(until) || l.options.Dead != nil && l.options.Dead(last.Owner) {
		return nil
	}
	return &HeldError{Owner: last.Owner, Plan: last.Plan, Term: last.Term, Taken: last.Taken, Expires: last.Expires, Left: until.Sub(now)}
}

// taken says who was faster.
func (l *Lease) taken(ctx context.Context, environment string, cause error) error {
	data, _, err := l.store.Get(ctx, leaseKey)
	if err != nil {
		return fmt.Errorf("lease: %w", errors.Join(cause, err))
	}
	winner, err := decodeHeld(data, environment)
	if err != nil {
		return err
	}
	if err := l.refuse(winner); err != nil {
		return err
	}
	return fmt.Errorf("lease: %w: somebody took it and gave it back\nhint: try again", cause)
}

func decodeHeld(data []byte, environment string) (held, error) {
	var h held
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return held{}, fmt.Errorf("%s: not readable: %w", leaseKey, err)
	}
	if again, err := resource.Canonical(h); err != nil || !bytes.Equal(again, data) {
		return held{}, fmt.Errorf("%s: not readable: not in canonical form", leaseKey)
	}
	if h.Environment != environment {
		return held{}, fmt.Errorf("%s: is of environment %q, not %q: two environments share one store", leaseKey, h.Environment, environment)
	}
	if h.Term < 1 || h.Term >= maxTerm {
		return held{}, fmt.Errorf("%s: term %d is out of range", leaseKey, h.Term)
	}
	return h, nil
}

// write puts the lease under its condition and remembers the new version. The
// time it holds counts from before it was sent.
func (l *Lease) write(ctx context.Context, next held, version string, fresh bool) error {
	now := l.options.Now()
	next.Heartbeat, next.Expires = now.UTC(), now.UTC().Add(l.options.Length)
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
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held, l.version = next, have
	return nil
}

// rewrite replaces our own lease. A conflict may be with an earlier write of
// ours whose reply was lost: then its version is taken and we write again.
func (l *Lease) rewrite(ctx context.Context, next held, version string) error {
	err := l.write(ctx, next, version, false)
	if lost := (*LostError)(nil); !errors.As(err, &lost) {
		return err
	}
	data, have, errGet := l.store.Get(ctx, leaseKey)
	if errGet != nil {
		return fmt.Errorf("lease: %w", errGet)
	}
	current, errDecode := decodeHeld(data, next.Environment)
	if errDecode != nil || current.Owner != next.Owner || current.Term != next.Term || current.Released {
		return err
	}
	return l.write(ctx, next, have, false)
}

// Term is this holder's number.
func (l *Lease) Term() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held.Term
}

// Remaining is how long the lease still holds; zero when it is lost. No call
// may start whose deadline is further away.
func (l *Lease) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remaining()
}

// remaining takes the shorter of two clocks: the monotonic one stands still
// while a machine sleeps, the one on the wall can be set back.
func (l *Lease) remaining() time.Duration {
	if l.lost {
		return 0
	}
	now := l.options.Now()
	wall := l.held.Expires.Round(0).Sub(now.Round(0))
	return max(0, min(wall, l.held.Expires.Sub(now)))
}

// own gives the lease as it is held now, or *LostError.
func (l *Lease) own() (held, string, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.remaining()
	if left == 0 {
		l.lost = true
		return held{}, "", 0, &LostError{Term: l.held.Term}
	}
	return l.held, l.version, left, nil
}

func (l *Lease) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}

// Renew prolongs the lease. A lease that somebody else took, or that expired,
// is lost for good (*LostError); a store that does not answer leaves it as it
// was, running out.
func (l *Lease) Renew(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	mine, version, left, err := l.own()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, min(left, l.options.Grace))
	defer cancel()
	err = l.rewrite(ctx, mine, version)
	if lost := (*LostError)(nil); errors.As(err, &lost) {
		l.lose()
	}
	return err
}

// Release gives the lease back, so that nobody has to wait for it to expire.
// The object stays, so that its term is not used again.
func (l *Lease) Release(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	mine, version, left, err := l.own()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, min(left, l.options.Grace))
	defer cancel()
	l.lose()
	mine.Released = true
	return l.rewrite(ctx, mine, version)
}

// Keep renews the lease at a third of its length until ctx ends, and sooner
// again when the store did not answer. The context it returns ends, with a
// *LostError as its cause, when the lease is lost or has run out.
func (l *Lease) Keep(ctx context.Context, sleep func(context.Context, time.Duration)) context.Context {
	kept, cancel := context.WithCancelCause(ctx)
	pause := l.options.Length / 3
	go func() {
		for {
			sleep(kept, pause)
			if kept.Err() != nil {
				return
			}
			err := l.Renew(kept)
			left := l.Remaining()
			if lost := (*LostError)(nil); errors.As(err, &lost) || left == 0 {
				cancel(&LostError{Term: l.Term()})
				return
			}
			pause = l.options.Length / 3
			if err != nil {
				pause = min(pause, left)/4 + time.Millisecond
			}
		}
	}()
	return kept
}
