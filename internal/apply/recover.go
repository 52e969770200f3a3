package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// past is what earlier runs of this plan left of one step.
type past struct {
	// happened: the effect is there, its outputs are known.
	happened bool
	outputs  resource.Outputs
	// open tries, oldest first. After resume they are those that Probe denied:
	// the newest is done once more with the very same intent and Prepared, so
	// that a late first one and ours are one effect.
	open []Attempt
	// unknown says why nobody can tell.
	unknown error
}

var errAmbiguous = errors.New("unknown")

// resume reads the journal of every step and asks the world about each open
// try, before anything new starts.
func (e *Engine) resume(ctx, draining context.Context) {
	for _, c := range e.Plan.Changes {
		for _, step := range c.Steps {
			digest, err := plan.StepDigest(step)
			if err != nil {
				continue // runnable refused it already
			}
			p := pastOf(e.Log.Attempts(digest))
			e.setPast(digest, p)
			e.remember(step.ID, p.outputs)
		}
	}
	var wait sync.WaitGroup
	for _, c := range e.Plan.Changes {
		for _, step := range c.Steps {
			digest, _ := plan.StepDigest(step)
			if p := e.pastBy(digest); len(p.open) == 0 || p.happened {
				continue
			}
			wait.Go(func() { e.settle(ctx, draining, c, step, digest) })
		}
	}
	wait.Wait()
}

func pastOf(attempts []Attempt) past {
	var p past
	for _, attempt := range attempts {
		switch {
		case attempt.Closed && attempt.Happened:
			p.happened, p.outputs = true, attempt.Outputs
		case !attempt.Closed:
			p.open = append(p.open, attempt)
		}
	}
	return p
}

// settle probes the open tries of one step. Its lane stays closed behind a
// step of which the world does not tell.
func (e *Engine) settle(ctx, draining context.Context, c plan.Change, step resource.Step, digest string) {
	leave, err := e.enter(ctx, draining, step.Lane)
	p := e.pastBy(digest)
	if err != nil {
		p.unknown = fmt.Errorf("an earlier run left this step open and it was not asked for: %w", err)
		e.setPast(digest, p)
		return
	}
	defer leave()
	happened, outputs, err := e.ask(ctx, c, step, p.open)
	switch happened {
	case kind.Yes:
		for _, attempt := range p.open {
			if journal := e.outcome(ctx, step, digest, attempt.Intent, kind.Yes, outputs, nil); journal != nil {
				p.unknown = journal
			}
		}
		p.happened, p.outputs = true, outputs
		e.remember(step.ID, outputs)
	case kind.No:
	default:
		p.unknown = fmt.Errorf("an earlier run left this step open and the world does not tell whether it happened: %w", errors.Join(errAmbiguous, err))
	}
	if p.unknown != nil {
		e.block(step)
	}
	e.setPast(digest, p)
}

func (e *Engine) ask(ctx context.Context, c plan.Change, step resource.Step, open []Attempt) (kind.Happened, resource.Outputs, error) {
	k, err := e.writer(c.ID)
	if err != nil {
		return kind.Unknown, nil, err
	}
	resolved, err := e.resolve(step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	prepared := make([]kind.Prepared, len(open))
	for i, attempt := range open {
		prepared[i] = attempt.Prepared
	}
	resolved.Intent = open[len(open)-1].Intent
	return probe(ctx, k, resolved, prepared)
}

// probe takes nothing for an answer but yes and no without an error.
func probe(ctx context.Context, k kind.Kind, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	happened, outputs, err := k.Probe(ctx, resolved, prepared)
	if err != nil || (happened != kind.Yes && happened != kind.No) {
		return kind.Unknown, nil, err
	}
	return happened, outputs, nil
}

// drop journals that an open try did not happen and will not be done again.
func (e *Engine) drop(ctx context.Context, step resource.Step, digest string, cause error) error {
	p := e.pastBy(digest)
	for _, attempt := range p.open {
		if err := e.outcome(ctx, step, digest, attempt.Intent, kind.No, nil, cause); err != nil {
			return err
		}
	}
	p.open = nil
	e.setPast(digest, p)
	return nil
}

func (e *Engine) pastBy(digest string) past {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.past[digest]
}

func (e *Engine) setPast(digest string, p past) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.past[digest] = p
}
