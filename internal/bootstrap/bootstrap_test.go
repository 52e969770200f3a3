package bootstrap_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func made(t *testing.T) *bootstrap.Set {
	t.Helper()
	set, err := bootstrap.Make(harbour(), kinds.Actions())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// bootstrapped is the account after a person ran the script.
func bootstrapped(set *bootstrap.Set) *access.Directory {
	d := &access.Directory{Policies: []access.Policy{{ARN: set.Boundary.ARN, Name: set.Boundary.Name, Document: set.Boundary.Document}}}
	for _, r := range set.Roles {
		role := access.Role{Entity: access.Entity{ARN: r.ARN, Name: r.Name}, Trust: r.Trust}
		for _, p := range r.Policies {
			role.Attached = append(role.Attached, p.ARN)
			d.Policies = append(d.Policies, access.Policy{ARN: p.ARN, Name: p.Name, Document: p.Document, Attachments: 1})
		}
		d.Roles = append(d.Roles, role)
	}
	return d
}

func TestWhatIsPrintedIsReadable(t *testing.T) {
	t.Parallel()
	set := made(t)
	for name, print := range map[string]func() ([]byte, error){"bootstrap.sh": set.Script, "bootstrap.cloudformation.json": set.CloudFormation, "bootstrap.json": set.JSON} {
		got, err := print()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	script, _ := set.Script()
	check := exec.Command("bash", "-n")
	check.Stdin = strings.NewReader(string(script))
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("bash does not read the script: %v\n%s", err, out)
	}
}

func TestAnActionWithoutAScopeIsGivenToNobody(t *testing.T) {
	t.Parallel()
	_, err := bootstrap.Make(harbour(), append(kinds.Actions(), kind.Action{Name: "kms:ReplicateKey", Writes: true}))
	if err == nil || !strings.Contains(err.Error(), "no scope is known for kms:ReplicateKey") {
		t.Errorf("error %v", err)
	}
	silent := harbour()
	silent.Tool = nil
	if _, err := bootstrap.Make(silent, kinds.Actions()); err == nil || !strings.Contains(err.Error(), "tool: repository") {
		t.Errorf("error %v", err)
	}
}

func TestOnlyTheApplyRoleWritesAndNoneReadsASecretOfAnAgent(t *testing.T) {
	t.Parallel()
	for _, r := range made(t).Roles {
		applies := strings.Contains(r.Name, "apply")
		for _, p := range r.Policies {
			for _, s := range p.Document.Statements {
				for _, a := range s.Actions {
					_, verb, _ := strings.Cut(a, ":")
					reads := strings.HasPrefix(verb, "Get") || strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Describe")
					if s.Effect == access.Allow && !applies && (!reads || verb == "GetSecretValue") {
						t.Errorf("%s may %s", r.Name, a)
					}
					if verb == "*" || a == "*" {
						t.Errorf("%s: %s allows %s", r.Name, s.Sid, a)
					}
				}
			}
		}
	}
}

func TestNoSubjectOfTheTrustHoldsAWildcard(t *testing.T) {
	t.Parallel()
	for _, r := range made(t).Roles {
		text, err := r.Trust.Text()
		if err != nil || strings.ContainsAny(text, "*?") || !strings.Contains(text, `"StringEquals"`) {
			t.Errorf("%s trusts %s (%v)", r.Name, text, err)
		}
	}
}

func TestWhatAPersonMadeIsCheckedAgainstWhatTheToolNeeds(t *testing.T) {
	t.Parallel()
	set := made(t)
	if found := set.Check(bootstrapped(set)); len(found) > 0 {
		t.Fatalf("as bootstrapped, and still: %v", found)
	}
	missing := set.Check(&access.Directory{})
	if want := 1 + len(set.Roles) + policies(set); len(missing) != want {
		t.Errorf("an empty account lacks %d things, found %d", want, len(missing))
	}
	wide := access.Document{Version: access.Version, Statements: []access.Statement{{Effect: access.Allow, Actions: []string{"*"}, Resources: access.Literals("*")}}}
	for name, disturb := range map[string]func(*access.Directory){
		"policy reconcile-boundary-harbour": func(d *access.Directory) { d.Policies[0].Document = wide },
		"role reconcile-apply-harbour":      func(d *access.Directory) { d.Roles[1].Trust = wide },
		"role reconcile-plan-harbour": func(d *access.Directory) {
			d.Roles[0].Attached = append(d.Roles[0].Attached, "arn:aws:iam::aws:policy/AdministratorAccess")
		},
		"role reconcile-watch-harbour": func(d *access.Directory) { d.Roles[2].Inline = map[string]access.Document{"more": wide} },
	} {
		live := bootstrapped(set)
		disturb(live)
		found := set.Check(live)
		sort, object, _ := strings.Cut(name, " ")
		if len(found) != 1 || found[0].Rule != bootstrap.RuleDiffers || found[0].Severity != resource.Acknowledge || found[0].ID.Name != object || !strings.HasSuffix(found[0].ID.Kind, sort) {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func policies(set *bootstrap.Set) int {
	n := 0
	for _, r := range set.Roles {
		n += len(r.Policies)
	}
	return n
}

func TestALargeEnvironmentStillFitsIntoPolicies(t *testing.T) {
	t.Parallel()
	env := harbour()
	for i := range 150 {
		network := fmt.Sprintf("network%d", i)
		env.Keys = append(env.Keys, config.Key{Name: "relayer-signer-" + network, Holder: "kms", Alias: "alias/harbour-relayer-signer-" + network, Region: "eu-west-1"})
		env.Access.Buckets = append(env.Access.Buckets, config.Bucket{Bucket: "acme-harbour-validator-0-" + network, Agent: "validator"})
	}
	set, err := bootstrap.Make(env, kinds.Actions())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Roles {
		if len(r.Policies) > 10 {
			t.Errorf("%s needs %d policies, a role has 10 at most", r.Name, len(r.Policies))
		}
	}
	text, _ := set.Boundary.Document.Text()
	if len(text) > 6144 || !strings.Contains(text, `"arn:aws:s3:::acme-harbour-validator-*"`) {
		t.Errorf("the boundary has %d characters: %s", len(text), text)
	}
}
