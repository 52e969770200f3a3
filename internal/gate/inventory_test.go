package gate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAForgedMarkAimsNoRemoval(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:iam::111122223333:user/reconcile/staging/old"
	remove := func(action plan.Action, outputs resource.Outputs) plan.Change {
		c := change("old", action, "disable-key")
		c.Before = &plan.State{Outputs: outputs}
		return c
	}
	for name, c := range map[string]struct {
		change plan.Change
		made   map[string]bool
		want   []string
	}{
		"an object that the journal never heard of":  {remove(plan.Delete, resource.Outputs{"arn": arn}), nil, []string{"refuse not-in-inventory kms-key/us-west-2/old"}},
		"another object of the same name":            {remove(plan.Delete, resource.Outputs{"arn": arn}), map[string]bool{arn + "er": true}, []string{"refuse not-in-inventory kms-key/us-west-2/old"}},
		"an object that an earlier apply made":       {remove(plan.Delete, resource.Outputs{"arn": arn}), map[string]bool{arn: true}, nil},
		"a thing that has no ARN, such as a balance": {remove(plan.Delete, nil), nil, nil},
		"an update takes nothing away":               {remove(plan.Update, resource.Outputs{"arn": arn}), nil, nil},
	} {
		in := calm(c.change)
		in.Ledger.Made = c.made
		var got []string
		for _, line := range said(gate.Check(in).Findings) {
			if line == "refuse not-in-inventory kms-key/us-west-2/old" {
				got = append(got, line)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}
