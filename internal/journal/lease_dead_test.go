package journal_test

import (
	"errors"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

// A process that is proved to have ended is not waited for; one that may live is.
func TestNobodyWaitsForTheLeaseOfADeadProcess(t *testing.T) {
	store, now := journaltest.NewMemory(), time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	options := journal.LeaseOptions{Length: time.Minute, Grace: time.Minute, Now: func() time.Time { return now }}
	first := journal.Owner{User: "alice", Host: "desk", PID: 7, Machine: "boot", Nonce: "1"}
	if _, err := journal.Acquire(t.Context(), store, "staging", "sha256:a", first, 0, options); err != nil {
		t.Fatal(err)
	}
	second := journal.Owner{User: "alice", Host: "desk", PID: 8, Machine: "boot", Nonce: "2"}
	options.Dead = func(journal.Owner) bool { return false }
	var held *journal.HeldError
	if _, err := journal.Acquire(t.Context(), store, "staging", "sha256:a", second, 0, options); !errors.As(err, &held) {
		t.Fatalf("the lease of a process that may live was taken: %v", err)
	}
	var asked journal.Owner
	options.Dead = func(o journal.Owner) bool { asked = o; return true }
	lease, err := journal.Acquire(t.Context(), store, "staging", "sha256:a", second, 0, options)
	if err != nil {
		t.Fatalf("a dead process's lease was not taken: %v", err)
	}
	if asked != first || lease.Term() != 2 {
		t.Fatalf("asked about %+v, term %d; want %+v, term 2", asked, lease.Term(), first)
	}
}
