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
// context. A transaction that reverted is a *RevertedError. With Options.Agree
// two hosts must say so of the same block.
func (n *Network) Await(ctx context.Context, hash common.Hash) (Receipt, error) {
	return n.await(ctx, []common.Hash{hash}, false)
}

// AwaitAny is Await for transactions of one nonce, of which one can be mined. It
// waits no longer than Options.Stuck and Options.StuckBlocks for a first receipt:
// a *StuckError then tells the caller to offer more, or to look at its nonce.
func (n *Network) AwaitAny(ctx context.Context, hashes []common.Hash) (Receipt, error) {
	return n.await(ctx, hashes, true)
}

// StuckError is a transaction that no block took while several could have. It
// may still be mined: a replacement must have its nonce.
type StuckError struct {
	Network string
	// Hashes of the nonce's transactions, the last one sent last.
	Hashes []common.Hash
	// Blocks that were made meanwhile.
	Blocks uint64
}

// Error names the transaction and what was waited for.
func (e *StuckError) Error() string {
	return fmt.Sprintf("%s: transaction %s is stuck: %d blocks were made without it", e.Network, e.Hashes[len(e.Hashes)-1], e.Blocks)
}

func (n *Network) await(ctx context.Context, hashes []common.Hash, impatient bool) (Receipt, error) {
	if len(hashes) == 0 || len(hashes) > maxHashes {
		return Receipt{}, fmt.Errorf("%s: %d transactions cannot be awaited: 1 to %d", n.config.Name, len(hashes), maxHashes)
	}
	patience := patience{after: time.Now().Add(n.options.Stuck), blocks: n.options.StuckBlocks}
	wait := min(20*time.Millisecond, n.options.Poll)
	var trouble error
	for {
		seen, err := n.look(ctx, hashes)
		switch {
		case err != nil && isFinal(err):
			return Receipt{}, err
		case err != nil:
			trouble = err // an endpoint that is away now may answer the next time
		case seen.confirmed && !seen.receipt.Succeeded:
			return *seen.receipt, &RevertedError{Network: n.config.Name, Receipt: *seen.receipt}
		case seen.confirmed:
			return *seen.receipt, nil
		case seen.receipt == nil && impatient:
			if blocks, over := patience.over(seen.head); over {
				return Receipt{}, &StuckError{Network: n.config.Name, Hashes: hashes, Blocks: blocks}
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return Receipt{}, errors.Join(fmt.Errorf("%s: transaction %s is not confirmed: %w", n.config.Name, hashes[len(hashes)-1], ctx.Err()), trouble)
		case <-timer.C:
		}
		wait = min(wait*2, n.options.Poll)
	}
}

// patience ends when both time and blocks went by: a chain that stands still
// would not take a dearer transaction either.
type patience struct {
	after  time.Time
	blocks uint64
	// first head that was seen, and whether one was.
	first uint64
	began bool
}

func (p *patience) over(head uint64) (blocks uint64, over bool) {
	if !p.began || head < p.first {
		p.first, p.began = head, true
	}
	return head - p.first, head-p.first >= p.blocks && !time.Now().Before(p.after)
}

// maxHashes bounds the transactions of one nonce: each is an eighth dearer than
// the one before, so the last pays forty times the first.
const maxHashes = 32

// isFinal tells whether asking again is of no use.
func isFinal(err error) bool {
	var ours *Error
	if errors.As(err, &ours) {
		return ours.class == final && ours.under == nil
	}
	var lonely *LonelyError
	var disagree *DisagreementError
	return errors.As(err, &lonely) || errors.As(err, &disagree)
}

// sight is what one look at transactions of one nonce showed.
type sight struct {
	// receipt of the one that was mined; nil: none is.
	receipt   *Receipt
	confirmed bool
	head      uint64
}

// look reads receipts and head together.
func (n *Network) look(ctx context.Context, hashes []common.Hash) (sight, error) {
	if n.options.Agree {
		return n.lookTwice(ctx, hashes)
	}
	var seen sight
	err := n.read(ctx, func(ctx context.Context, e *endpoint) error {
		var err error
		seen, err = n.lookAt(ctx, e, hashes)
		return err
	})
	return seen, err
}

func (n *Network) lookAt(ctx context.Context, e *endpoint, hashes []common.Hash) (sight, error) {
	if err := n.assert(ctx, e); err != nil {
		return sight{}, err
	}
	head := ask("eth_blockNumber")
	calls := make([]*call, len(hashes), len(hashes)+1)
	for i, hash := range hashes {
		calls[i] = ask("eth_getTransactionReceipt", hash)
	}
	if err := n.batch(ctx, e, append(calls, head)); err != nil {
		return sight{}, err
	}
	var seen sight
	var err error
	if seen.head, err = n.number(e, head); err != nil {
		return sight{}, err
	}
	for i, c := range calls {
		one, err := n.receipt(e, c, hashes[i])
		if err == nil && one != nil && seen.receipt != nil {
			err = n.malformed(e, c, "null: "+seen.receipt.Hash.Hex()+" of the same nonce is mined")
		}
		if err != nil {
			return sight{}, err
		}
		if one != nil {
			seen.receipt = one
			seen.confirmed = seen.head >= one.Block && seen.head-one.Block >= n.config.Confirmations
		}
	}
	return seen, nil
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
