package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// work is one change while it is applied.
type work struct {
	plan.Change
	kind kind.Kind
	made resource.Outputs
	// happened: an effect of this change is there, from this run or an earlier.
	happened bool
}

// change performs the steps of one change and reads the resource back.
func (e *Engine) change(ctx, draining context.Context, c plan.Change) Outcome {
	out := Outcome{ID: c.ID, Action: c.Action}
	if len(c.Steps) == 0 {
		out.Result = Unchanged
		return out
	}
	k, err := e.writer(c.ID)
	if err != nil {
		out.Result, out.Err = Failed, fmt.Errorf("%s: apply: %w", c.ID, err)
		return out
	}
	w := &work{Change: c, kind: k, made: resource.Outputs{}, happened: e.begun(c)}
	out.Outputs = w.made
	for i, step := range c.Steps {
		result, satisfied, err := e.step(ctx, draining, w, step)
		if result == Skipped {
			out.Result, out.Detail = Skipped, fmt.Sprintf("%s before step %d of %d", err, i+1, len(c.Steps))
			return out
		}
		if undone(result) {
			out.Result, out.Err = result, fmt.Errorf("%s: %s: %w", c.ID, step.Op, err)
			return out
		}
		w.happened = w.happened || result == Updated
		if satisfied {
			break
		}
	}
	out.Result = Unchanged
	if w.happened {
		out.Result = resultOf(c.Action)
	}
	if err := e.readBack(ctx, w); err != nil {
		out.Result, out.Err = Failed, err
	}
	return out
}

func (e *Engine) writer(id resource.ID) (kind.Kind, error) {
	k, ok := e.kind(id.Kind)
	if !ok || k.ObservedOnly() {
		return kind.Kind{}, fmt.Errorf("no kind writes %s", id.Kind)
	}
	return k, nil
}

// begun reports whether an effect of the change is known from earlier runs.
func (e *Engine) begun(c plan.Change) bool {
	return slices.ContainsFunc(c.Steps, func(s resource.Step) bool {
		digest, err := plan.StepDigest(s)
		return err == nil && e.pastBy(digest).happened
	})
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

// step performs one step: take what an earlier run left, check, prepare,
// journal, do, journal. Its result is Updated, Unchanged, Skipped (not started),
// Failed or Unknown; satisfied says that the whole change needs no more steps.
func (e *Engine) step(ctx, draining context.Context, w *work, step resource.Step) (result Result, satisfied bool, err error) {
	digest, err := plan.StepDigest(step)
	if err != nil {
		return Failed, false, err
	}
	switch p := e.pastBy(digest); {
	case p.unknown != nil:
		return Unknown, false, p.unknown
	case p.happened:
		maps.Copy(w.made, p.outputs)
		return Updated, false, nil
	}
	leave, err := e.enter(ctx, draining, step.Lane)
	if err != nil {
		return Skipped, false, err
	}
	defer leave()
	if e.Halted != nil {
		if err := e.Halted(ctx); err != nil {
			return Skipped, false, &stoppedError{err.Error()}
		}
	}
	e.report(Event{ID: w.ID, Op: step.Op})
	resolved, err := e.resolve(step)
	if err != nil {
		return Failed, false, err
	}
	outputs, result, satisfied, err := e.attempt(ctx, w, resolved, step, digest)
	maps.Copy(w.made, outputs)
	e.remember(w.ID, outputs)
	if stopped := (*stoppedError)(nil); errors.As(err, &stopped) {
		result = Skipped
	}
	return result, satisfied, err
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

// attempt does the step unless the live world forbids it or needs it no more.
// An open try of an earlier run, which Probe denied, is done once more with the
// same intent and the same Prepared. Only when that is refused is a new one
// made, and only after the live world was asked again.
func (e *Engine) attempt(ctx context.Context, w *work, resolved kind.Resolved, step resource.Step, digest string) (resource.Outputs, Result, bool, error) {
	open := e.pastBy(digest).open
	satisfied, err := e.guard(ctx, w, step)
	if err != nil {
		return nil, Failed, false, err
	}
	if satisfied {
		if err := e.drop(ctx, step, digest, errSatisfied); err != nil {
			return nil, Unknown, false, err
		}
		return nil, Unchanged, true, nil
	}
	if len(open) > 0 {
		outputs, result, err := e.again(ctx, w, resolved, step, digest, open)
		if refused := (*kind.NotAcceptedError)(nil); result != Failed || !errors.As(err, &refused) {
			return outputs, result, false, err
		}
		if satisfied, err = e.guard(ctx, w, step); err != nil || satisfied {
			return nil, pick(err != nil, Failed, Unchanged), satisfied, err
		}
	}
	outputs, result, err := e.perform(ctx, w, resolved, step, digest)
	return outputs, result, false, err
}

var errSatisfied = errors.New("the world is as declared without it")

func pick(first bool, a, b Result) Result {
	if first {
		return a
	}
	return b
}

// again does the newest of the open tries once more. The older ones stay open
// until one of them all is known to have happened: any of those with its nonce may.
func (e *Engine) again(ctx context.Context, w *work, resolved kind.Resolved, step resource.Step, digest string, open []Attempt) (resource.Outputs, Result, error) {
	f := effect{kind: w.kind, step: step, digest: digest, again: true}
	for _, try := range open {
		if f.prepared != nil {
			f.earlier = append(slices.Clone(f.earlier), f)
			resolved.Earlier = append(slices.Clone(resolved.Earlier), f.prepared)
		}
		resolved.Intent = try.Intent
		f.resolved, f.prepared = resolved, try.Prepared
	}
	return e.insist(ctx, f)
}

func (e *Engine) perform(ctx context.Context, w *work, resolved kind.Resolved, step resource.Step, digest string) (resource.Outputs, Result, error) {
	resolved.Intent = e.NewIntent()
	prepared, err := w.kind.Prepare(ctx, resolved)
	if err != nil {
		return nil, Failed, fmt.Errorf("prepare: %w", err)
	}
	if prepared.IsNothing() {
		return nil, Unchanged, nil
	}
	return e.insist(ctx, effect{kind: w.kind, resolved: resolved, step: step, digest: digest, prepared: prepared})
}

// insist does it, and replaces what is on its way and does not arrive.
func (e *Engine) insist(ctx context.Context, f effect) (resource.Outputs, Result, error) {
	for {
		outputs, result, err := e.do(ctx, f)
		if result != stuck {
			return outputs, result, err
		}
		if f, err = e.instead(ctx, f, err); err != nil {
			return e.failed(ctx, f, err)
		}
	}
}

// stuck is the result of a do whose effect is on its way and does not arrive.
const stuck Result = "stuck"

// maxInstead is how often a step that does not arrive is prepared anew.
const maxInstead = 4

// instead prepares what takes the place of an effect that does not arrive. Its
// intent stays open until one of them happened: any of them may.
func (e *Engine) instead(ctx context.Context, f effect, cause error) (effect, error) {
	next := f
	next.earlier = append(slices.Clone(f.earlier), f)
	next.resolved.Earlier = append(slices.Clone(f.resolved.Earlier), f.prepared)
	next.resolved.Intent = e.NewIntent()
	prepared, err := f.kind.Prepare(ctx, next.resolved)
	if err != nil || prepared.IsNothing() {
		// The refusal to replace it says nothing about what is on its way.
		return f, fmt.Errorf("%w; it is not replaced: %v", cause, err) //nolint:errorlint // only the cause decides
	}
	next.prepared = prepared
	return next, nil
}

// effect is all that one call of Do needs.
type effect struct {
	kind     kind.Kind
	resolved kind.Resolved
	step     resource.Step
	digest   string
	prepared kind.Prepared
	// again: the same Prepared may have been sent by an earlier run.
	again bool
	// earlier are those that it takes the place of: their intents are open.
	earlier []effect
}

// do is the one place of the whole tool where an effect is caused.
func (e *Engine) do(ctx context.Context, f effect) (resource.Outputs, Result, error) {
	if err := e.mayStart(ctx); err != nil {
		return e.unstarted(f, err)
	}
	if err := e.Log.Intent(ctx, f.step, f.digest, f.resolved.Intent, f.prepared); err != nil {
		return e.unstarted(f, fmt.Errorf("journal: nothing was started: %w", err))
	}
	// Writing the intent takes time, in which the lease runs down.
	if err := e.mayStart(ctx); err != nil {
		if f.again {
			return e.unstarted(f, err)
		}
		if journal := e.outcome(ctx, f.step, f.digest, f.resolved.Intent, kind.No, nil, err); journal != nil {
			e.block(f.step)
		}
		return e.unstarted(f, err)
	}
	outputs, err := f.kind.Do(ctx, f.resolved, f.prepared)
	if late := (*kind.StuckError)(nil); errors.As(err, &late) && len(f.earlier) < maxInstead && ctx.Err() == nil {
		return nil, stuck, err
	}
	if err != nil {
		return e.failed(ctx, f, err)
	}
	if err := e.close(ctx, f, kind.Yes, outputs, nil); err != nil {
		e.block(f.step)
		return outputs, Unknown, fmt.Errorf("it is done, but the record of it is not: %w", err)
	}
	return outputs, Updated, nil
}

// unstarted is the end of a do that began nothing. What it was to take the place
// of in this run is on its way all the same: nothing follows it in its lane.
func (e *Engine) unstarted(f effect, cause error) (resource.Outputs, Result, error) {
	if len(f.earlier) == 0 || f.again {
		return nil, Failed, cause
	}
	e.block(f.step)
	return nil, Unknown, cause
}

// close records the outcome of an effect, and with it of those that it took
// the place of: of all of them at most one happens.
func (e *Engine) close(ctx context.Context, f effect, happened kind.Happened, outputs resource.Outputs, cause error) error {
	err := e.outcome(ctx, f.step, f.digest, f.resolved.Intent, happened, outputs, cause)
	if happened == kind.Unknown {
		return err
	}
	for _, earlier := range f.earlier {
		err = errors.Join(err, e.outcome(ctx, f.step, f.digest, earlier.resolved.Intent, kind.No, nil, cause))
	}
	return err
}

// mayStart refuses to start a call that could outlive the lease.
func (e *Engine) mayStart(ctx context.Context) error {
	if ctx.Err() != nil {
		return &stoppedError{"stopped"}
	}
	if left := e.Log.Remaining(); left < e.CallTimeout {
		return fmt.Errorf("the lease holds for %s, one call may take %s: nothing was started", left.Round(time.Second), e.CallTimeout)
	}
	return nil
}

// failed sorts an error of Do into "did not happen", "happened after all" and
// "unknown", and journals which. A denial by Probe right after a lost reply
// fails the change but is journalled as unknown: the request may still be on
// its way, so the next run asks again before it does the same once more.
func (e *Engine) failed(ctx context.Context, f effect, cause error) (resource.Outputs, Result, error) {
	refused := errors.As(cause, new(*kind.NotAcceptedError))
	happened, outputs, asked := kind.No, resource.Outputs(nil), error(nil)
	if !refused || f.again || len(f.earlier) > 0 {
		happened, outputs, asked = probe(ctx, f.kind, f.resolved, append(slices.Clone(f.resolved.Earlier), f.prepared))
	}
	word, result, err := happened, Updated, error(nil)
	switch {
	case happened == kind.No && refused:
		result, err = Failed, cause
	case happened == kind.No:
		word, result, err = kind.Unknown, Failed, cause
	case happened != kind.Yes:
		result, err = Unknown, errors.Join(cause, asked)
	}
	if word == kind.Unknown {
		e.block(f.step)
	}
	if journal := e.close(ctx, f, word, outputs, err); journal != nil {
		e.block(f.step)
		return outputs, Unknown, errors.Join(cause, journal)
	}
	return outputs, result, err
}

// outcome records what is known even when apply is being cut short: what
// happened is not undone by a signal.
func (e *Engine) outcome(ctx context.Context, step resource.Step, digest, intent string, happened kind.Happened, outputs resource.Outputs, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.CallTimeout)
	defer cancel()
	if err := e.Log.Outcome(ctx, step, digest, intent, happened, outputs, cause); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
