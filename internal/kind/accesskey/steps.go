package accesskey

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// factUnmarked is the ARN of a user that is to have a key and does not carry our
// mark: what keys it has is not asked.
const factUnmarked = "user-not-ours"

// check tells of keys that nobody declared.
func check(_, observed []kind.Object[Spec], _ []resource.Fact) []resource.Finding {
	var findings []resource.Finding
	for _, o := range observed {
		tell := func(ids []string, rule, reason, hint string) {
			if len(ids) > 0 {
				findings = append(findings, resource.Finding{
					Rule: rule, Severity: resource.Note, ID: o.ID, Hint: hint,
					Reason: fmt.Sprintf("%s has a static key that is not where it is declared to be: %s%s", o.ID.Name, strings.Join(ids, ", "), reason),
				})
			}
		}
		tell(o.Spec.Stray, "stray-access-key", "", "find out who made it; the plan removes it")
		tell(o.Spec.Used, "access-key-in-use", "; somebody signs in with it, so it stays",
			"move whoever runs on it to the declared key, and it goes by itself; or it is a thief's: aws iam update-access-key --status Inactive")
	}
	slices.SortFunc(findings, resource.Finding.Compare)
	return findings
}

// steps says how to get from the live keys to the declared one. Rotation is two
// plans: a new key now, the old one's removal when the overlap is over.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil && len(before.Spec.Used) > 0:
		return nil, &kind.DeferredError{Reason: fmt.Sprintf("%s is declared without a key and signs in with %s: whoever runs on it would lose access", before.ID.Name, strings.Join(before.Spec.Used, ", "))}
	case after == nil:
		return removeSteps(opDelete, before, before.Spec.Keys), nil
	case before == nil:
		if resource.FactsOf(facts, after.ID)[factUnmarked] != "" {
			return nil, &kind.DeferredError{Reason: "the user does not carry our mark yet: its keys are read once it is ours"}
		}
		return []resource.Step{create(opCreate, after, nil)}, nil
	}
	have := before.Spec
	list := removeSteps(opStray, before, have.Stray)
	left := len(have.Keys) - len(have.Stray)
	if have.Previous == over {
		// Of the two that were stored it is the older.
		stored := slices.DeleteFunc(slices.Clone(have.Keys), func(id string) bool { return slices.Contains(slices.Concat(have.Stray, have.Used), id) })
		list = append(list, removeSteps(opRetire, before, stored[:1])...)
		left--
	}
	switch settled := have.Current == fresh && have.Secret == after.Spec.Secret && have.Region == after.Spec.Region; {
	case settled, left >= perUser && len(list) > 0:
		return list, nil
	case left >= perUser:
		return nil, &kind.DeferredError{Reason: "the user has two keys, the old one still in its overlap or in use: the next can be made when that is over"}
	}
	op := opRotate
	if have.Current == missing {
		op = opCreate
	}
	return append(list, create(op, after, have.Keys)), nil
}

func create(op string, after *kind.Object[Spec], keys []string) resource.Step {
	step := resource.Step{
		Op: op, ID: after.ID, Lane: "access-key/" + after.ID.Name,
		Params: resource.Attrs{"user": after.ID.Name, "secret": after.Spec.Secret, "region": after.Spec.Region},
	}
	if after.Spec.User.Ref != nil {
		step.Needs = []resource.Ref{*after.Spec.User.Ref}
	}
	if len(keys) == 0 {
		step.Pre = []resource.Precondition{{ID: after.ID, Path: "keys", Op: resource.Absent}} // a secret may outlive its key
	}
	return step
}

func removeSteps(op string, before *kind.Object[Spec], ids []string) []resource.Step {
	var list []resource.Step
	for _, id := range ids {
		list = append(list, resource.Step{
			Op: op, ID: before.ID, Lane: "access-key/" + before.ID.Name, Params: resource.Attrs{"user": before.ID.Name, "key": id},
		})
	}
	return list
}
