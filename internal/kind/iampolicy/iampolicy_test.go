package iampolicy_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iampolicy"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestStatementsAreWrittenAsIAMReadsThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		statement config.Statement
		want      string
	}{
		"exact keys": {config.Statement{Sid: "Sign", Actions: []string{"kms:Sign"}, Keys: []string{zero}},
			`{"Action":["kms:Sign"],"Effect":"Allow","Resource":[{"$ref":"kms-key/us-west-2/validator-0-signer#arn"}],"Sid":"Sign"}`},
		"keys and ARNs": {config.Statement{Actions: []string{"kms:*"}, Keys: []string{zero}, Resources: []string{"*"}},
			`{"Action":["kms:*"],"Effect":"Allow","Resource":[{"$ref":"kms-key/us-west-2/validator-0-signer#arn"},"*"]}`},
		"the seeds' form": {config.Statement{Actions: []string{"kms:Sign"}, Aliases: []string{"alias/staging-validator*"}},
			`{"Action":["kms:Sign"],"Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":["alias/staging-validator*"]}},"Effect":"Allow","Resource":["arn:aws:kms:*:111122223333:key/*"]}`},
		"aliases of stated keys": {config.Statement{Actions: []string{"kms:Sign"}, Keys: []string{zero}, Aliases: []string{"alias/a"}},
			`{"Action":["kms:Sign"],"Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":["alias/a"]}},"Effect":"Allow","Resource":[{"$ref":"kms-key/us-west-2/validator-0-signer#arn"}]}`},
	} {
		b := newBench(t, environment(zero))
		b.env.Access.Policies[0].Statements = []config.Statement{test.statement}
		declared, err := b.k.Declare(b.env)
		must(t, err)
		have, err := resource.Canonical(declared[0].Attrs["document"])
		must(t, err)
		if want := `{"Statement":[` + test.want + `],"Version":"2012-10-17"}`; string(have) != want {
			t.Errorf("%s:\nhave %s\nwant %s", name, have, want)
		}
		if refs := declared[0].Attrs.Refs(); len(refs) != len(test.statement.Keys) {
			t.Errorf("%s: refs %v: the order of the plan comes from them", name, refs)
		}
	}
}

func TestAStatementThatSaysTooLittleIsAnError(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]config.Statement{
		"no statement":     {},
		"no action":        {{Keys: []string{zero}}},
		"no resource":      {{Actions: []string{"kms:Sign"}}},
		"an unknown key":   {{Actions: []string{"kms:Sign"}, Keys: []string{"nobody"}}},
		"one of two fails": {{Actions: []string{"kms:Sign"}, Keys: []string{zero}}, {Actions: []string{"kms:Sign"}}},
	} {
		b := newBench(t, environment(zero))
		b.env.Access.Policies[0].Statements = statements
		if _, err := b.k.Declare(b.env); err == nil || !strings.Contains(err.Error(), "iam-policy/global/"+zero) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAContractedPartysKeysAreInOurAccount: a policy may name them like any.
func TestAContractedPartysKeysAreInOurAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero))
	b.env.Keys[0].OperatedBy, b.env.Keys[0].Operator = "external", "acme"
	declared, err := b.k.Declare(b.env)
	must(t, err)
	if refs := declared[0].Attrs.Refs(); len(refs) != 1 || refs[0].ID != b.env.Keys[0].ResourceID() {
		t.Errorf("refs %v", refs)
	}
}

func TestWhereAccessIsNotManagedNothingIsAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero)).create()
	b.env.Access = nil
	b.fake.Forget()
	seen := b.observe()
	narrow := b.k.Read(t.Context(), b.env, []resource.ID{config.PolicyID(zero)}, nil)
	if len(b.declare())+len(seen.Owned)+len(seen.Foreign)+len(narrow.Owned)+len(narrow.Unread)+b.fake.Total() != 0 {
		t.Errorf("%+v %+v, %v", seen, narrow, b.fake.Calls())
	}
}

// TestAShuffledDocumentIsNoDifference: what means the same is equal, and what
// does not is not.
func TestAShuffledDocumentIsNoDifference(t *testing.T) {
	t.Parallel()
	attrs := func(text string) resource.Attrs {
		document, err := access.Parse(text)
		must(t, err)
		encoded, err := resource.Encode(iampolicy.Spec{Document: document})
		must(t, err)
		return encoded
	}
	r := rand.New(rand.NewPCG(1, 2))
	actions := []string{`"kms:Sign"`, `"kms:GetPublicKey"`, `"KMS:describekey"`, `"kms:Sign"`}
	statements := []string{`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, `{"Sid":"x","Effect":"Deny","Action":"iam:*","Resource":["b","a"]}`, ""}
	satisfies := iampolicy.Traits().Satisfies
	want := attrs(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":["a","b"]},{"Effect":"Allow","Action":["s3:*"],"Resource":"*"},` +
		`{"Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey","kms:DescribeKey"],"Resource":"*"}]}`)
	for range 200 {
		r.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
		statements[len(statements)-1] = `{"Effect":"Allow","Action":[` + strings.Join(actions, ",") + `],"Resource":"*"}`
		shuffled := append([]string(nil), statements...)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		have := attrs(`{"Version":"2012-10-17","Statement":[` + strings.Join(shuffled, ",") + `]}`)
		if !satisfies("document", want, have) {
			t.Fatalf("differs: %v", have)
		}
		fewer := attrs(`{"Version":"2012-10-17","Statement":[` + strings.Join(shuffled[1:], ",") + `]}`)
		if satisfies("document", want, fewer) || satisfies("document", resource.Attrs{}, have) || satisfies("path", want, have) {
			t.Fatal("what differs is equal")
		}
	}
}

// TestEveryCallIsDeclaredAndEveryDeclaredCallIsMade in one life of a policy.
func TestEveryCallIsDeclaredAndEveryDeclaredCallIsMade(t *testing.T) {
	t.Parallel()
	env := environment(zero, "legacy")
	env.Access.Policies[0].Protect = true
	env.Access.Policies[1].Path, env.Access.Policies[1].Adopt = "/", true
	b := newBench(t, env)
	b.make(t, "/", "legacy", wide, nil)
	b.fake.Forget()
	for _, drift := range []func(){
		func() {}, // create, adopt
		func() { b.fill(t, policyARN(ourPath, zero)) },
		func() { b.setBack(t, policyARN("/", "legacy")) },
		func() { b.untag(policyARN(ourPath, zero)) },
		func() { b.untag(policyARN(ourPath, zero)); b.env = without(env, 0) }, // remove
	} {
		drift()
		b.apply(zero)
		b.apply("legacy")
	}
	declared := map[string]bool{}
	for _, action := range b.k.Actions {
		declared[action.Name] = true
		if action.Writes && len(action.Ops) == 0 {
			t.Errorf("%s: for which operation?", action.Name)
		}
		for _, op := range action.Ops {
			if _, ok := b.k.Traits.Risks[op]; !ok || !action.Writes {
				t.Errorf("%s: %s is no operation of a write", action.Name, op)
			}
		}
		if b.fake.Calls()[strings.Replace(action.Name, ":", ".", 1)] == 0 {
			t.Errorf("%s is declared and never called", action.Name)
		}
	}
	for call := range b.fake.Calls() {
		if call != "iam.UntagPolicy" && !declared[strings.Replace(call, ".", ":", 1)] {
			t.Errorf("%s is called and not declared", call)
		}
	}
}

// without is the environment with one policy less.
func without(env *config.Environment, i int) *config.Environment {
	less, rights := *env, *env.Access
	rights.Policies = slices.Delete(slices.Clone(rights.Policies), i, i+1)
	less.Access = &rights
	return &less
}

func (b *bench) untag(arn string) {
	b.Helper()
	_, err := b.admin.UntagPolicy(b.Context(), &iam.UntagPolicyInput{PolicyArn: aws.String(arn), TagKeys: []string{kind.TagProtect}})
	must(b.T, err)
}

// TestAnEnvironmentCostsThePagesOfOneWalk, and one question more for each
// declared policy that lies elsewhere.
func TestAnEnvironmentCostsThePagesOfOneWalk(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 60 {
		names = append(names, "policy-"+strings.Repeat("x", i+1))
	}
	b := newBench(t, environment(names...)).create()
	b.env.Access.Policies[7].Path = "/"
	b.env.Access.Policies[7].Name = "legacy"
	b.make(t, "/", "legacy", wide, nil)
	b.make(t, "/", "nobody-asks-for-this", wide, nil)
	b.fake.IAM().ShortPages(25)
	// 62 policies are three pages; the one that is not declared any more is asked
	// whether it is protected.
	b.fake.Forget()
	if seen := b.observe(); len(seen.Owned) != 60 || len(seen.Foreign) != 1 {
		t.Fatalf("%d owned, %d foreign", len(seen.Owned), len(seen.Foreign))
	}
	calls := b.fake.Calls()
	if calls["iam.GetAccountAuthorizationDetails"] != 3 || calls["iam.ListPolicyTags"] != 2 || b.fake.Total() != 5 {
		t.Errorf("calls %v", calls)
	}
	ids := []resource.ID{config.PolicyID(names[0]), config.PolicyID(names[1]), config.UserID("x")}
	b.fake.Forget()
	if narrow := b.k.Read(t.Context(), b.env, ids, nil); len(narrow.Owned) != 2 || b.fake.Total() != 3 {
		t.Errorf("narrowed: %d owned, calls %v", len(narrow.Owned), b.fake.Calls())
	}
	b.fake.Forget()
	if narrow := b.k.Read(t.Context(), b.env, []resource.ID{config.UserID("x")}, nil); len(narrow.Unread) != 0 || b.fake.Total() != 0 {
		t.Errorf("other kinds: calls %v", b.fake.Calls())
	}
}

func TestTagsThatCannotBeReadLeaveTheRestRead(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero, one)).create()
	b.env.Access.Policies[0].Protect = true
	b.faults.Break(cloudtest.Denied, 0, cloudtest.Is("iam.ListPolicyTags"))
	seen := b.k.Observe(t.Context(), b.env, nil)
	if len(seen.Owned) != 1 || len(seen.Unread) != 1 || !seen.Unread[0].Covers(config.PolicyID(zero)) || seen.Unread[0].Covers(config.PolicyID(one)) {
		t.Errorf("%+v", seen)
	}
	b.want(seen.Unread[0].Operation, "iam:ListPolicyTags on "+policyARN(ourPath, zero))
}

func TestTheKindNeedsItsClients(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	for _, o := range []iampolicy.Options{{}, {IAM: fake.IAM()}, {Directory: cloud.NewDirectory(fake.IAM(), instantly(), nil)}} {
		if _, err := iampolicy.New(o); err == nil {
			t.Errorf("%+v is enough", o)
		}
	}
	if _, err := iampolicy.New(iampolicy.Options{IAM: fake.IAM(), Directory: cloud.NewDirectory(fake.IAM(), instantly(), nil)}); err != nil {
		t.Error(err)
	}
}
