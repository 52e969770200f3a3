package gate_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestMoneyBeltsCountValueAndFee(t *testing.T) {
	t.Parallel()
	two := func(a, feeA, b, feeB string) []plan.Change {
		return []plan.Change{pay("relayer", relayer, a, feeA), pay("validator", relayer, b, feeB)}
	}
	for name, c := range map[string]struct {
		changes []plan.Change
		spent   int64
		want    []string
	}{
		"exactly at every cap":            {two("98", "2", "49", "1"), 50, nil},
		"one wei of fee over one payment": {two("98", "3", "1", "1"), 0, []string{"refuse belt-transaction funding/fuji/relayer"}},
		"one wei over a plan":             {two("98", "2", "50", "1"), 0, []string{"refuse belt-plan network/fuji/fuji"}},
		"one wei over a day":              {two("98", "2", "49", "1"), 51, []string{"refuse belt-day network/fuji/fuji"}},
		"all three": {two("99", "2", "50", "1"), 50,
			[]string{"refuse belt-day network/fuji/fuji", "refuse belt-plan network/fuji/fuji", "refuse belt-transaction funding/fuji/relayer"}},
		"an amount that is no number":   {two("1e3", "0", "1", "0"), 0, []string{"refuse belt-transaction funding/fuji/relayer"}},
		"a negative amount":             {two("-50", "0", "1", "0"), 0, []string{"refuse belt-transaction funding/fuji/relayer"}},
		"a fee that is no number":       {two("50", "", "1", "0"), 0, []string{"refuse belt-transaction funding/fuji/relayer"}},
		"more than any machine integer": {two("1"+strings.Repeat("0", 40), "0", "1", "0"), 0, []string{"refuse belt-day network/fuji/fuji", "refuse belt-plan network/fuji/fuji", "refuse belt-transaction funding/fuji/relayer"}},
	} {
		in := calm(c.changes...)
		in.Ledger.SpentDay = map[string]*big.Int{"fuji": wei(c.spent), "sepolia": wei(1 << 60)}
		v := gate.Check(in)
		if d := cmp.Diff(append([]string{}, c.want...), said(v.Findings)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func TestMoneyBeltsSayHaveAndNeed(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "155", "1"))
	in.Ledger.SpentDay = map[string]*big.Int{"fuji": wei(50)}
	v := gate.Check(in)
	for rule, want := range map[string]string{
		"belt-transaction": "one transaction may take 156 wei (1.56 AVAX), fee included, out of the bank; the cap for one is 100 wei (1 AVAX)",
		"belt-plan":        "the plan may take 156 wei (1.56 AVAX), fees included, out of the bank; the cap for one plan is 150 wei (1.5 AVAX)",
		"belt-day": "50 wei (0.5 AVAX) left the bank in the last 24 hours and the plan may take 156 wei (1.56 AVAX), fees included: " +
			"206 wei (2.06 AVAX) together; the cap for a day is 200 wei (2 AVAX)",
	} {
		if got := reasonOf(t, v, rule); got != want {
			t.Errorf("%s says\n%s\nwant\n%s", rule, got, want)
		}
	}
	in.Units = nil
	if got := reasonOf(t, gate.Check(in), "belt-plan"); !strings.HasPrefix(got, "the plan may take 156 wei, fees") {
		t.Errorf("without a unit: %s", got)
	}
}

func TestTheCapsOfTheLastAppliedCommitHold(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "120", "0"))
	in.Planned.Limits = map[string]gate.Limits{"fuji": {CapTransaction: wei(1000), CapPlan: wei(1000), CapDay: wei(1000), Reserve: wei(5)}}
	v := gate.Check(in)
	if d := cmp.Diff([]string{"refuse belt-transaction funding/fuji/relayer"}, said(v.Findings)); d != "" {
		t.Errorf("a cap raised in the same change counts: %s", d)
	}
	in.Applied.Limits = nil
	v = gate.Check(in)
	if len(v.Findings) != 0 || v.Risks[walletID("relayer")] != resource.Sensitive {
		t.Errorf("a new network: %v, %s", said(v.Findings), v.Risks[walletID("relayer")])
	}
	in.Planned.Limits = nil
	if d := cmp.Diff([]string{"refuse belt-plan network/fuji/fuji"}, said(gate.Check(in).Findings)); d != "" {
		t.Errorf("no caps at all: %s", d)
	}
}

func TestShareBeltsCountFromTheSmallestEnvironmentUp(t *testing.T) {
	t.Parallel()
	of := func(updates, deletes, creates, topUps int) []plan.Change {
		var all []plan.Change
		for i := range updates {
			all = append(all, change(fmt.Sprint("u", i), []plan.Action{plan.Update, plan.Replace, plan.Propose}[i%3], "tag"))
		}
		for i := range deletes {
			all = append(all, change(fmt.Sprint("d", i), plan.Delete, "disable"))
		}
		for i := range creates {
			all = append(all, change(fmt.Sprint("c", i), plan.Create, "create-key"))
		}
		for i := range topUps {
			c := pay(fmt.Sprint("w", i), relayer, "0", "0")
			all = append(all, c)
		}
		return all
	}
	for name, c := range map[string]struct {
		changes []plan.Change
		total   int
		want    []string
	}{
		"at both limits":                {of(30, 10, 0, 0), 100, nil},
		"one update over":               {of(31, 0, 0, 0), 100, []string{"refuse belt-update-share"}},
		"one delete over":               {of(0, 11, 0, 0), 100, []string{"refuse belt-delete-share"}},
		"creating is not touching":      {of(0, 0, 100, 0), 100, nil},
		"top-ups have their own belts":  {of(0, 0, 0, 60), 100, nil},
		"nine resources are too few":    {of(9, 0, 0, 0), 9, nil},
		"ten are enough":                {of(4, 0, 0, 0), 10, []string{"refuse belt-update-share"}},
		"a third of a percent is much":  {of(4, 0, 0, 0), 13, []string{"refuse belt-update-share"}},
		"no more than there are, twice": {of(20, 20, 0, 0), 10, []string{"refuse belt-delete-share", "refuse belt-update-share"}},
	} {
		in := calm(c.changes...)
		in.Total = c.total
		for _, ch := range c.changes {
			in.Applied.Wallets["fuji/"+ch.ID.Name], in.Planned.Wallets["fuji/"+ch.ID.Name] = gate.Wallet{}, gate.Wallet{}
		}
		if d := cmp.Diff(append([]string{}, c.want...), said(gate.Check(in).Findings)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	all := calm(of(0, 20, 0, 0)...)
	all.Total, all.Governance.Belts.DeleteShare = 10, 100
	if found := said(gate.Check(all).Findings); len(found) > 0 {
		t.Errorf("more goes than is declared, all of which may: %v", found)
	}
	in := calm(of(4, 0, 0, 0)...)
	in.Total = 13
	v := gate.Check(in)
	if got, want := reasonOf(t, v, "belt-update-share"), "the plan updates 4 of 13 resources (31%), the limit is 30%"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	if hint := v.Findings[0].Hint; !strings.Contains(hint, "belts.updateShare") || !strings.Contains(hint, "reviewed line") {
		t.Errorf("hint %q names no way out", hint)
	}
	in.Total, in.Governance.Belts = 0, gate.Belts{}
	if got, want := reasonOf(t, gate.Check(in), "belt-update-share"), "the plan updates 4 of 0 resources (all), the limit is 0%"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
}

func TestCoinsAreExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wei      string
		decimals int
		want     string
	}{
		{"0", 18, "0"},
		{"1", 18, "0.000000000000000001"},
		{"1000000000000000000", 18, "1"},
		{"1500000000000000000", 18, "1.5"},
		{"123456789", 6, "123.456789"},
		{"123456789", 0, "123456789"},
		{"-1500", 3, "-1.5"},
		{"1" + strings.Repeat("0", 40), 18, "1" + strings.Repeat("0", 22)},
	} {
		n, _ := new(big.Int).SetString(c.wei, 10)
		if got := gate.Coins(n, c.decimals); got != c.want {
			t.Errorf("%s with %d decimals is %s, want %s", c.wei, c.decimals, got, c.want)
		}
	}
}
