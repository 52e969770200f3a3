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
	// OutputTo is the address that was paid, OutputAmount what it got, in wei.
	OutputTo     = "to"
	OutputAmount = "amount"
)

// OutputARN names the object that a step made or took over.
const OutputARN = "arn"

// Day is the window of the daily caps.
const Day = 24 * time.Hour

// Ledger is what the entries say, computed without I/O or clock.
type Ledger struct {
	entries []Entry
	// outcomes holds what is known by now of each intent.
	outcomes map[string]Entry
	// ended says when a plan was closed or abandoned.
	ended map[string]time.Time
}

// NewLedger indexes entries as Read returned them.
func NewLedger(entries []Entry) Ledger {
	l := Ledger{entries: entries, outcomes: map[string]Entry{}, ended: map[string]time.Time{}}
	for _, e := range entries {
		switch e.Kind {
		case Intent:
			// Recorded again, it is about to happen again.
			delete(l.outcomes, e.Intent)
		case Outcome:
			if known, ok := l.outcomes[e.Intent]; !ok || outweighs(e.Happened, known.Happened) {
				l.outcomes[e.Intent] = e
			}
		case Close, Abandon:
			l.ended[e.Plan] = e.Time
		}
	}
	return l
}

// outweighs reports whether a later word replaces an earlier one: anything
// settles an unknown, nothing takes back a yes.
func outweighs(later, earlier string) bool {
	switch earlier {
	case Happened:
		return later == Happened
	case NotHappened:
		return later != Unknown
	default:
		return true
	}
}

// Anchor is the commit whose rules are in force: of the last close that advances
// it, or of the anchor that a bootstrap wrote. Empty: there is none.
func (l Ledger) Anchor() string {
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := l.entries[i]; e.Kind == Anchor || e.Kind == Close && e.Advances {
			return e.Commit
		}
	}
	return ""
}

// Applied is the commit of the last plan that was done whole, with nothing left
// or only proposed; empty where there is none. A bootstrap's anchor is none: its
// rules are in force, but nothing that it declares was ever made.
func (l Ledger) Applied() string {
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := l.entries[i]; e.applied() {
			return e.Commit
		}
	}
	return ""
}

// Settled is the newest commit of which it is known what was made: everything
// that it declares was so at some time, but for the resources in owed.
func (l Ledger) Settled() (commit string, owed map[string]bool) {
	for i := len(l.entries) - 1; i >= 0; i-- {
		e := l.entries[i]
		if e.Kind != Close || !e.Settles && !e.applied() {
			continue
		}
		owed = make(map[string]bool, len(e.Owed))
		for _, id := range e.Owed {
			owed[id] = true
		}
		return e.Commit, owed
	}
	return "", nil
}

func (e Entry) applied() bool { return e.Kind == Close && e.Advances && !e.RulesOnly }

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

// Spenders says which plan spent each approval, by the approval's id.
func (l Ledger) Spenders() map[string]string {
	spent := map[string]string{}
	for _, e := range l.entries {
		if e.Kind != Open {
			continue
		}
		for _, id := range e.Approvals {
			if _, known := spent[id]; !known {
				spent[id] = e.Plan
			}
		}
	}
	return spent
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
// A try counts at its ceiling, fee included, from its intent on; unknown counts
// as spent, and for as long as its plan is open, because it may still happen. Its
// outcome says what it really took, and when: what did not happen counts what
// it cost, which is nothing if nothing is said.
// The plan with digest own is left out: its spending is judged with it.
func (l Ledger) Spent(now time.Time, own string) map[string]*big.Int {
	type try struct {
		network string
		ceiling *big.Int
		last    Entry
	}
	tries := map[string]*try{}
	for _, e := range l.entries {
		if e.Kind != Intent || e.Spend == nil || e.Plan == own && own != "" {
			continue
		}
		// A fee bump is the same try at a higher ceiling.
		ceiling := new(big.Int).Add(number(e.Spend.Wei), number(e.Spend.Fee))
		if earlier := tries[e.Intent]; earlier != nil && earlier.ceiling.Cmp(ceiling) > 0 {
			ceiling = earlier.ceiling
		}
		tries[e.Intent] = &try{network: e.Spend.Network, ceiling: ceiling, last: e}
	}
	spent := map[string]*big.Int{}
	for _, t := range tries {
		cost, at := l.cost(t.last, t.ceiling)
		if cost.Sign() == 0 || !at.IsZero() && now.Sub(at) >= Day {
			continue
		}
		if spent[t.network] == nil {
			spent[t.network] = new(big.Int)
		}
		spent[t.network].Add(spent[t.network], cost)
	}
	return spent
}

// cost is what a try took and when; the zero time means: not over yet.
func (l Ledger) cost(intent Entry, ceiling *big.Int) (wei *big.Int, at time.Time) {
	outcome, known := l.outcomes[intent.Intent]
	if !known || outcome.Happened == Unknown {
		return ceiling, l.ended[intent.Plan]
	}
	if actual := outcome.Outputs[OutputSpent]; isAmount(actual) {
		return number(actual), outcome.Time
	}
	if outcome.Happened == NotHappened {
		return new(big.Int), outcome.Time
	}
	return ceiling, outcome.Time
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

// Made holds the ARN of every object that an effect is known to have made or
// taken over: the inventory that a removal needs beside the mark.
func (l Ledger) Made() map[string]bool {
	made := map[string]bool{}
	for _, o := range l.outcomes {
		if arn := o.Outputs[OutputARN]; o.Happened == Happened && arn != "" {
			made[arn] = true
		}
	}
	return made
}

// Touched holds every resource that a step is known to have been done to.
func (l Ledger) Touched() map[resource.ID]bool {
	touched := map[resource.ID]bool{}
	for _, o := range l.outcomes {
		if o.Happened == Happened {
			touched[o.ID] = true
		}
	}
	return touched
}

// LastReading is the newest recorded balance of a wallet.
func (l Ledger) LastReading(id resource.ID) (wei string, at time.Time, ok bool) {
	for i := len(l.entries) - 1; i >= 0; i-- {
		if wei, has := l.entries[i].Readings[id.String()]; has {
			return wei, l.entries[i].Time, true
		}
	}
	return "", time.Time{}, false
}

// Since is when a reading was first what it is, without having been anything
// else meanwhile; the zero time if the last one was another, or there is none.
func (l Ledger) Since(id resource.ID, reading string) time.Time {
	var since time.Time
	for i := len(l.entries) - 1; i >= 0; i-- {
		if was, has := l.entries[i].Readings[id.String()]; has && was != reading {
			break
		} else if has {
			since = l.entries[i].Time
		}
	}
	return since
}

// Last is the last try that may have had an effect, among those that matches
// takes: its outcome, or its intent, whose Happened is empty, while that is not
// known.
func (l Ledger) Last(matches func(Entry) bool) (Entry, bool) {
	for i := len(l.entries) - 1; i >= 0; i-- {
		e := l.entries[i]
		if e.Kind != Intent && e.Kind != Outcome || !matches(e) {
			continue
		}
		known, settled := l.outcomes[e.Intent]
		switch {
		case settled && known.Happened == NotHappened:
		case settled && known.Happened == Happened:
			return known, true
		case e.Kind == Intent:
			return e, true
		}
	}
	return Entry{}, false
}

// PaidSince sums what was paid to a wallet since an instant, in wei, so that a
// reading can be compared with what came in meanwhile. A payment counts when it
// was known, so that one begun before a reading is not missed after it.
func (l Ledger) PaidSince(id resource.ID, since time.Time) *big.Int {
	sum := new(big.Int)
	counted := map[string]bool{}
	for _, e := range l.entries {
		if e.Kind != Intent || e.ID != id || counted[e.Intent] {
			continue
		}
		counted[e.Intent] = true
		if o := l.outcomes[e.Intent]; o.Happened == Happened && o.Time.After(since) {
			sum.Add(sum, number(o.Outputs[OutputAmount]))
		}
	}
	return sum
}
