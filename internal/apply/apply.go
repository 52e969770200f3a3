// Package apply is the only writer: it takes a verified plan and performs its
// steps, each journalled before and after, each read back. It decides nothing:
// what may happen was decided by the gate, and is asked again through Recheck.
package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Result is what became of a change, in the past participle.
type Result string

// The results. Unchanged means that the live world was as declared without an
// effect of ours. Unknown means that an effect may or may not have happened and
// that the world could not tell: it is never retried blindly.
const (
	Created   Result = "created"
	Updated   Result = "updated"
	Replaced  Result = "replaced"
	Deleted   Result = "deleted"
	Proposed  Result = "proposed"
	Unchanged Result = "unchanged"
	Skipped   Result = "skipped"
	Failed    Result = "failed"
	Unknown   Result = "unknown"
)

// Outcome is the end of one change.
type Outcome struct {
	ID      resource.ID
	Action  plan.Action
	Result  Result
	Outputs resource.Outputs
	// Detail says more where there is more: what a skipped change waited for.
	Detail string
	Err    error
}

// Event is told while apply runs: a step begins (Done false) or a change ends.
type Event struct {
	ID      resource.ID
	Op      string
	Done    bool
	Outcome Outcome
}

// Attempt is one journalled try at a step by an earlier run of the same plan.
type Attempt struct {
	Intent   string
	Prepared kind.Prepared
	// Closed says that its outcome is known, Happened that the effect took place.
	// An outcome "unknown" closes nothing.
	Closed, Happened bool
	Outputs          resource.Outputs
}

// Log is what apply needs of the journal and of the lease that guards it. It
// is called by several goroutines at once.
type Log interface {
	// Attempts lists earlier tries at a step of this plan, oldest first.
	Attempts(step string) []Attempt
	// Intent records that an effect is about to happen. It fails when the lease
	// is lost, and then nothing may happen. An intent that is open already is
	// recorded again when recovery does the same prepared effect once more.
	Intent(ctx context.Context, step resource.Step, digest, intent string, prepared kind.Prepared) error
	// Outcome records what is known of it.
	Outcome(ctx context.Context, step resource.Step, digest, intent string, happened kind.Happened, outputs resource.Outputs, cause error) error
	// Remaining is how long the lease still holds.
	Remaining() time.Duration
}

// Engine applies one plan, once.
type Engine struct {
	Environment *config.Environment
	Plan        *plan.Plan
	Kinds       []kind.Kind
	// Desired is what the configuration declares at the plan's commit.
	Desired resource.Set
	// Previous is what the last applied commit declared: it orders deletes
	// after the last user of what they remove. nil if nothing was applied yet.
	Previous resource.Set
	Log      Log
	// Outputs answers refs to resources that the plan does not change, as they
	// were just re-read.
	Outputs kind.Lookup
	// Recheck asks the gate again, on live facts, before a sensitive or spending
	// step. nil: nothing to ask.
	Recheck func(context.Context, plan.Change) error
	// Halted is asked before every step: with an error the step does not start, nor
	// does what depends on it, and apply ends as if it were interrupted. nil: nothing
	// to ask.
	Halted func(context.Context) error
	// Report is told what happens, one event at a time; it must not block. nil:
	// nobody listens.
	Report func(Event)
	// NewIntent makes a unique id for one try at one step.
	NewIntent func() string
	// Sleep waits; tests hand in their own.
	Sleep func(context.Context, time.Duration)
	// Parallel is how many steps and reads run at once; 0 means 16.
	Parallel int
	// CallTimeout bounds one call that has an effect; no call starts with less
	// left of the lease. 0 means 30 seconds.
	CallTimeout time.Duration

	mu      sync.Mutex
	telling sync.Mutex
	outputs map[resource.Ref]string
	past    map[string]past
	lanes   map[string]*lane
	slots   chan struct{}
}

// Run performs the plan's changes in the order of their refs. When draining
// is done, running steps finish and no new one starts; ctx itself cuts them
// short, and must end when the lease is lost. A failed change skips its
// dependents; the rest goes on. Tries that an earlier run of this plan left open
// are settled before anything new starts, because a stream of nonces must not
// move on behind them. A plan that cannot be run in any order fails whole,
// without an effect.
func (e *Engine) Run(ctx, draining context.Context) []Outcome {
	e.begin()
	outcomes := make([]Outcome, len(e.Plan.Changes))
	before := plan.Dependencies(e.Plan.Changes, e.Previous)
	if err := e.runnable(before); err != nil {
		for i, c := range e.Plan.Changes {
			outcomes[i] = Outcome{ID: c.ID, Action: c.Action, Result: Failed, Err: fmt.Errorf("%s: apply: %w", c.ID, err)}
			e.report(Event{ID: c.ID, Done: true, Outcome: outcomes[i]})
		}
		return outcomes
	}
	e.resume(ctx, draining)
	done, index := map[resource.ID]chan struct{}{}, map[resource.ID]int{}
	for i, c := range e.Plan.Changes {
		done[c.ID], index[c.ID] = make(chan struct{}), i
	}
	var wait sync.WaitGroup
	for i, c := range e.Plan.Changes {
		wait.Go(func() {
			defer close(done[c.ID])
			outcomes[i] = Outcome{ID: c.ID, Action: c.Action}
			for _, first := range before[c.ID] {
				<-done[first]
				if o := outcomes[index[first]]; undone(o.Result) {
					outcomes[i].Result, outcomes[i].Detail = Skipped, "waits for "+first.String()+", which "+notDone(o.Result)
					break
				}
			}
			if outcomes[i].Result == "" {
				outcomes[i] = e.change(ctx, draining, c)
			}
			e.report(Event{ID: c.ID, Done: true, Outcome: outcomes[i]})
		})
	}
	wait.Wait()
	return outcomes
}

func (e *Engine) begin() {
	e.outputs, e.past, e.lanes = map[resource.Ref]string{}, map[string]past{}, map[string]*lane{}
	if e.Parallel <= 0 {
		e.Parallel = 16
	}
	if e.CallTimeout <= 0 {
		e.CallTimeout = 30 * time.Second
	}
	e.slots = make(chan struct{}, e.Parallel)
}

// runnable refuses what would wait for ever or be mistaken for something else:
// two changes of one resource, changes that wait for each other, and two steps
// with one digest, of which the journal could not tell which one happened.
func (e *Engine) runnable(before map[resource.ID][]resource.ID) error {
	changes, steps := map[resource.ID]bool{}, map[string]bool{}
	for _, c := range e.Plan.Changes {
		if changes[c.ID] {
			return fmt.Errorf("the plan changes %s twice", c.ID)
		}
		changes[c.ID] = true
		for _, step := range c.Steps {
			digest, err := plan.StepDigest(step)
			if err != nil {
				return err
			}
			if steps[digest] {
				return fmt.Errorf("the plan holds one step twice: %s of %s", step.Op, step.ID)
			}
			steps[digest] = true
		}
	}
	for left := changes; len(left) > 0; {
		freed := 0
		for _, id := range slices.SortedFunc(maps.Keys(left), resource.ID.Compare) {
			if !slices.ContainsFunc(before[id], func(first resource.ID) bool { return left[first] }) {
				delete(left, id)
				freed++
			}
		}
		if freed == 0 {
			return fmt.Errorf("%d changes wait for each other, %s among them", len(left), slices.SortedFunc(maps.Keys(left), resource.ID.Compare)[0])
		}
	}
	return nil
}

func undone(r Result) bool { return r == Failed || r == Skipped || r == Unknown }

func notDone(r Result) string {
	switch r {
	case Failed:
		return "failed"
	case Unknown:
		return "is unknown"
	default:
		return "was skipped"
	}
}

func (e *Engine) report(event Event) {
	if e.Report == nil {
		return
	}
	e.telling.Lock()
	defer e.telling.Unlock()
	e.Report(event)
}

func (e *Engine) kind(name string) (kind.Kind, bool) {
	for _, k := range e.Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return kind.Kind{}, false
}

// lookup resolves a ref: what this plan made, then what was re-read.
func (e *Engine) lookup(ref resource.Ref) (string, bool) {
	e.mu.Lock()
	value, ok := e.outputs[ref]
	e.mu.Unlock()
	if ok {
		return value, true
	}
	if e.Outputs == nil {
		return "", false
	}
	return e.Outputs(ref)
}

func (e *Engine) remember(id resource.ID, outputs resource.Outputs) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, value := range outputs {
		if value != "" {
			e.outputs[resource.Ref{ID: id, Output: name}] = value
		}
	}
}
