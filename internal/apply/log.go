package apply

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// maxCauseBytes bounds the error text of an outcome: a server's answer must not
// make an entry that is too long to be read again.
const maxCauseBytes = 4 << 10

// Appender is what the log needs of a journal.
type Appender interface {
	Append(ctx context.Context, term int64, e journal.Entry) error
}

// Lease is what the log needs of the lease.
type Lease interface {
	Term() int64
	Remaining() time.Duration
}

// JournalLog is the Log of one plan over the journal of its environment. What
// is written under a lost lease fails with the journal's *FencedError.
type JournalLog struct {
	journal      Appender
	lease        Lease
	plan, commit string
	clean        func(string) string

	mu    sync.Mutex
	steps map[string]*tries
}

var _ Log = (*JournalLog)(nil)

// tries are the attempts at one step, in the order of their first intent.
type tries struct {
	order    []string
	attempts map[string]*Attempt
}

// NewLog replays the entries of the plan with this digest; entries of other
// plans are passed over. clean takes secrets and endpoints' tokens out of error
// texts before they are recorded.
func NewLog(j Appender, lease Lease, digest, commit string, entries []journal.Entry, clean func(string) string) *JournalLog {
	l := &JournalLog{journal: j, lease: lease, plan: digest, commit: commit, clean: clean, steps: map[string]*tries{}}
	for _, e := range entries {
		if e.Plan == digest {
			l.replay(e)
		}
	}
	return l
}

// replay takes one entry into account. An outcome "unknown" closes nothing, and
// an intent recorded again is open again.
func (l *JournalLog) replay(e journal.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	step := l.steps[e.StepDigest]
	if step == nil {
		step = &tries{attempts: map[string]*Attempt{}}
		l.steps[e.StepDigest] = step
	}
	attempt := step.attempts[e.Intent]
	switch e.Kind {
	case journal.Intent:
		if attempt == nil {
			step.order = append(step.order, e.Intent)
		}
		step.attempts[e.Intent] = &Attempt{Intent: e.Intent, Prepared: kind.Prepared(e.Prepared)}
	case journal.Outcome:
		if attempt != nil && e.Happened != journal.Unknown {
			attempt.Closed, attempt.Happened, attempt.Outputs = true, e.Happened == journal.Happened, e.Outputs
		}
	}
}

// Attempts lists the tries at a step, those of this run included.
func (l *JournalLog) Attempts(step string) []Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	tried := l.steps[step]
	if tried == nil {
		return nil
	}
	attempts := make([]Attempt, 0, len(tried.order))
	for _, intent := range tried.order {
		attempt := *tried.attempts[intent]
		attempt.Prepared, attempt.Outputs = slices.Clone(attempt.Prepared), maps.Clone(attempt.Outputs)
		attempts = append(attempts, attempt)
	}
	return attempts
}

// Intent appends what is about to happen: the prepared bytes, and the ceilings
// of value and fee for the ledger.
func (l *JournalLog) Intent(ctx context.Context, step resource.Step, digest, intent string, prepared kind.Prepared) error {
	e := l.entry(journal.Intent, step, digest, intent)
	e.Prepared, e.Spend = json.RawMessage(prepared), step.Spend
	return l.append(ctx, e)
}

// Outcome appends what is known of it; an error is recorded as cleaned text.
func (l *JournalLog) Outcome(ctx context.Context, step resource.Step, digest, intent string, happened kind.Happened, outputs resource.Outputs, cause error) error {
	e := l.entry(journal.Outcome, step, digest, intent)
	e.Happened, e.Outputs = word(happened), outputs
	if cause != nil {
		e.Error = l.cleaned(cause.Error())
	}
	return l.append(ctx, e)
}

// Remaining is the lease's.
func (l *JournalLog) Remaining() time.Duration { return l.lease.Remaining() }

func (l *JournalLog) entry(k journal.Kind, step resource.Step, digest, intent string) journal.Entry {
	return journal.Entry{Kind: k, Plan: l.plan, Commit: l.commit, ID: step.ID, Op: step.Op, StepDigest: digest, Intent: intent}
}

func (l *JournalLog) append(ctx context.Context, e journal.Entry) error {
	if err := l.journal.Append(ctx, l.lease.Term(), e); err != nil {
		return err
	}
	l.replay(e)
	return nil
}

// word is the journal's for an answer; what is neither yes nor no is unknown.
func word(h kind.Happened) string {
	switch h {
	case kind.Yes:
		return journal.Happened
	case kind.No:
		return journal.NotHappened
	default:
		return journal.Unknown
	}
}

func (l *JournalLog) cleaned(text string) string {
	if l.clean != nil {
		text = l.clean(text)
	}
	if len(text) > maxCauseBytes {
		text = strings.ToValidUTF8(text[:maxCauseBytes], "") + "…"
	}
	return text
}
