package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// needs lists every ref that a change waits for: those of what it declares and
// those of its steps.
func needs(c Change) []resource.Ref {
	refs := c.After.Refs()
	for _, s := range c.Steps {
		refs = append(refs, s.Params.Refs()...)
		refs = append(refs, s.Needs...)
	}
	refs = slices.DeleteFunc(refs, func(r resource.Ref) bool { return r.ID == c.ID })
	slices.SortFunc(refs, resource.Ref.Compare)
	return slices.Compact(refs)
}

// Dependencies maps each change to the changes of the same plan that must be
// done before it. Creates come before their users, deletes after them; a live
// resource that itself waits for its user comes after it. The
// users of a deleted resource are those of the previous configuration, and what
// the change itself lists in Waits; a plan that was read back has only those.
func Dependencies(changes []Change, previous resource.Set) map[resource.ID][]resource.ID {
	byID := map[resource.ID]Change{}
	for _, c := range changes {
		byID[c.ID] = c
	}
	before := map[resource.ID][]resource.ID{}
	for _, c := range changes {
		for _, ref := range needs(c) {
			if target, ok := byID[ref.ID]; ok && target.Action != Delete && !(known(target, ref) && slices.Contains(target.Waits, c.ID)) {
				before[c.ID] = append(before[c.ID], ref.ID)
			}
		}
		for _, first := range c.Waits {
			if _, ok := byID[first]; ok && first != c.ID {
				before[c.ID] = append(before[c.ID], first)
			}
		}
		// What a deleted resource pointed at goes after it; what still points at
		// it by the old configuration must have changed first.
		for _, ref := range previous[c.ID].Attrs.Refs() {
			if target, ok := byID[ref.ID]; ok && target.Action == Delete && ref.ID != c.ID {
				before[ref.ID] = append(before[ref.ID], c.ID)
			}
		}
	}
	for id, list := range before {
		slices.SortFunc(list, resource.ID.Compare)
		before[id] = slices.Compact(list)
	}
	return before
}

// known reports that a live resource has had the output that a ref names: a
// change of it is then worth waiting for, and not needed.
func known(target Change, ref resource.Ref) bool {
	return target.Before != nil && target.Before.Outputs[ref.Output] != ""
}

// CycleError is a loop of resources that wait for each other.
type CycleError struct{ Loop []resource.ID }

// Error prints the loop.
func (e *CycleError) Error() string {
	names := make([]string, len(e.Loop))
	for i, id := range e.Loop {
		names[i] = id.String()
	}
	return "resources wait for each other: " + strings.Join(names, " -> ")
}

// order sorts changes so that each comes after what it needs; among those
// that are free it takes the lowest ID, so that equal input gives equal output.
func order(changes []Change, previous resource.Set) ([]Change, error) {
	before := Dependencies(changes, previous)
	byID := map[resource.ID]Change{}
	ids := make([]resource.ID, 0, len(changes))
	for _, c := range changes {
		if _, twice := byID[c.ID]; twice {
			return nil, fmt.Errorf("%s: two changes of one resource", c.ID)
		}
		byID[c.ID] = c
		ids = append(ids, c.ID)
	}
	slices.SortFunc(ids, resource.ID.Compare)
	const (
		fresh = iota
		open
		done
	)
	state := map[resource.ID]int{}
	ordered := make([]Change, 0, len(changes))
	var path []resource.ID
	var visit func(resource.ID) error
	visit = func(id resource.ID) error {
		switch state[id] {
		case done:
			return nil
		case open:
			return &CycleError{Loop: append(slices.Clone(path[slices.Index(path, id):]), id)}
		}
		state[id] = open
		path = append(path, id)
		for _, first := range before[id] {
			if err := visit(first); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		state[id] = done
		ordered = append(ordered, byID[id])
		return nil
	}
	for _, id := range ids {
		if err := visit(id); err != nil {
			return nil, err
		}
	}
	return ordered, nil
}
