package chain_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// once works for its first caller, and reverts with "not you" ever after: what a
// second call does depends on the first.
func once() []byte {
	says := saying(notYou, true)
	// SLOAD(0) JUMPI to the end; SSTORE(0, 1); STOP; JUMPDEST, then the revert
	// with its data, whose offset moves by the 11 bytes before it.
	says[5] += 11
	return append(hex("5f54600a5760015f55005b"), says...)
}

var oneTime = common.HexToAddress("0x0000000000000000000000000000000000000101")

func TestCallsAreSimulatedInTheirOrderInOneRequest(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: map[common.Address][]byte{oneTime: once(), refuser: codes()[refuser], broken: codes()[broken]}})
	a := anvil(t, "")
	if err := a.Client().CallContext(t.Context(), nil, "anvil_setCode", oneTime, "0x"+common.Bytes2Hex(once())); err != nil {
		t.Fatal(err)
	}
	for _, b := range []backend{{"geth", c.URL()}, {"anvil", a.URL()}} {
		client := open(t, declared(), b.url)
		out, err := client.Simulate(t.Context(), addressOf("bank"), []evm.Call{{To: oneTime}, {To: oneTime}, {To: refuser}, {To: alice, Value: ether}, {To: broken}})
		if err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		if client.Requests() != 1 {
			t.Errorf("%s: %d requests, want 1", b.name, client.Requests())
		}
		if out[0].Reverted || out[0].Gas < 43_000 || out[0].Gas > 70_000 || out[0].Skipped {
			t.Errorf("%s: the first call: %+v", b.name, out[0])
		}
		if !out[1].Reverted || out[1].Reason != "not you" || !out[2].Reverted || out[2].Reason != "not you" {
			t.Errorf("%s: the second and third: %+v, want them to revert", b.name, out[1:3])
		}
		if out[3].Reverted || out[3].Gas < 21_000 || !out[4].Reverted {
			t.Errorf("%s: the last two: %+v", b.name, out[3:])
		}
		if none, err := client.Simulate(t.Context(), addressOf("bank"), nil); none != nil || err != nil || client.Requests() != 1 {
			t.Error(none, err)
		}
		if _, err := client.Simulate(t.Context(), addressOf("bank"), make([]evm.Call, 65)); err == nil || client.Requests() != 1 {
			t.Error("a simulation without a bound")
		}
	}
}

func TestWhatWasSimulatedIsEnoughGasToBeMined(t *testing.T) {
	t.Parallel()
	// Clears a slot, for which gas is given back after it was needed.
	clearing := common.HexToAddress("0x00000000000000000000000000000000000c1ea4")
	c := geth(t, chaintest.Options{Confirmations: 2, Code: map[common.Address][]byte{clearing: hex("6001545f5560015f555f5f5500"), oneTime: once()}})
	client := open(t, declared(), c.URL())
	mining(t, func() { c.Mine(1) })
	for nonce, to := range []common.Address{clearing, oneTime} {
		out, err := client.Simulate(t.Context(), addressOf("bank"), []evm.Call{{To: to, Data: []byte{1, 2, 3, 4}}})
		if err != nil {
			t.Fatal(err)
		}
		tx := aCall()
		tx.To, tx.Nonce, tx.Fees = to, uint64(nonce), transferOf(t, client, 0, alice, ether).Fees
		if tx.Gas, err = chain.GasLimit(out[0].Gas, 0); err != nil {
			t.Fatal(err)
		}
		sent, err := callSigner(t, anything).Sign(t.Context(), tx)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Send(t.Context(), sent.Raw); err != nil {
			t.Fatal(err)
		}
		if _, err := client.AwaitAny(t.Context(), []common.Hash{sent.Hash}); err != nil {
			t.Error(err)
		}
	}
}

func TestWithoutSimulationTheFirstCallIsPlayedAndTheOthersAreSkipped(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: map[common.Address][]byte{oneTime: once(), refuser: codes()[refuser]}})
	for _, failure := range []string{`{"code":-32601,"message":"the method eth_simulateV1 does not exist/is not available"}`, `{"code":-32000,"message":"Unsupported method"}`} {
		client := open(t, declared(), tap(t, c.URL(), refuse(c.URL(), "eth_simulateV1", failure)).url)
		out, err := client.Simulate(t.Context(), addressOf("bank"), []evm.Call{{To: oneTime}, {To: oneTime}, {To: refuser}})
		if err != nil || client.Requests() != 2 {
			t.Fatal(client.Requests(), err)
		}
		if out[0].Gas < 43_000 || out[0].Reverted || out[0].Skipped || !out[1].Skipped || !out[2].Skipped {
			t.Errorf("%+v", out)
		}
		if out, err = client.Simulate(t.Context(), addressOf("bank"), []evm.Call{{To: refuser}}); err != nil || !out[0].Reverted || out[0].Reason != "not you" {
			t.Errorf("%+v, %v", out, err)
		}
		if _, err := client.Simulate(t.Context(), addressOf("bank"), []evm.Call{{To: alice, Value: coins(1e6)}}); err == nil || !strings.Contains(err.Error(), "insufficient funds") {
			t.Errorf("%v: more was spent than there is", err)
		}
	}
}

func TestASimulationOfTheWrongShapeIsAnErrorOfTheEndpoint(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	fine := `{"status":"0x1","gasUsed":"0x5208","returnData":"0x","logs":[]}`
	for name, reply := range map[string]string{
		"null": `null`, "no block": `[]`, "two blocks": `[{"calls":[` + fine + `]},{"calls":[]}]`, "no calls": `[{"calls":[]}]`,
		"one call more": `[{"calls":[` + fine + `,` + fine + `]}]`, "no status": `[{"calls":[{"gasUsed":"0x5208"}]}]`,
		"no gas": `[{"calls":[{"status":"0x1"}]}]`, "less than any gas": `[{"calls":[{"status":"0x1","gasUsed":"0x1"}]}]`,
		"all gas": `[{"calls":[{"status":"0x1","gasUsed":"0xffffffffffffffff"}]}]`, "a strange status": `[{"calls":[{"status":"0x2","gasUsed":"0x5208"}]}]`,
		"gas in words": `[{"calls":[{"status":"0x1","gasUsed":"much"}]}]`, "a list": `[[` + fine + `]]`,
	} {
		out, err := open(t, declared(), tap(t, c.URL(), lie(c.URL(), "eth_simulateV1", reply)).url).Simulate(t.Context(), alice, []evm.Call{{To: alice}})
		var ours *chain.Error
		if !errors.As(err, &ours) || out != nil {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	long, _ := json.Marshal(strings.Repeat("\x1b[31m lies", 1000))
	odd := `[{"calls":[{"status":"0x0","gasUsed":"0x5208","error":{"code":3,"message":` + string(long) + `,"data":{"a":1}}}]}]`
	out, err := open(t, declared(), tap(t, c.URL(), lie(c.URL(), "eth_simulateV1", odd)).url).Simulate(t.Context(), alice, []evm.Call{{To: alice}})
	if err != nil || !out[0].Reverted || len(out[0].Reason) > 310 || strings.Contains(out[0].Reason, "\x1b") {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestTheLevelOfAChainIsProbed(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	mute := `{"code":-32601,"message":"method not found"}`
	for _, b := range []struct {
		name, url string
		want      chain.Level
	}{
		{"geth", c.URL(), chain.Level{London: true, Push0: chain.Yes}},
		{"osaka", anvil(t, "osaka").URL(), chain.Level{London: true, Push0: chain.Yes}},
		{"london", anvil(t, "london").URL(), chain.Level{London: true, Push0: chain.No}},
		{"berlin", anvil(t, "berlin").URL(), chain.Level{Push0: chain.No}},
		{"a mute one", tap(t, c.URL(), refuse(c.URL(), "eth_call", mute)).url, chain.Level{London: true, Push0: chain.Maybe}},
		{"one that says nothing", tap(t, c.URL(), lie(c.URL(), "eth_call", `"0x"`)).url, chain.Level{London: true, Push0: chain.Maybe}},
		{"one that reverts all", tap(t, c.URL(), refuse(c.URL(), "eth_call", `{"code":3,"message":"execution reverted"}`)).url, chain.Level{London: true, Push0: chain.Maybe}},
		{"only creations", tap(t, c.URL(), bend(c.URL(), func(asked element, answer *element) {
			if strings.Contains(string(asked.Params), "code") {
				answer.Result, answer.Error = nil, json.RawMessage(mute)
			}
		})).url, chain.Level{London: true, Push0: chain.Yes}},
		{"only overrides", tap(t, c.URL(), bend(c.URL(), func(asked element, answer *element) {
			if asked.Method == "eth_call" && !strings.Contains(string(asked.Params), "code") {
				answer.Result, answer.Error = nil, json.RawMessage(mute)
			}
		})).url, chain.Level{London: true, Push0: chain.Yes}},
	} {
		client := open(t, declared(), b.url)
		if got, err := client.Level(t.Context()); err != nil || got != b.want || client.Requests() != 1 {
			t.Errorf("%s: %+v, %v in %d requests, want %+v", b.name, got, err, client.Requests(), b.want)
		}
	}
	wrong := tap(t, c.URL(), lie(c.URL(), "eth_chainId", `"0x1"`))
	if _, err := open(t, declared(), wrong.url).Level(t.Context()); err == nil || !strings.Contains(err.Error(), "chain id is 1") {
		t.Error(err)
	}
	old := anvil(t, "london")
	var disagreement *chain.DisagreementError
	if _, err := openAgreeing(t, c.URL(), old.URL()).Level(t.Context()); !errors.As(err, &disagreement) || disagreement.Answers[1] != "london true and PUSH0 no" {
		t.Error(err)
	}
	if got, err := openAgreeing(t, c.URL(), tap(t, c.URL(), nil).url).Level(t.Context()); err != nil || got.Push0 != chain.Yes {
		t.Error(got, err)
	}
	if _, err := open(t, declared(), wrong.url).Simulate(t.Context(), alice, []evm.Call{{To: alice, Value: big.NewInt(0)}}); err == nil || !strings.Contains(err.Error(), "chain id is 1") {
		t.Error(err)
	}
}
