package plan_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// worlds is how many random worlds each property is tried on. A failure names
// the seed; randomWorld(seed) is that world again.
const worlds = 1000

// eachWorld runs a property over the random worlds.
func eachWorld(t *testing.T, property func(t *testing.T, w *world)) {
	t.Helper()
	for seed := range uint64(worlds) {
		ok := true
		func() {
			defer func() {
				if t.Failed() && ok {
					ok = false
					t.Logf("seed %d", seed)
				}
			}()
			property(t, randomWorld(seed))
		}()
		if !ok {
			return
		}
	}
}

func diff(t *testing.T, in plan.Input) plan.Difference {
	t.Helper()
	d, err := plan.Diff(in)
	if err != nil {
		t.Fatalf("diff: %v", err)
	}
	return d
}

// sealed makes a whole plan of a difference, as cmd does.
func sealed(t *testing.T, in plan.Input, d plan.Difference) *plan.Plan {
	t.Helper()
	observed, err := plan.ObservedDigest(in.Owned, in.Foreign, in.Facts, in.Unread)
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{
		Format: plan.Format, Tool: "test", Environment: "staging", Class: "testnet", Observed: observed,
		Revision: plan.Revision{Commit: "c0ffee", Governance: "sha256:00", Config: "sha256:01"},
		Identity: plan.Identity{Account: "111122223333", Region: "us-west-2", Chains: map[string]uint64{"fuji": 43113, "sepolia": 11155111}},
		Created:  time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), Expires: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC),
		Changes: d.Changes, Resolved: d.Resolved, Facts: in.Facts, Deferred: d.Deferred, Unread: in.Unread, Findings: d.Findings,
		Summary: plan.Summary{Unchanged: d.Unchanged},
	}
	if err := p.Seal(testMoving()); err != nil {
		t.Fatalf("seal: %v", err)
	}
	return p
}

func encoded(t *testing.T, p *plan.Plan) []byte {
	t.Helper()
	data, err := p.Encode()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return data
}

func TestAWorldThatIsAsDeclaredHasAnEmptyPlan(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		w.live, w.unread, w.facts = map[resource.ID]*object{}, nil, nil
		w.desired = w.previous
		ids := w.desired.IDs()
		slices.SortFunc(ids, func(a, b resource.ID) int { return rank(a) - rank(b) })
		w.settleAs(w.desired, ids)
		d := diff(t, w.input())
		if len(d.Changes)+len(d.Deferred)+len(d.Findings) != 0 || d.Unchanged != len(w.desired) {
			t.Errorf("changes %v, deferred %v, findings %v, %d of %d unchanged", d.Changes, d.Deferred, d.Findings, d.Unchanged, len(w.desired))
		}
	})
}

// rank is the order of creation, which the generator writes at a name's end.
func rank(id resource.ID) int {
	n, of := 0, 1
	for i := len(id.Name) - 1; id.Name[i] != '-'; i-- {
		n, of = n+of*int(id.Name[i]-'0'), of*10
	}
	return n
}

func TestDoingThePlanMakesTheWorldAsDeclared(t *testing.T) {
	t.Parallel()
	planned, adopted := 0, 0
	eachWorld(t, func(t *testing.T, w *world) {
		first := diff(t, w.input())
		w.run(t, first.Changes)
		second := diff(t, w.input())
		// An adoption wrote the mark and nothing else: what differs comes second.
		adopted += len(second.Changes)
		for _, c := range second.Changes {
			if !dependsOnAdopted(first, second, c.ID) {
				t.Errorf("%s: %s is planned again after it was done: %v", c.ID, c.Action, c.Fields)
			}
		}
		w.run(t, second.Changes)
		if third := diff(t, w.input()); len(third.Changes) != 0 {
			t.Errorf("the third plan still has %v", third.Changes)
		}
		planned += len(first.Changes)
		w.mustBeAsDeclared(t, second.Deferred)
	})
	if planned < worlds || adopted < worlds/50 {
		t.Errorf("the worlds are too tame: %d changes, %d after an adoption", planned, adopted)
	}
}

// dependsOnAdopted reports what an adoption of the first plan explains in the
// second: the adopted resource, who waited for it, and what waited for those.
func dependsOnAdopted(first, second plan.Difference, id resource.ID) bool {
	late := map[resource.ID]bool{}
	for _, c := range first.Changes {
		if slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return s.Op == "adopt" }) {
			late[c.ID] = true
		}
	}
	for _, d := range first.Deferred {
		late[d.ID] = true
	}
	for range second.Changes {
		for _, c := range second.Changes {
			for _, used := range append(usedBy(c.After), c.Waits...) {
				late[c.ID] = late[c.ID] || late[used]
			}
		}
	}
	return late[id]
}

// mustBeAsDeclared compares without Diff: every declared resource that was
// read, is ours and is not deferred has the declared attributes.
func (w *world) mustBeAsDeclared(t *testing.T, deferred []plan.Deferred) {
	t.Helper()
	in := w.input()
	waiting := map[resource.ID]bool{}
	for _, d := range deferred {
		waiting[d.ID] = true
	}
	for id, want := range w.desired {
		have, owned := in.Owned[id]
		_, foreign := in.Foreign[id]
		if w.hidden(id) || waiting[id] || foreign || id.Kind == "watch" {
			continue
		}
		if !owned {
			t.Errorf("%s: declared and not there", id)
			continue
		}
		attrs, missing := bare(want.Attrs).Resolve(w.output)
		for path, value := range attrs {
			satisfies := w.rules[id.Kind].Traits.Satisfies
			if !cmp.Equal(value, have.Attrs[path]) && (satisfies == nil || !satisfies(path, attrs, have.Attrs)) {
				t.Errorf("%s: %s is %v, declared %v (unresolved %v)", id, path, have.Attrs[path], value, missing)
			}
		}
	}
}

func TestAThousandPlansOfOneWorldHaveTheSameBytes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	seed := uint64(0)
	for len(diff(t, randomWorld(seed).input()).Changes) < 6 {
		seed++
	}
	var first []byte
	for range 1000 {
		in := randomWorld(seed).input()
		r.Shuffle(len(in.Facts), func(i, j int) { in.Facts[i], in.Facts[j] = in.Facts[j], in.Facts[i] })
		r.Shuffle(len(in.Unread), func(i, j int) { in.Unread[i], in.Unread[j] = in.Unread[j], in.Unread[i] })
		again := encoded(t, sealed(t, in, diff(t, in)))
		if first == nil {
			first = again
		}
		if d := cmp.Diff(string(first), string(again)); d != "" {
			t.Fatalf("seed %d: two plans of one world differ:\n%s", seed, d)
		}
	}
}

func TestThePlanDoesNotDependOnTheOrderOfTheInput(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		w.facts = append(w.facts, resource.Fact{ID: resource.ID{Kind: "network", Scope: "fuji", Name: "fuji"}, Name: "height", Value: "1"})
		w.unread = append(w.unread, resource.Unread{Scope: "elsewhere", Operation: "read", Cause: "timeout"})
		in, other := w.input(), w.input()
		slices.Reverse(other.Facts)
		slices.Reverse(other.Unread)
		one, two := encoded(t, sealed(t, in, diff(t, in))), encoded(t, sealed(t, other, diff(t, other)))
		if d := cmp.Diff(string(one), string(two)); d != "" {
			t.Errorf("the order of the input shows in the plan:\n%s", d)
		}
	})
}

func TestNothingUnreadOrUnmarkedOrObservedIsChanged(t *testing.T) {
	t.Parallel()
	unread := 0
	eachWorld(t, func(t *testing.T, w *world) {
		in := w.input()
		unread += len(w.unread)
		for _, c := range diff(t, in).Changes {
			if w.hidden(c.ID) {
				t.Errorf("%s: %s, though it was not read", c.ID, c.Action)
			}
			if _, foreign := in.Foreign[c.ID]; foreign && w.desired[c.ID].Attrs["adopt"] != true {
				t.Errorf("%s: %s, though it does not carry our mark", c.ID, c.Action)
			}
			if c.ID.Kind == "watch" || (c.Action == plan.Delete && c.ID.Kind == "funding") {
				t.Errorf("%s: %s, though its kind never does", c.ID, c.Action)
			}
		}
	})
	if unread < worlds/10 {
		t.Errorf("only %d of %d worlds had something unread", unread, worlds)
	}
}

func TestAPlanReadBackIsThePlan(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		in := w.input()
		p := sealed(t, in, diff(t, in))
		again, err := plan.Decode(encoded(t, p))
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if d := cmp.Diff(p, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("the plan changed on its way through the file (-before +after):\n%s", d)
		}
	})
}

func TestAnHonestPlanDerivesFromItsConfiguration(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		in := w.input()
		p, err := plan.Decode(encoded(t, sealed(t, in, diff(t, in))))
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if err := plan.Derive(p, w.desired, w.rules); err != nil {
			t.Errorf("derive: %v", err)
		}
	})
}

func TestTheOrderHoldsForAReaderOfThePlanFile(t *testing.T) {
	t.Parallel()
	deletes := 0
	eachWorld(t, func(t *testing.T, w *world) {
		in := w.input()
		d := diff(t, in)
		p, err := plan.Decode(encoded(t, sealed(t, in, d)))
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		full, read := plan.Dependencies(d.Changes, w.previous), plan.Dependencies(p.Changes, nil)
		for _, c := range p.Changes {
			if c.Action == plan.Delete {
				deletes += len(c.Waits)
			}
			if diff := cmp.Diff(full[c.ID], read[c.ID]); diff != "" {
				t.Errorf("%s: what it waits for is lost in the file:\n%s", c.ID, diff)
			}
		}
	})
	if deletes == 0 {
		t.Error("no delete of any world had to wait")
	}
}
