package gate

import (
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Standing is what funding may do by itself at one commit.
type Standing struct {
	// Limits by network.
	Limits map[string]Limits
	// Wallets by network/name, where name is the funding resource's.
	Wallets map[string]Wallet
}

// Limits bound what may leave a network's bank, value and fee together, in
// wei. A nil cap is no limit.
type Limits struct {
	CapTransaction, CapPlan, CapDay *big.Int
	// Reserve stays in the bank; nil is nothing. It is the funding kind that
	// holds it; here only its lowering counts.
	Reserve *big.Int
}

// Wallet is one recipient, amounts in wei.
type Wallet struct {
	Floor, Target *big.Int
	// Bank is the name of the key that pays.
	Bank string
}

// raise is one number that lets more money out than before.
type raise struct{ path, before, after string }

// raises lists what lets more out of the bank under the later limits.
func (l Limits) raises(later Limits) []raise {
	var all []raise
	for _, c := range []struct {
		path          string
		before, after *big.Int
	}{
		{"capDay", l.CapDay, later.CapDay}, {"capPlan", l.CapPlan, later.CapPlan}, {"capTransaction", l.CapTransaction, later.CapTransaction},
	} {
		if c.before != nil && (c.after == nil || c.after.Cmp(c.before) > 0) {
			all = append(all, raise{c.path, number(c.before), number(c.after)})
		}
	}
	if l.Reserve != nil && (later.Reserve == nil || later.Reserve.Cmp(l.Reserve) < 0) {
		all = append(all, raise{"reserve", number(l.Reserve), number(later.Reserve)})
	}
	return all
}

// raises lists what lets more reach the wallet, or takes it from another bank.
func (w Wallet) raises(later Wallet) []raise {
	var all []raise
	if w.Bank != later.Bank {
		all = append(all, raise{"bank", w.Bank, later.Bank})
	}
	for _, c := range []struct {
		path          string
		before, after *big.Int
	}{{"floor", w.Floor, later.Floor}, {"target", w.Target, later.Target}} {
		if c.after != nil && (c.before == nil || c.after.Cmp(c.before) > 0) {
			all = append(all, raise{c.path, number(c.before), number(c.after)})
		}
	}
	return all
}

func number(n *big.Int) string {
	if n == nil {
		return ""
	}
	return n.String()
}

// ruleChanges lists what the plan's commit changes about its own judges: the
// governance as a whole (destructive), and per network whatever lets more money
// out (sensitive), paid in this plan or not. Without a last applied commit there
// is nothing to differ from.
func (j *judge) ruleChanges() []plan.Change {
	if !j.in.HasAnchor {
		return nil
	}
	var changes []plan.Change
	env := j.in.Plan.Environment
	if j.in.AppliedGovernance != j.in.PlannedGovernance {
		changes = append(changes, ruleChange(resource.ID{Kind: plan.GovernanceKind, Scope: env, Name: env}, resource.Destructive,
			[]raise{{"governance", j.in.AppliedGovernance, j.in.PlannedGovernance}}))
	}
	changes = append(changes, j.pinChanges()...)
	byNetwork := map[string][]raise{}
	for network, later := range j.in.Planned.Limits {
		before, had := j.in.Applied.Limits[network]
		if !had {
			byNetwork[network] = append(byNetwork[network], raise{"network", "", network})
			continue
		}
		byNetwork[network] = append(byNetwork[network], before.raises(later)...)
	}
	for name, later := range j.in.Planned.Wallets {
		network, wallet, _ := strings.Cut(name, "/")
		before, had := j.in.Applied.Wallets[name]
		raised := before.raises(later)
		if !had && len(raised) == 0 {
			raised = []raise{{"target", "", number(later.Target)}}
		}
		for _, r := range raised {
			byNetwork[network] = append(byNetwork[network], raise{"wallets." + wallet + "." + r.path, r.before, r.after})
		}
	}
	for _, network := range slices.Sorted(maps.Keys(byNetwork)) {
		if raised := byNetwork[network]; len(raised) > 0 {
			changes = append(changes, ruleChange(resource.ID{Kind: plan.GovernanceKind, Scope: env, Name: "funding/" + network}, resource.Sensitive, raised))
		}
	}
	return changes
}

func ruleChange(id resource.ID, risk resource.Risk, raised []raise) plan.Change {
	slices.SortFunc(raised, func(a, b raise) int { return strings.Compare(a.path, b.path) })
	c := plan.Change{
		ID: id, Action: plan.Update, Risk: risk, Cause: plan.FromConfig,
		Before: &plan.State{Attrs: resource.Attrs{}}, After: resource.Attrs{},
		Fields: []plan.FieldChange{}, Steps: []resource.Step{}, Why: []resource.Source{},
	}
	for _, r := range raised {
		field := plan.FieldChange{Path: r.path}
		if r.before != "" {
			field.Before, c.Before.Attrs[r.path] = r.before, r.before
		}
		if r.after != "" {
			field.After, c.After[r.path] = r.after, r.after
		}
		c.Fields = append(c.Fields, field)
	}
	return c
}
