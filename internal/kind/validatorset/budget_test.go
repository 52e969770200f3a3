package validatorset_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

// TestADestinationOfTwentyModulesIsReadInFewRequests counts HTTP requests to one
// network that is destination and origin at once: upstream's shape, 21 modules for
// six origins.
func TestADestinationOfTwentyModulesIsReadInFewRequests(t *testing.T) {
	t.Parallel()
	networks := []string{"alpha", "beta", "delta", "epsilon", "eta", "fuji", "gamma"}
	s := start(t, validatorstest.Options{Networks: networks, Shape: contractstest.ShapeAggregation, Type: contractstest.Either})
	declare := func(threshold int, members ...string) {
		for _, origin := range networks {
			s.Declare(origin, threshold, members...).Type = config.Either
		}
	}
	count := func(most int, what string) {
		t.Helper()
		before := s.Requests("fuji")
		p := s.plan()
		have := s.Requests("fuji") - before
		if len(p.unread) > 0 {
			t.Fatal(p.seen.Unread)
		}
		if have > most {
			t.Errorf("%s: %d requests to one network, at most %d", what, have, most)
		}
		t.Logf("%s: %d requests, %d changes", what, have, len(p.steps))
	}
	for _, origin := range networks {
		s.Announce(origin, "validator-0")
	}
	declare(1, "validator-0")
	count(7, "nothing differs") // the head, five levels of modules, the tip
	for _, origin := range networks {
		s.Announce(origin, "validator-1", "validator-2")
	}
	declare(2, three...)
	count(8, "everything differs") // and what a transaction costs
}
