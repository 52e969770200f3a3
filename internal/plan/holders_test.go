package plan_test

import (
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// A policy that nobody declares is removed after whoever of ours has it lets go
// of it, and not while one of them keeps it, whatever was declared before.
func TestWhatIsHeldGoesAfterItsHoldersAndNotWithoutThem(t *testing.T) {
	t.Parallel()
	role := resource.ID{Kind: "role", Scope: "global", Name: "a"}
	policy := resource.ID{Kind: "policy", Scope: "global", Name: "z"}
	const arn = "arn:z"
	had := func(held any) resource.Set {
		s, err := resource.NewSet(
			resource.Resource{ID: role, Attrs: resource.Attrs{"policies": held, "note": "x"}},
			resource.Resource{ID: policy, Attrs: resource.Attrs{"name": "z"}, Outputs: resource.Outputs{"arn": arn}},
		)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	rules := func(stays bool) map[string]plan.Rules {
		step := func(before, after *resource.Resource, _ []resource.Fact) ([]resource.Step, error) {
			if stays && before.ID == role {
				return nil, &resource.DeferredError{Reason: "protected"}
			}
			return []resource.Step{{Op: "do"}}, nil
		}
		return map[string]plan.Rules{"role": {Steps: step}, "policy": {Steps: step}}
	}
	for name, test := range map[string]struct {
		held    any
		desired resource.Attrs
		stays   bool
		order   []resource.ID
	}{
		"the holder goes too":        {[]any{arn}, nil, false, []resource.ID{role, policy}},
		"the holder lets go":         {[]any{arn}, resource.Attrs{"policies": []any{}, "note": "x"}, false, []resource.ID{role, policy}},
		"one text and no list":       {arn, nil, false, []resource.ID{role, policy}},
		"the holder is put off":      {[]any{arn}, nil, true, nil},
		"the holder is as declared":  {[]any{arn}, resource.Attrs{"policies": []any{arn}, "note": "x"}, false, nil},
		"nobody holds it, who stays": {[]any{"arn:other"}, nil, true, []resource.ID{policy}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := plan.Input{Owned: had(test.held), Rules: rules(test.stays), Desired: resource.Set{}}
			other := resource.ID{Kind: "role", Scope: "global", Name: "other"}
			in.Desired[other] = resource.Resource{ID: other}
			in.Owned[other] = resource.Resource{ID: other}
			if test.desired != nil {
				in.Desired[role] = resource.Resource{ID: role, Attrs: test.desired}
			}
			difference, err := plan.Diff(in)
			if err != nil {
				t.Fatal(err)
			}
			var order []resource.ID
			for _, c := range difference.Changes {
				order = append(order, c.ID)
			}
			if !slices.Equal(order, test.order) {
				t.Errorf("have %v, want %v; deferred %v", order, test.order, difference.Deferred)
			}
			for _, c := range difference.Changes {
				if c.ID == policy && len(test.order) == 2 && !slices.Equal(c.Waits, []resource.ID{role}) {
					t.Errorf("waits for %v", c.Waits)
				}
			}
		})
	}
}

// AWS rewrites a key's policy when a role that it names is removed: the key's
// own change, planned from the policy as it was, comes before that, whatever was
// declared before. A policy that goes itself is not written any more.
func TestWhoIsNamedInADocumentGoesAfterItIsWritten(t *testing.T) {
	t.Parallel()
	role := resource.ID{Kind: "role", Scope: "global", Name: "a"}
	names := resource.Attrs{"document": map[string]any{"Statement": []any{map[string]any{"Principal": map[string]any{"AWS": []any{"arn:a"}}}}}}
	live := func(name string) resource.Resource {
		return resource.Resource{ID: resource.ID{Kind: "key", Scope: "global", Name: name}, Attrs: names}
	}
	step := func(_, _ *resource.Resource, _ []resource.Fact) ([]resource.Step, error) {
		return []resource.Step{{Op: "do"}}, nil
	}
	stays := live("stays")
	stays.Attrs = resource.Attrs{"document": map[string]any{}}
	set := func(list ...resource.Resource) resource.Set {
		s, err := resource.NewSet(list...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	difference, err := plan.Diff(plan.Input{
		Owned:   set(resource.Resource{ID: role, Outputs: resource.Outputs{"arn": "arn:a"}}, live("stays"), live("goes")),
		Desired: set(stays), Rules: map[string]plan.Rules{"role": {Steps: step}, "key": {Steps: step}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range difference.Changes {
		if c.ID == role && !slices.Equal(c.Waits, []resource.ID{stays.ID}) {
			t.Errorf("the role waits for %v, want %v", c.Waits, stays.ID)
		}
	}
	if len(difference.Changes) != 3 || len(difference.Deferred) > 0 {
		t.Errorf("changes %v, deferred %v", difference.Changes, difference.Deferred)
	}
}
