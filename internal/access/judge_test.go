package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// fleet is a healthy account: per agent one key, and one role that may use
// exactly it.
func fleet(agents ...string) (*access.World, []access.Expectation) {
	w := &access.World{Account: account, Environment: "staging"}
	var expect []access.Expectation
	for _, agent := range agents {
		id := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: agent + "-signer"}
		key := access.Key{ID: id, ARN: "arn:aws:kms:us-west-2:" + account + ":key/" + agent, Aliases: []string{"alias/staging-" + agent + "-signer"}, Policy: doc(delegates)}
		w.Keys = append(w.Keys, key)
		p := access.Policy{ARN: policyARN(agent), Name: agent, Document: doc(may(key.ARN, "kms:GetPublicKey", "kms:Sign")), Attachments: 1}
		w.Directory.Policies = append(w.Directory.Policies, p)
		w.Directory.Roles = append(w.Directory.Roles, access.Role{Entity: access.Entity{ARN: role(agent), Name: agent, Attached: []string{p.ARN}}, Trust: trust(`{"Service":"ecs-tasks.amazonaws.com"}`)})
		w.Managed = append(w.Managed, p.ARN, role(agent))
		expect = append(expect, access.Expectation{Key: id, KeyARN: key.ARN, Alias: key.Aliases[0], Agent: agent, Principals: []string{role(agent)}})
	}
	return w, expect
}

func addUser(w *access.World, name string, statements ...string) *access.User {
	w.Directory.Users = append(w.Directory.Users, access.User{Entity: access.Entity{ARN: user(name), Name: name, Inline: map[string]access.Document{"own": doc(statements...)}}})
	return &w.Directory.Users[len(w.Directory.Users)-1]
}

// said prints findings, one line each.
func said(findings []resource.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Rule, f.ID.Name, f.Reason))
	}
	return list
}

func TestAHealthyAccountHasNoFindings(t *testing.T) {
	t.Parallel()
	w, expect := fleet("relayer", "processor", "watcher")
	if list := said(access.Judge(w, expect)); list != nil {
		t.Errorf("%s", strings.Join(list, "\n"))
	}
}

func TestEachFaultIsOneFinding(t *testing.T) {
	t.Parallel()
	external := "arn:aws:iam::" + other + ":role/operator"
	named := func(arn, action string) string {
		return `{"Sid":"Named","Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"` + action + `","Resource":"*"}`
	}
	type account struct {
		w      *access.World
		expect []access.Expectation
	}
	for _, c := range []struct {
		name string
		make func(a *account)
		want []string
	}{
		{"an agent whose policy lacks GetPublicKey", func(a *account) {
			a.w.Directory.Policies[0].Document = doc(may(a.w.Keys[0].ARN, "kms:Sign"))
		}, []string{"refuse cannot-use-key relayer-signer: its own principals cannot use the key: role relayer has no kms:GetPublicKey (no policy of role relayer allows kms:getpublickey on arn:aws:kms:us-west-2:111122223333:key/relayer)"}},
		{"an agent that nobody can tell about", func(a *account) {
			a.w.Directory.Policies[0].Document = doc(`{"Sid":"S","Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey"],"Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}}`)
		}, []string{
			"acknowledge access-not-known relayer-signer: whether its own principals can use the key cannot be told: role relayer, kms:GetPublicKey and kms:Sign (cannot tell: policy relayer, statement \"S\": condition StringEquals aws:SourceVpc: its value is not known)",
			"acknowledge unexpected-signer processor-signer: who is not expected to can sign with it: role relayer (cannot tell)",
		}},
		{"somebody else can sign", func(a *account) { addUser(a.w, "mallory", may(a.w.Keys[0].ARN, "kms:Sign")) }, []string{
			"acknowledge unexpected-signer relayer-signer: who is not expected to can sign with it: user mallory (inline policy own of user mallory, statement 1)"}},
		{"somebody else may", func(a *account) {
			addUser(a.w, "ci", may(a.w.Keys[0].ARN, "kms:Sign"))
			a.expect[0].Others = []string{user("ci")}
		}, nil},
		{"everybody can sign", func(a *account) { a.w.Keys[0].Policy = doc(delegates, named("*", "kms:Sign")) }, []string{
			"refuse unexpected-signer relayer-signer: who is not expected to can sign with it: just anybody (key policy of relayer-signer, statement \"Named\"), role processor (key policy of relayer-signer, statement \"Named\")"}},
		{"an administrator, once", func(a *account) { addUser(a.w, "root", may("*", "*")) }, []string{
			"acknowledge wildcard-admin root: user root has every right on every key, by inline policy own of user root, statement 1, and can sign with: processor-signer, relayer-signer"}},
		{"an administrator who is known", func(a *account) {
			addUser(a.w, "root", may("arn:aws:kms:*:111122223333:key/*", "kms:*"))
			for i := range a.expect {
				a.expect[i].Admins = []string{user("root")}
			}
		}, []string{"note wildcard-admin root: user root has every right on every key, by inline policy own of user root, statement 1, and can sign with: processor-signer, relayer-signer"}},
		{"a grant", func(a *account) {
			a.w.Keys[0].Grants = []access.Grant{{ID: "g1", Grantee: role("relayer"), Operations: []string{"Verify"}}}
		}, []string{"refuse undeclared-grant relayer-signer: the key has grants, need none: g1 gives Verify to " + role("relayer")}},
		{"a prefix that admits another agent", func(a *account) {
			a.w.Keys[1].Aliases = []string{"alias/staging-relayer2-signer"}
			a.expect[1].Alias = "alias/staging-relayer2-signer"
			a.w.Directory.Policies[0].Document = doc(signByAlias)
		}, []string{
			"acknowledge prefix-admits-other relayer: its alias pattern admits keys of more than one agent: alias/staging-relayer* admits alias/staging-relayer2-signer, alias/staging-relayer-signer",
			"acknowledge unexpected-signer processor-signer: who is not expected to can sign with it: role relayer (policy relayer, statement 1)",
		}},
		{"a managed policy that nobody has", func(a *account) {
			a.w.Directory.Policies = append(a.w.Directory.Policies, access.Policy{ARN: policyARN("spare"), Name: "spare", Document: doc(may("*", "s3:GetObject"))})
			a.w.Managed = append(a.w.Managed, policyARN("spare"))
		}, []string{"acknowledge attached-to-nobody spare: the policy is attached to nobody"}},
		{"a managed policy of a group without members", func(a *account) {
			a.w.Directory.Policies = append(a.w.Directory.Policies, access.Policy{ARN: policyARN("spare"), Name: "spare", Document: doc(may("*", "s3:GetObject"))})
			a.w.Directory.Groups = []access.Group{{Entity: access.Entity{Name: "idle", Attached: []string{policyARN("spare")}}}}
			a.w.Managed = append(a.w.Managed, policyARN("spare"))
		}, []string{"acknowledge attached-to-nobody spare: the policy is attached only to groups without members: idle"}},
		{"a managed policy that is a boundary", func(a *account) {
			a.w.Directory.Policies = append(a.w.Directory.Policies, access.Policy{ARN: policyARN("limit"), Name: "limit", Document: doc(may("*", "*"))})
			a.w.Directory.Roles[0].Boundary = policyARN("limit")
			a.w.Managed = append(a.w.Managed, policyARN("limit"))
		}, nil},
		{"a foreign policy that nobody has", func(a *account) {
			a.w.Directory.Policies = append(a.w.Directory.Policies, access.Policy{ARN: policyARN("theirs"), Name: "theirs", Document: doc(may("arn:aws:s3:::<NAME>", "s3:GetObject"))})
		}, nil},
		{"a deleted user in a key's policy", func(a *account) {
			a.w.Keys[0].Policy = doc(delegates, named("AIDAGONEGONEGONEGONE1", "kms:Sign"))
		}, []string{`refuse missing-principal relayer-signer: its policy names principals that do not exist: AIDAGONEGONEGONEGONE1 (key policy of relayer-signer, statement "Named")`}},
		{"a user that is not there in a trust", func(a *account) { a.w.Directory.Roles[0].Trust = trust(`{"AWS":"` + user("gone") + `"}`) }, []string{
			"refuse missing-principal relayer: its policy names principals that do not exist: " + user("gone") + " (trust of role relayer, statement 1)"}},
		{"a user that is not there in a bucket's policy", func(a *account) {
			a.w.Buckets = []access.Bucket{{ID: resource.ID{Kind: "bucket", Scope: "us-west-2", Name: "proofs"}, ARN: bucketARN, Policy: doc(`{"Sid":"W","Effect":"Allow","Principal":{"AWS":"` + user("gone") + `"},"Action":"s3:PutObject","Resource":"` + bucketARN + `/*"}`)}}
		}, []string{`refuse missing-principal proofs: its policy names principals that do not exist: ` + user("gone") + ` (bucket policy of staging-proofs, statement "W")`}},
		{"a key that nobody administers", func(a *account) {
			a.w.Keys[0].Policy = doc(`{"Effect":"Allow","Principal":{"AWS":"` + role("relayer") + `"},"Action":["kms:Sign","kms:GetPublicKey"],"Resource":"*"}`)
		}, []string{"refuse locked-out relayer-signer: nobody in the account can change the key's policy (kms:PutKeyPolicy)"}},
		{"a key that one user administers", func(a *account) {
			addUser(a.w, "keeper", may("*", "s3:ListBucket"))
			a.w.Keys[0].Policy = doc(named(role("relayer"), "kms:*"), named(user("keeper"), "kms:PutKeyPolicy"))
			a.expect[0].Admins = []string{user("keeper")}
		}, nil},
		{"one principal for two agents", func(a *account) {
			a.w.Directory.Policies[0].Document = doc(may(a.w.Keys[0].ARN, "kms:Sign", "kms:GetPublicKey"), may(a.w.Keys[1].ARN, "kms:Sign", "kms:GetPublicKey"))
			a.expect[1].Principals = append(a.expect[1].Principals, role("relayer"))
		}, []string{"acknowledge shared-principal relayer: role relayer uses keys of 2 agents: processor, relayer"}},
		{"somebody who can become able, once", func(a *account) { addUser(a.w, "helpdesk", may("*", "iam:UpdateAssumeRolePolicy")) }, []string{
			"acknowledge can-become helpdesk: user helpdesk can come to sign (with relayer-signer: iam:UpdateAssumeRolePolicy on role/relayer), in all with: processor-signer, relayer-signer"}},
		{"an external operator with its own key", func(a *account) {
			a.w.Keys[0].Policy = doc(delegates, named(external, "kms:Sign"), named(external, "kms:GetPublicKey"))
			a.expect[0].Principals, a.expect[0].External = []string{external}, true
			a.w.Directory.Roles, a.w.Directory.Policies = a.w.Directory.Roles[1:], a.w.Directory.Policies[1:]
		}, nil},
		{"an external operator with another key", func(a *account) {
			a.w.Keys[0].Policy = doc(delegates, named(external, "kms:Sign"), named(external, "kms:GetPublicKey"))
			a.w.Keys[1].Policy = doc(delegates, `{"Sid":"Also","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+other+`:root"},"Action":"kms:GetPublicKey","Resource":"*"}`)
			a.expect[0].Principals, a.expect[0].External = []string{external}, true
			a.w.Directory.Roles, a.w.Directory.Policies = a.w.Directory.Roles[1:], a.w.Directory.Policies[1:]
		}, []string{"refuse external-beyond " + external + ": " + external + " belongs to a contracted operator and has more than the use of its own keys: key policy of processor-signer, statement \"Also\""}},
		{"an external operator that may grant", func(a *account) {
			a.w.Keys[0].Policy = doc(delegates, named(external, "kms:Sign"), named(external, "kms:GetPublicKey"), `{"Sid":"Power","Effect":"Allow","Principal":{"AWS":"`+external+`"},"Action":"kms:CreateGrant","Resource":"*"}`)
			a.expect[0].Principals, a.expect[0].External = []string{external}, true
			a.w.Directory.Roles, a.w.Directory.Policies = a.w.Directory.Roles[1:], a.w.Directory.Policies[1:]
		}, []string{"refuse external-beyond " + external + ": " + external + " belongs to a contracted operator and has more than the use of its own keys: key policy of relayer-signer, statement \"Power\""}},
		{"an external operator's user in our account", func(a *account) {
			a.expect[0].External = true
			a.expect[0].Buckets = []string{bucketARN}
			a.w.Directory.Policies[0].Document = doc(may(a.w.Keys[0].ARN, "kms:Sign", "kms:GetPublicKey"), may(bucketARN+"/*", "s3:PutObject"))
		}, nil},
		{"an external operator's user with more", func(a *account) {
			a.expect[0].External = true
			a.w.Directory.Policies[0].Document = doc(may(a.w.Keys[0].ARN, "kms:Sign", "kms:GetPublicKey"), may("*", "ec2:DescribeInstances"))
		}, []string{"refuse external-beyond relayer: role relayer belongs to a contracted operator and has more than the use of its own keys: policy relayer, statement 2"}},
		{"an external operator's user that has its key by alias", func(a *account) {
			a.expect[0].External = true
			a.w.Directory.Policies[0].Document = doc(signByAlias)
		}, nil},
		{"keys of another account", func(a *account) {
			a.w.Directory.Policies[0].Document = doc(may(a.w.Keys[0].ARN, "kms:Sign", "kms:GetPublicKey"), may("arn:aws:kms:*:"+other+":key/*", "kms:Sign"))
		}, []string{"note other-account relayer: it is about another account than 111122223333: arn:aws:kms:*:" + other + ":key/*"}},
	} {
		a := &account{}
		a.w, a.expect = fleet("relayer", "processor")
		c.make(a)
		if d := cmp.Diff(c.want, said(access.Judge(a.w, a.expect))); d != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, d)
		}
	}
}

func TestAThousandFaultsAreAFewLines(t *testing.T) {
	t.Parallel()
	agents := make([]string, 60)
	for i := range agents {
		agents[i] = fmt.Sprintf("agent%02d", i)
	}
	w, expect := fleet(agents...)
	for i := range 20 {
		addUser(w, fmt.Sprintf("stray%02d", i), may(w.Keys[0].ARN, "kms:Sign"))
	}
	addUser(w, "admin", may("*", "*"))
	list := said(access.Judge(w, expect))
	if len(list) != 2 || !strings.Contains(list[0], "and 17 more") || !strings.Contains(list[1], "and 57 more") {
		t.Errorf("%d findings:\n%s", len(list), strings.Join(list, "\n"))
	}
}

func TestFindingsAreSortedAndTheSameEveryTime(t *testing.T) {
	t.Parallel()
	w, expect := runbook(t, "nomad.json")
	first := access.Judge(w, expect)
	if !slices.IsSortedFunc(first, resource.Finding.Compare) {
		t.Error("not sorted")
	}
	for range 20 {
		if d := cmp.Diff(first, access.Judge(w, expect)); d != "" {
			t.Fatal(d)
		}
	}
}

func TestKeysThatDoNotExistYetAreNotJudged(t *testing.T) {
	t.Parallel()
	w, expect := fleet("relayer")
	w.Keys = nil
	w.Directory.Policies[0].Document = doc(signByAlias)
	expect[0].KeyARN = ""
	if list := said(access.Judge(w, expect)); list != nil {
		t.Errorf("%s", strings.Join(list, "\n"))
	}
	expect[0].Alias = "alias/staging-kovan-relayer-signer"
	about(t, access.Judge(w, expect), access.PatternAdmitsNone, "relayer", resource.Refuse)
	expect[0].Alias = ""
	if list := said(access.Judge(w, expect)); list != nil {
		t.Errorf("an alias that is not known rules nothing out: %s", strings.Join(list, "\n"))
	}
}
