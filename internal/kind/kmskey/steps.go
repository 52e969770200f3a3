package kmskey

import (
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The facts that observation notes beside the attributes.
const (
	// factRetargeted is the id of the key that our alias points to instead.
	factRetargeted = "alias-target"
	// factDuplicate lists the ids of the keys that claim one resource id.
	factDuplicate = "duplicate"
	// factUnproved says why an address could not be derived from the public key.
	factUnproved = "address-unproved"
	// factByIAM lists the ARNs that IAM alone lets sign, of those whom the live
	// policy names and the declared access expects to sign by IAM.
	factByIAM = "signs-by-iam"
)

// check judges the live keys. What it refuses is never mended here: each of
// these is an accident or an attack, and a person looks first.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	live := map[resource.ID]kind.Object[Spec]{}
	for _, o := range observed {
		live[o.ID] = o
	}
	about := resource.FactsByID(facts)
	var findings []resource.Finding
	for _, want := range desired {
		have, there := live[want.ID]
		if there {
			findings = append(findings, refusals(have, want.Spec, about[want.ID])...)
		}
	}
	return findings
}

// refusals lists what keeps a live key from being written at all.
func refusals(have kind.Object[Spec], want Spec, facts []resource.Fact) []resource.Finding {
	var findings []resource.Finding
	refuse := func(wrong bool, rule, reason, hint string) {
		if wrong {
			findings = append(findings, resource.Finding{Rule: rule, Severity: resource.Refuse, ID: have.ID, Reason: reason, Hint: hint})
		}
	}
	noted := resource.FactsOf(facts, have.ID)
	s, keyID := have.Spec, have.Outputs["keyId"]
	refuse(noted[factDuplicate] != "", "duplicate-id", sentence("keys %s all carry this id", noted[factDuplicate]),
		"find out which key is in use, and untag the others by hand")
	refuse(noted[factRetargeted] != "", "alias-retargeted", sentence("%s points to key %s, the key with our mark is %s", want.Alias, noted[factRetargeted], keyID),
		"find out who moved the alias; it is not moved back by itself")
	refuse(s.KeySpec != want.KeySpec, "wrong-spec", sentence("key %s has spec %s, need %s", keyID, s.KeySpec, want.KeySpec), "")
	refuse(s.Usage != want.Usage, "wrong-usage", sentence("key %s has usage %s, need %s", keyID, s.Usage, want.Usage), "")
	refuse(s.Origin != want.Origin, "foreign-origin", sentence("key %s has origin %s, need %s: its material is known outside KMS", keyID, s.Origin, want.Origin), "")
	refuse(isTrue(s.MultiRegion) != isTrue(want.MultiRegion), "multi-region", sentence("key %s is multi-Region %t, declared %t: a replica signs in another Region", keyID, isTrue(s.MultiRegion), isTrue(want.MultiRegion)), "")
	refuse(s.State == "PendingDeletion", "pending-deletion", sentence("key %s is scheduled for deletion", keyID),
		"cancel the deletion (aws kms cancel-key-deletion --key-id "+keyID+"), then plan again")
	refuse(!slices.Contains([]string{enabled, "Disabled", "PendingDeletion"}, s.State), "key-state", sentence("key %s is in state %s, need Enabled", keyID, s.State), "")
	refuse(want.Address != "" && s.Address != "" && s.Address != want.Address, "address-mismatch",
		sentence("key %s has address %s, pinned is %s", keyID, s.Address, want.Address), "a pin changes only when the key was rotated on purpose")
	refuse(want.Policy != nil && faultOf(s.Policy) != "", "policy-unknown", sentence("the policy of key %s is not understood: %s", keyID, faultOf(s.Policy)),
		"read it (aws kms get-key-policy --key-id "+keyID+" --policy-name default) and take out what is strange; it is not overwritten unread")
	refuse(want.Policy != nil && !administered(want.Policy), "locked-out", sentence("nobody could change the declared policy of key %s again", keyID),
		"let the account administer the key")
	slices.SortFunc(findings, resource.Finding.Compare)
	return findings
}

func isTrue(b *bool) bool { return b != nil && *b }

// steps says how to get from the live key to the declared one.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return nil, &kind.DeferredError{Reason: "keys are never deleted here"}
	case before == nil && after.Spec.Address != "":
		return nil, &kind.DeferredError{Reason: sentence("address %s is pinned and its key is not there: a new key would have another address", after.Spec.Address)}
	case before == nil && after.Spec.Policy != nil && !administered(after.Spec.Policy):
		return nil, &kind.DeferredError{Reason: "locked-out: nobody could change the key's declared policy again"}
	case before == nil:
		return createSteps(after)
	}
	if refused := refusals(*before, after.Spec, facts); len(refused) > 0 {
		return nil, &kind.DeferredError{Reason: refused[0].Rule + ": " + refused[0].Reason}
	}
	switch before.Spec.Mark {
	case after.Spec.Mark:
		return updateSteps(before, after, facts)
	case "":
		return adoptSteps(before, after)
	default:
		return nil, &kind.DeferredError{Reason: sentence("the key carries the mark of %s", before.Spec.Mark)}
	}
}

// createSteps makes the key at once with the part of its policy that names
// nobody who may not exist yet; who signs is written when all are there.
func createSteps(after *kind.Object[Spec]) ([]resource.Step, error) {
	id, s := after.ID, after.Spec
	tags := tagParams(s.Tags)
	maps.Copy(tags, tagParams(kind.MarkTags(s.Mark, id)))
	key := resource.Ref{ID: id, Output: "keyId"}
	params := resource.Attrs{
		"description": s.Description, "spec": s.KeySpec, "usage": s.Usage, "origin": s.Origin,
		"multiRegion": isTrue(s.MultiRegion), "tags": tags,
	}
	list := []resource.Step{
		{Op: opCreateKey, ID: id, Pre: []resource.Precondition{{ID: id, Op: resource.Absent}}, Params: params},
		{Op: opCreateAlias, ID: id, Params: resource.Attrs{"alias": s.Alias, "key": key}},
		{Op: opTag, ID: id, Params: resource.Attrs{"key": key, "tags": map[string]any{kind.TagAddress: resource.Ref{ID: id, Output: "address"}}}},
	}
	if s.Policy == nil {
		return list, nil
	}
	first := accountOnly(s.Policy)
	if first != nil {
		document, err := policyParam(first)
		if err != nil {
			return nil, err
		}
		params["policy"] = document
	}
	if first == nil || !first.Equivalent(*s.Policy) {
		document, err := policyParam(s.Policy)
		if err != nil {
			return nil, err
		}
		list = append(list, resource.Step{Op: opPutPolicy, ID: id, Params: resource.Attrs{"key": key, "policy": document}})
	}
	return list, nil
}

// policyParam is a document as a step's parameter, refs kept.
func policyParam(d *access.Document) (any, error) {
	attrs, err := resource.Encode(map[string]any{"policy": d})
	return attrs["policy"], err
}

// policySteps replaces the live policy, in one call that neither shuts out nor
// cuts off anybody who is expected to sign.
func policySteps(before, after *kind.Object[Spec], ours []resource.Precondition, facts []resource.Fact) ([]resource.Step, error) {
	have, want := before.Spec.Policy, after.Spec.Policy
	if want == nil || have != nil && have.Equivalent(*want) {
		return nil, nil
	}
	if have == nil {
		return nil, &kind.DeferredError{Reason: "the key's present policy was not read"}
	}
	byIAM := strings.Fields(resource.FactsOf(facts, after.ID)[factByIAM])
	if lost := cutOff(have, want, after.Spec.Expected, byIAM); len(lost) > 0 {
		return nil, &kind.DeferredError{Reason: sentence("%s signs by the key's own policy and is not seen to have the right from IAM yet: nobody loses access in between", strings.Join(lost, ", "))}
	}
	document, err := policyParam(want)
	if err != nil {
		return nil, err
	}
	seen, err := policyParam(have)
	if err != nil {
		return nil, err
	}
	text, err := resource.Canonical(seen)
	if err != nil {
		return nil, err
	}
	op := opPutPolicy
	if narrows(have, want) {
		op = opNarrow
	}
	return []resource.Step{{
		Op: op, ID: after.ID, Params: resource.Attrs{"key": before.Outputs["keyId"], "policy": document},
		Pre: append(slices.Clone(ours), resource.Precondition{ID: after.ID, Path: "policy", Op: resource.Equals, Value: string(text)}),
	}}, nil
}

func updateSteps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	id, have, want := after.ID, before.Spec, after.Spec
	key := before.Outputs["keyId"]
	ours := []resource.Precondition{
		{ID: id, Path: "mark", Op: resource.Equals, Value: want.Mark},
		{ID: id, Path: "outputs.keyId", Op: resource.Equals, Value: key},
	}
	var list []resource.Step
	if have.State != want.State {
		pre := append(slices.Clone(ours), resource.Precondition{ID: id, Path: "state", Op: resource.Equals, Value: have.State})
		list = append(list, resource.Step{Op: opEnable, ID: id, Pre: pre, Params: resource.Attrs{"key": key}})
	}
	if have.Alias != want.Alias {
		pre := append(slices.Clone(ours), resource.Precondition{ID: id, Path: "alias", Op: resource.Absent})
		list = append(list, resource.Step{Op: opCreateAlias, ID: id, Pre: pre, Params: resource.Attrs{"alias": want.Alias, "key": key}})
	}
	if have.Description != want.Description {
		list = append(list, resource.Step{Op: opDescribe, ID: id, Pre: ours, Params: resource.Attrs{"key": key, "description": want.Description}})
	}
	tags := map[string]any{}
	for name, value := range want.Tags {
		if have.Tags[name] != value {
			tags[name] = value
		}
	}
	if have.AddressTag != want.AddressTag {
		// An address that is not known yet is known after the key is enabled.
		tags[kind.TagAddress] = resource.Ref{ID: id, Output: "address"}
		if known := before.Outputs["address"]; known != "" {
			tags[kind.TagAddress] = known
		}
	}
	if len(tags) > 0 {
		list = append(list, resource.Step{Op: opTag, ID: id, Pre: ours, Params: resource.Attrs{"key": key, "tags": tags}})
	}
	policy, err := policySteps(before, after, ours, facts)
	return append(list, policy...), err
}

// adoptSteps writes the mark and nothing else; what else differs is planned
// once the key is ours.
func adoptSteps(before, after *kind.Object[Spec]) ([]resource.Step, error) {
	if !after.Spec.Adopt {
		return nil, &kind.DeferredError{Reason: "the key does not carry our mark"}
	}
	id, key := after.ID, before.Outputs["keyId"]
	return []resource.Step{{
		Op: kind.AdoptOp, ID: id,
		Pre: []resource.Precondition{
			{ID: id, Path: "mark", Op: resource.Absent},
			{ID: id, Path: "outputs.keyId", Op: resource.Equals, Value: key},
		},
		Params: resource.Attrs{"key": key, "tags": tagParams(kind.MarkTags(after.Spec.Mark, id))},
	}}, nil
}

func tagParams(tags map[string]string) map[string]any {
	params := make(map[string]any, len(tags))
	for name, value := range tags {
		params[name] = value
	}
	return params
}
