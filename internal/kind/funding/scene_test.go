package funding_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// scene is an environment over the fake, and what was last recorded.
type scene struct {
	t        *testing.T
	env      *config.Environment
	fake     *fake
	lookup   kind.Lookup
	readings map[resource.ID]string
	readAt   time.Time
	kind     kind.Kind
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, env: environment(), fake: newFake(), lookup: lookup, readings: map[resource.ID]string{}, readAt: noon.Add(-24 * time.Hour)}
	o := options(s.fake.place())
	o.Now = func() time.Time { return noon }
	o.Readings = func(id resource.ID) (string, time.Time, bool) { wei, ok := s.readings[id]; return wei, s.readAt, ok }
	s.kind = newKind(t, o)
	return s
}

func (s *scene) hold(name string, wei *big.Int) *scene {
	s.fake.balances[addressOf(name)] = wei
	return s
}

type planned struct {
	seen     kind.Seen
	steps    map[string][]resource.Step
	deferred map[string]string
	findings []resource.Finding
}

// plan does what diff does: resolve, compare, ask for steps.
func (s *scene) plan() planned {
	s.t.Helper()
	desired, err := s.kind.Declare(s.env)
	if err != nil {
		s.t.Fatal(err)
	}
	p := planned{seen: s.kind.Observe(s.t.Context(), s.env, s.lookup), steps: map[string][]resource.Step{}, deferred: map[string]string{}}
	owned := map[resource.ID]*resource.Resource{}
	for i := range p.seen.Owned {
		owned[p.seen.Owned[i].ID] = &p.seen.Owned[i]
	}
	for i := range desired {
		want := desired[i]
		want.Attrs, _ = want.Attrs.Resolve(s.lookup)
		have := owned[want.ID]
		if have != nil && s.kind.Traits.Satisfies("balance", want.Attrs, have.Attrs) {
			continue
		}
		steps, err := s.kind.Steps(have, &want, p.seen.Facts)
		var later *kind.DeferredError
		if errors.As(err, &later) {
			p.deferred[want.ID.Name] = later.Reason
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		p.steps[want.ID.Name] = steps
	}
	if p.findings, err = s.kind.Check(desired, p.seen.Owned, p.seen.Facts); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (p planned) rules() []string {
	rules := []string{}
	for _, f := range p.findings {
		rules = append(rules, string(f.Severity)+" "+f.Rule+" "+f.ID.Name)
	}
	return rules
}

func (p planned) finding(t *testing.T, rule string) resource.Finding {
	t.Helper()
	for _, f := range p.findings {
		if f.Rule == rule {
			return f
		}
	}
	t.Fatalf("no finding %s among %v", rule, p.rules())
	return resource.Finding{}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q\nlacks %q", text, part)
		}
	}
}
