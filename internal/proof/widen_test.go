package proof_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	adminARN = "arn:aws:iam::" + account + ":user/admin"
	otherARN = "arn:aws:kms:us-west-2:" + account + ":key/0002"
)

func gained(in proof.Input) []string {
	list := []string{}
	for _, g := range proof.Widened(in) {
		list = append(list, fmt.Sprintf("%s %s %s", g.Principal, g.Action, g.On))
	}
	return list
}

// policyChange writes a policy that is attached to the relayer's role anew.
func policyChange(t *testing.T, before, after string) plan.Change {
	t.Helper()
	document := func(text string) resource.Attrs {
		return attrs(t, `{"name":"old","path":"/","document":`+text+`}`)
	}
	return plan.Change{
		ID: global("iam-policy", "old"), Action: plan.Update, Before: &plan.State{Attrs: document(before), Outputs: resource.Outputs{"arn": oldARN}},
		After: document(after), Steps: []resource.Step{{Op: "put-policy"}},
	}
}

// second is another key of the account.
func second(t *testing.T) resource.Resource {
	t.Helper()
	key := delegated(t)
	key.ID.Name, key.Outputs = "bank", resource.Outputs{"arn": otherARN}
	return key
}

// braked is an account in which somebody stopped the relayer's role.
func braked(t *testing.T) *access.Directory {
	t.Helper()
	live := running(t)
	brake := allowing("kms:*")
	brake.Statements[0].Effect = access.Deny
	live.Roles[0].Inline = map[string]access.Document{"brake": brake}
	return live
}

// roleNow is the relayer's role with these policies and nothing else.
func roleNow(t *testing.T, policies string) plan.Change {
	t.Helper()
	return plan.Change{
		ID: global("iam-role", "harbour-relayer"), Action: plan.Update, Steps: []resource.Step{{Op: "attach"}},
		Before: &plan.State{Attrs: resource.Attrs{}, Outputs: resource.Outputs{"arn": roleARN}},
		After:  attrs(t, `{"name":"harbour-relayer","path":"/reconcile/harbour/","inline":{},"policies":[`+policies+`],"trust":`+trust()+`}`),
	}
}

func TestAPlanSaysWhoGainsWhat(t *testing.T) {
	t.Parallel()
	observed := resource.Set{keyID(): delegated(t)}
	bank := second(t)
	observed[bank.ID] = bank
	holdsAll := &access.Directory{
		Users: []access.User{{Entity: access.Entity{ARN: adminARN, Name: "admin", Path: "/", Inline: map[string]access.Document{"all": allowing("kms:*")}}}},
	}
	fresh := plan.Change{ID: keyID(), Action: plan.Create, After: delegated(t).Attrs, Steps: []resource.Step{{Op: "create-key"}}}
	for name, c := range map[string]struct {
		live     *access.Directory
		observed resource.Set
		changes  []plan.Change
		want     []string
	}{
		"a policy lets sign with one key more": {running(t), observed,
			[]plan.Change{policyChange(t, signs(`"`+keyARN+`"`), signs(`"`+keyARN+`"`, `"`+otherARN+`"`))},
			[]string{roleARN + " kms:Sign " + otherARN}},
		"a policy says the same in other words": {running(t), observed,
			[]plan.Change{policyChange(t, signs(`"`+keyARN+`"`), signs(`"`+keyARN+`"`, `"`+keyARN+`"`))}, []string{}},
		"a policy is about another key, known or not": {running(t), observed,
			[]plan.Change{policyChange(t, signs(`"`+keyARN+`"`), signs(`"arn:aws:kms:us-west-2:`+account+`:key/9"`))},
			[]string{roleARN + " kms:Sign arn:aws:kms:us-west-2:" + account + ":key/9"}},
		"a policy says less": {running(t), observed,
			[]plan.Change{policyChange(t, signs(`"`+keyARN+`"`), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Sign"],"Resource":["`+keyARN+`"]}]}`)}, []string{}},
		"a denial goes": {braked(t), observed, []plan.Change{roleNow(t, `"`+oldARN+`"`)},
			[]string{roleARN + " kms:Sign " + keyARN}},
		"a new policy is attached": {running(t), observed, []plan.Change{
			roleNow(t, `"`+oldARN+`","`+newARN+`"`),
			{ID: global("iam-policy", "new"), Action: plan.Create, Steps: []resource.Step{{Op: "create-policy"}}, After: attrs(t, `{"name":"new","path":"/reconcile/harbour/",
				"document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::bucket/*"]}]}}`)}},
			[]string{roleARN + " s3:PutObject arn:aws:s3:::bucket/x"}},
		"who holds all keys holds the next one too": {holdsAll, nil, []plan.Change{fresh}, nil},
		"what everybody gains is told once": {running(t), nil, []plan.Change{{
			ID: resource.ID{Kind: "bucket", Scope: "us-west-2", Name: "proofs"}, Action: plan.Create, Steps: []resource.Step{{Op: "create-bucket"}},
			After: attrs(t, `{"bucket":"proofs","policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::proofs/*"]}]}}`)}},
			[]string{"* s3:GetObject arn:aws:s3:::proofs/x"}},
		"nothing changes": {running(t), observed, nil, []string{}},
		"an adoption": {running(t), observed, []plan.Change{{ID: keyID(), Action: plan.Update, Before: &plan.State{Attrs: delegated(t).Attrs, Outputs: delegated(t).Outputs},
			After: delegated(t).Attrs, Steps: []resource.Step{{Op: "adopt"}}}}, []string{}},
	} {
		in := input(t, c.live, c.observed, c.changes...)
		got := gained(in)
		if name == "who holds all keys holds the next one too" {
			// With a key there already, the next one is no gain; the first one is.
			if len(got) == 0 {
				t.Errorf("%s: the first key gives nobody anything", name)
			}
			in.Observed = resource.Set{bank.ID: bank}
			got, c.want = gained(in), []string{}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}
