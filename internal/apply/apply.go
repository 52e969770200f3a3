// Package apply is the only writer: it takes a verified plan and performs its
// steps, each journalled before and after, each read back. It decides nothing:
// what may happen was decided by the gate, and is asked again through Recheck.
package apply

import (
	"context"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Result is what became of a change, in the past participle.
type Result string

// The results. Unknown means that an effect may or may not have happened and
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
	Closed, Happened bool
	Outputs          resource.Outputs
}

// Log is what apply needs of the journal and of the lease that guards it.
type Log interface {
	// Attempts lists earlier tries at a step of this plan, oldest first.
	Attempts(step string) []Attempt
	// Intent records that an effect is about to happen. It fails when the lease
	// is lost, and then nothing may happen.
	Intent(ctx context.Context, step resource.Step, digest, intent string, prepared kind.Prepared) error
	// Outcome records what is known of it.
	Outcome(ctx context.Context, step resource.Step, digest, intent string, happened kind.Happened, outputs resource.Outputs, cause error) error
	// Remaining is how long the lease still holds.
	Remaining() time.Duration
}

// Engine applies one plan.
type Engine struct {
	Environment *config.Environment
	Plan        *plan.Plan
	Kinds       []kind.Kind
	// Desired is what the configuration declares at the plan's commit.
	Desired resource.Set
	Log     Log
	// Outputs answers refs to resources that the plan does not change, as they
	// were just re-read.
	Outputs kind.Lookup
	// Recheck asks the gate again, on live facts, before a sensitive or spending
	// step. nil: nothing to ask.
	Recheck func(context.Context, plan.Change) error
	// Report is told what happens; it must not block. nil: nobody listens.
	Report func(Event)
	// NewIntent makes a unique id for one try at one step.
	NewIntent func() string
	// Sleep waits; tests hand in their own.
	Sleep func(context.Context, time.Duration)
	// Parallel is how many changes run at once; 0 means 16.
	Parallel int
	// CallTimeout bounds one call that has an effect; no call starts with less
	// left of the lease. 0 means 30 seconds.
	CallTimeout time.Duration

	mu      sync.Mutex
	outputs map[resource.Ref]string
	lanes   map[string]*sync.Mutex
}

// Run performs the plan's changes in the order of their refs. When draining
// is done, running steps finish and no new one starts; ctx itself cuts them
// short. A failed change skips its dependents; the rest goes on.
func (e *Engine) Run(ctx, draining context.Context) []Outcome {
	e.outputs, e.lanes = map[resource.Ref]string{}, map[string]*sync.Mutex{}
	if e.Parallel == 0 {
		e.Parallel = 16
	}
	if e.CallTimeout == 0 {
		e.CallTimeout = 30 * time.Second
	}
	before := plan.Dependencies(e.Plan.Changes, nil)
	done := map[resource.ID]chan struct{}{}
	for _, c := range e.Plan.Changes {
		done[c.ID] = make(chan struct{})
	}
	outcomes := make([]Outcome, len(e.Plan.Changes))
	index := map[resource.ID]int{}
	for i, c := range e.Plan.Changes {
		index[c.ID] = i
	}
	slots := make(chan struct{}, e.Parallel)
	var wait sync.WaitGroup
	for i, c := range e.Plan.Changes {
		wait.Go(func() {
			defer close(done[c.ID])
			for _, first := range before[c.ID] {
				<-done[first]
				if o := outcomes[index[first]]; o.Result == Failed || o.Result == Skipped || o.Result == Unknown {
					outcomes[i] = Outcome{ID: c.ID, Action: c.Action, Result: Skipped, Detail: "waits for " + first.String() + ", which " + notDone(o.Result)}
					e.report(Event{ID: c.ID, Done: true, Outcome: outcomes[i]})
					return
				}
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			outcomes[i] = e.change(ctx, draining, c)
			e.report(Event{ID: c.ID, Done: true, Outcome: outcomes[i]})
		})
	}
	wait.Wait()
	return outcomes
}

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
	if e.Report != nil {
		e.Report(event)
	}
}

func (e *Engine) kind(name string) (kind.Kind, bool) {
	for _, k := range e.Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return kind.Kind{}, false
}

// lookup resolves a ref: what this run made, then what was re-read.
func (e *Engine) lookup(ref resource.Ref) (string, bool) {
	e.mu.Lock()
	value, ok := e.outputs[ref]
	e.mu.Unlock()
	if ok {
		return value, true
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

// lane gives the stream's lock; steps without a lane share nothing.
func (e *Engine) lane(name string) *sync.Mutex {
	if name == "" {
		return new(sync.Mutex)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lanes[name] == nil {
		e.lanes[name] = new(sync.Mutex)
	}
	return e.lanes[name]
}
