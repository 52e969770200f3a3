package funding

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// params are what Prepare needs; from and to are addresses by then. No amount
// that was computed from a balance is among them.
type params struct {
	Network string         `json:"network"`
	Bank    string         `json:"bank"`
	From    resource.Value `json:"from"`
	To      resource.Value `json:"to"`
	Floor   string         `json:"floor"`
	Target  string         `json:"target"`
	Ceiling string         `json:"ceiling"`
}

func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	if after == nil {
		return nil, fmt.Errorf("%s: money is never taken back", before.ID)
	}
	v, err := judge(*after, before, resource.FactsOf(facts, networkID(after.ID.Scope)), resource.FactsOf(facts, after.ID))
	if err != nil {
		return nil, err
	}
	if v.wait != "" {
		return nil, &kind.DeferredError{Reason: v.wait}
	}
	if !v.low {
		return nil, nil
	}
	t := after.Spec.Terms
	encoded, err := resource.Encode(params{
		Network: after.ID.Scope, Bank: t.Bank, From: t.From, To: after.Spec.To,
		Floor: v.floor.String(), Target: v.target.String(), Ceiling: v.ceiling.String(),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", after.ID, err)
	}
	return []resource.Step{{
		Op: transfer, ID: after.ID, Params: encoded,
		Pre:         []resource.Precondition{{ID: after.ID, Path: "balance.wei", Op: resource.AtMost, Value: new(big.Int).Sub(v.floor, big.NewInt(1)).String()}},
		Annotations: resource.Attrs{"say": []any{says(v, t), promises(v, t)}},
		Spend:       &resource.Spend{Network: after.ID.Scope, From: t.BankID, Wei: v.ceiling.String(), Fee: v.fee.String()},
		Lane:        after.ID.Scope + "/" + t.Bank,
	}}, nil
}

func says(v verdict, t *Terms) string {
	return fmt.Sprintf("balance %s below floor %s", bare(v.wei, t), coins(v.floor, t))
}

func promises(v verdict, t *Terms) string {
	amount := v.amount()
	return fmt.Sprintf("send ≤ %s, then %s", coins(amount, t), bare(new(big.Int).Add(v.wei, amount), t))
}

// check judges all wallets, and each bank against what all of them need.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	index := map[resource.ID]map[string]string{}
	for _, f := range facts {
		if index[f.ID] == nil {
			index[f.ID] = map[string]string{}
		}
		index[f.ID][f.Name] = f.Value
	}
	live := map[resource.ID]*kind.Object[Spec]{}
	for i := range observed {
		live[observed[i].ID] = &observed[i]
	}
	c := checker{index: index, banks: map[string]*demand{}}
	sorted := slices.Clone(desired)
	slices.SortFunc(sorted, func(a, b kind.Object[Spec]) int { return a.ID.Compare(b.ID) })
	for _, want := range sorted {
		c.wallet(want, live[want.ID])
	}
	for _, network := range slices.Sorted(maps.Keys(c.banks)) {
		c.bank(network, c.banks[network])
	}
	slices.SortFunc(c.out, resource.Finding.Compare)
	return slices.Compact(c.out)
}

type checker struct {
	index map[resource.ID]map[string]string
	banks map[string]*demand
	out   []resource.Finding
}

// demand is what one bank must be able to pay.
type demand struct {
	amounts, fees *big.Int
	wallets       int
	first         kind.Object[Spec]
}

func (c *checker) wallet(want kind.Object[Spec], have *kind.Object[Spec]) {
	network := c.index[networkID(want.ID.Scope)]
	if network[factBlock] == "" {
		return // nothing of this network was read
	}
	v, err := judge(want, have, network, c.index[want.ID])
	if err != nil {
		c.add(ruleLevels, resource.Refuse, want.ID, "", "%s", err)
		return
	}
	t := want.Spec.Terms
	c.out = append(c.out, v.fails...)
	if v.lost != nil {
		c.add(RuleBurn, resource.Acknowledge, want.ID, "look where it went, then acknowledge "+RuleBurn+" of "+want.ID.String()+" in a reviewed line",
			"balance %s: it lost %s in %s, its declared burn allows %s with a day's grace", coins(v.wei, t), coins(v.lost, t), v.since, coins(v.allowed, t))
	}
	if have != nil && have.Spec.CoveredBy != "" {
		c.add(ruleShared, resource.Note, want.ID, "", "%s has the same address %s and is filled in its place", have.Spec.CoveredBy, have.Spec.To)
	}
	if n := network[factInFlight]; n != "" {
		c.add(ruleInFlight, resource.Note, networkID(want.ID.Scope), "",
			"%s transactions of bank %s are in flight (next nonce %s): nothing is paid until they are mined", n, network[factBank], network[factNonce])
	}
	if !v.low || v.wait != "" {
		return
	}
	d := c.banks[want.ID.Scope]
	if d == nil {
		d = &demand{amounts: new(big.Int), fees: new(big.Int), first: want}
		c.banks[want.ID.Scope] = d
	}
	d.amounts.Add(d.amounts, v.amount())
	d.fees.Add(d.fees, v.fee)
	d.wallets++
}

// bank refuses a plan that the bank cannot pay in full: paying some by luck of
// order would leave it to chance who runs dry.
func (c *checker) bank(network string, d *demand) {
	facts := c.index[networkID(network)]
	t := d.first.Spec.Terms
	have := decimalOr(facts[factHolds], new(big.Int))
	reserve := decimalOr(t.Reserve, new(big.Int))
	need := new(big.Int).Add(d.amounts, d.fees)
	need.Add(need, reserve)
	if have.Cmp(need) >= 0 {
		return
	}
	missing := new(big.Int).Sub(need, have)
	c.add(ruleBank, resource.Refuse, networkID(network),
		fmt.Sprintf("send at least %s (%s wei) to %s, or lower the target%s", coins(missing, t), missing, facts[factBank], source(d.first)),
		"bank %s %s: balance %s, needs %s (%s to send to %d wallets, %s fees, reserve %s)",
		t.Bank, facts[factBank], coins(have, t), coins(need, t), coins(d.amounts, t), d.wallets, coins(d.fees, t), coins(reserve, t))
}

func (c *checker) add(rule string, severity resource.Severity, id resource.ID, hint, format string, args ...any) {
	c.out = append(c.out, resource.Finding{Rule: rule, Severity: severity, ID: id, Reason: fmt.Sprintf(format, args...), Hint: hint})
}
