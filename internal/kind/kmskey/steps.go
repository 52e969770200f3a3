package kmskey

import (
	"slices"

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

func form() kind.KeyForm[Spec] {
	return kind.KeyForm[Spec]{
		Noun: "key", Handle: "keyId", Param: "key", TagOp: opTag, DescribeOp: opDescribe, Refusals: refusals, Create: createSteps, Mend: mend,
		Common: func(s Spec) kind.Key {
			return kind.Key{Mark: s.Mark, Description: s.Description, Tags: s.Tags, Address: s.Address, Adopt: s.Adopt}
		},
	}
}

// refusals lists what keeps a live key from being written at all.
func refusals(have kind.Object[Spec], want Spec, noted map[string]string) []resource.Finding {
	r := kind.Refusals{ID: have.ID}
	s, keyID := have.Spec, have.Outputs["keyId"]
	r.If(noted[factDuplicate] != "", "duplicate-id", sentence("keys %s all carry this id", noted[factDuplicate]),
		"find out which key is in use, and untag the others by hand")
	r.If(noted[factRetargeted] != "", "alias-retargeted", sentence("%s points to key %s, the key with our mark is %s", want.Alias, noted[factRetargeted], keyID),
		"find out who moved the alias; it is not moved back by itself")
	r.If(s.KeySpec != want.KeySpec, "wrong-spec", sentence("key %s has spec %s, need %s", keyID, s.KeySpec, want.KeySpec), "")
	r.If(s.Usage != want.Usage, "wrong-usage", sentence("key %s has usage %s, need %s", keyID, s.Usage, want.Usage), "")
	r.If(s.Origin != want.Origin, "foreign-origin", sentence("key %s has origin %s, need %s: its material is known outside KMS", keyID, s.Origin, want.Origin), "")
	r.If(isTrue(s.MultiRegion) != isTrue(want.MultiRegion), "multi-region", sentence("key %s is multi-Region %t, declared %t: a replica signs in another Region", keyID, isTrue(s.MultiRegion), isTrue(want.MultiRegion)), "")
	r.If(s.State == "PendingDeletion", "pending-deletion", sentence("key %s is scheduled for deletion", keyID),
		"cancel the deletion (aws kms cancel-key-deletion --key-id "+keyID+"), then plan again")
	r.If(!slices.Contains([]string{enabled, "Disabled", "PendingDeletion"}, s.State), "key-state", sentence("key %s is in state %s, need Enabled", keyID, s.State), "")
	r.Pinned("key", kind.Pin{ARN: want.PinnedARN, Address: want.Address}, kind.Pin{ARN: have.Outputs["arn"], Address: s.Address})
	if want.Policy != nil {
		fault := ""
		if s.Policy != nil {
			fault = s.Policy.Fault
		}
		r.If(fault != "", "policy-unknown", sentence("the policy of key %s is not understood: %s", keyID, fault),
			"read it (aws kms get-key-policy --key-id "+keyID+" --policy-name default) and take out what is strange; it is not overwritten unread")
		r.If(!want.Policy.Administered(), "locked-out", sentence("nobody could change the declared policy of key %s again", keyID), "let the account administer the key")
	}
	return r.Findings()
}

func isTrue(b *bool) bool { return b != nil && *b }

// createSteps makes the key at once with the part of its policy that names
// nobody who may not exist yet; who signs is written when all are there.
func createSteps(after *kind.Object[Spec]) ([]resource.Step, error) {
	id, s := after.ID, after.Spec
	if s.Policy != nil && !s.Policy.Administered() {
		return nil, &kind.DeferredError{Reason: "locked-out: nobody could change the key's declared policy again"}
	}
	key := resource.Ref{ID: id, Output: "keyId"}
	params := resource.Attrs{
		"description": s.Description, "spec": s.KeySpec, "usage": s.Usage, "origin": s.Origin,
		"multiRegion": isTrue(s.MultiRegion), "tags": form().NewTags(after),
	}
	list := []resource.Step{
		{Op: opCreateKey, ID: id, Pre: []resource.Precondition{{ID: id, Op: resource.Absent}}, Params: params},
		{Op: opCreateAlias, ID: id, Params: resource.Attrs{"alias": s.Alias, "key": key}},
		{Op: opTag, ID: id, Params: resource.Attrs{"key": key, "tags": map[string]any{kind.TagAddress: resource.Ref{ID: id, Output: "address"}}}},
	}
	if s.Policy == nil {
		return list, nil
	}
	first, err := s.Policy.AccountsOnly(), error(nil)
	if len(first.Statements) > 0 {
		if params["policy"], err = policyParam(&first); err != nil {
			return nil, err
		}
	}
	if !first.Equivalent(*s.Policy) {
		document, err := policyParam(s.Policy)
		if err != nil {
			return nil, err
		}
		list = append(list, resource.Step{Op: opPutPolicy, ID: id, Params: resource.Attrs{"key": key, "policy": document}})
	}
	return list, nil
}

// mend enables the key and names it before anything else, and writes its policy
// last.
func mend(before, after *kind.Object[Spec], facts []resource.Fact) (kind.Mending, error) {
	id, have, want := after.ID, before.Spec, after.Spec
	var m kind.Mending
	if have.State != want.State {
		m.First = append(m.First, resource.Step{Op: opEnable, Pre: []resource.Precondition{{ID: id, Path: "state", Op: resource.Equals, Value: have.State}}})
	}
	if have.Alias != want.Alias {
		m.First = append(m.First, resource.Step{Op: opCreateAlias, Pre: []resource.Precondition{{ID: id, Path: "alias", Op: resource.Absent}}, Params: resource.Attrs{"alias": want.Alias}})
	}
	if have.AddressTag != want.AddressTag {
		// An address that is not known yet is known after the key is enabled.
		m.Tags = map[string]any{kind.TagAddress: resource.Ref{ID: id, Output: "address"}}
		if known := before.Outputs["address"]; known != "" {
			m.Tags[kind.TagAddress] = known
		}
	}
	var err error
	m.Last, err = policySteps(id, have.Policy, want, facts)
	return m, err
}
