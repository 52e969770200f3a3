package main

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// candidate is a transaction that an owner is asked to sign.
type candidate struct {
	safe   config.Safe
	tx     safe.Tx
	source string
	odd    []string
}

// byHash finds a transaction among our records, then in the services' queues.
func (s *session) byHash(ctx context.Context, hash common.Hash) (candidate, error) {
	r, declared, err := s.recorded(ctx, hash)
	if err != nil {
		return candidate{}, err
	}
	if r != nil {
		_, tx, _, err := r.Batch()
		found := candidate{safe: declared, tx: tx, source: "a recorded proposal of ours"}
		if need := call.MultiSend(s.env, declared.Network); r.MultiSend != need {
			found.odd = append(found.odd, fmt.Sprintf("it goes through %s, the environment pins %s as MultiSendCallOnly", r.MultiSend, need))
		}
		return found, err
	}
	var missed []string
	for _, seen := range s.seeSafes(ctx) {
		if cause := firstError(seen.err, seen.queueErr); cause != nil {
			missed = append(missed, seen.Network+" "+seen.Name)
			continue
		}
		if found, ok := seen.claimed(hash); ok {
			return found, nil
		}
	}
	err = fmt.Errorf("%s: nothing with the hash %s is recorded or waits", s.env.Name, hash.Hex())
	if len(missed) > 0 {
		err = fmt.Errorf("%w; not read: %s", err, strings.Join(missed, ", "))
	}
	return candidate{}, withHint(err, "reconcile safe list %s", s.env.Name)
}

func firstError(errs ...error) error {
	at := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if at < 0 {
		return nil
	}
	return errs[at]
}

// claimed finds what waits under a hash: by its bytes, or by what the service says
// its hash is. The latter is odd where the two differ.
func (s safeSeen) claimed(hash common.Hash) (candidate, bool) {
	found := candidate{safe: s.Safe, source: "the queue of its service; it is no proposal of ours"}
	for _, w := range s.waiting {
		if w.Hash == hash {
			found.tx = w.Tx
			if w.Like != "" {
				found.odd = append(found.odd, "it looks like a proposal of ours: "+w.Like)
			}
			return found, true
		}
	}
	for _, p := range s.queue {
		if p.SafeTxHash == hash {
			found.tx = p.Tx
			found.odd = append(found.odd, fmt.Sprintf("its service shows it under the hash %s, which is not that of its bytes", hash.Hex()))
			return found, true
		}
	}
	return found, false
}

// byFile reads a Transaction Builder file. It has no nonce: that of our proposal
// of the same calls counts, else the Safe's next.
func (s *session) byFile(ctx context.Context, path string, nonce int64) (candidate, error) {
	data, err := readFile(path)
	if err != nil {
		return candidate{}, err
	}
	file, odd, err := safe.ReadForeign(data)
	if err != nil {
		return candidate{}, &exitError{code: exitRefused, err: fmt.Errorf("%s: %w", path, err)}
	}
	at := slices.IndexFunc(s.env.Safes, func(d config.Safe) bool {
		n, _ := s.env.Network(d.Network)
		return n.ChainID == file.ChainID && d.Address != "" && common.HexToAddress(d.Address) == file.Safe
	})
	if at < 0 {
		return candidate{}, &exitError{code: exitRefused, err: fmt.Errorf("%s: is for Safe %s on chain %d, which %s does not declare", path, file.Safe, file.ChainID, s.env.Name)}
	}
	found := candidate{safe: s.env.Safes[at], odd: odd, source: path + "; no proposal of ours holds exactly its calls"}
	seen := s.seeSafe(ctx, found.safe)
	if seen.err != nil {
		return candidate{}, seen.err
	}
	next := seen.state.Nonce
	for _, w := range seen.waiting {
		if w.Record != nil && sameCalls(w.Record.Calls, file.Calls) {
			next, found.source = w.Tx.Nonce, path+"; the calls of our proposal "+w.Hash.Hex()
			break
		}
	}
	if nonce >= 0 {
		next = uint64(nonce) //nolint:gosec // not negative
	}
	found.tx, err = safe.Batch(common.HexToAddress(call.MultiSend(s.env, found.safe.Network)), file.Calls, next)
	return found, err
}

func sameCalls(wires []evm.Wire, calls []evm.Call) bool {
	return slices.EqualFunc(wires, calls, func(w evm.Wire, c evm.Call) bool { return w == c.Wire() })
}

// proved computes the hashes of a candidate, asks the Safe for its own, and tells
// what the transaction does.
func (s *session) proved(ctx context.Context, c candidate) (view.SafeTransaction, error) {
	network, _ := s.env.Network(c.safe.Network)
	address, multiSend := common.HexToAddress(c.safe.Address), common.HexToAddress(call.MultiSend(s.env, c.safe.Network))
	hashes, err := safe.HashesOf(network.ChainID, address, c.tx)
	if err != nil {
		return view.SafeTransaction{}, err
	}
	t := view.SafeTransaction{
		Odd: c.odd, Source: c.source, Safe: c.safe.Name, Network: c.safe.Network, Address: c.safe.Address, ChainID: network.ChainID, Nonce: c.tx.Nonce,
		To: c.tx.To.Hex(), Value: wei(c.tx.Value), Data: hexutil.Encode(c.tx.Data), Operation: c.tx.Operation,
		Domain: hashes.Domain.Hex(), Message: hashes.Message.Hex(), SafeTx: hashes.SafeTx.Hex(),
	}
	odd, err := s.asked(ctx, c, hashes.SafeTx)
	if err != nil {
		return t, err
	}
	t.Odd = append(t.Odd, odd...)
	effects := safe.EffectsOf(address, multiSend, c.tx, call.Names(s.env, c.safe.Network))
	calls, err := safe.Unbatch(c.tx, multiSend)
	if err != nil {
		t.Odd = append(t.Odd, err.Error())
		calls = []evm.Call{{To: c.tx.To, Value: c.tx.Value, Data: c.tx.Data}}
	}
	for i, one := range calls {
		shown := view.SafeCall{To: one.To.Hex(), Value: wei(one.Value), Data: hexutil.Encode(one.Data)}
		told := effects
		if len(effects) == len(calls) {
			told = effects[i : i+1]
		}
		for _, e := range told {
			shown.Effect, shown.Danger = joinWords(shown.Effect, e.Text), joinWords(shown.Danger, e.Danger)
		}
		t.Calls = append(t.Calls, shown)
	}
	return t, nil
}

func joinWords(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func wei(n *big.Int) string {
	if n == nil {
		return "0"
	}
	return n.String()
}

// asked compares with the chain: the Safe's nonce, and the hash that the Safe
// itself computes of the transaction.
func (s *session) asked(ctx context.Context, c candidate, hash common.Hash) (odd []string, err error) {
	state, err := s.safeState(ctx, c.safe)
	if err != nil {
		return nil, err
	}
	if c.tx.Nonce < state.Nonce {
		odd = append(odd, fmt.Sprintf("its nonce %d is used, the Safe is at %d: it was executed or replaced, and needs no signature", c.tx.Nonce, state.Nonce))
	}
	client, err := s.chains.pool(c.safe.Network)
	if err != nil {
		return nil, err
	}
	question, read := safe.HashQuestion(common.HexToAddress(c.safe.Address), c.tx)
	var answers []evm.Result
	err = client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		answers, err = l.Ask(ctx, []evm.Question{question})
		return err
	})
	if err != nil {
		return nil, err
	}
	switch theirs, err := read(answers[0]); {
	case err != nil:
		odd = append(odd, fmt.Sprintf("the Safe itself computes no hash of it: %v", err))
	case theirs != hash:
		odd = append(odd, fmt.Sprintf("the Safe itself computes another hash, %s", theirs.Hex()))
	}
	return odd, nil
}
