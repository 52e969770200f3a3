package iamgroup

import (
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// check judges the live groups.
func check(desired, observed []kind.Object[Spec], _ []resource.Fact) []resource.Finding {
	live := kind.Specs(observed)
	var findings []resource.Finding
	for _, want := range desired {
		have, there := live[want.ID]
		misnamed := kind.Misnamed("group", have.Name, want.Spec.Name)
		if want.Spec.Protect {
			findings = append(findings, resource.Finding{
				Rule: "cannot-protect", Severity: resource.Note, ID: want.ID,
				Reason: "IAM groups have no tags: protect ends for a group when it leaves the configuration",
			})
		}
		if there && have.Mark == want.Spec.Mark && misnamed != "" {
			findings = append(findings, resource.Finding{
				Rule: "misplaced-group", Severity: resource.Refuse, ID: want.ID, Reason: misnamed,
				Hint: "declare the name that it has, or a group with a new name",
			})
		}
	}
	slices.SortFunc(findings, resource.Finding.Compare)
	return findings
}

// steps says how to get from the live group to the declared one.
func steps(before, after *kind.Object[Spec], _ []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return deleteSteps(before), nil
	case before == nil:
		create := resource.Step{
			Op: opCreate, ID: after.ID, Pre: []resource.Precondition{{ID: after.ID, Op: resource.Absent}},
			Params: resource.Attrs{"group": after.Spec.Name, "path": after.Spec.Path},
		}
		return append([]resource.Step{create}, giving(after.ID, Spec{}, after.Spec, nil)...), nil
	case before.Spec.Mark != "" && before.Spec.Mark != after.Spec.Mark:
		return nil, &kind.DeferredError{Reason: "the group has the path " + before.Spec.Mark}
	case before.Spec.Name != after.Spec.Name:
		return nil, &kind.DeferredError{Reason: kind.Misnamed("group", before.Spec.Name, after.Spec.Name)}
	}
	move := resource.Step{
		Op: opMove, ID: after.ID, Pre: claims(before),
		Params: resource.Attrs{"group": before.Spec.Name, "from": before.Spec.Path, "path": after.Spec.Path},
	}
	if before.Spec.Mark == "" {
		if !after.Spec.Adopt {
			return nil, &kind.DeferredError{Reason: "the group does not have our path"}
		}
		// The path is the mark: it is written and nothing else. What else differs is
		// planned once the group is ours.
		move.Op = kind.AdoptOp
		return []resource.Step{move}, nil
	}
	// What is given comes first, so that members never lack what they are meant
	// to have. The path comes last: the other steps claim the one that was seen.
	list := giving(after.ID, before.Spec, after.Spec, claims(before))
	list = append(list, taking(before, after.Spec)...)
	if before.Spec.Path != after.Spec.Path {
		list = append(list, move)
	}
	return list, nil
}

// claims are what must hold before any effect on a live group: it is where it
// was seen, and that very one: another of its name has another id.
func claims(before *kind.Object[Spec]) []resource.Precondition {
	return []resource.Precondition{
		{ID: before.ID, Path: "path", Op: resource.Equals, Value: before.Spec.Path},
		{ID: before.ID, Path: "outputs.groupId", Op: resource.Equals, Value: before.Outputs["groupId"]},
	}
}

// giving lists what the declared group has and the live one has not.
func giving(id resource.ID, have, want Spec, pre []resource.Precondition) []resource.Step {
	var list []resource.Step
	for _, policy := range kind.Without(want.Policies, have.Policies) {
		list = append(list, resource.Step{Op: opAttach, ID: id, Pre: pre, Params: resource.Attrs{"group": want.Name, "policy": kind.ParamOf(policy)}})
	}
	for _, user := range kind.Without(want.Members, have.Members) {
		list = append(list, resource.Step{Op: opAdd, ID: id, Pre: pre, Params: resource.Attrs{"group": want.Name, "user": kind.ParamOf(user)}})
	}
	return list
}

// taking lists what the live group has and the declared one has not. What is
// not managed (absent) stays.
func taking(before *kind.Object[Spec], want Spec) []resource.Step {
	have := before.Spec
	var list []resource.Step
	add := func(denies bool, op, denyOp, name string, value any) {
		if denies {
			op = denyOp
		}
		list = append(list, resource.Step{Op: op, ID: before.ID, Pre: claims(before), Params: resource.Attrs{"group": have.Name, name: value}})
	}
	if want.Members != nil {
		for _, user := range kind.Without(have.Members, want.Members) {
			add(len(have.Denies) > 0, opRemove, opRemoveDeny, "user", kind.ParamOf(user))
		}
	}
	if want.Policies != nil {
		for _, policy := range kind.Without(have.Policies, want.Policies) {
			add(slices.Contains(have.Denies, policy.Literal), opDetach, opDetachDeny, "policy", kind.ParamOf(policy))
		}
	}
	if want.Inline != nil {
		for _, name := range slices.Sorted(maps.Keys(have.Inline)) {
			if _, wanted := want.Inline[name]; !wanted {
				add(slices.Contains(have.Denies, kind.InlinePrefix+name), opInline, opInlineDeny, "inline", name)
			}
		}
	}
	return list
}

// deleteSteps empties the group, one call each, and deletes it.
func deleteSteps(before *kind.Object[Spec]) []resource.Step {
	list := taking(before, Spec{Members: []resource.Value{}, Policies: []resource.Value{}, Inline: map[string]access.Document{}})
	return append(list, resource.Step{Op: opDelete, ID: before.ID, Pre: claims(before), Params: resource.Attrs{"group": before.Spec.Name}})
}
