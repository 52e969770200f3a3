package apply_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// box is the kind under which the engine is tested: a coloured thing with an
// address, that may hold the addresses of others. Making one takes two steps, so
// that there is a boundary within a change.
type box struct {
	Color string           `json:"color"`
	Label string           `json:"label"`
	Links []resource.Value `json:"links"`
	Lane  string           `json:"lane,omitempty"`
	Adopt bool             `json:"adopt,omitempty"`
	// Fill moves by itself: desired is the floor, live is the level.
	Fill string `json:"fill,omitempty"`
}

// live is a box that exists.
type live struct {
	box
	address string
	foreign bool
}

// moment is a place in a step at which the test may interfere.
type moment string

const (
	beforeIntent  moment = "before the intent"
	afterIntent   moment = "after the intent"
	beforeDo      moment = "before the effect"
	afterDo       moment = "after the effect"
	beforeOutcome moment = "before the outcome"
	afterOutcome  moment = "after the outcome"
)

var errCrash = errors.New("the process is dead")

// world holds the boxes, and counts every effect ever caused in it.
type world struct {
	mu      sync.Mutex
	boxes   map[string]*live
	made    map[string]int
	effects map[string]int
	intents map[string]resource.Outputs
	busy    map[string]int
	wrong   []string
	// runs counts processes, so that each has intents of its own.
	runs     int
	declared []kind.Object[box]
	// at interferes: a returned error is what the caller sees at that moment.
	at func(moment, resource.Step) error
	// unread, deaf and twice make a box unreadable, unprobeable, or claimed by
	// two.
	unread, deaf, twice map[string]bool
	prepare             func(resource.Step) (kind.Prepared, error)
	reads               func(name string)
}

func newWorld() *world {
	return &world{
		boxes: map[string]*live{}, made: map[string]int{}, effects: map[string]int{}, intents: map[string]resource.Outputs{},
		busy: map[string]int{}, unread: map[string]bool{}, deaf: map[string]bool{}, twice: map[string]bool{},
	}
}

func boxID(name string) resource.ID { return resource.ID{Kind: "box", Scope: "shelf", Name: name} }

func (w *world) declare(name string, b box) {
	w.declared = append(w.declared, kind.Object[box]{ID: boxID(name), Spec: b})
}

// put places a box that exists from the start.
func (w *world) put(name string, b box) *live {
	w.made[name]++
	w.boxes[name] = &live{box: b, address: fmt.Sprintf("%s@%d", name, w.made[name])}
	return w.boxes[name]
}

func (w *world) interfere(m moment, s resource.Step) error {
	if w.at == nil {
		return nil
	}
	return w.at(m, s)
}

func (w *world) kind(t *testing.T) kind.Kind {
	t.Helper()
	k, err := kind.Define(kind.Definition[box]{
		Name: "box",
		Traits: resource.Traits{
			Moving: []string{"fill"}, Steering: []string{"adopt", "lane"},
			Satisfies: func(path string, desired, observed resource.Attrs) bool {
				return path == "fill" && len(fmt.Sprint(observed["fill"])) >= len(fmt.Sprint(desired["fill"]))
			},
			Risks: map[string]resource.Risk{"make": resource.Routine, "label": resource.Routine, "paint": resource.Sensitive, "delete": resource.Destructive},
		},
		Declare: func(*config.Environment) ([]kind.Object[box], error) { return w.declared, nil },
		Observe: func(_ context.Context, _ *config.Environment, _ kind.Lookup) kind.Observation[box] {
			return w.see(slices.Sorted(maps.Keys(w.boxes)))
		},
		Read: func(ctx context.Context, _ *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[box] {
			names := make([]string, len(ids))
			for i, id := range ids {
				names[i] = id.Name
			}
			return w.see(names)
		},
		Check:   func(_, _ []kind.Object[box], _ []resource.Fact) []resource.Finding { return nil },
		Steps:   boxSteps,
		Prepare: w.prepared, Do: w.do, Probe: w.probe,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) see(names []string) kind.Observation[box] {
	if w.reads != nil {
		for _, name := range names {
			w.reads(name)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var o kind.Observation[box]
	for _, name := range names {
		if w.unread[name] {
			o.Unread = append(o.Unread, resource.Unread{Scope: boxID(name).String(), Operation: "look", Cause: "dark"})
			continue
		}
		b, there := w.boxes[name]
		if !there {
			continue
		}
		object := kind.Object[box]{ID: boxID(name), Spec: b.box, Outputs: resource.Outputs{"address": b.address}}
		if b.foreign {
			o.Foreign = append(o.Foreign, object)
			continue
		}
		o.Owned = append(o.Owned, object)
		if w.twice[name] {
			o.Owned = append(o.Owned, object)
		}
	}
	return o
}

// boxSteps is pure: two steps to make a box, one to paint or fill it, one to
// remove it.
func boxSteps(before, after *kind.Object[box], _ []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return []resource.Step{{Op: "delete", ID: before.ID, Lane: before.Spec.Lane}}, nil
	case before == nil:
		params, err := resource.Encode(after.Spec)
		if err != nil {
			return nil, err
		}
		absent := resource.Precondition{ID: after.ID, Op: resource.Absent}
		self := resource.Ref{ID: after.ID, Output: "address"}
		return []resource.Step{
			{Op: "make", ID: after.ID, Params: params, Pre: []resource.Precondition{absent}, Lane: after.Spec.Lane},
			{Op: "label", ID: after.ID, Params: resource.Attrs{"address": self, "label": after.Spec.Label}, Lane: after.Spec.Lane},
		}, nil
	default:
		params, err := resource.Encode(after.Spec)
		if err != nil {
			return nil, err
		}
		was := resource.Precondition{ID: after.ID, Path: "color", Op: resource.Equals, Value: before.Spec.Color}
		return []resource.Step{{Op: "paint", ID: after.ID, Params: params, Pre: []resource.Precondition{was}, Lane: after.Spec.Lane}}, nil
	}
}

func (w *world) prepared(_ context.Context, r kind.Resolved) (kind.Prepared, error) {
	if w.prepare != nil {
		if p, err := w.prepare(r.Step); p != nil || err != nil {
			return p, err
		}
	}
	return kind.Prepared(fmt.Sprintf(`{"intent":%q}`, r.Intent)), nil
}

func (w *world) do(_ context.Context, r kind.Resolved, p kind.Prepared) (resource.Outputs, error) {
	w.enter(r.Step)
	defer w.leave(r.Step)
	if string(p) != fmt.Sprintf(`{"intent":%q}`, r.Intent) {
		w.complain("%s: prepared %s under intent %s", r.Step.ID, p, r.Intent)
	}
	if err := w.interfere(beforeDo, r.Step); err != nil {
		return nil, err
	}
	outputs := w.effect(r)
	if err := w.interfere(afterDo, r.Step); err != nil {
		return nil, err
	}
	return outputs, nil
}

func (w *world) enter(s resource.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[s.Lane]++; s.Lane != "" && w.busy[s.Lane] > 1 {
		w.wrong = append(w.wrong, "two steps at once in lane "+s.Lane)
	}
}

func (w *world) leave(s resource.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[s.Lane]--
}

func (w *world) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// effect changes the world. Nothing in it is idempotent: what the engine
// repeats is seen.
func (w *world) effect(r kind.Resolved) resource.Outputs {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := r.Step.ID.Name
	w.effects[r.Step.Op+" "+name]++
	var spec box
	if r.Step.Op == "make" || r.Step.Op == "paint" {
		if err := r.Step.Params.Decode(&spec); err != nil {
			w.wrong = append(w.wrong, err.Error())
		}
		for _, link := range spec.Links {
			if !w.linkable(link) {
				w.wrong = append(w.wrong, name+" links to "+link.String()+", which is not there")
			}
		}
	}
	switch r.Step.Op {
	case "make":
		spec.Label = "blank"
		w.put(name, spec)
	case "label":
		w.boxes[name].Label = r.Step.Params["label"].(string)
	case "paint":
		w.boxes[name].box = spec
	case kind.AdoptOp:
		w.boxes[name].foreign = false
	case "delete":
		for other, b := range w.boxes {
			if other != name && slices.ContainsFunc(b.Links, func(v resource.Value) bool { return v.Literal == w.boxes[name].address }) {
				w.wrong = append(w.wrong, name+" is deleted while "+other+" links to it")
			}
		}
		delete(w.boxes, name)
		w.intents[r.Intent] = nil
		return nil
	}
	w.intents[r.Intent] = resource.Outputs{"address": w.boxes[name].address}
	return w.intents[r.Intent]
}

func (w *world) linkable(v resource.Value) bool {
	for _, b := range w.boxes {
		if v.Known() && b.address == v.Literal {
			return true
		}
	}
	return false
}

func (w *world) probe(_ context.Context, r kind.Resolved, tried []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	if err := w.interfere("probe", r.Step); err != nil {
		return kind.Unknown, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf[r.Step.ID.Name] {
		return kind.Unknown, nil, nil
	}
	for _, p := range tried {
		for intent, outputs := range w.intents {
			if string(p) == fmt.Sprintf(`{"intent":%q}`, intent) {
				return kind.Yes, outputs, nil
			}
		}
	}
	return kind.No, nil, nil
}

// state prints all boxes, for comparison.
func (w *world) state() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(w.boxes)) {
		lines = append(lines, fmt.Sprintf("%s %+v", name, *w.boxes[name]))
	}
	return strings.Join(lines, "\n")
}

// draft plans from the world as it is.
func (w *world) draft(t *testing.T, previous resource.Set) *plan.Plan {
	t.Helper()
	k := w.kind(t)
	desired := w.desired(t)
	seen, err := observe.All(t.Context(), &config.Environment{}, []kind.Kind{k}, desired, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := plan.Diff(plan.Input{
		Desired: desired, Owned: seen.Owned, Foreign: seen.Foreign, Unread: seen.Unread, Previous: previous,
		Rules: map[string]plan.Rules{"box": {Traits: k.Traits, Steps: k.Steps}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Format: plan.Format, Environment: "test", Changes: d.Changes, Resolved: d.Resolved}
	for i := range p.Changes {
		for _, step := range p.Changes[i].Steps {
			p.Changes[i].Risk = k.Traits.Risks[step.Op]
		}
	}
	if err := p.Seal(map[string][]string{"box": k.Traits.Moving}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) desired(t *testing.T) resource.Set {
	t.Helper()
	desired, err := observe.Declare(&config.Environment{}, []kind.Kind{w.kind(t)})
	if err != nil {
		t.Fatal(err)
	}
	return desired
}

// engine is one process about to apply the plan.
func (w *world) engine(t *testing.T, p *plan.Plan, log apply.Log) *apply.Engine {
	t.Helper()
	var mu sync.Mutex
	count := 0
	w.runs++
	process := w.runs
	return &apply.Engine{
		Environment: &config.Environment{Name: "test"}, Plan: p, Kinds: []kind.Kind{w.kind(t)}, Desired: w.desired(t), Log: log,
		Outputs: func(ref resource.Ref) (string, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if b := w.boxes[ref.ID.Name]; b != nil && ref.Output == "address" {
				return b.address, true
			}
			return "", false
		},
		NewIntent: func() string {
			mu.Lock()
			defer mu.Unlock()
			count++
			return fmt.Sprintf("run%d-%d", process, count)
		},
		Sleep: func(context.Context, time.Duration) {},
	}
}
