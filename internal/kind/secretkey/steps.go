package secretkey

import (
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// factDuplicate lists the names of the secrets that claim one resource id.
const factDuplicate = "duplicate"

// check judges the live secrets. What it refuses is never mended here.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	live := map[resource.ID]kind.Object[Spec]{}
	for _, o := range observed {
		live[o.ID] = o
	}
	about := resource.FactsByID(facts)
	var findings []resource.Finding
	for _, want := range desired {
		if have, there := live[want.ID]; there {
			findings = append(findings, refusals(have, want.Spec, about[want.ID])...)
		}
	}
	return findings
}

// refusals lists what keeps a live secret from being written at all.
func refusals(have kind.Object[Spec], want Spec, facts []resource.Fact) []resource.Finding {
	var findings []resource.Finding
	refuse := func(wrong bool, rule, reason, hint string) {
		if wrong {
			findings = append(findings, resource.Finding{Rule: rule, Severity: resource.Refuse, ID: have.ID, Reason: reason, Hint: hint})
		}
	}
	s := have.Spec
	noted := resource.FactsOf(facts, have.ID)
	refuse(noted[factDuplicate] != "", "duplicate-id", sentence("secrets %s all carry this id", noted[factDuplicate]),
		"find out which secret is in use, and untag the others by hand")
	refuse(s.State == pendingDeletion, "pending-deletion", sentence("secret %s is scheduled for deletion", s.Secret),
		"restore it (aws secretsmanager restore-secret --secret-id "+s.Secret+"), then plan again")
	refuse(s.Secret != want.Secret, "renamed", sentence("the key is stored as %s, declared as %s: a secret cannot be renamed", s.Secret, want.Secret),
		"declare alias: \""+s.Secret+"\" for this key")
	refuse(want.Address != "" && s.Address != "" && s.Address != want.Address, "address-mismatch",
		sentence("secret %s is of address %s, pinned is %s", s.Secret, s.Address, want.Address), "a pin changes only when the key was rotated on purpose")
	// Nobody but the signer reads the value, so without the tag nobody knows.
	refuse(s.Mark == want.Mark && s.Address == "", "address-unknown", sentence("secret %s has no tag %s that is an EIP-55 address", s.Secret, kind.TagAddress),
		"write the tag back by hand; it is compared with the key before anything is signed")
	slices.SortFunc(findings, resource.Finding.Compare)
	return findings
}

// steps says how to get from the live secret to the declared one.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return nil, &kind.DeferredError{Reason: "keys are never deleted here"}
	case before == nil && after.Spec.Address != "":
		return nil, &kind.DeferredError{Reason: sentence("address %s is pinned and its secret is not there: a new key would have another address", after.Spec.Address)}
	case before == nil:
		return createSteps(after), nil
	}
	if refused := refusals(*before, after.Spec, facts); len(refused) > 0 {
		return nil, &kind.DeferredError{Reason: refused[0].Rule + ": " + refused[0].Reason}
	}
	switch before.Spec.Mark {
	case after.Spec.Mark:
		return updateSteps(before, after), nil
	case "":
		return adoptSteps(before, after)
	default:
		return nil, &kind.DeferredError{Reason: sentence("the secret carries the mark of %s", before.Spec.Mark)}
	}
}

func createSteps(after *kind.Object[Spec]) []resource.Step {
	tags := tagParams(after.Spec.Tags)
	maps.Copy(tags, tagParams(kind.MarkTags(after.Spec.Mark, after.ID)))
	return []resource.Step{{
		Op: opCreate, ID: after.ID, Pre: []resource.Precondition{{ID: after.ID, Op: resource.Absent}},
		Params: resource.Attrs{"secret": after.Spec.Secret, "description": after.Spec.Description, "tags": tags},
	}}
}

func updateSteps(before, after *kind.Object[Spec]) []resource.Step {
	id, have, want := after.ID, before.Spec, after.Spec
	arn := before.Outputs["arn"]
	ours := []resource.Precondition{
		{ID: id, Path: "mark", Op: resource.Equals, Value: want.Mark},
		{ID: id, Path: "outputs.arn", Op: resource.Equals, Value: arn},
	}
	var list []resource.Step
	if have.Description != want.Description {
		list = append(list, resource.Step{Op: opDescribe, ID: id, Pre: ours, Params: resource.Attrs{"secret": arn, "description": want.Description}})
	}
	tags := map[string]any{}
	for name, value := range want.Tags {
		if have.Tags[name] != value {
			tags[name] = value
		}
	}
	if len(tags) > 0 {
		list = append(list, resource.Step{Op: opTag, ID: id, Pre: ours, Params: resource.Attrs{"secret": arn, "tags": tags}})
	}
	return list
}

// adoptSteps writes the mark and nothing else. The address must be known from
// a tag or a pin: reading the value is for the signer alone.
func adoptSteps(before, after *kind.Object[Spec]) ([]resource.Step, error) {
	if !after.Spec.Adopt {
		return nil, &kind.DeferredError{Reason: "the secret does not carry our mark"}
	}
	tags := tagParams(kind.MarkTags(after.Spec.Mark, after.ID))
	if before.Spec.Address == "" {
		if after.Spec.Address == "" {
			return nil, &kind.DeferredError{Reason: "nobody knows the address of this secret: pin it in addresses.json"}
		}
		tags[kind.TagAddress] = after.Spec.Address
	}
	arn := before.Outputs["arn"]
	return []resource.Step{{
		Op: kind.AdoptOp, ID: after.ID,
		Pre: []resource.Precondition{
			{ID: after.ID, Path: "mark", Op: resource.Absent},
			{ID: after.ID, Path: "outputs.arn", Op: resource.Equals, Value: arn},
		},
		Params: resource.Attrs{"secret": arn, "tags": tags},
	}}, nil
}

func tagParams(tags map[string]string) map[string]any {
	params := make(map[string]any, len(tags))
	for name, value := range tags {
		params[name] = value
	}
	return params
}
