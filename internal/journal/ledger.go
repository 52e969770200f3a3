package journal

import (
	"math/big"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Outputs that a spending step gives to its outcome, read by the ledger.
const (
	// OutputSpent is what left the bank, value and fee, in wei.
	OutputSpent = "spent"
	// OutputTo is the address that was paid.
	OutputTo = "to"
)

// Day is the window of the daily caps.
const Day = 24 * time.Hour

// Ledger is what the entries say, computed without I/O or clock.
type Ledger struct {
	entries []Entry
	// last outcome by intent
	outcomes map[string]Entry
}

// NewLedger indexes entries as Read returned them.
func NewLedger(entries []Entry) Ledger {
	l := Ledger{entries: entries, outcomes: map[string]Entry{}}
	for _, e := range entries {
		if e.Kind != Outcome {
			continue
		}
		// A later outcome may settle an unknown one, never the other way round.
		if known, ok := l.outcomes[e.Intent]; ok && known.Happened != Unknown && e.Happened == Unknown {
			continue
		}
		l.outcomes[e.Intent] = e
	}
	return l
}

// Anchor is the last applied commit: of the last close that advances it, or
// of the anchor that a bootstrap wrote. Empty: nothing was ever applied.
func (l Ledger) Anchor() string {
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := l.entries[i]; e.Kind == Anchor || e.Kind == Close && e.Advances {
			return e.Commit
		}
	}
	return ""
}

// OpenPlan is the digest of the plan that was begun and neither closed nor
// abandoned; empty if there is none.
func (l Ledger) OpenPlan() string {
	open := ""
	for _, e := range l.entries {
		switch e.Kind {
		case Open:
			open = e.Plan
		case Close, Abandon:
			if e.Plan == open {
				open = ""
			}
		}
	}
	return open
}

// Closed reports whether a plan was done or abandoned: its digest is spent.
func (l Ledger) Closed(digest string) bool {
	for _, e := range l.entries {
		if e.Plan == digest && (e.Kind == Close || e.Kind == Abandon) {
			return true
		}
	}
	return false
}

// Of lists the entries of one plan.
func (l Ledger) Of(digest string) []Entry {
	var own []Entry
	for _, e := range l.entries {
		if e.Plan == digest {
			own = append(own, e)
		}
	}
	return own
}

// Unsettled lists the last intent entry of every try whose effect may or may
// not have happened, oldest first.
func (l Ledger) Unsettled(digest string) []Entry {
	var open []Entry
	seen := map[string]bool{}
	for i := len(l.entries) - 1; i >= 0; i-- {
		e := l.entries[i]
		if e.Kind != Intent || e.Plan != digest || seen[e.Intent] {
			continue
		}
		seen[e.Intent] = true
		if o, settled := l.outcomes[e.Intent]; !settled || o.Happened == Unknown {
			open = append([]Entry{e}, open...)
		}
	}
	return open
}

// Spent is what left each network's banks in the 24 hours before now, in wei.
// An intent counts at its ceiling, fee included, until an outcome says what it
// really took; unknown counts as spent; what did not happen counts nothing.
// The plan with digest own is left out: its spending is judged with it.
func (l Ledger) Spent(now time.Time, own string) map[string]*big.Int {
	spent := map[string]*big.Int{}
	counted := map[string]bool{}
	for i := len(l.entries) - 1; i >= 0; i-- {
		e := l.entries[i]
		if e.Kind != Intent || e.Spend == nil || e.Plan == own && own != "" || counted[e.Intent] || now.Sub(e.Time) >= Day {
			continue
		}
		counted[e.Intent] = true
		if spent[e.Spend.Network] == nil {
			spent[e.Spend.Network] = new(big.Int)
		}
		spent[e.Spend.Network].Add(spent[e.Spend.Network], l.cost(e))
	}
	return spent
}

func (l Ledger) cost(intent Entry) *big.Int {
	ceiling := new(big.Int).Add(number(intent.Spend.Wei), number(intent.Spend.Fee))
	outcome, settled := l.outcomes[intent.Intent]
	if !settled || outcome.Happened == Unknown {
		return ceiling
	}
	if outcome.Happened == NotHappened {
		return new(big.Int)
	}
	if actual, ok := new(big.Int).SetString(outcome.Outputs[OutputSpent], 10); ok && actual.Sign() >= 0 {
		return actual
	}
	return ceiling
}

func number(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.Sign() < 0 {
		return new(big.Int)
	}
	return n
}

// Paid holds, per network, the addresses (lower case) that were paid before.
func (l Ledger) Paid() map[string]map[string]bool {
	paid := map[string]map[string]bool{}
	for _, e := range l.entries {
		if e.Kind != Intent || e.Spend == nil {
			continue
		}
		o, settled := l.outcomes[e.Intent]
		to := strings.ToLower(o.Outputs[OutputTo])
		if !settled || o.Happened != Happened || to == "" {
			continue
		}
		if paid[e.Spend.Network] == nil {
			paid[e.Spend.Network] = map[string]bool{}
		}
		paid[e.Spend.Network][to] = true
	}
	return paid
}

// LastReading is the newest recorded balance of a wallet.
func (l Ledger) LastReading(id resource.ID) (wei string, at time.Time, ok bool) {
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := l.entries[i]; e.Kind == Reading && e.ID == id {
			return e.Wei, e.Time, true
		}
	}
	return "", time.Time{}, false
}

// PaidSince sums what was paid to a wallet since an instant, in wei, so that a
// reading can be compared with what came in meanwhile.
func (l Ledger) PaidSince(id resource.ID, since time.Time) *big.Int {
	sum := new(big.Int)
	counted := map[string]bool{}
	for i := len(l.entries) - 1; i >= 0; i-- {
		e := l.entries[i]
		if e.Kind != Intent || e.ID != id || counted[e.Intent] || e.Time.Before(since) {
			continue
		}
		counted[e.Intent] = true
		if o := l.outcomes[e.Intent]; o.Happened == Happened {
			sum.Add(sum, number(o.Outputs["amount"]))
		}
	}
	return sum
}
