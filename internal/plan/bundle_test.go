package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// signedTogether is a world of three parameters that one Safe must write, and
// one that was proposed already.
func signedTogether(t *testing.T) plan.Input {
	t.Helper()
	var all []resource.Resource
	for _, name := range []string{"a", "b", "c", "waiting"} {
		all = append(all, resource.Resource{ID: resource.ID{Kind: "parameter", Scope: "fuji", Name: name}, Attrs: resource.Attrs{"value": name}})
	}
	return plan.Input{Desired: setOf(t, all...), Rules: map[string]plan.Rules{"parameter": {
		Steps: func(_, after *resource.Resource, _ []resource.Fact) ([]resource.Step, error) {
			if after.ID.Name == "waiting" {
				return nil, &resource.PendingError{Reason: "proposed as 0x12"}
			}
			call := map[string]any{"to": "0x01", "data": fmt.Sprint(after.Attrs["value"])}
			return []resource.Step{{Op: resource.Propose, ID: after.ID, Batch: "safe/fuji/0x01", Params: resource.Attrs{resource.CallsParam: []any{call}}}}, nil
		},
	}}}
}

func TestWhatOneSafeMustSignIsOneBatchThatEveryStepHolds(t *testing.T) {
	t.Parallel()
	in := signedTogether(t)
	p, err := plan.Decode(encoded(t, sealed(t, in, diff(t, in))))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 3 {
		t.Fatalf("changes are %v", names(p.Changes))
	}
	for _, c := range p.Changes {
		batch := fmt.Sprint(c.Steps[0].Params[resource.BatchParam])
		if want := "[map[data:a to:0x01] map[data:b to:0x01] map[data:c to:0x01]]"; batch != want {
			t.Errorf("%s: batch is %s, want %s", c.ID, batch, want)
		}
		if c.Action != plan.Propose {
			t.Errorf("%s: action is %s", c.ID, c.Action)
		}
	}
	if err := plan.Derive(p, in.Desired, in.Rules); err != nil {
		t.Errorf("derived again: %v", err)
	}
	p.Changes[1].Steps[0].Params[resource.BatchParam] = append(p.Changes[1].Steps[0].Params[resource.BatchParam].([]any), map[string]any{"to": "0x02"})
	var forged *plan.ForgedError
	if err := plan.Derive(p, in.Desired, in.Rules); !errors.As(err, &forged) || forged.ID.Name != "b" || !strings.Contains(err.Error(), "batch") {
		t.Errorf("one more call in a batch: %v", err)
	}
}

func TestWhatWasProposedIsPendingAndNotPlannedAgain(t *testing.T) {
	t.Parallel()
	d := diff(t, signedTogether(t))
	if len(d.Pending) != 1 || d.Pending[0].ID.Name != "waiting" || d.Pending[0].Reason != "proposed as 0x12" {
		t.Errorf("pending is %v", d.Pending)
	}
	cut, err := d.Only([]string{"parameter/fuji/waiting"})
	if err != nil || len(cut.Pending) != 1 || len(cut.Changes) != 0 {
		t.Errorf("cut to it: %v %v (%v)", cut.Pending, cut.Changes, err)
	}
	if cut, err = d.Only([]string{"parameter/fuji/a"}); err != nil || len(cut.Pending) != 0 {
		t.Errorf("cut to another: %v (%v)", cut.Pending, err)
	}
}

func TestARefusalOfItsOwnStopsNothingButItsDeferredChange(t *testing.T) {
	t.Parallel()
	id, other := resource.ID{Kind: "validator-set", Scope: "fuji", Name: "sepolia"}, resource.ID{Kind: "key", Scope: "r1", Name: "a"}
	own := resource.Finding{Rule: "not-enough-live", Severity: resource.Refuse, ID: id, Own: true}
	for name, c := range map[string]struct {
		plan plan.Plan
		want int
	}{
		"deferred":           {plan.Plan{Deferred: []plan.Deferred{{ID: id}}, Changes: []plan.Change{{ID: other}}, Findings: []resource.Finding{own}}, 0},
		"not deferred":       {plan.Plan{Findings: []resource.Finding{own}}, 1},
		"a change after all": {plan.Plan{Deferred: []plan.Deferred{{ID: id}}, Changes: []plan.Change{{ID: id}}, Findings: []resource.Finding{own}}, 1},
		"about everything": {plan.Plan{Deferred: []plan.Deferred{{ID: id}}, Findings: []resource.Finding{
			{Rule: "incident", Severity: resource.Refuse, ID: id}}}, 1},
	} {
		if have := len(c.plan.Refused()); have != c.want || !c.plan.Refuses() {
			t.Errorf("%s: %d findings stop it, want %d (refuses: %v)", name, have, c.want, c.plan.Refuses())
		}
	}
}
