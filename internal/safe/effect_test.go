package safe_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

var (
	self = common.HexToAddress("0x5a00000000000000000000000000000000000000")
	ism  = common.HexToAddress("0x1500000000000000000000000000000000000000")
	mate = common.HexToAddress("0x0a00000000000000000000000000000000000000")
)

func names(a common.Address) string {
	return map[common.Address]string{self: "safe ops", ism: "routing ISM", mate: "alice"}[a]
}

const (
	selfText = "0x5a00000000000000000000000000000000000000 (safe ops)"
	ismText  = "0x1500000000000000000000000000000000000000 (routing ISM)"
	mateText = "0x0a00000000000000000000000000000000000000 (alice)"
)

func callOf(to common.Address, signature string, args ...any) evm.Call {
	return evm.MustMethod(signature).Call(to, args...)
}

func execution(to common.Address, tx safe.Tx) evm.Call {
	c, err := safe.Exec(to, tx, []byte{1})
	if err != nil {
		panic(err)
	}
	return c
}

func TestEachEffectIsToldWithItsDanger(t *testing.T) {
	t.Parallel()
	one, other := big.NewInt(1), common.Address{0xee}
	sentinel := safe.Sentinel()
	for _, c := range []struct {
		call         evm.Call
		text, danger string
	}{
		{callOf(self, "addOwnerWithThreshold(address,uint256)", mate, big.NewInt(3)), selfText + ": add owner " + mateText + ", threshold 3", "owner"},
		{callOf(self, "removeOwner(address,address,uint256)", sentinel, mate, one), ": remove owner " + mateText + ", threshold 1", "owner"},
		{callOf(self, "swapOwner(address,address,address)", sentinel, mate, other), ": replace owner " + mateText + " by " + other.Hex(), "owner"},
		{callOf(self, "changeThreshold(uint256)", one), ": threshold 1", "owner"},
		{callOf(self, "enableModule(address)", other), ": enable module " + other.Hex() + ", which may then act without any owner", "module"},
		{callOf(self, "disableModule(address,address)", sentinel, other), ": disable module " + other.Hex(), "module"},
		{callOf(self, "setGuard(address)", common.Address{}), ": set the guard to none (the zero address)", "guard"},
		{callOf(self, "setModuleGuard(address)", other), ": set the guard of modules to", "guard"},
		{callOf(self, "setFallbackHandler(address)", other), ": set the fallback handler to " + other.Hex(), "fallback handler"},
		{callOf(ism, "transferOwnership(address)", mate), ismText + ": transfer ownership to " + mateText, "ownership"},
		{callOf(ism, "renounceOwnership()"), "renounce ownership", "ownership"},
		{callOf(ism, "acceptOwnership()"), "accept ownership", "ownership"},
		{callOf(ism, "upgradeTo(address)", other), "upgrade to " + other.Hex(), "upgrade"},
		{callOf(ism, "upgradeToAndCall(address,bytes)", other, []byte{1, 2, 3, 4, 5}), "; and calls it with unknown method 0x01020304 (5 bytes)", "upgrade"},
		{callOf(mate, "upgrade(address,address)", ism, other), "upgrade proxy " + ismText + " to " + other.Hex(), "upgrade"},
		{callOf(mate, "upgradeAndCall(address,address,bytes)", ism, other, []byte{}), "; and calls it with no data", "upgrade"},
		{callOf(mate, "changeAdmin(address)", other), "change the proxy's admin to", "upgrade, ownership"},
		{callOf(ism, "set(uint32,address)", uint32(43113), other), "set the ISM of domain 43113 to " + other.Hex(), ""},
		{callOf(ism, "remove(uint32)", uint32(5)), "remove the ISM of domain 5", ""},
		{callOf(ism, "removeIsms(uint32[])", []uint32{5, 6}), "remove the ISMs of domains [5, 6]", ""},
		{callOf(ism, "setValidatorsAndThreshold(address[],uint8)", []common.Address{mate, other}, uint8(2)), "set validators [" + mateText + ", " + other.Hex() + "], threshold 2", ""},
		{callOf(ism, "setDefaultIsm(address)", other), "set the default ISM to", ""},
		{callOf(ism, "setDefaultHook(address)", other), "set the default hook to", ""},
		{callOf(ism, "setRequiredHook(address)", other), "set the required hook to", ""},
		{callOf(ism, "pause()"), ismText + ": pause", ""},
		{callOf(ism, "unpause()"), ismText + ": unpause", ""},
		{callOf(other, "transfer(address,uint256)", mate, big.NewInt(77)), ": transfer 77 of the token to " + mateText, "token"},
		{callOf(other, "approve(address,uint256)", mate, big.NewInt(77)), ": let " + mateText + " spend 77 of the token", "token"},
		{callOf(other, "transferFrom(address,address,uint256)", self, mate, one), "transfer 1 of the token from " + selfText + " to " + mateText, "token"},
		{evm.Call{To: mate, Value: big.NewInt(5)}, "send 5 wei to " + mateText, "value"},
		{evm.Call{To: ism, Value: big.NewInt(5), Data: callOf(ism, "pause()").Data}, ": pause, with 5 wei", "value"},
		{evm.Call{To: ism, Data: []byte{1, 2, 3, 4, 5}}, ismText + ": unknown method 0x01020304 (5 bytes)", ""},
		{evm.Call{To: ism, Data: []byte{1, 2, 3}}, ismText + ": unknown data 0x010203 (3 bytes)", ""},
		// A contract reads calldata that is spelled oddly, so its danger stays.
		{evm.Call{To: self, Data: append(callOf(self, "enableModule(address)", other).Data, 0)}, "enableModule(address) with arguments that are not spelled as usual (37 bytes)", "module"},
		{evm.Call{To: self, Data: callOf(self, "setGuard(address)", other).Data[:20]}, "not spelled as usual", "guard"},
		{evm.Call{To: self, Data: append(execution(self, safe.Tx{}).Data, 0)}, "not spelled as usual", "delegatecall"},
		// Another Safe is told with what it would do.
		{execution(mate, safe.Tx{To: mate, Data: callOf(mate, "enableModule(address)", other).Data}), mateText + ": execute; " + mateText + ": enable module", "module"},
		{execution(mate, safe.Tx{To: ism, Operation: 1, Data: []byte{1, 2, 3, 4}}), "delegatecall to " + ismText, "delegatecall"},
		{execution(mate, safe.Tx{To: ism, Value: one, GasPrice: one}), "pays whoever executes it: gasPrice 1; send 1 wei to", "value"},
		{evm.Call{To: multiSend, Data: packed(entry(0, ism, 4, callOf(ism, "pause()").Data), entry(0, mate, 0, nil))}, ": make calls in its own name, not in the owner's; " + ismText + ": pause; send 0 wei to " + mateText, ""},
		{evm.Call{To: multiSend, Data: packed(entry(1, ism, 4, callOf(ism, "pause()").Data))}, "operation 1 (delegatecall)", "delegatecall"},
	} {
		e := safe.EffectOf(c.call, names)
		if !strings.Contains(e.Text, c.text) || e.Danger != c.danger {
			t.Errorf("have %q, danger %q\nneed %q, danger %q", e.Text, e.Danger, c.text, c.danger)
		}
		if safe.EffectOf(c.call, nil).Danger != c.danger {
			t.Errorf("%q: names change the danger", e.Text)
		}
	}
}

func TestATransactionIsToldCallByCallAndWithWhatIsOdd(t *testing.T) {
	t.Parallel()
	other := common.Address{0xee}
	batch, err := safe.Batch(multiSend, []evm.Call{callOf(ism, "set(uint32,address)", uint32(1), other), callOf(self, "enableModule(address)", other)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	refunded := batch
	refunded.GasPrice = big.NewInt(9)
	module := callOf(self, "setup()").Data
	for name, c := range map[string]struct {
		tx   safe.Tx
		want []safe.Effect
	}{
		"batch":                       {batch, []safe.Effect{{ismText + ": set the ISM of domain 1 to", ""}, {selfText + ": enable module", "module"}}},
		"refunded":                    {refunded, []safe.Effect{{"pays whoever executes it: gasPrice 9", "value"}, {ismText, ""}, {selfText, "module"}}},
		"delegated":                   {safe.Tx{To: ism, Operation: 1, Data: []byte{9, 9, 9, 9}}, []safe.Effect{{"operation is 1 (delegatecall) to " + ism.Hex() + "; unknown method 0x09090909 (4 bytes)", "delegatecall"}}},
		"impossible":                  {safe.Tx{To: ism, Operation: 7}, []safe.Effect{{"operation is 7, which no Safe knows; no data", "delegatecall"}}},
		"spoilt batch":                {safe.Tx{To: multiSend, Operation: 1, Data: batch.Data[:70]}, []safe.Effect{{"its data is no multiSend(bytes)", "delegatecall"}}},
		"cancel":                      {safe.Tx{To: self, Nonce: 3}, []safe.Effect{{"nothing: it only uses up nonce 3", ""}}},
		"unknown, of the Safe itself": {safe.Tx{To: self, Data: module}, []safe.Effect{{selfText + ": unknown method 0x", "the safe itself"}}},
		// MultiSendCallOnly 1.5.0 takes the zero address for the Safe itself.
		"hidden": {safe.Tx{To: multiSend, Operation: 1, Data: packed(entry(0, common.Address{}, 4, module))}, []safe.Effect{{selfText + ": unknown method 0x", "the safe itself"}}},
	} {
		have := safe.EffectsOf(self, multiSend, c.tx, names)
		if len(have) != len(c.want) {
			t.Errorf("%s: %+v", name, have)
			continue
		}
		for i, e := range have {
			if !strings.Contains(e.Text, c.want[i].Text) || e.Danger != c.want[i].Danger {
				t.Errorf("%s: have %+v, need %+v", name, e, c.want[i])
			}
		}
	}
}

func TestALongListIsCutAndItsDangerIsNot(t *testing.T) {
	t.Parallel()
	var calls []evm.Call
	for range 30 {
		calls = append(calls, callOf(ism, "pause()"))
	}
	calls = append(calls, callOf(mate, "enableModule(address)", common.Address{0xee}))
	tx, err := safe.Batch(multiSend, calls, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := safe.EffectOf(execution(mate, tx), names)
	if !strings.Contains(e.Text, "; 11 more calls") || strings.Count(e.Text, "pause") != 20 || e.Danger != "delegatecall, module" {
		t.Errorf("%+v", e)
	}
	// Executions within executions end somewhere, and never as harmless.
	deep := callOf(ism, "pause()")
	for range 12 {
		deep = execution(mate, safe.Tx{To: deep.To, Data: deep.Data})
	}
	if e := safe.EffectOf(deep, names); !strings.Contains(e.Text, "lies too deep") || e.Danger != "delegatecall" {
		t.Errorf("%+v", e)
	}
	var many []common.Address
	for i := range 500 {
		many = append(many, common.Address{byte(i >> 8), byte(i)})
	}
	if e := safe.EffectOf(callOf(ism, "setValidatorsAndThreshold(address[],uint8)", many, uint8(1)), names); !strings.Contains(e.Text, " and 480 more]") || len(e.Text) > 2000 {
		t.Errorf("%d characters", len(e.Text))
	}
}
