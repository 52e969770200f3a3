package plan_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// TestAFreezeIsNoOtherDecision: a plan is approved before its window opens, and is
// the same plan when it is applied.
func TestAFreezeIsNoOtherDecision(t *testing.T) {
	t.Parallel()
	digests := func(findings ...resource.Finding) (changes, whole string) {
		p := &plan.Plan{Environment: "staging", Findings: findings}
		if err := p.Seal(nil); err != nil {
			t.Fatal(err)
		}
		return p.ChangesDigest, p.Digest
	}
	changes, whole := digests()
	for _, rule := range []string{plan.RuleFrozen, plan.RuleStopped, plan.RuleUnsigned} {
		noted, other := digests(resource.Finding{Rule: rule, Severity: resource.Note, Reason: "until tomorrow"})
		if noted != changes || other == whole {
			t.Errorf("a note of %s: changes digest %s, plan digest %s", rule, noted, other)
		}
		if refused, _ := digests(resource.Finding{Rule: rule, Severity: resource.Refuse}); refused == changes {
			t.Errorf("a refusal of %s is in no digest", rule)
		}
	}
	if noted, _ := digests(resource.Finding{Rule: "burn", Severity: resource.Note}); noted == changes {
		t.Error("a note about the world is in no digest")
	}
}
