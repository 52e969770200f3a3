package contract

import (
	"math/big"
	"strings"
	"testing"
)

func TestWhatMustHoldIsComparedAsItSays(t *testing.T) {
	t.Parallel()
	big78 := "1" + strings.Repeat("0", 77)
	for _, c := range []struct {
		must, have, code string
		want             bool
	}{
		{">= 86400", "86400", "", true}, {">= 86400", "86399", "", false}, {">= 86400", "1", "", false}, {">= 9", "10", "", true},
		{">= -1", "-1", "", true}, {">= -1", "-2", "", false}, {"<= 10", "9", "", true}, {"<= 10", "11", "", false}, {">= 9", big78, "", true}, {"<= 9", big78, "", false},
		{">= 1", "", "", false}, {">= 1", "true", "", false}, {">= 1", "0x10", "", false}, {"<= x", "1", "", false},
		{"code", "0xabc", "code", true}, {"code", "0xabc", "no code", false}, {"no code", "0xabc", "no code", true}, {"no code", "0xabc", "code", false},
		{"code", "0xabc", delegating, false}, {"no code", "0xabc", delegating, false}, {"code", "code", "", false}, {"no code", "no code", "", false},
		{"!= 0", "0", "", false}, {"!= 0", "1", "", true}, {"false", "false", "", true}, {"false", "true", "", false},
		{"0x00000000000000000000000000000000000000Ab", "0x00000000000000000000000000000000000000aB", "", true},
		{"!= 0x00000000000000000000000000000000000000Ab", "0x00000000000000000000000000000000000000ab", "", false},
		{"text", "Text", "", false}, {"", "", "", true},
	} {
		if have := holds(c.must, Reading{Value: c.have, Code: c.code}); have != c.want {
			t.Errorf("%q must be %q (%s): %v", c.have, c.must, c.code, have)
		}
	}
}

func FuzzAComparisonHoldsOnlyForNumbersThatCompare(f *testing.F) {
	f.Add(">= 1", "2", "")
	f.Add("<= -1", "-2", "code")
	f.Add("!= 1", "1", "no code")
	f.Add("code", "0x", "code")
	f.Fuzz(func(t *testing.T, must, value, code string) {
		holding := holds(must, Reading{Value: value, Code: code})
		numeric := func(operator string, fits func(int) bool) {
			bound, is := strings.CutPrefix(must, operator)
			if !is || !holding {
				return
			}
			need, ok := new(big.Int).SetString(bound, 10)
			have, okToo := new(big.Int).SetString(value, 10)
			if !ok || !okToo || !fits(have.Cmp(need)) {
				t.Errorf("%q holds of %q", must, value)
			}
		}
		numeric(">= ", func(sign int) bool { return sign >= 0 })
		numeric("<= ", func(sign int) bool { return sign <= 0 })
		if (must == mustCode || must == mustNoCode) && holding != (code == must) {
			t.Errorf("%q of %q: %v", must, code, holding)
		}
		if other, not := strings.CutPrefix(must, "!= "); not && holding == same(other, value) {
			t.Errorf("%q of %q: %v", must, value, holding)
		}
		if same(must, value) != same(value, must) {
			t.Errorf("%q and %q are the same one way only", must, value)
		}
	})
}
