package apply_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func linkTo(names ...string) []resource.Value {
	links := []resource.Value{}
	for _, name := range names {
		links = append(links, resource.RefTo(boxID(name), "address"))
	}
	return links
}

// stage declares boxes that are not there yet and plans them.
func stage(t *testing.T, boxes map[string]box) *scene {
	t.Helper()
	w := newWorld()
	for name, b := range boxes {
		w.declare(name, b)
	}
	return &scene{world: w, plan: w.draft(t, nil), log: newLog(w)}
}

func (s *scene) memory() *memoryLog { return s.log.(*memoryLog) }

func (s *scene) engine(t *testing.T) *apply.Engine {
	t.Helper()
	return s.world.engine(t, s.plan, s.log)
}

func resultsOf(outcomes []apply.Outcome) map[string]apply.Result {
	results := map[string]apply.Result{}
	for _, o := range outcomes {
		results[o.ID.Name] = o.Result
	}
	return results
}

func requireResults(t *testing.T, outcomes []apply.Outcome, want map[string]apply.Result) {
	t.Helper()
	if diff := cmp.Diff(want, resultsOf(outcomes)); diff != "" {
		t.Fatalf("results (-want +got):\n%s\n%v", diff, outcomes)
	}
}

func requireEffects(t *testing.T, w *world, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, w.effects); diff != "" {
		t.Fatalf("effects (-want +got):\n%s", diff)
	}
	if len(w.wrong) > 0 {
		t.Fatal(w.wrong)
	}
}

func outcomeOf(t *testing.T, outcomes []apply.Outcome, name string) apply.Outcome {
	t.Helper()
	for _, o := range outcomes {
		if o.ID.Name == name {
			return o
		}
	}
	t.Fatalf("no outcome of %s", name)
	return apply.Outcome{}
}

func requireSays(t *testing.T, o apply.Outcome, want string) {
	t.Helper()
	said := o.Detail
	if o.Err != nil {
		said += o.Err.Error()
	}
	if !strings.Contains(said, want) {
		t.Errorf("%s says %q, want %q in it", o.ID, said, want)
	}
}

func TestAFailedChangeSkipsItsDependentsByNameAndTheIndependentRestGoesOn(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Color: "red"}, "b": {Links: linkTo("a")}, "c": {Links: linkTo("b")}, "lone": {}})
	s.world.at = func(m moment, step resource.Step) error {
		if m == beforeDo && step.ID == boxID("a") {
			return &kind.NotAcceptedError{Err: errors.New("denied")}
		}
		return nil
	}
	outcomes := s.run(t)
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed, "b": apply.Skipped, "c": apply.Skipped, "lone": apply.Created})
	requireSays(t, outcomeOf(t, outcomes, "a"), "box/shelf/a: make: denied")
	requireSays(t, outcomeOf(t, outcomes, "b"), "waits for box/shelf/a, which failed")
	requireSays(t, outcomeOf(t, outcomes, "c"), "waits for box/shelf/b, which was skipped")
	requireEffects(t, s.world, map[string]int{"make lone": 1, "label lone": 1})
}

func TestStepsOfOneLaneNeverOverlapAndWaitingForALaneTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	boxes := map[string]box{"free": {}}
	for _, name := range strings.Split("abcdefghij", "") {
		boxes[name] = box{Lane: "narrow"}
	}
	s := stage(t, boxes)
	e := s.engine(t)
	e.Parallel = 2
	// The first step of the lane ends only when the box outside of it is there.
	freed := make(chan struct{})
	e.Report = func(event apply.Event) {
		if event.Done && event.ID.Name == "free" {
			close(freed)
		}
	}
	s.world.at = func(m moment, step resource.Step) error {
		if m == beforeDo && step.Lane != "" {
			<-freed
		}
		return nil
	}
	for _, o := range e.Run(t.Context(), t.Context()) {
		if o.Result != apply.Created {
			t.Errorf("%s is %s: %v", o.ID, o.Result, o.Err)
		}
	}
	if len(s.world.wrong) > 0 {
		t.Error(s.world.wrong)
	}
}

func TestNothingFollowsInALaneInWhichAnEffectIsUnknown(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Lane: "bank"}, "b": {Lane: "bank"}, "other": {Lane: "else"}})
	s.world.deaf["a"], s.world.deaf["b"] = true, true
	s.world.at = func(m moment, step resource.Step) error {
		if m == afterDo && step.Lane == "bank" {
			return errors.New("connection reset")
		}
		return nil
	}
	outcomes := s.run(t)
	count := map[apply.Result]int{}
	for _, o := range outcomes {
		count[o.Result]++
		if o.Result == apply.Skipped {
			requireSays(t, o, "waits for lane bank, in which make of box/shelf/")
		}
	}
	if diff := cmp.Diff(map[apply.Result]int{apply.Unknown: 1, apply.Skipped: 1, apply.Created: 1}, count); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if s.world.effects["make a"]+s.world.effects["make b"] != 1 {
		t.Errorf("effects %v, want one of a and b", s.world.effects)
	}
}

func TestDrainingLetsARunningStepFinishAndStartsNoNewOne(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {Lane: "one"}, "b": {Lane: "one"}, "c": {Lane: "one", Links: linkTo("a")}})
	draining, drain := context.WithCancel(t.Context())
	s.world.at = func(m moment, _ resource.Step) error {
		if m == beforeDo {
			drain()
		}
		return nil
	}
	outcomes := s.engine(t).Run(t.Context(), draining)
	if len(s.world.effects) != 1 {
		t.Errorf("effects %v, want the one that was running", s.world.effects)
	}
	if diff := cmp.Diff([]kind.Happened{kind.Yes}, s.memory().outcomes()); diff != "" {
		t.Errorf("journalled outcomes (-want +got):\n%s", diff)
	}
	for _, o := range outcomes {
		if o.Result != apply.Skipped {
			t.Errorf("%s is %s, want skipped", o.ID, o.Result)
		}
	}
	s.world.at = nil
	for _, o := range s.run(t) {
		if o.Result != apply.Created {
			t.Errorf("resumed: %s is %s: %v", o.ID, o.Result, o.Err)
		}
	}
	requireEffects(t, s.world, map[string]int{"make a": 1, "label a": 1, "make b": 1, "label b": 1, "make c": 1, "label c": 1})
}

func TestAnOutcomeIsJournalledEvenWhenTheSecondSignalCameDuringTheEffect(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}})
	ctx, cut := context.WithCancel(t.Context())
	s.world.at = func(m moment, _ resource.Step) error {
		if m == afterDo {
			cut()
		}
		return nil
	}
	s.engine(t).Run(ctx, t.Context())
	if diff := cmp.Diff([]kind.Happened{kind.Yes}, s.memory().outcomes()); diff != "" {
		t.Errorf("journalled outcomes (-want +got):\n%s", diff)
	}
	requireEffects(t, s.world, map[string]int{"make a": 1})
}

func TestALostLeaseStopsBeforeAnyEffect(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*memoryLog){
		"the journal refuses the intent":                func(l *memoryLog) { l.lost = errors.New("term 4 is over") },
		"too little is left for one call":               func(l *memoryLog) { l.left = 29 * time.Second },
		"the rest ran out while the intent was written": func(l *memoryLog) { l.onIntent = func() { l.set(time.Second) } },
		"nothing is left":                               func(l *memoryLog) { l.left = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage(t, map[string]box{"a": {}, "b": {Links: linkTo("a")}})
			lose(s.memory())
			requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Failed, "b": apply.Skipped})
			requireEffects(t, s.world, map[string]int{})
			s.memory().lost, s.memory().onIntent, s.memory().left = nil, nil, time.Minute
			requireResults(t, s.run(t), map[string]apply.Result{"a": apply.Created, "b": apply.Created})
		})
	}
}

func (l *memoryLog) set(left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = left
}

func TestAGateThatRefusesOnRecheckStopsBeforeTheEffect(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.put("a", box{Color: "red"})
	w.declare("a", box{Color: "blue"})
	w.declare("routine", box{})
	s := &scene{world: w, plan: w.draft(t, nil), log: newLog(w)}
	e := s.engine(t)
	var mu sync.Mutex
	asked := map[string]int{}
	e.Recheck = func(_ context.Context, c plan.Change) error {
		mu.Lock()
		defer mu.Unlock()
		asked[c.ID.Name]++
		return errors.New("live signers 2, threshold 3")
	}
	outcomes := e.Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed, "routine": apply.Created})
	requireSays(t, outcomeOf(t, outcomes, "a"), "live signers 2, threshold 3")
	requireEffects(t, w, map[string]int{"make routine": 1, "label routine": 1})
	if asked["a"] != 1 || asked["routine"] != 0 {
		t.Errorf("asked %v, want once for the sensitive change and never for the routine one", asked)
	}
}

func TestASpendingStepIsRecheckedEvenWhenItIsRoutine(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}})
	s.plan.Changes[0].Steps[0].Spend = &resource.Spend{Network: "fuji", Wei: "1", Fee: "1"}
	e := s.engine(t)
	e.Recheck = func(context.Context, plan.Change) error { return errors.New("over the cap of the day") }
	outcomes := e.Run(t.Context(), t.Context())
	requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed})
	requireEffects(t, s.world, map[string]int{})
}

func TestAStepWhoseRefNobodyKnowsIsNotDone(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*resource.Step){
		"in its parameters": func(s *resource.Step) {
			s.Params = resource.Attrs{"color": resource.Ref{ID: boxID("ghost"), Output: "address"}}
		},
		"among its needs": func(s *resource.Step) { s.Needs = []resource.Ref{{ID: boxID("ghost"), Output: "address"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage(t, map[string]box{"a": {}})
			edit(&s.plan.Changes[0].Steps[0])
			outcomes := s.engine(t).Run(t.Context(), t.Context())
			requireResults(t, outcomes, map[string]apply.Result{"a": apply.Failed})
			requireSays(t, outcomes[0], "needs box/shelf/ghost#address, which is not known")
			requireEffects(t, s.world, map[string]int{})
		})
	}
}

func TestAPlanThatCannotBeRunInAnyOrderFailsWholeWithoutAnEffect(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*plan.Plan){
		"box/shelf/a twice": func(p *plan.Plan) { p.Changes = append(p.Changes, p.Changes[0]) },
		"one step twice": func(p *plan.Plan) {
			p.Changes[0].Steps = append(p.Changes[0].Steps, p.Changes[0].Steps[0])
		},
		"wait for each other": func(p *plan.Plan) {
			p.Changes[0].Steps[0].Needs = []resource.Ref{{ID: boxID("b"), Output: "address"}}
			p.Changes[1].Steps[0].Needs = []resource.Ref{{ID: boxID("a"), Output: "address"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage(t, map[string]box{"a": {}, "b": {}})
			spoil(s.plan)
			for _, o := range s.engine(t).Run(t.Context(), t.Context()) {
				if o.Result != apply.Failed {
					t.Errorf("%s is %s, want failed", o.ID, o.Result)
				}
				requireSays(t, o, name)
			}
			requireEffects(t, s.world, map[string]int{})
		})
	}
}

func TestEventsComeOneAtATimeAndEveryChangeEndsOnce(t *testing.T) {
	t.Parallel()
	s := stage(t, map[string]box{"a": {}, "b": {}, "c": {Links: linkTo("a")}})
	e := s.engine(t)
	var story []string // unguarded on purpose: the race detector watches
	e.Report = func(event apply.Event) {
		if event.Done {
			story = append(story, "end "+event.ID.Name)
		} else {
			story = append(story, event.Op+" "+event.ID.Name)
		}
	}
	e.Run(t.Context(), t.Context())
	count := map[string]int{}
	for _, line := range story {
		count[line]++
	}
	want := map[string]int{}
	for _, name := range []string{"a", "b", "c"} {
		want["make "+name], want["label "+name], want["end "+name] = 1, 1, 1
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
