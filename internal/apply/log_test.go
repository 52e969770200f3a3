package apply_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// holder is a lease under the test's control.
type holder struct {
	term int64
	left time.Duration
}

func (h *holder) Term() int64              { return h.term }
func (h *holder) Remaining() time.Duration { return h.left }

func fileJournal(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	store, err := journal.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return journal.New(store, "test", func() time.Time { return time.Unix(1_700_000_000, 0) })
}

// openLog is a new process's view of the journal in a folder.
func openLog(t *testing.T, dir, plan string, term int64) *apply.JournalLog {
	t.Helper()
	j := fileJournal(t, dir)
	entries, err := j.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return apply.NewLog(j, &holder{term: term, left: time.Hour}, plan, "c0ffee", entries, redact)
}

func redact(s string) string { return strings.ReplaceAll(s, "s3cret", "[hidden]") }

func pay() resource.Step {
	return resource.Step{Op: "transfer", ID: boxID("a"), Spend: &resource.Spend{Network: "fuji", From: "bank", Wei: "100", Fee: "7"}}
}

func TestTheJournalHoldsIntentsWithTheirCeilingsAndOutcomesWithCleanedErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := openLog(t, dir, "sha256:plan", 3)
	step := pay()
	ctx := t.Context()
	if err := errors.Join(
		log.Intent(ctx, step, "sha256:step", "i1", kind.Prepared(`{"raw":"0x02"}`)),
		log.Outcome(ctx, step, "sha256:step", "i1", kind.Yes, resource.Outputs{"transaction": "0xaa"}, nil),
		log.Intent(ctx, step, "sha256:step", "i2", kind.Prepared(`{"raw":"0x03"}`)),
		log.Outcome(ctx, step, "sha256:step", "i2", kind.No, nil, errors.New("post https://rpc?key=s3cret: denied")),
		log.Outcome(ctx, step, "sha256:step", "i3", "perhaps", nil, errors.New(strings.Repeat("é", 1<<20))),
	); err != nil {
		t.Fatal(err)
	}
	entries, err := fileJournal(t, dir).Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.Plan != "sha256:plan" || e.Commit != "c0ffee" || e.Term != 3 || e.StepDigest != "sha256:step" || e.ID != step.ID || e.Op != "transfer" {
			t.Errorf("entry %d does not name its plan, term and step: %+v", e.Seq, e)
		}
		spend := ""
		if e.Spend != nil {
			spend = e.Spend.Network + " " + e.Spend.Wei + "+" + e.Spend.Fee
		}
		if len(e.Error) > 5000 {
			e.Error = fmt.Sprintf("%d bytes", len(e.Error))
		}
		got = append(got, strings.Join([]string{string(e.Kind), e.Intent, string(e.Prepared), spend, e.Happened, e.Outputs["transaction"], strings.TrimRight(e.Error, "é")}, "|"))
	}
	want := []string{
		`intent|i1|{"raw":"0x02"}|fuji 100+7|||`, `outcome|i1|||yes|0xaa|`,
		`intent|i2|{"raw":"0x03"}|fuji 100+7|||`, `outcome|i2|||no||post https://rpc?key=[hidden]: denied`,
		`outcome|i3|||unknown||` + strings.Repeat("é", 2048) + "…",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestAttemptsAreReplayedFromTheEntriesOfThisPlanAlone(t *testing.T) {
	t.Parallel()
	entry := func(k journal.Kind, plan, intent, happened string) journal.Entry {
		return journal.Entry{Kind: k, Plan: plan, StepDigest: "step", Intent: intent, Happened: happened, Prepared: []byte(`{"of":"` + intent + `"}`), Outputs: resource.Outputs{"of": intent}}
	}
	open := func(intent string) apply.Attempt {
		return apply.Attempt{Intent: intent, Prepared: kind.Prepared(`{"of":"` + intent + `"}`)}
	}
	closed := func(intent string, happened bool) apply.Attempt {
		a := open(intent)
		a.Closed, a.Happened, a.Outputs = true, happened, resource.Outputs{"of": intent}
		return a
	}
	for name, c := range map[string]struct {
		entries []journal.Entry
		want    []apply.Attempt
	}{
		"none":                            {nil, nil},
		"an intent is open":               {[]journal.Entry{entry(journal.Intent, "p", "a", "")}, []apply.Attempt{open("a")}},
		"of another plan":                 {[]journal.Entry{entry(journal.Intent, "q", "a", "")}, nil},
		"yes closes":                      {[]journal.Entry{entry(journal.Intent, "p", "a", ""), entry(journal.Outcome, "p", "a", "yes")}, []apply.Attempt{closed("a", true)}},
		"no closes":                       {[]journal.Entry{entry(journal.Intent, "p", "a", ""), entry(journal.Outcome, "p", "a", "no")}, []apply.Attempt{closed("a", false)}},
		"unknown closes nothing":          {[]journal.Entry{entry(journal.Intent, "p", "a", ""), entry(journal.Outcome, "p", "a", "unknown")}, []apply.Attempt{open("a")}},
		"unknown, then yes":               {[]journal.Entry{entry(journal.Intent, "p", "a", ""), entry(journal.Outcome, "p", "a", "unknown"), entry(journal.Outcome, "p", "a", "yes")}, []apply.Attempt{closed("a", true)}},
		"yes is not undone by unknown":    {[]journal.Entry{entry(journal.Intent, "p", "a", ""), entry(journal.Outcome, "p", "a", "yes"), entry(journal.Outcome, "p", "a", "unknown")}, []apply.Attempt{closed("a", true)}},
		"an intent recorded again is one": {[]journal.Entry{entry(journal.Intent, "p", "a", ""), entry(journal.Outcome, "p", "a", "unknown"), entry(journal.Intent, "p", "a", "")}, []apply.Attempt{open("a")}},
		"oldest first":                    {[]journal.Entry{entry(journal.Intent, "p", "b", ""), entry(journal.Outcome, "p", "b", "no"), entry(journal.Intent, "p", "a", "")}, []apply.Attempt{closed("b", false), open("a")}},
		"an outcome without an intent":    {[]journal.Entry{entry(journal.Outcome, "p", "a", "yes")}, []apply.Attempt{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := apply.NewLog(nil, &holder{}, "p", "", c.entries, nil)
			if diff := cmp.Diff(c.want, log.Attempts("step")); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALostLeaseOfTheRealJournalStopsBeforeTheEffect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := stage(t, map[string]box{"a": {}})
	s.log = openLog(t, dir, s.plan.Digest, 1)
	thief := openLog(t, dir, s.plan.Digest, 2)
	if err := thief.Intent(t.Context(), resource.Step{Op: "other", ID: boxID("z")}, "other", "t1", kind.Prepared(`{}`)); err != nil {
		t.Fatal(err)
	}
	outcomes := s.run(t)
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed})
	if fenced := (*journal.FencedError)(nil); !errors.As(outcomes[0].Err, &fenced) {
		t.Errorf("error %v, want a fenced one", outcomes[0].Err)
	}
	requireEffects(t, s.world, map[string]int{})
}

// reopened is a log that every run opens anew from its folder, as a process
// does, with the faults of the world in front of it.
type reopened struct {
	*apply.JournalLog
	world *world
}

func (l reopened) Intent(ctx context.Context, step resource.Step, digest, intent string, prepared kind.Prepared) error {
	if err := l.world.interfere(beforeIntent, step); err != nil {
		return err
	}
	if err := l.JournalLog.Intent(ctx, step, digest, intent, prepared); err != nil {
		return err
	}
	return l.world.interfere(afterIntent, step)
}

func (l reopened) Outcome(ctx context.Context, step resource.Step, digest, intent string, happened kind.Happened, outputs resource.Outputs, cause error) error {
	if err := l.world.interfere(beforeOutcome, step); err != nil {
		return err
	}
	if err := l.JournalLog.Outcome(ctx, step, digest, intent, happened, outputs, cause); err != nil {
		return err
	}
	return l.world.interfere(afterOutcome, step)
}

func TestACrashAtAnyBoundaryIsMendedFromTheRealJournalInAFileStore(t *testing.T) {
	t.Parallel()
	everyBoundary(t, 2, func(s *scene) {
		dir, term := t.TempDir(), int64(0)
		s.open = func() apply.Log {
			term++
			return reopened{openLog(t, dir, s.plan.Digest, term), s.world}
		}
	})
}
