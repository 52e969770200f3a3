package gate_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func judged(in gate.Input) (*plan.Plan, gate.Verdict) {
	v := gate.Check(in)
	v.Apply(in.Plan)
	return in.Plan, v
}

func TestAPlanThatNeedsPeopleIsRefusedAndSaysSo(t *testing.T) {
	t.Parallel()
	p, v := judged(calm(change("a", plan.Update, "wipe")))
	err := gate.Refusal(p, 0)
	refused := (*gate.RefusedError)(nil)
	if !errors.As(err, &refused) || !v.Blocked() {
		t.Fatalf("error %v, blocked %t", err, v.Blocked())
	}
	want := "staging: refused: destructive changes need 2 approvals, have 0"
	if err.Error() != want {
		t.Errorf("says %q, want %q", err, want)
	}
	if err := gate.Refusal(p, 1); err == nil || !strings.Contains(err.Error(), "need 2 approvals, have 1") {
		t.Errorf("with one approval: %v", err)
	}
	if err := gate.Refusal(p, 2); err != nil {
		t.Errorf("with two approvals: %v", err)
	}
}

func TestNoApprovalBuysAFinding(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "101", "0"), change("a", plan.Update, "enable"))
	in.Plan.Findings = []resource.Finding{
		{Rule: "burn", Severity: resource.Acknowledge, ID: walletID("relayer"), Reason: "lost 7"},
		{Rule: "age", Severity: resource.Acknowledge, ID: keyID("unchanged"), Reason: "old"},
		{Rule: "one-operator", Severity: resource.Acknowledge, Reason: "one holds all"},
		{Rule: "hint", Severity: resource.Note, ID: keyID("a"), Reason: "by the way"},
	}
	p, v := judged(in)
	err := gate.Refusal(p, 99)
	refused := (*gate.RefusedError)(nil)
	if !errors.As(err, &refused) || !v.Blocked() {
		t.Fatalf("error %v", err)
	}
	want := []string{"refuse belt-transaction funding/fuji/relayer", "acknowledge burn funding/fuji/relayer", "acknowledge one-operator"}
	if d := cmp.Diff(want, said(refused.Findings)); d != "" {
		t.Error(d)
	}
	for i, part := range []string{"funding/fuji/relayer: belt-transaction: one transaction", "funding/fuji/relayer: burn: lost 7 (needs an acknowledgement in governance)", "one-operator: one holds all"} {
		if !strings.HasPrefix(refused.Reasons()[i], part) {
			t.Errorf("reason %d is %q, want %q", i, refused.Reasons()[i], part)
		}
	}
	if len(refused.Reasons()) != 3 {
		t.Errorf("reasons %v", refused.Reasons())
	}
}

func TestAForbiddenPlanIsRefusedEvenWithoutItsFinding(t *testing.T) {
	t.Parallel()
	in := calm(change("a", plan.Update, "wipe"))
	in.Governance.Requirements[resource.Destructive] = gate.Requirement{Forbid: true}
	p, v := judged(in)
	if !v.Blocked() {
		t.Error("not blocked")
	}
	p.Findings = nil
	if err := gate.Refusal(p, 99); err == nil || !strings.Contains(err.Error(), "destructive changes are forbidden") {
		t.Errorf("error %v", err)
	}
}

func TestNewRefusalsAreWhatTheReviewerDidNotSee(t *testing.T) {
	t.Parallel()
	f := func(rule string, severity resource.Severity, reason string) resource.Finding {
		return resource.Finding{Rule: rule, Severity: severity, ID: walletID("relayer"), Reason: reason}
	}
	for name, c := range map[string]struct{ before, after, want []resource.Finding }{
		"nothing":                {},
		"the same":               {[]resource.Finding{f("burn", resource.Acknowledge, "7")}, []resource.Finding{f("burn", resource.Acknowledge, "8")}, nil},
		"a note":                 {nil, []resource.Finding{f("burn", resource.Note, "7")}, nil},
		"a refusal":              {nil, []resource.Finding{f("belt-day", resource.Refuse, "7")}, []resource.Finding{f("belt-day", resource.Refuse, "7")}},
		"a note grown up":        {[]resource.Finding{f("burn", resource.Note, "7")}, []resource.Finding{f("burn", resource.Acknowledge, "7")}, []resource.Finding{f("burn", resource.Acknowledge, "7")}},
		"an acknowledge grown":   {[]resource.Finding{f("burn", resource.Acknowledge, "7")}, []resource.Finding{f("burn", resource.Refuse, "7")}, []resource.Finding{f("burn", resource.Refuse, "7")}},
		"one more of the same":   {[]resource.Finding{f("burn", resource.Refuse, "7")}, []resource.Finding{f("burn", resource.Refuse, "7"), f("burn", resource.Refuse, "8")}, []resource.Finding{f("burn", resource.Refuse, "8")}},
		"gone is no new refusal": {[]resource.Finding{f("burn", resource.Refuse, "7")}, nil, nil},
	} {
		if d := cmp.Diff(c.want, gate.NewRefusals(c.before, c.after)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func TestMoneySpentSinceTheReviewIsANewRefusal(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "99", "1"))
	p, _ := judged(in)
	again := *p
	again.Findings = gate.Without(p.Findings)
	in.Plan = &again
	in.Ledger.SpentDay = map[string]*big.Int{"fuji": wei(101)}
	if d := cmp.Diff([]string{"refuse belt-day network/fuji/fuji"}, said(gate.NewRefusals(p.Findings, gate.Check(in).Findings))); d != "" {
		t.Error(d)
	}
}

func TestAPlanThatStatesLessThanTheGateFindsIsRefusedByName(t *testing.T) {
	t.Parallel()
	fresh := func() gate.Input {
		in := calm(change("a", plan.Update, "enable"), pay("relayer", relayer, "50", "1"), change("b", plan.Update, "wipe"))
		in.PlannedGovernance = "sha256:bb"
		return in
	}
	for name, c := range map[string]struct {
		forge func(*plan.Plan)
		says  string
	}{
		"a lower risk":               {func(p *plan.Plan) { p.Changes[1].Risk = resource.Routine }, "risks for kms-key/us-west-2/a"},
		"a risk that is no risk":     {func(p *plan.Plan) { p.Changes[1].Risk = "harmless" }, "risks for kms-key/us-west-2/a"},
		"no person":                  {func(p *plan.Plan) { p.Changes[1].Person = false }, "calls for a person"},
		"fewer approvals":            {func(p *plan.Plan) { p.Requires.Approvals = 1 }, "requirements"},
		"a lower risk on the whole":  {func(p *plan.Plan) { p.Requires.Risk = resource.Routine }, "requirements"},
		"no risk on the whole":       {func(p *plan.Plan) { p.Requires.Risk = "" }, "requirements"},
		"other money":                {func(p *plan.Plan) { p.Spend[0].Wei = "1" }, "spend"},
		"no money":                   {func(p *plan.Plan) { p.Spend = nil }, "spend"},
		"no change of the rules":     {func(p *plan.Plan) { p.Changes = p.Changes[1:] }, "rule changes"},
		"the rule change further on": {func(p *plan.Plan) { p.Changes[0], p.Changes[1] = p.Changes[1], p.Changes[0] }, "rule changes"},
		"another change of the rules": {func(p *plan.Plan) {
			p.Changes[0].After = resource.Attrs{"governance": "sha256:cc"}
		}, "rule changes for governance/staging/staging"},
	} {
		p, v := judged(fresh())
		if err := v.Agrees(p); err != nil {
			t.Fatalf("the honest plan: %v", err)
		}
		c.forge(p)
		forged := (*plan.ForgedError)(nil)
		if err := v.Agrees(p); !errors.As(err, &forged) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		}
	}
}

func TestAPlanMayStateMoreThanTheGateFindsNow(t *testing.T) {
	t.Parallel()
	stranger := "0x0000000000000000000000000000000000000001"
	p, _ := judged(calm(pay("relayer", stranger, "50", "1")))
	if p.Requires.Approvals != 1 {
		t.Fatalf("requires %+v", p.Requires)
	}
	resumed := calm(pay("relayer", stranger, "50", "1"))
	resumed.Ledger.Paid["fuji"][stranger] = true
	if err := gate.Check(resumed).Agrees(p); err != nil {
		t.Errorf("a plan that was half done cannot go on: %v", err)
	}
}
