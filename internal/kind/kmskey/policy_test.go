package kmskey_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// live is the key's policy as it is now.
func (b *bench) live(alias string) access.Document {
	b.Helper()
	out, err := b.admin.GetKeyPolicy(b.Context(), &kms.GetKeyPolicyInput{KeyId: b.keyOf(b.T, alias), PolicyName: aws.String("default")})
	must(b.T, out, err)
	d, err := access.Parse(*out.Policy)
	must(b.T, nil, err)
	return d
}

// policyIn is the policy among a step's parameters or a resource's attributes.
func policyIn(t *testing.T, attrs resource.Attrs) *access.Document {
	t.Helper()
	var of struct {
		Policy *access.Document `json:"policy"`
	}
	data, err := resource.Canonical(resource.Attrs{"policy": attrs["policy"]})
	must(t, nil, err)
	parsed, err := resource.ParseAttrs(data)
	must(t, nil, err)
	must(t, nil, parsed.Decode(&of))
	return of.Policy
}

func TestANewKeyIsNeverOpenToMoreThanIsDeclared(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero, "validator-1-signer-fuji"))
	b.env.Keys[1].Policy.Signers = nil
	declared := b.declare()
	named, err := b.kind.Steps(nil, &declared[0], nil)
	must(t, nil, err)
	if diff := cmp.Diff([]string{"create-key", "create-alias", "tag-key", "put-policy"}, ops(named)); diff != "" {
		t.Fatal(diff)
	}
	// The user may not exist yet: the step that names him waits for him by a ref.
	if first := policyIn(t, named[0].Params); len(first.Statements) != 1 || len(named[0].Params.Refs()) != 0 {
		t.Errorf("the key is made with %+v", first)
	}
	want := resource.Ref{ID: config.UserID("staging-validator"), Output: "arn"}
	if !slices.Contains(named[3].Params.Refs(), want) {
		t.Errorf("put-policy waits for %v", named[3].Params.Refs())
	}
	// Who is named by nobody's name is written at once.
	alone, err := b.kind.Steps(nil, &declared[1], nil)
	must(t, nil, err)
	if diff := cmp.Diff([]string{"create-key", "create-alias", "tag-key"}, ops(alone)); diff != "" {
		t.Fatal(diff)
	}
	b.do(alone[:2]...)
	made := b.live("alias/staging-validator-1-signer-fuji")
	if !made.Equivalent(*policyIn(t, declared[1].Attrs)) {
		t.Errorf("made with %+v", made)
	}
}

func TestAdministrationIsNoUse(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded("a", "b"))
	for i, delegate := range []string{config.DelegateAll, config.DelegateAdmin} {
		b.env.Keys[i].Policy = &config.KeyPolicy{Delegate: delegate, Signers: []string{signer, contractor}}
	}
	declared := b.declare()
	all, admin := policyIn(t, declared[0].Attrs), policyIn(t, declared[1].Attrs)
	if diff := cmp.Diff([]string{"kms:*"}, all.Statements[0].Actions); diff != "" {
		t.Error(diff)
	}
	uses := []string{
		"kms:Sign", "kms:GenerateMac", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DeriveSharedSecret",
		"kms:CreateGrant", "kms:ReplicateKey", "kms:ImportKeyMaterial", "kms:UpdatePrimaryRegion", "kms:*",
	}
	for _, action := range admin.Statements[0].Actions {
		if slices.Contains(uses, action) || strings.Contains(action, "*") {
			t.Errorf("administration includes %s", action)
		}
	}
	for _, needed := range kmskey.Actions() {
		if slices.Contains([]string{"kms:CreateKey", "kms:ListKeys", "kms:ListAliases"}, needed.Name) || !strings.HasPrefix(needed.Name, "kms:") {
			continue // these are about no one key
		}
		if !slices.Contains(admin.Statements[0].Actions, needed.Name) {
			t.Errorf("administration lacks %s, which we need", needed.Name)
		}
	}
	for _, d := range []*access.Document{all, admin} {
		if diff := cmp.Diff([]string{"kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"}, d.Statements[1].Actions); diff != "" {
			t.Error(diff)
		}
		who := d.Statements[1].Principals["AWS"].Texts()
		if diff := cmp.Diff([]string{"iam-user/global/staging-validator#arn", contractor}, who); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAShuffledPolicyIsNoDrift(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		b.repolicy(func(d *access.Document) {
			shuffle := func(n int, swap func(i, j int)) { random.Shuffle(n, swap) }
			shuffle(len(d.Statements), func(i, j int) { d.Statements[i], d.Statements[j] = d.Statements[j], d.Statements[i] })
			d.ID = fmt.Sprint(random.IntN(9))
			for i := range d.Statements {
				s := &d.Statements[i]
				s.Sid = fmt.Sprintf("s%d", i)
				shuffle(len(s.Actions), func(i, j int) { s.Actions[i], s.Actions[j] = s.Actions[j], s.Actions[i] })
				who := s.Principals["AWS"]
				shuffle(len(who), func(i, j int) { who[i], who[j] = who[j], who[i] })
			}
		})(t)
		want := b.declare()[0]
		want.Attrs, _ = want.Attrs.Resolve(lookup)
		if have := b.observe().Owned[0]; !b.kind.Traits.Satisfies("policy", want.Attrs, have.Attrs) {
			t.Fatalf("not the same:\n%v\n%v", want.Attrs["policy"], have.Attrs["policy"])
		}
		if _, steps, _ := b.judge(); len(steps) != 0 {
			t.Fatalf("steps %v", ops(steps))
		}
	}
}

func TestTakingARightAwayIsProtectiveAndAnythingElseSensitive(t *testing.T) {
	t.Parallel()
	name := func(arn string) func(*access.Document) {
		return func(d *access.Document) {
			d.Statements[1].Principals["AWS"] = append(d.Statements[1].Principals["AWS"], resource.Literal(arn))
		}
	}
	for what, test := range map[string]struct {
		happened func(*access.Document)
		want     string
	}{
		"one too many is named": {name("arn:aws:iam::444455556666:role/thief"), "narrow-policy"},
		"one signer is missing": {func(d *access.Document) { d.Statements[1].Principals["AWS"] = access.Literals(signer) }, "put-policy"},
		"one for another":       {func(d *access.Document) { d.Statements[1].Principals["AWS"][0] = resource.Literal(contractor + "2") }, "put-policy"},
		"an action too many":    {func(d *access.Document) { d.Statements[1].Actions = append(d.Statements[1].Actions, "kms:CreateGrant") }, "narrow-policy"},
		"somebody is denied":    {func(d *access.Document) { d.Statements = append(d.Statements, denied(d.Statements[1])) }, "put-policy"},
		"all but one are denied": {func(d *access.Document) {
			d.Statements = append(d.Statements, denied(butOne(access.Statement{Actions: []string{"kms:Sign"}, Resources: access.Literals("*")})))
		}, "put-policy"},
		"all but one action are denied": {func(d *access.Document) {
			s := denied(d.Statements[1])
			s.Actions, s.NotActions = nil, []string{"kms:PutKeyPolicy"}
			d.Statements = append(d.Statements, s)
		}, "put-policy"},
		"everybody but one may":        {func(d *access.Document) { d.Statements = append(d.Statements, butOne(d.Statements[1])) }, "narrow-policy"},
		"the account may do all of it": {func(d *access.Document) { d.Statements[0].Actions = append(d.Statements[0].Actions, "kms:Sign") }, "narrow-policy"},
	} {
		b := newBench(t, false, guarded(zero))
		b.env.Keys[0].Policy.Delegate = config.DelegateAdmin
		b.create()
		b.repolicy(test.happened)(t)
		_, steps, deferred := b.judge()
		if len(deferred) != 0 || !slices.Equal(ops(steps), []string{test.want}) {
			t.Errorf("%s: steps %v, deferred %q, want %s", what, ops(steps), deferred, test.want)
			continue
		}
		b.do(steps...)
		if _, rest, _ := b.judge(); len(rest) != 0 {
			t.Errorf("%s: still %v", what, ops(rest))
		}
	}
	if risks := kmskey.Traits().Risks; risks["narrow-policy"] != resource.Protective || risks["put-policy"] != resource.Sensitive {
		t.Errorf("risks %v", risks)
	}
}

func denied(s access.Statement) access.Statement {
	s.Effect, s.Sid = access.Deny, ""
	return s
}

func butOne(s access.Statement) access.Statement {
	s.Principals, s.NotPrincipals, s.Sid = nil, map[string]access.Values{"AWS": access.Literals(contractor)}, ""
	return s
}

func TestAPolicyThatShutsEverybodyOutIsRefusedAndNotEvenSent(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	want, have := b.declare()[0], b.observe().Owned[0]
	for name, statement := range map[string]access.Statement{
		"may only look":         {Effect: access.Allow, Actions: []string{"kms:Get*"}},
		"denied":                {Effect: access.Deny, Actions: []string{"kms:*"}},
		"under a condition":     {Effect: access.Allow, Actions: []string{"kms:*"}, Conditions: map[string]map[string]access.Values{"Bool": {"aws:MultiFactorAuthPresent": access.Literals("true")}}},
		"all but changing it":   {Effect: access.Allow, NotActions: []string{"kms:Put*"}},
		"of somebody's service": {Effect: access.Allow, Actions: []string{"kms:*"}, Principals: map[string]access.Values{"Service": access.Literals("logs.amazonaws.com")}},
	} {
		if statement.Resources = access.Literals("*"); statement.Principals == nil {
			statement.Principals = map[string]access.Values{"AWS": access.Literals("arn:aws:iam::" + account + ":root")}
		}
		attrs, err := resource.Encode(map[string]any{"policy": access.Document{Version: access.Version, Statements: []access.Statement{statement}}})
		must(t, nil, err)
		closed := want
		closed.Attrs = want.Attrs.Clone()
		closed.Attrs["policy"] = attrs["policy"]
		findings, err := b.kind.Check([]resource.Resource{closed}, []resource.Resource{have}, nil)
		if err != nil || len(findings) != 1 || findings[0].Rule != "locked-out" || findings[0].Severity != resource.Refuse {
			t.Errorf("%s: findings %v %v", name, findings, err)
		}
		for _, before := range []*resource.Resource{nil, &have} {
			var later *kind.DeferredError
			if steps, err := b.kind.Steps(before, &closed, nil); !errors.As(err, &later) || !strings.Contains(err.Error(), "locked-out") {
				t.Errorf("%s: steps %v, %v", name, ops(steps), err)
			}
		}
		before := b.faults.Calls()["kms.PutKeyPolicy"]
		step := resource.Step{Op: "put-policy", ID: id(zero), Params: resource.Attrs{"key": have.Outputs["keyId"], "policy": attrs["policy"]}}
		_, err = b.kind.Do(t.Context(), kind.Resolved{Step: step, Intent: "i", Environment: b.env}, kind.Prepared(`{"intent":"i"}`))
		if !asNotAccepted(err) || b.faults.Calls()["kms.PutKeyPolicy"] != before {
			t.Errorf("%s: sent, %v", name, err)
		}
	}
}

func TestAPolicyThatIsNotUnderstoodIsNotOverwritten(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	strange := func(region string) kmskey.API { return strangePolicy{b.fake.KMS(region)} }
	b.options.KMS = strange
	b.reopen()
	rules, steps, deferred := b.judge()
	if !slices.Equal(rules, []string{"policy-unknown"}) || len(steps) != 0 || len(deferred) != 1 {
		t.Errorf("rules %v, steps %v, deferred %q", rules, ops(steps), deferred)
	}
}

func TestAUserMadeAMomentAgoIsWaitedForAndOneWhoNeverWasIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	users := b.fake.IAM()
	users.Lag(3)
	out, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("late")})
	must(t, out, err)
	b.env.Keys[0].Policy.Signers = []string{*out.User.Arn}
	b.create()
	if n := b.faults.Calls()["kms.PutKeyPolicy"]; n != 4 {
		t.Errorf("put %d times, want 4", n)
	}
	b.env.Keys[0].Policy.Signers = []string{"arn:aws:iam::" + account + ":user/nobody"}
	b.env.Access.Uses = nil
	_, steps, _ := b.judge()
	resolved := kind.Resolved{Step: steps[0], Intent: "i", Environment: b.env}
	if _, err := b.kind.Do(t.Context(), resolved, kind.Prepared(`{"intent":"i"}`)); !asNotAccepted(err) || !strings.Contains(err.Error(), "user/nobody") {
		t.Errorf("error %v", err)
	}
}

func TestAUserWhoWasDeletedAndMadeAnewIsNotTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	out, err := b.fake.IAM().DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("staging-validator")})
	must(t, out, err)
	b.enlist(t)
	_, steps, _ := b.judge()
	if !slices.Equal(ops(steps), []string{"put-policy"}) {
		t.Fatalf("steps %v", ops(steps))
	}
	b.do(steps...)
	if who := b.live(zeroAlias).Statements[1].Principals["AWS"].Texts(); !slices.Contains(who, signer) {
		t.Errorf("named %v", who)
	}
}

func TestAKeyKeepsItsProtectionWhenNobodyDeclaresItAnyMore(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, environment(zero))
	b.env.Keys[0].Protect = true
	b.create()
	b.env.Keys[0].Protect = false
	if _, steps, _ := b.judge(); len(steps) != 0 {
		t.Errorf("steps %v", ops(steps))
	}
	b.env.Keys = nil
	tags, _ := b.observe().Owned[0].Attrs["tags"].(map[string]any)
	if tags[kind.TagProtect] != "true" {
		t.Errorf("tags %v", tags)
	}
}

// strangePolicy is a KMS whose policies hold an element that nobody knows.
type strangePolicy struct{ *cloudtest.KMS }

// GetKeyPolicy answers with the strange document.
func (strangePolicy) GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error) {
	return &kms.GetKeyPolicyOutput{Policy: aws.String(`{"Version":"2027-01-01","Statement":[{"Effect":"Allow","Perhaps":"*"}]}`)}, nil
}

// reopen makes the kind anew, as every reading of the world does.
func (b *bench) reopen() {
	b.Helper()
	b.options.Directory = cloud.NewDirectory(b.people, instantly(), nil)
	k, err := kmskey.New(b.options)
	must(b.T, nil, err)
	b.kind = k
}
