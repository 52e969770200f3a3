package view_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func planText(t testing.TB, p *plan.Plan, o view.Options) string {
	t.Helper()
	return string(text(t, func(w io.Writer) error { return view.Plan(w, p, o) }))
}

func wide() view.Options {
	o := options()
	o.Width = 160
	return o
}

func TestEqualLegsFoldIntoOneLineThatCountsThem(t *testing.T) {
	t.Parallel()
	got := planText(t, firstPlan(), wide())
	for _, want := range []string{
		"+ kms-key  validator-{0,1,2}-{attestation,signer} on all 8 networks  create 48  routine  agents.cue:31\n",
		"+ kms-key  relayer-signer on all 8 networks ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in:\n%s", want, got)
		}
	}
}

func TestAnExceptionNeverFoldsIntoItsGroup(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*plan.Change){
		"an alias of another network": func(c *plan.Change) { c.After["alias"] = "alias/staging-validator-1-signer-sepolia" },
		"a tag of another network": func(c *plan.Change) {
			c.After["tags"] = map[string]any{"reconcile:environment": "staging", "reconcile:id": c.ID.String(), "agent": "validator", "use": "signer", "network": "sepolia"}
		},
		"another key spec":       func(c *plan.Change) { c.After["spec"] = "RSA_2048" },
		"one attribute more":     func(c *plan.Change) { c.Fields = append(c.Fields, plan.FieldChange{Path: "policy", After: "{}"}) },
		"another action":         func(c *plan.Change) { c.Action = plan.Update },
		"a higher risk":          func(c *plan.Change) { c.Risk = resource.Sensitive },
		"a person must decide":   func(c *plan.Change) { c.Person = true },
		"another cause":          func(c *plan.Change) { c.Cause = plan.FromBoth },
		"another file":           func(c *plan.Change) { c.Why = from("keys.cue", 31) },
		"another step":           func(c *plan.Change) { c.Steps = append(c.Steps, resource.Step{Op: "enable-key"}) },
		"another region":         func(c *plan.Change) { c.ID.Scope = "eu-west-1" },
		"a forged place in text": func(c *plan.Change) { c.After["description"] = "\x020:0\x02 key of \x02network\x02" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := firstPlan()
			for i, c := range p.Changes {
				if c.ID.Name == "validator-1-signer-fuji" {
					spoil(&p.Changes[i])
				}
			}
			got := planText(t, p, wide())
			if !strings.Contains(got, "validator-1-signer-fuji ") || strings.Contains(got, "create 48") || !strings.Contains(got, "create 47") {
				t.Errorf("the exception is not alone:\n%s", got)
			}
		})
	}
}

func TestVerboseFoldsNothing(t *testing.T) {
	t.Parallel()
	o := wide()
	o.Verbose = true
	p := firstPlan()
	got := planText(t, p, o)
	for _, c := range p.Changes {
		if !strings.Contains(got, " "+c.ID.String()+" ") {
			t.Errorf("%s has no line of its own", c.ID)
		}
	}
}

func TestTheFoldedNamesAreExactlyTheNamesOfTheChanges(t *testing.T) {
	t.Parallel()
	// Two instances on all networks, a third on one only: no product holds all.
	var changes []plan.Change
	for _, network := range networks() {
		for instance := range 2 {
			changes = append(changes, createKey("validator", fmt.Sprint(instance), "signer", network, 31))
		}
	}
	changes = append(changes, createKey("validator", "2", "signer", "fuji", 31))
	got := planText(t, stagingPlan(changes...), wide())
	for _, want := range []string{"validator-{0,1}-signer on all 8 networks", "validator-2-signer on fuji", "create 17"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestTopUpsOfOneWalletFoldOverNetworksAndTellEachLeg(t *testing.T) {
	t.Parallel()
	var changes []plan.Change
	for i, network := range networks() {
		changes = append(changes, fund(network, "relayer-signer", plan.Update, "1"+ether, fmt.Sprintf("balance 0.%d below floor 0.5", i)))
	}
	got := planText(t, stagingPlan(changes...), wide())
	for _, want := range []string{
		"$ funding  relayer-signer on all 8 networks  top up 8  routine",
		"    fuji             balance 0.4 below floor 0.5\n",
		"≤ 1 AVAX + 1 BNB + 1 CELO + 4 ETH + 1 POL, fees ≤",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestAnUnclassifiedRiskIsShownFirstAndByName(t *testing.T) {
	t.Parallel()
	c := createKey("relayer", "", "signer", "sepolia", 45)
	c.Risk = ""
	got := planText(t, stagingPlan(createKey("relayer", "", "signer", "fuji", 45), c), wide())
	first := strings.Index(got, "relayer-signer-sepolia")
	if second := strings.Index(got, "relayer-signer-fuji"); first < 0 || second < first || !strings.Contains(got, "unclassified") {
		t.Errorf("the unclassified change is not first:\n%s", got)
	}
}

func TestSensitiveAttributesAreNeverShown(t *testing.T) {
	t.Parallel()
	o := wide()
	o.Verbose = true
	o.Traits["secret-key"] = resource.Traits{Sensitive: []string{"value"}}
	c := plan.Change{
		ID: resource.ID{Kind: "secret-key", Scope: region, Name: "bank"}, Action: plan.Update, Risk: resource.Sensitive, Before: &plan.State{},
		Fields: []plan.FieldChange{{Path: "value", Before: "canary-before", After: "canary-after"}},
	}
	p := seal(t, stagingPlan(c))
	for _, write := range []func(io.Writer, *plan.Plan, view.Options) error{view.Plan, view.Verify, markdown} {
		if got := string(text(t, func(w io.Writer) error { return write(w, p, o) })); strings.Contains(got, "canary") || !strings.Contains(got, "never shown") {
			t.Errorf("a sensitive attribute is shown, or not told of:\n%s", got)
		}
	}
}

func BenchmarkPlanOf10000Changes(b *testing.B) {
	p := fleetPlan(10_000)
	for b.Loop() {
		if err := view.Plan(io.Discard, p, wide()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarkdownOf10000Changes(b *testing.B) {
	p := fleetPlan(10_000)
	for b.Loop() {
		if err := markdown(io.Discard, p, options()); err != nil {
			b.Fatal(err)
		}
	}
}
