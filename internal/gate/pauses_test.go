package gate_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func stopped(scope string) gate.Halt {
	return gate.Halt{Scope: scope, Why: "keys may be stolen", By: "ada@desk", Since: now.Add(-time.Hour)}
}

func TestAStopHoldsWhatItsScopeSays(t *testing.T) {
	t.Parallel()
	protective, topUp, tag := change("a", plan.Update, "disable"), pay("relayer", relayer, "50", "1"), change("b", plan.Update, "tag")
	unusual := pay("relayer", "0xstranger", "50", "1")
	all := map[string]gate.Halt{"changes": stopped("changes"), "all": stopped("all"), "another word": stopped("some"), "unreadable": {Unreadable: "stop.json: damaged"}}
	for name, c := range map[string]struct {
		changes []plan.Change
		passes  []string
	}{
		"what takes power away":                   {[]plan.Change{protective}, []string{"changes", "all", "another word", "unreadable"}},
		"a top-up":                                {[]plan.Change{topUp}, []string{"changes"}},
		"a top-up and what takes power away":      {[]plan.Change{topUp, protective}, []string{"changes"}},
		"a routine change":                        {[]plan.Change{tag}, nil},
		"a routine change behind one that passes": {[]plan.Change{protective, topUp, tag}, nil},
		"a payment outside of the limits":         {[]plan.Change{unusual}, nil},
		"nothing":                                 {nil, []string{"changes", "all", "another word", "unreadable"}},
	} {
		for kind, halt := range all {
			in := calm(c.changes...)
			in.Halt = halt
			if got := severityOf(gate.Check(in), plan.RuleStopped); got != resource.Note {
				t.Errorf("%s, %s: a plan says %q, want a note", name, kind, got)
			}
			in.Applying = true
			if got := severityOf(gate.Check(in), plan.RuleStopped) == resource.Note; got != slices.Contains(c.passes, kind) {
				t.Errorf("%s, %s: passes %t", name, kind, got)
			}
		}
		if got := severityOf(gate.Check(calm(c.changes...)), plan.RuleStopped); got != "" {
			t.Errorf("%s: nobody stopped anything, and %q is said", name, got)
		}
	}
}

func severityOf(v gate.Verdict, rule string) resource.Severity {
	for _, f := range v.Findings {
		if f.Rule == rule {
			return f.Severity
		}
	}
	return ""
}

func TestAStopSaysWhoWhyAndSinceWhen(t *testing.T) {
	t.Parallel()
	for want, halt := range map[string]gate.Halt{
		"changes are stopped, top-ups go on: keys may be stolen (ada@desk, 2026-11-21 11:00 UTC)":               stopped("changes"),
		"everything is stopped: keys may be stolen (ada@desk, 2026-11-21 11:00 UTC)":                            stopped("all"),
		"nobody can tell whether the environment is stopped, so all of it is: stop.json: not in canonical form": {Unreadable: "stop.json: not in canonical form"},
	} {
		in := calm(change("b", plan.Update, "tag"))
		in.Halt = halt
		if got := reasonOf(t, gate.Check(in), plan.RuleStopped); got != want {
			t.Errorf("says\n%s\nwant\n%s", got, want)
		}
	}
	in := calm(change("a", plan.Update, "disable"))
	in.Halt = stopped("all")
	want := "everything is stopped: keys may be stolen (ada@desk, 2026-11-21 11:00 UTC); this plan goes on"
	if got := reasonOf(t, gate.Check(in), plan.RuleStopped); got != want {
		t.Errorf("says %s", got)
	}
}

// window is hours from now.
func window(from, until int, deny bool, why string) gate.Window {
	return gate.Window{From: now.Add(time.Duration(from) * time.Hour), Until: now.Add(time.Duration(until) * time.Hour), Deny: deny, Why: why}
}

func TestWindowsSayWhenAPlanMayBeApplied(t *testing.T) {
	t.Parallel()
	allow := func(from, until int) gate.Window { return window(from, until, false, "") }
	deny := func(from, until int, why string) gate.Window { return window(from, until, true, why) }
	for name, c := range map[string]struct {
		windows []gate.Window
		want    string
	}{
		"none":                               {nil, ""},
		"inside of one that allows":          {[]gate.Window{allow(-1, 1)}, ""},
		"at its first moment":                {[]gate.Window{allow(0, 1)}, ""},
		"at the moment after its last":       {[]gate.Window{allow(-1, 0), allow(5, 6)}, "frozen until 2026-11-21 17:00 UTC (outside of its windows)"},
		"before one":                         {[]gate.Window{allow(9, 10), allow(5, 6)}, "frozen until 2026-11-21 17:00 UTC (outside of its windows)"},
		"none opens again":                   {[]gate.Window{allow(-9, -8)}, "frozen, and no window that opens is in sight (outside of its windows)"},
		"a freeze":                           {[]gate.Window{deny(-1, 20, "holidays")}, "frozen until 2026-11-22 08:00 UTC (holidays)"},
		"a freeze without a reason":          {[]gate.Window{deny(-1, 20, "")}, "frozen until 2026-11-22 08:00 UTC"},
		"a freeze that is over":              {[]gate.Window{deny(-1, 0, "holidays")}, ""},
		"a freeze that comes":                {[]gate.Window{deny(1, 20, "holidays")}, ""},
		"deny wins":                          {[]gate.Window{allow(-1, 9), deny(-1, 2, "holidays")}, "frozen until 2026-11-21 14:00 UTC (holidays)"},
		"freezes that follow each other":     {[]gate.Window{deny(-1, 2, "one"), deny(1, 4, "two"), deny(4, 5, "three")}, "frozen until 2026-11-21 17:00 UTC (one)"},
		"a freeze, then outside of windows":  {[]gate.Window{deny(-1, 2, "holidays"), allow(-1, 1), allow(30, 31)}, "frozen until 2026-11-22 18:00 UTC (holidays)"},
		"outside of windows, then a freeze":  {[]gate.Window{allow(2, 4), deny(2, 3, "holidays")}, "frozen until 2026-11-21 15:00 UTC (outside of its windows)"},
		"a window that a freeze takes whole": {[]gate.Window{allow(2, 4), deny(1, 9, "holidays"), allow(10, 11)}, "frozen until 2026-11-21 22:00 UTC (outside of its windows)"},
	} {
		in := calm(change("b", plan.Update, "tag"))
		in.Windows = c.windows
		for _, applying := range []bool{false, true} {
			in.Applying = applying
			v := gate.Check(in)
			got := ""
			if severity := severityOf(v, plan.RuleFrozen); severity != "" {
				got = reasonOf(t, v, plan.RuleFrozen)
				if (severity == resource.Refuse) != applying {
					t.Errorf("%s: %s while applying is %t", name, severity, applying)
				}
			}
			if got != c.want {
				t.Errorf("%s: says %q, want %q", name, got, c.want)
			}
		}
	}
}

func TestTopUpsPassWindowsOnlyWhereThoseSaySo(t *testing.T) {
	t.Parallel()
	in := calm(pay("relayer", relayer, "50", "1"))
	in.Windows, in.Applying = []gate.Window{window(-1, 1, true, "holidays")}, true
	if got := severityOf(gate.Check(in), plan.RuleFrozen); got != resource.Refuse {
		t.Errorf("held: %q", got)
	}
	in.WindowsPassTopUps = true
	if got := severityOf(gate.Check(in), plan.RuleFrozen); got != resource.Note {
		t.Errorf("let through: %q", got)
	}
}

// TestWhatOnlyTakesPowerAwayPassesEveryStopAndWindow: whoever must disable a key
// at night is held by nothing that can be undone later.
func TestWhatOnlyTakesPowerAwayPassesEveryStopAndWindow(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 21))
		var changes []plan.Change
		for i := range 1 + r.IntN(4) {
			changes = append(changes, change(string(rune('a'+i)), plan.Update, "disable"))
		}
		in := randomPause(calm(changes...), r)
		for _, f := range gate.Check(in).Findings {
			if f.Severity != resource.Note {
				t.Fatalf("seed %d: %s %s", seed, f.Rule, f.Reason)
			}
		}
	}
}

func randomPause(in gate.Input, r *rand.Rand) gate.Input {
	in.Applying = true
	in.Halt = []gate.Halt{{}, stopped("changes"), stopped("all"), stopped("x"), {Unreadable: "no answer"}}[r.IntN(5)]
	for range r.IntN(6) {
		from := r.IntN(40) - 20
		in.Windows = append(in.Windows, window(from, from+r.IntN(20), r.IntN(2) == 0, "why"))
	}
	in.WindowsPassTopUps = r.IntN(2) == 0
	return in
}

// TestBetweenTwoStepsTheSameHoldsAsAtTheBeginning compares with a whole judgement.
func TestBetweenTwoStepsTheSameHoldsAsAtTheBeginning(t *testing.T) {
	t.Parallel()
	held := 0
	for seed := range uint64(5000) {
		in := randomPause(randomInput(seed), rand.New(rand.NewPCG(seed, 23)))
		v := gate.Check(in)
		judged := *in.Plan
		v.Apply(&judged)
		var want *resource.Finding
		for _, f := range v.Findings {
			if f.Severity == resource.Refuse && (f.Rule == plan.RuleStopped || f.Rule == plan.RuleFrozen) && (want == nil || f.Rule == plan.RuleStopped) {
				want = &f
			}
		}
		in.Plan = &judged
		if d := cmp.Diff(want, gate.Held(gate.Input{Plan: in.Plan, Halt: in.Halt, Windows: in.Windows, WindowsPassTopUps: in.WindowsPassTopUps, Now: in.Now})); d != "" {
			t.Fatalf("seed %d:\n%s", seed, d)
		}
		if want != nil {
			held++
		}
	}
	if held < 500 {
		t.Errorf("only %d of 5,000 are held", held)
	}
}

// TestTheMomentThatAFreezeNamesIsTheFirstThatIsFree looks at every hour.
func TestTheMomentThatAFreezeNamesIsTheFirstThatIsFree(t *testing.T) {
	t.Parallel()
	seen := 0
	for seed := range uint64(3000) {
		in := randomPause(calm(change("b", plan.Update, "tag")), rand.New(rand.NewPCG(seed, 22)))
		in.Halt = gate.Halt{}
		reason := ""
		for _, f := range gate.Check(in).Findings {
			if f.Rule == plan.RuleFrozen {
				reason = f.Reason
			}
		}
		want := ""
		for hour := 0; hour < 60 && want == ""; hour++ {
			at := in
			at.Now = now.Add(time.Duration(hour) * time.Hour)
			if severityOf(gate.Check(at), plan.RuleFrozen) == "" {
				want = at.Now.Format("2006-01-02 15:04 UTC")
				if hour == 0 {
					want = "now"
				}
			}
		}
		if reason == "" {
			if want != "now" {
				t.Fatalf("seed %d: not frozen, and free at %s", seed, want)
			}
			continue
		}
		seen++
		if want == "" {
			want = "frozen, and no"
		} else {
			want = "frozen until " + want
		}
		if d := cmp.Diff(want, reason[:min(len(want), len(reason))]); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
	if seen < 500 {
		t.Errorf("only %d of 3,000 are frozen", seen)
	}
}
