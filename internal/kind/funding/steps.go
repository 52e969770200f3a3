package funding

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Params are what a transfer rests on: where to, between which levels, and the
// most it may move. The amount is not in it: it follows from the live balance.
type Params struct {
	Network string         `json:"network"`
	To      resource.Value `json:"to"`
	Bank    string         `json:"bank"`
	// BankAddress is who pays.
	BankAddress resource.Value `json:"bankAddress"`
	Floor       string         `json:"floor"`
	Target      string         `json:"target"`
	Ceiling     string         `json:"ceiling"`
	Reserve     string         `json:"reserve"`
	Literal     bool           `json:"literal,omitempty"`
}

// steps pays once. Nothing is paid while the bank has transactions in flight,
// to an address that is not pinned where pins are asked for, or to a wallet
// that loses more than it may.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	if after == nil {
		return nil, fmt.Errorf("nothing is ever taken back")
	}
	want := after.Spec
	network := resource.FactsOf(facts, networkID(want.Network))
	wei := ""
	if before != nil {
		wei = before.Spec.Balance.Wei
	}
	if reason := later(after, before, facts, network); reason != "" {
		return nil, &kind.DeferredError{Reason: reason}
	}
	l, ok := limits(want, wei)
	if !ok || want.BankAddress == nil {
		return nil, fmt.Errorf("floor, target, ceiling and bank must be stated")
	}
	params, err := resource.Encode(Params{
		Network: want.Network, To: want.To, Bank: want.Bank, BankAddress: *want.BankAddress,
		Floor: want.Balance.Floor, Target: want.Balance.Target, Ceiling: want.Ceiling, Reserve: want.Reserve, Literal: want.Literal,
	})
	if err != nil {
		return nil, err
	}
	c := coinOf(network[factCoin])
	fee := network[factFeeCeiling]
	if fee == "" {
		fee = "0" // the bank does not exist yet: the change waits for it anyway
	}
	return []resource.Step{{
		Op: OpTransfer, ID: after.ID, Params: params, Lane: want.Network + "/" + want.Bank,
		Annotations: resource.Attrs{"amount": l.need().String(), "say": say(l, c)},
		Spend:       &resource.Spend{Network: want.Network, From: want.BankID, Wei: want.Ceiling, Fee: fee},
	}}, nil
}

// later says why a payment has to wait, or nothing.
func later(after, before *kind.Object[Spec], facts []resource.Fact, network map[string]string) string {
	switch pin := after.Spec.Pin; {
	case pin == PinMissing && before == nil:
		return "the key is not there yet: its address must be pinned in addresses.json before it may be paid"
	case pin == PinMissing:
		return fmt.Sprintf("the address is not pinned: add %q: %q to addresses.json", after.ID.Name, before.Spec.To.Literal)
	case pin != "" && before != nil && common.HexToAddress(pin) != common.HexToAddress(before.Spec.To.Literal):
		return "addresses.json pins another address"
	}
	if flying := network[factInFlight]; flying != "" {
		return fmt.Sprintf("the bank has %s transactions in flight on %s", flying, after.Spec.Network)
	}
	if burned := resource.FactsOf(facts, after.ID)[factBurned]; burned != "" {
		return burned
	}
	return ""
}

// say tells the reader what will be sent, in coins.
func say(l level, c coin) []any {
	return []any{
		fmt.Sprintf("balance %s below floor %s", c.format(l.wei), c.format(l.floor)),
		fmt.Sprintf("send ≤ %s, then %s", c.format(l.need()), c.format(new(big.Int).Add(l.wei, l.need()))),
	}
}
