package secretkey

import (
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// factDuplicate lists the names of the secrets that claim one resource id.
const factDuplicate = "duplicate"

func form() kind.KeyForm[Spec] {
	return kind.KeyForm[Spec]{
		Noun: "secret", Handle: "arn", Param: "secret", TagOp: opTag, DescribeOp: opDescribe, Refusals: refusals, Create: createSteps, AdoptTags: adoptTags,
		Common: func(s Spec) kind.Key {
			return kind.Key{Mark: s.Mark, Description: s.Description, Tags: s.Tags, Address: s.Address, Adopt: s.Adopt}
		},
	}
}

// refusals lists what keeps a live secret from being written at all.
func refusals(have kind.Object[Spec], want Spec, noted map[string]string) []resource.Finding {
	r := kind.Refusals{ID: have.ID}
	s := have.Spec
	r.If(noted[factDuplicate] != "", "duplicate-id", sentence("secrets %s all carry this id", noted[factDuplicate]),
		"find out which secret is in use, and untag the others by hand")
	r.If(s.State == pendingDeletion, "pending-deletion", sentence("secret %s is scheduled for deletion", s.Secret),
		"restore it (aws secretsmanager restore-secret --secret-id "+s.Secret+"), then plan again")
	r.If(s.Secret != want.Secret, "renamed", sentence("the key is stored as %s, declared as %s: a secret cannot be renamed", s.Secret, want.Secret),
		"declare alias: \""+s.Secret+"\" for this key")
	r.Pinned("secret", kind.Pin{ARN: want.PinnedARN, Address: want.Address}, kind.Pin{ARN: have.Outputs["arn"], Address: s.Address})
	// Nobody but the signer reads the value, so without the tag nobody knows.
	r.If(s.Mark == want.Mark && s.Address == "", "address-unknown", sentence("secret %s has no tag %s that is an EIP-55 address", s.Secret, kind.TagAddress),
		"write the tag back by hand; it is compared with the key before anything is signed")
	return r.Findings()
}

func createSteps(after *kind.Object[Spec]) ([]resource.Step, error) {
	return []resource.Step{{
		Op: opCreate, ID: after.ID, Pre: []resource.Precondition{{ID: after.ID, Op: resource.Absent}},
		Params: resource.Attrs{"secret": after.Spec.Secret, "description": after.Spec.Description, "tags": form().NewTags(after)},
	}}, nil
}

// adoptTags writes a pinned address beside the mark where no tag says it:
// reading the value is for the signer alone.
func adoptTags(before, after Spec) (map[string]any, error) {
	switch {
	case before.Address != "":
		return nil, nil
	case after.Address == "":
		return nil, &kind.DeferredError{Reason: "nobody knows the address of this secret: pin it in addresses.json"}
	default:
		return map[string]any{kind.TagAddress: after.Address}, nil
	}
}
