package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

var night = time.Date(2026, 11, 21, 3, 4, 5, 6_789_000, time.UTC)

func stopping(scope journal.StopScope, why string) journal.Stopped {
	return journal.Stopped{Scope: scope, Why: why, By: "ada@desk", At: night}
}

// eachStore runs a test on every store.
func eachStore(t *testing.T, test func(t *testing.T, s journal.Store)) {
	t.Helper()
	client, _ := startS3(t, "store")
	for name, s := range map[string]journal.Store{
		"memory": journaltest.NewMemory(), "file": openFiles(t, t.TempDir()), "s3": journal.NewS3Store(client, "store", "staging"),
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func TestAStopStandsUntilSomebodyResumes(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s journal.Store) {
		none := journal.ReadStop(t.Context(), s, "staging")
		if none.Scope() != journal.StopNothing {
			t.Fatalf("nobody stopped it, and it is stopped: %+v", none)
		}
		if _, err := journal.WriteStop(t.Context(), s, none, stopping(journal.StopChanges, "the bridge is under attack")); err != nil {
			t.Fatal(err)
		}
		stop := journal.ReadStop(t.Context(), s, "staging")
		if stop.Scope() != journal.StopChanges || stop.Now.Why != "the bridge is under attack" || stop.Now.By != "ada@desk" || !stop.Now.At.Equal(night.Truncate(time.Millisecond)) {
			t.Fatalf("reads %+v", stop)
		}
		if _, err := journal.WriteStop(t.Context(), s, stop, stopping(journal.StopNothing, "it is over")); err != nil {
			t.Fatal(err)
		}
		over := journal.ReadStop(t.Context(), s, "staging")
		if over.Scope() != journal.StopNothing || len(over.Before) != 1 || over.Before[0].Scope != journal.StopChanges {
			t.Errorf("after resume: %+v", over)
		}
	})
}

func TestOfTwoWhoStopAtOnceTheSecondReadsAgain(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s journal.Store) {
		none := journal.ReadStop(t.Context(), s, "staging")
		if _, err := journal.WriteStop(t.Context(), s, none, stopping(journal.StopAll, "first")); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.WriteStop(t.Context(), s, none, stopping(journal.StopChanges, "second")); !errors.Is(err, journal.ErrExists) {
			t.Errorf("have %v, want ErrExists", err)
		}
		seen := journal.ReadStop(t.Context(), s, "staging")
		if _, err := journal.WriteStop(t.Context(), s, seen, stopping(journal.StopNothing, "over")); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.WriteStop(t.Context(), s, seen, stopping(journal.StopChanges, "late")); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("have %v, want ErrConflict", err)
		}
	})
}

func TestAStopKeepsItsLastTwentyChanges(t *testing.T) {
	t.Parallel()
	s := journaltest.NewMemory()
	for i := range 30 {
		if _, err := journal.WriteStop(t.Context(), s, journal.ReadStop(t.Context(), s, "staging"), stopping(journal.StopAll, fmt.Sprint("number ", i))); err != nil {
			t.Fatal(err)
		}
	}
	stop := journal.ReadStop(t.Context(), s, "staging")
	if len(stop.Before) != 20 || stop.Now.Why != "number 29" || stop.Before[0].Why != "number 28" || stop.Before[19].Why != "number 9" {
		t.Errorf("keeps %d, from %q to %q", len(stop.Before), stop.Before[0].Why, stop.Before[len(stop.Before)-1].Why)
	}
}

// TestADamagedStopStopsAll flips every byte of the object and cuts it at every
// place.
func TestADamagedStopStopsAll(t *testing.T) {
	t.Parallel()
	s := journaltest.NewMemory()
	if _, err := journal.WriteStop(t.Context(), s, journal.ReadStop(t.Context(), s, "staging"), stopping(journal.StopNothing, "it is over")); err != nil {
		t.Fatal(err)
	}
	whole, _, err := s.Get(t.Context(), "stop.json")
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, data []byte) {
		broken := journaltest.NewMemory()
		if err := broken.Create(t.Context(), "stop.json", data); err != nil {
			t.Fatal(err)
		}
		stop := journal.ReadStop(t.Context(), broken, "staging")
		if stop.Scope() != journal.StopAll || !strings.Contains(stop.Damaged, "stop.json") {
			t.Fatalf("%s: scope %q, damage %q", what, stop.Scope(), stop.Damaged)
		}
		// A person who looked may say anew how it is, and that it was damaged stays.
		if _, err := journal.WriteStop(t.Context(), broken, stop, stopping(journal.StopNothing, "looked at it")); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if mended := journal.ReadStop(t.Context(), broken, "staging"); mended.Scope() != journal.StopNothing || !strings.Contains(mended.Before[0].Why, "damaged") {
			t.Fatalf("%s: %+v", what, mended)
		}
	}
	for i := range whole {
		other := bytes.Clone(whole)
		other[i] ^= 1
		damaged(fmt.Sprintf("byte %d", i), other)
		damaged(fmt.Sprintf("cut at %d", i), whole[:i])
	}
	damaged("a space behind", append(bytes.Clone(whole), ' '))
	if stop := journal.ReadStop(t.Context(), s, "production"); stop.Scope() != journal.StopAll {
		t.Errorf("the stop of another environment passes: %+v", stop)
	}
}

// mute is a store that does not answer.
type mute struct{ journal.Store }

func (mute) Get(context.Context, string) ([]byte, string, error) {
	return nil, "", errors.New("no route to host")
}

func TestAStoreThatDoesNotAnswerStopsAllAndIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	stop := journal.ReadStop(t.Context(), mute{journaltest.NewMemory()}, "staging")
	if stop.Scope() != journal.StopAll || !strings.Contains(stop.Damaged, "no route to host") {
		t.Errorf("reads %+v", stop)
	}
	if _, err := journal.WriteStop(t.Context(), mute{journaltest.NewMemory()}, stop, stopping(journal.StopNothing, "over")); err == nil {
		t.Error("resumed what nobody read")
	}
}

func TestAStopSaysWhoWhyAndWhatOrIsNotWritten(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]journal.Stopped{
		"no reason":         {Scope: journal.StopAll, By: "ada", At: night},
		"a blank reason":    {Scope: journal.StopAll, Why: " ", By: "ada", At: night},
		"two lines":         {Scope: journal.StopAll, Why: "one\ntwo", By: "ada", At: night},
		"colours":           {Scope: journal.StopAll, Why: "\x1b[31mred", By: "ada", At: night},
		"a long reason":     {Scope: journal.StopAll, Why: strings.Repeat("a", 401), By: "ada", At: night},
		"nobody":            {Scope: journal.StopAll, Why: "why", At: night},
		"another scope":     {Scope: "some", Why: "why", By: "ada", At: night},
		"no time":           {Scope: journal.StopAll, Why: "why", By: "ada"},
		"no letters at all": {Scope: journal.StopAll, Why: "\xff", By: "ada", At: night},
	} {
		s := journaltest.NewMemory()
		if _, err := journal.WriteStop(t.Context(), s, journal.ReadStop(t.Context(), s, "staging"), next); err == nil {
			t.Errorf("%s: written", name)
		}
		if stop := journal.ReadStop(t.Context(), s, "staging"); stop.Scope() != journal.StopNothing {
			t.Errorf("%s: left %+v", name, stop)
		}
	}
}
