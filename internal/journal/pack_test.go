package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

// requests opens the journal anew and counts what its first reading takes.
func requests(t *testing.T, store journal.Store) (n int, entries []journal.Entry) {
	t.Helper()
	c := &calls{Store: store}
	entries, err := journal.New(c, "staging", at(noon())).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.n, entries
}

// changes writes a plan of so many changes, an intent and an outcome each, with
// a signed transaction as it is in life. first tells this plan's ids from others'.
func changes(t *testing.T, j *journal.Journal, first, n int) {
	t.Helper()
	write(t, j, 1, story()[1])
	for i := range n {
		intent, outcome := story()[2], story()[3]
		intent.Intent, outcome.Intent = fmt.Sprintf("%032x", first+i), fmt.Sprintf("%032x", first+i)
		intent.Prepared = json.RawMessage(`{"hash":"0x` + strings.Repeat("7", 64) + `","raw":"0x` + strings.Repeat("f8", 110) + `"}`)
		write(t, j, 1, intent, outcome)
	}
	write(t, j, 1, story()[5])
}

func TestAfterAnApplyOf88ChangesTheJournalIsReadInFourRequests(t *testing.T) {
	t.Parallel()
	client, proxy := startS3(t, "store")
	store := journal.NewS3Store(client, "store", "staging")
	j := journal.New(store, "staging", at(noon()))
	changes(t, j, 0, 88)
	pack(t, j)
	before := proxy.Total()
	if have := len(read(t, store)); have != 178 {
		t.Errorf("have %d entries, want 178", have)
	}
	if have := proxy.Total() - before; have > 4 {
		t.Errorf("%d requests, want at most 4", have)
	}
}

func TestTenThousandEntriesAreReadInThirtyRequests(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]int{"of one plan": 4999, "of 1,250 plans": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := journaltest.NewMemory()
			j := journal.New(store, "staging", at(noon()))
			for first := 0; first < 10_000; first += 2*plan + 2 {
				changes(t, j, first, plan)
				pack(t, j)
			}
			have, entries := requests(t, store)
			if have > 30 || len(entries) != 10_000 {
				t.Errorf("%d requests for %d entries, want at most 30", have, len(entries))
			}
		})
	}
}

// A plan that never ends, or whose process was killed, has no close at which
// to pack.
func TestALongPlanIsPackedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	changes(t, j, 0, 600)
	have, entries := requests(t, store)
	if have > 200 || len(entries) != 1202 {
		t.Errorf("%d requests for %d entries, want one for each entry after the 1,024th", have, len(entries))
	}
}

func TestAPackThatFailsHarmsNothing(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	store.Before = func(operation, key string) error {
		if operation == "create" && strings.HasPrefix(key, "segment/") {
			return errors.New("access denied")
		}
		return nil
	}
	j := journal.New(store, "staging", at(noon()))
	changes(t, j, 0, 520) // more than what Append packs by itself
	err := j.Pack(t.Context())
	if err == nil || !strings.Contains(err.Error(), "segment/000000000001-000000001042.json: access denied") {
		t.Errorf("have %v, want the segment and the cause", err)
	}
	if have := len(read(t, store)); have != 1042 {
		t.Errorf("have %d entries, want 1042", have)
	}
	store.Before = nil
	write(t, j, 1, story()[0])
	pack(t, j)
	if have, entries := requests(t, store); have != 4 || len(entries) != 1043 {
		t.Errorf("%d requests for %d entries, want 4", have, len(entries))
	}
}

// The first packer's reply is lost: its own next try, and another writer who
// is further by then, get along with what arrived.
func TestAPackWhoseReplyIsLostIsFoundByTheNext(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	write(t, j, 1, story()...)
	store.After = func(operation, _ string) error {
		if operation == "create" {
			return errors.New("no answer")
		}
		return nil
	}
	if err := j.Pack(t.Context()); err == nil {
		t.Error("a pack without an answer reports success")
	}
	store.After = nil
	pack(t, j)
	write(t, j, 1, story()...)
	pack(t, j)
	if diff := cmp.Diff(read(t, &calls{Store: store, hidden: true}), read(t, store)); diff != "" {
		t.Error(diff)
	}
	if have, _ := requests(t, store); have != 4 {
		t.Errorf("%d requests, want 4", have)
	}
}

func TestAWriterDoesNotPackOverASegmentThatSaysSomethingElse(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	write(t, j, 1, story()...)
	edited := []byte(`{"kind":"open"}` + "\n")
	store.Set(firstSegment, edited)
	for _, tears := range []bool{false, true} {
		k := journal.New(tearing{store, tears}, "staging", at(noon()))
		broken := (*journal.BrokenError)(nil)
		if err := k.Pack(t.Context()); !errors.As(err, &broken) || broken.Where != firstSegment {
			t.Errorf("a fresh writer: have %v, want a *BrokenError that names the segment", err)
		}
	}
	broken := (*journal.BrokenError)(nil)
	if err := j.Pack(t.Context()); !errors.As(err, &broken) || broken.Where != firstSegment {
		t.Errorf("have %v, want a *BrokenError that names the segment", err)
	}
	if string(object(t, store, firstSegment)) != string(edited) {
		t.Error("it was overwritten")
	}
}

func TestASingleEntryStaysAlone(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	pack(t, j)
	write(t, j, 0, story()[0])
	pack(t, j)
	if have := segments(t, store); len(have) != 0 {
		t.Errorf("segments %q, want none", have)
	}
}
