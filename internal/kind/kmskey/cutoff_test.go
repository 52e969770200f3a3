package kmskey_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// TestASignerMovesToIAMWithoutLosingAccessAtAnyCall begins with a key as a
// deployment of Hyperlane's leaves it: its policy names the user, IAM says
// nothing. The configuration wants the right to come from IAM.
func TestASignerMovesToIAMWithoutLosingAccessAtAnyCall(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	b.env.Keys[0].Policy = &config.KeyPolicy{Delegate: config.DelegateAll}
	b.env.Access.Uses = []config.KeyUse{{Key: zero, Principals: []string{signer}, By: config.ByIAM}}
	arn := b.observe().Owned[0].Outputs["arn"]

	_, steps, deferred := b.judge()
	if len(steps) != 0 || len(deferred) != 1 || !strings.Contains(deferred[0], signer) {
		t.Fatalf("IAM says nothing yet: steps %v, deferred %q", ops(steps), deferred)
	}
	people := b.fake.IAM()
	put := func(resource string) {
		out, err := people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
			UserName: aws.String("staging-validator"), PolicyName: aws.String("sign"), PolicyDocument: aws.String(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey"],"Resource":"` + resource + `"}]}`),
		})
		must(t, out, err)
		b.reopen()
	}
	put(arn + "0")
	if _, steps, deferred := b.judge(); len(steps) != 0 || len(deferred) != 1 {
		t.Fatalf("IAM lets him use another key: steps %v, deferred %q", ops(steps), deferred)
	}
	put(arn)
	_, steps, deferred = b.judge()
	if len(deferred) != 0 || !slices.Equal(ops(steps), []string{"narrow-policy"}) {
		t.Fatalf("steps %v, deferred %q", ops(steps), deferred)
	}
	// The same is seen by the narrowed read of an apply.
	narrow := b.kind.Read(t.Context(), b.env, []resource.ID{id(zero)}, nil)
	fact := resource.Fact{ID: id(zero), Name: "signs-by-iam", Value: signer}
	if !slices.Contains(narrow.Facts, fact) {
		t.Errorf("facts %v", narrow.Facts)
	}
	// IAM changed since the plan: what an apply reads is what there is now.
	out, err := people.DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String("staging-validator"), PolicyName: aws.String("sign")})
	must(t, out, err)
	if late := b.kind.Read(t.Context(), b.env, []resource.ID{id(zero)}, nil); len(late.Facts) != 0 {
		t.Errorf("facts %v after IAM let go of him", late.Facts)
	}
	put(arn)
	b.do(steps...)
	if d := b.live(zeroAlias); len(d.Statements) != 1 {
		t.Errorf("left %+v", d)
	}
	b.reopen()
	if seen := b.observe(); len(seen.Facts) != 0 {
		t.Errorf("facts %v of a key whose policy names nobody", seen.Facts)
	}
}

func TestNobodyExpectedToSignIsCutOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	for name, test := range map[string]struct {
		policy *config.KeyPolicy
		uses   []string
		defers bool
	}{
		"IAM may not decide any more, and the user is not named":      {&config.KeyPolicy{Delegate: config.DelegateAdmin, Signers: []string{contractor}}, []string{signer, contractor}, true},
		"another account's role cannot be seen to have it otherwise":  {&config.KeyPolicy{Delegate: config.DelegateAll, Signers: []string{signer}}, []string{signer, contractor}, true},
		"who had it by IAM is named instead":                          {&config.KeyPolicy{Delegate: config.DelegateAdmin, Signers: []string{contractor, signer}}, []string{signer}, false},
		"who is not expected any more loses it":                       {&config.KeyPolicy{Delegate: config.DelegateAdmin, Signers: []string{contractor}}, []string{contractor}, false},
		"who had it from IAM would lose it with the delegation":       {&config.KeyPolicy{Delegate: config.DelegateAdmin, Signers: []string{signer}}, []string{signer, "arn:aws:iam::" + account + ":role/by-iam"}, true},
		"who never could cannot lose: another account's, by no means": {&config.KeyPolicy{Delegate: config.DelegateAdmin, Signers: []string{signer}}, []string{signer, "arn:aws:iam::777788889999:role/new"}, false},
	} {
		b.env.Keys[0].Policy = test.policy
		b.env.Access.Uses = []config.KeyUse{{Key: zero, Principals: test.uses, By: config.ByIAM}}
		_, steps, deferred := b.judge()
		if (len(deferred) == 1) != test.defers || (len(steps) == 0) != test.defers {
			t.Errorf("%s: steps %v, deferred %q", name, ops(steps), deferred)
		}
	}
}

func TestWhatCannotBeWeighedIsNotNarrowed(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	b.env.Keys[0].Policy = &config.KeyPolicy{Delegate: config.DelegateAdmin, Signers: []string{contractor}}
	b.env.Access.Uses = []config.KeyUse{{Key: zero, Principals: []string{signer}, By: config.ByIAM}}
	want, have := b.declare()[0], b.observe().Owned[0]
	byIAM := []resource.Fact{{ID: id(zero), Name: "signs-by-iam", Value: signer}}
	unread := have
	unread.Attrs = have.Attrs.Clone()
	delete(unread.Attrs, "policy")
	deferred := func(name string, before resource.Resource, facts []resource.Fact) {
		t.Helper()
		var later *kind.DeferredError
		if steps, err := b.kind.Steps(&before, &want, facts); !errors.As(err, &later) || len(steps) != 0 {
			t.Errorf("%s: steps %v, %v", name, ops(steps), err)
		}
	}
	deferred("IAM would admit him, and may not decide", have, byIAM)
	deferred("the live policy was not read", unread, nil)
	for name, edit := range map[string]func(*access.Statement){
		"by an action that is not excepted": func(s *access.Statement) { s.Actions, s.NotActions = nil, []string{"kms:Decrypt"} },
		"by not being among those excepted": func(s *access.Statement) { *s = butOne(*s) },
		"as anybody may":                    func(s *access.Statement) { s.Principals = map[string]access.Values{"AWS": access.Literals("*")} },
		"by a pattern of actions":           func(s *access.Statement) { s.Actions = []string{"KMS:S?gn"} },
		"with a condition that may be met": func(s *access.Statement) {
			s.Conditions = map[string]map[string]access.Values{"Bool": {"aws:SecureTransport": access.Literals("true")}}
		},
	} {
		b.repolicy(func(d *access.Document) {
			*d = *policyIn(t, have.Attrs)
			d.Statements[0].Actions = []string{"kms:Get*", "kms:Put*"}
			edit(&d.Statements[1])
		})(t)
		deferred("he signs "+name, b.observe().Owned[0], nil)
	}
}
