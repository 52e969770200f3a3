package sandbox

import (
	"math/big"
	"strings"
	"testing"
)

func TestAnAmountIsWholeCoinsOrAShareOfTheBalance(t *testing.T) {
	t.Parallel()
	balance := big.NewInt(2_000_000)
	for text, want := range map[string]string{
		"1": "1000000", "0.25": "250000", "0.000001": "1", "40%": "800000", "0.5%": "10000", "100%": "2000000", "33.3333333%": "666666",
		"0.0000001": "more than 6 decimals", "0": "is not an amount", "-1": "is not an amount", "1/2": "is not an amount", "1e3": "is not an amount",
		"0x10": "is not an amount", "1_000": "is not an amount", "": "is not an amount", "%": "is not a share", "all": "is not an amount",
	} {
		wei, err := amountOf(text, balance, 6)
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && wei.String() != want {
			t.Errorf("%q: %v, %v; need %s", text, wei, err, want)
		}
	}
}

func TestCoinsArePrintedWithoutTrailingZeros(t *testing.T) {
	t.Parallel()
	for wei, want := range map[int64]string{10_000_000: "10", 250_000: "0.25", 1: "0.000001", 0: "0", 100_000_000: "100"} {
		if have := coins(big.NewInt(wei), 6); have != want {
			t.Errorf("%d: %s, need %s", wei, have, want)
		}
	}
}
