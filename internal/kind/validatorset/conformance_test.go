package validatorset_test

import (
	"encoding/hex"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/kind/validatorset"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

func TestConformanceOnGeth(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, kindtest.Harness{Recode: kindtest.Recode[validatorset.Spec], New: bridge})
}

// bridge is two networks that trust each other by 1 of 1, and shall by 2 of 3.
func bridge(t *testing.T) *kindtest.World {
	s := start(t, validatorstest.Options{})
	for _, origin := range []string{"fuji", "sepolia"} {
		s.Declare(origin, 2, three...)
		s.Announce(origin, three...)
	}
	both := func(fault func(*validatorstest.Proxy, validatorstest.Fault)) func(*testing.T, kindtest.Fault) func() {
		return func(_ *testing.T, f kindtest.Fault) func() {
			set := func(f kindtest.Fault) {
				for _, p := range s.Proxies {
					fault(p, validatorstest.Fault(f))
				}
			}
			set(f)
			return func() { set("") }
		}
	}
	back := func(*testing.T) {
		sepolia, _ := s.Env.Network("sepolia")
		at := s.Contracts["fuji"]
		s.Send("fuji", "owner", evm.MustMethod("set(uint32,address)").Call(at.RoutingISM, sepolia.DomainID, at.OriginISMs[sepolia.DomainID]))
	}
	gone := func(*testing.T) {
		fuji, _ := s.Env.Network("fuji")
		s.Send("sepolia", "owner", evm.MustMethod("remove(uint32)").Call(s.Contracts["sepolia"].RoutingISM, fuji.DomainID))
	}
	return &kindtest.World{
		Kind: s.kind, Environment: s.Env, Lookup: s.Lookup,
		Effects: func(t *testing.T) int {
			sum := 0
			for _, c := range s.Chains {
				nonce, err := c.Client().NonceAt(t.Context(), validatorstest.Address("owner"), nil)
				if err != nil {
					t.Fatal(err)
				}
				sum += int(nonce)
			}
			return sum
		},
		Drift:  map[string]func(*testing.T){"an owner goes back to the old module": back, "an owner takes a route away": gone},
		Reads:  both((*validatorstest.Proxy).BreakReads),
		Writes: both((*validatorstest.Proxy).BreakWrites),
		Canaries: func() []string {
			var secrets []string
			for _, k := range s.Env.Keys {
				secrets = append(secrets, hex.EncodeToString(crypto.FromECDSA(validatorstest.Key(k.Name))))
			}
			return secrets
		},
	}
}
