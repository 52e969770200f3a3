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
// (begun; nil: none) are left to recovery, and so is what follows from them:
// their outputs, and the appearance of what points at them (the balance of a
// wallet whose key was made). A difference is a *StaleError. Attributes that
// move by themselves are not compared.
func Reread(ctx context.Context, env *config.Environment, kinds []kind.Kind, desired resource.Set, p *plan.Plan, begun func(plan.Change) bool) (*observe.World, error) {
	refs, err := resolvedRefs(p)
	if err != nil {
		return nil, err
	}
	world, err := observe.Some(ctx, env, kinds, desired, withRefs(desired, touched(p, refs)))
	if err != nil {
		return nil, err
	}
	moving := map[string][]string{}
	for _, k := range kinds {
		moving[k.Name] = k.Traits.Moving
	}
	ours := map[resource.ID]bool{}
	for _, c := range p.Changes {
		if begun != nil && begun(c) {
			ours[c.ID] = true
		}
	}
	var moved []string
	for _, c := range p.Changes {
		if c.ID.Kind == plan.GovernanceKind || ours[c.ID] {
			continue
		}
		follows := slices.ContainsFunc(c.After.Refs(), func(r resource.Ref) bool { return ours[r.ID] })
		moved = append(moved, compareBefore(c, world, moving[c.ID.Kind], follows)...)
	}
	for _, ref := range refs {
		if !ours[ref.ID] {
			moved = append(moved, compareOutput(ref, p.Resolved[ref.String()], world)...)
		}
	}
	if len(moved) > 0 {
		return world, &StaleError{Moved: moved}
	}
	return world, nil
}

func resolvedRefs(p *plan.Plan) ([]resource.Ref, error) {
	var refs []resource.Ref
	for _, text := range slices.Sorted(maps.Keys(p.Resolved)) {
		ref, err := resource.ParseRef(text)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

func touched(p *plan.Plan, refs []resource.Ref) []resource.ID {
	ids := map[resource.ID]bool{}
	for _, c := range p.Changes {
		if c.ID.Kind != plan.GovernanceKind {
			ids[c.ID] = true
		}
	}
	for _, ref := range refs {
		ids[ref.ID] = true
	}
	return sortedIDs(ids)
}

func sortedIDs(ids map[resource.ID]bool) []resource.ID {
	return slices.SortedFunc(maps.Keys(ids), resource.ID.Compare)
}

func compareOutput(ref resource.Ref, was string, world *observe.World) []string {
	if why := unclear(ref.ID, world); why != "" {
		return []string{fmt.Sprintf("%s was %q, now %s", ref, was, why)}
	}
	live, owned := world.Lookup(ref)
	if !owned {
		// An object that the plan adopts is not ours yet, and was resolved all the same.
		live = world.Foreign[ref.ID].Outputs[ref.Output]
	}
	if live != was {
		return []string{fmt.Sprintf("%s was %q, is %q", ref, was, live)}
	}
	return nil
}

// compareBefore says what of a change's own before is not so any more. follows
// says that the resource points at what an earlier run of this plan made.
func compareBefore(c plan.Change, world *observe.World, moving []string, follows bool) []string {
	if why := unclear(c.ID, world); why != "" {
		return []string{c.ID.String() + ": " + why}
	}
	live, there := world.Owned[c.ID]
	foreign, seen := world.Foreign[c.ID]
	switch {
	case c.Before == nil && (seen || there && !follows):
		return []string{c.ID.String() + " exists now"}
	case c.Before == nil:
		return nil
	case !there && seen && c.After["adopt"] != true:
		return []string{c.ID.String() + " does not carry our mark any more"}
	case !there && !seen:
		return []string{c.ID.String() + " is gone"}
	case !there:
		live = foreign
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
