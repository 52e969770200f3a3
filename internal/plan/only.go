package plan

import (
	"cmp"
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
	cut.Findings = append(slices.Clone(d.Findings), d.severed(cut.Changes)...)
	return cut, nil
}

// RuleCutStage is the finding about a change of a partial plan that must come after
// one which this plan cannot hold: selectors close over changes, not over what is
// put off, waits for signatures, or is not planned at all.
const RuleCutStage = "cut-stage"

// severed refuses each of some changes whose precondition is not among them.
func (d Difference) severed(kept []Change) []resource.Finding {
	there, later := map[resource.ID]bool{}, map[resource.ID]string{}
	for _, c := range kept {
		there[c.ID] = true
	}
	for _, l := range d.Deferred {
		later[l.ID] = "is put off: " + l.Reason
	}
	for _, p := range d.Pending {
		later[p.ID] = "waits for others: " + p.Reason
	}
	var found []resource.Finding
	for _, c := range kept {
		first := slices.Clone(c.Waits)
		for _, ref := range needs(c) {
			if d.Resolved[ref.String()] == "" {
				first = append(first, ref.ID)
			}
		}
		for _, id := range first {
			if there[id] || id == c.ID {
				continue
			}
			why := cmp.Or(later[id], "is in no plan")
			found = append(found, resource.Finding{
				Rule: RuleCutStage, Severity: resource.Refuse, ID: c.ID,
				Reason: fmt.Sprintf("it must come after %s, which %s", id, why), Hint: "plan without --only, or name what can be done now",
			})
			break
		}
	}
	return found
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
