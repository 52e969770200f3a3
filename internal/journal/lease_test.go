package journal_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

// clock is the time of a test; it moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: noon()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const length, grace = 90 * time.Second, 30 * time.Second

func owner(name string) journal.Owner {
	return journal.Owner{User: name, Host: "ci-7", PID: 42, URL: "https://ci.example/runs/9", Nonce: "n-" + name}
}

func acquire(store journal.Store, c *clock, name string, floor int64) (*journal.Lease, error) {
	return journal.Acquire(context.Background(), store, "staging", "sha256:"+name, owner(name), floor,
		journal.LeaseOptions{Length: length, Grace: grace, Now: c.Now})
}

func mustAcquire(t *testing.T, store journal.Store, c *clock, name string, floor int64) *journal.Lease {
	t.Helper()
	l, err := acquire(store, c, name, floor)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func isLost(err error) bool { lost := (*journal.LostError)(nil); return errors.As(err, &lost) }

func TestALeaseInForceNamesItsHolder(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	mustAcquire(t, store, c, "alice", 0)
	c.Advance(10 * time.Second)
	_, err := acquire(store, c, "bob", 0)
	held := (*journal.HeldError)(nil)
	if !errors.As(err, &held) {
		t.Fatalf("have %v, want a *HeldError", err)
	}
	if held.Owner != owner("alice") || held.Plan != "sha256:alice" || held.Term != 1 || held.Left != length+grace-10*time.Second {
		t.Errorf("have %+v", held)
	}
	for _, want := range []string{"alice@ci-7", "https://ci.example/runs/9", "sha256:alice", "1m50s left", "2026-03-04 12:00:00 UTC"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestAThiefWaitsOneCallDeadlineAfterTheLeaseRanOut(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	alice := mustAcquire(t, store, c, "alice", 0)
	c.Advance(length)
	if alice.Remaining() != 0 {
		t.Errorf("a lease that ran out holds %s longer", alice.Remaining())
	}
	c.Advance(grace - time.Millisecond)
	if _, err := acquire(store, c, "bob", 0); err == nil {
		t.Fatal("stolen within the grace")
	}
	c.Advance(time.Millisecond)
	bob := mustAcquire(t, store, c, "bob", 0)
	if bob.Term() != 2 || bob.Remaining() != length {
		t.Errorf("have term %d for %s, want 2 for %s", bob.Term(), bob.Remaining(), length)
	}
	if err := alice.Renew(t.Context()); !isLost(err) {
		t.Errorf("the old holder renews: %v", err)
	}
	if err := alice.Release(t.Context()); !isLost(err) {
		t.Errorf("the old holder releases: %v", err)
	}
	if err := bob.Renew(t.Context()); err != nil {
		t.Errorf("the new holder: %v", err)
	}
}

func TestATermIsNeverUsedAgain(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	last := int64(0)
	for range 3 {
		l := mustAcquire(t, store, c, "alice", 0)
		if l.Term() <= last {
			t.Fatalf("term %d follows %d", l.Term(), last)
		}
		last = l.Term()
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l.Remaining() != 0 || !isLost(l.Renew(t.Context())) || !isLost(l.Release(t.Context())) {
			t.Error("a lease given back is still held")
		}
	}
	store.Remove("lease.json") // somebody cleans up; the journal still knows
	if l := mustAcquire(t, store, c, "bob", last); l.Term() != last+1 {
		t.Errorf("have term %d after %d in the journal", l.Term(), last)
	}
	c.Advance(length + grace) // somebody restores an old one
	if l := mustAcquire(t, store, c, "carol", 50); l.Term() != 51 {
		t.Errorf("have term %d after 50 in the journal", l.Term())
	}
}

func TestAHolderThatTookTheLeaseAgainDoesNotServeItsFormerSelf(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	former := mustAcquire(t, store, c, "alice", 0)
	ahead := newClock()
	ahead.Advance(length + grace)
	again := mustAcquire(t, store, ahead, "alice", 0)
	if err := former.Renew(t.Context()); !isLost(err) {
		t.Errorf("have %v, want term 1 lost to term %d", err, again.Term())
	}
}

func TestALeaseThatAPersonReleasedIsLost(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	alice := mustAcquire(t, store, c, "alice", 0)
	data, _, err := store.Get(t.Context(), "lease.json")
	if err != nil {
		t.Fatal(err)
	}
	store.Set("lease.json", []byte(strings.Replace(string(data), `"released":false`, `"released":true`, 1)))
	if err := alice.Renew(t.Context()); !isLost(err) {
		t.Errorf("have %v, want it lost", err)
	}
}

func TestARenewedLeaseHoldsOnAndAStolenOneIsLost(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	alice := mustAcquire(t, store, c, "alice", 0)
	for range 5 {
		c.Advance(length - time.Second)
		if err := alice.Renew(t.Context()); err != nil || alice.Remaining() != length {
			t.Fatalf("have %v, %s remain", err, alice.Remaining())
		}
	}
	// Another one stole it by a clock that is far ahead.
	ahead := newClock()
	ahead.Advance(24 * time.Hour)
	mustAcquire(t, store, ahead, "bob", 0)
	if err := alice.Renew(t.Context()); !isLost(err) || alice.Remaining() != 0 {
		t.Errorf("have %v, %s remain, want it lost", err, alice.Remaining())
	}
}

func TestARenewalWithoutAnAnswerLosesNothing(t *testing.T) {
	t.Parallel()
	for _, silent := range []string{"replace", "get"} {
		t.Run("of "+silent, func(t *testing.T) {
			t.Parallel()
			store, c := journaltest.NewMemory(), newClock()
			alice := mustAcquire(t, store, c, "alice", 0)
			c.Advance(time.Minute)
			store.After = func(operation, _ string) error {
				if operation == silent {
					return errors.New("no answer")
				}
				return nil
			}
			if err := alice.Renew(t.Context()); err == nil || isLost(err) {
				t.Errorf("have %v, want an error that claims nothing", err)
			}
			if alice.Remaining() != length-time.Minute {
				t.Errorf("%s remain, want %s: an unanswered renewal prolongs nothing", alice.Remaining(), length-time.Minute)
			}
			store.After = nil
			if err := alice.Renew(t.Context()); err != nil || alice.Remaining() != length {
				t.Errorf("have %v, %s remain, want it renewed", err, alice.Remaining())
			}
		})
	}
}

func TestTheClockAnswersWhileARenewalHangs(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	alice := mustAcquire(t, store, c, "alice", 0)
	hangs, goOn := make(chan struct{}), make(chan struct{})
	store.Before = func(operation, _ string) error {
		if operation == "replace" {
			close(hangs)
			<-goOn
		}
		return nil
	}
	done := make(chan error)
	go func() { done <- alice.Renew(t.Context()) }()
	<-hangs
	c.Advance(time.Minute)
	if have := alice.Remaining(); have != length-time.Minute {
		t.Errorf("%s remain, want %s", have, length-time.Minute)
	}
	close(goOn)
	if err := <-done; err != nil || alice.Remaining() != length-time.Minute {
		t.Errorf("have %v, %s remain: the renewal counts from when it was sent", err, alice.Remaining())
	}
}

func TestOfManyWhoWantTheLeaseOneGetsIt(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) journal.Store{
		"memory": func(*testing.T) journal.Store { return journaltest.NewMemory() },
		"file":   func(t *testing.T) journal.Store { return openFiles(t, t.TempDir()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, c := open(t), newClock()
			for round := range 10 {
				var wait sync.WaitGroup
				leases, errs := make([]*journal.Lease, 6), make([]error, 6)
				for i := range leases {
					wait.Go(func() { leases[i], errs[i] = acquire(store, c, string(rune('a'+i)), 0) })
				}
				wait.Wait()
				winners := 0
				for i, l := range leases {
					held := (*journal.HeldError)(nil)
					switch {
					case errs[i] == nil && l.Term() == int64(round+1):
						winners++
					case errs[i] == nil:
						t.Errorf("round %d has term %d", round, l.Term())
					case !errors.As(errs[i], &held):
						t.Errorf("a loser is told %v, not who holds it", errs[i])
					}
				}
				if winners != 1 {
					t.Fatalf("round %d: %d winners", round, winners)
				}
				c.Advance(length + grace) // nobody renews: the next round steals
			}
		})
	}
}

func TestAHostileLeaseIsRefused(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	mustAcquire(t, store, c, "alice", 0)
	whole, _, err := store.Get(t.Context(), "lease.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"another environment":     {`"staging"`, `"production"`},
		"a term that never rises": {`"term":1`, `"term":9223372036854775807`},
		"a term below one":        {`"term":1`, `"term":-1`},
		"an unknown field":        {`{`, `{"x":1,`},
		"a field twice":           {`"term":1`, `"term":1,"term":1`},
		"another case":            {`"released":false`, `"Released":true`},
		"more behind it":          {`"released":false}`, `"released":false}{}`},
		"half of it":              {`"released":false}`, ``},
	} {
		edited := strings.Replace(string(whole), edit[0], edit[1], 1)
		if edited == string(whole) {
			t.Fatalf("%s: %s is not in %s", name, edit[0], whole)
		}
		store.Set("lease.json", []byte(edited))
		c.Advance(24 * time.Hour)
		if _, err := acquire(store, c, "bob", 0); err == nil || !strings.Contains(err.Error(), "lease.json") {
			t.Errorf("%s: have %v, want a refusal that names the object", name, err)
		}
	}
}

func TestTheLeaseHoldsNoTokenOfARunsURL(t *testing.T) {
	t.Parallel()
	store, c := journaltest.NewMemory(), newClock()
	who := owner("al\xffice")
	who.URL = "https://user:canary1@ci.example/runs/9?token=canary2#canary3"
	options := journal.LeaseOptions{Length: length, Grace: grace, Now: c.Now}
	if _, err := journal.Acquire(t.Context(), store, "staging", "p", who, 0, options); err != nil {
		t.Fatal(err)
	}
	data, _, err := store.Get(t.Context(), "lease.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "canary") || !strings.Contains(string(data), "https://ci.example/runs/9") {
		t.Errorf("the lease is %s", data)
	}
	c.Advance(length + grace)
	if _, err := acquire(store, c, "bob", 0); err != nil {
		t.Errorf("a name of broken bytes makes a lease that nobody can take: %v", err)
	}
}

func TestALeaseWithoutTimesIsNotTaken(t *testing.T) {
	t.Parallel()
	for _, o := range []journal.LeaseOptions{{}, {Length: length, Grace: grace}, {Length: length, Now: noon}, {Grace: grace, Now: noon}} {
		if _, err := journal.Acquire(t.Context(), journaltest.NewMemory(), "staging", "p", owner("a"), 0, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
