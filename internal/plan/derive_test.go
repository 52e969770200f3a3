package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// derivable is a world whose plan has a create, an update, a replace with its
// user, an adoption, a payment and a delete.
func derivable(t *testing.T) (plan.Input, *plan.Plan) {
	t.Helper()
	before := setOf(t, keyOf("gone", ""), keyOf("drifted", ""), keyOf("child", "moved"), keyOf("moved", ""), keyOf("unmarked", ""))
	live := liveOf(t, before, keyID("gone"), keyID("drifted"), keyID("moved"), keyID("child"), keyID("unmarked"))
	live[keyID("drifted")].Attrs["tags"] = "drifted"
	foreign := resource.Set{keyID("unmarked"): live[keyID("unmarked")]}
	foreign[keyID("unmarked")].Attrs["marked"] = "false"
	delete(live, keyID("unmarked"))
	moved, unmarked := keyOf("moved", ""), keyOf("unmarked", "")
	moved.Attrs["spec"] = "b"
	unmarked.Attrs["adopt"] = true
	wallet := resource.Resource{ID: resource.ID{Kind: "funding", Scope: "fuji", Name: "w"}, Attrs: resource.Attrs{
		"address": resource.Ref{ID: keyID("drifted"), Output: "address"}, "balance": map[string]any{"floor": "1", "target": "9"}}}
	in := plan.Input{
		Rules: testRules(), Previous: before, Owned: live, Foreign: foreign,
		Desired: setOf(t, keyOf("drifted", ""), keyOf("child", "moved"), moved, unmarked, wallet, keyOf("new", "child")),
		Facts:   []resource.Fact{{ID: keyID("new"), Name: "seen", Value: "1"}},
	}
	p, err := plan.Decode(encoded(t, sealed(t, in, diff(t, in))))
	if err != nil {
		t.Fatal(err)
	}
	return in, p
}

// changeOf finds a change by the name of its resource.
func changeOf(t *testing.T, p *plan.Plan, name string) *plan.Change {
	t.Helper()
	for i := range p.Changes {
		if p.Changes[i].ID.Name == name {
			return &p.Changes[i]
		}
	}
	t.Fatalf("no change of %s in %v", name, names(p.Changes))
	return nil
}

func TestAPlanWhosePartsDisagreeIsRefusedByName(t *testing.T) {
	t.Parallel()
	in, honest := derivable(t)
	if err := plan.Derive(honest, in.Desired, in.Rules); err != nil {
		t.Fatalf("the honest plan: %v", err)
	}
	for name, c := range map[string]struct {
		forge func(t *testing.T, p *plan.Plan)
		says  string
	}{
		"a step pays another": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "w").Steps[0].Params["to"] = "0xthief" }, "to is"},
		"a step pays more":    {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "w").Steps[0].Params["target"] = "900" }, "target is"},
		"a step has one parameter more": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "w").Steps[0].Params["data"] = "0x" },
			"data is set"},
		"a step does another thing": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "drifted").Steps[0].Op = "delete" }, `operation "delete"`},
		"a ceiling is raised":       {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "w").Steps[0].Spend.Wei = "900" }, "spend"},
		"a precondition is dropped": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "drifted").Steps[0].Pre = nil }, "preconditions"},
		"a step is added": {func(t *testing.T, p *plan.Plan) {
			c := changeOf(t, p, "drifted")
			c.Steps = append(c.Steps, resource.Step{Op: "delete", ID: c.ID})
		}, "2 are listed, 1 follow"},
		"a step is dropped":         {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "new").Steps = nil }, "0 are listed, 1 follow"},
		"what is declared is other": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "new").After["tags"] = "x" }, "declared fields"},
		"a field shows less":        {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "new").Fields = nil }, "fields"},
		"another action":            {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "drifted").Action = plan.Create }, "actions"},
		"another group":             {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "w").Group = "g" }, "groups"},
		"another source":            {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "w").Why = []resource.Source{{File: "f", Line: 1}} }, "sources"},
		"a delete of what is declared": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "drifted").Action = plan.Delete },
			"deletes what the configuration declares"},
		"a change of what is not declared": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "new").ID.Name = "newer" },
			"does not declare it"},
		"a delete with other steps": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "gone").Steps[0].Op = "create" }, `operation "create"`},
		"a delete of a kind that removes nothing": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "gone").ID.Kind = "funding" },
			"removes nothing"},
		"an address that its own key does not have": {func(t *testing.T, p *plan.Plan) { p.Resolved["key/r1/drifted#address"] = "0xthief" },
			"its own resources say"},
		"a change of what is as declared": {func(t *testing.T, p *plan.Plan) { changeOf(t, p, "drifted").Before.Attrs["tags"] = "t" },
			"nothing differs"},
		"an adoption that nobody declared": {func(t *testing.T, p *plan.Plan) {
			c := changeOf(t, p, "drifted")
			c.Fields = append([]plan.FieldChange{{Path: "adopt", After: true}}, c.Fields...)
		}, "fields"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, p := derivable(t)
			c.forge(t, p)
			err := plan.Derive(p, in.Desired, in.Rules)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestAForgeryNamesTheResource(t *testing.T) {
	t.Parallel()
	in, p := derivable(t)
	changeOf(t, p, "w").Steps[0].Params["to"] = "0xthief"
	forged := (*plan.ForgedError)(nil)
	if err := plan.Derive(p, in.Desired, in.Rules); !errors.As(err, &forged) || forged.ID.Name != "w" || forged.Part != "steps" {
		t.Errorf("error %v", err)
	}
}

func TestAPlanUnderTheDigestOfOtherChangesIsRefused(t *testing.T) {
	t.Parallel()
	_, honest := derivable(t)
	if err := honest.CheckChanges(testMoving()); err != nil {
		t.Fatalf("the honest plan: %v", err)
	}
	for name, forge := range map[string]func(*plan.Plan){
		"another digest":            func(p *plan.Plan) { p.ChangesDigest = "sha256:" + strings.Repeat("0", 64) },
		"no digest":                 func(p *plan.Plan) { p.ChangesDigest = "" },
		"a change left out":         func(p *plan.Plan) { p.Changes = p.Changes[1:] },
		"another thing to wait for": func(p *plan.Plan) { p.Changes[0].Waits = []resource.ID{p.Changes[1].ID} },
		"changes in another order":  func(p *plan.Plan) { p.Changes[0], p.Changes[1] = p.Changes[1], p.Changes[0] },
		"more money":                func(p *plan.Plan) { p.Spend = append(p.Spend, plan.Spend{Network: "moon", Wei: "1"}) },
		"other rules":               func(p *plan.Plan) { p.Revision.Governance = "sha256:1" },
		"another overlay":           func(p *plan.Plan) { p.Overlay = &plan.Overlay{Name: "o", Digest: "sha256:1"} },
	} {
		_, p := derivable(t)
		forge(p)
		forged := (*plan.ForgedError)(nil)
		if err := p.CheckChanges(testMoving()); !errors.As(err, &forged) || forged.Part != "changesDigest" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
