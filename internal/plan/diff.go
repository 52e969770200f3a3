package plan

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Rules are what Diff knows of a kind: its traits and how it gets from one
// state to another.
type Rules struct {
	Traits resource.Traits
	// Steps is nil for kinds that only observe.
	Steps func(before, after *resource.Resource, facts []resource.Fact) ([]resource.Step, error)
}

// Input is the world as declared and as read.
type Input struct {
	Desired resource.Set
	// Owned carries our mark; Foreign has our name without it.
	Owned, Foreign resource.Set
	Facts          []resource.Fact
	Unread         []resource.Unread
	Rules          map[string]Rules
	// Previous is what the last applied commit declared; nil if there is none.
	Previous resource.Set
	// Made is what was declared alike and seen to be so at some time; what differs
	// from it has drifted. Touched are all resources that steps were done to.
	Made    resource.Set
	Touched map[resource.ID]bool
}

// Difference is what Diff found.
type Difference struct {
	Changes   []Change
	Resolved  map[string]string
	Deferred  []Deferred
	Pending   []Pending
	Findings  []resource.Finding
	Unchanged int
}

// Diff compares desired with observed and orders what must be done. It
// changes nothing that is unread, foreign or merely observed.
func Diff(in Input) (Difference, error) {
	in.Facts = sorted(in.Facts, resource.Fact.Compare)
	d := differ{in: in, unread: resource.Covering(in.Unread), out: Difference{Resolved: map[string]string{}}}
	d.findReplaced()
	if err := d.desired(); err != nil {
		return Difference{}, err
	}
	if err := d.undesired(); err != nil {
		return Difference{}, err
	}
	d.settle()
	d.out.Changes = giveFirst(withWaits(d.out.Changes, in.Previous, d.holders), in.Rules, in.Previous)
	ordered, err := order(d.out.Changes, in.Previous)
	if err != nil {
		return Difference{}, err
	}
	inherit(ordered)
	d.out.Changes = ordered
	slices.SortFunc(d.out.Findings, resource.Finding.Compare)
	slices.SortFunc(d.out.Deferred, func(a, b Deferred) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(d.out.Pending, func(a, b Pending) int { return a.ID.Compare(b.ID) })
	return d.out, nil
}

type differ struct {
	in Input
	// unread reports whether a resource lies in what was not read.
	unread func(resource.ID) bool
	out    Difference
	// replaced resources will have other outputs than the live ones.
	replaced map[resource.ID]bool
	// kept resources are not declared, but still used: they stay.
	kept map[resource.ID]bool
	// holders are the live users of what goes.
	holders map[resource.ID][]resource.ID
	// about are the facts by what they are about, and by its kind and scope alone.
	about map[resource.ID][]resource.Fact
}

// output resolves a ref against what was observed, unless this plan replaces
// the resource: then nobody knows the output yet.
func (d *differ) output(ref resource.Ref) (string, bool) {
	if d.replaced[ref.ID] || d.unread(ref.ID) {
		return "", false
	}
	r, ok := d.in.Owned[ref.ID]
	if !ok && d.in.Desired[ref.ID].Attrs[adoptPath] == true {
		r, ok = d.in.Foreign[ref.ID]
	}
	if !ok {
		return "", false
	}
	value, ok := r.Outputs[ref.Output]
	return value, ok && value != ""
}

func (d *differ) desired() error {
	if len(d.in.Desired) == 0 && len(d.in.Owned) > 0 {
		d.find("empty-desired", resource.Refuse, resource.ID{},
			fmt.Sprintf("the configuration declares nothing, %d resources carry its mark", len(d.in.Owned)),
			"an environment is emptied one reviewed resource at a time")
	}
	for _, id := range d.in.Desired.IDs() {
		if d.unread(id) {
			continue
		}
		if err := d.compare(d.in.Desired[id]); err != nil {
			return err
		}
	}
	return nil
}

func (d *differ) compare(want resource.Resource) error {
	have, owned := d.in.Owned[want.ID]
	foreign, present := d.in.Foreign[want.ID]
	adopting := false
	switch {
	case want.Mode == resource.Observed && !owned && present:
		have, owned = foreign, true
	case owned && present:
		d.find("duplicate-id", resource.Refuse, want.ID, "two live objects claim this id, one of them without our mark", "")
		return nil
	case !owned && present && want.Attrs[adoptPath] != true:
		d.find("not-owned", resource.Refuse, want.ID, "an object with this name exists and does not carry our mark",
			"declare adopt: true to take it over, or state another name")
		return nil
	case !owned && present:
		have, owned, adopting = foreign, true, true
	}
	var before *resource.Resource
	if owned {
		before = &have
	}
	return d.change(before, want, adopting)
}

// adoptPath is the field of a change that takes over an object without our mark.
const adoptPath = "adopt"

// change plans how to get from before to want. An adoption is a change even
// where nothing else differs: the mark is what is missing.
func (d *differ) change(before *resource.Resource, want resource.Resource, adopting bool) error {
	rules, known := d.in.Rules[want.ID.Kind]
	if !known {
		return fmt.Errorf("%s: no kind of this name", want.ID)
	}
	want = printable(rules.Traits, want)
	if before != nil {
		have := printable(rules.Traits, *before)
		before = &have
	}
	resolved := d.resolve(want)
	fields := compareFields(rules.Traits, attrsOf(before), resolved.Attrs)
	if adopting {
		fields = append([]FieldChange{{Path: adoptPath, After: true}}, fields...)
	}
	if before != nil && len(fields) == 0 {
		d.out.Unchanged++
		return nil
	}
	if want.Mode == resource.Observed || rules.Steps == nil {
		d.find("differs", resource.Note, want.ID, fmt.Sprintf("observed only: %d fields differ from the configuration", len(fields)), "")
		return nil
	}
	steps, err := rules.Steps(before, &resolved, d.facts(rules, want.ID))
	if d.waits(want.ID, err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: plan: %w", want.ID, err)
	}
	c := Change{
		ID: want.ID, Group: want.Group, Action: action(rules.Traits, before, fields, adopting, steps), After: want.Attrs,
		Fields: fields, Steps: steps, Why: want.Why, Cause: d.cause(rules.Traits, before, want),
	}
	if before != nil {
		c.Before = &State{Attrs: before.Attrs, Outputs: before.Outputs}
	}
	d.out.Changes = append(d.out.Changes, c)
	return nil
}

// resolve fills in the refs that the live world can answer and remembers the
// answers: they are part of what is reviewed.
func (d *differ) resolve(want resource.Resource) resource.Resource {
	want.Attrs, _ = want.Attrs.Resolve(func(ref resource.Ref) (string, bool) {
		value, ok := d.output(ref)
		if ok {
			d.out.Resolved[ref.String()] = value
		}
		return value, ok
	})
	return want
}

func (d *differ) undesired() error {
	users := usersOf(d.in.Desired)
	d.kept = map[resource.ID]bool{}
	for _, id := range d.in.Owned.IDs() {
		have := printable(d.in.Rules[id.Kind].Traits, d.in.Owned[id])
		if _, wanted := d.in.Desired[id]; wanted || d.unread(id) {
			continue
		}
		rules, known := d.in.Rules[id.Kind]
		if !known {
			return fmt.Errorf("%s: no kind of this name", id)
		}
		if rules.Traits.DeleteOff || rules.Steps == nil || have.Mode == resource.Observed {
			d.find("undeclared", resource.Note, id, "carries our mark and is not in the configuration; nothing is removed", "")
			continue
		}
		if by := users[id]; len(by) > 0 {
			d.kept[id] = true
			d.find("still-used", resource.Refuse, id, fmt.Sprintf("is not in the configuration, but %s there points at it", by[0]),
				"declare it, or take it out of what uses it first")
			continue
		}
		steps, err := rules.Steps(&have, nil, d.facts(rules, id))
		if d.waits(id, err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: plan: %w", id, err)
		}
		cause := FromConfig
		if _, before := d.in.Previous[id]; d.in.Previous != nil && !before && !d.in.Touched[id] {
			cause = FromDrift
		}
		d.out.Changes = append(d.out.Changes, Change{
			ID: id, Group: have.Group, Action: Delete, Before: &State{Attrs: have.Attrs, Outputs: have.Outputs},
			Fields: compareFields(rules.Traits, have.Attrs, nil), Steps: steps, Cause: cause,
		})
	}
	return nil
}

func (d *differ) find(rule string, severity resource.Severity, id resource.ID, reason, hint string) {
	d.out.Findings = append(d.out.Findings, resource.Finding{Rule: rule, Severity: severity, ID: id, Reason: reason, Hint: hint})
}

// printable leaves out the attributes that must never be printed: what a plan
// does not hold it cannot show, and no step can be made of.
func printable(traits resource.Traits, r resource.Resource) resource.Resource {
	if len(traits.Sensitive) == 0 {
		return r
	}
	r.Attrs = maps.Clone(r.Attrs)
	for _, path := range traits.Sensitive {
		delete(r.Attrs, path)
	}
	return r
}

func attrsOf(r *resource.Resource) resource.Attrs {
	if r == nil {
		return nil
	}
	return r.Attrs
}

// waits lists a change that cannot be planned yet, or that others must sign.
func (d *differ) waits(id resource.ID, err error) bool {
	if later := (*resource.DeferredError)(nil); errors.As(err, &later) {
		d.out.Deferred = append(d.out.Deferred, Deferred{ID: id, Reason: later.Reason})
		return true
	}
	if proposed := (*resource.PendingError)(nil); errors.As(err, &proposed) {
		d.out.Pending = append(d.out.Pending, Pending{ID: id, Reason: proposed.Reason})
		return true
	}
	return false
}

func action(traits resource.Traits, before *resource.Resource, fields []FieldChange, adopting bool, steps []resource.Step) Action {
	switch {
	case slices.ContainsFunc(steps, func(s resource.Step) bool { return s.Op == resource.Propose }):
		return Propose
	case before == nil:
		return Create
	case adopting:
		return Update
	}
	for _, f := range fields {
		if slices.Contains(traits.Immutable, f.Path) {
			return Replace
		}
	}
	return Update
}

// Compare lists what of desired is not satisfied by before: the top-level
// attributes that differ. Refs that output knows are resolved first.
func Compare(traits resource.Traits, before, desired resource.Attrs, output func(resource.Ref) (string, bool)) []FieldChange {
	resolved, _ := desired.Resolve(output)
	return compareFields(traits, before, resolved)
}

// compareFields lists the top-level attributes that differ. Attributes that
// desired does not have are not managed; a nil desired lists all (a delete).
func compareFields(traits resource.Traits, before, after resource.Attrs) []FieldChange {
	paths := slices.Sorted(maps.Keys(after))
	if after == nil {
		paths = slices.Sorted(maps.Keys(before))
	}
	var fields []FieldChange
	for _, path := range paths {
		if slices.Contains(traits.Steering, path) || slices.Contains(traits.Computed, path) || slices.Contains(traits.Sensitive, path) {
			continue
		}
		had, want := before[path], after[path]
		if before != nil && after != nil {
			if equal(had, want) || (traits.Satisfies != nil && traits.Satisfies(path, after, before)) {
				continue
			}
		}
		fields = append(fields, FieldChange{Path: path, Before: had, After: want})
	}
	return fields
}

func equal(a, b any) bool {
	if one, ok := a.(string); ok {
		if other, ok := b.(string); ok {
			return one == other
		}
	}
	left, errLeft := resource.Canonical(a)
	right, errRight := resource.Canonical(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}
