package contract_test

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// ofSafe is a contract that a Safe owns, and the steps that write two of its parameters.
func (w *world) ofSafe(execute bool) (common.Address, *config.Environment, []resource.Step) {
	w.t.Helper()
	safe, err := contractstest.Safe(w.t.Context(), w.chain.Client(), keyOf("owner-0"), []common.Address{addressOf("owner-0")}, 1, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	knob := w.deploy("owner-0", "Knob")
	w.send("owner-0", knob, "transferOwnership(address)", safe)
	env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Managed: true, Owner: &config.Party{Safe: "gov"}, Parameters: []config.Parameter{
		limit("7"), updater(config.Want{Key: "updater-signer"}),
	}})
	env.Safes = []config.Safe{{Name: "gov", Network: fuji, Address: safe.Hex(), Managed: true, Owners: []config.Party{{Key: "owner-0"}}, Threshold: 1, Execute: execute}}
	if found := w.findings(env); len(found) > 0 {
		w.t.Errorf("found %v", found)
	}
	seen, id := w.observe(env), call.SafeID(fuji, "gov")
	facts := append(seen.Facts, resource.Fact{ID: id, Name: call.FactThreshold, Value: "1"}, call.HeldFact(id, []call.HeldKey{{Key: "owner-0", Address: addressOf("owner-0")}}))
	plans, later := w.steps(env, seen.Owned, facts)
	if len(plans["knob"]) != 1 {
		w.t.Fatalf("steps %v, later %v", plans, later)
	}
	// The plan joins what one Safe signs: here it is this step alone.
	plans["knob"][0].Params[resource.BatchParam] = plans["knob"][0].Params[resource.CallsParam]
	return knob, env, plans["knob"]
}

func TestASafeWhoseKeysAreHeldWritesAllInOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob, env, steps := w.ofSafe(true)
	if steps[0].Op != call.Execute {
		t.Fatalf("step %+v", steps[0])
	}
	if err := w.run(env, steps); err != nil {
		t.Fatal(err)
	}
	if one, other := w.read(knob, "limit()(uint256)"), w.read(knob, "updater()(address)"); one != "7" || other != addressOf("updater-signer").Hex() {
		t.Errorf("the contract holds %s and %s", one, other)
	}
	if again, later := w.plan(env); len(again)+len(later) > 0 {
		t.Errorf("a second plan: %v %v", again, later)
	}
}

func TestASafeOfOthersIsProposedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob, env, steps := w.ofSafe(false)
	if steps[0].Op != resource.Propose {
		t.Fatalf("step %+v", steps[0])
	}
	if err := w.run(env, steps); err != nil {
		t.Fatal(err)
	}
	if len(w.book.records) != 1 || len(w.book.records[0].Calls) != 2 || w.book.records[0].Calls[0].To != knob.Hex() {
		t.Errorf("proposals: %+v", w.book.records)
	}
	if have := w.read(knob, "limit()(uint256)"); have != "0" {
		t.Errorf("the contract holds %s", have)
	}
}
