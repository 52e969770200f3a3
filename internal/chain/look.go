package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Look is a view of a chain at one block, through one endpoint, or through two
// that must agree. It is valid within the function it was given to, and not safe
// for concurrent use.
type Look struct {
	// Block that every answer is of.
	Block   Block
	network *Network
	e       *endpoint
	// other is asked everything too; nil where one host is believed.
	other *endpoint
}

// Look lets f read as much as it wants at one block. Everything comes from one
// endpoint that serves the declared chain. When that endpoint fails, f is run
// again from its start on another one, and perhaps at another block: f resets
// whatever it gathered when it begins. An error of f that is no *Error ends the
// look. It costs one HTTP request, and those of f.
//
// With Options.Agree everything is asked of two independent hosts, at the lower
// of their heads, and each answer compared: a difference is a
// *DisagreementError, fewer than two hosts a *LonelyError.
func (n *Network) Look(ctx context.Context, f func(context.Context, *Look) error) error {
	if n.options.Agree {
		return n.readTwice(ctx, func(ctx context.Context, p pair) error {
			head, err := n.headOfBoth(ctx, p)
			if err != nil {
				return err
			}
			return f(ctx, &Look{Block: head, network: n, e: p.a, other: p.b})
		})
	}
	return n.read(ctx, func(ctx context.Context, e *endpoint) error {
		head, err := n.head(ctx, e)
		if err != nil {
			return err
		}
		return f(ctx, &Look{Block: head, network: n, e: e})
	})
}

// head asserts the chain and reads its newest block in one request.
func (n *Network) head(ctx context.Context, e *endpoint) (Block, error) {
	asserting, calls := n.assertion()
	latest := ask("eth_getBlockByNumber", "latest", false)
	if err := n.batch(ctx, e, append(calls, latest)); err != nil {
		return Block{}, err
	}
	if err := n.holds(e, asserting); err != nil {
		return Block{}, err
	}
	return n.header(e, latest)
}

// Ask answers questions in their order, all at the block of the look, in
// ⌈questions/BatchSize⌉ HTTP requests. A contract that reverts, or that runs
// into an end of its own (an invalid opcode, or more gas than MaxGas, which is the
// same bound on every host), is a Result that is Reverted; any other error of any element is an error of the endpoint. Data
// beyond evm.MaxReply is cut to one byte more, which evm refuses to decode, and
// is zeros where it was too long to be read at all.
func (l *Look) Ask(ctx context.Context, questions []evm.Question) ([]evm.Result, error) {
	if l.other == nil {
		return l.network.answer(ctx, l.e, l.Block, questions)
	}
	return l.askBoth(ctx, questions)
}

func (n *Network) answer(ctx context.Context, e *endpoint, b Block, questions []evm.Question) ([]evm.Result, error) {
	for _, q := range questions {
		if asking(q, nil) == nil {
			return nil, fmt.Errorf("%s: nobody can be asked about %q", n.config.Name, q.About)
		}
	}
	again := maxHalvings
	return n.answerUpTo(ctx, e, b, questions, &again)
}

// maxHalvings bounds how often questions are asked again in halves because of
// what contracts return: enough to find four that return too much in 100.
const maxHalvings = 32

// answerUpTo asks in halves where the whole reply is too long. How much a
// contract returns it decides itself, and one of them must not keep the others
// from being read.
func (n *Network) answerUpTo(ctx context.Context, e *endpoint, b Block, questions []evm.Question, again *int) ([]evm.Result, error) {
	results, err := n.answerAll(ctx, e, b, questions)
	var ours *Error
	if err == nil || !errors.As(err, &ours) || !ours.oversize || *again == 0 {
		return results, err
	}
	if *again--; len(questions) == 1 {
		if questions[0].About == evm.AboutCall {
			return []evm.Result{{Data: make([]byte, evm.MaxReply+1)}}, nil
		}
		return nil, err
	}
	half := len(questions) / 2
	first, err := n.answerUpTo(ctx, e, b, questions[:half], again)
	if err != nil {
		return nil, err
	}
	second, err := n.answerUpTo(ctx, e, b, questions[half:], again)
	return append(first, second...), err
}

func (n *Network) answerAll(ctx context.Context, e *endpoint, b Block, questions []evm.Question) ([]evm.Result, error) {
	calls := make([]*call, len(questions))
	err := n.pinned(ctx, e, b, func(at any) []*call {
		for i, q := range questions {
			calls[i] = asking(q, at)
		}
		return calls
	})
	if err != nil {
		return nil, err
	}
	results := make([]evm.Result, len(questions))
	for i, q := range questions {
		if results[i], err = n.result(e, q.About, calls[i]); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// asking is the element of a question; nil for what nobody can be asked.
func asking(q evm.Question, at any) *call {
	switch q.About {
	case evm.AboutCall:
		return askOptional("eth_call", map[string]any{"to": q.To, "data": hexutil.Bytes(q.Data), "gas": hexutil.Uint64(MaxGas)}, at)
	case evm.AboutCode:
		return askOptional("eth_getCode", q.To, at)
	case evm.AboutSlot:
		return askOptional("eth_getStorageAt", q.To, q.Slot, at)
	case evm.AboutBalance:
		return askOptional("eth_getBalance", q.To, at)
	case evm.AboutNonce:
		return askOptional("eth_getTransactionCount", q.To, at)
	}
	return nil
}

func (n *Network) result(e *endpoint, about evm.About, c *call) (evm.Result, error) {
	if about == evm.AboutCall {
		if data, reverted := revertOf(c); reverted {
			return evm.Result{Data: data, Reverted: true}, nil
		}
	}
	if c.err != nil {
		return evm.Result{}, c.err
	}
	switch about {
	case evm.AboutCall:
		data, err := n.returned(e, c)
		return evm.Result{Data: data}, err
	case evm.AboutCode:
		code, err := n.data(e, c)
		return evm.Result{Data: code}, err
	case evm.AboutSlot:
		word, err := n.data(e, c)
		if err == nil && len(word) > common.HashLength {
			err = n.malformed(e, c, "a word of storage")
		}
		return wordOf(new(big.Int).SetBytes(word), err)
	default:
		return wordOf(n.quantity(e, c))
	}
}

func wordOf(value *big.Int, err error) (evm.Result, error) {
	if err != nil {
		return evm.Result{}, err
	}
	return evm.Result{Data: common.BigToHash(value).Bytes()}, nil
}

// returned reads what a call returned. How long that is a contract decides, and
// not the endpoint, so a long one is cut and not refused.
func (n *Network) returned(e *endpoint, c *call) ([]byte, error) {
	if len(c.raw) <= len(`"0x"`)+2*(evm.MaxReply+1) {
		return n.data(e, c)
	}
	cut := *c
	cut.raw = append(append([]byte{}, c.raw[:len(`"0x`)+2*(evm.MaxReply+1)]...), '"')
	return n.data(e, &cut)
}
