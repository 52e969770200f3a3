package multisigsafe

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// steps changes owners and threshold by calls of the Safe to itself, in an order
// that never locks it.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case after == nil:
		return nil, fmt.Errorf("%s: a Safe is never removed", before.ID)
	case before == nil:
		return nil, &resource.DeferredError{Reason: "there is no Safe to change"}
	case after.Spec.Terms == nil:
		return nil, fmt.Errorf("%s: states no terms", after.ID)
	case len(after.Spec.Terms.Unpinned) > 0:
		return nil, &resource.DeferredError{Reason: "waits for pins of " + strings.Join(after.Spec.Terms.Unpinned, ", ")}
	}
	var want []common.Address
	for _, o := range after.Spec.Owners {
		if !o.Known() {
			return nil, &resource.DeferredError{Reason: "waits for " + o.String()}
		}
		want = append(want, common.HexToAddress(o.Literal))
	}
	var have []common.Address
	for _, o := range before.Spec.Order {
		have = append(have, common.HexToAddress(o))
	}
	address := common.HexToAddress(after.Spec.Terms.Address)
	calls, err := safe.OwnerChanges(have, before.Spec.Threshold, want, after.Spec.Threshold, address)
	if err != nil {
		return nil, &resource.DeferredError{Reason: err.Error()}
	}
	return call.Steps(call.Job{
		ID: after.ID, Terms: after.Spec.Terms.Terms, Calls: calls, Op: owners,
		Pre: []resource.Precondition{{ID: after.ID, Path: "threshold", Op: resource.Equals, Value: fmt.Sprint(before.Spec.Threshold)}},
	}, facts)
}
