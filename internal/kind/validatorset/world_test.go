package validatorset_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/validatorset"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// scene is a bridge seen through the kind.
type scene struct {
	*validatorstest.World
	t       *testing.T
	kind    kind.Kind
	intents int
	// safes are the facts that the kind of Safes would give.
	safes []resource.Fact
}

func start(t *testing.T, o validatorstest.Options) *scene {
	t.Helper()
	w := validatorstest.Start(t, o)
	return &scene{World: w, t: t, kind: newKind(t, w)}
}

func newKind(t *testing.T, w *validatorstest.World) kind.Kind {
	t.Helper()
	k, err := validatorset.New(validatorset.Options{Networks: w.Network, Calls: w.Maker, Checkpoints: w.Reader, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// planned is what a plan would hold.
type planned struct {
	seen     kind.Seen
	same     []string
	steps    map[string][]resource.Step
	deferred map[string]string
	pending  map[string]string
	unread   []string
	findings []resource.Finding
}

// about are the facts that diff hands to the steps of a resource.
func (s *scene) about(id resource.ID, facts []resource.Fact) []resource.Fact {
	about := s.kind.Traits.Facts(id)
	return slices.DeleteFunc(facts, func(f resource.Fact) bool {
		return !slices.Contains(about, f.ID) && !slices.Contains(about, resource.ID{Kind: f.ID.Kind, Scope: f.ID.Scope})
	})
}

// plan does what diff does: resolve, compare, ask for steps.
func (s *scene) plan() planned {
	s.t.Helper()
	desired, err := s.kind.Declare(s.Env)
	if err != nil {
		s.t.Fatal(err)
	}
	p := planned{seen: s.kind.Observe(s.t.Context(), s.Env, s.Lookup), steps: map[string][]resource.Step{}, deferred: map[string]string{}, pending: map[string]string{}}
	if p.findings, err = s.kind.Check(desired, p.seen.Owned, p.seen.Facts); err != nil {
		s.t.Fatal(err)
	}
	covers := resource.Covering(p.seen.Unread)
	for _, want := range desired {
		name := want.ID.Scope + "/" + want.ID.Name
		if covers(want.ID) {
			p.unread = append(p.unread, name)
			continue
		}
		want.Attrs, _ = want.Attrs.Resolve(s.Lookup)
		i := slices.IndexFunc(p.seen.Owned, func(r resource.Resource) bool { return r.ID == want.ID })
		if i < 0 {
			s.t.Fatalf("%s is neither seen nor unread", want.ID)
		}
		have := p.seen.Owned[i]
		if s.satisfied(want, have) {
			p.same = append(p.same, name)
			continue
		}
		if want.Mode == resource.Observed {
			continue
		}
		steps, err := s.kind.Steps(&have, &want, s.about(want.ID, slices.Concat(p.seen.Facts, s.safes)))
		var later *resource.DeferredError
		var waits *resource.PendingError
		switch {
		case errors.As(err, &later):
			p.deferred[name] = later.Reason
		case errors.As(err, &waits):
			p.pending[name] = waits.Reason
		case err != nil:
			s.t.Fatal(err)
		default:
			p.steps[name] = steps
		}
	}
	return p
}

func (s *scene) satisfied(want, have resource.Resource) bool {
	s.t.Helper()
	skip := slices.Concat(s.kind.Traits.Computed, s.kind.Traits.Steering)
	for path := range want.Attrs {
		if slices.Contains(skip, path) {
			continue
		}
		a, errA := resource.Canonical(want.Attrs[path])
		b, errB := resource.Canonical(have.Attrs[path])
		if errA != nil || errB != nil {
			s.t.Fatal(errA, errB)
		}
		if string(a) != string(b) && !s.kind.Traits.Satisfies(path, want.Attrs, have.Attrs) {
			return false
		}
	}
	return true
}

// do does one step, and what it made.
func (s *scene) do(step resource.Step) (resource.Outputs, error) {
	s.t.Helper()
	s.intents++
	r := kind.Resolved{Step: step, Intent: fmt.Sprintf("intent-%04d", s.intents), Environment: s.Env}
	prepared, err := s.kind.Prepare(s.t.Context(), r)
	if err != nil || prepared.IsNothing() {
		return nil, err
	}
	return s.kind.Do(s.t.Context(), r, prepared)
}

// apply does all steps of a plan, one resource after the other.
func (s *scene) apply(p planned) {
	s.t.Helper()
	for _, f := range p.findings {
		if f.Severity == resource.Refuse {
			s.t.Fatalf("refused: %s: %s", f.Rule, f.Reason)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.steps)) {
		for _, step := range p.steps[name] {
			outputs, err := s.do(step)
			if err != nil {
				s.t.Fatalf("%s: %s: %v", name, step.Op, err)
			}
			if creates, ok := step.Params["creates"].(string); ok && outputs != nil && outputs["created"] != creates {
				s.t.Errorf("%s: made %s, predicted %s", name, outputs["created"], creates)
			}
		}
	}
}

func (p planned) finding(t *testing.T, rule, destination, origin string) resource.Finding {
	t.Helper()
	for _, f := range p.findings {
		if f.Rule == rule && f.ID.Scope == destination && f.ID.Name == origin {
			return f
		}
	}
	t.Fatalf("no finding %s at %s of %s among %v", rule, destination, origin, p.findings)
	return resource.Finding{}
}

func (p planned) refusals() []string {
	var list []string
	for _, f := range p.findings {
		if f.Severity == resource.Refuse {
			list = append(list, f.Rule+" "+f.ID.Scope+"/"+f.ID.Name)
		}
	}
	return list
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q\nlacks %q", text, part)
		}
	}
}

// route is the module that a routing ISM has for an origin.
func (s *scene) route(destination, origin string) common.Address {
	s.t.Helper()
	n, _ := s.Env.Network(origin)
	values, err := contractstest.Read(s.t.Context(), s.Chains[destination].Client(), s.Contracts[destination].RoutingISM, "module(uint32)(address)", n.DomainID)
	if err != nil {
		s.t.Fatal(err)
	}
	return values[0].(common.Address)
}
