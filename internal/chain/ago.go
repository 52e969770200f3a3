package chain

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// AskAgo answers questions as Ask does, but at the block that stands so many
// blocks below the look's. It is named by its number alone: what is that deep is
// not expected to be replaced, and the caller takes answers that contradict each
// other for what they are. Nodes keep the state of the last 128 blocks at least.
func (l *Look) AskAgo(ctx context.Context, blocks uint64, questions []evm.Question) ([]evm.Result, error) {
	if blocks == 0 {
		return l.Ask(ctx, questions)
	}
	at := Block{Number: l.Block.Number - min(blocks, l.Block.Number)}
	n := l.network
	if l.other == nil {
		return n.answerAt(ctx, l.e, at, questions)
	}
	a, b, err := both(l.pair(), func(e *endpoint) ([]evm.Result, error) { return n.answerAt(ctx, e, at, questions) })
	if err != nil {
		return nil, err
	}
	for i, q := range questions {
		if a[i].Reverted == b[i].Reverted && bytes.Equal(a[i].Data, b[i].Data) {
			continue
		}
		return nil, n.disagree(wordsOf(q, at), l.pair(), said(a[i]), said(b[i]), func(e *endpoint) (string, error) {
			if err := n.assert(ctx, e); err != nil {
				return "", err
			}
			one, err := n.answerAt(ctx, e, at, []evm.Question{q})
			if err != nil {
				return "", err
			}
			return said(one[0]), nil
		})
	}
	return a, nil
}

// answerAt asks at a block by its number.
func (n *Network) answerAt(ctx context.Context, e *endpoint, b Block, questions []evm.Question) ([]evm.Result, error) {
	calls := make([]*call, len(questions))
	for i, q := range questions {
		if calls[i] = asking(q, hexutil.EncodeUint64(b.Number)); calls[i] == nil {
			return nil, fmt.Errorf("%s: nobody can be asked about %q", n.config.Name, q.About)
		}
	}
	if err := n.batch(ctx, e, calls); err != nil {
		return nil, err
	}
	results := make([]evm.Result, len(questions))
	for i, q := range questions {
		var err error
		if results[i], err = n.result(e, q.About, calls[i]); err != nil {
			return nil, err
		}
	}
	return results, nil
}
