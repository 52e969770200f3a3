package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func causesOf(changes []plan.Change) map[string]plan.Cause {
	causes := map[string]plan.Cause{}
	for _, c := range changes {
		causes[c.ID.Name] = c.Cause
	}
	return causes
}

// worn is a world in which somebody changed the tags of every live key.
func worn(t *testing.T, set resource.Set, order ...resource.ID) resource.Set {
	live := liveOf(t, set, order...)
	for id, r := range live {
		r.Attrs = r.Attrs.Clone()
		r.Attrs["tags"] = "theirs"
		live[id] = r
	}
	return live
}

func TestOnlyWhatWasOnceAsItIsDeclaredHasDrifted(t *testing.T) {
	t.Parallel()
	made, owed, changed := keyOf("made", ""), keyOf("owed", ""), keyOf("changed", "")
	before := setOf(t, made, owed, changed)
	live := worn(t, before, made.ID, owed.ID, changed.ID)
	after := keyOf("changed", "")
	after.Attrs["tags"] = "ours"
	in := plan.Input{
		Rules: testRules(), Desired: setOf(t, made, owed, after, keyOf("new", "")), Owned: live,
		Previous: before, Made: setOf(t, made, changed),
	}
	want := map[string]plan.Cause{"made": plan.FromDrift, "owed": plan.FromConfig, "changed": plan.FromBoth, "new": plan.FromConfig}
	if got := causesOf(diff(t, in).Changes); !cmp.Equal(got, want) {
		t.Errorf("causes %v, want %v", got, want)
	}
	in.Owned = liveOf(t, before, made.ID, owed.ID, changed.ID)
	if got := causesOf(diff(t, in).Changes)["changed"]; got != plan.FromConfig {
		t.Errorf("nobody touched it: cause %q", got)
	}
	in.Made = nil
	if got := diff(t, in); got.Has(plan.FromDrift) {
		t.Errorf("nothing was made, so nothing drifts: %v", causesOf(got.Changes))
	}
}

func TestWhatFollowsAReplacementHasItsCause(t *testing.T) {
	t.Parallel()
	head, user := keyOf("head", ""), keyOf("user", "head")
	before := setOf(t, head, user)
	other := keyOf("head", "")
	other.Attrs["spec"] = "b"
	d := diff(t, plan.Input{
		Rules: testRules(), Desired: setOf(t, other, user), Owned: liveOf(t, before, head.ID, user.ID), Previous: before, Made: before,
	})
	if want := map[string]plan.Cause{"head": plan.FromConfig, "user": plan.FromConfig}; !cmp.Equal(causesOf(d.Changes), want) {
		t.Errorf("causes %v, want %v", causesOf(d.Changes), want)
	}
}

func TestWhatOurOwnStepsMadeAndNobodyDeclaresIsNoDrift(t *testing.T) {
	t.Parallel()
	keep, gone := keyOf("keep", ""), keyOf("gone", "")
	in := plan.Input{
		Rules: testRules(), Desired: setOf(t, keep), Owned: liveOf(t, setOf(t, keep, gone), keep.ID, gone.ID), Previous: setOf(t, keep),
	}
	for touched, want := range map[bool]plan.Cause{false: plan.FromDrift, true: plan.FromConfig} {
		in.Touched = map[resource.ID]bool{gone.ID: touched}
		if got := diff(t, in).Changes[0].Cause; got != want {
			t.Errorf("touched %t: cause %q, want %q", touched, got, want)
		}
	}
}

func TestAPlanOfOneCauseTakesWhatItNeedsAndCountsTheRest(t *testing.T) {
	t.Parallel()
	// The new key points at one that somebody removed; another was retagged.
	lost, retagged := keyOf("lost", ""), keyOf("retagged", "")
	before := setOf(t, lost, retagged)
	d := diff(t, plan.Input{
		Rules: testRules(), Desired: setOf(t, lost, retagged, keyOf("new", "lost")), Owned: worn(t, setOf(t, retagged), retagged.ID),
		Previous: before, Made: before,
	})
	configured, elsewhere := d.CutCause(plan.FromConfig)
	if want := map[string]plan.Cause{"lost": plan.FromDrift, "new": plan.FromConfig}; !cmp.Equal(causesOf(configured.Changes), want) || elsewhere != 1 {
		t.Errorf("config: %v, %d elsewhere", causesOf(configured.Changes), elsewhere)
	}
	drifted, elsewhere := d.CutCause(plan.FromDrift)
	if want := map[string]plan.Cause{"lost": plan.FromDrift, "retagged": plan.FromDrift}; !cmp.Equal(causesOf(drifted.Changes), want) || elsewhere != 1 {
		t.Errorf("drift: %v, %d elsewhere", causesOf(drifted.Changes), elsewhere)
	}
	if len(d.Changes) != 3 {
		t.Error("the cut changed what it was made from")
	}
}

// A cut holds all that its changes wait for, whatever the world is, and nothing
// gets lost between the two plans.
func TestTwoPlansOfOneCauseEachHoldTogetherEverything(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		d := diff(t, w.input())
		before := plan.Dependencies(d.Changes, nil)
		held := map[resource.ID]bool{}
		for _, cause := range []plan.Cause{plan.FromConfig, plan.FromDrift} {
			cut, elsewhere := d.CutCause(cause)
			if elsewhere+len(cut.Changes) != len(d.Changes) {
				t.Fatalf("%d of %d changes and %d elsewhere", len(cut.Changes), len(d.Changes), elsewhere)
			}
			here := map[resource.ID]bool{}
			for _, c := range cut.Changes {
				held[c.ID], here[c.ID] = true, true
			}
			for id := range here {
				for _, first := range before[id] {
					if !here[first] {
						t.Fatalf("the plan of %s holds %s and not %s", cause, id, first)
					}
				}
			}
		}
		if len(held) != len(d.Changes) {
			t.Fatalf("%d of %d changes are in a plan", len(held), len(d.Changes))
		}
	})
}

func TestOwedIsWhatIsNotAsDeclaredAndNeverWas(t *testing.T) {
	t.Parallel()
	names := []string{"drifted", "changes", "later", "waits", "refused", "noted", "unread", "done"}
	desired, made := resource.Set{}, resource.Set{}
	for _, name := range names {
		desired[keyID(name)] = keyOf(name, "")
	}
	made[keyID("drifted")] = keyOf("drifted", "")
	elder := keyOf("changes", "")
	elder.Attrs["tags"] = "older"
	made[elder.ID] = elder
	p := &plan.Plan{
		Changes:  []plan.Change{{ID: keyID("drifted")}, {ID: keyID("changes")}, {ID: keyID("undeclared"), Action: plan.Delete}},
		Deferred: []plan.Deferred{{ID: keyID("later")}}, Pending: []plan.Pending{{ID: keyID("waits")}},
		Unread: []resource.Unread{{Scope: keyID("unread").String()}},
		Findings: []resource.Finding{
			{ID: keyID("refused"), Severity: resource.Refuse}, {ID: keyID("noted"), Severity: resource.Note}, {Severity: resource.Refuse},
		},
	}
	var got []string
	for _, id := range plan.Owed(p, desired, made, testRules()) {
		got = append(got, id.Name)
	}
	if want := []string{"changes", "later", "refused", "unread", "waits"}; !slices.Equal(got, want) {
		t.Errorf("owed %v, want %v", got, want)
	}
}
