package config

import (
	"fmt"
	"math/big"
	"strings"
)

// parseAmount reads a decimal string in whole units of a token, "0.25", as the
// smallest units of a token with that many decimals. It rounds nothing: digits
// beyond the token's decimals are an error, zeros too.
func parseAmount(text string, decimals int) (*big.Int, error) {
	whole, fraction, dotted := strings.Cut(text, ".")
	if whole == "" || dotted && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, fmt.Errorf("%q is not an amount: a decimal string such as 0.25", text)
	}
	if len(fraction) > decimals {
		return nil, fmt.Errorf("%q has %d decimals, the token has %d", text, len(fraction), decimals)
	}
	wei, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10)
	if !ok {
		return nil, fmt.Errorf("%q is not an amount: a decimal string such as 0.25", text)
	}
	return wei, nil
}
