package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// readBackWaits are the pauses between reads of what was just written: IAM,
// KMS and tags are eventually consistent.
func readBackWaits() []time.Duration {
	return []time.Duration{0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second}
}

// readBack reads the resource until it is as declared, and keeps its outputs
// for the dependents. A system that answered with the old state once flips back
// and forth for a while: after that, two good answers in a row are needed. What
// a Safe must sign first is not there yet and is not read back.
func (e *Engine) readBack(ctx context.Context, w *work) error {
	if w.Action == plan.Propose {
		return nil
	}
	var last string
	good, need := 0, 1
	for _, pause := range readBackWaits() {
		if pause > 0 {
			e.Sleep(ctx, pause)
		}
		world, err := e.readOnce(ctx, w.ID)
		if err != nil {
			return fmt.Errorf("%s: read back: %w", w.ID, err)
		}
		if why := e.notYet(w, world); why != "" {
			last, good, need = why, 0, 2
		} else if good++; good >= need {
			outputs := world.Owned[w.ID].Outputs
			e.remember(w.ID, outputs)
			maps.Copy(w.made, outputs)
			return nil
		}
		if ctx.Err() != nil {
			last = "stopped"
			break
		}
	}
	return fmt.Errorf("%s: read back: %s", w.ID, last)
}

// readOnce takes a slot for one read. Draining does not stop it: what was
// written is read back.
func (e *Engine) readOnce(ctx context.Context, id resource.ID) (*observe.World, error) {
	free, err := e.slot(ctx, ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	return e.read(ctx, []resource.ID{id})
}

// notYet says what is not yet as the steps left it. An adoption writes the mark
// and nothing else, so what still differs after it is a later plan's work.
func (e *Engine) notYet(w *work, world *observe.World) string {
	live, there := world.Owned[w.ID]
	if !adopts(w.Change) || !there || unclear(w.ID, world) != "" {
		if why := e.differs(w.Change, world); why != "" {
			return why
		}
	}
	for _, name := range slices.Sorted(maps.Keys(live.Outputs)) {
		if made, ok := w.made[name]; ok && made != live.Outputs[name] {
			return fmt.Sprintf("its %s is %q, the step gave %q", name, live.Outputs[name], made)
		}
	}
	return ""
}

func adopts(c plan.Change) bool {
	return slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return s.Op == kind.AdoptOp })
}
