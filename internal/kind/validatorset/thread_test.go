package validatorset_test

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

var three = []string{"validator-0", "validator-1", "validator-2"}

func TestEveryDestinationComesFromOneOfOneToTwoOfThreeAndTheSecondPlanIsEmpty(t *testing.T) {
	t.Parallel()
	for name, start := range chaintest.Backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread(t, start)
		})
	}
}

func thread(t *testing.T, on chaintest.Starter) {
	networks := []string{"fuji", "sepolia", "amoy"}
	s := start(t, validatorstest.Options{Networks: networks, Start: on})
	for _, origin := range networks {
		s.Declare(origin, 2, three...)
		s.Announce(origin, three...)
	}
	first := s.plan()
	if len(first.steps) != 6 || len(first.unread) > 0 || len(first.deferred) > 0 {
		t.Fatalf("%d changes, unread %v, deferred %v", len(first.steps), first.unread, first.deferred)
	}
	for name, steps := range first.steps {
		if len(steps) != 2 || steps[0].Op != "deploy" || steps[1].Op != "set" || steps[0].Lane != steps[1].Lane || len(steps[1].Pre) != 1 {
			t.Errorf("%s: %+v", name, steps)
		}
	}
	predicted := map[string]string{}
	for name, steps := range first.steps {
		predicted[name], _ = steps[0].Params["creates"].(string)
	}
	s.apply(first)
	for _, destination := range networks {
		for _, origin := range networks {
			if destination == origin {
				continue
			}
			if have, want := s.route(destination, origin), common.HexToAddress(predicted[destination+"/"+origin]); have != want || have == (common.Address{}) {
				t.Errorf("%s asks %s for messages of %s, predicted %s", destination, have, origin, want)
			}
		}
	}
	second := s.plan()
	if len(second.same) != 6 || len(second.steps) > 0 || len(second.unread) > 0 {
		t.Errorf("the second plan: same %v, steps %v, unread %v", second.same, second.steps, second.unread)
	}
	for _, f := range second.findings {
		t.Errorf("finding: %+v", f)
	}
}
