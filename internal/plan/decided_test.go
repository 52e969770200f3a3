package plan_test

import (
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

func TestPlansDifferInWhatTheirDigestOfChangesCovers(t *testing.T) {
	t.Parallel()
	p := exemplar(t)
	if names := plan.Differing(p, p, testMoving()); len(names) != 0 {
		t.Errorf("a plan differs from itself in %v", names)
	}
	for path, other := range leavesOf(t, p) {
		names := plan.Differing(p, other, testMoving())
		if differs := p.ChangesDigest != other.ChangesDigest; differs != (len(names) > 0) {
			t.Errorf("%s is another: digests differ %t, named are %q", path, differs, names)
		}
		if back := plan.Differing(other, p, testMoving()); !slices.Equal(names, back) {
			t.Errorf("%s: %q one way, %q the other", path, names, back)
		}
	}
}

func TestADifferenceIsNamedByWhatItIsIn(t *testing.T) {
	t.Parallel()
	p := exemplar(t)
	for path, want := range map[string]string{
		"revision.governance":     "the rules",
		"identity.account":        "the account or the chains",
		"changes.0.fields.0.path": p.Changes[0].ID.String(),
		"spend.0.wei":             "money on " + p.Spend[0].Network,
	} {
		other, ok := leavesOf(t, p)[path]
		if !ok {
			t.Fatalf("the plan has no leaf %s", path)
		}
		if names := plan.Differing(p, other, testMoving()); !slices.Equal(names, []string{want}) {
			t.Errorf("%s is another: named are %q, want %q", path, names, want)
		}
	}
}

func TestADifferenceOfOrderIsNamed(t *testing.T) {
	t.Parallel()
	p, other := exemplar(t), exemplar(t)
	if len(other.Changes) < 2 {
		t.Fatal("need two changes")
	}
	slices.Reverse(other.Changes)
	if err := other.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	if names := plan.Differing(p, other, testMoving()); len(names) != 1 {
		t.Errorf("plans in another order differ in %q", names)
	}
}
