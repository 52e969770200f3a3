package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// guard asks the live world right before an effect: every precondition must
// hold, and the gate must still agree. Satisfied means that the whole change is
// there already (somebody else topped up the wallet, mended the tag): then it
// ends without an effect instead of failing on its precondition. That is asked
// where a step claims something of the world, before the first effect and
// whenever a claim is broken. A create of which nothing happened yet is never
// satisfied: an object that appeared with our mark was not made by this plan.
func (e *Engine) guard(ctx context.Context, w *work, step resource.Step) (satisfied bool, err error) {
	if len(step.Pre) > 0 {
		ids := []resource.ID{w.ID}
		for _, p := range step.Pre {
			ids = append(ids, p.ID)
		}
		world, err := e.read(ctx, ids)
		if err != nil {
			return false, err
		}
		broken := firstBroken(step.Pre, world)
		ours := w.Before != nil || w.happened
		if ours && (broken != nil || !w.happened) && e.differs(w.Change, world) == "" {
			return true, nil
		}
		if broken != nil {
			return false, broken
		}
	}
	if e.Recheck != nil && (w.Risk.Rank() >= resource.Sensitive.Rank() || step.Spend != nil) {
		return false, e.Recheck(ctx, w.Change)
	}
	return false, nil
}

func firstBroken(claims []resource.Precondition, world *observe.World) error {
	for _, p := range claims {
		if err := holds(p, world); err != nil {
			return fmt.Errorf("precondition on %s: %w", p.ID, err)
		}
	}
	return nil
}

// read reads some resources together with what they point at.
func (e *Engine) read(ctx context.Context, ids []resource.ID) (*observe.World, error) {
	return observe.Some(ctx, e.Environment, e.Kinds, e.Desired, withRefs(e.Desired, ids))
}

// withRefs adds what the resources point at, and what that points at, so that a
// narrowed read can resolve it.
func withRefs(desired resource.Set, ids []resource.ID) []resource.ID {
	all := map[resource.ID]bool{}
	for left := slices.Clone(ids); len(left) > 0; {
		id := left[len(left)-1]
		left = left[:len(left)-1]
		if all[id] {
			continue
		}
		all[id] = true
		for _, ref := range desired[id].Attrs.Refs() {
			left = append(left, ref.ID)
		}
	}
	return sortedIDs(all)
}

// unclear says why nothing can be said of a resource: it was not read, or two
// live objects claim it.
func unclear(id resource.ID, world *observe.World) string {
	for _, u := range world.Unread {
		if u.Covers(id) {
			return "it could not be read: " + u.Operation + ": " + u.Cause
		}
	}
	if world.Claimed(id) > 1 {
		return "two live objects claim this id"
	}
	return ""
}

func holds(p resource.Precondition, world *observe.World) error {
	if why := unclear(p.ID, world); why != "" {
		return fmt.Errorf("%s", why)
	}
	live, there := world.Owned[p.ID]
	if !there {
		live, there = world.Foreign[p.ID]
	}
	value, has := at(live.Attrs, live.Outputs, p.Path)
	if p.Op == resource.Absent {
		if p.Path == "" && there || p.Path != "" && has && value != "" {
			return fmt.Errorf("%s is there, must be absent", orSelf(p.Path))
		}
		return nil
	}
	switch {
	case !there:
		return fmt.Errorf("it is not there, %s must be %s %q", p.Path, p.Op, p.Value)
	case !has:
		return fmt.Errorf("%s is not there, must be %s %q", p.Path, p.Op, p.Value)
	}
	switch p.Op {
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
	need, okNeed := new(big.Int).SetString(p.Value, 10)
	if !okHave || !okNeed {
		return fmt.Errorf("%s is %q, cannot be compared with %q", p.Path, value, p.Value)
	}
	switch sign := have.Cmp(need); {
	case p.Op == resource.AtLeast && sign < 0:
		return fmt.Errorf("%s is %s, must be at least %s", p.Path, have, need)
	case p.Op == resource.AtMost && sign > 0:
		return fmt.Errorf("%s is %s, must be at most %s", p.Path, have, need)
	}
	return nil
}

// at finds a dotted path in a resource's attributes, or an output by
// "outputs.<name>". Lists and objects have their canonical JSON for a value:
// they are there, and never count as absent.
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
	case nil:
		return "", false
	case string:
		return v, true
	case bool:
		return fmt.Sprint(v), true
	case json.Number:
		return v.String(), true
	default:
		return text(v), true
	}
}

// differs says what of the live world is not as the change declares it, or
// nothing.
func (e *Engine) differs(c plan.Change, world *observe.World) string {
	if why := unclear(c.ID, world); why != "" {
		return why
	}
	live, there := world.Owned[c.ID]
	_, foreign := world.Foreign[c.ID]
	switch {
	case c.Action == plan.Delete && (there || foreign):
		return "it is still there"
	case c.Action == plan.Delete:
		return ""
	case !there && foreign:
		return "it does not carry our mark"
	case !there:
		return "it is not there"
	}
	k, _ := e.kind(c.ID.Kind)
	fields := plan.Compare(k.Traits, live.Attrs, c.After, e.lookup)
	if len(fields) == 0 {
		return ""
	}
	paths := make([]string, len(fields))
	for i, f := range fields {
		paths[i] = f.Path
	}
	return "it differs in " + strings.Join(paths, ", ")
}
