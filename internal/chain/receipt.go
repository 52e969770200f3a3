package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Receipt is what became of a mined transaction.
type Receipt struct {
	Hash      common.Hash
	Succeeded bool
	Block     uint64
	BlockHash common.Hash
	// Fee is what was really paid in wei: gas used at its price, and the L1 fee
	// where the receipt names one.
	Fee *big.Int
}

type receiptJSON struct {
	Hash      *common.Hash    `json:"transactionHash"`
	Status    *hexutil.Uint64 `json:"status"`
	Block     *hexutil.Uint64 `json:"blockNumber"`
	BlockHash *common.Hash    `json:"blockHash"`
	GasUsed   *hexutil.Uint64 `json:"gasUsed"`
	Price     *hexutil.Big    `json:"effectiveGasPrice"`
	L1Fee     *hexutil.Big    `json:"l1Fee"`
}

// receipt reads an answer; nil without error: there is none yet.
func (n *Network) receipt(e *endpoint, c *call, hash common.Hash) (*Receipt, error) {
	var r *receiptJSON
	if err := json.Unmarshal(c.raw, &r); err != nil {
		return nil, n.malformed(e, c, "a receipt")
	}
	if r == nil {
		return nil, nil
	}
	if r.Hash == nil || *r.Hash != hash || r.Status == nil || r.Block == nil || r.BlockHash == nil || r.GasUsed == nil {
		return nil, n.malformed(e, c, "the receipt of "+hash.Hex())
	}
	out := &Receipt{Hash: hash, Succeeded: *r.Status == 1, Block: uint64(*r.Block), BlockHash: *r.BlockHash, Fee: new(big.Int)}
	if r.Price != nil {
		out.Fee.Mul(r.Price.ToInt(), new(big.Int).SetUint64(uint64(*r.GasUsed)))
	}
	if r.L1Fee != nil {
		out.Fee.Add(out.Fee, r.L1Fee.ToInt())
	}
	return out, nil
}

// Await waits until the transaction has its confirmations: the receipt is in a
// block, that many blocks stand on it, and it is still there. It ends with the
// context. A transaction that reverted is a *RevertedError.
func (n *Network) Await(ctx context.Context, hash common.Hash) (Receipt, error) {
	wait := min(20*time.Millisecond, n.options.Poll)
	var trouble error
	for {
		receipt, confirmed, err := n.look(ctx, hash)
		switch {
		case err != nil && isFinal(err):
			return Receipt{}, err
		case err != nil:
			trouble = err // an endpoint that is away now may answer the next time
		case confirmed && !receipt.Succeeded:
			return *receipt, &RevertedError{Network: n.config.Name, Receipt: *receipt}
		case confirmed:
			return *receipt, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return Receipt{}, errors.Join(fmt.Errorf("%s: transaction %s is not confirmed: %w", n.config.Name, hash, ctx.Err()), trouble)
		case <-timer.C:
		}
		wait = min(wait*2, n.options.Poll)
	}
}

func isFinal(err error) bool {
	var ours *Error
	return errors.As(err, &ours) && ours.class == final && ours.under == nil
}

// look reads receipt and head together.
func (n *Network) look(ctx context.Context, hash common.Hash) (*Receipt, bool, error) {
	var found *Receipt
	var confirmed bool
	err := n.read(ctx, func(ctx context.Context, e *endpoint) error {
		if err := n.assert(ctx, e); err != nil {
			return err
		}
		var err error
		found, confirmed, err = n.lookAt(ctx, e, hash)
		return err
	})
	return found, confirmed, err
}

func (n *Network) lookAt(ctx context.Context, e *endpoint, hash common.Hash) (*Receipt, bool, error) {
	receipt, head := ask("eth_getTransactionReceipt", hash), ask("eth_blockNumber")
	if err := n.batch(ctx, e, []*call{receipt, head}); err != nil {
		return nil, false, err
	}
	found, err := n.receipt(e, receipt, hash)
	if err != nil || found == nil {
		return nil, false, err
	}
	number, err := n.number(e, head)
	if err != nil {
		return nil, false, err
	}
	return found, number >= found.Block && number-found.Block >= n.config.Confirmations, nil
}

// Fate is what became of a transaction that may or may not have been sent.
type Fate string

// The fates.
const (
	// Mined and Reverted have their confirmations.
	Mined    Fate = "mined"
	Reverted Fate = "reverted"
	// Waiting: a node has it, or it is mined and not yet confirmed.
	Waiting Fate = "waiting"
	// Replaced: another transaction used its nonce and is confirmed; it can
	// never be mined.
	Replaced Fate = "replaced"
	// Absent: no node has it, and its nonce is unused. It may still come: the
	// next transaction must have the same nonce.
	Absent Fate = "absent"
	// Unclear: its nonce is used and not yet confirmed, or nodes disagree.
	Unclear Fate = "unclear"
)

// Fate asks every endpoint that answers about a transaction of a sender. It
// sends nothing. Being found somewhere outweighs being unknown elsewhere; what
// proves absence must be said by all of them.
func (n *Network) Fate(ctx context.Context, from common.Address, nonce uint64, hash common.Hash) (Fate, Receipt, error) {
	var answers []Fate
	var trouble []error
	for _, e := range n.endpoints {
		fate, receipt, err := n.fateAt(ctx, e, from, nonce, hash)
		switch {
		case err != nil && isFinal(err):
			return Unclear, Receipt{}, err
		case err != nil:
			trouble = append(trouble, err)
		case fate == Mined || fate == Reverted:
			return fate, *receipt, nil
		default:
			answers = append(answers, fate)
		}
	}
	if len(answers) == 0 {
		return Unclear, Receipt{}, errors.Join(trouble...)
	}
	fate := answers[0]
	for _, other := range answers[1:] {
		switch {
		case fate == Waiting || other == Waiting:
			fate = Waiting
		case fate != other:
			fate = Unclear
		}
	}
	return fate, Receipt{}, nil
}

func (n *Network) fateAt(ctx context.Context, e *endpoint, from common.Address, nonce uint64, hash common.Hash) (Fate, *Receipt, error) {
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
	transaction := ask("eth_getTransactionByHash", hash)
	if err := n.batch(ctx, e, []*call{deep, transaction}); err != nil {
		return Unclear, nil, err
	}
	receipt, confirmed, err := n.lookAt(ctx, e, hash)
	if err != nil {
		return Unclear, nil, err
	}
	settled, err := n.number(e, deep)
	if err != nil {
		return Unclear, nil, err
	}
	switch {
	case receipt != nil && !confirmed, receipt == nil && string(transaction.raw) != "null":
		return Waiting, nil, nil
	case receipt != nil && receipt.Succeeded:
		return Mined, receipt, nil
	case receipt != nil:
		return Reverted, receipt, nil
	case used <= nonce:
		return Absent, nil, nil
	case settled > nonce:
		return Replaced, nil, nil
	}
	return Unclear, nil, nil
}
