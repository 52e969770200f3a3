package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
)

// call is one element of a batch and its answer.
type call struct {
	method string
	args   []any
	// optional calls may fail: err then says why.
	optional bool
	raw      json.RawMessage
	err      error
	// said is the node's own error, with its data.
	said error
}

func ask(method string, args ...any) *call { return &call{method: method, args: args} }

func askOptional(method string, args ...any) *call {
	return &call{method: method, args: args, optional: true}
}

// batch sends calls in HTTP requests of at most BatchSize elements and looks at
// the error of every element: an over-long batch, for one, is answered without
// any error of its own.
func (n *Network) batch(ctx context.Context, e *endpoint, calls []*call) error {
	size := n.config.BatchSize
	for start := 0; start < len(calls); start += size {
		if err := n.send(ctx, e, calls[start:min(start+size, len(calls))]); err != nil {
			return err
		}
	}
	return nil
}

// send is one HTTP request with its own deadline.
func (n *Network) send(ctx context.Context, e *endpoint, calls []*call) error {
	limited, cancel := context.WithTimeout(ctx, n.options.CallTimeout)
	defer cancel()
	n.elements.Add(uint64(len(calls)))
	elements := make([]rpc.BatchElem, len(calls))
	for i, c := range calls {
		elements[i] = rpc.BatchElem{Method: c.method, Args: c.args, Result: &c.raw}
	}
	if err := e.client.BatchCallContext(limited, elements); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // the caller's own end, not the endpoint's
		}
		out := n.explain(e, calls[0].method, err)
		if ctx.Err() != nil {
			out.class = final
		}
		return out
	}
	for i, c := range calls {
		if c.err = elements[i].Error; c.err == nil {
			continue
		}
		c.said = c.err
		// The client's word for an element without an answer says too little.
		if errors.Is(c.err, rpc.ErrMissingBatchResponse) || errors.Is(c.err, rpc.ErrNoResult) {
			c.err = &Error{Network: n.config.Name, Host: e.host, Operation: c.method, Cause: "the reply has no answer to it", class: deaf}
		} else {
			c.err = n.explain(e, c.method, c.err)
		}
		if !c.optional {
			return c.err
		}
	}
	return nil
}

// malformed is an answer of the wrong shape: the endpoint lies or is broken.
func (n *Network) malformed(e *endpoint, c *call, want string) error {
	return &Error{
		Network: n.config.Name, Host: e.host, Operation: c.method, class: deaf,
		Cause: fmt.Sprintf("the answer is not %s: %s", want, e.clean(fmt.Sprintf("%.60q", c.raw))),
	}
}

// text is the answer as a JSON string of at most limit bytes.
func (c *call) text(limit int) (string, bool) {
	if len(c.raw) > limit+2 {
		return "", false
	}
	var s *string
	if json.Unmarshal(c.raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// quantity reads 0x-prefixed hex of at most 256 bits.
func (n *Network) quantity(e *endpoint, c *call) (*big.Int, error) {
	if s, ok := c.text(2 + 64); ok {
		if value, err := hexutil.DecodeBig(s); err == nil {
			return value, nil
		}
	}
	return nil, n.malformed(e, c, "a quantity")
}

// number reads 0x-prefixed hex of at most 64 bits.
func (n *Network) number(e *endpoint, c *call) (uint64, error) {
	if s, ok := c.text(2 + 16); ok {
		if value, err := hexutil.DecodeUint64(s); err == nil {
			return value, nil
		}
	}
	return 0, n.malformed(e, c, "a number")
}

// maxCode is more than any contract's code: EIP-170 allows 24,576 bytes.
const maxCode = 1 << 20

// data reads 0x-prefixed bytes.
func (n *Network) data(e *endpoint, c *call) ([]byte, error) {
	if s, ok := c.text(2 + 2*maxCode); ok {
		if value, err := hexutil.Decode(s); err == nil {
			return value, nil
		}
	}
	return nil, n.malformed(e, c, "data")
}

// header is what we need of a block. Networks add and leave out other fields,
// and some hash differently than Ethereum, so the hash is taken as given.
type header struct {
	Number   *hexutil.Uint64 `json:"number"`
	Hash     *common.Hash    `json:"hash"`
	Time     *hexutil.Uint64 `json:"timestamp"`
	BaseFee  *hexutil.Big    `json:"baseFeePerGas"`
	GasLimit hexutil.Uint64  `json:"gasLimit"`
}

func (n *Network) header(e *endpoint, c *call) (Block, error) {
	var h *header
	if json.Unmarshal(c.raw, &h) != nil || h == nil || h.Number == nil || h.Hash == nil || h.Time == nil {
		return Block{}, n.malformed(e, c, "a block")
	}
	return Block{
		Number: uint64(*h.Number), Hash: *h.Hash, Time: uint64(*h.Time),
		BaseFee: h.BaseFee.ToInt(), GasLimit: uint64(h.GasLimit),
	}, nil
}

// assertion is the part of a first batch that says which chain this is.
type assertion struct{ id, genesis *call }

func (n *Network) assertion() (assertion, []*call) {
	a := assertion{id: ask("eth_chainId")}
	if n.config.Genesis == "" {
		return a, []*call{a.id}
	}
	a.genesis = ask("eth_getBlockByNumber", "0x0", false)
	return a, []*call{a.id, a.genesis}
}

// holds compares the answers with the declaration. An endpoint of another chain
// is the end of it: no other endpoint makes the declaration right.
func (n *Network) holds(e *endpoint, a assertion) error {
	id, err := n.quantity(e, a.id)
	if err != nil {
		return err
	}
	if id.Cmp(new(big.Int).SetUint64(n.config.ChainID)) != 0 {
		return n.wrongChain(e, "chain id is %s, declared %d", id, n.config.ChainID)
	}
	if a.genesis != nil {
		block, err := n.header(e, a.genesis)
		if err != nil {
			return err
		}
		if !strings.EqualFold(block.Hash.Hex(), n.config.Genesis) {
			return n.wrongChain(e, "genesis is %s, declared %s", block.Hash.Hex(), n.config.Genesis)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asserted = true
	return nil
}

func (n *Network) wrongChain(e *endpoint, format string, args ...any) error {
	return &Error{Network: n.config.Name, Host: e.host, Cause: fmt.Sprintf(format, args...), class: final}
}

// assert makes sure, once per endpoint, that it serves the declared chain.
func (n *Network) assert(ctx context.Context, e *endpoint) error {
	e.mu.Lock()
	asserted := e.asserted
	e.mu.Unlock()
	if asserted {
		return nil
	}
	a, calls := n.assertion()
	if err := n.batch(ctx, e, calls); err != nil {
		return err
	}
	return n.holds(e, a)
}
