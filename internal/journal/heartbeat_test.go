package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

// sleeper lets a heartbeat run step by step.
type sleeper struct {
	asked chan time.Duration
	wake  chan struct{}
}

func newSleeper() sleeper { return sleeper{make(chan time.Duration), make(chan struct{})} }

func (s sleeper) sleep(ctx context.Context, d time.Duration) {
	select {
	case s.asked <- d:
	case <-ctx.Done():
		return
	}
	select {
	case <-s.wake:
	case <-ctx.Done():
	}
}

// beat lets the pause that was asked for go by and says how long it was.
func (s sleeper) beat(c *clock) time.Duration {
	d := <-s.asked
	c.Advance(d)
	s.wake <- struct{}{}
	return d
}

func TestTheHeartbeatKeepsTheLeaseAtAThirdOfItsLength(t *testing.T) {
	t.Parallel()
	store, c, s := journaltest.NewMemory(), newClock(), newSleeper()
	alice := mustAcquire(t, store, c, "alice", 0)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	kept := alice.Keep(ctx, s.sleep)
	for range 20 {
		if d := s.beat(c); d != length/3 {
			t.Fatalf("beats after %s, want %s", d, length/3)
		}
	}
	<-s.asked // the twentieth renewal is over
	if kept.Err() != nil || alice.Remaining() != length {
		t.Errorf("have %v, %s remain", context.Cause(kept), alice.Remaining())
	}
}

func TestLosingTheLeaseEndsTheWorkWithItsCause(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*journaltest.Memory){
		"stolen": func(store *journaltest.Memory) {
			ahead := newClock()
			ahead.Advance(24 * time.Hour)
			if _, err := acquire(store, ahead, "bob", 0); err != nil {
				panic(err)
			}
		},
		"the store is gone": func(store *journaltest.Memory) {
			store.Before = func(string, string) error { return errors.New("no route to host") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, c, s := journaltest.NewMemory(), newClock(), newSleeper()
			alice := mustAcquire(t, store, c, "alice", 0)
			lose(store)
			kept := alice.Keep(t.Context(), s.sleep)
			for beats := 0; kept.Err() == nil; beats++ {
				if beats > 1000 {
					t.Fatal("the heartbeat neither succeeds nor gives up")
				}
				select {
				case d := <-s.asked:
					c.Advance(d)
					s.wake <- struct{}{}
				case <-kept.Done():
				}
			}
			if cause := context.Cause(kept); !isLost(cause) {
				t.Errorf("the cause is %v, want the lost lease", cause)
			}
			if alice.Remaining() != 0 {
				t.Errorf("%s remain", alice.Remaining())
			}
		})
	}
}
