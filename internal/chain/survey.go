package chain

import (
	"context"
	"maps"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Query says what to read of a network.
type Query struct {
	// Bank pays. Nil: fees, nonces and the bank's balance are not read.
	Bank    *common.Address
	Wallets []Wallet
}

// Wallet is an address whose balance is wanted. Its code is read too when its
// balance is below Floor (wei; nil: never).
type Wallet struct {
	Address common.Address
	Floor   *big.Int
}

// Block is the block that a survey or a look was pinned to.
type Block struct {
	Number uint64
	Hash   common.Hash
	// Time is seconds since 1970 UTC.
	Time uint64
	// BaseFee in wei; nil on a chain without EIP-1559.
	BaseFee *big.Int
	// GasLimit of the block; 0 where the endpoint does not say.
	GasLimit uint64
}

// Account is the bank, or another sender. Pending above Nonce means that transactions of it are
// in flight.
type Account struct {
	Balance        *big.Int
	Nonce, Pending uint64
	// Fees of a transfer now, and the gas that a plain one takes here.
	Fees Fees
	Gas  uint64
	// settled is the nonce at the block of the look.
	settled uint64
}

// Survey is what a Query found, all of it from one endpoint and, but for nonces
// and prices, from one block.
type Survey struct {
	Block    Block
	Bank     *Account
	Balances map[common.Address]*big.Int
	// Code says of each wallet below its floor whether it has code.
	Code map[common.Address]bool
}

// Survey reads a network in 1 + ⌈(addresses+bank)/BatchSize⌉ HTTP requests, where
// bank is 2 elements and 4 on OP-stack chains: at most ⌈addresses/100⌉ + 2 with
// the default batch. More addresses than that are asked for 200 at a time where
// Multicall3 stands with its published code: 1,000 take two requests. Codes are
// only read of wallets that are to be paid, in ⌈paid/BatchSize⌉ requests more.
// With Options.Agree two hosts are asked all that.
func (n *Network) Survey(ctx context.Context, q Query) (Survey, error) {
	if n.options.Agree {
		return n.surveyTwice(ctx, q)
	}
	var found Survey
	err := n.read(ctx, func(ctx context.Context, e *endpoint) error {
		var err error
		found, err = n.survey(ctx, e, q)
		return err
	})
	return found, err
}

func (n *Network) survey(ctx context.Context, e *endpoint, q Query) (Survey, error) {
	s := surveyor{Network: n, e: e, found: Survey{Balances: map[common.Address]*big.Int{}, Code: map[common.Address]bool{}}}
	if err := s.head(ctx, q); err != nil {
		return Survey{}, err
	}
	if err := s.state(ctx, q); err != nil {
		return Survey{}, err
	}
	if err := s.codes(ctx, q.Wallets); err != nil {
		return Survey{}, err
	}
	return s.found, nil
}

type surveyor struct {
	*Network
	e     *endpoint
	found Survey
	// at is the pinned block as a parameter.
	at string
	// multicall says that Multicall3 can be believed here.
	multicall bool
}

// head is the first request: which chain, which block, and what moves by itself.
func (s *surveyor) head(ctx context.Context, q Query) error {
	asserting, calls := s.assertion()
	latest := ask("eth_getBlockByNumber", "latest", false)
	calls = append(calls, latest)
	bank := q.Bank
	var code, nonce, pending *call
	if len(q.Wallets) > s.config.BatchSize {
		code = askOptional("eth_getCode", common.HexToAddress(multicallAddress), "latest")
		calls = append(calls, code)
	}
	fees := askFees()
	if bank != nil {
		nonce, pending = ask("eth_getTransactionCount", *bank, "latest"), ask("eth_getTransactionCount", *bank, "pending")
		calls = append(calls, nonce, pending, fees.tip, fees.price)
	}
	if err := s.batch(ctx, s.e, calls); err != nil {
		return err
	}
	if err := s.holds(s.e, asserting); err != nil {
		return err
	}
	var err error
	if s.found.Block, err = s.header(s.e, latest); err != nil {
		return err
	}
	s.at = hexutil.EncodeUint64(s.found.Block.Number)
	if code != nil && code.err == nil {
		is, err := s.data(s.e, code)
		if err != nil {
			return err
		}
		s.multicall = isMulticall(is)
	}
	if bank == nil {
		return nil
	}
	s.found.Bank = &Account{}
	if s.found.Bank.Nonce, err = s.number(s.e, nonce); err != nil {
		return err
	}
	if s.found.Bank.Pending, err = s.number(s.e, pending); err != nil {
		return err
	}
	s.found.Bank.Fees, err = s.fees(s.e, s.found.Block, fees)
	return err
}

// state is what is pinned to the block: the bank and the balances.
func (s *surveyor) state(ctx context.Context, q Query) error {
	var calls []*call
	var balance, gas *call
	var l1 l1Calls
	if q.Bank != nil {
		balance = ask("eth_getBalance", *q.Bank, s.at)
		gas = askGas(*q.Bank, *q.Bank, new(big.Int))
		calls = append(calls, balance, gas)
		var more []*call
		l1, more = s.askL1(s.at)
		calls = append(calls, more...)
	}
	left := addressesOf(q.Wallets)
	many := s.together(left)
	if s.multicall {
		left = nil
	}
	calls = append(calls, many.calls...)
	calls, single := s.one(calls, left)
	if err := s.batch(ctx, s.e, calls); err != nil {
		return err
	}
	left, err := s.take(many)
	if err != nil {
		return err
	}
	again, rest := s.one(nil, left)
	if err := s.batch(ctx, s.e, again); err != nil {
		return err
	}
	maps.Copy(single, rest)
	for address, c := range single {
		if s.found.Balances[address], err = s.quantity(s.e, c); err != nil {
			return err
		}
	}
	if q.Bank == nil {
		return nil
	}
	if s.found.Bank.Balance, err = s.quantity(s.e, balance); err != nil {
		return err
	}
	if s.found.Bank.Gas, err = s.gas(s.e, gas); err != nil {
		return err
	}
	s.found.Bank.Fees.L1, err = s.l1Fee(s.e, l1)
	return err
}

// one asks for the balance of each.
func (s *surveyor) one(calls []*call, of []common.Address) ([]*call, map[common.Address]*call) {
	asked := make(map[common.Address]*call, len(of))
	for _, address := range of {
		asked[address] = ask("eth_getBalance", address, s.at)
		calls = append(calls, asked[address])
	}
	return calls, asked
}

// codes reads the code of the wallets below their floor.
func (s *surveyor) codes(ctx context.Context, wallets []Wallet) error {
	asked := map[common.Address]*call{}
	var calls []*call
	for _, w := range wallets {
		if w.Floor == nil || s.found.Balances[w.Address].Cmp(w.Floor) >= 0 || asked[w.Address] != nil {
			continue
		}
		asked[w.Address] = ask("eth_getCode", w.Address, s.at)
		calls = append(calls, asked[w.Address])
	}
	if err := s.batch(ctx, s.e, calls); err != nil {
		return err
	}
	for address, c := range asked {
		code, err := s.data(s.e, c)
		if err != nil {
			return err
		}
		s.found.Code[address] = len(code) > 0
	}
	return nil
}

// maxGas is above every chain's block gas limit; more is a lie.
const maxGas = 1 << 50

func (n *Network) gas(e *endpoint, c *call) (uint64, error) {
	gas, err := n.number(e, c)
	if err != nil {
		return 0, err
	}
	if gas < transferGas || gas > maxGas {
		return 0, n.malformed(e, c, "the gas of a transfer")
	}
	return gas, nil
}

// EstimateTransfer asks what gas a transfer takes. A transfer to a Safe takes
// 27,000, on some rollups any transfer takes more than 21,000; a fifth is added
// to everything but the bare minimum. An error here also means that the transfer
// would revert.
func (n *Network) EstimateTransfer(ctx context.Context, from, to common.Address, wei *big.Int) (uint64, error) {
	var gas uint64
	err := n.read(ctx, func(ctx context.Context, e *endpoint) error {
		if err := n.assert(ctx, e); err != nil {
			return err
		}
		c := askGas(from, to, wei)
		if err := n.batch(ctx, e, []*call{c}); err != nil {
			return err
		}
		var err error
		gas, err = n.gas(e, c)
		return err
	})
	if err == nil && gas > transferGas {
		gas += gas / 5
	}
	return gas, err
}
