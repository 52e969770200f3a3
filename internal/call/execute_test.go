package call_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func executing(s *config.Safe) { s.Execute = true }

func TestWithEnoughOwnerKeysAChangeIsExecutedWholeAndOnlyItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(executing)
	env := environment(s)
	at, jobs := w.bySafe(env, s)
	jobs[0].Calls = append(jobs[0].Calls, jobs[1].Calls...)
	facts := w.allFacts(env, s, "owner-0", "owner-1")
	steps := plan(t, jobs[0], facts, call.Deploy, call.Execute)
	if steps[1].Batch != "" {
		t.Error("what one change executes is joined with another's, whose preconditions nobody asked")
	}
	if steps[1].Lane != steps[0].Lane {
		t.Errorf("lanes %q and %q of one sender", steps[0].Lane, steps[1].Lane)
	}
	w.do(env, steps[0])
	outputs := w.do(env, steps[1])
	for _, domain := range []uint32{origin, 8} {
		if have := w.read(at.RoutingISM, "module(uint32)(address)", domain); have != jobs[0].Makes[0].Address {
			t.Errorf("origin %d has the module %s, want %s", domain, have, jobs[0].Makes[0].Address)
		}
	}
	if w.nonceOf(s) != 1 || outputs["safeTxHash"] == "" {
		t.Errorf("the Safe's nonce is %d, outputs %v", w.nonceOf(s), outputs)
	}
}

func TestWithFewerKeysThanTheThresholdItIsProposed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(executing)
	env := environment(s)
	_, jobs := w.bySafe(env, s)
	plan(t, jobs[1], w.allFacts(env, s, "owner-0"), resource.Propose)
	plan(t, jobs[1], w.allFacts(env, s), resource.Propose)
	s.Execute = false
	plan(t, jobs[1], w.allFacts(environment(s), s, "owner-0", "owner-1"), resource.Propose)
}

func TestOnlyOwnersSignForASafeThatMayBeExecuted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(executing)
	env := environment(s)
	_, jobs := w.bySafe(env, s)
	step := plan(t, jobs[1], w.allFacts(env, s, "owner-0", "owner-1"), call.Execute)[0]
	watched := s
	watched.Execute = false
	one, bank, other := "owner-0="+addressOf("owner-0").Hex(), "bank="+addressOf("bank").Hex(), "delegate="+addressOf("delegate").Hex()
	for words, c := range map[string]struct {
		env     *config.Environment
		signers []any
	}{
		"execute is not declared":       {environment(watched), step.Params["signers"].([]any)},
		"needs 2 signatures":            {env, []any{one}},
		`no key "bank" of use owner`:    {env, []any{one, bank}},
		"is no owner of the Safe":       {env, []any{one, other}},
		"declares no Safe governance":   {environment(), step.Params["signers"].([]any)},
		`no key "stranger" of use owne`: {env, []any{one, "stranger=" + addressOf("stranger").Hex()}},
	} {
		bad := step
		bad.Params = step.Params.Clone()
		bad.Params["signers"] = c.signers
		_, err := w.maker.Prepare(t.Context(), resolved(c.env, bad))
		refused(t, err, words)
	}
}

func TestASafesTransactionThatFailsInsideIsRefusedUnsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(executing)
	env := environment(s)
	at := w.hyperlane(addressOf("somebody")) // and not the Safe
	job := call.Job{ID: ismID("sepolia"), Terms: terms(env), Calls: []evm.Call{repoint(at, addressOf("old"))}, Op: "set", Gas: 200_000}
	step := plan(t, job, w.allFacts(env, s, "owner-0", "owner-1"), call.Execute)[0]
	_, err := w.maker.Prepare(t.Context(), resolved(env, step))
	refused(t, err, "would revert", "GS013")
}

func TestAnExecutionIsKnownByWhatItDoesWhoeverSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(executing)
	env := environment(s)
	at, jobs := w.bySafe(env, s)
	jobs[1].Calls = []evm.Call{evm.MustMethod("set(uint32,address)").Call(at.RoutingISM, uint32(8), at.OriginISMs[origin])}
	step := plan(t, jobs[1], w.allFacts(env, s, "owner-0", "owner-1"), call.Execute)[0]
	r := resolved(env, step)
	first, err := w.maker.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	stuck := w.forge(first, func(tx *chain.Transaction) { tx.Fees.Tip = big.NewInt(2) })
	r.Earlier = []kind.Prepared{stuck}
	// Between the two, another transaction of the Safe was executed: the second one
	// has another safeTxHash, and only one of them is ever mined.
	raise := contractstest.SafeTransaction{Call: evm.Call{To: addressOf("nobody")}}
	if _, err := contractstest.ExecuteSafe(t.Context(), w.chain.Client(), keyOf("deployer"), common.HexToAddress(s.Address), raise, keyOf("owner-0"), keyOf("owner-1")); err != nil {
		t.Fatal(err)
	}
	second, err := w.maker.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if hashOf(t, first) == hashOf(t, second) {
		t.Fatal("the Safe's nonce moved, its hash did not")
	}
	outputs, err := w.maker.Do(t.Context(), r, second)
	if err != nil || outputs["safeTxHash"] != hashOf(t, second) {
		t.Fatal(outputs, err)
	}
	happened, outputs, err := w.maker.Probe(t.Context(), r, []kind.Prepared{second, stuck})
	if happened != kind.Yes || err != nil || outputs["safeTxHash"] != hashOf(t, second) {
		t.Errorf("%s, %v, %v: the one that was mined is the second", happened, outputs, err)
	}
	evil := w.forge(second, func(tx *chain.Transaction) { tx.Data[40] ^= 1 })
	_, err = w.maker.Do(t.Context(), resolved(env, step), evil)
	refused(t, err, "not this step's")
}

func hashOf(t *testing.T, prepared kind.Prepared) string {
	t.Helper()
	var record struct{ SafeTxHash string }
	if err := json.Unmarshal(prepared, &record); err != nil {
		t.Fatal(err)
	}
	return record.SafeTxHash
}
