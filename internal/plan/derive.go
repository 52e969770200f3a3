package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// GovernanceKind is the kind of the change that stands for a new judge. It has
// no steps, and the gate makes and checks it.
const GovernanceKind = "governance"

// ForgedError says that a part of a plan does not follow from the rest of it
// and from the configuration at its commit: somebody or something wrote it
// that was not this tool.
type ForgedError struct {
	ID     resource.ID
	Part   string
	Detail string
}

// Error names the resource, where there is one, and the part.
func (e *ForgedError) Error() string {
	if e.ID.IsZero() {
		return fmt.Sprintf("the plan's %s: it does not follow from the rest of it (%s)", e.Part, e.Detail)
	}
	return fmt.Sprintf("the plan's %s for %s do not follow from its fields (%s)", e.Part, e.ID, e.Detail)
}

// Derive makes every change of the plan again from what the configuration
// declares and from the plan's own before, facts and resolved refs, and
// refuses the first difference with a *ForgedError. What the plan says of the
// live world is not checked here: that is the re-read's work.
func Derive(p *Plan, desired resource.Set, rules map[string]Rules) error {
	d := differ{
		in:     Input{Desired: desired, Owned: claimed(p), Facts: p.Facts, Rules: rules},
		unread: resource.Covering(nil), out: Difference{Resolved: map[string]string{}}, replaced: map[resource.ID]bool{},
	}
	for _, c := range p.Changes {
		d.replaced[c.ID] = c.Action == Replace
	}
	derived := make([]Change, len(p.Changes))
	for i, c := range p.Changes {
		if c.ID.Kind == GovernanceKind {
			continue
		}
		var err error
		if derived[i], err = d.derive(c); err != nil {
			return err
		}
	}
	bundle(derived)
	for i, c := range p.Changes {
		if c.ID.Kind == GovernanceKind {
			continue
		}
		if err := sameChange(c, derived[i]); err != nil {
			return err
		}
	}
	for ref, value := range d.out.Resolved {
		if p.Resolved[ref] != value {
			return fmt.Errorf("the plan resolves %s to %q, its own resources say %q", ref, p.Resolved[ref], value)
		}
	}
	if _, err := order(p.Changes, nil); err != nil {
		return err
	}
	return nil
}

// claimed is the world as the plan saw it: the resources it changes, and
// others by the outputs that it resolved.
func claimed(p *Plan) resource.Set {
	owned := resource.Set{}
	for _, c := range p.Changes {
		if c.Before != nil {
			owned[c.ID] = resource.Resource{ID: c.ID, Attrs: c.Before.Attrs, Outputs: c.Before.Outputs}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(p.Resolved)) {
		ref, err := resource.ParseRef(text)
		if err != nil {
			continue
		}
		r := owned[ref.ID]
		r.ID = ref.ID
		r.Outputs = maps.Clone(r.Outputs)
		if r.Outputs == nil {
			r.Outputs = resource.Outputs{}
		}
		if _, stated := r.Outputs[ref.Output]; !stated {
			r.Outputs[ref.Output] = p.Resolved[text]
		}
		owned[ref.ID] = r
	}
	return owned
}

func (d *differ) derive(c Change) (Change, error) {
	d.out.Changes, d.out.Deferred, d.out.Pending, d.out.Findings = nil, nil, nil, nil
	var before *resource.Resource
	if c.Before != nil {
		before = &resource.Resource{ID: c.ID, Attrs: c.Before.Attrs, Outputs: c.Before.Outputs}
	}
	want, wanted := d.in.Desired[c.ID]
	switch {
	case c.Action == Delete && wanted:
		return Change{}, &ForgedError{ID: c.ID, Part: "actions", Detail: "it deletes what the configuration declares"}
	case c.Action == Delete:
		return d.deriveDelete(c, before)
	case !wanted:
		return Change{}, &ForgedError{ID: c.ID, Part: "fields", Detail: "the configuration does not declare it"}
	}
	if err := d.change(before, want, adopts(c, want)); err != nil {
		return Change{}, err
	}
	if len(d.out.Changes) != 1 {
		return Change{}, &ForgedError{ID: c.ID, Part: "changes", Detail: "nothing differs, or it cannot be planned yet"}
	}
	return d.out.Changes[0], nil
}

// adopts reports a change that takes over an unmarked object, as the
// configuration allows it to.
func adopts(c Change, want resource.Resource) bool {
	return want.Attrs[adoptPath] == true && slices.ContainsFunc(c.Fields, func(f FieldChange) bool { return f.Path == adoptPath })
}

func (d *differ) deriveDelete(c Change, before *resource.Resource) (Change, error) {
	rules, known := d.in.Rules[c.ID.Kind]
	if before == nil || !known || rules.Steps == nil || rules.Traits.DeleteOff {
		return Change{}, &ForgedError{ID: c.ID, Part: "actions", Detail: "this kind removes nothing"}
	}
	have := printable(rules.Traits, *before)
	steps, err := rules.Steps(&have, nil, d.facts(rules, c.ID))
	if err != nil {
		return Change{}, fmt.Errorf("%s: plan: %w", c.ID, err)
	}
	again := c
	again.Fields, again.Steps = compareFields(rules.Traits, before.Attrs, nil), steps
	return again, nil
}

func sameChange(stated, derived Change) error {
	for _, part := range []struct {
		name            string
		stated, derived any
	}{
		{"actions", stated.Action, derived.Action},
		{"groups", stated.Group, derived.Group},
		{"declared fields", stated.After, derived.After},
		{"fields", nonNil(stated.Fields), nonNil(derived.Fields)},
		{"sources", nonNil(stated.Why), nonNil(derived.Why)},
	} {
		if !equal(part.stated, part.derived) {
			return &ForgedError{ID: stated.ID, Part: part.name, Detail: "they differ from the configuration at the plan's commit"}
		}
	}
	if len(stated.Steps) != len(derived.Steps) {
		return &ForgedError{ID: stated.ID, Part: "steps", Detail: fmt.Sprintf("%d are listed, %d follow", len(stated.Steps), len(derived.Steps))}
	}
	for i := range stated.Steps {
		if !equal(stated.Steps[i], derived.Steps[i]) {
			return &ForgedError{ID: stated.ID, Part: "steps", Detail: fmt.Sprintf("step %d: %s", i+1, firstDifference(stated.Steps[i], derived.Steps[i]))}
		}
	}
	return nil
}

// firstDifference says where two steps part, for the reader of a refusal.
func firstDifference(stated, derived resource.Step) string {
	if stated.Op != derived.Op {
		return fmt.Sprintf("operation %q, fields say %q", stated.Op, derived.Op)
	}
	for _, key := range slices.Sorted(maps.Keys(derived.Params)) {
		if !equal(stated.Params[key], derived.Params[key]) {
			left, _ := resource.Canonical(stated.Params[key])
			right, _ := resource.Canonical(derived.Params[key])
			return fmt.Sprintf("%s is %s, fields say %s", key, left, right)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(stated.Params)) {
		if _, derivedToo := derived.Params[key]; !derivedToo {
			return fmt.Sprintf("%s is set, fields say nothing of it", key)
		}
	}
	return "spend, preconditions, needs or annotations differ"
}
