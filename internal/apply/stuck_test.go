package apply_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// slow makes the first tries of a step get stuck, and counts what it was asked.
func slow(e *apply.Engine, tries int) (earlier *[]int) {
	earlier = &[]int{}
	prepare, do := e.Kinds[0].Prepare, e.Kinds[0].Do
	e.Kinds[0].Prepare = func(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
		if r.Step.Op == "make" {
			*earlier = append(*earlier, len(r.Earlier))
		}
		return prepare(ctx, r)
	}
	e.Kinds[0].Do = func(ctx context.Context, r kind.Resolved, p kind.Prepared) (resource.Outputs, error) {
		if r.Step.Op == "make" && len(r.Earlier) < tries {
			return nil, &kind.StuckError{Err: errors.New("its fee is below the base fee")}
		}
		return do(ctx, r, p)
	}
	return earlier
}

func TestAnEffectThatDoesNotArriveIsReplacedAndAtMostOneOfThemHappens(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}})
	e := s.engine(t)
	earlier := slow(e, 2)
	requireResults(t, e.Run(t.Context(), t.Context()), map[string]apply.Result{"a": apply.Created})
	requireEffects(t, s.world, map[string]int{"make a": 1, "label a": 1})
	if diff := cmp.Diff([]int{0, 1, 2}, *earlier); diff != "" {
		t.Errorf("prepared with so many earlier ones (-want +got):\n%s", diff)
	}
	// The third happened; the two before it are closed as not happened; then the label.
	if diff := cmp.Diff([]kind.Happened{kind.Yes, kind.No, kind.No, kind.Yes}, s.memory().outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestWhatIsStuckForGoodIsUnknownAndItsLaneStaysClosed(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Lane: "l"}})
	e := s.engine(t)
	earlier := slow(e, 100)
	e.Kinds[0].Probe = func(_ context.Context, _ kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
		if len(prepared) != 5 {
			return kind.No, nil, fmt.Errorf("asked for %d of 5", len(prepared))
		}
		return kind.Unknown, nil, nil
	}
	requireResults(t, e.Run(t.Context(), t.Context()), map[string]apply.Result{"a": apply.Unknown})
	requireEffects(t, s.world, map[string]int{})
	if len(*earlier) != 5 {
		t.Errorf("prepared %d times, want 5", len(*earlier))
	}
	if diff := cmp.Diff([]kind.Happened{kind.Unknown}, s.memory().outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestWhatAnEarlierRunLeftAndDoesNotArriveIsReplacedToo(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Lane: "l"}})
	fault{err: errCrash, fatal: true}.strike(s.world, s.plan.Changes[0].Steps[0], afterIntent)
	s.run(t)
	s.world.at = nil
	e := s.engine(t)
	earlier := slow(e, 1)
	requireResults(t, e.Run(t.Context(), t.Context()), map[string]apply.Result{"a": apply.Created})
	requireEffects(t, s.world, map[string]int{"make a": 1, "label a": 1})
	if diff := cmp.Diff([]int{1}, *earlier); diff != "" {
		t.Errorf("prepared anew with so many earlier ones (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]kind.Happened{kind.Yes, kind.No, kind.Yes}, s.memory().outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestAReplacementThatCannotStartLeavesWhatItReplacesUnknown(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Lane: "l"}, "b": {Lane: "l"}})
	e := s.engine(t)
	slow(e, 100)
	prepare := e.Kinds[0].Prepare
	e.Kinds[0].Prepare = func(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
		if len(r.Earlier) > 0 {
			s.memory().set(0) // the lease runs out between the two
		}
		return prepare(ctx, r)
	}
	results := resultsOf(e.Run(t.Context(), t.Context()))
	// Whichever came first is on its way; the other must not take the next nonce.
	if results["a"] == results["b"] || (results["a"] != apply.Unknown && results["b"] != apply.Unknown) {
		t.Errorf("results are %v, want one unknown and one that did not start", results)
	}
	requireEffects(t, s.world, map[string]int{})
	if outcomes := s.memory().outcomes(); len(outcomes) != 0 {
		t.Errorf("outcomes %v: nobody knows any", outcomes)
	}
}
