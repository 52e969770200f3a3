package validatorset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind/validatorset"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

// old is a mailbox and its routing module in one, without a route yet, in code
// that every chain since 2021 runs.
const old = `
pragma solidity ^0.8.0;
contract Old {
    function defaultIsm() external view returns (address) { return address(this); }
    function owner() external pure returns (address) { return OWNER; }
    function moduleType() external pure returns (uint8) { return 1; }
    function module(uint32) external pure returns (address) { revert("No ISM found for origin"); }
    function domains() external pure returns (uint256[] memory list) {}
    address private constant OWNER = `

// elsewhere moves fuji to an anvil of a hardfork: Hyperlane's published factories
// and what their modules run stand there as they do on geth. place puts other code.
func (s *scene) elsewhere(hardfork string, wire http.RoundTripper) (place func(common.Address, []byte)) {
	s.t.Helper()
	binary, err := chaintest.AnvilBinary()
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	fuji, _ := s.Env.Network("fuji")
	a, err := chaintest.StartAnvil(ctx, chaintest.AnvilOptions{Binary: binary, ChainID: fuji.ChainID, Hardfork: hardfork})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = a.Close() })
	mining, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // it makes blocks for transactions only, and none to confirm them
		defer close(done)
		for ; mining.Err() == nil; time.Sleep(5 * time.Millisecond) {
			_ = a.Mine(mining, 1)
		}
	}()
	s.t.Cleanup(func() { stop(); <-done })
	place = func(at common.Address, code []byte) {
		if err := a.Client().CallContext(s.t.Context(), nil, "anvil_setCode", at, hexutil.Bytes(code)); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, role := range []string{config.RoleMessageIDFactory, config.RoleMerkleRootFactory, config.RoleAggregationFactory} {
		c := s.Env.Deployment.Networks["fuji"][role]
		for _, at := range []common.Address{common.HexToAddress(c.Address), common.HexToAddress(c.Implementation)} {
			code, err := s.Chains["fuji"].Client().CodeAt(ctx, at, nil)
			if err != nil || len(code) == 0 {
				s.t.Fatal(at, len(code), err)
			}
			place(at, code)
		}
	}
	compiled, err := contractstest.Compile(ctx, old+validatorstest.Address("owner").Hex()+`;
}`, contractstest.London)
	if err != nil {
		s.t.Fatal(err)
	}
	runtime, err := s.Chains["fuji"].Client().CallContract(ctx, ethereum.CallMsg{Data: compiled["Old"]}, nil) // what creating it leaves
	if err != nil {
		s.t.Fatal(err)
	}
	place(s.Contracts["fuji"].Mailbox, runtime)
	if err := a.Fund(ctx, validatorstest.Address("owner"), hexutil.MustDecodeBig("0x56bc75e2d63100000")); err != nil {
		s.t.Fatal(err)
	}
	n, err := chain.Open(fuji, []string{a.URL()}, chain.Options{Backoff: time.Millisecond, Poll: 5 * time.Millisecond, Transport: wire})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(n.Close)
	networks := func(name string) (*chain.Network, error) {
		if name == "fuji" {
			return n, nil
		}
		return s.Network(name)
	}
	s.Maker.Networks = networks
	s.kind, err = validatorset.New(validatorset.Options{Networks: networks, Calls: s.Maker, Checkpoints: s.Reader, Now: func() time.Time { return noon }})
	if err != nil {
		s.t.Fatal(err)
	}
	return place
}

func TestAModuleThatTheChainCannotRunIsRefusedBeforeItIsMade(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	set := s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	s.elsewhere("london", nil)
	for _, form := range []string{config.MessageID, config.Either} {
		set.Type = form
		p := s.plan()
		refusals(t, p, "evm-level "+there)
		contains(t, p.finding(t, validators.RuleLevel, "fuji", "sepolia").Reason, "have an EVM without it on fuji", "need Shanghai", "PUSH0")
		contains(t, p.deferred[there], "refused by evm-level")
		if len(p.steps) > 0 {
			t.Errorf("%s: steps %v", form, p.steps)
		}
	}
}

func TestTheSameModuleIsMadeWhereTheChainRunsIt(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	s.elsewhere("cancun", nil)
	p := s.plan()
	refusals(t, p)
	if got := ops(p.steps[there]); !slices.Equal(got, []string{"deploy", "set"}) {
		t.Fatalf("%v, deferred %v, unread %v", got, p.deferred, p.seen.Unread)
	}
	outputs, err := s.do(p.steps[there][0])
	if err != nil || outputs["created"] != p.steps[there][0].Params["creates"] {
		t.Errorf("%v, %v", outputs, err)
	}
}

// mute is an endpoint that plays no code but that of contracts; silent turns away
// who asks for that.
type mute struct{ silent bool }

// RoundTrip passes on what asks for no program of its own.
func (m mute) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if program := []byte(`"0x602a`); !bytes.Contains(body, program) {
		return http.DefaultTransport.RoundTrip(r)
	}
	reply := &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: r}
	if m.silent {
		return reply, nil
	}
	var asked, answers []map[string]any
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	for _, a := range asked {
		answer := map[string]any{"jsonrpc": "2.0", "id": a["id"]}
		switch a["method"] {
		case "eth_chainId":
			answer["result"] = "0xa869"
		case "eth_getBlockByNumber":
			answer["result"] = map[string]any{"number": "0x1", "hash": common.Hash{1}, "parentHash": common.Hash{2}, "baseFeePerGas": "0x1", "gasLimit": "0x1c9c380", "timestamp": "0x1"}
		default:
			answer["error"] = map[string]any{"code": -32602, "message": "not here"}
		}
		answers = append(answers, answer)
	}
	text, err := json.Marshal(answers)
	reply.StatusCode, reply.Body = http.StatusOK, io.NopCloser(bytes.NewReader(text))
	return reply, err
}

func TestWhereTheChainDoesNotTellTheModulesCodeTellsAndWhereItIsNotReadNothingIsMade(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	s.elsewhere("london", mute{})
	refusals(t, s.plan(), "evm-level "+there)

	// What answers by the opcode has shown that it runs.
	s.elsewhere("cancun", mute{silent: true})
	if p := s.plan(); len(p.findings) > 0 || !slices.Equal(ops(p.steps[there]), []string{"deploy", "set"}) {
		t.Errorf("%v, steps %v, deferred %v", p.findings, p.steps, p.deferred)
	}

	// What says 5 to whoever asks has shown nothing of what it does else.
	other := common.FromHex("600560005260206000f35b5f00")
	implementation := common.HexToAddress(s.Env.Deployment.Networks["fuji"][config.RoleMessageIDFactory].Implementation)
	s.elsewhere("cancun", mute{})(implementation, other)
	p := s.plan()
	refusals(t, p)
	if f := p.finding(t, validators.RuleLevel, "fuji", "sepolia"); f.Severity != resource.Note {
		t.Errorf("%+v", f)
	}
	if got := ops(p.steps[there]); !slices.Equal(got, []string{"deploy", "set"}) {
		t.Errorf("%v, deferred %v", got, p.deferred)
	}
	s.elsewhere("london", nil)(implementation, other)
	refusals(t, s.plan(), "evm-level "+there)
	s.elsewhere("cancun", nil)(implementation, other)
	if p := s.plan(); len(p.findings) > 0 {
		t.Errorf("%v", p.findings)
	}
	s.elsewhere("cancun", mute{silent: true})(implementation, other)
	if p := s.plan(); !slices.Equal(p.unread, []string{there}) || len(p.steps) > 0 {
		t.Errorf("unread %v, steps %v", p.unread, p.steps)
	} else {
		contains(t, p.seen.Unread[0].Cause, "which opcodes the chain has")
	}
}
