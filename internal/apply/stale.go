package apply

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// StaleError says what of the world moved since the plan was made.
type StaleError struct{ Moved []string }

// Error lists what moved.
func (e *StaleError) Error() string {
	return "the world is not the one that was planned: " + strings.Join(e.Moved, "; ")
}

// Reread reads what the plan touches and what its refs stood for, and compares
// it with the plan's own before. Changes that an earlier run of this plan began
// (begun) are left to recovery. A difference is a *StaleError.
func Reread(ctx context.Context, env *config.Environment, kinds []kind.Kind, desired resource.Set, p *plan.Plan, begun func(plan.Change) bool) (*observe.World, error) {
	ids, err := touched(p)
	if err != nil {
		return nil, err
	}
	world, err := observe.Some(ctx, env, kinds, desired, ids)
	if err != nil {
		return nil, err
	}
	moving := map[string][]string{}
	for _, k := range kinds {
		moving[k.Name] = append(slices.Clone(k.Traits.Moving), k.Traits.Computed...)
	}
	var moved []string
	for _, c := range p.Changes {
		if c.ID.Kind == plan.GovernanceKind || begun(c) {
			continue
		}
		moved = append(moved, compareBefore(c, world, moving[c.ID.Kind])...)
	}
	for _, text := range slices.Sorted(maps.Keys(p.Resolved)) {
		ref, err := resource.ParseRef(text)
		if err != nil {
			return nil, err
		}
		if live, _ := world.Lookup(ref); live != p.Resolved[text] {
			moved = append(moved, fmt.Sprintf("%s was %q, is %q", text, p.Resolved[text], live))
		}
	}
	if len(moved) > 0 {
		return world, &StaleError{Moved: moved}
	}
	return world, nil
}

func touched(p *plan.Plan) ([]resource.ID, error) {
	var ids []resource.ID
	for _, c := range p.Changes {
		if c.ID.Kind != plan.GovernanceKind {
			ids = append(ids, c.ID)
		}
	}
	for text := range p.Resolved {
		ref, err := resource.ParseRef(text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, ref.ID)
	}
	slices.SortFunc(ids, resource.ID.Compare)
	return slices.Compact(ids), nil
}

func compareBefore(c plan.Change, world *observe.World, moving []string) []string {
	for _, u := range world.Unread {
		if u.Covers(c.ID) {
			return []string{fmt.Sprintf("%s cannot be read now: %s: %s", c.ID, u.Operation, u.Cause)}
		}
	}
	live, there := world.Owned[c.ID]
	if !there {
		live, there = world.Foreign[c.ID]
	}
	switch {
	case c.Before == nil && there:
		return []string{c.ID.String() + " exists now"}
	case c.Before == nil:
		return nil
	case !there:
		return []string{c.ID.String() + " is gone"}
	}
	var moved []string
	for _, path := range slices.Sorted(maps.Keys(union(c.Before.Attrs, live.Attrs))) {
		if slices.Contains(moving, path) || same(c.Before.Attrs[path], live.Attrs[path]) {
			continue
		}
		moved = append(moved, fmt.Sprintf("%s: %s is %s, was %s", c.ID, path, text(live.Attrs[path]), text(c.Before.Attrs[path])))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Before.Outputs)) {
		if live.Outputs[name] != c.Before.Outputs[name] {
			moved = append(moved, fmt.Sprintf("%s: %s is %q, was %q", c.ID, name, live.Outputs[name], c.Before.Outputs[name]))
		}
	}
	return moved
}

func union(a, b resource.Attrs) resource.Attrs {
	all := maps.Clone(a)
	if all == nil {
		all = resource.Attrs{}
	}
	maps.Copy(all, b)
	return all
}

func same(a, b any) bool {
	left, errLeft := resource.Canonical(a)
	right, errRight := resource.Canonical(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

func text(v any) string {
	data, err := resource.Canonical(v)
	if err != nil {
		return "?"
	}
	return string(data)
}
