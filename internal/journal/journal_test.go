package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func wallet() resource.ID {
	return resource.ID{Kind: "funding", Scope: "fuji", Name: "relayer-signer-fuji"}
}

// story is one applied plan with every kind of entry.
func story() []journal.Entry {
	step := journal.Entry{Plan: "sha256:p", ID: wallet(), Op: "transfer", StepDigest: "sha256:s", Intent: "i1"}
	intent, outcome := step, step
	intent.Kind, intent.Prepared = journal.Intent, json.RawMessage(`{"hash":"0x01","raw":"0xf8"}`)
	intent.Spend = &resource.Spend{Network: "fuji", From: "bank", Wei: "100", Fee: "7"}
	outcome.Kind, outcome.Happened = journal.Outcome, journal.Happened
	outcome.Outputs = resource.Outputs{journal.OutputSpent: "103", journal.OutputTo: "0xAb"}
	return []journal.Entry{
		{Kind: journal.Anchor, Commit: "c0", Why: "bootstrap"},
		{Kind: journal.Open, Plan: "sha256:p", Commit: "c1", Owner: "alice@ci"},
		intent, outcome,
		{Kind: journal.Reading, Readings: map[string]string{wallet().String(): "42"}},
		{Kind: journal.Close, Plan: "sha256:p", Commit: "c1", Advances: true},
	}
}

func write(t *testing.T, j *journal.Journal, term int64, entries ...journal.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := j.Append(t.Context(), term, e); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, store journal.Store) []journal.Entry {
	t.Helper()
	entries, err := journal.New(store, "staging", at(noon())).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestWhatIsAppendedIsReadBackChained(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	write(t, journal.New(store, "staging", at(noon().Add(1234567))), 3, story()...)
	entries := read(t, store)
	prev := ""
	for i, e := range entries {
		if e.Seq != int64(i+1) || e.Term != 3 || e.Prev != prev || !e.Time.Equal(noon().Add(time.Millisecond)) || e.Environment != "staging" {
			t.Errorf("entry %d is sequence %d, term %d, at %s after %q", i+1, e.Seq, e.Term, e.Time, e.Prev)
		}
		prev = e.Hash
		e.Seq, e.Term, e.Time, e.Environment, e.Prev, e.Hash = 0, 0, time.Time{}, "", "", ""
		if diff := cmp.Diff(story()[i], e); diff != "" {
			t.Errorf("entry %d:\n%s", i+1, diff)
		}
	}
	if len(entries) != len(story()) {
		t.Errorf("have %d entries, want %d", len(entries), len(story()))
	}
}

func TestAnEntryThatMakesNoSenseIsNotWritten(t *testing.T) {
	t.Parallel()
	change := func(i int, edit func(*journal.Entry)) journal.Entry {
		e := story()[i]
		edit(&e)
		return e
	}
	for name, c := range map[string]struct {
		entry journal.Entry
		want  string
	}{
		"no kind":                  {journal.Entry{}, "known kind"},
		"an anchor of nothing":     {journal.Entry{Kind: journal.Anchor}, "commit"},
		"a plan without digest":    {journal.Entry{Kind: journal.Open}, "plan"},
		"abandoned without why":    {journal.Entry{Kind: journal.Abandon, Plan: "p"}, "why"},
		"an intent without id":     {change(2, func(e *journal.Entry) { e.Intent = "" }), "intent"},
		"an outcome of no step":    {change(3, func(e *journal.Entry) { e.StepDigest = "" }), "stepDigest"},
		"an outcome of no word":    {change(3, func(e *journal.Entry) { e.Happened = "maybe" }), `"maybe"`},
		"an intent that ended":     {change(2, func(e *journal.Entry) { e.Happened = journal.Happened }), `"yes"`},
		"prepared on an outcome":   {change(3, func(e *journal.Entry) { e.Prepared = json.RawMessage(`1`) }), "prepared"},
		"prepared that is no JSON": {change(2, func(e *journal.Entry) { e.Prepared = json.RawMessage(`{"a":`) }), "JSON"},
		"prepared of 256 KiB and a byte": {change(2, func(e *journal.Entry) {
			e.Prepared = json.RawMessage(`"` + strings.Repeat("x", journal.MaxPreparedBytes-1) + `"`)
		}), fmt.Sprint("may have ", journal.MaxPreparedBytes)},
		"a negative ceiling":  {change(2, func(e *journal.Entry) { e.Spend.Wei = "-1" }), `"-1"`},
		"a ceiling in words":  {change(2, func(e *journal.Entry) { e.Spend.Fee = "1e18" }), `"1e18"`},
		"a spend nowhere":     {change(2, func(e *journal.Entry) { e.Spend.Network = "" }), "network"},
		"a reading of 2^300":  {change(4, func(e *journal.Entry) { e.Readings[wallet().String()] = strings.Repeat("9", 91) }), "decimal"},
		"a reading of nobody": {change(4, func(e *journal.Entry) { e.Readings = map[string]string{"x": "1"} }), "resource id"},
		"an entry of two megabytes": {change(4, func(e *journal.Entry) {
			for i := range 40_000 {
				e.Readings[fmt.Sprintf("funding/fuji/wallet-number-%025d", i)] = "1"
			}
		}), fmt.Sprint("may have ", journal.MaxObjectBytes)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := journaltest.NewMemory()
			err := journal.New(store, "staging", at(noon())).Append(t.Context(), 1, c.entry)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v, want a refusal with %q", err, c.want)
			}
			if len(read(t, store)) != 0 {
				t.Error("it was written all the same")
			}
		})
	}
}

func TestBrokenTextOfAServerDoesNotBreakTheJournal(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	outcome := story()[3]
	outcome.Error = "\xff\xfe <b>\u2028 \x00 " + strings.Repeat("ä", 1<<20)
	outcome.Outputs = resource.Outputs{"\xff": "\xc3\x28"}
	write(t, journal.New(store, "staging", at(noon())), 1, outcome, story()[5])
	entries := read(t, store)
	if len(entries) != 2 || len(entries[0].Error) > 16<<10 || !strings.HasPrefix(entries[0].Error, "\uFFFD <b>\u2028 \x00 ä") {
		t.Errorf("have %d entries, the first with an error of %d bytes", len(entries), len(entries[0].Error))
	}
	if diff := cmp.Diff(resource.Outputs{"\uFFFD": "\uFFFD("}, entries[0].Outputs); diff != "" {
		t.Error(diff)
	}
}

func TestOfTwoAppendersExactlyOneWinsEachNumber(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]journal.Store{"memory": journaltest.NewMemory(), "file": openFiles(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const each = 25
			var wait sync.WaitGroup
			for writer := range 2 {
				wait.Go(func() {
					j := journal.New(store, "staging", at(noon()))
					for n := 0; n < each; {
						err := j.Append(context.Background(), 1, journal.Entry{Kind: journal.Open, Plan: fmt.Sprintf("%d/%d", writer, n)})
						raced := (*journal.RaceError)(nil)
						switch {
						case err == nil:
							n++
						case !errors.As(err, &raced):
							t.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
			count := map[string]int{}
			for _, e := range read(t, store) {
				count[e.Plan]++
			}
			if len(count) != 2*each {
				t.Errorf("have %d plans, want %d, each once", len(count), 2*each)
			}
			for plan, n := range count {
				if n != 1 {
					t.Errorf("plan %s stands %d times", plan, n)
				}
			}
		})
	}
}

func TestAnOldHolderCannotAppendAfterANewOneDid(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	old, thief := journal.New(store, "staging", at(noon())), journal.New(store, "staging", at(noon()))
	write(t, old, 4, story()[1])
	write(t, thief, 5, story()[2])
	err := old.Append(t.Context(), 4, story()[3])
	fenced := (*journal.FencedError)(nil)
	if !errors.As(err, &fenced) || fenced.Term != 4 || fenced.Newer != 5 {
		t.Fatalf("have %v, want term 4 fenced by term 5", err)
	}
	if err := old.Append(t.Context(), 4, story()[3]); !errors.As(err, &fenced) {
		t.Errorf("the second time: have %v, want the same", err)
	}
	if have := len(read(t, store)); have != 2 {
		t.Errorf("have %d entries, want 2", have)
	}
}

func TestAThiefLearnsOfAnEntryItDidNotSeeBeforeItWrites(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	old, thief := journal.New(store, "staging", at(noon())), journal.New(store, "staging", at(noon()))
	write(t, old, 4, story()[1])
	if _, err := thief.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, old, 4, story()[2]) // between the thief's reading and its first entry
	err := thief.Append(t.Context(), 5, story()[3])
	raced := (*journal.RaceError)(nil)
	if !errors.As(err, &raced) || raced.Seq != 2 || raced.Theirs != 4 || raced.Term != 5 {
		t.Fatalf("have %v, want a race lost to entry 2 of term 4", err)
	}
	write(t, thief, 5, story()[3])
	fenced := (*journal.FencedError)(nil)
	if err := old.Append(t.Context(), 4, story()[3]); !errors.As(err, &fenced) {
		t.Errorf("the old holder: have %v, want it fenced", err)
	}
}

func TestAnAppendWithoutAnAnswerIsNeitherLostNorTakenForSomebodyElses(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"the entry arrived": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := journaltest.NewMemory()
			j := journal.New(store, "staging", at(noon()))
			write(t, j, 1, story()[1])
			silent := func(operation, _ string) error {
				if operation == "create" {
					return errors.New("no answer")
				}
				return nil
			}
			if arrives {
				store.After = silent
			} else {
				store.Before = silent
			}
			if err := j.Append(t.Context(), 1, story()[2]); err == nil {
				t.Fatal("an append without an answer reports success")
			}
			store.Before, store.After = nil, nil
			write(t, j, 1, story()[3])
			var kinds []journal.Kind
			for _, e := range read(t, store) {
				kinds = append(kinds, e.Kind)
			}
			want := []journal.Kind{journal.Open, journal.Outcome}
			if arrives {
				want = []journal.Kind{journal.Open, journal.Intent, journal.Outcome}
			}
			if diff := cmp.Diff(want, kinds); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStoreThatRefusesAFreeNumberDoesNotHoldUsForEver(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	store.Before = func(operation, _ string) error {
		if operation == "create" {
			return journal.ErrExists
		}
		return nil
	}
	err := journal.New(store, "staging", at(noon())).Append(t.Context(), 1, story()[0])
	if err == nil || !strings.Contains(err.Error(), "refused to create it 5 times") {
		t.Errorf("have %v, want it given up after 5 tries", err)
	}
}

func TestAnEntryThatCannotBeReadStopsTheReading(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	write(t, journal.New(store, "staging", at(noon())), 1, story()...)
	store.Before = func(_, key string) error {
		if key == "journal/000000000004.json" {
			return errors.New("access denied")
		}
		return nil
	}
	_, err := journal.New(store, "staging", at(noon())).Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "journal/000000000004.json: access denied") {
		t.Errorf("have %v, want the entry and the cause", err)
	}
}

func TestASecondReadingAsksOnlyForWhatIsNew(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	write(t, journal.New(store, "staging", at(noon())), 1, story()...)
	j := journal.New(store, "staging", at(noon()))
	calls := 0
	if _, err := j.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, journal.New(store, "staging", at(noon())), 1, story()[0])
	store.Before = func(string, string) error { calls++; return nil }
	entries, err := j.Read(t.Context())
	if err != nil || len(entries) != len(story())+1 {
		t.Fatalf("have %d entries, %v", len(entries), err)
	}
	if calls != 3 { // the last known, the new one, and the one that is not there
		t.Errorf("%d calls, want 3", calls)
	}
}
