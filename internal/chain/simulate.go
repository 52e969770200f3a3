package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Simulated is what a call would do on the newest block, after the calls before
// it.
type Simulated struct {
	// Gas that the call takes, refunds not taken off; 0 where it reverts. GasLimit
	// makes a transaction's limit of it.
	Gas      uint64
	Reverted bool
	// Reason of the revert: a stranger's text.
	Reason string
	// Skipped: not simulated, because it follows others and the endpoint plays
	// single calls only.
	Skipped bool
}

// maxSimulated bounds the calls of one simulation.
const maxSimulated = 64

// Simulate plays calls of one sender in their order, each on what those before
// it left, in one HTTP request (eth_simulateV1). Where an endpoint has no such
// method, the first is played by eth_call and eth_estimateGas in a second request
// and the others are Skipped. What follows a call that reverts is played as if
// that one had not been.
func (n *Network) Simulate(ctx context.Context, from common.Address, calls []evm.Call) ([]Simulated, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	if len(calls) > maxSimulated {
		return nil, fmt.Errorf("%s: %d calls are simulated together, at most %d", n.config.Name, len(calls), maxSimulated)
	}
	var out []Simulated
	err := n.read(ctx, func(ctx context.Context, e *endpoint) error {
		var err error
		out, err = n.simulate(ctx, e, from, calls)
		return err
	})
	return out, err
}

func (n *Network) simulate(ctx context.Context, e *endpoint, from common.Address, calls []evm.Call) ([]Simulated, error) {
	asserting, batch := n.assertion()
	plays := make([]message, len(calls))
	for i, c := range calls {
		plays[i] = messageOf(from, c)
	}
	played := askOptional("eth_simulateV1", map[string]any{"blockStateCalls": []any{map[string]any{"calls": plays}}}, "latest")
	if err := n.batch(ctx, e, append(batch, played)); err != nil {
		return nil, err
	}
	if err := n.holds(e, asserting); err != nil {
		return nil, err
	}
	if played.err == nil {
		return n.played(e, played, len(calls))
	}
	var ours *Error
	if errors.As(played.err, &ours) && ours.class == transient {
		return nil, played.err
	}
	out := make([]Simulated, len(calls))
	for i := range out {
		out[i].Skipped = i > 0
	}
	var err error
	out[0], err = n.single(ctx, e, plays[0])
	return out, err
}

// message is a call as eth_call and its kin take it.
type message struct {
	From  common.Address `json:"from"`
	To    common.Address `json:"to"`
	Value *hexutil.Big   `json:"value,omitempty"`
	Data  hexutil.Bytes  `json:"data"`
}

func messageOf(from common.Address, c evm.Call) message {
	return message{From: from, To: c.To, Value: (*hexutil.Big)(c.Value), Data: c.Data}
}

func (n *Network) single(ctx context.Context, e *endpoint, m message) (Simulated, error) {
	run, gas := askOptional("eth_call", m, "latest"), askOptional("eth_estimateGas", m)
	if err := n.batch(ctx, e, []*call{run, gas}); err != nil {
		return Simulated{}, err
	}
	for _, c := range []*call{run, gas} {
		if data, reverted := revertOf(c); reverted {
			return Simulated{Reverted: true, Reason: evm.Reason(data)}, nil
		}
		if c.err != nil {
			return Simulated{}, c.err
		}
	}
	amount, err := n.gas(e, gas)
	return Simulated{Gas: amount}, err
}

// playedJSON is one call of the answer of eth_simulateV1 (execution-apis,
// eth/execute). maxUsedGas is what some nodes add: gas before refunds.
type playedJSON struct {
	Status  *hexutil.Uint64 `json:"status"`
	Gas     *hexutil.Uint64 `json:"gasUsed"`
	MaxGas  hexutil.Uint64  `json:"maxUsedGas"`
	Returns string          `json:"returnData"`
	Error   *struct {
		Message string `json:"message"`
		Data    any    `json:"data"`
	} `json:"error"`
}

func (n *Network) played(e *endpoint, c *call, want int) ([]Simulated, error) {
	var blocks []struct {
		Calls []playedJSON `json:"calls"`
	}
	if json.Unmarshal(c.raw, &blocks) != nil || len(blocks) != 1 || len(blocks[0].Calls) != want {
		return nil, n.malformed(e, c, fmt.Sprintf("one block of %d calls", want))
	}
	out := make([]Simulated, want)
	for i, p := range blocks[0].Calls {
		if p.Status == nil || p.Gas == nil || *p.Status > 1 || uint64(*p.Gas) < transferGas || *p.Gas > maxGas || p.MaxGas > maxGas {
			return nil, n.malformed(e, c, "a simulation of calls")
		}
		if *p.Status == 0 {
			out[i] = Simulated{Reverted: true, Reason: e.reason(p)}
			continue
		}
		// At most a fifth of the gas is given back (EIP-3529), and it is needed first.
		out[i].Gas = max(uint64(p.MaxGas), uint64(*p.Gas))
		if p.MaxGas == 0 {
			out[i].Gas = uint64(*p.Gas) + uint64(*p.Gas)/4
		}
	}
	return out, nil
}

// reason is the contract's own, else the node's word for how it ended.
func (e *endpoint) reason(p playedJSON) string {
	if p.Error != nil {
		if text, _ := p.Error.Data.(string); len(cutHex(text)) > 0 {
			return evm.Reason(cutHex(text))
		}
	}
	if data := cutHex(p.Returns); len(data) > 0 || p.Error == nil {
		return evm.Reason(data)
	}
	return e.clean(p.Error.Message)
}
