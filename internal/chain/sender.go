package chain

import (
	"context"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Account reads what a sender of transactions needs, in one HTTP request:
// balance and L1 fee at the block of the look, nonces and prices of now.
func (l *Look) Account(ctx context.Context, address common.Address) (Account, error) {
	if l.other == nil {
		return l.network.account(ctx, l.e, l.Block, address)
	}
	return l.accountOfBoth(ctx, address)
}

func (n *Network) account(ctx context.Context, e *endpoint, b Block, address common.Address) (Account, error) {
	var balance, gas, nonce, pending, settled *call
	var prices feeCalls
	var l1 l1Calls
	err := n.pinned(ctx, e, b, func(at any) []*call {
		nonce, pending = ask("eth_getTransactionCount", address, "latest"), ask("eth_getTransactionCount", address, "pending")
		prices, balance, gas = askFees(), ask("eth_getBalance", address, at), askGas(address, address, new(big.Int))
		settled = ask("eth_getTransactionCount", address, at)
		var more []*call
		l1, more = n.askL1(at)
		return append([]*call{nonce, pending, prices.tip, prices.price, balance, gas, settled}, more...)
	})
	if err != nil {
		return Account{}, err
	}
	var found Account
	if found.Nonce, err = n.number(e, nonce); err != nil {
		return Account{}, err
	}
	if found.Pending, err = n.number(e, pending); err != nil {
		return Account{}, err
	}
	if found.settled, err = n.number(e, settled); err != nil {
		return Account{}, err
	}
	if found.Balance, err = n.quantity(e, balance); err != nil {
		return Account{}, err
	}
	if found.Gas, err = n.gas(e, gas); err != nil {
		return Account{}, err
	}
	if found.Fees, err = n.fees(e, b, prices); err != nil {
		return Account{}, err
	}
	found.Fees.L1, err = n.l1Fee(e, l1)
	return found, err
}

func askGas(from, to common.Address, wei *big.Int) *call {
	return ask("eth_estimateGas", map[string]any{"from": from, "to": to, "value": (*hexutil.Big)(wei)})
}
