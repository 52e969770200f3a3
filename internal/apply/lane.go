package apply

import (
	"context"
	"fmt"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// lane is a stream in which one step runs at a time. A step that is left
// open blocks it: a nonce behind an open one would be spent on a guess.
type lane struct {
	turn    chan struct{}
	blocked string
}

// stoppedError says that a step was not started, and why.
type stoppedError struct{ why string }

func (e *stoppedError) Error() string { return e.why }

// enter waits for the lane and then for a slot, so that nobody holds a slot
// while waiting for a lane. It fails with a *stoppedError when apply is being
// stopped or the lane is blocked; otherwise leave must be called.
func (e *Engine) enter(ctx, draining context.Context, name string) (leave func(), err error) {
	if name == "" {
		return e.slot(ctx, draining)
	}
	l := e.laneOf(name)
	select {
	case l.turn <- struct{}{}:
	case <-draining.Done():
		return nil, &stoppedError{"stopped"}
	case <-ctx.Done():
		return nil, &stoppedError{"stopped"}
	}
	release := func() { <-l.turn }
	if l.blocked != "" {
		defer release()
		return nil, &stoppedError{fmt.Sprintf("waits for lane %s, in which %s is open", name, l.blocked)}
	}
	free, err := e.slot(ctx, draining)
	if err != nil {
		release()
		return nil, err
	}
	return func() { free(); release() }, nil
}

// slot takes one of the Parallel places. Being stopped wins over a free place.
func (e *Engine) slot(ctx, draining context.Context) (free func(), err error) {
	select {
	case e.slots <- struct{}{}:
	case <-draining.Done():
		return nil, &stoppedError{"stopped"}
	case <-ctx.Done():
		return nil, &stoppedError{"stopped"}
	}
	if draining.Err() != nil || ctx.Err() != nil {
		<-e.slots
		return nil, &stoppedError{"stopped"}
	}
	return func() { <-e.slots }, nil
}

func (e *Engine) laneOf(name string) *lane {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lanes[name] == nil {
		e.lanes[name] = &lane{turn: make(chan struct{}, 1)}
	}
	return e.lanes[name]
}

// block closes the step's lane to all later steps of this run. The caller is
// in the lane.
func (e *Engine) block(step resource.Step) {
	if step.Lane != "" {
		e.laneOf(step.Lane).blocked = step.Op + " of " + step.ID.String()
	}
}
