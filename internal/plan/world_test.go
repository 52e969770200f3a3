package plan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The test world has four kinds: key (immutable spec, outputs), policy (its
// members are a set and point at keys), funding (pays a key, its balance moves,
// nothing is removed) and watch (observed only).

// testRules are the rules of the four kinds.
func testRules() map[string]plan.Rules {
	return map[string]plan.Rules{
		"key": {Traits: resource.Traits{
			Immutable: []string{"spec"}, Computed: []string{"marked"}, Steering: []string{"adopt"},
			Risks: map[string]resource.Risk{"create": resource.Routine, "write": resource.Routine, "adopt": resource.Sensitive},
		}, Steps: testSteps},
		"policy": {Traits: resource.Traits{Computed: []string{"marked"}, Steering: []string{"adopt"}, Satisfies: sameMembers}, Steps: testSteps},
		"funding": {Traits: resource.Traits{Moving: []string{"balance"}, DeleteOff: true, Satisfies: enough},
			Steps: paySteps},
		"watch": {Traits: resource.Traits{}},
	}
}

// testMoving is what Seal needs to know of the four kinds.
func testMoving() map[string][]string { return map[string][]string{"funding": {"balance"}} }

func sameMembers(path string, desired, observed resource.Attrs) bool {
	return path == "members" && cmp.Equal(memberSet(desired), memberSet(observed))
}

func memberSet(attrs resource.Attrs) []string {
	list, _ := attrs["members"].([]any)
	var names []string
	for _, m := range list {
		names = append(names, fmt.Sprint(m))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func enough(path string, desired, observed resource.Attrs) bool {
	wei, low, high := part(observed, "wei"), part(desired, "floor"), part(desired, "target")
	return path == "balance" && wei >= low && wei <= high
}

// part reads a number below balance; -1 where there is none.
func part(attrs resource.Attrs, name string) int {
	balance, _ := attrs["balance"].(map[string]any)
	text, _ := balance[name].(string)
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

func testSteps(before, after *resource.Resource, facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return []resource.Step{{Op: "delete", ID: before.ID}}, nil
	case resource.FactsOf(facts, after.ID)["wait"] != "":
		return nil, &resource.DeferredError{Reason: "waits for a ceremony"}
	case before == nil:
		return []resource.Step{{Op: "create", ID: after.ID, Params: bare(after.Attrs)}}, nil
	case before.Attrs["marked"] == "false":
		return []resource.Step{{Op: "adopt", ID: after.ID}}, nil
	case after.ID.Kind == "key" && before.Attrs["spec"] != after.Attrs["spec"]:
		return []resource.Step{{Op: "replace", ID: after.ID, Params: bare(after.Attrs)}}, nil
	}
	return []resource.Step{{Op: "write", ID: after.ID, Params: bare(after.Attrs),
		Pre: []resource.Precondition{{ID: after.ID, Path: "marked", Op: resource.Equals, Value: "true"}}}}, nil
}

func paySteps(before, after *resource.Resource, facts []resource.Fact) ([]resource.Step, error) {
	first := ""
	if len(facts) > 0 {
		first = facts[0].ID.String() + " " + facts[0].Name
	}
	have := 0
	if before != nil {
		have = max(0, part(before.Attrs, "wei"))
	}
	target := part(after.Attrs, "target")
	return []resource.Step{{
		Op: "pay", ID: after.ID, Lane: after.ID.Scope,
		Params:      resource.Attrs{"to": after.Attrs["address"], "target": strconv.Itoa(target)},
		Annotations: resource.Attrs{"amount": strconv.Itoa(target - have), "first": first},
		Spend:       &resource.Spend{Network: after.ID.Scope, From: "key/r1/bank", Wei: strconv.Itoa(target), Fee: "21000"},
	}}, nil
}

func bare(attrs resource.Attrs) resource.Attrs {
	attrs = attrs.Clone()
	delete(attrs, "adopt")
	return attrs
}

// object is one thing of the live world, with what only the world knows.
type object struct {
	attrs      resource.Attrs
	outputs    resource.Outputs
	marked     bool
	uses       []resource.ID
	generation int
}

// world is everything there is, read or not.
type world struct {
	rules    map[string]plan.Rules
	desired  resource.Set
	previous resource.Set
	live     map[resource.ID]*object
	facts    []resource.Fact
	unread   []resource.Unread
}

// input reads the world as observe would: an unread scope hides half of its
// objects, and of the others nobody knows how far they were read.
func (w *world) input() plan.Input {
	in := plan.Input{
		Desired: w.desired, Owned: resource.Set{}, Foreign: resource.Set{}, Facts: slices.Clone(w.facts),
		Unread: slices.Clone(w.unread), Rules: w.rules, Previous: w.previous, Made: w.previous,
	}
	for id, o := range w.live {
		if w.hidden(id) && len(id.Name)%2 == 0 {
			continue
		}
		attrs := o.attrs.Clone()
		if id.Kind == "key" || id.Kind == "policy" {
			attrs["marked"] = strconv.FormatBool(o.marked)
		}
		into := in.Foreign
		if o.marked {
			into = in.Owned
		}
		into[id] = resource.Resource{ID: id, Attrs: attrs, Outputs: maps.Clone(o.outputs)}
	}
	return in
}

func (w *world) hidden(id resource.ID) bool {
	return slices.ContainsFunc(w.unread, func(u resource.Unread) bool { return u.Covers(id) })
}

func (w *world) output(ref resource.Ref) (string, bool) {
	o, ok := w.live[ref.ID]
	if !ok {
		return "", false
	}
	value, ok := o.outputs[ref.Output]
	return value, ok
}

// run does the steps of the changes in their order, and fails where a step
// comes before what it needs or a delete before its last user.
func (w *world) run(t *testing.T, changes []plan.Change) {
	t.Helper()
	for _, c := range changes {
		for _, s := range c.Steps {
			for _, need := range s.Needs {
				if _, ok := w.output(need); !ok {
					t.Fatalf("%s: step %s runs before %s is there", c.ID, s.Op, need)
				}
			}
			params, missing := s.Params.Resolve(w.output)
			if len(missing) > 0 {
				t.Fatalf("%s: step %s runs before %v are there", c.ID, s.Op, missing)
			}
			w.do(t, c, s, params)
		}
	}
}

func (w *world) do(t *testing.T, c plan.Change, s resource.Step, params resource.Attrs) {
	t.Helper()
	o := w.live[s.ID]
	uses := usedBy(c.After)
	switch s.Op {
	case "create":
		if o != nil {
			t.Fatalf("%s: created, but it exists", s.ID)
		}
		w.put(s.ID, params, uses, true)
	case "replace":
		generation := o.generation
		w.put(s.ID, params, uses, true)
		w.live[s.ID].renew(s.ID, generation+1)
	case "write":
		maps.Copy(o.attrs, params)
		o.uses = uses
	case "adopt":
		o.marked = true
	case "pay":
		if o == nil {
			o = w.put(s.ID, resource.Attrs{}, uses, true)
		}
		o.attrs["address"], o.uses = params["to"], uses
		o.attrs["balance"] = map[string]any{"wei": params["target"]}
	case "delete":
		for id, other := range w.live {
			_, declared := w.desired[id]
			forgotten := w.rules[id.Kind].Traits.DeleteOff && !declared
			if id != s.ID && !forgotten && slices.Contains(other.uses, s.ID) {
				t.Fatalf("%s: deleted while %s uses it", s.ID, id)
			}
		}
		delete(w.live, s.ID)
	default:
		t.Fatalf("%s: unknown operation %s", s.ID, s.Op)
	}
}

func usedBy(attrs resource.Attrs) []resource.ID {
	var ids []resource.ID
	for _, ref := range attrs.Refs() {
		ids = append(ids, ref.ID)
	}
	return ids
}

func (w *world) put(id resource.ID, attrs resource.Attrs, uses []resource.ID, marked bool) *object {
	o := &object{attrs: attrs.Clone(), uses: uses, marked: marked}
	o.renew(id, 1)
	if old := w.live[id]; old != nil {
		o.renew(id, old.generation+1)
	}
	w.live[id] = o
	return o
}

// renew gives the object the outputs of its generation.
func (o *object) renew(id resource.ID, generation int) {
	o.generation = generation
	o.outputs = resource.Outputs{"address": fmt.Sprintf("0x%s.%d", id.Name, generation), "arn": fmt.Sprintf("arn:%s.%d", id, generation)}
}

// chance is true p times in 100.
func chance(r *rand.Rand, p int) bool { return r.IntN(100) < p }
