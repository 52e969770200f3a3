package gate

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// wayOut is what an operator can do about a money belt.
const wayOut = "lower the targets, or raise the cap in a reviewed commit and apply that first"

// outflow is what may leave one network's bank: value and fee, in wei.
type outflow struct{ wei, fee *big.Int }

func (o outflow) total() *big.Int { return new(big.Int).Add(o.wei, o.fee) }

// spend sums what the steps may move, network by network, and holds the money
// belts. Value and fee count together: both leave the bank.
func (j *judge) spend() {
	out := map[string]outflow{}
	for _, c := range j.in.Plan.Changes {
		for _, s := range c.Steps {
			if s.Spend == nil {
				continue
			}
			wei, weiOK := decimal(s.Spend.Wei)
			fee, feeOK := decimal(s.Spend.Fee)
			if !weiOK || !feeOK || s.Spend.Network == "" {
				j.find("belt-transaction", resource.Refuse, c.ID,
					fmt.Sprintf("step %s may spend %q wei and %q wei fee on network %q: these cannot be counted", s.Op, s.Spend.Wei, s.Spend.Fee, s.Spend.Network), "")
				continue
			}
			j.transaction(c.ID, s.Spend.Network, outflow{wei, fee})
			sum, ok := out[s.Spend.Network]
			if !ok {
				sum = outflow{new(big.Int), new(big.Int)}
			}
			sum.wei.Add(sum.wei, wei)
			sum.fee.Add(sum.fee, fee)
			out[s.Spend.Network] = sum
		}
	}
	for _, network := range slices.Sorted(maps.Keys(out)) {
		j.v.Spend = append(j.v.Spend, plan.Spend{Network: network, Wei: out[network].wei.String(), Fee: out[network].fee.String()})
		j.network(network, out[network])
	}
}

// limits in force: those of the last applied commit. A network that it did not
// have is judged by the limits under review, and what is paid there is sensitive.
func (j *judge) limits(network string) (Limits, bool) {
	if j.in.HasAnchor {
		if limits, ok := j.in.Applied.Limits[network]; ok {
			return limits, true
		}
	}
	limits, ok := j.in.Planned.Limits[network]
	return limits, ok
}

func (j *judge) transaction(id resource.ID, network string, out outflow) {
	limits, _ := j.limits(network)
	need := out.total()
	if limits.CapTransaction != nil && need.Cmp(limits.CapTransaction) > 0 {
		j.find("belt-transaction", resource.Refuse, id,
			fmt.Sprintf("one transaction may take %s, fee included, out of the bank; the cap for one is %s",
				j.amount(network, need), j.amount(network, limits.CapTransaction)), wayOut)
	}
}

func (j *judge) network(network string, out outflow) {
	id := resource.ID{Kind: "network", Scope: network, Name: network}
	limits, ok := j.limits(network)
	if !ok {
		j.find("belt-plan", resource.Refuse, id,
			fmt.Sprintf("the plan may take %s out of a bank for which no caps are declared", j.amount(network, out.total())),
			"declare funding caps for the network")
		return
	}
	need := out.total()
	if limits.CapPlan != nil && need.Cmp(limits.CapPlan) > 0 {
		j.find("belt-plan", resource.Refuse, id,
			fmt.Sprintf("the plan may take %s, fees included, out of the bank; the cap for one plan is %s",
				j.amount(network, need), j.amount(network, limits.CapPlan)), wayOut)
	}
	spent := j.in.Ledger.SpentDay[network]
	if spent == nil {
		spent = new(big.Int)
	}
	day := new(big.Int).Add(spent, need)
	if limits.CapDay != nil && day.Cmp(limits.CapDay) > 0 {
		j.find("belt-day", resource.Refuse, id,
			fmt.Sprintf("%s left the bank in the last 24 hours and the plan may take %s, fees included: %s together; the cap for a day is %s",
				j.amount(network, spent), j.amount(network, need), j.amount(network, day), j.amount(network, limits.CapDay)),
			"wait until the earlier payments are a day old, "+wayOut)
	}
}

func onlyMoving(traits resource.Traits, c plan.Change) bool {
	if len(c.Fields) == 0 {
		return false
	}
	return !slices.ContainsFunc(c.Fields, func(f plan.FieldChange) bool { return !slices.Contains(traits.Moving, f.Path) })
}

// amount prints wei exactly, and in coins where the network's unit is known.
func (j *judge) amount(network string, wei *big.Int) string {
	unit, ok := j.in.Units[network]
	if !ok || unit.Decimals < 0 {
		return wei.String() + " wei"
	}
	return fmt.Sprintf("%s wei (%s %s)", wei, Coins(wei, unit.Decimals), unit.Symbol)
}

// Coins prints an amount of the smallest unit in whole coins, exactly and
// without trailing zeros.
func Coins(wei *big.Int, decimals int) string {
	digits := new(big.Int).Abs(wei).String()
	if pad := decimals + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	whole, fraction := digits[:len(digits)-decimals], strings.TrimRight(digits[len(digits)-decimals:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	if wei.Sign() < 0 {
		whole = "-" + whole
	}
	return whole
}
