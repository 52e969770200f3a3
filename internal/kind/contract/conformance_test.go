package contract_test

import (
	"math/big"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind/contract"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
)

func TestConformsOnAGethChain(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, kindtest.Harness{Recode: kindtest.Recode[contract.Spec], New: func(t *testing.T) *kindtest.World {
		w := newWorld(t)
		one, other := w.deploy("owner-0", "Knob"), w.deploy("owner-0", "Knob")
		env := environment(
			config.Contract{Name: "one", Address: one.Hex(), Managed: true, Parameters: []config.Parameter{limit("7"), updater(config.Want{Key: "updater-signer"})}},
			config.Contract{Name: "other", Address: other.Hex(), Managed: true, Parameters: []config.Parameter{route("5", one.Hex())}},
		)
		return &kindtest.World{
			Kind: w.kind, Environment: env, Lookup: lookup, Canaries: canaries,
			Effects: func(t *testing.T) int {
				nonce, err := w.chain.Client().NonceAt(t.Context(), addressOf("owner-0"), nil)
				if err != nil {
					t.Fatal(err)
				}
				return int(nonce)
			},
			Reads: w.wire.breaking(&w.wire.reads), Writes: w.wire.breaking(&w.wire.writes),
			Drift: map[string]func(t *testing.T){
				"a limit is raised": func(*testing.T) { w.send("owner-0", one, "setLimit(uint256)", big.NewInt(900)) },
				"a route leads to nowhere": func(*testing.T) {
					w.send("owner-0", other, "setRoute(uint32,address)", uint32(5), addressOf("somebody"))
				},
			},
		}
	}})
}
