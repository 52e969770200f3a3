package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Only cuts the difference down to the changes that a selector names and to
// what they need: what makes the outputs they point at and, for a delete, what
// uses the resource until then. A selector is a kind, a group, an ID, or a pattern over IDs
// in which * matches within one part and ** anything ("funding/fuji/*").
func (d Difference) Only(selectors []string) (Difference, error) {
	byID := map[resource.ID]Change{}
	for _, c := range d.Changes {
		byID[c.ID] = c
	}
	keep := map[resource.ID]bool{}
	for _, selector := range selectors {
		if _, err := path.Match(selector, ""); err != nil {
			return Difference{}, fmt.Errorf("selector %q: %w", selector, err)
		}
		// The gate adds the changes of the rules later; they need nothing.
		matched := selector == GovernanceKind || strings.HasPrefix(selector, GovernanceKind+"/")
		for _, c := range d.Changes {
			if Selects(selector, c.ID, c.Group) {
				matched = true
				markNeeded(byID, c.ID, keep)
			}
		}
		for _, later := range d.Deferred {
			matched = matched || Selects(selector, later.ID, "")
		}
		for _, proposed := range d.Pending {
			matched = matched || Selects(selector, proposed.ID, "")
		}
		if !matched {
			return Difference{}, fmt.Errorf("selector %q matches none of %d changes", selector, len(d.Changes))
		}
	}
	cut := d
	cut.Changes = slices.DeleteFunc(slices.Clone(d.Changes), func(c Change) bool { return !keep[c.ID] })
	cut.Deferred = slices.DeleteFunc(slices.Clone(d.Deferred), func(l Deferred) bool {
		return !slices.ContainsFunc(selectors, func(s string) bool { return Selects(s, l.ID, "") })
	})
	cut.Pending = slices.DeleteFunc(slices.Clone(d.Pending), func(p Pending) bool {
		return !slices.ContainsFunc(selectors, func(s string) bool { return Selects(s, p.ID, "") })
	})
	return cut, nil
}

func markNeeded(byID map[resource.ID]Change, id resource.ID, keep map[resource.ID]bool) {
	if keep[id] {
		return
	}
	keep[id] = true
	for _, ref := range needs(byID[id]) {
		if _, changed := byID[ref.ID]; changed {
			markNeeded(byID, ref.ID, keep)
		}
	}
	for _, first := range byID[id].Waits {
		if _, changed := byID[first]; changed {
			markNeeded(byID, first, keep)
		}
	}
}

// Selects reports whether a selector names a resource.
func Selects(selector string, id resource.ID, group string) bool {
	if selector == id.Kind || selector == id.String() || (group != "" && selector == group) {
		return true
	}
	if prefix, deep := strings.CutSuffix(selector, "**"); deep {
		return strings.HasPrefix(id.String(), prefix)
	}
	ok, err := path.Match(selector, id.String())
	return err == nil && ok
}
