package apply_test

import (
	"context"
	"errors"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// TestAStopIsSeenBeforeTheNextStepAndNotInTheMiddleOfOne: the step that runs ends
// and is journalled; nothing starts after it, and apply of the same plan goes on.
func TestAStopIsSeenBeforeTheNextStepAndNotInTheMiddleOfOne(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}, "b": {Links: linkTo("a")}})
	stopped := false
	s.world.at = func(m moment, step resource.Step) error {
		if m == beforeDo && step.Op == "make" && step.ID == boxID("a") {
			stopped = true
		}
		return nil
	}
	e := s.engine(t)
	e.Halted = func(context.Context) error {
		if stopped {
			return errors.New("everything is stopped: drill")
		}
		return nil
	}
	outcomes := e.Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Skipped, "b": apply.Skipped})
	requireSays(t, outcomeOf(t, outcomes, "a"), "everything is stopped: drill before step 2 of 2")
	requireSays(t, outcomeOf(t, outcomes, "b"), "waits for box/shelf/a, which was skipped")
	requireEffects(t, s.world, map[string]int{"make a": 1})

	stopped, s.world.at = false, nil
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Created, "b": apply.Created})
	requireEffects(t, s.world, map[string]int{"make a": 1, "label a": 1, "make b": 1, "label b": 1})
}
