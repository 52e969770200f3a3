package gate_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// randomInput is any environment, any rules and any plan; the seed names it.
func randomInput(seed uint64) gate.Input {
	r := rand.New(rand.NewPCG(seed, 11))
	in := calm()
	for i := range r.IntN(6) {
		in.Plan.Changes = append(in.Plan.Changes, randomChange(r, i))
	}
	requirement := func() gate.Requirement {
		return []gate.Requirement{{Auto: true}, {Auto: true}, {Auto: true}, {Auto: true}, {Auto: true}, {Approvals: 1}, {Approvals: 2}, {Forbid: true}, {}}[r.IntN(9)]
	}
	for _, risk := range []resource.Risk{resource.Protective, resource.Routine, resource.Sensitive, resource.Destructive} {
		in.Governance.Requirements[risk] = requirement()
	}
	if r.IntN(3) == 0 {
		topUp := requirement()
		in.Governance.TopUp = &topUp
	}
	some := func(n int) *int {
		if r.IntN(3) == 0 {
			return limit(r.IntN(n))
		}
		return nil
	}
	in.Governance.Belts = gate.Belts{
		UpdateShare: r.IntN(60), DeleteShare: r.IntN(40), MinResources: r.IntN(15),
		Updates: some(4), Deletes: some(3), KeysRetired: some(3), AccessWidened: some(3), ThresholdMove: some(2), MemberMoves: some(4),
	}
	withQuorums(&in)
	for i := range r.IntN(3) {
		in.Widened = append(in.Widened, gate.Gain{Principal: fmt.Sprint("user/", i), Action: "kms:Sign", On: "key/1"})
	}
	in.Plan.Revision.Unsigned = max(0, r.IntN(4)-2)
	if r.IntN(5) == 0 {
		in = randomPause(in, r)
		in.Applying = r.IntN(2) == 0
	}
	in.Total = r.IntN(30)
	in.HasAnchor, in.SharedStore = r.IntN(8) > 0, r.IntN(2) == 0
	in.Plan.Revision.Dirty = r.IntN(6) == 0
	if r.IntN(3) == 0 {
		in.Plan.Overlay = &plan.Overlay{Open: r.IntN(2) == 0}
	}
	if r.IntN(4) == 0 {
		in.Plan.Class = "mainnet"
	}
	if r.IntN(6) == 0 {
		in.Mode = resource.Observed
	}
	if r.IntN(4) == 0 {
		in.PlannedGovernance = "sha256:bb"
	}
	if r.IntN(4) == 0 {
		in.Planned.Wallets["fuji/w3"] = gate.Wallet{Target: wei(9), Bank: "bank"}
	}
	for i, severity := range []resource.Severity{resource.Refuse, resource.Acknowledge, resource.Acknowledge, resource.Note} {
		if r.IntN(4) == 0 {
			in.Plan.Findings = append(in.Plan.Findings, resource.Finding{Rule: fmt.Sprint("rule", i), Severity: severity, ID: keyID(fmt.Sprint("n", r.IntN(12)))})
		}
	}
	in.Governance.Acknowledged = []gate.Acknowledgement{{Rule: "rule1", ID: "kms-key/**", Reason: "known", Expires: now.Add(time.Duration(r.IntN(3)-1) * time.Hour)}}
	in.Ledger.SpentDay = map[string]*big.Int{"fuji": wei(int64(r.IntN(200)))}
	return in
}

func randomChange(r *rand.Rand, i int) plan.Change {
	name := fmt.Sprint("n", i)
	switch r.IntN(7) {
	case 6:
		c := repoint(1+r.IntN(3), 1+r.IntN(3), list("abc"[:r.IntN(4)]), list("bcd"[:r.IntN(4)]))
		c.ID.Name = name
		return c
	case 0:
		return change(name, plan.Create, "create-key", "tag")
	case 1:
		return change(name, plan.Update, "enable")
	case 2:
		return change(name, plan.Delete, "disable")
	case 3:
		return change(name, plan.Replace, "wipe", "create-key")
	case 4:
		return pay(fmt.Sprint("w", i), []any{relayer, "0xstranger", ""}[r.IntN(3)], fmt.Sprint(r.IntN(120)), fmt.Sprint(r.IntN(9)))
	default:
		return change(name, plan.Update, "tag")
	}
}

// keys are what must not go away: rule, severity and resource. A note that a stop
// or a freeze lets the plan through is no judgement.
func keys(findings []resource.Finding) []string {
	all := said(slices.DeleteFunc(slices.Clone(findings), func(f resource.Finding) bool {
		return f.Severity == resource.Note && (f.Rule == plan.RuleStopped || f.Rule == plan.RuleFrozen)
	}))
	slices.Sort(all)
	return slices.Compact(all)
}

func TestAddingAChangeNeverRemovesAFindingNorLowersARequirement(t *testing.T) {
	t.Parallel()
	refused := 0
	for seed := range uint64(20000) {
		in := randomInput(seed)
		before := gate.Check(in)
		r := rand.New(rand.NewPCG(seed, 12))
		more := in
		larger := *in.Plan
		at := r.IntN(len(larger.Changes) + 1)
		larger.Changes = slices.Insert(slices.Clone(larger.Changes), at, randomChange(r, 99))
		more.Plan = &larger
		after := gate.Check(more)
		have := keys(after.Findings)
		for _, finding := range keys(before.Findings) {
			if !slices.Contains(have, finding) {
				t.Fatalf("seed %d: adding %s removed %q:\n%v", seed, larger.Changes[at].ID, finding, have)
			}
		}
		if after.Requires.Approvals < before.Requires.Approvals || before.Requires.Forbidden && !after.Requires.Forbidden || before.Blocked() && !after.Blocked() {
			t.Fatalf("seed %d: adding %s lowered %+v to %+v", seed, larger.Changes[at].ID, before.Requires, after.Requires)
		}
		if before.Blocked() {
			refused++
		}
	}
	if refused < 2000 || refused > 19000 {
		t.Errorf("%d of 20,000 inputs are blocked: too tame or too wild to show anything", refused)
	}
}

// TestNoPlanPassesByWhatItsOwnCommitLoosens: the rules in force judge. A plan that
// is refused, or needs people, still is when its commit lets everything out.
func TestNoPlanPassesByWhatItsOwnCommitLoosens(t *testing.T) {
	t.Parallel()
	refused := 0
	for seed := range uint64(10000) {
		in := randomInput(seed)
		in.HasAnchor = true
		before := gate.Check(in)
		looser := in
		looser.PlannedGovernance = "sha256:looser"
		looser.Planned = gate.Standing{Limits: map[string]gate.Limits{"fuji": {}}, Wallets: map[string]gate.Wallet{}}
		for name := range in.Planned.Wallets {
			looser.Planned.Wallets[name] = gate.Wallet{Floor: wei(1 << 60), Target: wei(1 << 61), Bank: "bank"}
		}
		looser.PlannedPins = map[string]string{"bank": pinA}
		after := gate.Check(looser)
		have := keys(after.Findings)
		for _, finding := range keys(before.Findings) {
			if !slices.Contains(have, finding) {
				t.Fatalf("seed %d: loosening the plan's own rules removed %q:\n%v", seed, finding, have)
			}
		}
		if before.Blocked() && !after.Blocked() || after.Requires.Approvals < before.Requires.Approvals {
			t.Fatalf("seed %d: %+v became %+v", seed, before.Requires, after.Requires)
		}
		if before.Blocked() {
			refused++
		}
	}
	if refused < 1000 {
		t.Errorf("only %d of 10,000 inputs are blocked", refused)
	}
}

// TestAnOpenOverlayOpensNothingButApprovalsAndDirtyTrees compares every input
// with and without it.
func TestAnOpenOverlayOpensNothingButApprovalsAndDirtyTrees(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5000) {
		in := randomInput(seed)
		in.Plan.Overlay = nil
		closed := gate.Check(in)
		overlaid := *in.Plan
		overlaid.Overlay = &plan.Overlay{Open: true}
		in.Plan = &overlaid
		open := gate.Check(in)
		without := func(v gate.Verdict) []string {
			return keys(slices.DeleteFunc(slices.Clone(v.Findings), func(f resource.Finding) bool { return f.Rule == "dirty-tree" || f.Rule == "open-overlay" }))
		}
		if d := cmp.Diff(without(closed), without(open)); d != "" {
			t.Fatalf("seed %d:\n%s", seed, d)
		}
		if d := cmp.Diff(closed.Risks, open.Risks); d != "" {
			t.Fatalf("seed %d: the risk is not shown:\n%s", seed, d)
		}
		want := 0
		if len(closed.Persons) > 0 {
			want = 1
		}
		if in.Plan.Class != "testnet" {
			want = closed.Requires.Approvals
		}
		if open.Requires.Approvals != want {
			t.Fatalf("seed %d: %d approvals, want %d", seed, open.Requires.Approvals, want)
		}
	}
}

func TestAVerdictDoesNotDependOnMapOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		first := gate.Check(randomInput(seed))
		for range 5 {
			if d := cmp.Diff(first.Findings, gate.Check(randomInput(seed)).Findings); d != "" {
				t.Fatalf("seed %d:\n%s", seed, d)
			}
			if d := cmp.Diff(first.Added, gate.Check(randomInput(seed)).Added); d != "" {
				t.Fatalf("seed %d:\n%s", seed, d)
			}
		}
	}
}
