package iampolicy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// check judges the live policies.
func check(desired, observed []kind.Object[Spec], _ []resource.Fact) []resource.Finding {
	declared := kind.Specs(desired)
	var findings []resource.Finding
	for _, have := range observed {
		want, wanted := declared[have.ID]
		switch reason := misplaced(have.Spec, want); {
		case !wanted && have.Spec.Protect:
			findings = append(findings, resource.Finding{
				Rule: "protected", Severity: resource.Note, ID: have.ID,
				Reason: "is not in the configuration and carries " + kind.TagProtect + ": it stays",
				Hint:   "aws iam untag-policy --policy-arn " + have.Outputs["arn"] + " --tag-keys " + kind.TagProtect,
			})
		case wanted && reason != "" && have.Spec.Mark == want.Mark:
			findings = append(findings, resource.Finding{
				Rule: "misplaced-policy", Severity: resource.Refuse, ID: have.ID, Reason: reason,
				Hint: "declare the name and path that it has, or a policy with a new name",
			})
		}
	}
	slices.SortFunc(findings, resource.Finding.Compare)
	return findings
}

// misplaced says why a live policy cannot become the declared one.
func misplaced(have, want Spec) string {
	if have.Name == want.Name && have.Path != want.Path {
		return fmt.Sprintf("the policy has path %s, declared is %s, and AWS moves no policy", have.Path, want.Path)
	}
	return kind.Misnamed("policy", have.Name, want.Name)
}

// steps says how to get from the live policy to the declared one.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return deleteSteps(before, facts)
	case before == nil:
		return createSteps(after), nil
	}
	switch mark, reason := before.Spec.Mark, misplaced(before.Spec, after.Spec); {
	case mark != "" && mark != after.Spec.Mark:
		return nil, &kind.DeferredError{Reason: "the policy carries the mark of " + mark}
	case reason != "":
		return nil, &kind.DeferredError{Reason: reason}
	case mark != "":
		return updateSteps(before, after), nil
	case !after.Spec.Adopt:
		return nil, &kind.DeferredError{Reason: "the policy does not carry our mark"}
	}
	// The mark is written and nothing else; what else differs is planned once the
	// policy is ours.
	return []resource.Step{step(before, kind.AdoptOp, resource.Attrs{"tags": kind.MarkParams(after.Spec.Mark, after.ID, false)}, "arn")}, nil
}

func createSteps(after *kind.Object[Spec]) []resource.Step {
	id, s := after.ID, after.Spec
	params := resource.Attrs{"name": s.Name, "path": s.Path, "document": s.Document, "tags": kind.MarkParams(s.Mark, id, s.Protect)}
	if s.Description != "" {
		params["description"] = s.Description
	}
	return []resource.Step{{Op: opCreate, ID: id, Pre: []resource.Precondition{{ID: id, Op: resource.Absent}}, Params: params}}
}

// step is one effect on a live policy that is ours, and that very one by some of
// its outputs.
func step(before *kind.Object[Spec], op string, params resource.Attrs, same ...string) resource.Step {
	params["arn"] = before.Outputs["arn"]
	return resource.Step{Op: op, ID: before.ID, Pre: kind.Claims(before.ID, before.Spec.Mark, before.Outputs, same...), Params: params}
}

func updateSteps(before, after *kind.Object[Spec]) []resource.Step {
	have, want := before.Spec, after.Spec
	var list []resource.Step
	if want.Document.Statements != nil && !want.Document.Equivalent(have.Document) {
		op, back := opWrite, opReturn
		if access.Narrows(have.Document, want.Document) {
			op, back = opNarrow, opNarrowBack
		}
		params := resource.Attrs{"from": before.Outputs["version"], "document": want.Document}
		if version := alike(have.Versions, want.Document.Digest()); version != "" {
			// The document is there already: it is put in force again, and no version
			// is lost for it.
			op, params["version"] = back, version
		} else {
			list = pruneSteps(before, maxVersions-1)
		}
		list = append(list, step(before, op, params, "arn", "version"))
	}
	if want.Protect && !have.Protect {
		list = append(list, step(before, opProtect, resource.Attrs{"tags": map[string]any{kind.TagProtect: "true"}}, "arn"))
	}
	return list
}

// pruneSteps deletes the oldest versions that are not in force until as many
// as may stay are left.
func pruneSteps(before *kind.Object[Spec], stay int) []resource.Step {
	versions := sorted(before.Spec.Versions)
	excess := len(versions) - stay
	var list []resource.Step
	for _, version := range versions {
		if version != before.Outputs["version"] && len(list) < excess {
			list = append(list, step(before, opPrune, resource.Attrs{"version": version}, "arn", "version"))
		}
	}
	return list
}

// deleteSteps removes a policy that nobody declares any more. Who is ours lets go
// of it in the same plan, and before: whether everybody has is asked right before
// each effect.
func deleteSteps(before *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	if before.Spec.Protect {
		return nil, &kind.DeferredError{Reason: "the policy carries " + kind.TagProtect + ": a person takes that off first"}
	}
	if others := resource.FactsOf(facts, before.ID)[factHeld]; others != "" {
		return nil, &kind.DeferredError{Reason: "the policy is still attached to " + others}
	}
	list := append(pruneSteps(before, 1), step(before, opDelete, resource.Attrs{}, "arn", "version"))
	for i := range list {
		list[i].Pre = append(list[i].Pre, resource.Precondition{ID: before.ID, Path: "attachedTo", Op: resource.Absent})
	}
	return list, nil
}

// alike is the newest version that means the same, or nothing.
func alike(versions map[string]string, want string) string {
	for _, version := range slices.Backward(sorted(versions)) {
		if want != "" && versions[version] == want {
			return version
		}
	}
	return ""
}

// sorted lists versions from the oldest on.
func sorted(versions map[string]string) []string {
	return slices.SortedFunc(maps.Keys(versions), access.CompareVersions)
}
