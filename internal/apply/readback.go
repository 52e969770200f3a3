package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// readBackWaits are the pauses between reads of what was just written: IAM,
// KMS and tags are eventually consistent.
func readBackWaits() []time.Duration {
	return []time.Duration{0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
}

// readBack reads the resource until it is as declared. An adoption writes the
// mark and nothing else, so what still differs after it is a later plan's work.
func (e *Engine) readBack(ctx context.Context, k kind.Kind, c plan.Change) error {
	var last string
	for _, pause := range readBackWaits() {
		if pause > 0 {
			e.Sleep(ctx, pause)
		}
		world, err := observe.Some(ctx, e.Environment, e.Kinds, e.Desired, e.withRefs([]resource.ID{c.ID}))
		if err != nil {
			return err
		}
		last = e.differs(k, c, world)
		if last == "" {
			e.remember(c.ID, world.Owned[c.ID].Outputs)
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("%s: read back: %s", c.ID, last)
}

// differs says what is not yet as declared, or nothing.
func (e *Engine) differs(k kind.Kind, c plan.Change, world *observe.World) string {
	for _, u := range world.Unread {
		if u.Covers(c.ID) {
			return u.Operation + ": " + u.Cause
		}
	}
	live, there := world.Owned[c.ID]
	switch {
	case c.Action == plan.Delete && there:
		return "it is still there"
	case c.Action == plan.Delete:
		return ""
	case !there:
		return "it is not there"
	case adopts(c):
		return ""
	}
	fields := plan.Compare(k.Traits, live.Attrs, c.After, e.lookup)
	if len(fields) == 0 {
		return ""
	}
	paths := make([]string, len(fields))
	for i, f := range fields {
		paths[i] = f.Path
	}
	return "still differs in " + strings.Join(paths, ", ")
}

func adopts(c plan.Change) bool {
	return slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return s.Op == kind.AdoptOp })
}

// at finds a dotted path in a resource's attributes, or an output by
// "outputs.<name>". Only text, numbers and booleans have a value.
func at(attrs resource.Attrs, outputs resource.Outputs, path string) (string, bool) {
	if name, ok := strings.CutPrefix(path, "outputs."); ok {
		value, has := outputs[name]
		return value, has
	}
	var here any = map[string]any(attrs)
	for part := range strings.SplitSeq(path, ".") {
		object, ok := here.(map[string]any)
		if !ok {
			return "", false
		}
		if here, ok = object[part]; !ok {
			return "", false
		}
	}
	switch v := here.(type) {
	case string:
		return v, true
	case bool:
		return fmt.Sprint(v), true
	case json.Number:
		return v.String(), true
	default:
		return "", false
	}
}
