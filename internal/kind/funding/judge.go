package funding

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// verdict is what Check and Steps both conclude of one wallet.
type verdict struct {
	// low: below its floor and not covered; it would be paid.
	low bool
	// wei is the balance; floor and target are the declared ones.
	wei, floor, target *big.Int
	// ceiling is the most to send, fee the most that it may cost.
	ceiling, fee *big.Int
	// wait is why it cannot be paid in this plan; empty: it can.
	wait string
	// lost, in which time and how much was allowed, when it lost too much.
	lost, allowed *big.Int
	since         time.Duration
	// fails are rules that forbid to pay it, with their reasons.
	fails []resource.Finding
}

// amount is what would be sent with the balance of now.
func (v verdict) amount() *big.Int {
	return least(new(big.Int).Sub(v.target, v.wei), v.ceiling)
}

// RuleBurn is the finding that a wallet lost more than it declares to burn.
const RuleBurn = "burn-exceeded"

// The other rules of findings.
const (
	ruleBank     = "bank-short"
	ruleInFlight = "in-flight"
	ruleCode     = "recipient-has-code"
	ruleLevels   = "target-below-floor"
	rulePin      = "pin-mismatch"
	ruleCap      = "cap-below-floor"
	ruleFee      = "fee-above-amount"
	ruleSelf     = "bank-pays-itself"
	ruleShared   = "shared-address"
)

// judge looks at one wallet. have is nil when its key does not exist yet: it
// will then be empty.
func judge(want kind.Object[Spec], have *kind.Object[Spec], network, wallet map[string]string) (verdict, error) {
	v := verdict{wei: new(big.Int)}
	t := want.Spec.Terms
	if t == nil || want.Spec.Balance == nil {
		return v, fmt.Errorf("%s: no terms or no balance is declared", want.ID)
	}
	var floorOK, targetOK, weiOK bool
	v.floor, floorOK = decimal(want.Spec.Balance.Floor)
	v.target, targetOK = decimal(want.Spec.Balance.Target)
	if !floorOK || !targetOK {
		return v, fmt.Errorf("%s: balance: floor %q and target %q are not both amounts", want.ID, want.Spec.Balance.Floor, want.Spec.Balance.Target)
	}
	address := ""
	if have != nil {
		address = have.Spec.To.Literal
		if have.Spec.Balance == nil {
			return v, fmt.Errorf("%s: its balance was not read", want.ID)
		}
		if v.wei, weiOK = decimal(have.Spec.Balance.Wei); !weiOK {
			return v, fmt.Errorf("%s: balance %q is not an amount", want.ID, have.Spec.Balance.Wei)
		}
	}
	v.low = v.wei.Cmp(v.floor) < 0 && (have == nil || have.Spec.CoveredBy == "")
	v.fee = decimalOr(network[factFee], new(big.Int))
	v.ceiling = v.target
	if limit, capped := decimal(t.Cap); capped {
		// The cap counts the fee too.
		v.ceiling = least(v.target, new(big.Int).Sub(limit, v.fee))
	}
	v.pins(want, address, network)
	if !v.low {
		return v, nil
	}
	v.burn(want, wallet)
	v.forbid(want, address, network, wallet)
	v.waits(want, address, network)
	return v, nil
}

func (v *verdict) fail(rule string, id resource.ID, hint, format string, args ...any) {
	v.fails = append(v.fails, resource.Finding{Rule: rule, Severity: resource.Refuse, ID: id, Reason: fmt.Sprintf(format, args...), Hint: hint})
}

// pins compares what addresses.json says with what the keys say.
func (v *verdict) pins(want kind.Object[Spec], address string, network map[string]string) {
	t := want.Spec.Terms
	if t.Pin != "" && t.Pin != PinMissing && address != "" && !strings.EqualFold(t.Pin, address) {
		v.fail(rulePin, want.ID, "find out which of the two is right before anything is paid",
			"key %s has the address %s, addresses.json pins %s", t.Key, address, t.Pin)
	}
	if bank := network[factBank]; t.BankPin != "" && bank != "" && !strings.EqualFold(t.BankPin, bank) {
		v.fail(rulePin, networkID(want.ID.Scope), "find out which of the two is right before anything is paid",
			"bank %s has the address %s, addresses.json pins %s", t.Bank, bank, t.BankPin)
	}
}

// burn compares the loss since the last reading with what the wallet may burn
// in that time and a day's grace.
func (v *verdict) burn(want kind.Object[Spec], wallet map[string]string) {
	t := want.Spec.Terms
	perDay, declared := decimal(t.Burn)
	last, at, _ := strings.Cut(wallet[factLast], " ")
	before, readBefore := decimal(last)
	then, errThen := time.Parse(time.RFC3339, at)
	now, errNow := time.Parse(time.RFC3339, wallet[factNow])
	if !declared || !readBefore || errThen != nil || errNow != nil {
		return
	}
	if now.Before(then) {
		now = then // a clock that went back gives nobody more time to burn
	}
	seconds := int64((now.Sub(then) + 24*time.Hour) / time.Second)
	allowed := new(big.Int).Mul(perDay, big.NewInt(seconds))
	allowed.Quo(allowed, big.NewInt(24*60*60))
	lost := new(big.Int).Sub(before, v.wei)
	if lost.Cmp(allowed) <= 0 {
		return
	}
	v.lost, v.allowed, v.since = lost, allowed, now.Sub(then)
	if until, err := time.Parse(time.RFC3339, t.BurnAccepted); t.BurnAccepted == "always" || err == nil && now.Before(until) {
		return
	}
	v.wait = fmt.Sprintf("it lost %s in %s, its declared burn allows %s: a person looks first", coins(lost, t), v.since, coins(allowed, t))
}

// forbid finds what must not be paid at all.
func (v *verdict) forbid(want kind.Object[Spec], address string, network, wallet map[string]string) {
	t := want.Spec.Terms
	if v.target.Cmp(v.floor) <= 0 {
		v.fail(ruleLevels, want.ID, "", "target %s is not above floor %s", coins(v.target, t), coins(v.floor, t))
	}
	if wallet[factCode] != "" && t.Key != "" {
		v.fail(ruleCode, want.ID, "an account that delegates (EIP-7702) hands on what it gets; retire the key, or declare the address under wallets",
			"%s, the address of key %s, has code: it is not paid by itself", address, t.Key)
	}
	if address != "" && strings.EqualFold(address, network[factBank]) {
		v.fail(ruleSelf, want.ID, "", "%s is the bank's own address", address)
	}
	if reach := new(big.Int).Add(v.wei, v.ceiling); network[factFee] != "" && reach.Cmp(v.floor) < 0 {
		v.fail(ruleCap, want.ID, "raise caps.transaction, or lower the floor"+source(want),
			"balance %s, one transaction brings at most %s (cap %s, fee up to %s): the floor %s is out of reach",
			coins(v.wei, t), coins(v.ceiling, t), coins(decimalOr(t.Cap, v.target), t), coins(v.fee, t), coins(v.floor, t))
	} else if v.fee.Cmp(v.amount()) > 0 {
		v.fail(ruleFee, want.ID, "plan again when gas is cheaper, or raise the target"+source(want),
			"the transfer may cost %s and brings %s", coins(v.fee, t), coins(v.amount(), t))
	}
}

func source(want kind.Object[Spec]) string {
	if len(want.Why) == 0 {
		return ""
	}
	return " at " + want.Why[0].String()
}

// waits finds what must be there before it can be paid.
func (v *verdict) waits(want kind.Object[Spec], address string, network map[string]string) {
	t := want.Spec.Terms
	switch {
	case v.wait != "":
	case t.Pin == PinMissing:
		v.wait = "the address of key " + t.Key + " is not pinned in addresses.json: reconcile addresses prints the entry, a commit of its own adds it"
		if address != "" {
			v.wait = strings.Replace(v.wait, t.Key, t.Key+" ("+address+")", 1)
		}
	case network[factHolds] == "":
		v.wait = "the bank's key " + t.Bank + " has no address yet, or could not be read: plan again when it is there and filled"
	case network[factInFlight] != "":
		v.wait = fmt.Sprintf("%s of the bank's transactions are in flight (next nonce %s): plan again when they are mined", network[factInFlight], network[factNonce])
	case len(v.fails) > 0:
		v.wait = v.fails[0].Reason
	}
}
