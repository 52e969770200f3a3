package apply_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// memoryLog is a journal that outlives the engines that write to it.
type memoryLog struct {
	world    *world
	mu       sync.Mutex
	entries  []entry
	left     time.Duration
	lost     error
	onIntent func()
}

type entry struct {
	step, intent string
	prepared     kind.Prepared
	outcome      kind.Happened
	outputs      resource.Outputs
	cause        error
}

func newLog(w *world) *memoryLog { return &memoryLog{world: w, left: time.Hour} }

func (l *memoryLog) Attempts(step string) []apply.Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	var attempts []apply.Attempt
	for _, e := range l.entries {
		at := slices.IndexFunc(attempts, func(a apply.Attempt) bool { return a.Intent == e.intent })
		switch {
		case e.step != step:
		case e.outcome == "" && at < 0:
			attempts = append(attempts, apply.Attempt{Intent: e.intent, Prepared: e.prepared})
		case e.outcome == "":
			attempts[at].Closed, attempts[at].Happened = false, false
		case e.outcome != kind.Unknown:
			attempts[at].Closed, attempts[at].Happened, attempts[at].Outputs = true, e.outcome == kind.Yes, e.outputs
		}
	}
	return attempts
}

func (l *memoryLog) Intent(_ context.Context, step resource.Step, digest, intent string, prepared kind.Prepared) error {
	if err := l.world.interfere(beforeIntent, step); err != nil {
		return err
	}
	if l.lost != nil {
		return l.lost
	}
	l.append(entry{step: digest, intent: intent, prepared: prepared})
	if l.onIntent != nil {
		l.onIntent()
	}
	return l.world.interfere(afterIntent, step)
}

func (l *memoryLog) Outcome(ctx context.Context, step resource.Step, digest, intent string, happened kind.Happened, outputs resource.Outputs, cause error) error {
	if err := l.world.interfere(beforeOutcome, step); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.append(entry{step: digest, intent: intent, outcome: happened, outputs: outputs, cause: cause})
	return l.world.interfere(afterOutcome, step)
}

func (l *memoryLog) append(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

func (l *memoryLog) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}

func (l *memoryLog) outcomes() []kind.Happened {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []kind.Happened
	for _, e := range l.entries {
		if e.outcome != "" {
			all = append(all, e.outcome)
		}
	}
	return all
}
