package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// A kind says what its steps look at; they get that, sorted, and nothing else. One
// that says nothing gets everything.
func TestStepsGetTheFactsThatTheirKindNames(t *testing.T) {
	t.Parallel()
	own := resource.ID{Kind: "route", Scope: "fuji", Name: "sepolia"}
	member := resource.ID{Kind: "member", Scope: "sepolia"}
	var facts []resource.Fact
	for _, text := range []string{"route/fuji/sepolia", "route/fuji/alpha", "route/sepolia/fuji", "member/sepolia/b", "member/sepolia/a", "member/fuji/a", "wallet/fuji/sepolia"} {
		id, err := resource.ParseID(text)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, resource.Fact{ID: id, Name: "y", Value: text}, resource.Fact{ID: id, Name: "x", Value: text})
	}
	for _, c := range []struct {
		about func(resource.ID) []resource.ID
		want  []string
	}{
		{func(id resource.ID) []resource.ID { return []resource.ID{id, member, id} }, []string{
			"member/sepolia/a x", "member/sepolia/a y", "member/sepolia/b x", "member/sepolia/b y", "route/fuji/sepolia x", "route/fuji/sepolia y",
		}},
		{func(resource.ID) []resource.ID { return []resource.ID{{Kind: "none", Scope: "fuji"}} }, nil},
		{nil, make([]string, len(facts))},
	} {
		var have []string
		in := plan.Input{Desired: setOf(t, resource.Resource{ID: own, Attrs: resource.Attrs{"value": "a"}}), Facts: facts, Rules: map[string]plan.Rules{"route": {
			Traits: resource.Traits{Facts: c.about},
			Steps: func(_, after *resource.Resource, facts []resource.Fact) ([]resource.Step, error) {
				have = nil
				for _, f := range facts {
					have = append(have, fmt.Sprint(f.ID, " ", f.Name))
				}
				return []resource.Step{{Op: "set", ID: after.ID}}, nil
			},
		}}}
		p := sealed(t, in, diff(t, in))
		for when, again := range map[string]func() error{"diff": func() error { return nil }, "derived": func() error { return plan.Derive(p, in.Desired, in.Rules) }} {
			if err := again(); err != nil {
				t.Fatal(when, err)
			}
			if len(have) != len(c.want) || c.about != nil && !slices.Equal(have, c.want) {
				t.Errorf("%s: steps got %v, want %v", when, have, c.want)
			}
		}
	}
}
