package funding

import (
	"math/big"
	"strconv"
	"strings"
)

// coin is a network's native token, carried from observation to the reader in
// a fact of the form "AVAX 18".
type coin struct {
	symbol   string
	decimals int
}

func (c coin) fact() string { return c.symbol + " " + strconv.Itoa(c.decimals) }

func coinOf(fact string) coin {
	symbol, decimals, _ := strings.Cut(fact, " ")
	n, err := strconv.Atoi(decimals)
	if err != nil || n < 0 || n > 77 {
		return coin{symbol: "wei"}
	}
	return coin{symbol: symbol, decimals: n}
}

// format prints wei in coins, exactly, without trailing zeros: "0.08 AVAX".
func (c coin) format(wei *big.Int) string {
	digits := wei.String()
	if len(digits) <= c.decimals {
		digits = strings.Repeat("0", c.decimals-len(digits)+1) + digits
	}
	whole, part := digits[:len(digits)-c.decimals], digits[len(digits)-c.decimals:]
	if part = strings.TrimRight(part, "0"); part != "" {
		whole += "." + part
	}
	return whole + " " + c.symbol
}

// need is what brings a balance from below its floor to its target, at most
// the ceiling; nothing at or above the floor.
func need(wei, floor, target, ceiling *big.Int) *big.Int {
	if wei.Cmp(floor) >= 0 || wei.Cmp(target) >= 0 {
		return new(big.Int)
	}
	amount := new(big.Int).Sub(target, wei)
	if amount.Cmp(ceiling) > 0 {
		return new(big.Int).Set(ceiling)
	}
	return amount
}

// level is a Spec's balance and limits as numbers; ok only if all of the
// declared ones are.
type level struct{ wei, floor, target, ceiling *big.Int }

func limits(desired Spec, wei string) (level, bool) {
	l := level{wei: new(big.Int)}
	var okFloor, okTarget, okCeiling bool
	l.floor, okFloor = number(desired.Balance.Floor)
	l.target, okTarget = number(desired.Balance.Target)
	l.ceiling, okCeiling = number(desired.Ceiling)
	if wei != "" {
		have, ok := number(wei)
		if !ok {
			return l, false
		}
		l.wei = have
	}
	return l, okFloor && okTarget && okCeiling
}

func (l level) need() *big.Int { return need(l.wei, l.floor, l.target, l.ceiling) }
