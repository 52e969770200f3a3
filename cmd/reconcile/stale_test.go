package main

import (
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAProposalIsStaleWhenOneOfItsCallsIsNoLongerNeeded(t *testing.T) {
	t.Parallel()
	mailbox := common.HexToAddress("0x00000000000000000000000000000000000000aa")
	env := &config.Environment{
		Name: "staging", Networks: []config.Network{{Name: "fuji", ChainID: 43113}},
		Safes:      []config.Safe{{Name: "governance", Network: "fuji", Address: "0x00000000000000000000000000000000000000BB"}},
		Deployment: &config.Deployment{Networks: map[string]map[string]config.Deployed{"fuji": {"mailbox": {Address: mailbox.Hex()}}}},
	}
	id := call.SafeID("fuji", "governance")
	setTo := func(n byte) evm.Wire {
		return evm.MustMethod("setDefaultIsm(address)").Call(mailbox, common.Address{n}).Wire()
	}
	a, b, c := setTo(1), setTo(2), setTo(3)
	waits := func(nonce uint64, calls ...evm.Wire) call.Proposed {
		return call.Proposed{Hash: common.Hash{byte(nonce) + 1}, Nonce: nonce, Calls: calls}
	}
	for name, test := range map[string]struct {
		waiting         []call.Proposed
		needed, planned []evm.Wire
		says            []string
	}{
		"all of it is needed":           {[]call.Proposed{waits(4, a, b)}, []evm.Wire{b, a, c}, nil, nil},
		"another one is proposed too":   {[]call.Proposed{waits(4, a)}, []evm.Wire{a, b}, []evm.Wire{b}, nil},
		"nothing is needed any more":    {[]call.Proposed{waits(4, a)}, nil, nil, []string{"nonce 4", "1 of its 1 calls", "(mailbox)"}},
		"half of it":                    {[]call.Proposed{waits(4, a, b)}, []evm.Wire{b}, nil, []string{"1 of its 2 calls"}},
		"and something else is planned": {[]call.Proposed{waits(4, a)}, []evm.Wire{c}, []evm.Wire{c}, []string{"nonce 4", "this plan proposes something else", "rejected"}},
		"one of two":                    {[]call.Proposed{waits(4, a), waits(5, c)}, []evm.Wire{c}, nil, []string{"nonce 4"}},
		"what does not read is told":    {[]call.Proposed{waits(4, evm.Wire{To: "0x", Data: "zz"})}, nil, nil, []string{"does not read"}},
	} {
		found := stale(env, map[resource.ID][]call.Proposed{id: test.waiting}, map[resource.ID][]evm.Wire{id: test.needed}, map[resource.ID][]evm.Wire{id: test.planned})
		if len(test.says) == 0 {
			if len(found) > 0 {
				t.Errorf("%s: %+v", name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].ID != id || found[0].Rule != "stale-proposal" || found[0].Severity != resource.Acknowledge {
			t.Errorf("%s: %+v, want one finding", name, found)
			continue
		}
		for _, word := range test.says {
			if !strings.Contains(found[0].Reason, word) {
				t.Errorf("%s: %q lacks %q", name, found[0].Reason, word)
			}
		}
		if strings.Contains(found[0].Reason, "nonce 5") || len(test.planned) == 0 && strings.Contains(found[0].Reason, "this plan") {
			t.Errorf("%s: %q says too much", name, found[0].Reason)
		}
	}
}

// That it stands in the store proves only that somebody could write there.
func TestAStaleProposalThatWouldChangeWhoActsIsRefused(t *testing.T) {
	t.Parallel()
	at := common.HexToAddress("0x00000000000000000000000000000000000000BB")
	env := &config.Environment{Name: "staging", Networks: []config.Network{{Name: "fuji", ChainID: 43113}}, Safes: []config.Safe{{Name: "governance", Network: "fuji", Address: at.Hex()}}}
	id := call.SafeID("fuji", "governance")
	for name, c := range map[string]evm.Call{
		"a module":        evm.MustMethod("enableModule(address)").Call(at, common.Address{9}),
		"an owner":        evm.MustMethod("transferOwnership(address)").Call(common.Address{7}, common.Address{9}),
		"the Safe itself": {To: at, Data: []byte{1, 2, 3, 4}},
	} {
		waits := map[resource.ID][]call.Proposed{id: {{Hash: common.Hash{1}, Nonce: 4, Calls: []evm.Wire{c.Wire()}}}}
		if found := stale(env, waits, nil, nil); len(found) != 1 || found[0].Severity != resource.Refuse {
			t.Errorf("%s: %+v, want a refusal", name, found)
		}
		if found := stale(env, waits, map[resource.ID][]evm.Wire{id: {c.Wire()}}, nil); len(found) != 0 {
			t.Errorf("%s, and declared: %+v", name, found)
		}
	}
}

func TestNothingIsCalledStaleWhileItsNetworkIsUnread(t *testing.T) {
	t.Parallel()
	for scope, need := range map[string]bool{"fuji": true, "validator-set/fuji/sepolia": true, "sepolia": false, "us-west-2": false} {
		if have := blind([]resource.Unread{{Scope: scope}}, "fuji"); have != need {
			t.Errorf("%s: %v, want %v", scope, have, need)
		}
	}
}

func TestTheCallsOfASafeAreThoseOfItsOwnSteps(t *testing.T) {
	t.Parallel()
	wire := map[string]any{"to": "0x00000000000000000000000000000000000000AA", "data": "0x12345678"}
	step := func(op, safe string) resource.Step {
		return resource.Step{Op: op, Params: resource.Attrs{"network": "fuji", "safeName": safe, "calls": []any{wire}, "batch": []any{wire, wire}}}
	}
	found := callsOfSafes([]plan.Change{{Steps: []resource.Step{step(resource.Propose, "a"), step(call.Execute, "b"), step("set", "c"), step(resource.Propose, "a"), step(resource.Propose, "")}}})
	if len(found) != 2 || len(found[call.SafeID("fuji", "a")]) != 2 || len(found[call.SafeID("fuji", "b")]) != 1 {
		t.Errorf("%v", found)
	}
}
