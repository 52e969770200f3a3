package contract_test

import (
	"math/big"
	"reflect"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// everywhere are the backends, and a chain without base fee, where a transaction is
// of type 0.
func everywhere() map[string]chaintest.Starter {
	all := chaintest.Backends()
	all["legacy"] = chaintest.OnAnvil("berlin")
	return all
}

func TestParametersAreWrittenOnEveryKindOfChain(t *testing.T) {
	t.Parallel()
	for name, start := range everywhere() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, start)
			knob := w.deploy("owner-0", "Knob")
			env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Managed: true, Parameters: []config.Parameter{
				limit("7"), updater(config.Want{Key: "updater-signer"}),
			}})
			plans, later := w.plan(env)
			if len(plans["knob"]) != 2 || len(later) > 0 {
				t.Fatalf("%+v, %v", plans, later)
			}
			if err := w.run(env, plans["knob"]); err != nil {
				t.Fatal(err)
			}
			if have := w.read(knob, "limit()(uint256)"); have != "7" {
				t.Errorf("the limit is %s", have)
			}
			if have := w.read(knob, "updater()(address)"); have != addressOf("updater-signer").Hex() {
				t.Errorf("the updater is %s", have)
			}
			if plans, _ := w.plan(env); len(plans) > 0 {
				t.Errorf("the second plan: %+v", plans)
			}
			w.sentAsType(map[bool]uint8{true: types.LegacyTxType, false: types.DynamicFeeTxType}[name == "legacy"])
		})
	}
}

// sentAsType holds the last transaction of owner-0 against a type.
func (w *world) sentAsType(want uint8) {
	w.t.Helper()
	head, err := w.chain.Client().BlockNumber(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for number := head; number > 0; number-- {
		block, err := w.chain.Client().BlockByNumber(w.t.Context(), new(big.Int).SetUint64(number))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, tx := range block.Transactions() {
			if tx.Type() != want {
				w.t.Errorf("%s is of type %d, want %d", tx.Hash(), tx.Type(), want)
			}
			return
		}
	}
	w.t.Error("no transaction was mined")
}

func TestTheFaultsOfNomadAreNamedOnEveryKindOfChain(t *testing.T) {
	t.Parallel()
	for name, start := range everywhere() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, start)
			at := w.nomad(func(o *contractstest.NomadOptions) { o.CommittedRoot = common.Hash{} })
			if have, want := rules(w.findings(w.nomadEnvironment(at))), []string{
				"refuse invariant-confirmat replica", "refuse invariant-manager router", "refuse invariant-timelock router", "refuse invariant-zeroroot replica",
			}; !reflect.DeepEqual(have, want) {
				t.Errorf("found %v\nwant  %v", have, want)
			}
		})
	}
}
