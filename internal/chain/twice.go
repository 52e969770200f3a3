package chain

import (
	"bytes"
	"context"
	"fmt"
	"reflect"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

func (l *Look) pair() pair { return pair{l.e, l.other} }

// askBoth answers questions as both hosts do, or not at all.
func (l *Look) askBoth(ctx context.Context, questions []evm.Question) ([]evm.Result, error) {
	n := l.network
	a, b, err := both(l.pair(), func(e *endpoint) ([]evm.Result, error) { return n.answer(ctx, e, l.Block, questions) })
	if err != nil {
		return nil, err
	}
	for i, q := range questions {
		if a[i].Reverted && b[i].Reverted && (len(a[i].Data) == 0 || len(b[i].Data) == 0) {
			// Some nodes do not tell what a contract said. What one host alone says is
			// not known.
			a[i].Data, b[i].Data = nil, nil
		}
		if a[i].Reverted == b[i].Reverted && bytes.Equal(a[i].Data, b[i].Data) {
			continue
		}
		return nil, n.disagree(wordsOf(q, l.Block), l.pair(), said(a[i]), said(b[i]), func(e *endpoint) (string, error) {
			if err := n.assert(ctx, e); err != nil {
				return "", err
			}
			one, err := n.answer(ctx, e, l.Block, []evm.Question{q})
			if err != nil {
				return "", err
			}
			return said(one[0]), nil
		})
	}
	return a, nil
}

func wordsOf(q evm.Question, b Block) string {
	what := string(q.About)
	switch q.About {
	case evm.AboutCall:
		what = "call " + brief(hexutil.Encode(q.Data))
	case evm.AboutSlot:
		what = "slot " + q.Slot.Hex()
	}
	return fmt.Sprintf("%s of %s at block %d", what, q.To, b.Number)
}

func said(r evm.Result) string {
	if r.Reverted {
		return fmt.Sprintf("a revert (%s)", evm.Reason(r.Data))
	}
	return hexutil.Encode(r.Data)
}

func (l *Look) logsOfBoth(ctx context.Context, q LogQuery) ([]Log, error) {
	n := l.network
	a, b, err := both(l.pair(), func(e *endpoint) ([]Log, error) { return n.logs(ctx, e, l.Block, q) })
	if err != nil || reflect.DeepEqual(a, b) {
		return a, err
	}
	about := fmt.Sprintf("logs of %s from block %d to %d", q.Addresses[0], q.From, l.Block.Number)
	return nil, n.disagree(about, l.pair(), wordsOfLogs(a), wordsOfLogs(b), func(e *endpoint) (string, error) {
		if err := n.assert(ctx, e); err != nil {
			return "", err
		}
		c, err := n.logs(ctx, e, l.Block, q)
		return wordsOfLogs(c), err
	})
}

// wordsOfLogs tell lists apart: their length, and a digest of all of it.
func wordsOfLogs(logs []Log) string {
	return fmt.Sprintf("%d with digest %s", len(logs), evm.CodeHash(fmt.Appendf(nil, "%x", logs)).Hex()[:18])
}

// accountOfBoth takes what both say of the block of the look; of what moves by
// itself the careful side: whatever one host saw in flight is in flight, and
// the cheaper fees.
func (l *Look) accountOfBoth(ctx context.Context, address common.Address) (Account, error) {
	n := l.network
	a, b, err := both(l.pair(), func(e *endpoint) (Account, error) { return n.account(ctx, e, l.Block, address) })
	if err != nil {
		return Account{}, err
	}
	if x, y := a.words(), b.words(); x != y {
		about := fmt.Sprintf("account %s at block %d", address, l.Block.Number)
		return Account{}, n.disagree(about, l.pair(), x, y, func(e *endpoint) (string, error) {
			if err := n.assert(ctx, e); err != nil {
				return "", err
			}
			c, err := n.account(ctx, e, l.Block, address)
			if err != nil {
				return "", err
			}
			return c.words(), nil
		})
	}
	a.Nonce, a.Pending = a.settled, max(a.Nonce, a.Pending, b.Nonce, b.Pending)
	if b.Fees.PerGas().Cmp(a.Fees.PerGas()) < 0 {
		l1 := a.Fees.L1
		a.Fees = b.Fees
		a.Fees.L1 = l1
	}
	if b.Fees.L1.Cmp(a.Fees.L1) > 0 {
		a.Fees.L1 = b.Fees.L1
	}
	a.Gas = max(a.Gas, b.Gas)
	return a, nil
}

func (a Account) words() string { return fmt.Sprintf("%s wei and nonce %d", a.Balance, a.settled) }

// surveyTwice is a survey whose balances, nonce and codes two hosts confirm.
func (n *Network) surveyTwice(ctx context.Context, q Query) (Survey, error) {
	var found Survey
	err := n.Look(ctx, func(ctx context.Context, l *Look) error {
		found = Survey{Block: l.Block, Code: map[common.Address]bool{}}
		if q.Bank != nil {
			bank, err := l.Account(ctx, *q.Bank)
			if err != nil {
				return err
			}
			found.Bank = &bank
		}
		balances, err := l.balances(ctx, addressesOf(q.Wallets))
		if err != nil {
			return err
		}
		found.Balances = balances
		var poor []Wallet
		for _, w := range q.Wallets {
			if w.Floor != nil && found.Balances[w.Address].Cmp(w.Floor) < 0 {
				poor = append(poor, w)
			}
		}
		codes, err := l.each(ctx, poor, evm.AskCode)
		for address, code := range codes {
			found.Code[address] = len(code) > 0
		}
		return err
	})
	return found, err
}

// each asks the same of every wallet, once of each address.
func (l *Look) each(ctx context.Context, wallets []Wallet, question func(common.Address) evm.Question) (map[common.Address][]byte, error) {
	found := map[common.Address][]byte{}
	var questions []evm.Question
	for _, w := range wallets {
		if _, asked := found[w.Address]; !asked {
			found[w.Address] = nil
			questions = append(questions, question(w.Address))
		}
	}
	answers, err := l.Ask(ctx, questions)
	for i := range answers {
		found[questions[i].To] = answers[i].Data
	}
	return found, err
}
