package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Fate asks every endpoint that answers about a transaction of a sender. It
// sends nothing. Being found somewhere outweighs being unknown elsewhere; what
// proves absence must be said by all of them. With Options.Agree, whatever ends
// the matter must be said by two independent hosts.
func (n *Network) Fate(ctx context.Context, from common.Address, nonce uint64, hash common.Hash) (Fate, Receipt, error) {
	return n.FateAny(ctx, from, nonce, []common.Hash{hash})
}

// FateAny is Fate for transactions of one nonce, of which one can be mined: the
// receipt is of that one.
func (n *Network) FateAny(ctx context.Context, from common.Address, nonce uint64, hashes []common.Hash) (Fate, Receipt, error) {
	if len(hashes) == 0 || len(hashes) > maxHashes {
		return Unclear, Receipt{}, fmt.Errorf("%s: nonce %d of %s: %d transactions are given: 1 to %d", n.config.Name, nonce, from, len(hashes), maxHashes)
	}
	if n.options.Agree && len(n.pairs()) == 0 {
		return Unclear, Receipt{}, &LonelyError{Network: n.config.Name, Class: n.config.Class}
	}
	var heard []hearsay
	var trouble []error
	for _, e := range n.endpoints {
		fate, receipt, err := n.fateAt(ctx, e, from, nonce, hashes)
		switch {
		case err != nil && isFinal(err):
			return Unclear, Receipt{}, err
		case err != nil:
			trouble = append(trouble, err)
			continue
		case !n.options.Agree && (fate == Mined || fate == Reverted):
			return fate, *receipt, nil
		}
		heard = append(heard, hearsay{e, fate, receipt})
	}
	if len(heard) == 0 {
		return Unclear, Receipt{}, errors.Join(trouble...)
	}
	if n.options.Agree {
		return n.agreedFate(heard)
	}
	fate := heard[0].fate
	for _, other := range heard[1:] {
		fate = joinFates(fate, other.fate)
	}
	return fate, Receipt{}, nil
}

// hearsay is what one endpoint says of a transaction.
type hearsay struct {
	e       *endpoint
	fate    Fate
	receipt *Receipt
}

func joinFates(a, b Fate) Fate {
	switch {
	case a == Waiting || b == Waiting:
		return Waiting
	case a != b:
		return Unclear
	}
	return a
}

// agreedFate believes what two independent hosts say and none denies. A host
// that has not got as far as another makes it wait.
func (n *Network) agreedFate(heard []hearsay) (Fate, Receipt, error) {
	first, confirmed := heard[0], false
	fate := first.fate
	for _, other := range heard[1:] {
		confirmed = confirmed || other.e.place != first.e.place
		if first.receipt != nil && other.receipt != nil && !first.receipt.same(*other.receipt) {
			return Unclear, Receipt{}, n.disagree("nonce of "+first.receipt.Hash.Hex(), pair{first.e, other.e}, first.receipt.words(), other.receipt.words(), nil)
		}
		fate = joinFates(fate, other.fate)
	}
	switch {
	case fate == Waiting:
		return Waiting, Receipt{}, nil
	case !confirmed || fate == Unclear:
		return Unclear, Receipt{}, nil
	case first.receipt != nil:
		receipt := *first.receipt
		for _, other := range heard[1:] {
			receipt = dearest(receipt, *other.receipt)
		}
		return fate, receipt, nil
	}
	return fate, Receipt{}, nil
}

// dearest is the receipt with the higher fee: hosts may leave parts of it out.
func dearest(a, b Receipt) Receipt {
	if b.Fee.Cmp(a.Fee) > 0 {
		a.Fee = b.Fee
	}
	return a
}

func (r Receipt) same(other Receipt) bool {
	return r.Hash == other.Hash && r.Succeeded == other.Succeeded && r.Block == other.Block && r.BlockHash == other.BlockHash
}

func (r Receipt) words() string {
	end := "reverted"
	if r.Succeeded {
		end = "succeeded"
	}
	return fmt.Sprintf("%s in block %d %s", end, r.Block, r.BlockHash)
}

// lookTwice is look of two hosts. A transaction is confirmed when both have seen
// its confirmations on the same block; the head is the lower one.
func (n *Network) lookTwice(ctx context.Context, hashes []common.Hash) (sight, error) {
	var seen sight
	err := n.readTwice(ctx, func(ctx context.Context, p pair) error {
		a, b, err := both(p, func(e *endpoint) (sight, error) { return n.lookAt(ctx, e, hashes) })
		if err != nil {
			return err
		}
		seen = sight{receipt: a.receipt, head: min(a.head, b.head)}
		if seen.receipt == nil {
			seen.receipt = b.receipt
		}
		if !a.confirmed || !b.confirmed {
			return nil
		}
		if !a.receipt.same(*b.receipt) {
			return n.disagree("transaction "+a.receipt.Hash.Hex(), p, a.receipt.words(), b.receipt.words(), func(e *endpoint) (string, error) {
				c, err := n.lookAt(ctx, e, hashes)
				if err != nil || c.receipt == nil {
					return "", err
				}
				return c.receipt.words(), nil
			})
		}
		receipt := dearest(*a.receipt, *b.receipt)
		seen.receipt, seen.confirmed = &receipt, true
		return nil
	})
	return seen, err
}

func (n *Network) fateAt(ctx context.Context, e *endpoint, from common.Address, nonce uint64, hashes []common.Hash) (Fate, *Receipt, error) {
	if err := n.assert(ctx, e); err != nil {
		return Unclear, nil, err
	}
	// The nonce is read before the receipt: a transaction that is mined between
	// the two is found, and not taken for replaced.
	latest, head := ask("eth_getTransactionCount", from, "latest"), ask("eth_blockNumber")
	if err := n.batch(ctx, e, []*call{latest, head}); err != nil {
		return Unclear, nil, err
	}
	number, err := n.number(e, head)
	if err != nil {
		return Unclear, nil, err
	}
	used, err := n.number(e, latest)
	if err != nil {
		return Unclear, nil, err
	}
	deep := ask("eth_getTransactionCount", from, hexutil.EncodeUint64(number-min(number, n.config.Confirmations)))
	calls := []*call{deep}
	for _, hash := range hashes {
		calls = append(calls, ask("eth_getTransactionByHash", hash))
	}
	if err := n.batch(ctx, e, calls); err != nil {
		return Unclear, nil, err
	}
	known := false
	for _, c := range calls[1:] {
		known = known || string(c.raw) != "null"
	}
	seen, err := n.lookAt(ctx, e, hashes)
	if err != nil {
		return Unclear, nil, err
	}
	settled, err := n.number(e, deep)
	if err != nil {
		return Unclear, nil, err
	}
	switch {
	case seen.receipt != nil && !seen.confirmed, seen.receipt == nil && known:
		return Waiting, nil, nil
	case seen.receipt != nil && seen.receipt.Succeeded:
		return Mined, seen.receipt, nil
	case seen.receipt != nil:
		return Reverted, seen.receipt, nil
	case used <= nonce:
		return Absent, nil, nil
	case settled > nonce:
		return Replaced, nil, nil
	}
	return Unclear, nil, nil
}
