package gate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	pinA = "arn:aws:kms:us-west-2:222233334444:key/a 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
	pinB = "arn:aws:kms:us-west-2:222233334444:key/b 0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
)

func TestAPinThatWasAddedChangedOrRemovedIsASensitiveChangeShownWhole(t *testing.T) {
	t.Parallel()
	in := calm()
	in.AppliedPins = map[string]string{"bank": pinA, "gone": pinB, "same": relayer}
	in.PlannedPins = map[string]string{"bank": pinB, "new": pinA, "same": relayer}
	v := gate.Check(in)
	want := []string{
		"sensitive governance/staging/addresses bank " + pinA + " -> " + pinB,
		"sensitive governance/staging/addresses gone " + pinB,
		"sensitive governance/staging/addresses new -> " + pinA,
	}
	if d := cmp.Diff(want, raised(v.Added)); d != "" {
		t.Error(d)
	}
	if v.Requires.Risk != resource.Sensitive || len(v.Added) != 1 || len(v.Added[0].Steps) != 0 {
		t.Errorf("requires %+v, changes %+v", v.Requires, v.Added)
	}
	in.HasAnchor = false
	if v := gate.Check(in); len(v.Added) != 0 {
		t.Errorf("without a last applied commit there is nothing to differ from: %v", raised(v.Added))
	}
}

// Rules come into force together: a plan that names the smallest of them must
// not bring the greatest along unseen.
func TestAPartialPlanThatNamesOneChangeOfTheRulesHoldsThemAll(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "50", "1"))
	in.PlannedGovernance = "sha256:weaker"
	in.PlannedPins = map[string]string{"new": pinA}
	in.Planned.Wallets = maps.Clone(in.Planned.Wallets)
	in.Planned.Wallets["fuji/relayer"] = wallet(11, 60, "bank")
	in.Plan.Partial = true
	for selector, want := range map[string]int{
		"funding/**": 0, "governance/staging/addresses": 3, "governance/staging/funding/fuji": 3, "governance/staging/staging": 3, "governance": 3,
	} {
		in.Plan.Only = []string{selector}
		if v := gate.Check(in); len(v.Added) != want {
			t.Errorf("--only %s: %d changes of the rules, want %d", selector, len(v.Added), want)
		}
	}
}

func TestWhatRestsOnANewPinIsNotPlannedWithoutIt(t *testing.T) {
	t.Parallel()
	key := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: "relayer-signer-fuji"}
	address := strings.Fields(pinA)[1]
	by := func(disturb func(*plan.Change)) plan.Change {
		c := pay("relayer", relayer, "50", "1")
		c.After = maps.Clone(c.After)
		if c.After == nil {
			c.After = resource.Attrs{}
		}
		disturb(&c)
		return c
	}
	for name, c := range map[string]struct {
		change plan.Change
		before map[string]string
		want   bool
	}{
		"pays the address":               {pay("relayer", strings.ToLower(address), "50", "1"), nil, true},
		"pays another":                   {pay("relayer", relayer, "50", "1"), nil, false},
		"the pin was another":            {pay("relayer", address, "50", "1"), map[string]string{key.Name: pinB}, true},
		"only the ARN was added":         {pay("relayer", address, "50", "1"), map[string]string{key.Name: address}, false},
		"the pin is the same":            {pay("relayer", address, "50", "1"), map[string]string{key.Name: pinA}, false},
		"declares the key as a member":   {by(func(c *plan.Change) { c.After["member"] = resource.Ref{ID: key, Output: "address"} }), nil, true},
		"has the address among others":   {by(func(c *plan.Change) { c.After["members"] = []any{relayer, address} }), nil, true},
		"a step points at the key":       {by(func(c *plan.Change) { c.Steps[0].Params["x"] = resource.Ref{ID: key, Output: "address"} }), nil, true},
		"another output of the same key": {by(func(c *plan.Change) { c.After["x"] = resource.Ref{ID: key, Output: "arn"} }), nil, false},
	} {
		for _, cut := range []func(*plan.Plan){
			func(p *plan.Plan) { p.Partial, p.Only = true, []string{"funding/**"} },
			func(p *plan.Plan) { p.Cause = plan.FromDrift },
		} {
			in := calm(c.change)
			in.AppliedPins, in.PlannedPins = c.before, map[string]string{key.Name: pinA}
			if v := gate.Check(in); refuses(v, gate.RulePinLeftOut) {
				t.Errorf("%s: a whole plan is refused", name)
			}
			cut(in.Plan)
			if v := gate.Check(in); refuses(v, gate.RulePinLeftOut) != c.want {
				t.Errorf("%s: refused %t, want %t: %+v", name, !c.want, c.want, v.Findings)
			}
			in.Plan.Findings = []resource.Finding{{Rule: gate.RulePinLeftOut, Severity: resource.Refuse}}
			if again := gate.Without(in.Plan.Findings); len(again) != 0 {
				t.Error("the gate's own finding is taken for one of the draft")
			}
		}
	}
}

func refuses(v gate.Verdict, rule string) bool {
	return slices.ContainsFunc(v.Findings, func(f resource.Finding) bool { return f.Rule == rule && f.Severity == resource.Refuse })
}
