package view

import (
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Coin is a network's native token: amounts are shown in it, kept in its
// smallest unit (wei).
type Coin struct {
	Symbol   string
	Decimals int
}

// shownDecimals is how many decimals an amount is rounded to unless asked for
// whole: a millionth of a coin.
const shownDecimals = 6

// amount turns a decimal string of wei into native units. up rounds a ceiling
// away from zero, so that what is printed is never less than what may be
// spent; otherwise a balance is rounded down. exact prints every decimal. Text
// that is no decimal integer is returned as it is.
func amount(wei string, decimals int, up, exact bool) string {
	n, ok := new(big.Int).SetString(wei, 10)
	if !ok || decimals < 0 || decimals > 36 {
		return wei
	}
	negative := n.Sign() < 0
	n.Abs(n)
	shown := min(decimals, shownDecimals)
	if exact {
		shown = decimals
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals-shown)), nil)
	rounded, rest := new(big.Int).QuoRem(n, unit, new(big.Int))
	if up && rest.Sign() > 0 {
		rounded.Add(rounded, big.NewInt(1))
	}
	if rounded.Sign() == 0 && n.Sign() > 0 {
		return "<0." + strings.Repeat("0", shown-1) + "1"
	}
	digits := rounded.String()
	if len(digits) <= shown {
		digits = strings.Repeat("0", shown-len(digits)+1) + digits
	}
	text := digits[:len(digits)-shown]
	if fraction := strings.TrimRight(digits[len(digits)-shown:], "0"); fraction != "" {
		text += "." + fraction
	}
	if negative {
		return "-" + text
	}
	return text
}

// span says how long something took or lasts, rounded to the largest unit that
// still tells: 45 s, 12 min, 3 h, 41 d.
func span(d time.Duration) string {
	d = d.Abs()
	in := func(unit time.Duration, name string) string {
		return strconv.FormatInt(int64((d+unit/2)/unit), 10) + " " + name
	}
	switch {
	case d < 2*time.Minute:
		return in(time.Second, "s")
	case d < 2*time.Hour:
		return in(time.Minute, "min")
	case d < 48*time.Hour:
		return in(time.Hour, "h")
	default:
		return in(24*time.Hour, "d")
	}
}

// took says how long a run took: 0.9 s, 12 s, 3 min.
func took(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return span(d)
}

// clock prints an instant in UTC to the minute.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
