package bucket

import (
	"fmt"
	"maps"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// What is noted of a bucket: the names of those that claim one id, the name that
// another account holds, the region where the bucket is if not where it is
// declared, and the ARNs of those who write by its own policy, are declared to
// write by IAM, and are not let by it yet.
const (
	factDuplicate = "duplicate"
	factTaken     = "taken"
	factRegion    = "region"
	factCutOff    = "writes-by-policy-only"
)

// refusals lists what keeps a bucket from being made or written at all; have is
// nil where nothing of ours is there.
func refusals(have, want *kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	noted, declared, name := resource.FactsOf(facts, want.ID), want.Spec.Bucket, want.Spec.Bucket
	if have != nil {
		name = have.Spec.Bucket
	}
	refused := kind.Refusals{ID: want.ID}
	refused.If(noted[factTaken] != "", "name-taken", fmt.Sprintf("bucket %s exists and is not this account's (names are unique in the world), or this role may not ask for it (s3:ListBucket)", noted[factTaken]),
		"state another name (bucket: \"…\")")
	refused.If(noted[factRegion] != "", "wrong-region", fmt.Sprintf("bucket %s is in %s, declared in %s: a bucket cannot be moved", declared, noted[factRegion], want.ID.Scope),
		"declare region: \""+noted[factRegion]+"\", or state another name")
	refused.If(noted[factDuplicate] != "", "duplicate-id", fmt.Sprintf("buckets %s all carry this id", noted[factDuplicate]),
		"find out which bucket is in use, and untag the others by hand")
	refused.If(name != declared, "renamed", fmt.Sprintf("the bucket is %s, declared as %s: a bucket cannot be renamed", name, declared),
		"declare bucket: \""+name+"\"")
	return refused.Findings()
}

// steps says how to get from the live bucket to the declared one.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	if after == nil {
		return nil, &kind.DeferredError{Reason: "buckets are never deleted here"}
	}
	if refused := refusals(before, after, facts); len(refused) > 0 {
		return nil, &kind.DeferredError{Reason: refused[0].Rule + ": " + refused[0].Reason}
	}
	if before == nil {
		return createSteps(after), nil
	}
	adopts, err := kind.Standing("bucket", before.Spec.Mark, after.Spec.Mark, after.Spec.Adopt)
	if err != nil {
		return nil, err
	}
	if lost := resource.FactsOf(facts, after.ID)[factCutOff]; lost != "" && !adopts {
		return nil, &kind.DeferredError{Reason: fmt.Sprintf("%s writes by the bucket's own policy and is not seen to have the right from IAM yet: nobody loses access in between", strings.ReplaceAll(lost, " ", ", "))}
	}
	if adopts {
		// The mark and nothing else; what else differs is planned once it is ours.
		return []resource.Step{{
			Op: kind.AdoptOp, ID: after.ID, Pre: kind.Claims(after.ID, "", before.Outputs, "arn", "tagsDigest"),
			Params: resource.Attrs{"bucket": after.Spec.Bucket, "tags": kind.Param(kind.MarkTags(after.Spec.Mark, after.ID))},
		}}, nil
	}
	return updateSteps(before, after), nil
}

// createSteps makes the bucket private and opens it last. It is born with its
// tags, without ACLs, encrypted and with all public access blocked (CreateBucket,
// S3 API reference); what S3 gave it otherwise is mended by the next plan.
func createSteps(after *kind.Object[Spec]) []resource.Step {
	id, s := after.ID, after.Spec
	tags := kind.Protected(s.Tags, s.Protect)
	maps.Copy(tags, kind.MarkTags(s.Mark, id))
	step := func(op, name string, value any, pre ...resource.Precondition) resource.Step {
		return resource.Step{Op: op, ID: id, Pre: pre, Params: resource.Attrs{"bucket": s.Bucket, name: kind.Param(value)}}
	}
	create := step(opCreate, "tags", tags, resource.Precondition{ID: id, Op: resource.Absent})
	create.Params["ownership"] = s.Ownership
	return []resource.Step{
		create, step(opVersioning, "versioning", s.Versioning), step(opPublicAccess, "publicAccess", s.PublicAccess), step(opPolicy, "policy", s.Policy),
	}
}

// updateSteps goes from what only makes the bucket safer to what decides who may
// read it. Nobody who may read before and after is shut out between two steps,
// and a policy that is too wide is mended before a block that holds it is lifted.
func updateSteps(before, after *kind.Object[Spec]) []resource.Step {
	id, have, want := after.ID, before.Spec, after.Spec
	var list []resource.Step
	// What is named as read must be as it was planned from: S3 replaces policies
	// and tags whole.
	add := func(op, name string, value any, asRead ...string) {
		pre := kind.Claims(id, want.Mark, before.Outputs, append([]string{"arn"}, asRead...)...)
		list = append(list, resource.Step{Op: op, ID: id, Pre: pre, Params: resource.Attrs{"bucket": want.Bucket, name: kind.Param(value)}})
	}
	if have.Versioning != want.Versioning {
		add(opVersioning, "versioning", want.Versioning)
	}
	if have.Encryption != want.Encryption {
		add(opEncryption, "encryption", want.Encryption)
	}
	tags := kind.Protected(want.Tags, want.Protect)
	maps.DeleteFunc(tags, func(name, value string) bool {
		return name == kind.TagProtect && have.Protect || have.Tags[name] == value
	})
	if len(tags) > 0 {
		add(opTag, "tags", tags, "tagsDigest")
	}
	block := have.Block()
	public := func(op string, next cloud.PublicAccess) {
		add(op, "publicAccess", next)
		last := &list[len(list)-1]
		last.Pre = append(last.Pre, resource.Precondition{ID: id, Path: "publicAccess", Op: resource.Equals, Value: kind.ParamText(block)})
		block = next
	}
	if have.Policy == nil || !want.Policy.Equivalent(*have.Policy) {
		if block.BlockPolicy && !want.PublicAccess.BlockPolicy {
			// Public policies are refused while they are blocked.
			next := block
			next.BlockPolicy = false
			public(opPublicAccess, next)
		}
		op := opPolicy
		if have.Policy != nil && access.Narrows(*have.Policy, *want.Policy) {
			op = opNarrow
		}
		add(op, "policy", want.Policy, "policyDigest")
	}
	switch {
	case block == *want.PublicAccess:
	case block.Within(*want.PublicAccess):
		public(opCloseAccess, *want.PublicAccess)
	default:
		public(opPublicAccess, *want.PublicAccess)
	}
	if have.Ownership != want.Ownership {
		add(opOwnership, "ownership", want.Ownership)
	}
	return list
}
