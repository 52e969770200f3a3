package funding

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// check judges whether the banks can pay, and names what must not be paid.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	live := map[resource.ID]kind.Object[Spec]{}
	for _, o := range observed {
		live[o.ID] = o
	}
	var found []resource.Finding
	byNetwork := map[string][]kind.Object[Spec]{}
	for _, want := range desired {
		have, there := live[want.ID]
		found = append(found, checkWallet(want, have, there, facts)...)
		if !there || have.Spec.CoveredBy == "" {
			byNetwork[want.Spec.Network] = append(byNetwork[want.Spec.Network], want)
		}
	}
	for _, network := range slices.Sorted(maps.Keys(byNetwork)) {
		found = append(found, checkBank(network, byNetwork[network], live, resource.FactsOf(facts, networkID(network)))...)
	}
	return found
}

func checkWallet(want, have kind.Object[Spec], there bool, facts []resource.Fact) []resource.Finding {
	var found []resource.Finding
	if l, ok := limits(want.Spec, ""); ok && l.ceiling.Cmp(l.floor) < 0 {
		c := coinOf(resource.FactsOf(facts, networkID(want.Spec.Network))[factCoin])
		found = append(found, resource.Finding{
			Rule: "cap-below-floor", Severity: resource.Refuse, ID: want.ID,
			Reason: fmt.Sprintf("one payment may move %s, the floor is %s: an empty wallet could never be filled", c.format(l.ceiling), c.format(l.floor)),
			Hint:   "raise caps.transaction or lower the floor at " + where(want),
		})
	}
	if !there {
		return found
	}
	if pin := want.Spec.Pin; pin != "" && pin != PinMissing && common.HexToAddress(pin) != common.HexToAddress(have.Spec.To.Literal) {
		found = append(found, resource.Finding{
			Rule: "pin-mismatch", Severity: resource.Refuse, ID: want.ID,
			Reason: fmt.Sprintf("the key's address is %s, addresses.json pins %s", have.Spec.To.Literal, pin),
			Hint:   "find out who moved the key; a rotation is a reviewed change of addresses.json",
		})
	}
	if resource.FactsOf(facts, want.ID)[factCode] != "" {
		found = append(found, resource.Finding{
			Rule: "recipient-has-code", Severity: resource.Refuse, ID: want.ID,
			Reason: have.Spec.To.Literal + " has code: the wallet of a key has none",
			Hint:   "if that is meant, declare the address itself under funding." + want.Spec.Network + ".wallets",
		})
	}
	if burned := resource.FactsOf(facts, want.ID)[factBurned]; burned != "" {
		found = append(found, resource.Finding{
			Rule: "burn-exceeded", Severity: resource.Acknowledge, ID: want.ID,
			Reason: burned + "; it is not refilled by itself",
			Hint:   "find out what drained it, then raise burnPerDay at " + where(want),
		})
	}
	return found
}

// checkBank compares what all wallets of a network need with what the bank
// may give.
func checkBank(network string, desired []kind.Object[Spec], live map[resource.ID]kind.Object[Spec], facts map[string]string) []resource.Finding {
	var found []resource.Finding
	if flying := facts[factInFlight]; flying != "" {
		found = append(found, resource.Finding{
			Rule: "in-flight", Severity: resource.Note, ID: networkID(network),
			Reason: fmt.Sprintf("the bank has %s transactions that are not mined yet; nothing is paid until they are", flying),
		})
	}
	balance, known := number(facts[factBankBalance])
	fee, okFee := number(facts[factFeeCeiling])
	if !known || !okFee {
		return found
	}
	c := coinOf(facts[factCoin])
	send, fees, reserve := new(big.Int), new(big.Int), new(big.Int)
	address := ""
	for _, want := range desired {
		l, ok := limits(want.Spec, live[want.ID].Spec.Balance.Wei)
		if amount := new(big.Int); ok && amount.Set(l.need()).Sign() > 0 {
			send.Add(send, amount)
			fees.Add(fees, fee)
		}
		if r, ok := number(want.Spec.Reserve); ok {
			reserve = r
		}
		if want.Spec.BankAddress != nil {
			address = want.Spec.BankAddress.String()
		}
	}
	must := new(big.Int).Add(send, fees)
	must.Add(must, reserve)
	if send.Sign() == 0 || balance.Cmp(must) >= 0 {
		return found
	}
	return append(found, resource.Finding{
		Rule: "bank-short", Severity: resource.Refuse, ID: networkID(network),
		Reason: fmt.Sprintf("bank %s: balance %s, needs %s (%s to send, %s fees; reserve %s)",
			address, c.format(balance), c.format(must), c.format(send), c.format(fees), c.format(reserve)),
		Hint: fmt.Sprintf("send at least %s to the bank on %s, or lower the targets at %s", c.format(new(big.Int).Sub(must, balance)), network, where(desired[0])),
	})
}

func where(o kind.Object[Spec]) string {
	if len(o.Why) == 0 {
		return "its declaration"
	}
	return o.Why[0].String()
}
