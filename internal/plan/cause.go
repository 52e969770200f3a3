package plan

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// cause says why a resource differs. It has drifted only if it was once seen as
// it is declared now: what was put off, only proposed, adopted with what differed
// in it, or never read, comes from the configuration for as long as it was not made.
func (d *differ) cause(traits resource.Traits, before *resource.Resource, want resource.Resource) Cause {
	made, had := d.in.Made[want.ID]
	if !had {
		return FromConfig
	}
	made = printable(traits, made)
	if equal(made.Attrs, printable(traits, want).Attrs) {
		return FromDrift
	}
	if attrs, _ := made.Attrs.Resolve(d.output); before != nil && len(compareFields(traits, before.Attrs, attrs)) == 0 {
		return FromConfig
	}
	return FromBoth
}

// inherit gives a change that is declared as ever, and only follows what the
// configuration makes anew, the cause of that. Changes come in their order.
func inherit(changes []Change) {
	anew := map[resource.ID]bool{}
	for i, c := range changes {
		if c.Cause == FromDrift && slices.ContainsFunc(needs(c), func(ref resource.Ref) bool { return anew[ref.ID] }) {
			changes[i].Cause = FromConfig
		}
		anew[c.ID] = changes[i].Cause != FromDrift && (c.Action == Create || c.Action == Replace)
	}
}

// ofCause reports whether a change belongs to the plan of one cause. What both
// changed is the configuration's.
func ofCause(cause Cause, c Change) bool {
	return (c.Cause == FromDrift) == (cause == FromDrift)
}

// CutCause keeps the changes of one cause, FromConfig (and both) or FromDrift,
// and what those need, which keeps its own cause. It says how many changes are
// left to the other plan. What is put off, waits for others, or was found stays:
// it is in no step.
func (d Difference) CutCause(cause Cause) (cut Difference, elsewhere int) {
	byID := map[resource.ID]Change{}
	for _, c := range d.Changes {
		byID[c.ID] = c
	}
	keep := map[resource.ID]bool{}
	for _, c := range d.Changes {
		if ofCause(cause, c) {
			markNeeded(byID, c.ID, keep)
		}
	}
	cut = d
	cut.Changes = slices.DeleteFunc(slices.Clone(d.Changes), func(c Change) bool { return !keep[c.ID] })
	return cut, len(d.Changes) - len(cut.Changes)
}

// Has reports whether any change is of a cause.
func (d Difference) Has(cause Cause) bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool { return ofCause(cause, c) })
}

// Owed lists what of the desired resources is not as it is declared and never
// was: of what the plan would change, puts off, leaves to others to sign, refuses
// or could not read, everything but what was made as it is declared before. The
// plan must be one of everything.
func Owed(p *Plan, desired, made resource.Set, rules map[string]Rules) []resource.ID {
	open := map[resource.ID]bool{}
	for _, c := range p.Changes {
		open[c.ID] = true
	}
	for _, later := range p.Deferred {
		open[later.ID] = true
	}
	for _, proposed := range p.Pending {
		open[proposed.ID] = true
	}
	for _, f := range p.Findings {
		open[f.ID] = open[f.ID] || f.Severity == resource.Refuse
	}
	unread := resource.Covering(p.Unread)
	var owed []resource.ID
	for _, id := range desired.IDs() {
		before, had := made[id]
		traits := rules[id.Kind].Traits
		if !open[id] && !unread(id) || had && equal(printable(traits, before).Attrs, printable(traits, desired[id]).Attrs) {
			continue
		}
		owed = append(owed, id)
	}
	return owed
}
