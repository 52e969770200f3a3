package gate_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	relayer = "0x52908400098527886E0F7030069857D2E4169EE7"
	bank    = "kms-key/us-west-2/bank"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func wei(n int64) *big.Int { return big.NewInt(n) }

func keyID(name string) resource.ID {
	return resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: name}
}

func walletID(name string) resource.ID {
	return resource.ID{Kind: "funding", Scope: "fuji", Name: name}
}

func testTraits() map[string]resource.Traits {
	return map[string]resource.Traits{
		"kms-key": {
			Risks: map[string]resource.Risk{
				"create-key": resource.Routine, "tag": resource.Routine, "enable": resource.Sensitive, "disable": resource.Protective, "odd": "harmless",
			},
			Person: []string{"enable"},
		},
		"funding": {Risks: map[string]resource.Risk{"top-up": resource.Routine}, Moving: []string{"balance"}},
	}
}

// staging asks one for sensitive changes, two for destructive ones.
func staging() gate.Governance {
	return gate.Governance{
		Requirements: map[resource.Risk]gate.Requirement{
			resource.Protective: {Auto: true}, resource.Routine: {Auto: true}, resource.Sensitive: {Approvals: 1}, resource.Destructive: {Approvals: 2},
		},
		Belts: gate.Belts{UpdateShare: 30, DeleteShare: 10, MinResources: 10},
	}
}

// development is automatic throughout.
func development() gate.Governance {
	g := staging()
	for risk := range g.Requirements {
		g.Requirements[risk] = gate.Requirement{Auto: true}
	}
	return g
}

func standing() gate.Standing {
	return gate.Standing{
		Limits:  map[string]gate.Limits{"fuji": {CapTransaction: wei(100), CapPlan: wei(150), CapDay: wei(200), Reserve: wei(5)}},
		Wallets: map[string]gate.Wallet{"fuji/relayer": {Floor: wei(10), Target: wei(60), Bank: "bank"}, "fuji/validator": {Floor: wei(1), Target: wei(20), Bank: "bank"}},
	}
}

// calm is an input about which the gate has nothing to say; tests disturb it.
func calm(changes ...plan.Change) gate.Input {
	return gate.Input{
		Plan:       &plan.Plan{Environment: "staging", Class: "testnet", Changes: changes},
		Traits:     testTraits(),
		Governance: staging(), AppliedGovernance: "sha256:aa", PlannedGovernance: "sha256:aa",
		Applied: standing(), Planned: standing(), HasAnchor: true, SharedStore: true, Mode: resource.Managed,
		Ledger: gate.Ledger{Paid: map[string]map[string]bool{"fuji": {relayer: true}}},
		Units:  map[string]gate.Unit{"fuji": {Symbol: "AVAX", Decimals: 2}},
		Total:  100, Now: now,
	}
}

// with disturbs an input.
func with(in gate.Input, disturb func(*gate.Input)) gate.Input {
	disturb(&in)
	return in
}

// change is a change of a key by one operation.
func change(name string, action plan.Action, ops ...string) plan.Change {
	id := keyID(name)
	c := plan.Change{ID: id, Action: action, Fields: []plan.FieldChange{{Path: "tags", Before: "a", After: "b"}}}
	for _, op := range ops {
		c.Steps = append(c.Steps, resource.Step{Op: op, ID: id})
	}
	return c
}

// pay is a top-up of a wallet.
func pay(name string, to any, value, fee string) plan.Change {
	id := walletID(name)
	return plan.Change{
		ID: id, Group: "funding/fuji", Action: plan.Update, Fields: []plan.FieldChange{{Path: "balance"}},
		Steps: []resource.Step{{Op: "top-up", ID: id, Params: resource.Attrs{"to": to}, Spend: &resource.Spend{Network: "fuji", From: bank, Wei: value, Fee: fee}}},
	}
}

// said lists findings as "severity rule id".
func said(findings []resource.Finding) []string {
	all := []string{}
	for _, f := range findings {
		all = append(all, strings.TrimSpace(string(f.Severity)+" "+f.Rule+" "+strings.Trim(f.ID.String(), "/")))
	}
	return all
}

func reasonOf(t *testing.T, v gate.Verdict, rule string) string {
	t.Helper()
	at := slices.IndexFunc(v.Findings, func(f resource.Finding) bool { return f.Rule == rule })
	if at < 0 {
		t.Fatalf("no finding %s in %v", rule, said(v.Findings))
	}
	return v.Findings[at].Reason
}

func TestACalmPlanHasNoFindingsAndNeedsNobody(t *testing.T) {
	t.Parallel()
	in := calm(change("a", plan.Create, "create-key"), change("b", plan.Update, "tag"), pay("relayer", relayer, "50", "2"))
	v := gate.Check(in)
	if len(v.Findings) != 0 || v.Blocked() || len(v.Added) != 0 {
		t.Errorf("findings %v, added %v", said(v.Findings), v.Added)
	}
	want := plan.Requires{Risk: resource.Routine}
	if d := cmp.Diff(want, v.Requires); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]plan.Spend{{Network: "fuji", Wei: "50", Fee: "2"}}, v.Spend); d != "" {
		t.Error(d)
	}
	v.Apply(in.Plan)
	if err := gate.Refusal(in.Plan, 0); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func TestAChangeIsAsRiskyAsItsWorstStep(t *testing.T) {
	t.Parallel()
	stating := func(c plan.Change, risk resource.Risk, person bool) plan.Change {
		c.Steps[0].Risk, c.Steps[0].Person = risk, person
		return c
	}
	for name, c := range map[string]struct {
		change plan.Change
		want   resource.Risk
		person bool
	}{
		"a step that states more":        {stating(change("k", plan.Update, "tag"), resource.Destructive, true), resource.Destructive, true},
		"a step that states less":        {stating(change("k", plan.Update, "enable"), resource.Protective, false), resource.Sensitive, true},
		"a step that states no risk":     {stating(change("k", plan.Update, "tag"), "harmless", false), resource.Destructive, false},
		"a tag":                          {change("k", plan.Update, "tag"), resource.Routine, false},
		"a tag and an enabling":          {change("k", plan.Update, "tag", "enable", "tag"), resource.Sensitive, true},
		"a disabling takes power only":   {change("k", plan.Update, "disable"), resource.Protective, false},
		"an operation nobody classified": {change("k", plan.Update, "tag", "wipe"), resource.Destructive, false},
		"a risk that is no risk":         {change("k", plan.Update, "odd"), resource.Destructive, false},
		"no step at all":                 {change("k", plan.Update), resource.Destructive, false},
		"a kind that nobody knows": {plan.Change{ID: resource.ID{Kind: "odd", Scope: "s", Name: "n"}, Steps: []resource.Step{{Op: "tag",
			ID: resource.ID{Kind: "odd", Scope: "s", Name: "n"}}}}, resource.Destructive, false},
	} {
		v := gate.Check(calm(c.change))
		if v.Risks[c.change.ID] != c.want || v.Persons[c.change.ID] != c.person {
			t.Errorf("%s: %s, person %t; want %s, %t", name, v.Risks[c.change.ID], v.Persons[c.change.ID], c.want, c.person)
		}
	}
}

func TestWhatAPlanNeedsIsWhatItsWorstChangeNeeds(t *testing.T) {
	t.Parallel()
	forbids := staging()
	forbids.Requirements[resource.Destructive] = gate.Requirement{Forbid: true}
	silent := staging()
	delete(silent.Requirements, resource.Sensitive)
	production := staging()
	production.Requirements[resource.Routine] = gate.Requirement{Approvals: 2}
	production.TopUp = &gate.Requirement{Auto: true}
	for name, c := range map[string]struct {
		governance gate.Governance
		changes    []plan.Change
		want       plan.Requires
		findings   []string
	}{
		"nothing":                      {staging(), nil, plan.Requires{}, nil},
		"routine is automatic":         {staging(), []plan.Change{change("a", plan.Update, "tag")}, plan.Requires{Risk: resource.Routine}, nil},
		"sensitive asks one":           {staging(), []plan.Change{change("a", plan.Update, "tag"), change("b", plan.Update, "enable")}, plan.Requires{Approvals: 1, Risk: resource.Sensitive}, nil},
		"destructive asks two":         {staging(), []plan.Change{change("b", plan.Update, "enable"), change("a", plan.Update, "wipe")}, plan.Requires{Approvals: 2, Risk: resource.Destructive}, nil},
		"automatic all but for people": {development(), []plan.Change{change("a", plan.Update, "wipe"), change("b", plan.Update, "enable")}, plan.Requires{Approvals: 1, Risk: resource.Destructive}, nil},
		"forbidden": {forbids, []plan.Change{change("a", plan.Update, "wipe"), change("b", plan.Update, "tag")},
			plan.Requires{Risk: resource.Destructive, Forbidden: true}, []string{"refuse forbidden kms-key/us-west-2/a"}},
		"of what is not said nothing passes": {silent, []plan.Change{change("b", plan.Update, "enable")},
			plan.Requires{Approvals: 1, Risk: resource.Sensitive, Forbidden: true}, []string{"refuse forbidden kms-key/us-west-2/b"}},
		"a top-up has its own price": {production, []plan.Change{pay("relayer", relayer, "50", "1")}, plan.Requires{Risk: resource.Routine}, nil},
		"a routine change beside it does not": {production, []plan.Change{pay("relayer", relayer, "50", "1"), change("a", plan.Update, "tag")},
			plan.Requires{Approvals: 2, Risk: resource.Routine}, nil},
		"nor does a top-up of a stranger": {production, []plan.Change{pay("relayer", "0xstranger", "50", "1")}, plan.Requires{Approvals: 1, Risk: resource.Sensitive}, nil},
	} {
		v := gate.Check(with(calm(c.changes...), func(in *gate.Input) { in.Governance = c.governance }))
		if d := cmp.Diff(c.want, v.Requires); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		if d := cmp.Diff(append([]string{}, c.findings...), said(v.Findings)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func TestTheEnvironmentAsAWhole(t *testing.T) {
	t.Parallel()
	dirty := func(in *gate.Input) { in.Plan.Revision.Dirty = true }
	open := func(in *gate.Input) { in.Plan.Overlay = &plan.Overlay{Name: "o.json", Open: true} }
	auto := func(in *gate.Input) { in.Governance = development() }
	bare := func(in *gate.Input) { in.HasAnchor = false }
	local := func(in *gate.Input) { in.SharedStore = false }
	mainnet := func(in *gate.Input) { in.Plan.Class = "mainnet" }
	enable, widen := change("a", plan.Update, "enable"), change("a", plan.Update, "widen")
	for name, c := range map[string]struct {
		disturb   []func(*gate.Input)
		changes   []plan.Change
		findings  []string
		approvals int
	}{
		"a dirty tree before people":             {[]func(*gate.Input){dirty}, []plan.Change{enable}, []string{"refuse dirty-tree"}, 1},
		"a dirty tree where all is automatic":    {[]func(*gate.Input){dirty, auto}, []plan.Change{change("a", plan.Update, "tag")}, []string{"note dirty-tree"}, 0},
		"a dirty tree on a main network":         {[]func(*gate.Input){dirty, auto, mainnet}, []plan.Change{change("a", plan.Update, "tag")}, []string{"refuse dirty-tree"}, 0},
		"a dirty tree without a change":          {[]func(*gate.Input){dirty}, nil, nil, 0},
		"an open overlay waives approvals":       {[]func(*gate.Input){open}, []plan.Change{widen}, []string{"note open-overlay"}, 0},
		"an open overlay is no person":           {[]func(*gate.Input){open}, []plan.Change{enable}, []string{"note open-overlay"}, 1},
		"an open overlay lets dirty trees pass":  {[]func(*gate.Input){open, dirty}, []plan.Change{widen}, []string{"note dirty-tree", "note open-overlay"}, 0},
		"an open overlay with nothing to waive":  {[]func(*gate.Input){open}, []plan.Change{change("a", plan.Update, "tag")}, nil, 0},
		"an open overlay before main networks":   {[]func(*gate.Input){open, mainnet}, []plan.Change{enable}, []string{"refuse open-overlay"}, 1},
		"an open overlay waives no safety":       {[]func(*gate.Input){open}, []plan.Change{pay("relayer", relayer, "101", "0")}, []string{"refuse belt-transaction funding/fuji/relayer"}, 0},
		"no anchor in a shared store":            {[]func(*gate.Input){bare, auto}, nil, []string{"refuse no-anchor"}, 0},
		"no anchor, and people are asked":        {[]func(*gate.Input){bare, local}, nil, []string{"refuse no-anchor"}, 0},
		"no anchor on a laptop, all automatic":   {[]func(*gate.Input){bare, local, auto}, nil, []string{"note no-anchor"}, 0},
		"no anchor on a laptop, main network":    {[]func(*gate.Input){bare, local, auto, mainnet}, nil, []string{"refuse no-anchor"}, 0},
		"an observed environment with a change":  {[]func(*gate.Input){func(in *gate.Input) { in.Mode = resource.Observed }}, []plan.Change{change("a", plan.Update, "tag")}, []string{"refuse observed-environment"}, 0},
		"an observed environment without change": {[]func(*gate.Input){func(in *gate.Input) { in.Mode = resource.Observed }}, nil, nil, 0},
	} {
		in := calm(c.changes...)
		for _, disturb := range c.disturb {
			disturb(&in)
		}
		v := gate.Check(in)
		if d := cmp.Diff(append([]string{}, c.findings...), said(v.Findings)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		if v.Requires.Approvals != c.approvals {
			t.Errorf("%s: %d approvals, want %d", name, v.Requires.Approvals, c.approvals)
		}
		if len(c.changes) > 0 && v.Requires.Risk == "" {
			t.Errorf("%s: the risk is not shown", name)
		}
	}
}

func TestAnAcknowledgementTurnsItsFindingIntoANote(t *testing.T) {
	t.Parallel()
	burn := resource.Finding{Rule: "burn", Severity: resource.Acknowledge, ID: walletID("relayer"), Reason: "lost 7"}
	whole := resource.Finding{Rule: "one-operator", Severity: resource.Acknowledge, Reason: "one holds all"}
	refusal := resource.Finding{Rule: "burn", Severity: resource.Refuse, ID: walletID("relayer"), Reason: "gone"}
	line := gate.Acknowledgement{Rule: "burn", ID: "funding/fuji/*", Reason: "load test"}
	until := func(at time.Time) gate.Acknowledgement { l := line; l.Expires = at; return l }
	for name, c := range map[string]struct {
		finding resource.Finding
		lines   []gate.Acknowledgement
		want    resource.Severity
		says    string
	}{
		"no line":                      {burn, nil, resource.Acknowledge, "lost 7"},
		"a line by pattern":            {burn, []gate.Acknowledgement{line}, resource.Note, "lost 7 (acknowledged: load test)"},
		"a line of another rule":       {burn, []gate.Acknowledgement{{Rule: "dust", ID: "**"}}, resource.Acknowledge, "lost 7"},
		"a line of another resource":   {burn, []gate.Acknowledgement{{Rule: "burn", ID: "funding/sepolia/*"}}, resource.Acknowledge, "lost 7"},
		"a line without a resource":    {burn, []gate.Acknowledgement{{Rule: "burn"}}, resource.Acknowledge, "lost 7"},
		"a line that still holds":      {burn, []gate.Acknowledgement{until(now.Add(time.Second))}, resource.Note, "lost 7 (acknowledged: load test, until 2026-11-21)"},
		"a line that expired just now": {burn, []gate.Acknowledgement{until(now)}, resource.Acknowledge, "lost 7 (its acknowledgement expired on 2026-11-21)"},
		"an expired and a good line":   {burn, []gate.Acknowledgement{until(now.AddDate(0, -1, 0)), line}, resource.Note, "lost 7 (acknowledged: load test)"},
		"a refusal is not for sale":    {refusal, []gate.Acknowledgement{line}, resource.Refuse, "gone"},
		"the whole environment":        {whole, []gate.Acknowledgement{{Rule: "one-operator", Reason: "a test bed"}}, resource.Note, "one holds all (acknowledged: a test bed)"},
		"the whole by two stars":       {whole, []gate.Acknowledgement{{Rule: "one-operator", ID: "**", Reason: "x"}}, resource.Note, "one holds all (acknowledged: x)"},
		"the whole by a resource":      {whole, []gate.Acknowledgement{{Rule: "one-operator", ID: "funding"}}, resource.Acknowledge, "one holds all"},
	} {
		in := calm(pay("relayer", relayer, "50", "1"))
		in.Plan.Findings, in.Governance.Acknowledged = []resource.Finding{c.finding}, c.lines
		v := gate.Check(in)
		if len(v.Findings) != 1 || v.Findings[0].Severity != c.want || v.Findings[0].Reason != c.says {
			t.Errorf("%s: %+v", name, v.Findings)
		}
		if v.Blocked() != (c.want != resource.Note) {
			t.Errorf("%s: blocked %t", name, v.Blocked())
		}
		if d := cmp.Diff([]resource.Finding{c.finding}, gate.Without(v.Findings)); d != "" {
			t.Errorf("%s: the draft's finding does not come back:\n%s", name, d)
		}
		if in.Plan.Findings[0] != c.finding {
			t.Errorf("%s: the draft was changed", name)
		}
	}
}
