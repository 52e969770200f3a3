package view_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/view"
)

func chainStories() []story {
	parts := []string{"width-80.txt", "width-120.txt", "build-log.txt", "verbose.txt", "comment.md"}
	decoded := func(o *view.Options) { o.Explain, o.Next = explain, "reconcile approve staging.plan.json" }
	told := func(o *view.Options) { o.Explain = explain }
	return []story{
		{name: "a threshold is raised on seven networks and a Safe decides on one of them", plan: thresholdPlan(), options: decoded, parts: parts},
		{name: "a member is replaced and a destination that lags behind stands alone", plan: rotationPlan(), options: decoded, parts: parts},
		{name: "a rotation to a member that does not sign is refused with have and need", plan: unprovenPlan(), options: told, parts: parts},
		{name: "what was proposed waits for its Safe and says what to type", plan: pendingSetPlan(), options: told, parts: parts},
		{name: "a contract gets another updater and breaks what must hold", plan: parameterPlan(), options: told, parts: parts},
		{name: "a Safe gets another owner and its calls are one transaction", plan: ownersPlan(), options: decoded, parts: parts},
		{name: "what a timelock owns is printed for whoever can call it", plan: timelockPlan(), options: told, parts: parts},
	}
}

func TestChangesOfContractsReadAsTheirGoldensSay(t *testing.T) {
	t.Parallel()
	for _, s := range chainStories() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			seal(t, s.plan)
			golden(t, s.name, s.render(t))
		})
	}
}
