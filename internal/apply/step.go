package apply

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// change performs the steps of one change and reads the resource back.
func (e *Engine) change(ctx, draining context.Context, c plan.Change) Outcome {
	out := Outcome{ID: c.ID, Action: c.Action}
	if len(c.Steps) == 0 {
		out.Result = Unchanged
		return out
	}
	k, ok := e.kind(c.ID.Kind)
	if !ok || k.ObservedOnly() {
		out.Result, out.Err = Failed, fmt.Errorf("%s: apply: no kind writes this", c.ID)
		return out
	}
	made := resource.Outputs{}
	nothing := true
	for i, step := range c.Steps {
		if draining.Err() != nil {
			out.Result, out.Detail = Skipped, fmt.Sprintf("stopped before step %d of %d", i+1, len(c.Steps))
			return out
		}
		outputs, result, err := e.step(ctx, k, c, step)
		for name, value := range outputs {
			made[name] = value
		}
		e.remember(c.ID, outputs)
		if result == Failed || result == Unknown {
			out.Result, out.Err, out.Outputs = result, fmt.Errorf("%s: %s: %w", c.ID, step.Op, err), made
			return out
		}
		nothing = nothing && result == Unchanged
	}
	out.Outputs = made
	if nothing {
		out.Result = Unchanged
		return out
	}
	out.Result = resultOf(c.Action)
	if err := e.readBack(ctx, k, c); err != nil {
		out.Result, out.Err = Failed, err
	}
	return out
}

func resultOf(a plan.Action) Result {
	switch a {
	case plan.Create:
		return Created
	case plan.Replace:
		return Replaced
	case plan.Delete:
		return Deleted
	case plan.Propose:
		return Proposed
	default:
		return Updated
	}
}

// step performs one step: recover what an earlier run left, check, prepare,
// journal, do, journal. Steps of one lane never overlap.
func (e *Engine) step(ctx context.Context, k kind.Kind, c plan.Change, step resource.Step) (resource.Outputs, Result, error) {
	digest, err := plan.StepDigest(step)
	if err != nil {
		return nil, Failed, err
	}
	lane := e.lane(step.Lane)
	lane.Lock()
	defer lane.Unlock()
	e.report(Event{ID: c.ID, Op: step.Op})
	resolved, err := e.resolve(step)
	if err != nil {
		return nil, Failed, err
	}
	outputs, settled, err := e.recover(ctx, k, resolved, step, digest)
	if err != nil {
		return nil, Unknown, err
	}
	if settled {
		return outputs, Updated, nil
	}
	if err := e.preconditions(ctx, step); err != nil {
		return nil, Failed, err
	}
	if e.Recheck != nil && (c.Risk.Rank() >= resource.Sensitive.Rank() || step.Spend != nil) {
		if err := e.Recheck(ctx, c); err != nil {
			return nil, Failed, err
		}
	}
	return e.perform(ctx, k, resolved, step, digest)
}

func (e *Engine) resolve(step resource.Step) (kind.Resolved, error) {
	filled := step
	params, missing := step.Params.Resolve(e.lookup)
	for _, ref := range step.Needs {
		if _, ok := e.lookup(ref); !ok {
			missing = append(missing, ref)
		}
	}
	if len(missing) > 0 {
		return kind.Resolved{}, fmt.Errorf("needs %s, which is not known", missing[0])
	}
	filled.Params = params
	return kind.Resolved{Step: filled, Environment: e.Environment}, nil
}

// recover asks what became of earlier tries of this very plan. Settled means
// that the effect is there already.
func (e *Engine) recover(ctx context.Context, k kind.Kind, resolved kind.Resolved, step resource.Step, digest string) (resource.Outputs, bool, error) {
	var open []Attempt
	for _, attempt := range e.Log.Attempts(digest) {
		switch {
		case attempt.Closed && attempt.Happened:
			return attempt.Outputs, true, nil
		case !attempt.Closed:
			open = append(open, attempt)
		}
	}
	if len(open) == 0 {
		return nil, false, nil
	}
	prepared := make([]kind.Prepared, len(open))
	for i, attempt := range open {
		prepared[i] = attempt.Prepared
	}
	resolved.Intent = open[len(open)-1].Intent
	happened, outputs, err := k.Probe(ctx, resolved, prepared)
	if err != nil || happened == kind.Unknown {
		return nil, false, fmt.Errorf("an earlier run left this step open and the world does not tell whether it happened: %w", errors.Join(errAmbiguous, err))
	}
	for _, attempt := range open {
		if err := e.Log.Outcome(ctx, step, digest, attempt.Intent, happened, outputs, nil); err != nil {
			return nil, false, fmt.Errorf("journal: %w", err)
		}
	}
	return outputs, happened == kind.Yes, nil
}

var errAmbiguous = errors.New("unknown")

// perform is the one place of the whole tool where an effect is caused.
func (e *Engine) perform(ctx context.Context, k kind.Kind, resolved kind.Resolved, step resource.Step, digest string) (resource.Outputs, Result, error) {
	resolved.Intent = e.NewIntent()
	prepared, err := k.Prepare(ctx, resolved)
	if err != nil {
		return nil, Failed, fmt.Errorf("prepare: %w", err)
	}
	if left := e.Log.Remaining(); left < e.CallTimeout {
		return nil, Failed, fmt.Errorf("the lease holds for %s, one call may take %s: nothing was started", left.Round(time.Second), e.CallTimeout)
	}
	if err := e.Log.Intent(ctx, step, digest, resolved.Intent, prepared); err != nil {
		return nil, Failed, fmt.Errorf("journal: nothing was started: %w", err)
	}
	outputs, err := k.Do(ctx, resolved, prepared)
	if err == nil {
		if err := e.Log.Outcome(ctx, step, digest, resolved.Intent, kind.Yes, outputs, nil); err != nil {
			return outputs, Unknown, fmt.Errorf("journal: it is done, but the record of it is not: %w", err)
		}
		return outputs, Updated, nil
	}
	return e.failed(ctx, k, resolved, step, digest, prepared, err)
}

// failed sorts an error of Do into "did not happen", "happened after all" and
// "unknown", and journals which.
func (e *Engine) failed(ctx context.Context, k kind.Kind, resolved kind.Resolved, step resource.Step, digest string, prepared kind.Prepared, cause error) (resource.Outputs, Result, error) {
	happened, outputs := kind.No, resource.Outputs(nil)
	if refused := (*kind.NotAcceptedError)(nil); !errors.As(cause, &refused) {
		probed, found, err := k.Probe(ctx, resolved, []kind.Prepared{prepared})
		if err != nil {
			probed = kind.Unknown
		}
		happened, outputs = probed, found
	}
	if err := e.Log.Outcome(ctx, step, digest, resolved.Intent, happened, outputs, cause); err != nil {
		return outputs, Unknown, errors.Join(cause, fmt.Errorf("journal: %w", err))
	}
	switch happened {
	case kind.Yes:
		return outputs, Updated, nil
	case kind.No:
		return nil, Failed, cause
	default:
		return nil, Unknown, cause
	}
}

// preconditions reads the resources that a step makes claims about and
// checks every claim.
func (e *Engine) preconditions(ctx context.Context, step resource.Step) error {
	if len(step.Pre) == 0 {
		return nil
	}
	var ids []resource.ID
	for _, p := range step.Pre {
		ids = append(ids, p.ID)
	}
	world, err := observe.Some(ctx, e.Environment, e.Kinds, e.Desired, e.withRefs(ids))
	if err != nil {
		return err
	}
	for _, p := range step.Pre {
		if err := holds(p, world); err != nil {
			return fmt.Errorf("precondition on %s: %w", p.ID, err)
		}
	}
	return nil
}

// withRefs adds what the resources point at, so that a narrowed read can
// resolve it.
func (e *Engine) withRefs(ids []resource.ID) []resource.ID {
	all := slices.Clone(ids)
	for _, id := range ids {
		for _, ref := range e.Desired[id].Attrs.Refs() {
			all = append(all, ref.ID)
		}
	}
	slices.SortFunc(all, resource.ID.Compare)
	return slices.Compact(all)
}

func holds(p resource.Precondition, world *observe.World) error {
	for _, u := range world.Unread {
		if u.Covers(p.ID) {
			return fmt.Errorf("could not be read: %s: %s", u.Operation, u.Cause)
		}
	}
	live, there := world.Owned[p.ID]
	if !there {
		live, there = world.Foreign[p.ID]
	}
	value, has := at(live.Attrs, live.Outputs, p.Path)
	switch p.Op {
	case resource.Absent:
		if p.Path == "" && there || p.Path != "" && has && value != "" {
			return fmt.Errorf("%s is there, must be absent", orSelf(p.Path))
		}
		return nil
	case resource.Equals, resource.CodeHash:
		if value != p.Value {
			return fmt.Errorf("%s is %q, must be %q", p.Path, value, p.Value)
		}
		return nil
	case resource.AtLeast, resource.AtMost:
		return compareNumbers(p, value)
	default:
		return fmt.Errorf("unknown comparison %q", p.Op)
	}
}

func orSelf(path string) string {
	if path == "" {
		return "it"
	}
	return path
}

func compareNumbers(p resource.Precondition, value string) error {
	have, okHave := new(big.Int).SetString(value, 10)
	want, okWant := new(big.Int).SetString(p.Value, 10)
	if !okHave || !okWant {
		return fmt.Errorf("%s is %q, cannot be compared with %q", p.Path, value, p.Value)
	}
	switch sign := have.Cmp(want); {
	case p.Op == resource.AtLeast && sign < 0:
		return fmt.Errorf("%s is %s, must be at least %s", p.Path, have, want)
	case p.Op == resource.AtMost && sign > 0:
		return fmt.Errorf("%s is %s, must be at most %s", p.Path, have, want)
	}
	return nil
}
