package main

import (
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestCalldataIsToldInTheEnvironmentsOwnWords(t *testing.T) {
	t.Parallel()
	home, mate := common.HexToAddress("0x1500000000000000000000000000000000000001"), common.HexToAddress("0x0a00000000000000000000000000000000000002")
	env := &config.Environment{
		Contracts:  []config.Contract{{Name: "home", Network: "fuji", Address: home.Hex()}},
		Governance: config.Governance{Calls: map[string]resource.Risk{"setUpdater(address)": resource.Sensitive}},
	}
	explain := explainer(env)
	for want, c := range map[string]evm.Call{
		" (home): setUpdater(" + mate.Hex() + ")":                          evm.MustMethod("setUpdater(address)").Call(home, mate),
		" (home): deploy([" + mate.Hex() + "], 1)":                         evm.MustMethod("deploy(address[],uint8)").Call(home, []common.Address{mate}, uint8(1)),
		" (home): set the ISM of domain 5 to " + mate.Hex():                evm.MustMethod("set(uint32,address)").Call(home, uint32(5), mate),
		" (home): unknown method 0x":                                       evm.MustMethod("mystery(address)").Call(home, mate),
		" (home): transfer ownership to " + mate.Hex() + "; danger: owner": evm.MustMethod("transferOwnership(address)").Call(home, mate),
	} {
		w := c.Wire()
		if got := explain("fuji", w.To, w.Data); !strings.HasPrefix(got, home.Hex()+want) {
			t.Errorf("told as %q, want %q", got, home.Hex()+want)
		}
		if got := explain("sepolia", w.To, w.Data); strings.Contains(got, "home") {
			t.Errorf("another network's name is used: %q", got)
		}
		if got := explain("fuji", w.To, w.Data+"0"); got != "" {
			t.Errorf("what is no calldata is told as %q", got)
		}
	}
	// Data that only begins like a listed method is not spelled as one.
	w := evm.MustMethod("setUpdater(address)").Call(home, mate).Wire()
	if got := explain("fuji", w.To, w.Data+"00"); !strings.Contains(got, "unknown method") {
		t.Errorf("odd calldata is told as %q", got)
	}
	if explainer(nil) != nil {
		t.Error("without a configuration nothing can be explained")
	}
}
