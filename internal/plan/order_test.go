package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func keyID(name string) resource.ID    { return resource.ID{Kind: "key", Scope: "r1", Name: name} }
func policyID(name string) resource.ID { return resource.ID{Kind: "policy", Scope: "r1", Name: name} }

// keyOf declares a key whose parent is another key, or none.
func keyOf(name, parent string) resource.Resource {
	attrs := resource.Attrs{"spec": "a", "tags": "t", "parent": ""}
	if parent != "" {
		attrs["parent"] = resource.Ref{ID: keyID(parent), Output: "arn"}
	}
	return resource.Resource{ID: keyID(name), Attrs: attrs}
}

func setOf(t *testing.T, resources ...resource.Resource) resource.Set {
	t.Helper()
	made, err := resource.NewSet(resources...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// liveOf makes the world that was applied from a configuration.
func liveOf(t *testing.T, set resource.Set, order ...resource.ID) resource.Set {
	t.Helper()
	w := &world{rules: testRules(), live: map[resource.ID]*object{}}
	w.settleAs(set, order)
	return w.input().Owned
}

func TestResourcesThatWaitForEachOtherAreAnErrorThatPrintsTheLoop(t *testing.T) {
	t.Parallel()
	in := plan.Input{Rules: testRules(), Desired: setOf(t, keyOf("a", "c"), keyOf("b", "a"), keyOf("c", "b"), keyOf("outside", "a"))}
	_, err := plan.Diff(in)
	cycle := (*plan.CycleError)(nil)
	if !errors.As(err, &cycle) {
		t.Fatalf("error %v", err)
	}
	want := "resources wait for each other: key/r1/a -> key/r1/c -> key/r1/b -> key/r1/a"
	if err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if len(cycle.Loop) != 4 || cycle.Loop[0] != cycle.Loop[3] {
		t.Errorf("loop %v is not closed", cycle.Loop)
	}
}

func TestAResourceThatPointsAtItselfWaitsForNobody(t *testing.T) {
	t.Parallel()
	d := diff(t, plan.Input{Rules: testRules(), Desired: setOf(t, keyOf("a", "a"))})
	if len(d.Changes) != 1 || len(d.Deferred) != 0 {
		t.Errorf("changes %v, deferred %v", d.Changes, d.Deferred)
	}
}

func TestAChainIsMadeFromItsEndAndRemovedFromItsHead(t *testing.T) {
	t.Parallel()
	chain := setOf(t, keyOf("a", "b"), keyOf("b", "c"), keyOf("c", ""))
	made := diff(t, plan.Input{Rules: testRules(), Desired: chain})
	if got := names(made.Changes); !slices.Equal(got, []string{"c", "b", "a"}) {
		t.Errorf("made in the order %v", got)
	}
	gone := diff(t, plan.Input{Rules: testRules(), Desired: setOf(t, keyOf("other", "")), Previous: chain,
		Owned: liveOf(t, chain, keyID("c"), keyID("b"), keyID("a"))})
	if got := names(gone.Changes); !slices.Equal(got, []string{"a", "b", "c", "other"}) {
		t.Errorf("removed in the order %v", got)
	}
}

func names(changes []plan.Change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, c.ID.Name)
	}
	return all
}

func TestAKindThatNobodyKnowsIsAnErrorByName(t *testing.T) {
	t.Parallel()
	odd := resource.Resource{ID: resource.ID{Kind: "odd", Scope: "r1", Name: "x"}}
	for name, in := range map[string]plan.Input{
		"declared": {Rules: testRules(), Desired: setOf(t, odd)},
		"live":     {Rules: testRules(), Owned: setOf(t, odd)},
	} {
		if _, err := plan.Diff(in); err == nil || !strings.Contains(err.Error(), "odd/r1/x: no kind of this name") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestAKindThatCannotPlanIsAnErrorByName(t *testing.T) {
	t.Parallel()
	rules := testRules()
	rules["key"] = plan.Rules{Steps: func(_, _ *resource.Resource, _ []resource.Fact) ([]resource.Step, error) {
		return nil, errors.New("no such spec")
	}}
	for name, in := range map[string]plan.Input{
		"create": {Rules: rules, Desired: setOf(t, keyOf("a", ""))},
		"delete": {Rules: rules, Owned: setOf(t, keyOf("a", ""))},
	} {
		if _, err := plan.Diff(in); err == nil || err.Error() != "key/r1/a: plan: no such spec" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTwoLiveObjectsWithOneIDAreRefused(t *testing.T) {
	t.Parallel()
	set := setOf(t, keyOf("a", ""))
	live := liveOf(t, set, keyID("a"))
	d := diff(t, plan.Input{Rules: testRules(), Desired: set, Owned: live, Foreign: live})
	if len(d.Changes) != 0 || len(d.Findings) != 1 || d.Findings[0].Rule != "duplicate-id" || d.Findings[0].Severity != resource.Refuse {
		t.Errorf("changes %v, findings %v", d.Changes, d.Findings)
	}
}

func TestAResourceOnceDeclaredAndGoneIsDriftAndOneNeverDeclaredIsConfig(t *testing.T) {
	t.Parallel()
	old, added := keyOf("old", ""), keyOf("added", "")
	d := diff(t, plan.Input{Rules: testRules(), Desired: setOf(t, old, added), Previous: setOf(t, old), Made: setOf(t, old)})
	causes := map[string]plan.Cause{}
	for _, c := range d.Changes {
		causes[c.ID.Name] = c.Cause
	}
	if want := map[string]plan.Cause{"old": plan.FromDrift, "added": plan.FromConfig}; !cmp.Equal(causes, want) {
		t.Errorf("causes %v, want %v", causes, want)
	}
}

func TestADeleteOfWhatWasNeverDeclaredIsDrift(t *testing.T) {
	t.Parallel()
	keep, stray := keyOf("keep", ""), keyOf("stray", "")
	live := liveOf(t, setOf(t, keep, stray), keyID("keep"), keyID("stray"))
	for name, want := range map[string]struct {
		previous resource.Set
		cause    plan.Cause
	}{
		"never declared":   {setOf(t, keep), plan.FromDrift},
		"declared before":  {setOf(t, keep, stray), plan.FromConfig},
		"nothing to go by": {nil, plan.FromConfig},
	} {
		d := diff(t, plan.Input{Rules: testRules(), Desired: setOf(t, keep), Owned: live, Previous: want.previous})
		if len(d.Changes) != 1 || d.Changes[0].Action != plan.Delete || d.Changes[0].Cause != want.cause {
			t.Errorf("%s: %v", name, d.Changes)
		}
	}
}

func TestWhatMustNeverBePrintedIsNowhereInThePlan(t *testing.T) {
	t.Parallel()
	rules := testRules()
	key := rules["key"]
	key.Traits.Sensitive = []string{"secret"}
	rules["key"] = key
	const canary = "4c0883a69102937d"
	want, gone := keyOf("a", ""), keyOf("gone", "")
	want.Attrs["secret"], gone.Attrs["secret"] = canary, canary
	have := keyOf("a", "")
	have.Attrs["secret"], have.Attrs["tags"] = canary+"old", "old"
	in := plan.Input{Rules: rules, Desired: setOf(t, want), Owned: setOf(t, have, gone), Previous: setOf(t, want)}
	p := sealed(t, in, diff(t, in))
	if len(p.Changes) != 2 {
		t.Fatalf("changes %v", p.Changes)
	}
	if data := string(encoded(t, p)); strings.Contains(data, canary) {
		t.Errorf("the secret is in the plan:\n%s", data)
	}
	if err := plan.Derive(p, in.Desired, rules); err != nil {
		t.Errorf("derive: %v", err)
	}
}

func TestWhatAStayingResourceUsesStaysToo(t *testing.T) {
	t.Parallel()
	user := resource.Resource{ID: policyID("p"), Attrs: resource.Attrs{"members": []any{resource.Ref{ID: keyID("a"), Output: "arn"}}, "text": "t"}}
	before := setOf(t, user, keyOf("a", "b"), keyOf("b", ""))
	live := liveOf(t, before, keyID("b"), keyID("a"), policyID("p"))
	foreign := resource.Set{policyID("p"): live[policyID("p")]}
	delete(live, policyID("p"))
	d := diff(t, plan.Input{Rules: testRules(), Desired: setOf(t, user), Previous: before, Owned: live, Foreign: foreign})
	if len(d.Changes) != 0 || len(d.Deferred) != 1 || d.Deferred[0].Reason != "is still used by key/r1/a, which stays" {
		t.Errorf("changes %v, deferred %v, findings %v", d.Changes, d.Deferred, d.Findings)
	}
}

func TestAStepThatNeedsWhatIsDeletedWaits(t *testing.T) {
	t.Parallel()
	rules := testRules()
	steps := rules["policy"].Steps
	rules["policy"] = plan.Rules{Steps: func(before, after *resource.Resource, facts []resource.Fact) ([]resource.Step, error) {
		made, err := steps(before, after, facts)
		made[0].Needs = []resource.Ref{{ID: keyID("gone"), Output: "fingerprint"}}
		return made, err
	}}
	gone := setOf(t, keyOf("gone", ""))
	in := plan.Input{Rules: rules, Owned: liveOf(t, gone, keyID("gone")), Desired: setOf(t, resource.Resource{ID: policyID("p"), Attrs: resource.Attrs{"text": "t"}})}
	d := diff(t, in)
	if len(d.Deferred) != 1 || d.Deferred[0].ID != policyID("p") || len(d.Changes) != 1 {
		t.Errorf("changes %v, deferred %v", d.Changes, d.Deferred)
	}
}

func TestAnOutputOfWhatWasNotReadWholeIsUnknown(t *testing.T) {
	t.Parallel()
	set := setOf(t, keyOf("a", ""), keyOf("user", "a"))
	in := plan.Input{Rules: testRules(), Desired: set, Owned: liveOf(t, setOf(t, keyOf("a", "")), keyID("a")),
		Unread: []resource.Unread{{Scope: keyID("a").String(), Operation: "GetPublicKey", Cause: "throttled"}}}
	d := diff(t, in)
	if len(d.Changes) != 0 || len(d.Deferred) != 1 || d.Deferred[0].Reason != "waits for key/r1/a#arn" {
		t.Errorf("changes %v, deferred %v", d.Changes, d.Deferred)
	}
}
