package apply_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// repaint is a shelf with one red box that must become blue.
func repaint(t *testing.T) *scene {
	t.Helper()
	w := newWorld()
	w.put("a", box{Color: "red", Fill: "xxx"})
	w.declare("a", box{Color: "blue"})
	return &scene{world: w, plan: w.draft(t, nil), log: newLog(w)}
}

func TestAPreconditionThatDoesNotHoldStopsTheStepBeforeItsEffect(t *testing.T) {
	t.Parallel()
	on := func(op resource.PreOp, path, value string) resource.Precondition {
		return resource.Precondition{ID: boxID("other"), Op: op, Path: path, Value: value}
	}
	for name, c := range map[string]struct {
		claim   resource.Precondition
		disturb func(*world)
		says    string // empty: it holds
	}{
		"absent holds of what is not there": {claim: on(resource.Absent, "", ""), disturb: func(w *world) { delete(w.boxes, "other") }},
		"absent fails of what is there":     {claim: on(resource.Absent, "", ""), says: "it is there, must be absent"},
		"absent fails of what is there without our mark": {
			claim: on(resource.Absent, "", ""), disturb: func(w *world) { w.boxes["other"].foreign = true }, says: "it is there, must be absent",
		},
		"absent fails of what is unread": {
			claim: on(resource.Absent, "", ""), disturb: func(w *world) { w.unread["other"] = true }, says: "it could not be read: look: dark",
		},
		"absent fails of a kind that nobody reads": {
			claim: resource.Precondition{ID: resource.ID{Kind: "crate", Scope: "shelf", Name: "x"}, Op: resource.Absent}, says: "it could not be read: read: no kind of this name",
		},
		"absent holds of an attribute that is not there":   {claim: on(resource.Absent, "lane", "")},
		"absent fails of an attribute that is there":       {claim: on(resource.Absent, "color", ""), says: "color is there, must be absent"},
		"absent fails of a list that is there":             {claim: on(resource.Absent, "links", ""), says: "links is there, must be absent"},
		"equals holds of the value":                        {claim: on(resource.Equals, "color", "green")},
		"equals holds of an output":                        {claim: on(resource.Equals, "outputs.address", "other@1")},
		"equals fails of another value":                    {claim: on(resource.Equals, "color", "red"), says: `color is "green", must be "red"`},
		"equals fails of an attribute that is not there":   {claim: on(resource.Equals, "lane", ""), says: "lane is not there"},
		"equals fails below a text":                        {claim: on(resource.Equals, "color.shade", "x"), says: "color.shade is not there"},
		"equals fails of a resource that is not there":     {claim: on(resource.Equals, "color", ""), disturb: func(w *world) { delete(w.boxes, "other") }, says: "it is not there"},
		"equals fails of what two objects claim":           {claim: on(resource.Equals, "color", "green"), disturb: func(w *world) { w.twice["other"] = true }, says: "two live objects claim this id"},
		"a code hash is compared as text":                  {claim: on(resource.CodeHash, "label", "0xabc"), says: `label is "7", must be "0xabc"`},
		"at least holds of the same number":                {claim: on(resource.AtLeast, "label", "7")},
		"at least fails of a greater need":                 {claim: on(resource.AtLeast, "label", "8"), says: "label is 7, must be at least 8"},
		"at least compares numbers beyond 64 bits":         {claim: on(resource.AtLeast, "label", "100000000000000000000"), says: "label is 7, must be at least 100000000000000000000"},
		"at most holds of the same number":                 {claim: on(resource.AtMost, "label", "7")},
		"at most fails of a smaller limit":                 {claim: on(resource.AtMost, "label", "6"), says: "label is 7, must be at most 6"},
		"at most fails of what is no number":               {claim: on(resource.AtMost, "color", "6"), says: `color is "green", cannot be compared with "6"`},
		"at least fails of an attribute that is not there": {claim: on(resource.AtLeast, "lane", "0"), says: "lane is not there"},
		"an unknown comparison never holds":                {claim: on("like", "color", "green"), says: `unknown comparison "like"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage(t, map[string]box{"a": {}})
			s.world.put("other", box{Color: "green", Label: "7", Links: linkTo("a")})
			s.plan.Changes[0].Steps[0].Pre = []resource.Precondition{c.claim}
			if c.disturb != nil {
				c.disturb(s.world)
			}
			outcomes := s.engine(t).Run(t.Context(), t.Context())
			if c.says == "" {
				requireResults(t, outcomes, map[string]apply.Result{"a": apply.Created})
				return
			}
			requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed})
			requireSays(t, outcomes[0], "make: precondition on "+c.claim.ID.String()+": "+c.says)
			requireEffects(t, s.world, map[string]int{})
			if len(s.memory().entries) != 0 {
				t.Errorf("%d journal entries, want none", len(s.memory().entries))
			}
		})
	}
}

func TestAChangeThatSomebodyElseMadeMeanwhileIsUnchanged(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.world.boxes["a"].Color = "blue"
	outcomes := s.engine(t).Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Unchanged})
	if got := outcomes[0].Outputs["address"]; got != "a@1" {
		t.Errorf("address %q, dependents need a@1", got)
	}
	requireEffects(t, s.world, map[string]int{})
}

func TestAChangeThatSomebodyElseMadeIsNotUnchangedWhenNothingCanBeSaidOfIt(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*world){
		"it is unread":               func(w *world) { w.unread["a"] = true },
		"two objects claim it":       func(w *world) { w.twice["a"] = true },
		"it carries no mark of ours": func(w *world) { w.boxes["a"].foreign = true },
		"another field differs":      func(w *world) { w.boxes["a"].Label = "scratched" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := repaint(t)
			s.world.boxes["a"].Color = "blue"
			disturb(s.world)
			requireResults(t, s.engine(t).Run(t.Context(), t.Context()), map[string]apply.Result{"a": apply.Failed})
			requireEffects(t, s.world, map[string]int{})
		})
	}
}

func TestABoxThatAppearedBeforeItsCreateIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Color: "red"}})
	s.world.put("a", box{Color: "red"})
	outcomes := s.engine(t).Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed})
	requireSays(t, outcomes[0], "it is there, must be absent")
	requireEffects(t, s.world, map[string]int{})
}

func TestAnOpenStepThatIsNoLongerNeededIsClosedAsNotHappened(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	fault{err: errCrash, fatal: true}.strike(s.world, s.plan.Changes[0].Steps[0], afterIntent)
	s.run(t)
	s.world.at = nil
	s.world.boxes["a"].Color = "blue"
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Unchanged})
	if diff := cmp.Diff([]kind.Happened{kind.No}, s.memory().outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	requireEffects(t, s.world, map[string]int{})
}

func TestAKindThatFindsNothingToDoLeavesTheResourceUnchangedAndTheJournalEmpty(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.plan.Changes[0].Steps[0].Pre = nil
	s.world.boxes["a"].Color = "blue"
	s.world.prepare = func(resource.Step) (kind.Prepared, error) { return kind.Nothing(), nil }
	requireResults(t, s.engine(t).Run(t.Context(), t.Context()), map[string]apply.Result{"a": apply.Unchanged})
	if len(s.memory().entries) != 0 {
		t.Errorf("%d journal entries, want none", len(s.memory().entries))
	}
	requireEffects(t, s.world, map[string]int{})
}

func TestAKindThatFindsNothingToDoIsNotBelievedWhenTheWorldStillDiffers(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.world.prepare = func(resource.Step) (kind.Prepared, error) { return kind.Nothing(), nil }
	outcomes := s.engine(t).Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed})
	requireSays(t, outcomes[0], "read back: it differs in color")
}

func TestAPrepareThatFailsHasNoEffectAndNoJournalEntry(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.world.prepare = func(resource.Step) (kind.Prepared, error) { return nil, errors.New("gas price unknown") }
	outcomes := s.engine(t).Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed})
	requireSays(t, outcomes[0], "box/shelf/a: paint: prepare: gas price unknown")
	if len(s.memory().entries) != 0 {
		t.Errorf("%d journal entries, want none", len(s.memory().entries))
	}
}

func TestReadBackWaitsOutAWorldThatFlipsBetweenOldAndNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers string // o: old, n: new; the last one repeats
		reads   int
		result  apply.Result
	}{
		"the new state at once":        {"n", 1, apply.Updated},
		"old, then new twice":          {"onn", 3, apply.Updated},
		"new in between is not enough": {"ononn", 5, apply.Updated},
		"old for ever":                 {"o", 8, apply.Failed},
		"flipping for ever":            {"onononono", 8, apply.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := repaint(t)
			reads := 0
			s.world.reads = func(string) {
				s.world.mu.Lock()
				defer s.world.mu.Unlock()
				if s.world.effects["paint a"] == 0 {
					return
				}
				answer := c.answers[min(reads, len(c.answers)-1)]
				reads++
				s.world.boxes["a"].Color = map[byte]string{'o': "red", 'n': "blue"}[answer]
			}
			requireResults(t, s.engine(t).Run(t.Context(), t.Context()), map[string]apply.Result{"a": c.result})
			if reads != c.reads {
				t.Errorf("%d reads, want %d", reads, c.reads)
			}
		})
	}
}

func TestReadBackRefusesTwoObjectsAndOutputsThatAreNotThoseOfTheStep(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*world){
		"two live objects claim this id":              func(w *world) { w.twice["a"] = true },
		"it could not be read: look: dark":            func(w *world) { w.unread["a"] = true },
		`its address is "thief", the step gave "a@1"`: func(w *world) { w.boxes["a"].address = "thief" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage(t, map[string]box{"a": {}, "b": {Links: linkTo("a")}})
			s.world.reads = func(string) {
				s.world.mu.Lock()
				defer s.world.mu.Unlock()
				if s.world.effects["label a"] == 1 {
					disturb(s.world)
				}
			}
			outcomes := s.engine(t).Run(t.Context(), t.Context())
			requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed, "b": apply.Skipped})
			requireSays(t, outcomeOf(t, outcomes, "a"), "box/shelf/a: read back: "+name)
		})
	}
}

func TestAnAdoptionWritesTheMarkAndLeavesTheDifferencesToALaterPlan(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.put("a", box{Color: "red"}).foreign = true
	w.declare("a", box{Color: "blue", Adopt: true})
	s := &scene{world: w, plan: w.draft(t, nil), log: newLog(w)}
	s.plan.Changes[0].Steps = []resource.Step{{Op: kind.AdoptOp, ID: boxID("a")}}
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Updated})
	requireEffects(t, w, map[string]int{"adopt a": 1})
}

func TestAProposalIsNotReadBackBecauseOthersMustSignFirst(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.plan.Changes[0].Action = plan.Propose
	s.plan.Changes[0].Steps[0].Op = "propose"
	requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Proposed})
}

func TestAChangeWithoutStepsIsUnchangedAndOneWithoutAWriterFails(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.plan.Changes[0].Steps = nil
	stranger := plan.Change{ID: resource.ID{Kind: "crate", Scope: "shelf", Name: "c"}, Action: plan.Create, Steps: []resource.Step{{Op: "make"}}}
	s.plan.Changes = append(s.plan.Changes, stranger)
	outcomes := s.engine(t).Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Unchanged, "c": apply.Failed})
	requireSays(t, outcomeOf(t, outcomes, "c"), "crate/shelf/c: apply: no kind writes crate")
}
