package apply_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAnUnknownEffectIsProbedAgainByTheNextRunAndNeverRepeatedBlindly(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Color: "red"}, "b": {Links: linkTo("a")}})
	s.world.deaf["a"] = true
	s.world.at = func(m moment, step resource.Step) error {
		if m == afterDo && step.Op == "make" {
			return errors.New("connection reset")
		}
		return nil
	}
	want := map[string]apply.Result{"a": apply.Unknown, "b": apply.Skipped}
	requireResults(t, s.run(t), want)
	s.world.at = nil
	for range 3 {
		requireResults(t, s.run(t), want)
	}
	requireEffects(t, s.world, map[string]int{"make a": 1})
	delete(s.world.deaf, "a")
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Created, "b": apply.Created})
	requireEffects(t, s.world, map[string]int{"make a": 1, "label a": 1, "make b": 1, "label b": 1})
}

func TestAProbeThatAnswersNeitherYesNorNoIsUnknown(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		happened kind.Happened
		err      error
	}{
		"an empty answer":          {"", nil},
		"a word of its own":        {"maybe", nil},
		"a no with an error":       {kind.No, errors.New("timeout")},
		"a yes with an error":      {kind.Yes, errors.New("timeout")},
		"unknown in so many words": {kind.Unknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage(t, map[string]box{"a": {}})
			digest, err := plan.StepDigest(s.plan.Changes[0].Steps[0])
			if err != nil {
				t.Fatal(err)
			}
			s.memory().append(entry{step: digest, intent: "early", prepared: kind.Prepared(`{"intent":"early"}`)})
			e := s.engine(t)
			e.Kinds[0].Probe = func(context.Context, kind.Resolved, []kind.Prepared) (kind.Happened, resource.Outputs, error) {
				return answer.happened, nil, answer.err
			}
			requireResults(t, e.Run(t.Context(), t.Context()), map[string]apply.Result{"a": apply.Unknown})
			requireEffects(t, s.world, map[string]int{})
		})
	}
}

func TestALostRequestIsDoneAgainWithTheSameIntentAndTheSamePrepared(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}})
	fault{err: errors.New("connection reset")}.strike(s.world, s.plan.Changes[0].Steps[0], beforeDo)
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Failed})
	first := s.memory().entries[0]
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Created})
	second := s.memory().entries[2]
	if second.outcome != "" || second.intent != first.intent || string(second.prepared) != string(first.prepared) {
		t.Errorf("the second intent is %s %s, want %s %s", second.intent, second.prepared, first.intent, first.prepared)
	}
	if diff := cmp.Diff([]kind.Happened{kind.Unknown, kind.Yes, kind.Yes}, s.memory().outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestWhenTheSamePreparedIsRefusedANewOneIsMade(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}})
	fault{err: errCrash, fatal: true}.strike(s.world, s.plan.Changes[0].Steps[0], afterIntent)
	s.run(t)
	refused := &kind.NotAcceptedError{Err: errors.New("nonce too low")}
	fault{err: refused}.strike(s.world, s.plan.Changes[0].Steps[0], beforeDo)
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Created})
	requireEffects(t, s.world, map[string]int{"make a": 1, "label a": 1})
}

func TestARefusalOfTheSamePreparedIsNotBelievedBeforeTheWorldWasAsked(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}})
	fault{err: errCrash, fatal: true}.strike(s.world, s.plan.Changes[0].Steps[0], afterIntent)
	s.run(t)
	// The first try arrives late, between the question and the second try, which
	// is therefore refused.
	fault{err: &kind.NotAcceptedError{Err: errors.New("already known")}}.strike(s.world, s.plan.Changes[0].Steps[0], afterDo)
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Created})
	requireEffects(t, s.world, map[string]int{"make a": 1, "label a": 1})
}

func TestWhatAnEarlierRunLeftOpenIsAskedForBeforeAnythingNewStarts(t *testing.T) {
	t.Parallel()
	boxes := map[string]box{}
	for _, name := range strings.Split("abcdef", "") {
		boxes[name] = box{Lane: "bank"}
	}
	s := stage(t, boxes)
	last := s.plan.Changes[5].Steps[0]
	fault{err: errCrash, fatal: true}.strike(s.world, last, afterDo)
	s.run(t)
	asked := false
	s.world.at = func(m moment, step resource.Step) error {
		switch {
		case m == "probe":
			asked = true
		case m == beforeIntent && !asked:
			t.Errorf("%s of %s started before the open step was asked for", step.Op, step.ID)
		}
		return nil
	}
	s.run(t)
	if !asked {
		t.Error("nobody asked what became of the open step")
	}
}

func TestALaneStaysClosedBehindAStepThatAnEarlierRunLeftOpenAndNobodyCanTell(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Lane: "bank"}, "b": {Lane: "bank"}, "other": {Lane: "else"}})
	digest, err := plan.StepDigest(s.plan.Changes[0].Steps[0])
	if err != nil {
		t.Fatal(err)
	}
	s.memory().append(entry{step: digest, intent: "early", prepared: kind.Prepared(`{"intent":"early"}`)})
	s.world.deaf["a"] = true
	outcomes := s.run(t)
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Unknown, "b": apply.Skipped, "other": apply.Created})
	requireSays(t, outcomeOf(t, outcomes, "b"), "waits for lane bank, in which make of box/shelf/a is open")
	requireEffects(t, s.world, map[string]int{"make other": 1, "label other": 1})
}

func TestARunThatIsDrainedBeforeItBeginsAsksNoKindAndStartsNothing(t *testing.T) {
	t.Parallel()
	boxes := map[string]box{}
	for _, name := range strings.Split("abcdefghijklmnop", "") {
		boxes[name] = box{}
	}
	s := stage(t, boxes)
	fault{err: errCrash, fatal: true}.strike(s.world, s.plan.Changes[0].Steps[0], afterIntent)
	s.engine(t).Run(t.Context(), t.Context())
	before := len(s.world.effects)
	s.world.at = func(m moment, step resource.Step) error {
		t.Errorf("%s of %s: something happens %s", step.Op, step.ID, m)
		return nil
	}
	draining, drain := context.WithCancel(t.Context())
	drain()
	s.engine(t).Run(t.Context(), draining)
	if len(s.world.effects) != before {
		t.Errorf("%d effects, there were %d", len(s.world.effects), before)
	}
}
