package funding

import (
	"math/big"
	"strings"
)

// decimal reads a count of wei: digits only, at most 78 of them (2^256).
func decimal(text string) (*big.Int, bool) {
	if text == "" || len(text) > 78 || strings.Trim(text, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(text, 10)
}

// decimalOr reads a count of wei that may be left out.
func decimalOr(text string, otherwise *big.Int) *big.Int {
	if wei, ok := decimal(text); ok {
		return wei
	}
	return otherwise
}

func textOf(wei *big.Int) string {
	if wei == nil {
		return ""
	}
	return wei.String()
}

func least(first *big.Int, others ...*big.Int) *big.Int {
	for _, other := range others {
		if other.Cmp(first) < 0 {
			first = other
		}
	}
	return first
}

// coins prints wei in whole coins, cut to six decimals. What is not nothing is
// never printed as nothing.
func coins(wei *big.Int, t *Terms) string { return strings.TrimSpace(bare(wei, t) + " " + t.Symbol) }

// bare is coins without the symbol, for where it was just said.
func bare(wei *big.Int, t *Terms) string {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Decimals)), nil)
	text := new(big.Rat).SetFrac(new(big.Int).Abs(wei), unit).FloatString(t.Decimals)
	if whole, fraction, dotted := strings.Cut(text, "."); dotted && len(fraction) > 6 {
		text = whole + "." + fraction[:6]
		if wei.Sign() != 0 && strings.Trim(text, "0.") == "" {
			text = "<0.000001"
		}
	}
	if strings.Contains(text, ".") && text[0] != '<' {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if wei.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// powerOfTwo rounds up to a power of two: a fee that moves a little stays the
// same number in the plan, and the ceiling has room for it to rise.
func powerOfTwo(wei *big.Int) *big.Int {
	if wei.Sign() <= 0 {
		return new(big.Int)
	}
	return new(big.Int).Lsh(big.NewInt(1), uint(new(big.Int).Sub(wei, big.NewInt(1)).BitLen()))
}
