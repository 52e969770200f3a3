package iampolicy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iampolicy"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestHowADocumentGetsIntoForce(t *testing.T) {
	t.Parallel()
	arn := policyARN(ourPath, zero)
	for name, test := range map[string]struct {
		drift func(*bench)
		ops   string
		risk  resource.Risk
	}{
		"what was added is taken away":             {func(b *bench) { b.write(t, arn, extraZero); b.drop(arn, "v1") }, "narrow", resource.Protective},
		"a key that was added is taken away":       {func(b *bench) { b.write(b.T, arn, another); b.drop(arn, "v1") }, "narrow", resource.Protective},
		"what was taken away is given back":        {func(b *bench) { b.write(t, arn, less); b.drop(arn, "v1") }, "write-version", resource.Sensitive},
		"what cannot be told counts as given":      {func(b *bench) { b.write(t, arn, wide); b.drop(arn, "v1") }, "write-version", resource.Sensitive},
		"a document that is there already":         {func(b *bench) { b.write(t, arn, extraZero) }, "narrow-to-version v1", resource.Protective},
		"a version set back by somebody":           {func(b *bench) { b.setBack(t, arn) }, "return-to-version v1", resource.Sensitive},
		"the same in other words":                  {func(b *bench) { b.write(t, arn, signsZero) }, "", ""},
		"the newest of two that mean the same":     {func(b *bench) { b.park(t, arn, signsZero); b.write(t, arn, wide) }, "return-to-version v2", resource.Sensitive},
		"five versions: the oldest goes first":     {func(b *bench) { b.fill(t, arn) }, "prune-version v2, write-version", resource.Sensitive},
		"five versions and the oldest is in force": {func(b *bench) { b.fill(t, arn); b.setDefault(arn, "v2") }, "prune-version v3, write-version", resource.Sensitive},
		"other versions are nobody's business":     {func(b *bench) { b.park(t, arn, wide) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(zero)).create()
			test.drift(b)
			list, deferred := b.plan(zero)
			b.want(text(ops(list)), test.ops)
			b.want(deferred, "")
			if len(list) > 0 {
				b.want(string(b.k.Traits.Risks[list[len(list)-1].Op]), string(test.risk))
			}
			b.apply(zero)
			b.want(text(b.apply(zero)), "")
		})
	}
}

func (b *bench) drop(arn, version string) {
	b.Helper()
	_, err := b.admin.DeletePolicyVersion(b.Context(), &iam.DeletePolicyVersionInput{PolicyArn: aws.String(arn), VersionId: aws.String(version)})
	must(b.T, err)
}

func (b *bench) setDefault(arn, version string) {
	b.Helper()
	_, err := b.admin.SetDefaultPolicyVersion(b.Context(), &iam.SetDefaultPolicyVersionInput{PolicyArn: aws.String(arn), VersionId: aws.String(version)})
	must(b.T, err)
}

// object makes a live policy for pure steps.
func object(change func(*iampolicy.Spec)) *resource.Resource {
	spec := iampolicy.Spec{Mark: "staging", Name: zero, Path: ourPath, Document: access.Read(signsZero), Versions: map[string]string{"v1": "sha256:1"}}
	change(&spec)
	attrs, err := resource.Encode(spec)
	if err != nil {
		panic(err)
	}
	return &resource.Resource{ID: config.PolicyID(zero), Attrs: attrs, Outputs: resource.Outputs{"arn": "arn:it", "name": zero, "version": "v1"}}
}

func TestARefThatIsNotKnownYetNeverNarrows(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	declared, err := b.k.Declare(b.env)
	must(t, err)
	before := object(func(s *iampolicy.Spec) { s.Document = access.Read(extraZero) })
	list, err := b.k.Steps(before, &declared[0], nil)
	must(t, err)
	if b.want(text(ops(list)), "write-version"); len(list[0].Params.Refs()) != 1 {
		t.Errorf("params %v: the ref must be filled in by apply", list[0].Params)
	}
}

func TestADocumentThatWasNotUnderstoodIsWrittenOverAsSensitive(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	after := b.declare()[config.PolicyID(zero)]
	for _, document := range []access.Document{{Fault: "what is this"}, {Version: access.Version}} {
		list, err := b.k.Steps(object(func(s *iampolicy.Spec) { s.Document = document }), &after, nil)
		must(t, err)
		b.want(text(ops(list)), "write-version")
	}
}

func TestEveryStepClaimsThePolicyThatWasSeen(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	after := b.declare()[config.PolicyID(zero)]
	five := func(s *iampolicy.Spec) {
		s.Document = access.Read(wide)
		s.Versions = map[string]string{"v1": "", "v8": "", "v9": "", "v10": "", "v11": ""}
	}
	list, err := b.k.Steps(object(five), &after, nil)
	must(t, err)
	// v9 is older than v10, and v1 is in force.
	b.want(text(ops(list)), "prune-version v8, write-version")
	removal, err := b.k.Steps(object(five), nil, nil)
	must(t, err)
	b.want(text(ops(removal)), "prune-version v8, prune-version v9, prune-version v10, prune-version v11, delete-policy")
	for _, step := range append(list, removal...) {
		claims := map[string]string{}
		for _, claim := range step.Pre {
			claims[claim.Path] = string(claim.Op) + " " + claim.Value
		}
		if claims["mark"] != "equals staging" || claims["outputs.arn"] != "equals arn:it" || claims["outputs.version"] != "equals v1" {
			t.Errorf("%s claims %v", step.Op, claims)
		}
	}
}

func TestWhatCannotBeDoneIsDeferredWithItsReason(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	declared := b.declare()[config.PolicyID(zero)]
	for name, test := range map[string]struct {
		before func(*iampolicy.Spec)
		delete bool
		want   string
	}{
		"another path":       {func(s *iampolicy.Spec) { s.Path = ourPath + "below/" }, false, "the policy has path /reconcile/staging/below/, declared is /reconcile/staging/, and AWS moves no policy"},
		"another case":       {func(s *iampolicy.Spec) { s.Name = strings.ToUpper(zero) }, false, "the policy is named VALIDATOR-0-SIGNER, declared is validator-0-signer, and IAM does not tell case apart"},
		"somebody's mark":    {func(s *iampolicy.Spec) { s.Mark = "/reconcile/production/" }, false, "the policy carries the mark of /reconcile/production/"},
		"no mark":            {func(s *iampolicy.Spec) { s.Mark = "" }, false, "the policy does not carry our mark"},
		"attached":           {func(s *iampolicy.Spec) { s.AttachedTo = []string{"group/a", "role/ours", "user/b"} }, true, "the policy is still attached to group/a, user/b"},
		"protected":          {func(s *iampolicy.Spec) { s.Protect = true }, true, "the policy carries reconcile:protect: a person takes that off first"},
		"nothing is adopted": {func(s *iampolicy.Spec) { s.Mark, s.Path = "", "/" }, false, "the policy has path /, declared is /reconcile/staging/, and AWS moves no policy"},
	} {
		after := &declared
		if test.delete {
			after = nil
		}
		var facts []resource.Fact
		if name == "attached" {
			facts = []resource.Fact{{ID: declared.ID, Name: "held-by-others", Value: "group/a, user/b"}}
		}
		_, err := b.k.Steps(object(test.before), after, facts)
		if later := (*kind.DeferredError)(nil); !errors.As(err, &later) || later.Reason != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhoseAPolicyIs(t *testing.T) {
	t.Parallel()
	legacy := environment(zero)
	legacy.Access.Policies[0].Path = "/legacy/"
	mark := kind.MarkTags("staging", config.PolicyID(zero))
	for name, test := range map[string]struct {
		env        *config.Environment
		path, name string
		tags       map[string]string
		want       string
	}{
		"declared, at our path":              {environment(zero), ourPath, zero, nil, "owned iam-policy/global/validator-0-signer staging"},
		"undeclared, at our path":            {environment(zero), ourPath, "other", nil, "owned iam-policy/global/other staging"},
		"undeclared, below our path":         {environment(zero), ourPath + "below/", "other", nil, "owned iam-policy/global/other staging"},
		"undeclared, path like ours":         {environment(zero), "/reconcile/staging2/", "other", nil, ""},
		"undeclared, elsewhere":              {environment(zero), "/", "other", mark, ""},
		"our name elsewhere":                 {environment(zero), "/", zero, nil, "foreign iam-policy/global/validator-0-signer "},
		"our name in another case":           {environment(zero), "/", "Validator-0-Signer", nil, "foreign iam-policy/global/validator-0-signer "},
		"our name in another environment":    {environment(zero), "/reconcile/production/", zero, nil, "foreign iam-policy/global/validator-0-signer /reconcile/production/"},
		"legacy path, marked":                {legacy, "/legacy/", zero, mark, "owned iam-policy/global/validator-0-signer staging"},
		"legacy path, marked for another":    {legacy, "/legacy/", zero, kind.MarkTags("staging", config.PolicyID(one)), "foreign iam-policy/global/validator-0-signer staging iam-policy/global/validator-1-signer"},
		"legacy path, another environment's": {legacy, "/legacy/", zero, kind.MarkTags("production", config.PolicyID(zero)), "foreign iam-policy/global/validator-0-signer production iam-policy/global/validator-0-signer"},
	} {
		b := newBench(t, test.env)
		b.make(t, test.path, test.name, wide, test.tags)
		var have string
		seen := b.observe()
		for _, r := range seen.Owned {
			have += "owned " + r.ID.String() + " " + r.Attrs["mark"].(string)
		}
		for _, r := range seen.Foreign {
			mark, _ := r.Attrs["mark"].(string)
			have += "foreign " + r.ID.String() + " " + mark
		}
		if have != test.want {
			t.Errorf("%s: have %q, want %q", name, have, test.want)
		}
	}
}

func TestTheBoundaryAndAWSsOwnPoliciesAreNeverOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	b.env.Access.Boundary = b.make(t, ourPath, "reconcile-boundary", wide, nil)
	b.env.Access.Policies[0].Name = "ReadOnlyAccess"
	b.attach(t, "somebody", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	if seen := b.observe(); len(seen.Owned)+len(seen.Foreign)+b.fake.Calls()["iam.ListPolicyTags"] != 0 {
		t.Errorf("%+v, calls %v", seen, b.fake.Calls())
	}
}

func TestALegacyPolicyIsAdoptedByItsTagsAndNothingElse(t *testing.T) {
	t.Parallel()
	env := environment(zero)
	env.Access.Policies[0].Path, env.Access.Policies[0].Protect = "/", true
	b := newBench(t, env)
	arn := b.make(t, "/", zero, wide, map[string]string{"owner": "us"})
	if _, deferred := b.plan(zero); deferred != "the policy does not carry our mark" {
		t.Errorf("deferred %q", deferred)
	}
	env.Access.Policies[0].Adopt = true
	list, _ := b.plan(zero)
	b.want(text(ops(list)), kind.AdoptOp)
	outputs, err := b.do(list[0])
	must(t, err)
	b.want(outputs["arn"], arn)
	b.want(text(b.apply(zero)), "write-version, protect-policy")
	b.want(text(b.apply(zero)), "")
	if !strings.HasPrefix(b.print(t, arn), "owner=us reconcile:environment=staging reconcile:id=iam-policy/global/validator-0-signer reconcile:protect=true") {
		t.Errorf("tags: %s", b.print(t, arn))
	}
}

func TestAProtectedPolicyStaysUntilAPersonTakesTheTagOff(t *testing.T) {
	t.Parallel()
	env := environment(zero)
	env.Access.Policies[0].Protect = true
	b := newBench(t, env).create()
	b.env = environment(one)
	if _, deferred := b.plan(zero); !strings.Contains(deferred, kind.TagProtect) {
		t.Errorf("deferred %q", deferred)
	}
	findings, err := b.k.Check(nil, b.observe().Owned, nil)
	must(t, err)
	if len(findings) != 1 || findings[0].Rule != "protected" || findings[0].Severity != resource.Note || !strings.Contains(findings[0].Hint, policyARN(ourPath, zero)) {
		t.Errorf("findings %+v", findings)
	}
	b.untag(policyARN(ourPath, zero))
	b.want(text(b.apply(zero)), "delete-policy")
}

func TestAMisplacedPolicyIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	want := b.declare()[config.PolicyID(zero)]
	for name, change := range map[string]func(*iampolicy.Spec){
		"path": func(s *iampolicy.Spec) { s.Path = ourPath + "below/" },
		"case": func(s *iampolicy.Spec) { s.Name = strings.ToUpper(zero) },
	} {
		findings, err := b.k.Check([]resource.Resource{want}, []resource.Resource{*object(change)}, nil)
		must(t, err)
		if len(findings) != 1 || findings[0].Rule != "misplaced-policy" || findings[0].Severity != resource.Refuse {
			t.Errorf("%s: %+v", name, findings)
		}
	}
	findings, err := b.k.Check([]resource.Resource{want}, []resource.Resource{*object(func(*iampolicy.Spec) {})}, nil)
	if must(t, err); len(findings) != 0 {
		t.Errorf("%+v", findings)
	}
}
