package proof_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	keyARN  = "arn:aws:kms:us-west-2:" + account + ":key/0001"
	roleARN = "arn:aws:iam::" + account + ":role/reconcile/harbour/harbour-relayer"
	oldARN  = "arn:aws:iam::" + account + ":policy/old"
	newARN  = "arn:aws:iam::" + account + ":policy/reconcile/harbour/new"
)

func keyID() resource.ID {
	return resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: "relayer-signer-fuji"}
}

func global(kind, name string) resource.ID {
	return resource.ID{Kind: kind, Scope: "global", Name: name}
}

func attrs(t *testing.T, text string) resource.Attrs {
	t.Helper()
	a, err := resource.ParseAttrs([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// delegated is a key whose policy leaves everything to the account's IAM.
func delegated(t *testing.T) resource.Resource {
	t.Helper()
	return resource.Resource{ID: keyID(), Outputs: resource.Outputs{"arn": keyARN}, Attrs: attrs(t, fmt.Sprintf(
		`{"mark":"harbour","alias":"alias/harbour-relayer-signer-fuji","aliases":["alias/harbour-relayer-signer-fuji"],"policy":%s}`, delegation()))}
}

func delegation() string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::` + account + `:root"]},"Action":["kms:*"],"Resource":["*"]}]}`
}

// signs is a policy that lets sign with the key.
func signs(resources ...string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:GetPublicKey","kms:Sign"],"Resource":[%s]}]}`, strings.Join(resources, ","))
}

func read(t *testing.T, text string) access.Document {
	t.Helper()
	d, err := access.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// running is an account in which the relayer's role signs by an old policy.
func running(t *testing.T) *access.Directory {
	t.Helper()
	return &access.Directory{
		Roles:    []access.Role{{Entity: access.Entity{ARN: roleARN, Name: "harbour-relayer", Path: "/reconcile/harbour/", Attached: []string{oldARN}}, Trust: read(t, trust())}},
		Policies: []access.Policy{{ARN: oldARN, Name: "old", Path: "/", Document: read(t, signs(`"`+keyARN+`"`)), Attachments: 1}},
	}
}

func trust() string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ecs-tasks.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}`
}

func roleChange(t *testing.T, before, after string) plan.Change {
	t.Helper()
	role := func(policies string) resource.Attrs {
		return attrs(t, `{"mark":"harbour","name":"harbour-relayer","path":"/reconcile/harbour/","inline":{},"policies":[`+policies+`],"trust":`+trust()+`}`)
	}
	c := plan.Change{ID: global("iam-role", "harbour-relayer"), Action: plan.Create, After: role(after), Steps: []resource.Step{{Op: "create-role"}}}
	if before != "" {
		c.Action, c.Before, c.Steps = plan.Update, &plan.State{Attrs: role(before), Outputs: resource.Outputs{"arn": roleARN}}, []resource.Step{{Op: "attach-policy"}}
	}
	return c
}

func input(t *testing.T, live *access.Directory, observed resource.Set, changes ...plan.Change) proof.Input {
	t.Helper()
	return proof.Input{
		Environment: "harbour", Account: account, Live: live, Observed: observed, Changes: changes, Resolved: map[string]string{},
		Uses: []proof.Use{{Key: keyID(), Agent: "relayer", Alias: "alias/harbour-relayer-signer-fuji", Principals: []string{roleARN}}},
	}
}

func rules(findings []resource.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Rule+" "+f.ID.String())
	}
	return list
}

// TestWhatAPlanMakesIsProvedBeforeItIsThere: key, policy and role come in one
// plan, and point at each other by what will be.
func TestWhatAPlanMakesIsProvedBeforeItIsThere(t *testing.T) {
	t.Parallel()
	made := func(document string) []plan.Change {
		return []plan.Change{
			{ID: keyID(), Action: plan.Create, After: delegated(t).Attrs, Steps: []resource.Step{{Op: "create-key"}}},
			{ID: global("iam-policy", "new"), Action: plan.Create, Steps: []resource.Step{{Op: "create-policy"}},
				After: attrs(t, `{"name":"new","path":"/reconcile/harbour/","document":`+document+`}`)},
			roleChange(t, "", `{"$ref":"iam-policy/global/new#arn"}`),
		}
	}
	p := proof.Of(input(t, &access.Directory{}, nil, made(signs(`{"$ref":"kms-key/us-west-2/relayer-signer-fuji#arn"}`))...))
	if len(p.Findings) > 0 {
		t.Errorf("complete access, and still: %v", p.Findings)
	}
	p = proof.Of(input(t, &access.Directory{}, nil, made(signs(`"arn:aws:kms:us-west-2:`+account+`:key/other"`))...))
	if !slices.Contains(rules(p.Findings), "cannot-use-key "+keyID().String()) {
		t.Errorf("a policy on another key passed: %v", p.Findings)
	}
	p = proof.Of(input(t, &access.Directory{}, nil, append(made(signs(`{"$ref":"kms-key/us-west-2/relayer-signer-fuji#arn"}`))[:2], roleChange(t, "", ""))...))
	if !slices.Contains(rules(p.Findings), "cannot-use-key "+keyID().String()) {
		t.Errorf("a policy that nobody has passed: %v", p.Findings)
	}
}

// TestAnAdoptionChangesNoAccess: it writes a mark, whatever else differs.
func TestAnAdoptionChangesNoAccess(t *testing.T) {
	t.Parallel()
	adopt := roleChange(t, `"`+oldARN+`"`, "")
	adopt.Steps = []resource.Step{{Op: "adopt"}}
	p := proof.Of(input(t, running(t), resource.Set{keyID(): delegated(t)}, adopt))
	if slices.Contains(rules(p.Findings), "cannot-use-key "+keyID().String()) {
		t.Errorf("the projection took the policy away: %v", p.Findings)
	}
}

// TestARightThatIsTakenBeforeItIsGivenIsRefused: the old policy loses the key,
// and the role gets the new one, in either order.
func TestARightThatIsTakenBeforeItIsGivenIsRefused(t *testing.T) {
	t.Parallel()
	live := running(t)
	live.Policies = append(live.Policies, access.Policy{ARN: newARN, Name: "new", Path: "/reconcile/harbour/", Document: read(t, signs(`"`+keyARN+`"`))})
	narrow := plan.Change{
		ID: global("iam-policy", "old"), Action: plan.Update, Steps: []resource.Step{{Op: "narrow"}},
		Before: &plan.State{Outputs: resource.Outputs{"arn": oldARN}, Attrs: attrs(t, `{"name":"old","path":"/","document":`+signs(`"`+keyARN+`"`)+`}`)},
		After:  attrs(t, `{"name":"old","path":"/","document":`+signs(`"arn:aws:kms:us-west-2:`+account+`:key/other"`)+`}`),
	}
	attach := roleChange(t, `"`+oldARN+`"`, `"`+oldARN+`","`+newARN+`"`)
	for name, changes := range map[string][]plan.Change{"narrow first": {narrow, attach}, "narrow last in print, free in time": {attach, narrow}} {
		found := rules(proof.Of(input(t, live, resource.Set{keyID(): delegated(t)}, changes...)).Findings)
		if !slices.Contains(found, "access-gap iam-policy/global/old") {
			t.Errorf("%s: %v", name, found)
		}
	}
	narrow.Waits = []resource.ID{attach.ID}
	if found := rules(proof.Of(input(t, live, resource.Set{keyID(): delegated(t)}, attach, narrow)).Findings); slices.Contains(found, "access-gap iam-policy/global/old") {
		t.Errorf("it waits for what gives, and still: %v", found)
	}
}

// TestWhatWasNotReadProvesNothing: a key in an unread region is not missing.
func TestWhatWasNotReadProvesNothing(t *testing.T) {
	t.Parallel()
	in := input(t, &access.Directory{}, resource.Set{keyID(): delegated(t)})
	in.Unread = []resource.Unread{{Scope: "us-west-2"}}
	if found := proof.Of(in).Findings; len(found) > 0 {
		t.Errorf("found %v", found)
	}
}
