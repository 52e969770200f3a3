package apply_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// moved re-reads and lists what is said to have moved.
func (s *scene) moved(t *testing.T, begun func(plan.Change) bool) []string {
	t.Helper()
	e := s.engine(t)
	_, err := apply.Reread(t.Context(), &config.Environment{}, e.Kinds, e.Desired, s.plan, begun)
	var stale *apply.StaleError
	if err != nil && !errors.As(err, &stale) {
		t.Fatal(err)
	}
	if stale == nil {
		return nil
	}
	return stale.Moved
}

// shelf holds a red box to be painted, one that a new box links to, one to be
// deleted, and a foreign one to be adopted.
func shelf(t *testing.T) *scene {
	t.Helper()
	w := newWorld()
	w.put("paint", box{Color: "red", Fill: "x"})
	w.put("target", box{})
	w.put("drop", box{})
	w.put("adopt", box{Color: "red"}).foreign = true
	w.declare("paint", box{Color: "blue"})
	w.declare("target", box{})
	w.declare("adopt", box{Color: "blue", Adopt: true})
	w.declare("new", box{Links: linkTo("target")})
	return &scene{world: w, plan: w.draft(t, w.desired(t)), log: newLog(w)}
}

func TestRereadFindsEveryKindOfMovedWorld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move func(*world)
		want []string
	}{
		"nothing moved":              {func(*world) {}, nil},
		"what moves by itself moved": {func(w *world) { w.boxes["paint"].Fill = "xxxx" }, nil},
		"an attribute changed":       {func(w *world) { w.boxes["paint"].Color = "pink" }, []string{`box/shelf/paint: color is "pink", was "red"`}},
		"an attribute appeared":      {func(w *world) { w.boxes["paint"].Lane = "left" }, []string{`box/shelf/paint: lane is "left", was null`}},
		"an output changed":          {func(w *world) { w.boxes["paint"].address = "thief" }, []string{`box/shelf/paint: address is "thief", was "paint@1"`}},
		"what changes is gone":       {func(w *world) { delete(w.boxes, "paint") }, []string{"box/shelf/paint is gone"}},
		"what is deleted is gone":    {func(w *world) { delete(w.boxes, "drop") }, []string{"box/shelf/drop is gone"}},
		"what is created exists":     {func(w *world) { w.put("new", box{}) }, []string{"box/shelf/new exists now"}},
		"what is created exists without our mark": {
			func(w *world) { w.put("new", box{}).foreign = true }, []string{"box/shelf/new exists now"},
		},
		"our mark is gone":         {func(w *world) { w.boxes["paint"].foreign = true }, []string{"box/shelf/paint does not carry our mark any more"}},
		"what is adopted changed":  {func(w *world) { w.boxes["adopt"].Color = "pink" }, []string{`box/shelf/adopt: color is "pink", was "red"`}},
		"two objects claim one id": {func(w *world) { w.twice["paint"] = true }, []string{"box/shelf/paint: two live objects claim this id"}},
		"a change cannot be read":  {func(w *world) { w.unread["paint"] = true }, []string{"box/shelf/paint: it could not be read: look: dark"}},
		"a ref stands for another": {func(w *world) { w.boxes["target"].address = "thief" }, []string{`box/shelf/target#address was "target@1", is "thief"`}},
		"a ref stands for nothing": {func(w *world) { delete(w.boxes, "target") }, []string{`box/shelf/target#address was "target@1", is ""`}},
		"a ref cannot be read":     {func(w *world) { w.unread["target"] = true }, []string{`box/shelf/target#address was "target@1", now it could not be read: look: dark`}},
		"a ref is claimed by two":  {func(w *world) { w.twice["target"] = true }, []string{`box/shelf/target#address was "target@1", now two live objects claim this id`}},
		"two things moved": {
			func(w *world) { delete(w.boxes, "drop"); w.boxes["paint"].Color = "pink" },
			[]string{"box/shelf/drop is gone", `box/shelf/paint: color is "pink", was "red"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shelf(t)
			if len(s.plan.Changes) != 4 {
				t.Fatalf("%d changes, want 4", len(s.plan.Changes))
			}
			c.move(s.world)
			got := s.moved(t, nil)
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("moved (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRereadLeavesToRecoveryWhatThisPlanBeganAndWhatFollowsFromIt(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.put("key", box{Color: "red"})
	w.put("user", box{Color: "red"})
	w.declare("key", box{Color: "blue"})
	w.declare("user", box{Color: "blue", Links: linkTo("key")})
	w.declare("wallet", box{Links: linkTo("key")})
	s := &scene{world: w, plan: w.draft(t, nil), log: newLog(w)}
	began := func(c plan.Change) bool { return c.ID == boxID("key") }
	// An earlier run painted the key, which got a new address, and so the wallet
	// of that key can be seen.
	w.boxes["key"].Color, w.boxes["key"].address = "blue", "key@2"
	w.put("wallet", box{})
	if got := s.moved(t, began); got != nil {
		t.Errorf("moved %q, want nothing", got)
	}
	want := []string{
		`box/shelf/key: color is "blue", was "red"`, `box/shelf/key: address is "key@2", was "key@1"`,
		"box/shelf/wallet exists now", `box/shelf/key#address was "key@1", is "key@2"`,
	}
	if diff := cmp.Diff(want, s.moved(t, nil)); diff != "" {
		t.Errorf("without a beginning, moved (-want +got):\n%s", diff)
	}
	w.boxes["user"].Color = "pink"
	if diff := cmp.Diff([]string{`box/shelf/user: color is "pink", was "red"`}, s.moved(t, began)); diff != "" {
		t.Errorf("what was not begun moved (-want +got):\n%s", diff)
	}
}

func TestRereadRefusesAPlanWhoseRefsAreNoRefs(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.plan.Resolved = map[string]string{"nowhere": "x"}
	e := s.engine(t)
	if _, err := apply.Reread(t.Context(), &config.Environment{}, e.Kinds, e.Desired, s.plan, nil); err == nil {
		t.Error("no error")
	}
}

func TestAnUpdateThatMendsGovernanceHasNoStepsAndIsNotRead(t *testing.T) {
	t.Parallel()
	s := repaint(t)
	s.plan.Changes = append(s.plan.Changes, plan.Change{ID: resource.ID{Kind: plan.GovernanceKind, Scope: "test", Name: "rules"}, Action: plan.Update})
	if got := s.moved(t, nil); got != nil {
		t.Errorf("moved %q, want nothing", got)
	}
}
