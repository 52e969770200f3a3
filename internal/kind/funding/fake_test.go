package funding_test

import (
	"context"
	"errors"
	"math/big"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
)

// fake is a network in memory: it mines what it is sent, at once.
type fake struct {
	declared config.Network

	mu       sync.Mutex
	balances map[common.Address]*big.Int
	code     map[common.Address]bool
	nonce    uint64
	// pending is how many transactions of the bank somebody else sent.
	pending       uint64
	fees          chain.Fees
	gas           uint64
	mined         map[common.Hash]chain.Receipt
	block         uint64
	reads, writes kindtest.Fault
}

func newFake() *fake {
	declared, _ := environment().Network(fuji)
	return &fake{
		declared: declared, block: 7, gas: 21_000,
		balances: map[common.Address]*big.Int{addressOf("bank"): milli(100_000)},
		code:     map[common.Address]bool{}, mined: map[common.Hash]chain.Receipt{},
		fees: chain.Fees{Type: chain.TypeDynamic, Tip: big.NewInt(1e9), Cap: big.NewInt(51e9), Least: big.NewInt(30e9), L1: new(big.Int)},
	}
}

func onFake(*testing.T) place { return newFake().place() }

func (f *fake) place() place {
	breaking := func(which *kindtest.Fault) func(*testing.T, kindtest.Fault) func() {
		set := func(fault kindtest.Fault) {
			f.mu.Lock()
			defer f.mu.Unlock()
			*which = fault
		}
		return func(_ *testing.T, fault kindtest.Fault) func() {
			set(fault)
			return func() { set("") }
		}
	}
	return place{
		network: f, reads: breaking(&f.reads), writes: breaking(&f.writes),
		payments: func(*testing.T) int { f.mu.Lock(); defer f.mu.Unlock(); return int(f.nonce) },
		burn:     func(_ *testing.T, name string, wei *big.Int) { f.add(addressOf(name), new(big.Int).Neg(wei)) },
	}
}

func (f *fake) add(address common.Address, wei *big.Int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.balances[address] = new(big.Int).Add(f.of(address), wei)
}

func (f *fake) of(address common.Address) *big.Int {
	if wei := f.balances[address]; wei != nil {
		return wei
	}
	return new(big.Int)
}

// Config is the network as declared.
func (f *fake) Config() config.Network { return f.declared }

func (f *fake) broken() error {
	if f.reads != "" {
		return errors.New("fuji: endpoint fake: eth_getBalance: " + string(f.reads))
	}
	return nil
}

// Survey reads as chain.Network does.
func (f *fake) Survey(_ context.Context, q chain.Query) (chain.Survey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.broken(); err != nil {
		return chain.Survey{}, err
	}
	s := chain.Survey{
		Block:    chain.Block{Number: f.block, Hash: common.BigToHash(new(big.Int).SetUint64(f.block)), BaseFee: big.NewInt(25e9)},
		Balances: map[common.Address]*big.Int{}, Code: map[common.Address]bool{},
	}
	for _, w := range q.Wallets {
		s.Balances[w.Address] = new(big.Int).Set(f.of(w.Address))
		if w.Floor != nil && s.Balances[w.Address].Cmp(w.Floor) < 0 {
			s.Code[w.Address] = f.code[w.Address]
		}
	}
	if q.Bank != nil {
		s.Bank = &chain.Account{Balance: new(big.Int).Set(f.of(*q.Bank)), Nonce: f.nonce, Pending: f.nonce + f.pending, Fees: f.fees, Gas: f.gas}
	}
	return s, nil
}

// EstimateTransfer is what the fake says.
func (f *fake) EstimateTransfer(_ context.Context, from, _ common.Address, wei *big.Int) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of(from).Cmp(wei) < 0 {
		return 0, errors.New("insufficient funds for transfer")
	}
	return f.gas, f.broken()
}

// Send mines a transfer, or refuses it with the words of a node.
func (f *fake) Send(_ context.Context, raw []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	refuse := func(refusal chain.Refusal, words string) error {
		return &chain.SendError{Refusal: refusal, Err: errors.New(words)}
	}
	fault := f.writes
	switch fault {
	case kindtest.Denied, kindtest.Throttled:
		return refuse(chain.NotAccepted, string(fault))
	case kindtest.Dropped:
		return refuse(chain.Ambiguous, "no answer in time")
	case kindtest.Lost:
		f.writes = ""
	}
	from, t, hash, err := chain.ReadTransfer(raw)
	if err != nil || t.ChainID != f.declared.ChainID {
		return refuse(chain.NotAccepted, "invalid transaction")
	}
	if _, done := f.mined[hash]; !done {
		fee := f.fee(raw)
		cost := new(big.Int).Add(t.Value, fee)
		switch {
		case t.Nonce < f.nonce:
			return refuse(chain.NonceTooLow, "nonce too low")
		case t.Nonce > f.nonce+f.pending:
			return refuse(chain.NotAccepted, "nonce too high")
		case f.of(from).Cmp(cost) < 0:
			return refuse(chain.InsufficientFunds, "insufficient funds")
		}
		f.balances[from] = new(big.Int).Sub(f.of(from), cost)
		f.balances[t.To] = new(big.Int).Add(f.of(t.To), t.Value)
		f.nonce, f.block = f.nonce+1, f.block+1
		f.mined[hash] = chain.Receipt{Hash: hash, Succeeded: true, Block: f.block, Fee: fee}
	}
	if fault == kindtest.Lost {
		return refuse(chain.Ambiguous, "no answer in time")
	}
	return nil
}

// fee is what a transfer costs: 26 gwei a gas, or all that it offers.
func (f *fake) fee(raw []byte) *big.Int {
	var tx types.Transaction
	price := big.NewInt(26e9)
	if err := tx.UnmarshalBinary(raw); err == nil && tx.GasFeeCap().Cmp(price) < 0 {
		price = tx.GasFeeCap()
	}
	return new(big.Int).Mul(price, new(big.Int).SetUint64(tx.Gas()))
}

// Await gives the receipt of what was mined.
func (f *fake) Await(ctx context.Context, hash common.Hash) (chain.Receipt, error) {
	f.mu.Lock()
	receipt, done := f.mined[hash]
	f.mu.Unlock()
	if done {
		return receipt, nil
	}
	<-ctx.Done()
	return chain.Receipt{}, ctx.Err()
}

// Fate knows what was mined and which nonces are used.
func (f *fake) Fate(_ context.Context, _ common.Address, nonce uint64, hash common.Hash) (chain.Fate, chain.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.broken(); err != nil {
		return chain.Unclear, chain.Receipt{}, err
	}
	receipt, done := f.mined[hash]
	switch {
	case done:
		return chain.Mined, receipt, nil
	case nonce < f.nonce:
		return chain.Replaced, receipt, nil
	default:
		return chain.Absent, receipt, nil
	}
}
