package journal_test

import (
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// ago makes an entry that was written so long before noon.
func ago(d time.Duration, e journal.Entry) journal.Entry {
	e.Time = noon().Add(-d)
	return e
}

func intent(id, wei, fee string) journal.Entry {
	return journal.Entry{Kind: journal.Intent, Plan: "p", StepDigest: "s-" + id, Intent: id, ID: wallet(),
		Spend: &resource.Spend{Network: "fuji", From: "bank", Wei: wei, Fee: fee}}
}

func outcome(id, happened, spent string) journal.Entry {
	e := journal.Entry{Kind: journal.Outcome, Plan: "p", StepDigest: "s-" + id, Intent: id, ID: wallet(), Happened: happened}
	if spent != "" {
		e.Outputs = resource.Outputs{journal.OutputSpent: spent}
	}
	return e
}

func TestTheRollingDayCountsWhatMayHaveLeftTheBank(t *testing.T) {
	t.Parallel()
	const day, instant = journal.Day, time.Millisecond
	closing := journal.Entry{Kind: journal.Close, Plan: "p"}
	abandoning := journal.Entry{Kind: journal.Abandon, Plan: "p", Why: "lost"}
	for name, c := range map[string]struct {
		entries []journal.Entry
		want    int64
	}{
		"nothing":              {nil, 0},
		"a step without money": {[]journal.Entry{ago(0, journal.Entry{Kind: journal.Intent, Plan: "p", Intent: "i"})}, 0},
		"an intent counts at its ceiling with the fee":  {[]journal.Entry{ago(time.Hour, intent("i", "100", "7"))}, 107},
		"an open intent of last week may still happen":  {[]journal.Entry{ago(7*day, intent("i", "100", "7"))}, 107},
		"an outcome says what it took":                  {[]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, outcome("i", journal.Happened, "103"))}, 103},
		"more than the ceiling if that is what it took": {[]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, outcome("i", journal.Happened, "109"))}, 109},
		"a yes without amount is the ceiling":           {[]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, outcome("i", journal.Happened, ""))}, 107},
		"a yes with a broken amount is the ceiling":     {[]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, outcome("i", journal.Happened, "-5"))}, 107},
		"unknown counts as spent":                       {[]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, outcome("i", journal.Unknown, ""))}, 107},
		"unknown of last week too, while it is open":    {[]journal.Entry{ago(8*day, intent("i", "100", "7")), ago(7*day, outcome("i", journal.Unknown, ""))}, 107},
		"what was not accepted counts nothing":          {[]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, outcome("i", journal.NotHappened, ""))}, 0},
		"what was reverted counts its fee":              {[]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, outcome("i", journal.NotHappened, "6"))}, 6},
		"a later yes settles an unknown":                {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, outcome("i", journal.Unknown, "")), ago(1, outcome("i", journal.Happened, "101"))}, 101},
		"a later no settles an unknown":                 {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, outcome("i", journal.Unknown, "")), ago(1, outcome("i", journal.NotHappened, ""))}, 0},
		"a later no takes back no yes":                  {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, outcome("i", journal.Happened, "101")), ago(1, outcome("i", journal.NotHappened, ""))}, 101},
		"a later unknown takes back no answer":          {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, outcome("i", journal.NotHappened, "")), ago(1, outcome("i", journal.Unknown, ""))}, 0},
		"a try done again is open again":                {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, outcome("i", journal.NotHappened, "")), ago(1, intent("i", "100", "7"))}, 107},
		"a fee bump is one try at the higher ceiling":   {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, intent("i", "100", "9"))}, 109},
		"and does not become cheaper by a lower one":    {[]journal.Entry{ago(3, intent("i", "100", "9")), ago(2, intent("i", "100", "7"))}, 109},
		"two tries are two payments":                    {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, intent("k", "10", "1"))}, 118},
		"a day ago to the millisecond is over":          {[]journal.Entry{ago(2*day, intent("i", "100", "7")), ago(day, outcome("i", journal.Happened, "103"))}, 0},
		"a millisecond later is not":                    {[]journal.Entry{ago(2*day, intent("i", "100", "7")), ago(day-instant, outcome("i", journal.Happened, "103"))}, 103},
		"a clock that is ahead hides nothing":           {[]journal.Entry{ago(-day, intent("i", "100", "7")), ago(-2*day, outcome("i", journal.Happened, "103"))}, 103},
		"what is abandoned unknown counts for a day":    {[]journal.Entry{ago(9*day, intent("i", "100", "7")), ago(day-instant, abandoning)}, 107},
		"and then no more":                              {[]journal.Entry{ago(9*day, intent("i", "100", "7")), ago(day, abandoning)}, 0},
		"a closed plan's payments count for a day":      {[]journal.Entry{ago(3, intent("i", "100", "7")), ago(2, outcome("i", journal.Happened, "103")), ago(1, closing)}, 103},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spent := journal.NewLedger(c.entries).Spent(noon(), "")["fuji"]
			if spent == nil {
				spent = new(big.Int)
			}
			if spent.Cmp(big.NewInt(c.want)) != 0 {
				t.Errorf("have %s, want %d", spent, c.want)
			}
		})
	}
}

func TestSpendingIsPerNetworkAndLeavesOutThePlanUnderJudgement(t *testing.T) {
	t.Parallel()
	other := intent("k", "5", "1")
	other.Plan, other.Spend.Network = "q", "sepolia"
	l := journal.NewLedger([]journal.Entry{ago(2, intent("i", "100", "7")), ago(1, other)})
	for own, want := range map[string]map[string]string{
		"": {"fuji": "107", "sepolia": "6"}, "p": {"sepolia": "6"}, "q": {"fuji": "107"}, "r": {"fuji": "107", "sepolia": "6"},
	} {
		have := map[string]string{}
		for network, wei := range l.Spent(noon(), own) {
			have[network] = wei.String()
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("without plan %q:\n%s", own, diff)
		}
	}
}

func TestAnAddressCountsAsPaidOnceAPaymentIsCertain(t *testing.T) {
	t.Parallel()
	to := func(e journal.Entry, address string) journal.Entry {
		e.Outputs = resource.Outputs{journal.OutputTo: address}
		return e
	}
	l := journal.NewLedger([]journal.Entry{
		intent("yes", "1", "1"), to(outcome("yes", journal.Happened, ""), "0xAB"),
		intent("no", "1", "1"), to(outcome("no", journal.NotHappened, ""), "0xCD"),
		intent("unknown", "1", "1"), to(outcome("unknown", journal.Unknown, ""), "0xEF"),
		intent("open", "1", "1"),
		{Kind: journal.Intent, Plan: "p", Intent: "free"}, to(outcome("free", journal.Happened, ""), "0x12"),
	})
	if diff := cmp.Diff(map[string]map[string]bool{"fuji": {"0xab": true}}, l.Paid()); diff != "" {
		t.Error(diff)
	}
}

func TestThePlanInTheJournalIsOpenUntilItIsClosedOrAbandoned(t *testing.T) {
	t.Parallel()
	begin := journal.Entry{Kind: journal.Open, Plan: "p"}
	unknown := outcome("i", journal.Unknown, "")
	for name, c := range map[string]struct {
		entries  []journal.Entry
		open     string
		closed   bool
		unsettle []string
	}{
		"nothing":                    {nil, "", false, nil},
		"begun":                      {[]journal.Entry{begin}, "p", false, nil},
		"in the middle of a step":    {[]journal.Entry{begin, intent("i", "1", "1")}, "p", false, []string{"i"}},
		"after a step":               {[]journal.Entry{begin, intent("i", "1", "1"), outcome("i", journal.Happened, "")}, "p", false, nil},
		"after a refused step":       {[]journal.Entry{begin, intent("i", "1", "1"), outcome("i", journal.NotHappened, "")}, "p", false, nil},
		"after an unknown step":      {[]journal.Entry{begin, intent("i", "1", "1"), unknown}, "p", false, []string{"i"}},
		"two open, oldest first":     {[]journal.Entry{begin, intent("i", "1", "1"), intent("k", "1", "1"), intent("i", "1", "2")}, "p", false, []string{"k", "i"}},
		"closed":                     {[]journal.Entry{begin, {Kind: journal.Close, Plan: "p"}}, "", true, nil},
		"abandoned":                  {[]journal.Entry{begin, {Kind: journal.Abandon, Plan: "p", Why: "w"}}, "", true, nil},
		"another plan's close":       {[]journal.Entry{begin, {Kind: journal.Close, Plan: "q"}}, "p", false, nil},
		"another plan's open intent": {[]journal.Entry{begin, {Kind: journal.Intent, Plan: "q", Intent: "z"}}, "p", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := journal.NewLedger(c.entries)
			if have := l.OpenPlan(); have != c.open {
				t.Errorf("open is %q, want %q", have, c.open)
			}
			if have := l.Closed("p"); have != c.closed {
				t.Errorf("closed is %t, want %t", have, c.closed)
			}
			var intents []string
			for _, e := range l.Unsettled("p") {
				intents = append(intents, e.Intent)
			}
			if diff := cmp.Diff(c.unsettle, intents); diff != "" {
				t.Errorf("unsettled:\n%s", diff)
			}
		})
	}
}

func TestTheAnchorMovesOnlyWithACloseThatAdvancesIt(t *testing.T) {
	t.Parallel()
	anchor := journal.Entry{Kind: journal.Anchor, Commit: "c0"}
	for name, c := range map[string]struct {
		entries []journal.Entry
		want    string
	}{
		"nothing applied":    {nil, ""},
		"a bootstrap":        {[]journal.Entry{anchor}, "c0"},
		"an open plan":       {[]journal.Entry{anchor, {Kind: journal.Open, Plan: "p", Commit: "c1"}}, "c0"},
		"a partial plan":     {[]journal.Entry{anchor, {Kind: journal.Close, Plan: "p", Commit: "c1"}}, "c0"},
		"a whole plan":       {[]journal.Entry{anchor, {Kind: journal.Close, Plan: "p", Commit: "c1", Advances: true}}, "c1"},
		"an abandoned plan":  {[]journal.Entry{anchor, {Kind: journal.Abandon, Plan: "p", Commit: "c1", Advances: true}}, "c0"},
		"an anchor after it": {[]journal.Entry{{Kind: journal.Close, Commit: "c1", Advances: true}, anchor}, "c0"},
	} {
		if have := journal.NewLedger(c.entries).Anchor(); have != c.want {
			t.Errorf("%s: have %q, want %q", name, have, c.want)
		}
	}
}

func TestRulesInForceAreOneThingAndWhatWasAppliedAnother(t *testing.T) {
	t.Parallel()
	type says struct{ Anchor, Applied, Settled, Owed string }
	anchor := journal.Entry{Kind: journal.Anchor, Commit: "c0"}
	whole := journal.Entry{Kind: journal.Close, Plan: "p", Commit: "c1", Advances: true, Settles: true}
	rules := journal.Entry{Kind: journal.Close, Plan: "q", Commit: "c2", Advances: true, RulesOnly: true, Settles: true, Owed: []string{"a", "b"}}
	partial := journal.Entry{Kind: journal.Close, Plan: "r", Commit: "c3", Settles: true, Owed: []string{"c"}}
	dirty := journal.Entry{Kind: journal.Close, Plan: "s", Commit: "c4"}
	old := journal.Entry{Kind: journal.Close, Plan: "t", Commit: "c5", Advances: true}
	for name, c := range map[string]struct {
		entries []journal.Entry
		want    says
	}{
		"nothing":                     {nil, says{}},
		"a bootstrap":                 {[]journal.Entry{anchor}, says{Anchor: "c0"}},
		"all was made":                {[]journal.Entry{anchor, whole}, says{"c1", "c1", "c1", ""}},
		"something was only proposed": {[]journal.Entry{anchor, whole, rules}, says{"c2", "c1", "c2", "a b"}},
		"a part was named":            {[]journal.Entry{anchor, whole, rules, partial}, says{"c2", "c1", "c3", "c"}},
		"files without a commit":      {[]journal.Entry{anchor, whole, dirty}, says{"c1", "c1", "c1", ""}},
		"an entry of an older tool":   {[]journal.Entry{anchor, rules, old}, says{"c5", "c5", "c5", ""}},
		"an anchor after all":         {[]journal.Entry{whole, anchor}, says{"c0", "c1", "c1", ""}},
	} {
		l := journal.NewLedger(c.entries)
		commit, owed := l.Settled()
		have := says{l.Anchor(), l.Applied(), commit, strings.Join(slices.Sorted(maps.Keys(owed)), " ")}
		if have != c.want {
			t.Errorf("%s: have %+v, want %+v", name, have, c.want)
		}
	}
}

func TestTouchedIsWhatAStepIsKnownToHaveReached(t *testing.T) {
	t.Parallel()
	other := resource.ID{Kind: "funding", Scope: "fuji", Name: "other"}
	l := journal.NewLedger([]journal.Entry{
		{Kind: journal.Intent, Intent: "1", ID: wallet()}, {Kind: journal.Outcome, Intent: "1", ID: wallet(), Happened: journal.Happened},
		{Kind: journal.Intent, Intent: "2", ID: other}, {Kind: journal.Outcome, Intent: "2", ID: other, Happened: journal.NotHappened},
	})
	if touched := l.Touched(); len(touched) != 1 || !touched[wallet()] {
		t.Errorf("have %v", touched)
	}
}

func TestTheLastReadingIsTheNewestOfThatWallet(t *testing.T) {
	t.Parallel()
	other := resource.ID{Kind: "funding", Scope: "fuji", Name: "other"}
	reading := func(d time.Duration, readings map[string]string) journal.Entry {
		return ago(d, journal.Entry{Kind: journal.Reading, Readings: readings})
	}
	l := journal.NewLedger([]journal.Entry{
		reading(3*time.Hour, map[string]string{wallet().String(): "5", other.String(): "6"}),
		reading(2*time.Hour, map[string]string{wallet().String(): "0"}),
		ago(time.Hour, journal.Entry{Kind: journal.Close, Plan: "p", Readings: map[string]string{other.String(): "8"}}),
	})
	wei, when, ok := l.LastReading(wallet())
	if wei != "0" || !when.Equal(noon().Add(-2*time.Hour)) || !ok {
		t.Errorf("have %q at %s, %t", wei, when, ok)
	}
	if wei, _, _ := l.LastReading(other); wei != "8" {
		t.Errorf("the close's reading: have %q, want 8", wei)
	}
	if _, _, ok := l.LastReading(resource.ID{Kind: "funding", Scope: "fuji", Name: "third"}); ok {
		t.Error("a wallet that was never read has a reading")
	}
}

func TestWhatCameInSinceAReadingIsTheSumOfCertainPayments(t *testing.T) {
	t.Parallel()
	paid := func(id, amount string) journal.Entry {
		e := outcome(id, journal.Happened, "")
		e.Outputs = resource.Outputs{journal.OutputAmount: amount}
		return e
	}
	l := journal.NewLedger([]journal.Entry{
		ago(3*time.Hour, intent("old", "1", "1")), ago(3*time.Hour, paid("old", "1000")),
		ago(3*time.Hour, intent("a", "1", "1")), ago(time.Hour, paid("a", "30")), // known after the reading
		ago(time.Hour, intent("b", "1", "1")), ago(time.Hour, intent("b", "1", "2")), ago(time.Hour, paid("b", "4")),
		ago(time.Hour, intent("no", "1", "1")), ago(time.Hour, outcome("no", journal.NotHappened, "")),
		ago(time.Hour, intent("open", "1", "1")),
	})
	if have := l.PaidSince(wallet(), noon().Add(-2*time.Hour)); have.Cmp(big.NewInt(34)) != 0 {
		t.Errorf("have %s, want 34", have)
	}
}

func TestTheInventoryHoldsWhatIsKnownToHaveBeenMade(t *testing.T) {
	t.Parallel()
	made := func(e journal.Entry, arn string) journal.Entry {
		e.Outputs = resource.Outputs{journal.OutputARN: arn}
		return e
	}
	l := journal.NewLedger([]journal.Entry{
		made(outcome("yes", journal.Happened, ""), "arn:1"),
		made(outcome("no", journal.NotHappened, ""), "arn:2"),
		made(outcome("unknown", journal.Unknown, ""), "arn:3"),
		made(outcome("settled", journal.Unknown, ""), "arn:4"), made(outcome("settled", journal.Happened, ""), "arn:4"),
		outcome("nameless", journal.Happened, ""),
	})
	if diff := cmp.Diff(map[string]bool{"arn:1": true, "arn:4": true}, l.Made()); diff != "" {
		t.Error(diff)
	}
}

func TestAReadingStandsSinceItWasFirstWhatItIs(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration, wei string) journal.Entry {
		e := ago(d, journal.Entry{Kind: journal.Close, Plan: "p"})
		if wei != "" {
			e.Readings = map[string]string{wallet().String(): wei}
		}
		return e
	}
	entries := []journal.Entry{at(9, "7"), at(8, "8"), at(7, "7"), at(6, ""), at(5, "7"), at(4, "")}
	for reading, want := range map[string]time.Duration{"7": 7, "8": -1, "9": -1} {
		got := journal.NewLedger(entries).Since(wallet(), reading)
		if want < 0 != got.IsZero() || want >= 0 && !got.Equal(noon().Add(-want)) {
			t.Errorf("%s stands since %s", reading, got)
		}
	}
}

func TestTheLastTryIsTheOneThatMayHaveHappened(t *testing.T) {
	t.Parallel()
	sure := []journal.Entry{ago(9, intent("a", "1", "1")), ago(8, outcome("a", journal.Happened, ""))}
	for name, c := range map[string]struct {
		more []journal.Entry
		want time.Duration
		says string
	}{
		"it happened":                      {nil, 8, journal.Happened},
		"a later one did not":              {[]journal.Entry{ago(7, intent("b", "1", "1")), ago(6, outcome("b", journal.NotHappened, ""))}, 8, journal.Happened},
		"of a later one nothing is known":  {[]journal.Entry{ago(7, intent("b", "1", "1"))}, 7, ""},
		"a later one may have or not":      {[]journal.Entry{ago(7, intent("b", "1", "1")), ago(6, outcome("b", journal.Unknown, ""))}, 7, ""},
		"a later one was found to have":    {[]journal.Entry{ago(7, intent("b", "1", "1")), ago(6, outcome("b", journal.Unknown, "")), ago(5, outcome("b", journal.Happened, ""))}, 5, journal.Happened},
		"what was asked for is another id": {[]journal.Entry{ago(7, journal.Entry{Kind: journal.Intent, Plan: "p", Intent: "b"})}, 8, journal.Happened},
	} {
		ledger := journal.NewLedger(append(append([]journal.Entry{}, sure...), c.more...))
		got, ok := ledger.Last(func(e journal.Entry) bool { return e.ID == wallet() })
		if !ok || got.Happened != c.says || !got.Time.Equal(noon().Add(-c.want)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, ok := journal.NewLedger(nil).Last(func(journal.Entry) bool { return true }); ok {
		t.Error("an empty journal has a try")
	}
}
