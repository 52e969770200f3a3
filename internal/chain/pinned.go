package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// byHash names a block in a parameter (EIP-1898). A block that has left the
// chain is refused.
type byHash struct {
	Hash      common.Hash `json:"blockHash"`
	Canonical bool        `json:"requireCanonical"`
}

// pinned sends the calls that about makes for a block. The block is named by its
// hash; an endpoint that takes no hashes is given the number instead, and asked
// in every request whether the number still means that block. The calls are
// made anew for each form, so about keeps the ones it made last.
func (n *Network) pinned(ctx context.Context, e *endpoint, b Block, about func(at any) []*call) error {
	if !e.onlyNumbers() {
		calls := about(byHash{Hash: b.Hash, Canonical: true})
		if err := n.batch(ctx, e, calls); !refusesHash(err, calls) {
			return err
		}
	}
	calls := about(hexutil.EncodeUint64(b.Number))
	size := max(1, n.config.BatchSize-1)
	for start := 0; start < len(calls); start += size {
		if err := n.numbered(ctx, e, b, calls[start:min(start+size, len(calls))]); err != nil {
			return err
		}
	}
	if !refusesHash(nil, calls) {
		e.mu.Lock()
		e.numbersOnly = true
		e.mu.Unlock()
	}
	return nil
}

func (e *endpoint) onlyNumbers() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.numbersOnly
}

// numbered is one request at the number of a block.
func (n *Network) numbered(ctx context.Context, e *endpoint, b Block, calls []*call) error {
	still := ask("eth_getBlockByNumber", hexutil.EncodeUint64(b.Number), false)
	if err := n.batch(ctx, e, append([]*call{still}, calls...)); err != nil {
		return err
	}
	now, err := n.header(e, still)
	if err != nil {
		return err
	}
	if now.Hash != b.Hash {
		return &Error{Network: n.config.Name, Host: e.host, Operation: still.method, class: transient,
			Cause: fmt.Sprintf("block %d is %s now, and was %s: the chain was reorganised", b.Number, now.Hash, b.Hash)}
	}
	return nil
}

// refusesHash tells whether an endpoint stumbled over the form of the block and
// not over the question. Erring costs one request: at its number a block is
// still known by its hash.
func refusesHash(err error, calls []*call) bool {
	if refusedForm(err) {
		return true
	}
	for _, c := range calls {
		if _, reverted := revertOf(c); !reverted && refusedForm(c.err) {
			return true
		}
	}
	return false
}

func refusedForm(err error) bool {
	var ours *Error
	if !errors.As(err, &ours) {
		return false
	}
	switch ours.Code {
	case -32602, -32600, 400: // JSON-RPC 2.0: invalid params, invalid request; HTTP: bad request
		return true
	case 0:
		return false
	}
	text := strings.ToLower(ours.Cause)
	words := []string{"unmarshal", "invalid argument", "invalid type", "invalid block", "hex string"}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
