package access_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// seed reads the policies of a published runbook, word for word, by the name
// that it gives them.
func seed(t *testing.T, name string) map[string]access.Document {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	policies := map[string]access.Document{}
	for name, text := range raw {
		policies[name], err = access.Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return policies
}

func policyARN(name string) string { return "arn:aws:iam::" + account + ":policy/" + name }

// runbook is an account set up by the runbook to the letter: users, groups with
// their members, policies, and the keys of the script that came with it. No step
// attaches a policy.
func runbook(t *testing.T, file string) (*access.World, []access.Expectation) {
	t.Helper()
	w := &access.World{Account: account, Environment: "staging"}
	policies := seed(t, file)
	for name, d := range policies {
		w.Directory.Policies = append(w.Directory.Policies, access.Policy{ARN: policyARN(name), Name: name, Path: "/", Document: d})
	}
	slices.SortFunc(w.Directory.Policies, func(a, b access.Policy) int { return strings.Compare(a.ARN, b.ARN) })
	groups := map[string]string{"nomad-signer-staging": "staging-signer", "nomad-signer-production": "production-signer", "kms-admin": "kms-admin"}
	for name, group := range groups {
		w.Directory.Users = append(w.Directory.Users, access.User{Entity: access.Entity{ARN: user(name), Name: name}, Groups: []string{group}})
		w.Directory.Groups = append(w.Directory.Groups, access.Group{Entity: access.Entity{ARN: "arn:aws:iam::" + account + ":group/" + group, Name: group}, Members: []string{name}})
	}
	slices.SortFunc(w.Directory.Users, func(a, b access.User) int { return strings.Compare(a.ARN, b.ARN) })
	var expect []access.Expectation
	for _, network := range []string{"moonbasealpha", "kovan"} {
		for _, agent := range []string{"watcher", "updater", "processor", "relayer"} {
			id := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: agent + "-signer-" + network}
			key := access.Key{ID: id, ARN: fmt.Sprintf("arn:aws:kms:us-west-2:%s:key/%s", account, id.Name), Aliases: []string{"alias/staging-" + network + "-" + agent + "-signer"}, Policy: doc(delegates)}
			w.Keys = append(w.Keys, key)
			expect = append(expect, access.Expectation{Key: id, KeyARN: key.ARN, Alias: key.Aliases[0], Agent: agent, Principals: []string{user("nomad-signer-staging")}})
		}
	}
	return w, expect
}

func rules(findings []resource.Finding, rule string) []resource.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f resource.Finding) bool { return f.Rule != rule })
}

// about demands exactly one finding of the rule about the resource.
func about(t *testing.T, findings []resource.Finding, rule, name string, severity resource.Severity, says ...string) {
	t.Helper()
	var found []resource.Finding
	for _, f := range rules(findings, rule) {
		if f.ID.Name == name {
			found = append(found, f)
		}
	}
	if len(found) != 1 || found[0].Severity != severity {
		t.Errorf("%s about %s: need one %s, have %v", rule, name, severity, found)
		return
	}
	for _, text := range says {
		if !strings.Contains(found[0].Reason, text) {
			t.Errorf("%s about %s does not say %q: %s", rule, name, text, found[0].Reason)
		}
	}
}

func TestTheRunbooksNeverLetTheirSignersSign(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"nomad.json", "optics.json"} {
		w, expect := runbook(t, file)
		findings := access.Judge(w, expect)
		about(t, findings, access.AttachedToNobody, "staging-processor-signer", resource.Acknowledge)
		about(t, findings, access.PatternAdmitsNone, "staging-processor-signer", resource.Acknowledge, "alias/staging-processor*", "alias/staging-kovan-processor-signer")
		about(t, findings, access.MalformedARN, "staging-processor-signer", resource.Acknowledge, `"11111111111" has 11 characters, need 12 digits`)
		for _, e := range expect {
			about(t, findings, access.CannotUseKey, e.Key.Name, resource.Refuse, "no policy of user nomad-signer-staging allows kms:sign")
		}
		about(t, findings, access.SharedPrincipal, "nomad-signer-staging", resource.Acknowledge, "4 agents", "and 1 more")
		for _, f := range findings {
			if strings.HasPrefix(f.ID.Name, "production-") {
				t.Errorf("production is not what staging is about: %v", f)
			}
		}
	}
}

// attach mends what the runbook forgot: each group gets its policies.
func attach(w *access.World) {
	for i := range w.Directory.Groups {
		g := &w.Directory.Groups[i]
		for _, p := range w.Directory.Policies {
			if strings.HasPrefix(p.Name, strings.TrimSuffix(g.Name, "signer")) {
				g.Attached = append(g.Attached, p.ARN)
			}
		}
	}
}

func TestAttachedTheRunbooksPoliciesStillMatchNoKey(t *testing.T) {
	t.Parallel()
	w, expect := runbook(t, "nomad.json")
	attach(w)
	findings := access.Judge(w, expect)
	about(t, findings, access.PatternAdmitsNone, "staging-processor-signer", resource.Refuse)
	about(t, findings, access.MalformedARN, "staging-processor-signer", resource.Refuse)
	if list := rules(findings, access.AttachedToNobody); len(list) != 0 {
		t.Errorf("%v", list)
	}
	about(t, findings, access.CannotUseKey, "processor-signer-kovan", resource.Refuse, "is not about arn:aws:kms:us-west-2")

	// With the account's id in its place, the alias is what is left.
	for i := range w.Directory.Policies {
		d := w.Directory.Policies[i].Document
		for j := range d.Statements {
			d.Statements[j].Resources = access.Literals(strings.ReplaceAll(d.Statements[j].Resources[0].Literal, "11111111111", account))
		}
	}
	findings = access.Judge(w, expect)
	about(t, findings, access.CannotUseKey, "processor-signer-kovan", resource.Refuse,
		"condition ForAnyValue:StringLike kms:ResourceAliases: need alias/staging-processor*", "have alias/staging-kovan-processor-signer")
	if list := rules(findings, access.MalformedARN); len(list) != 0 {
		t.Errorf("%v", list)
	}

	// With the aliases that the first version of the script made, it works.
	for i := range w.Keys {
		agent, _, _ := strings.Cut(w.Keys[i].ID.Name, "-")
		w.Keys[i].Aliases = []string{"alias/staging-" + agent + "-signer"}
		expect[i].Alias = w.Keys[i].Aliases[0]
	}
	findings = access.Judge(w, expect)
	if list := slices.DeleteFunc(findings, func(f resource.Finding) bool { return f.Rule == access.SharedPrincipal }); len(list) != 0 {
		t.Errorf("%v", list)
	}
}

func TestTheBucketPoliciesOfTheRunbookHoldPlaceholders(t *testing.T) {
	t.Parallel()
	w, expect := runbook(t, "nomad.json")
	w.Managed = []string{policyARN("proofs-writer")}
	about(t, access.Judge(w, expect), access.MalformedARN, "proofs-writer", resource.Refuse, "<BUCKET-NAME>", "placeholder")
}

func TestTheAdministratorOfTheRunbookIsOneFindingAndNotOnePerKey(t *testing.T) {
	t.Parallel()
	w, expect := runbook(t, "nomad.json")
	w.Account = "756467427867" // whose keys the published policy is about
	for i := range w.Keys {
		w.Keys[i].ARN = strings.Replace(w.Keys[i].ARN, account, w.Account, 1)
		w.Keys[i].Policy = doc(strings.Replace(delegates, account, w.Account, 1))
		expect[i].KeyARN = w.Keys[i].ARN
	}
	attach(w)
	for i := range w.Directory.Groups {
		if g := &w.Directory.Groups[i]; g.Name == "kms-admin" {
			g.Attached = []string{policyARN("kms-admin")}
		}
	}
	findings := access.Judge(w, expect)
	about(t, findings, access.WildcardAdmin, "kms-admin", resource.Acknowledge, "VisualEditor1", "and 5 more")
	if list := rules(findings, access.UnexpectedSigner); len(list) != 0 {
		t.Errorf("the administrator is counted twice: %v", list)
	}
}
