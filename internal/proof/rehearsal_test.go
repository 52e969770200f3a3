package proof

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const rehearsed = "333344445555"

// stage is a small account and a plan over it, both by chance.
type stage struct {
	r    *rand.Rand
	live access.Directory
	seen resource.Set
	plan []plan.Change
	uses []Use
}

func (s *stage) maybe(list ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(string) bool { return s.r.IntN(3) == 0 })
}

func stageARN(kind, name string) string {
	return "arn:aws:iam::" + rehearsed + ":" + kind + "/" + name
}

func stageKey(i int) (resource.ID, string) {
	return resource.ID{Kind: kindKey, Scope: "us-west-2", Name: fmt.Sprintf("k%d", i)}, fmt.Sprintf("arn:aws:kms:us-west-2:%s:key/k%d", rehearsed, i)
}

// document lets sign with some keys; now and then it denies.
func (s *stage) document() access.Document {
	keys := s.maybe("k0", "k1", "k2", "k0", "k1")
	d := access.Document{Version: access.Version}
	for i, key := range keys {
		statement := access.Statement{Effect: access.Allow, Actions: []string{"kms:Sign"}, Resources: access.Literals("arn:aws:kms:us-west-2:" + rehearsed + ":key/" + key)}
		if i == 0 && s.r.IntN(12) == 0 {
			statement.Effect = access.Deny
		}
		d.Statements = append(d.Statements, statement)
	}
	return d
}

func (s *stage) keyPolicy() access.Document {
	who := append([]string{stageARN("user", "u0")}, s.maybe(stageARN("role", "r0"), stageARN("user", "u1"))...)
	return access.NewKeyPolicy(rehearsed, s.r.IntN(3) > 0, access.Literals(who[s.r.IntN(2):]...))
}

func newStage(t *testing.T, seed uint64) *stage {
	s := &stage{r: rand.New(rand.NewPCG(seed, 9)), seen: resource.Set{}}
	attached := func() []string {
		return append(s.maybe(stageARN("policy", "p0"), stageARN("policy", "p1")), s.maybe("arn:aws:iam::aws:policy/common")...)
	}
	boundary := func() string {
		return []string{"", "", "arn:aws:iam::aws:policy/bound", stageARN("policy", "p2")}[s.r.IntN(4)]
	}
	for _, name := range []string{"u0", "u1"} {
		s.live.Users = append(s.live.Users, access.User{Entity: access.Entity{ARN: stageARN("user", name), Name: name, Path: "/", Attached: attached(), Boundary: boundary()}, Groups: s.maybe("g0", "g1")})
	}
	for _, name := range []string{"r0", "r1"} {
		s.live.Roles = append(s.live.Roles, access.Role{Entity: access.Entity{ARN: stageARN("role", name), Name: name, Path: "/", Attached: attached(), Boundary: boundary()}})
	}
	for _, name := range []string{"g0", "g1"} {
		s.live.Groups = append(s.live.Groups, access.Group{Entity: access.Entity{ARN: stageARN("group", name), Name: name, Path: "/", Attached: attached()}})
	}
	for _, arn := range []string{stageARN("policy", "p0"), stageARN("policy", "p1"), stageARN("policy", "p2"), "arn:aws:iam::aws:policy/common", "arn:aws:iam::aws:policy/bound"} {
		s.live.Policies = append(s.live.Policies, access.Policy{ARN: arn, Name: arn[strings.LastIndexByte(arn, '/')+1:], Path: "/", Document: s.document()})
	}
	for i := range 3 {
		id, arn := stageKey(i)
		s.seen[id] = resource.Resource{ID: id, Outputs: resource.Outputs{"arn": arn}, Attrs: s.attrs(t, map[string]any{"policy": s.keyPolicy()})}
		s.uses = append(s.uses, Use{Key: id, Agent: id.Name, Principals: []string{stageARN("user", "u0"), stageARN("user", "u1"), stageARN("role", "r0"), stageARN("role", "r1")}})
	}
	s.changes(t)
	return s
}

func (s *stage) attrs(t *testing.T, fields map[string]any) resource.Attrs {
	t.Helper()
	attrs, err := resource.Encode(fields)
	if err != nil {
		t.Fatal(err)
	}
	return attrs
}

// changes are one of each object at most; each waits for some that come before
// it.
func (s *stage) changes(t *testing.T) {
	add := func(kind, name, arn string, fields map[string]any) {
		if s.r.IntN(2) == 0 {
			return
		}
		scope := "global"
		if kind == kindKey {
			scope = "us-west-2"
		}
		c := plan.Change{
			ID: resource.ID{Kind: kind, Scope: scope, Name: name}, Action: plan.Update, After: s.attrs(t, fields), Steps: []resource.Step{{Op: "write"}},
			Before: &plan.State{Attrs: s.attrs(t, map[string]any{"name": name, "path": "/"}), Outputs: resource.Outputs{"arn": arn}},
		}
		switch {
		case s.r.IntN(8) == 0 && kind != kindKey:
			c.Action = plan.Delete
		case s.r.IntN(10) == 0:
			c.Steps[0].Op = "adopt"
		}
		for _, other := range s.plan {
			if s.r.IntN(4) == 0 {
				c.Waits = append(c.Waits, other.ID)
			}
		}
		s.plan = append(s.plan, c)
	}
	policies := func() []string {
		return append(s.maybe(stageARN("policy", "p0"), stageARN("policy", "p1")), s.maybe("arn:aws:iam::aws:policy/common")...)
	}
	for _, name := range []string{"p0", "p1", "p2"} {
		add(kindPolicy, name, stageARN("policy", name), map[string]any{"name": name, "path": "/", "document": s.document()})
	}
	for _, name := range []string{"u0", "u1"} {
		add(kindUser, name, stageARN("user", name), map[string]any{"name": name, "path": "/", "policies": policies()})
	}
	for _, name := range []string{"r0", "r1"} {
		add(kindRole, name, stageARN("role", name), map[string]any{"name": name, "path": "/", "policies": policies()})
	}
	for _, name := range []string{"g0", "g1"} {
		add(kindGroup, name, stageARN("group", name), map[string]any{"name": name, "path": "/", "policies": policies(), "members": s.maybe(stageARN("user", "u0"), stageARN("user", "u1"))})
	}
	for i := range 3 {
		id, arn := stageKey(i)
		add(kindKey, id.Name, arn, map[string]any{"policy": s.keyPolicy()})
	}
	s.r.Shuffle(len(s.plan), func(i, j int) { s.plan[i], s.plan[j] = s.plan[j], s.plan[i] })
}

// wholly finds the gaps by playing each part of the plan on the whole account.
func wholly(now *projection, moves []move, held []pair) []string {
	var found []string
	r := &rehearsal{now: now, moves: moves}
	r.wait()
	for at, m := range moves {
		if !touches(m) {
			continue
		}
		p := now.copied()
		for _, i := range r.earliest(at) {
			p.play(moves[i])
		}
		q := p.world().Inquire()
		for _, h := range held {
			if !signs(q, h) {
				found = append(found, fmt.Sprintf("%s: %s with %s", m.ID, h.principal, h.key.Name))
			}
		}
	}
	return found
}

// A part of a plan is tried on as little of the account as decides: the answers
// are those of the whole account.
func TestAPartOfTheAccountTellsWhatTheWholeTells(t *testing.T) {
	t.Parallel()
	gapped, healthy := 0, 0
	for seed := range uint64(800) {
		s := newStage(t, seed)
		now := newProjection(Input{Environment: "quay", Account: rehearsed, Live: &s.live, Observed: s.seen, Changes: s.plan})
		moves := now.moves(s.plan)
		after := now.copied()
		for _, m := range moves {
			after.play(m)
		}
		var expected []access.Expectation
		for _, use := range s.uses {
			expected = append(expected, access.Expectation{Key: use.Key, KeyARN: now.keyARN(use.Key), Principals: use.Principals})
		}
		held := kept(now.world().Inquire(), after.world().Inquire(), expected)
		want := wholly(now, moves, held)
		var have []string
		if len(held) > 0 {
			r := newRehearsal(now, after, moves, held)
			for at, m := range moves {
				if touches(m) {
					for _, lost := range r.lost(at) {
						have = append(have, m.ID.String()+": "+lost)
					}
				}
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatalf("seed %d: whole (-), part (+):\n%s", seed, diff)
		}
		if len(want) > 0 {
			gapped++
		} else if len(held) > 0 {
			healthy++
		}
	}
	if gapped < 40 || healthy < 200 {
		t.Errorf("%d plans with a gap and %d without: the stage is too tame", gapped, healthy)
	}
}
