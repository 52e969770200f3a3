package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// told prints intervals that touch a day before and after an instant.
func told(w config.Windows, now time.Time) []string {
	var all []string
	for _, i := range w.Around(now) {
		if i.Until.Before(now.Add(-30*time.Hour)) || i.From.After(now.Add(30*time.Hour)) {
			continue
		}
		word := "allow"
		if i.Deny {
			word = "deny"
		}
		all = append(all, word+" "+i.From.Format("2006-01-02 15:04 MST")+" to "+i.Until.Format("2006-01-02 15:04 MST"))
	}
	return all
}

func TestWindowsMeanTheHoursOfTheirZone(t *testing.T) {
	t.Parallel()
	hours := func(begin, end string, days ...string) []config.Window {
		return []config.Window{{Begin: begin, End: end, Days: days}}
	}
	dates := func(from, to string) []config.Window { return []config.Window{{From: from, To: to}} }
	for name, c := range map[string]struct {
		now     string
		windows config.Windows
		want    []string
	}{
		"a working day in summer": {"2026-07-01 12:00", config.Windows{Zone: "Europe/Berlin", Allow: hours("09:00", "17:30", "wed")},
			[]string{"allow 2026-07-01 07:00 UTC to 2026-07-01 15:30 UTC"}},
		"and in winter": {"2026-12-02 12:00", config.Windows{Zone: "Europe/Berlin", Allow: hours("09:00", "17:30", "wed")},
			[]string{"allow 2026-12-02 08:00 UTC to 2026-12-02 16:30 UTC"}},
		"no zone is UTC": {"2026-12-02 12:00", config.Windows{Allow: hours("09:00", "17:30", "wed")},
			[]string{"allow 2026-12-02 09:00 UTC to 2026-12-02 17:30 UTC"}},
		"over midnight, of the day on which it begins": {"2026-12-04 23:00", config.Windows{Deny: hours("22:00", "06:00", "fri")},
			[]string{"deny 2026-12-04 22:00 UTC to 2026-12-05 06:00 UTC"}},
		"a whole day": {"2026-12-04 23:00", config.Windows{Deny: hours("00:00", "00:00", "fri")},
			[]string{"deny 2026-12-04 00:00 UTC to 2026-12-05 00:00 UTC"}},
		// 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. 25 October: 03:00 becomes 02:00 at 01:00 UTC.
		"the day on which clocks go forward is an hour shorter": {"2026-03-29 12:00", config.Windows{Zone: "Europe/Berlin", Deny: hours("00:00", "00:00", "sun")},
			[]string{"deny 2026-03-28 23:00 UTC to 2026-03-29 22:00 UTC"}},
		"the day on which they go back an hour longer": {"2026-10-25 12:00", config.Windows{Zone: "Europe/Berlin", Deny: hours("00:00", "00:00", "sun")},
			[]string{"deny 2026-10-24 22:00 UTC to 2026-10-25 23:00 UTC"}},
		"an hour that does not exist begins when it would have": {"2026-03-29 12:00", config.Windows{Zone: "Europe/Berlin", Deny: hours("02:30", "04:00", "sun")},
			[]string{"deny 2026-03-29 01:00 UTC to 2026-03-29 02:00 UTC"}},
		"and ends then": {"2026-03-29 12:00", config.Windows{Zone: "Europe/Berlin", Allow: hours("01:30", "02:30", "sun")},
			[]string{"allow 2026-03-29 00:30 UTC to 2026-03-29 01:00 UTC"}},
		"hours none of which exists are none": {"2026-03-29 12:00", config.Windows{Zone: "Europe/Berlin", Allow: hours("02:10", "02:50", "sun")}, nil},
		"an hour that comes twice is denied from its first to its last": {"2026-10-25 12:00", config.Windows{Zone: "Europe/Berlin", Deny: hours("02:15", "02:45", "sun")},
			[]string{"deny 2026-10-25 00:15 UTC to 2026-10-25 01:45 UTC"}},
		"and allowed from its last to its first": {"2026-10-25 12:00", config.Windows{Zone: "Europe/Berlin", Allow: hours("02:30", "04:00", "sun")},
			[]string{"allow 2026-10-25 01:30 UTC to 2026-10-25 03:00 UTC"}},
		"a midnight that does not exist": {"2026-04-24 12:00", config.Windows{Zone: "Africa/Cairo", Deny: hours("00:00", "06:00", "fri")},
			[]string{"deny 2026-04-23 22:00 UTC to 2026-04-24 03:00 UTC"}},
		"dates end before their last": {"2026-12-20 12:00", config.Windows{Zone: "America/New_York", Deny: dates("2026-12-20", "2027-01-03T08:00")},
			[]string{"deny 2026-12-20 05:00 UTC to 2027-01-03 13:00 UTC"}},
		"dates that begin and end in an hour that comes twice": {"2026-10-25 12:00", config.Windows{Zone: "Europe/Berlin", Deny: dates("2026-10-25T02:30", "2026-10-25T02:45")},
			[]string{"deny 2026-10-25 00:30 UTC to 2026-10-25 01:45 UTC"}},
		"half an hour off": {"2026-12-02 12:00", config.Windows{Zone: "Asia/Kolkata", Allow: hours("09:00", "17:00", "wed")},
			[]string{"allow 2026-12-02 03:30 UTC to 2026-12-02 11:30 UTC"}},
	} {
		if d := cmp.Diff(c.want, told(c.windows, utc(t, c.now))); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

// TestWhereAnythingIsAllowedSomethingSaysSo: no allowed interval at all means that
// nothing is denied, so one must be there however far away.
func TestWhereAnythingIsAllowedSomethingSaysSo(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]config.Windows{
		"dates long ago":             {Allow: []config.Window{{From: "2020-01-01", To: "2020-01-02"}}},
		"dates far ahead":            {Allow: []config.Window{{From: "2040-01-01", To: "2040-01-02"}}},
		"one hour a week":            {Zone: "Europe/Berlin", Allow: []config.Window{{Days: []string{"sun"}, Begin: "02:10", End: "02:50"}}},
		"a zone that does not exist": {Zone: "Nowhere/AtAll", Allow: []config.Window{{Begin: "09:00", End: "17:00"}}},
	} {
		for day := range 400 {
			now := utc(t, "2026-01-01 00:00").AddDate(0, 0, day)
			all := w.Around(now)
			if len(all) == 0 || !slices.ContainsFunc(all, func(i config.Interval) bool { return !i.Deny || i.From.Before(now) && i.Until.After(now) }) {
				t.Fatalf("%s: at %s there are only %v", name, now, all)
			}
		}
	}
}

// TestHoursAreExpandedBeyondTheEndOfAFreeze: what opens after it can be told.
func TestHoursAreExpandedBeyondTheEndOfAFreeze(t *testing.T) {
	t.Parallel()
	w := config.Windows{Allow: []config.Window{{Days: []string{"mon"}, Begin: "09:00", End: "10:00"}}, Deny: []config.Window{{From: "2026-01-01", To: "2026-06-01"}}}
	end := utc(t, "2026-06-01 00:00")
	if !slices.ContainsFunc(w.Around(utc(t, "2026-01-05 00:00")), func(i config.Interval) bool { return !i.Deny && !i.From.Before(end) }) {
		t.Error("nothing is known of the weeks after the freeze")
	}
}

func count(n int) *int { return &n }

func TestGatesStateBeltsAndWindows(t *testing.T) {
	t.Parallel()
	files := base(t)
	gates := "environments/staging/gates.cue"
	files[gates] = strings.Replace(files[gates], "gates: {", `gates: {
	belts: {updates: 7, thresholdMove: 0}
	windows: {
		zone: "Europe/Berlin"
		allow: [{days: ["mon", "tue"], begin: "09:00", end: "17:00"}]
		deny: [{from: "2026-12-20", to: "2027-01-03T08:00", why: "holidays"}]
		topUps: true
	}`, 1)
	env, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	want := config.DefaultBelts()
	want.Updates, want.ThresholdMove = count(7), count(0)
	if d := cmp.Diff(want, env.Governance.Belts); d != "" {
		t.Error(d)
	}
	w := env.Governance.Windows
	if w.Zone != "Europe/Berlin" || !w.TopUps || len(w.Allow) != 1 || len(w.Deny) != 1 || w.Deny[0].Why != "holidays" || filepath.Base(w.Deny[0].Source.File) != "gates.cue" {
		t.Errorf("windows %+v", w)
	}
	plain, _, err := config.Load(config.Options{Root: write(t, base(t)), Name: "staging"})
	if err != nil || cmp.Diff(config.DefaultBelts(), plain.Governance.Belts) != "" {
		t.Errorf("without belts: %v, %+v", err, plain.Governance.Belts)
	}
}

// TestEveryBeltAndWindowIsGovernance: whatever loosens one is a change of the rules.
func TestEveryBeltAndWindowIsGovernance(t *testing.T) {
	t.Parallel()
	digest := func(gates string) string {
		files := base(t)
		name := "environments/staging/gates.cue"
		files[name] = strings.Replace(files[name], "gates: {", "gates: {\n"+gates, 1)
		_, revision, err := config.Load(config.Options{Root: write(t, files), Name: "staging"})
		if err != nil {
			t.Fatalf("%s: %v", gates, err)
		}
		return revision.Governance
	}
	seen := map[string]string{}
	for _, gates := range []string{
		"", "belts: updates: 0", "belts: updates: 1", "belts: deletes: 0", "belts: keysRetired: 0", "belts: keysRetired: 2", "belts: accessWidened: 0",
		"belts: thresholdMove: 2", "belts: memberMoves: 5",
		`windows: deny: [{begin: "09:00", end: "10:00"}]`, `windows: deny: [{begin: "09:00", end: "11:00"}]`, `windows: allow: [{begin: "09:00", end: "10:00"}]`,
		`windows: deny: [{begin: "09:00", end: "10:00", days: ["mon"]}]`, `windows: {zone: "Asia/Tokyo", deny: [{begin: "09:00", end: "10:00"}]}`,
		`windows: {topUps: true, deny: [{begin: "09:00", end: "10:00"}]}`, `windows: deny: [{from: "2026-12-20", to: "2026-12-21"}]`, `windows: deny: [{from: "2026-12-20", to: "2026-12-22"}]`,
	} {
		d := digest(gates)
		if other, twice := seen[d]; twice {
			t.Errorf("%q and %q are the same rules", gates, other)
		}
		seen[d] = gates
	}
	same := func(a, b string) {
		if digest(a) != digest(b) {
			t.Errorf("%q and %q are different rules", a, b)
		}
	}
	same(`windows: deny: [{begin: "09:00", end: "10:00", days: ["mon", "tue"]}]`, `windows: deny: [{begin: "09:00", end: "10:00", days: ["tue", "mon"], why: "markets"}]`)
	same("belts: {}", "")
}
