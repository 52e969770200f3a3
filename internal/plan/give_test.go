package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// TestARightThatMovesIsGivenBeforeItIsTaken: however changes overlap, what only
// takes away waits for what gives, but never for what itself waits for the taker.
func TestARightThatMovesIsGivenBeforeItIsTaken(t *testing.T) {
	t.Parallel()
	policy := func(name string) resource.ID { return resource.ID{Kind: "policy", Scope: "global", Name: name} }
	had := func(name, document string) resource.Resource {
		return resource.Resource{ID: policy(name), Attrs: resource.Attrs{"document": document}}
	}
	op := func(have, want string) string {
		if len(want) < len(have) {
			return "narrow"
		}
		return "widen"
	}
	rules := map[string]plan.Rules{"policy": {
		Traits: resource.Traits{Gives: true, Risks: map[string]resource.Risk{"narrow": resource.Protective, "widen": resource.Sensitive, "remove": resource.Destructive}},
		Steps: func(before, after *resource.Resource, _ []resource.Fact) ([]resource.Step, error) {
			step := resource.Step{Op: "widen"}
			switch {
			case after == nil:
				step.Op = "remove"
			case before != nil:
				step.Op = op(before.Attrs["document"].(string), after.Attrs["document"].(string))
			}
			return []resource.Step{step}, nil
		},
	}}
	set := func(list ...resource.Resource) resource.Set {
		s, err := resource.NewSet(list...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	needing := had("d", "xx")
	needing.Attrs["after"] = resource.Ref{ID: policy("a"), Output: "arn"}
	difference, err := plan.Diff(plan.Input{
		Owned:   set(had("a", "xxx"), had("b", "x"), had("c", "x"), had("d", "x")),
		Desired: set(had("a", "xx"), had("b", "xx"), needing),
		Rules:   rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	waits := map[string][]string{}
	for _, c := range difference.Changes {
		waits[c.ID.Name] = []string{}
		for _, id := range c.Waits {
			waits[c.ID.Name] = append(waits[c.ID.Name], id.Name)
		}
	}
	// d widens and needs a, so that a cannot wait for d.
	want := map[string][]string{"a": {"b"}, "b": {}, "c": {"b", "d"}, "d": {}}
	if d := cmp.Diff(want, waits); d != "" {
		t.Error(d)
	}
}

// Roles lose policies and keys name the roles instead: a key's policy names a
// role that is there, and that comes after it all the same. Two of them crosswise
// are no loop.
func TestWhoIsNamedByAGiverIsTakenFromAfterIt(t *testing.T) {
	t.Parallel()
	id := func(kind, name string) resource.ID { return resource.ID{Kind: kind, Scope: "global", Name: name} }
	live := func(kind, name, rights string) resource.Resource {
		return resource.Resource{ID: id(kind, name), Attrs: resource.Attrs{"rights": rights}, Outputs: resource.Outputs{"arn": "arn:" + name}}
	}
	rules := map[string]plan.Rules{}
	for kind, op := range map[string]string{"role": "detach", "key": "widen"} {
		rules[kind] = plan.Rules{
			Traits: resource.Traits{Gives: true, Risks: map[string]resource.Risk{"detach": resource.Protective, "widen": resource.Sensitive}},
			Steps: func(_, _ *resource.Resource, _ []resource.Fact) ([]resource.Step, error) {
				return []resource.Step{{Op: op}}, nil
			},
		}
	}
	named := func(name, role string) resource.Resource {
		key := live("key", name, "")
		key.Attrs["rights"] = resource.Ref{ID: id("role", role), Output: "arn"}
		return key
	}
	set := func(list ...resource.Resource) resource.Set {
		s, err := resource.NewSet(list...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	difference, err := plan.Diff(plan.Input{
		Owned:   set(live("role", "a", "sign"), live("role", "b", "sign"), live("key", "a", ""), live("key", "b", "")),
		Desired: set(live("role", "a", ""), live("role", "b", ""), named("a", "a"), named("b", "b")),
		Rules:   rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, c := range difference.Changes {
		order = append(order, c.ID.Kind+" "+c.ID.Name)
	}
	if d := cmp.Diff([]string{"key a", "key b", "role a", "role b"}, order); d != "" {
		t.Error(d)
	}
}

// A role whose trust is written anew also loses a policy, and a key's policy is
// to name it: the key comes first, although the role gives something too. Whoever
// only loses waits for both.
func TestWhatGivesAndTakesWaitsForWhatOnlyGives(t *testing.T) {
	t.Parallel()
	id := func(kind, name string) resource.ID { return resource.ID{Kind: kind, Scope: "global", Name: name} }
	ops := map[string][]string{"both": {"write-trust", "detach"}, "gives": {"widen"}, "takes": {"detach"}, "as well": {"detach", "write-trust"}}
	rules := map[string]plan.Rules{"role": {
		Traits: resource.Traits{Gives: true, Risks: map[string]resource.Risk{"detach": resource.Protective, "write-trust": resource.Sensitive, "widen": resource.Sensitive}},
		Steps: func(before, _ *resource.Resource, _ []resource.Fact) ([]resource.Step, error) {
			var steps []resource.Step
			for _, op := range ops[before.ID.Name] {
				steps = append(steps, resource.Step{Op: op})
			}
			return steps, nil
		},
	}}
	owned, desired := resource.Set{}, resource.Set{}
	for name := range ops {
		owned[id("role", name)] = resource.Resource{ID: id("role", name), Attrs: resource.Attrs{"rights": "old"}, Outputs: resource.Outputs{"arn": name}}
		desired[id("role", name)] = resource.Resource{ID: id("role", name), Attrs: resource.Attrs{"rights": "new"}}
	}
	desired[id("role", "gives")].Attrs["names"] = resource.Ref{ID: id("role", "both"), Output: "arn"}
	difference, err := plan.Diff(plan.Input{Owned: owned, Desired: desired, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string][]string{}
	for _, c := range difference.Changes {
		for _, first := range plan.Dependencies(difference.Changes, nil)[c.ID] {
			have[c.ID.Name] = append(have[c.ID.Name], first.Name)
		}
	}
	if d := cmp.Diff(map[string][]string{"both": {"gives"}, "as well": {"gives"}, "takes": {"as well", "both", "gives"}}, have); d != "" {
		t.Error(d)
	}
}
