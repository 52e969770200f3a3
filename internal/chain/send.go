package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Refusal says how nodes answered a transaction that none of them took.
type Refusal string

// The refusals. Only Ambiguous leaves open whether the transaction is on its way.
const (
	NonceTooLow       Refusal = "nonce too low"
	Underpriced       Refusal = "underpriced"
	InsufficientFunds Refusal = "insufficient funds"
	NotAccepted       Refusal = "not accepted"
	Ambiguous         Refusal = "no answer that can be relied on"
)

// SendError is a broadcast that no node accepted.
type SendError struct {
	Refusal Refusal
	Err     error
}

// Error prints the node's own words.
func (e *SendError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Send broadcasts a signed transaction until one endpoint has it. The same
// bytes sent twice are one transaction, so an endpoint that gave no answer is
// followed by the next, and by itself once more. Nil: a node has it, which is
// not yet mined. Any doubt is a SendError that is Ambiguous.
func (n *Network) Send(ctx context.Context, raw []byte) error {
	var reasons []error
	worst := Refusal("")
	for round := range 2 {
		again := false
		for i := range n.endpoints {
			e := n.endpoints[(int(n.preferred.Load())+i)%len(n.endpoints)]
			refusal, err := n.broadcast(ctx, e, raw)
			if err == nil {
				return nil
			}
			reasons = append(reasons, err)
			again = again || refusal == Ambiguous
			worst = graver(worst, refusal)
			if ctx.Err() != nil {
				return &SendError{Refusal: worst, Err: err}
			}
		}
		if !again || round > 0 || n.pause(ctx, 1) != nil {
			break
		}
	}
	return &SendError{Refusal: worst, Err: reasons[len(reasons)-1]}
}

// graver keeps the answer that leaves most open: doubt before all, then a used
// nonce, which may have been used by this very transaction.
func graver(a, b Refusal) Refusal {
	for _, r := range []Refusal{Ambiguous, NonceTooLow} {
		if a == r || b == r {
			return r
		}
	}
	if a == "" {
		return b
	}
	return a
}

func (n *Network) broadcast(ctx context.Context, e *endpoint, raw []byte) (Refusal, error) {
	// What fails before the transaction was sent proves that it was not.
	if err := n.assert(ctx, e); err != nil {
		return NotAccepted, err
	}
	c := ask("eth_sendRawTransaction", hexutil.Bytes(raw))
	err := n.batch(ctx, e, []*call{c})
	if err == nil {
		return "", nil
	}
	var ours *Error
	if !errors.As(err, &ours) {
		return Ambiguous, err
	}
	refusal, known := refusalOf(ours)
	if known {
		return "", nil
	}
	return refusal, err
}

// refusalOf reads a node's answer to a transaction by its words, whatever their
// case: nodes agree on neither codes nor spelling. Known: it has it already.
func refusalOf(err *Error) (refusal Refusal, known bool) {
	text := strings.ToLower(err.Cause)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case err.under != nil:
		return Ambiguous, false
	case has("already known", "already imported", "known transaction", "alreadyexists", "already in mempool"):
		return "", true
	case has("nonce too low", "nonce is too low", "invalid nonce", "old nonce", "nonce has already been used"):
		return NonceTooLow, false
	case has("underpriced", "less than block base fee", "fee too low", "tip cap", "gas price too low", "below minimum"):
		return Underpriced, false
	case has("insufficient funds", "insufficient balance"):
		return InsufficientFunds, false
	case has("intrinsic gas", "exceeds block gas limit", "gas limit", "invalid sender", "chain id", "not supported",
		"replay-protected", "exceeds the configured cap", "oversized", "invalid signature", "nonce too high",
		"txpool is full", "permission", "unauthorized", "forbidden", "rate limit", "too many requests", "denied"):
		return NotAccepted, false
	}
	// JSON-RPC's own codes for a request that was not carried out, its limit code,
	// and HTTP statuses that turn a request away at the door.
	if slices.Contains([]int{-32700, -32600, -32601, -32602, -32005, 400, 401, 402, 403, 404, 405, 413, 415, 429}, err.Code) {
		return NotAccepted, false
	}
	return Ambiguous, false
}

// RevertedError is a transaction that was mined and moved nothing but its fee.
type RevertedError struct {
	Network string
	Receipt Receipt
}

// Error names the transaction.
func (e *RevertedError) Error() string {
	return fmt.Sprintf("%s: transaction %s reverted in block %d: the fee is spent, nothing else moved", e.Network, e.Receipt.Hash, e.Receipt.Block)
}
