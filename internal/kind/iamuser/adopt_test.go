package iamuser_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The journal is the inventory of what may be removed one day: an adoption says
// which object it took over, and a mere tag does not.
func TestAnAdoptionSaysWhomItTookOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	b.foreign(t)
	b.env.Access.Users[0].Path, b.env.Access.Users[0].Adopt = "/", true
	steps, _ := b.plan(zero)
	if made := b.do(steps...); made["arn"] != b.live(zero).Outputs["arn"] || made["arn"] == "" {
		t.Errorf("the adoption gives %v", made)
	}
	tag := resource.Step{Op: "tag-user", ID: steps[0].ID, Params: resource.Attrs{"name": zero, "tags": map[string]any{"agent": "relayer"}}}
	if made := b.do(tag); len(made) > 0 || steps[0].Op != kind.AdoptOp {
		t.Errorf("a tag gives %v", made)
	}
}
