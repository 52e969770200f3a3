package call_test

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// A data fee is asked for a plain transfer; what is sent is longer.
func TestTheDataFeeThatAPlanMaySpendGrowsWithTheCalldata(t *testing.T) {
	t.Parallel()
	id := resource.ID{Kind: "validator-set", Scope: "base", Name: "fuji"}
	owner := call.Owner{Sort: call.Held, Address: common.Address{1}, Name: "owner"}
	fee := func(calldata int) string {
		facts := append(call.Fees(id, big.NewInt(1), big.NewInt(1<<20)), resource.Fact{ID: id, Name: call.FactOwner, Value: owner.String()})
		steps, err := call.Steps(call.Job{
			ID: id, Terms: call.Terms{Network: "base"}, Op: "set", Gas: 1000,
			Calls: []evm.Call{{To: common.Address{2}, Data: make([]byte, calldata)}},
		}, facts)
		if err != nil || len(steps) != 1 || steps[0].Spend == nil {
			t.Fatalf("%v (%v)", steps, err)
		}
		return steps[0].Spend.Fee
	}
	// 1,000 gas at 1 wei, and 2^20 wei per 100 bytes of 150 and the calldata.
	if have := fee(50); have != "2098152" {
		t.Errorf("50 bytes: %s, want 2098152", have)
	}
	if have := fee(1050); have != "12583912" {
		t.Errorf("1,050 bytes: %s, want 12583912", have)
	}
}
