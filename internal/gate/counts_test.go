package gate_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func limit(n int) *int { return &n }

// repoint moves a set of two destinations' worth: threshold and members, before
// and after.
func repoint(threshold, later int, before, after []any) plan.Change {
	id := resource.ID{Kind: "validator-set", Scope: "fuji", Name: "sepolia"}
	attrs := func(n int, members []any) resource.Attrs {
		return resource.Attrs{"threshold": json.Number(fmt.Sprint(n)), "members": members}
	}
	return plan.Change{
		ID: id, Action: plan.Update, Before: &plan.State{Attrs: attrs(threshold, before)}, After: attrs(later, after),
		Fields: []plan.FieldChange{{Path: "threshold"}}, Steps: []resource.Step{{Op: "set", ID: id}},
	}
}

// list makes members: addresses that differ in their last letter, in any case.
func list(letters string) []any {
	all := []any{}
	for _, l := range letters {
		all = append(all, "0x"+string(l))
	}
	return all
}

func withQuorums(in *gate.Input) {
	in.Traits["validator-set"] = resource.Traits{Risks: map[string]resource.Risk{"set": resource.Sensitive}, Quorum: resource.Quorum{Threshold: "threshold", Members: "members"}}
	in.Traits["kms-key"] = resource.Traits{Risks: in.Traits["kms-key"].Risks, Person: in.Traits["kms-key"].Person, Keys: true}
}

func TestEveryBeltSaysHaveAndNeed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changes []plan.Change
		belt    func(*gate.Input)
		rule    string
		want    string
	}{
		"updates": {[]plan.Change{change("a", plan.Update, "tag"), change("b", plan.Propose, "tag"), pay("relayer", relayer, "1", "1"), change("c", plan.Create, "create-key")},
			func(in *gate.Input) { in.Governance.Belts.Updates = limit(1) },
			"belt-updates", "the plan updates 2 resources, the limit is 1 in one plan"},
		"deletes": {[]plan.Change{change("a", plan.Delete, "tag")},
			func(in *gate.Input) { in.Governance.Belts.Deletes = limit(0) },
			"belt-deletes", "the plan removes 1 resource, the limit is 0 in one plan"},
		"keys": {[]plan.Change{change("a", plan.Update, "tag", "disable"), change("b", plan.Update, "schedule-removal"), change("c", plan.Update, "retire"), change("d", plan.Delete, "tag"), change("e", plan.Update, "tag")},
			func(in *gate.Input) { in.Governance.Belts.KeysRetired = limit(3) },
			"belt-keys", "the plan disables or retires 4 keys (a; b; c; d), the limit is 3 in one plan"},
		"access": {[]plan.Change{change("a", plan.Update, "tag")},
			func(in *gate.Input) {
				in.Governance.Belts.AccessWidened = limit(1)
				in.Widened = []gate.Gain{{"user/b", "kms:Sign", "key/1"}, {"user/a", "kms:Sign", "key/2"}, {"user/a", "kms:Sign", "key/1"}, {"user/a", "kms:Sign", "key/1"}}
			},
			"belt-access", "the plan gives 2 principals what they could not do before (user/a: kms:Sign on key/1 and 1 more; user/b: kms:Sign on key/1), the limit is 1 in one plan"},
		"threshold": {[]plan.Change{repoint(1, 3, list("a"), list("abc"))},
			func(in *gate.Input) { in.Governance.Belts.ThresholdMove = limit(1) },
			"belt-threshold", "the threshold moves from 1 to 3; the limit is 1 in one plan"},
		"threshold down": {[]plan.Change{repoint(3, 1, list("abc"), list("abc"))},
			func(in *gate.Input) { in.Governance.Belts.ThresholdMove = limit(1) },
			"belt-threshold", "the threshold moves from 3 to 1; the limit is 1 in one plan"},
		"members": {[]plan.Change{repoint(2, 2, list("abc"), list("aDE"))},
			func(in *gate.Input) { in.Governance.Belts.MemberMoves = limit(3) },
			"belt-members", "2 join and 2 leave, 4 together; the limit is 3 in one plan"},
	} {
		in := calm(c.changes...)
		withQuorums(&in)
		c.belt(&in)
		if got := reasonOf(t, gate.Check(in), c.rule); got != c.want {
			t.Errorf("%s says\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// TestABeltHoldsFromItsNumberOn: at the limit nothing is said, one above it is.
func TestABeltHoldsFromItsNumberOn(t *testing.T) {
	t.Parallel()
	ref := resource.Ref{ID: keyID("validator-9"), Output: "address"}
	in := func(changes ...plan.Change) gate.Input {
		in := calm(changes...)
		withQuorums(&in)
		in.Plan.Resolved = map[string]string{ref.String(): "0xB"}
		in.Widened = []gate.Gain{{"user/a", "kms:Sign", "key/1"}}
		return in
	}
	all := func(n int) gate.Belts {
		return gate.Belts{UpdateShare: 100, DeleteShare: 100, Updates: limit(n), Deletes: limit(n), KeysRetired: limit(n), AccessWidened: limit(n), ThresholdMove: limit(n), MemberMoves: limit(n)}
	}
	one := in(change("a", plan.Update, "tag"), change("b", plan.Delete, "tag"), repoint(1, 2, list("ab"), list("a")))
	one.Governance.Belts = all(0)
	want := []string{"refuse belt-access", "refuse belt-deletes", "refuse belt-keys", "refuse belt-members validator-set/fuji/sepolia", "refuse belt-threshold validator-set/fuji/sepolia", "refuse belt-updates"}
	if d := cmp.Diff(want, keys(gate.Check(one).Findings)); d != "" {
		t.Errorf("where nothing may happen:\n%s", d)
	}
	one.Governance.Belts = all(2)
	if got := said(gate.Check(one).Findings); len(got) != 0 {
		t.Errorf("within limits: %v", got)
	}
	one.Governance.Belts = gate.Belts{UpdateShare: 100, DeleteShare: 100}
	if got := said(gate.Check(one).Findings); len(got) != 0 {
		t.Errorf("without limits: %v", got)
	}
	for name, c := range map[string]struct {
		change plan.Change
		want   []string
	}{
		"case and order are no move": {repoint(2, 2, list("abc"), list("CBA")), []string{}},
		"a ref is its address":       {repoint(2, 2, list("ab"), []any{"0xA", ref}), []string{}},
		"a ref that nobody knows yet joins": {repoint(2, 2, list("a"), []any{"0xA", resource.Ref{ID: keyID("new"), Output: "address"}}),
			[]string{"refuse belt-members validator-set/fuji/sepolia"}},
		"a threshold that is no number moves too far": {but(repoint(2, 2, list("a"), list("a")), func(c *plan.Change) { c.After["threshold"] = "two" }),
			[]string{"refuse belt-threshold validator-set/fuji/sepolia"}},
		"what is not managed does not move":        {but(repoint(2, 5, list("a"), list("bc")), func(c *plan.Change) { c.After = resource.Attrs{"other": "x"} }), []string{}},
		"what was no quorum is made, not moved":    {but(repoint(2, 5, list("a"), list("bc")), func(c *plan.Change) { c.Before.Attrs = resource.Attrs{"ism": "0x1"} }), []string{}},
		"what was not there is made, not moved":    {but(repoint(2, 5, list("a"), list("bc")), func(c *plan.Change) { c.Before, c.Action = nil, plan.Create }), []string{}},
		"a kind without a quorum has no threshold": {but(repoint(2, 5, list("a"), list("bc")), func(c *plan.Change) { c.ID.Kind = "other" }), []string{}},
	} {
		in := in(c.change)
		in.Governance.Belts.ThresholdMove, in.Governance.Belts.MemberMoves = limit(0), limit(0)
		if d := cmp.Diff(c.want, keys(gate.Check(in).Findings)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func but(c plan.Change, disturb func(*plan.Change)) plan.Change {
	disturb(&c)
	return c
}

func TestUnsignedCommitsAskForOneApprovalMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   plan.Change
		unsigned int
		want     int
		noted    []string
	}{
		"signed":                        {change("a", plan.Update, "enable"), 0, 1, []string{}},
		"unsigned":                      {change("a", plan.Update, "enable"), 3, 2, []string{"note unsigned-commits"}},
		"unsigned, and nobody is asked": {change("a", plan.Update, "tag"), 3, 0, []string{}},
	} {
		in := calm(c.change)
		in.Plan.Revision.Unsigned = c.unsigned
		v := gate.Check(in)
		if v.Requires.Approvals != c.want {
			t.Errorf("%s: %d approvals, want %d", name, v.Requires.Approvals, c.want)
		}
		if d := cmp.Diff(c.noted, said(v.Findings)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		// A plan that states one less is forged.
		v.Apply(in.Plan)
		in.Plan.Requires.Approvals--
		if err := v.Agrees(in.Plan); c.want > 0 && err == nil {
			t.Errorf("%s: a plan that asks for fewer agrees", name)
		}
	}
}

func TestOnlyKeysAreRetired(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "1", "1"))
	withQuorums(&in)
	in.Plan.Changes[0].Action, in.Plan.Changes[0].Steps = plan.Delete, []resource.Step{{Op: "top-up", ID: walletID("relayer")}}
	in.Governance.Belts.KeysRetired = limit(0)
	if refuses(gate.Check(in), "belt-keys") {
		t.Error("a wallet counts as a key")
	}
}

// TestADraftHasNoneOfTheGatesOwnFindings: apply judges again, and what the gate
// said before must not count twice, or stay when it is over.
func TestADraftHasNoneOfTheGatesOwnFindings(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5000) {
		in := randomInput(seed)
		drafted := map[string]bool{}
		for _, f := range in.Plan.Findings {
			drafted[f.Rule] = true
		}
		for _, f := range gate.Without(gate.Check(in).Findings) {
			if !drafted[f.Rule] {
				t.Fatalf("seed %d: %s stays", seed, f.Rule)
			}
		}
	}
}
