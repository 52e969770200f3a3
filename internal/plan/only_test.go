package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestOnlyKeepsWhatItNamesAndWhatThatNeeds(t *testing.T) {
	t.Parallel()
	set := setOf(t, keyOf("a", "b"), keyOf("b", ""), keyOf("c", ""))
	d := diff(t, plan.Input{Rules: testRules(), Desired: set})
	for selector, want := range map[string][]string{
		"key/r1/a":  {"b", "a"},
		"key/r1/b":  {"b"},
		"key/r1/*":  {"b", "a", "c"},
		"key":       {"b", "a", "c"},
		"key/**":    {"b", "a", "c"},
		"key/r1/[c": nil,
		"key/r2/*":  nil,
		"secret":    nil,
	} {
		cut, err := d.Only([]string{selector})
		if want == nil {
			if err == nil || !strings.Contains(err.Error(), selector) {
				t.Errorf("%s: kept %v, error %v", selector, names(cut.Changes), err)
			}
			continue
		}
		if err != nil || !slices.Equal(names(cut.Changes), want) {
			t.Errorf("%s: kept %v, want %v (%v)", selector, names(cut.Changes), want, err)
		}
	}
	if len(d.Changes) != 3 {
		t.Error("the whole difference was cut as well")
	}
}

func TestOnlyADeleteBringsItsLastUserAlong(t *testing.T) {
	t.Parallel()
	before := setOf(t, keyOf("gone", ""), keyOf("user", "gone"), keyOf("other", ""))
	live := liveOf(t, before, keyID("gone"), keyID("user"), keyID("other"))
	changed := keyOf("other", "")
	changed.Attrs["tags"] = "new"
	d := diff(t, plan.Input{Rules: testRules(), Desired: setOf(t, keyOf("user", ""), changed), Previous: before, Owned: live})
	cut, err := d.Only([]string{"key/r1/gone"})
	if err != nil || !slices.Equal(names(cut.Changes), []string{"user", "gone"}) {
		t.Errorf("kept %v, %v", names(cut.Changes), err)
	}
}

// TestAnyCutOfAPlanCanBeDone runs random cuts: what a cut leaves out must not
// be missed by what it keeps.
func TestAnyCutOfAPlanCanBeDone(t *testing.T) {
	t.Parallel()
	cuts := 0
	eachWorld(t, func(t *testing.T, w *world) {
		d := diff(t, w.input())
		if len(d.Changes) == 0 {
			return
		}
		cut, err := d.Only([]string{d.Changes[len(d.Changes)/2].ID.String()})
		if err != nil {
			t.Fatal(err)
		}
		if len(cut.Changes) < len(d.Changes) {
			cuts++
		}
		if slices.ContainsFunc(cut.Findings, func(f resource.Finding) bool { return f.Rule == plan.RuleCutStage }) {
			t.Fatalf("refused: %v", cut.Findings)
		}
		w.run(t, cut.Changes)
	})
	if cuts < worlds/4 {
		t.Errorf("only %d cuts left something out", cuts)
	}
}

func TestSelectorsNameKindsGroupsIDsAndPatterns(t *testing.T) {
	t.Parallel()
	id := resource.ID{Kind: "validator-set", Scope: "fuji", Name: "sepolia/main"}
	for selector, want := range map[string]bool{
		"validator-set": true, "validator-set/fuji/sepolia/main": true, "origin/sepolia": true, "validator-set/fuji/*": false,
		"validator-set/fuji/**": true, "validator-set/*/sepolia/*": true, "**": true, "": false, "validator": false, "validator-set/gnosis/**": false,
	} {
		if got := plan.Selects(selector, id, "origin/sepolia"); got != want {
			t.Errorf("%q selects: %t, want %t", selector, got, want)
		}
	}
	if plan.Selects("", id, "") {
		t.Error("an empty selector selects what has no group")
	}
}

func TestOnlyKeepsTheDeferredThatItNames(t *testing.T) {
	t.Parallel()
	in := plan.Input{Rules: testRules(), Desired: setOf(t, keyOf("late", ""), keyOf("now", ""), keyOf("user", "late")),
		Facts: []resource.Fact{{ID: keyID("late"), Name: "wait", Value: "yes"}}}
	cut, err := diff(t, in).Only([]string{"key/r1/late"})
	if err != nil {
		t.Fatal(err)
	}
	if len(cut.Changes) != 0 || len(cut.Deferred) != 1 || cut.Deferred[0].ID != keyID("late") {
		t.Errorf("changes %v, deferred %v", cut.Changes, cut.Deferred)
	}
}

// TestACutRefusesWhatMustComeAfterSomethingThatIsNotInIt: a stage whose precondition
// was put off is not done without it, and is named.
func TestACutRefusesWhatMustComeAfterSomethingThatIsNotInIt(t *testing.T) {
	t.Parallel()
	before := setOf(t, keyOf("gone", ""), keyOf("user", "gone"), keyOf("other", ""))
	live := liveOf(t, before, keyID("gone"), keyID("user"), keyID("other"))
	d := diff(t, plan.Input{Rules: testRules(), Desired: setOf(t, keyOf("user", ""), keyOf("other", "")), Previous: before, Owned: live})
	refusals := func(d plan.Difference) []string {
		cut, err := d.Only([]string{"key/r1/gone"})
		if err != nil {
			t.Fatal(err)
		}
		list := []string{}
		for _, f := range cut.Findings {
			list = append(list, string(f.Severity)+" "+f.Rule+" "+f.ID.String()+": "+f.Reason)
		}
		return list
	}
	if got := refusals(d); len(got) != 0 {
		t.Errorf("a whole cut is refused: %v", got)
	}
	// Somebody after the comparison puts the first stage off.
	put := d
	put.Changes = slices.DeleteFunc(slices.Clone(d.Changes), func(c plan.Change) bool { return c.ID == keyID("user") })
	for reason, off := range map[string]func(d *plan.Difference){
		"which is put off: it is in use":        func(d *plan.Difference) { d.Deferred = []plan.Deferred{{ID: keyID("user"), Reason: "it is in use"}} },
		"which waits for others: 1 of 2 signed": func(d *plan.Difference) { d.Pending = []plan.Pending{{ID: keyID("user"), Reason: "1 of 2 signed"}} },
		"which is in no plan":                   func(*plan.Difference) {},
	} {
		cut := put
		off(&cut)
		want := []string{"refuse cut-stage key/r1/gone: it must come after key/r1/user, " + reason}
		if got := refusals(cut); !slices.Equal(got, want) {
			t.Errorf("have %q, want %q", got, want)
		}
	}
}
