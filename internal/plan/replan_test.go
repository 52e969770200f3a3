package plan_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// drafted is all that plan does between reading and writing: difference, cut,
// judgement, seal.
func drafted(t *testing.T, seed uint64, now time.Time) *plan.Plan {
	t.Helper()
	in := randomWorld(seed).input()
	d := diff(t, in)
	cut, elsewhere := d.CutCause(plan.FromConfig)
	p := sealed(t, in, cut)
	p.Created, p.Expires, p.Cause, p.Elsewhere = now, now.Add(24*time.Hour), plan.FromConfig, elsewhere
	two := 2
	limits := map[string]gate.Limits{"fuji": {CapTransaction: big.NewInt(1000), CapPlan: big.NewInt(50), CapDay: big.NewInt(70)}}
	traits := map[string]resource.Traits{}
	for kind, rules := range testRules() {
		traits[kind] = rules.Traits
	}
	gate.Check(gate.Input{
		Plan: p, Traits: traits, HasAnchor: true, AppliedGovernance: "sha256:aa", PlannedGovernance: "sha256:bb", Total: 40, Now: now,
		Governance: gate.Governance{
			Requirements: map[resource.Risk]gate.Requirement{resource.Routine: {Auto: true}, resource.Sensitive: {Approvals: 1}, resource.Destructive: {Approvals: 2}},
			Belts:        gate.Belts{UpdateShare: 5, DeleteShare: 1, MinResources: 2, Updates: &two, Deletes: &two, KeysRetired: &two},
		},
		Applied: gate.Standing{Limits: limits, Wallets: map[string]gate.Wallet{"fuji/a": {Floor: big.NewInt(1), Target: big.NewInt(2), Bank: "b"}}},
		Planned: gate.Standing{Limits: limits, Wallets: map[string]gate.Wallet{
			"fuji/a": {Floor: big.NewInt(2), Target: big.NewInt(3), Bank: "c"}, "sepolia/b": {Target: big.NewInt(3)}, "fuji/c": {Target: big.NewInt(4)},
		}},
		Ledger: gate.Ledger{SpentDay: map[string]*big.Int{"fuji": big.NewInt(60)}, Paid: map[string]map[string]bool{}, Made: map[string]bool{}},
	}).Apply(p)
	if err := p.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	return p
}

// A thousand plans of a fixed world, from the difference through the gate: at one
// time they have one digest, and at any time one changes digest.
func TestAThousandJudgedPlansHaveOneDigestAndAtAnyTimeOneChangesDigest(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	seed := uint64(0)
	for p := drafted(t, seed, noon); len(p.Changes) < 7 || p.Elsewhere == 0 || len(p.Findings) < 3; p = drafted(t, seed, noon) {
		if seed++; seed == 2000 {
			t.Fatal("no world gives a plan with something in every part")
		}
	}
	first := drafted(t, seed, noon)
	for i := range 1000 {
		if again := drafted(t, seed, noon); again.Digest != first.Digest {
			t.Fatalf("plan %d of seed %d is %s, the first was %s", i, seed, again.Digest, first.Digest)
		}
		later := drafted(t, seed, noon.Add(time.Duration(i+1)*7919*time.Second))
		if later.ChangesDigest != first.ChangesDigest {
			t.Fatalf("%s later the changes of seed %d are %s, were %s", later.Created.Sub(noon), seed, later.ChangesDigest, first.ChangesDigest)
		}
		if later.Digest == first.Digest {
			t.Fatal("the digest does not cover when the plan was made")
		}
	}
}
