package iampolicy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// check judges the live policies.
func check(desired, observed []kind.Object[Spec], _ []resource.Fact) []resource.Finding {
	declared := map[resource.ID]Spec{}
	for _, want := range desired {
		declared[want.ID] = want.Spec
	}
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
	switch {
	case have.Name != want.Name:
		return fmt.Sprintf("the policy is named %s, declared is %s, and IAM does not tell case apart", have.Name, want.Name)
	case have.Path != want.Path:
		return fmt.Sprintf("the policy has path %s, declared is %s, and AWS moves no policy", have.Path, want.Path)
	default:
		return ""
	}
}

// steps says how to get from the live policy to the declared one.
func steps(before, after *kind.Object[Spec], _ []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return deleteSteps(before)
	case before == nil:
		return createSteps(after)
	}
	mark := before.Spec.Mark
	if mark != "" && mark != after.Spec.Mark {
		return nil, &kind.DeferredError{Reason: "the policy carries the mark of " + mark}
	}
	if reason := misplaced(before.Spec, after.Spec); reason != "" {
		return nil, &kind.DeferredError{Reason: reason}
	}
	if mark == "" {
		return adoptSteps(before, after)
	}
	return updateSteps(before, after)
}

func createSteps(after *kind.Object[Spec]) ([]resource.Step, error) {
	id, s := after.ID, after.Spec
	document, err := resource.Encode(s.Document)
	if err != nil {
		return nil, err
	}
	params := resource.Attrs{"name": s.Name, "path": s.Path, "document": map[string]any(document), "tags": tagParams(s, id)}
	if s.Description != "" {
		params["description"] = s.Description
	}
	return []resource.Step{{Op: opCreate, ID: id, Pre: []resource.Precondition{{ID: id, Op: resource.Absent}}, Params: params}}, nil
}

// claims are what must hold before any effect on a live policy: that it is
// ours, that very one, and that the version in force is the one that was seen.
func claims(before *kind.Object[Spec]) []resource.Precondition {
	mark := resource.Precondition{ID: before.ID, Path: "mark", Op: resource.Equals, Value: before.Spec.Mark}
	if before.Spec.Mark == "" {
		mark = resource.Precondition{ID: before.ID, Path: "mark", Op: resource.Absent}
	}
	return []resource.Precondition{
		mark,
		{ID: before.ID, Path: "outputs.arn", Op: resource.Equals, Value: before.Outputs["arn"]},
		{ID: before.ID, Path: "outputs.version", Op: resource.Equals, Value: before.Outputs["version"]},
	}
}

func updateSteps(before, after *kind.Object[Spec]) ([]resource.Step, error) {
	id, have, want := after.ID, before.Spec, after.Spec
	arn, pre := before.Outputs["arn"], claims(before)
	var list []resource.Step
	if want.Document.Statements != nil && !want.Document.Equivalent(have.Document) {
		document, err := resource.Encode(want.Document)
		if err != nil {
			return nil, err
		}
		params := resource.Attrs{"arn": arn, "from": before.Outputs["version"], "document": map[string]any(document)}
		narrower := access.Narrows(have.Document, want.Document)
		step := resource.Step{Op: pick(narrower, opNarrow, opWrite), ID: id, Pre: pre, Params: params}
		if version := alike(have.Versions, digest(want.Document)); version != "" {
			// The document is there already: it is put in force again, and no version
			// is lost for it.
			step.Op, params["version"] = pick(narrower, opNarrowBack, opReturn), version
		} else {
			list = append(list, pruneSteps(before, maxVersions-1)...)
		}
		list = append(list, step)
	}
	if want.Protect && !have.Protect {
		list = append(list, resource.Step{
			Op: opProtect, ID: id, Pre: pre[:2], Params: resource.Attrs{"arn": arn, "tags": map[string]any{kind.TagProtect: "true"}},
		})
	}
	return list, nil
}

// pruneSteps deletes the oldest versions that are not in force until as many
// as may stay are left.
func pruneSteps(before *kind.Object[Spec], stay int) []resource.Step {
	versions := sorted(before.Spec.Versions)
	excess := len(versions) - stay
	var list []resource.Step
	for _, version := range versions {
		if version == before.Outputs["version"] || len(list) >= excess {
			continue
		}
		list = append(list, resource.Step{
			Op: opPrune, ID: before.ID, Pre: claims(before), Params: resource.Attrs{"arn": before.Outputs["arn"], "version": version},
		})
	}
	return list
}

func deleteSteps(before *kind.Object[Spec]) ([]resource.Step, error) {
	s := before.Spec
	if s.Protect {
		return nil, &kind.DeferredError{Reason: "the policy carries " + kind.TagProtect + ": a person takes that off first"}
	}
	if len(s.AttachedTo) > 0 {
		return nil, &kind.DeferredError{Reason: "the policy is still attached to " + strings.Join(s.AttachedTo, ", ")}
	}
	list := pruneSteps(before, 1)
	return append(list, resource.Step{Op: opDelete, ID: before.ID, Pre: claims(before), Params: resource.Attrs{"arn": before.Outputs["arn"]}}), nil
}

// adoptSteps writes the mark and nothing else; what else differs is planned
// once the policy is ours.
func adoptSteps(before, after *kind.Object[Spec]) ([]resource.Step, error) {
	if !after.Spec.Adopt {
		return nil, &kind.DeferredError{Reason: "the policy does not carry our mark"}
	}
	params := resource.Attrs{"arn": before.Outputs["arn"], "tags": tagParams(Spec{Mark: after.Spec.Mark}, after.ID)}
	return []resource.Step{{Op: kind.AdoptOp, ID: after.ID, Pre: claims(before)[:2], Params: params}}, nil
}

func tagParams(s Spec, id resource.ID) map[string]any {
	tags := map[string]any{}
	for name, value := range kind.MarkTags(s.Mark, id) {
		tags[name] = value
	}
	if s.Protect {
		tags[kind.TagProtect] = "true"
	}
	return tags
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

// sorted lists versions from the oldest on: v9 is older than v10.
func sorted(versions map[string]string) []string {
	number := func(version string) int {
		n, _ := strconv.Atoi(strings.TrimPrefix(version, "v"))
		return n
	}
	return slices.SortedFunc(maps.Keys(versions), func(a, b string) int { return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b)) })
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
