package gate_test

import (
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// raised says in one line what a rule change raises.
func raised(changes []plan.Change) []string {
	all := []string{}
	for _, c := range changes {
		for _, f := range c.Fields {
			line := string(c.Risk) + " " + c.ID.String() + " " + f.Path
			if before, ok := f.Before.(string); ok {
				line += " " + before
			}
			if after, ok := f.After.(string); ok {
				line += " -> " + after
			}
			all = append(all, line)
		}
	}
	return all
}

func wallet(floor, target int64, bank string) gate.Wallet {
	return gate.Wallet{Floor: wei(floor), Target: wei(target), Bank: bank}
}

func TestWhatLetsMoreMoneyOutIsSensitiveAndAChangeOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disturb func(*gate.Standing)
		want    []string
		risk    resource.Risk
	}{
		"nothing":                {func(*gate.Standing) {}, nil, resource.Routine},
		"a floor is raised":      {func(s *gate.Standing) { s.Wallets["fuji/relayer"] = wallet(11, 60, "bank") }, []string{"wallets.relayer.floor 10 -> 11"}, resource.Sensitive},
		"a target is raised":     {func(s *gate.Standing) { s.Wallets["fuji/relayer"] = wallet(10, 61, "bank") }, []string{"wallets.relayer.target 60 -> 61"}, resource.Sensitive},
		"both are lowered":       {func(s *gate.Standing) { s.Wallets["fuji/relayer"] = wallet(9, 59, "bank") }, nil, resource.Routine},
		"another bank":           {func(s *gate.Standing) { s.Wallets["fuji/relayer"] = wallet(10, 60, "vault") }, []string{"wallets.relayer.bank bank -> vault"}, resource.Sensitive},
		"another wallet's floor": {func(s *gate.Standing) { s.Wallets["fuji/validator"] = wallet(2, 20, "bank") }, []string{"wallets.validator.floor 1 -> 2"}, resource.Routine},
		"a recipient is added": {func(s *gate.Standing) { s.Wallets["fuji/new"] = wallet(1, 2, "bank") },
			[]string{"wallets.new.bank -> bank", "wallets.new.floor -> 1", "wallets.new.target -> 2"}, resource.Routine},
		"a recipient is dropped":      {func(s *gate.Standing) { delete(s.Wallets, "fuji/validator") }, nil, resource.Routine},
		"the payee itself is dropped": {func(s *gate.Standing) { delete(s.Wallets, "fuji/relayer") }, nil, resource.Sensitive},
		"a cap is raised": {func(s *gate.Standing) {
			s.Limits["fuji"] = gate.Limits{CapTransaction: wei(101), CapPlan: wei(150), CapDay: wei(200), Reserve: wei(5)}
		}, []string{"capTransaction 100 -> 101"}, resource.Sensitive},
		"all caps are raised and one is dropped": {func(s *gate.Standing) {
			s.Limits["fuji"] = gate.Limits{CapPlan: wei(151), CapDay: wei(201), Reserve: wei(5)}
		}, []string{"capDay 200 -> 201", "capPlan 150 -> 151", "capTransaction 100"}, resource.Sensitive},
		"caps are lowered": {func(s *gate.Standing) {
			s.Limits["fuji"] = gate.Limits{CapTransaction: wei(99), CapPlan: wei(149), CapDay: wei(199), Reserve: wei(6)}
		}, nil, resource.Routine},
		"the reserve is lowered": {func(s *gate.Standing) {
			s.Limits["fuji"] = gate.Limits{CapTransaction: wei(100), CapPlan: wei(150), CapDay: wei(200), Reserve: wei(4)}
		}, []string{"reserve 5 -> 4"}, resource.Sensitive},
		"the reserve is dropped": {func(s *gate.Standing) {
			s.Limits["fuji"] = gate.Limits{CapTransaction: wei(100), CapPlan: wei(150), CapDay: wei(200)}
		}, []string{"reserve 5"}, resource.Sensitive},
	} {
		in := calm(pay("relayer", relayer, "50", "1"))
		c.disturb(&in.Planned)
		v := gate.Check(in)
		want := []string{}
		for _, line := range c.want {
			want = append(want, "sensitive governance/staging/funding/fuji "+line)
		}
		if d := cmp.Diff(want, raised(v.Added)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		if got := v.Risks[walletID("relayer")]; got != c.risk {
			t.Errorf("%s: the payment is %s, want %s", name, got, c.risk)
		}
		if approvals := v.Requires.Approvals; (approvals == 1) != (len(want) > 0 || c.risk == resource.Sensitive) {
			t.Errorf("%s: %d approvals", name, approvals)
		}
	}
}

func TestARaiseNeedsPeopleAlsoWhenNothingIsPaidYet(t *testing.T) {
	t.Parallel()
	in := calm()
	in.Planned.Wallets["fuji/relayer"] = wallet(10, 6000, "bank")
	v := gate.Check(in)
	v.Apply(in.Plan)
	if len(in.Plan.Changes) != 1 || in.Plan.Requires.Approvals != 1 {
		t.Errorf("changes %v, requires %+v: the raise would stand once anything else is applied", in.Plan.Changes, in.Plan.Requires)
	}
}

func TestTheFirstPaymentToAnAddressIsSensitive(t *testing.T) {
	t.Parallel()
	ref := resource.Ref{ID: keyID("relayer"), Output: "address"}
	for name, c := range map[string]struct {
		to       any
		resolved map[string]string
		after    resource.Attrs
		want     resource.Risk
	}{
		"paid before":                {to: relayer, want: resource.Routine},
		"paid before, in small":      {to: "0x52908400098527886e0f7030069857d2e4169ee7", want: resource.Routine},
		"never paid":                 {to: "0x0000000000000000000000000000000000000001", want: resource.Sensitive},
		"a key that is known":        {to: ref, resolved: map[string]string{ref.String(): relayer}, want: resource.Routine},
		"a key that is made here":    {to: ref, want: resource.Sensitive},
		"declared at the resource":   {after: resource.Attrs{"address": relayer}, want: resource.Routine},
		"a ref at the resource":      {after: resource.Attrs{"address": ref}, resolved: map[string]string{ref.String(): relayer}, want: resource.Routine},
		"nobody knows who":           {want: resource.Sensitive},
		"the parameter goes first":   {to: "0xother", after: resource.Attrs{"address": relayer}, want: resource.Sensitive},
		"an empty address is nobody": {to: "", after: resource.Attrs{"address": relayer}, want: resource.Sensitive},
	} {
		payment := pay("relayer", c.to, "50", "1")
		if c.to == nil {
			delete(payment.Steps[0].Params, "to")
		}
		payment.After = c.after
		in := calm(payment)
		in.Plan.Resolved = c.resolved
		in.Ledger.Paid["fuji"][""] = true
		if got := gate.Check(in).Risks[walletID("relayer")]; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	elsewhere := calm(pay("relayer", relayer, "50", "1"))
	elsewhere.Ledger.Paid = map[string]map[string]bool{"sepolia": {relayer: true}, "fuji": {relayer: false}}
	if got := gate.Check(elsewhere).Risks[walletID("relayer")]; got != resource.Sensitive {
		t.Errorf("paid on another network only: %s", got)
	}
}

func TestAnAmountThatNobodyCanReadAndAWalletThatNobodyDeclaredAreSensitive(t *testing.T) {
	t.Parallel()
	odd := pay("relayer", "0xstranger", "1e3", "0")
	if got := gate.Check(calm(odd)).Risks[odd.ID]; got != resource.Sensitive {
		t.Errorf("an amount that nobody can read: %s", got)
	}
	undeclared := pay("nobody", relayer, "5", "0")
	if got := gate.Check(calm(undeclared)).Risks[undeclared.ID]; got != resource.Sensitive {
		t.Errorf("a wallet that neither commit declares: %s", got)
	}
}

func TestAFeeAloneIsNoPayment(t *testing.T) {
	t.Parallel()
	c := pay("stranger", "0xstranger", "0", "9")
	v := gate.Check(calm(c))
	if v.Risks[c.ID] != resource.Routine {
		t.Errorf("%s", v.Risks[c.ID])
	}
	if d := cmp.Diff([]plan.Spend{{Network: "fuji", Wei: "0", Fee: "9"}}, v.Spend); d != "" {
		t.Error(d)
	}
}

func TestAnotherGovernanceIsTheFirstChangeAndDestructive(t *testing.T) {
	t.Parallel()
	in := calm(change("a", plan.Update, "tag"))
	in.PlannedGovernance = "sha256:bb"
	in.Planned.Limits["fuji"] = gate.Limits{CapTransaction: wei(100), CapPlan: wei(150), CapDay: wei(201), Reserve: wei(5)}
	v := gate.Check(in)
	v.Apply(in.Plan)
	want := []string{
		"destructive governance/staging/staging governance sha256:aa -> sha256:bb",
		"sensitive governance/staging/funding/fuji capDay 200 -> 201",
	}
	if d := cmp.Diff(want, raised(in.Plan.Changes[:2])); d != "" {
		t.Error(d)
	}
	first := in.Plan.Changes[0]
	if first.Action != plan.Update || len(first.Steps) != 0 || first.Cause != plan.FromConfig || first.Before.Attrs["governance"] != "sha256:aa" || first.After["governance"] != "sha256:bb" {
		t.Errorf("%+v", first)
	}
	if d := cmp.Diff(plan.Requires{Approvals: 2, Risk: resource.Destructive}, in.Plan.Requires); d != "" {
		t.Errorf("under the old rules:\n%s", d)
	}
	if len(in.Plan.Changes) != 3 {
		t.Errorf("%d changes", len(in.Plan.Changes))
	}
	in.HasAnchor, in.SharedStore, in.Governance = false, false, development()
	if v := gate.Check(in); len(v.Added) != 0 {
		t.Errorf("without a last applied commit there is nothing to differ from: %v", raised(v.Added))
	}
}

func TestJudgingTwiceIsJudgingOnce(t *testing.T) {
	t.Parallel()
	in := calm(change("a", plan.Update, "enable"), pay("relayer", relayer, "101", "0"))
	in.PlannedGovernance = "sha256:bb"
	in.Plan.Findings = []resource.Finding{{Rule: "burn", Severity: resource.Acknowledge, Reason: "x"}}
	in.Governance.Acknowledged = []gate.Acknowledgement{{Rule: "burn", Reason: "y"}}
	gate.Check(in).Apply(in.Plan)
	once := *in.Plan
	again := once
	again.Findings = gate.Without(once.Findings)
	in.Plan = &again
	v := gate.Check(in)
	if err := v.Agrees(&once); err != nil {
		t.Errorf("the gate disagrees with itself: %v", err)
	}
	v.Apply(&again)
	if d := cmp.Diff(once, again); d != "" {
		t.Errorf("(-once +twice)\n%s", d)
	}
}

func TestCheckLeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "101", "2"), change("a", plan.Update, "enable"))
	in.PlannedGovernance = "sha256:bb"
	in.Ledger.SpentDay = map[string]*big.Int{"fuji": wei(7)}
	before, err := resource.Canonical(in.Plan)
	if err != nil {
		t.Fatal(err)
	}
	gate.Check(in)
	after, _ := resource.Canonical(in.Plan)
	if string(after) != string(before) || in.Ledger.SpentDay["fuji"].Int64() != 7 || in.Applied.Limits["fuji"].CapPlan.Int64() != 150 {
		t.Error("the input was changed")
	}
}
