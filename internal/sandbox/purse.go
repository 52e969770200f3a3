package sandbox

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// bankCoins is what a bank holds on each network, in whole coins, where the
// environment does not need more.
const bankCoins = 10_000

// ownerCoins is what a key of use owner holds on each network, in whole coins.
const ownerCoins = 100

// purse is a key that is there from the start, and what it holds in wei by
// network. Its address is known once the key is made.
type purse struct {
	key     config.Key
	holds   map[string]*big.Int
	address common.Address
}

// fillPurses lists the banks, which hold plenty, the keys of use owner where they
// own contracts, and the keys of with, which hold what it says in whole coins; by name.
func fillPurses(env *config.Environment, with map[string]string, owners bool) ([]*purse, error) {
	purses := map[string]*purse{}
	open := func(name string) (*purse, error) {
		key, ok := env.Key(name)
		if !ok {
			return nil, fmt.Errorf("%s: no key %q among %d", env.Name, name, len(env.Keys))
		}
		if purses[name] == nil {
			purses[name] = &purse{key: key, holds: map[string]*big.Int{}}
		}
		return purses[name], nil
	}
	for _, f := range env.Funding {
		p, err := open(f.Bank)
		if err != nil {
			return nil, err
		}
		network, _ := env.Network(f.Network)
		p.holds[f.Network] = plenty(f, network.Decimals)
	}
	for _, key := range env.Keys {
		if !owners || key.Use != "owner" {
			continue
		}
		p, err := open(key.Name)
		if err != nil {
			return nil, err
		}
		for _, on := range key.Networks {
			network, _ := env.Network(on)
			p.holds[on] = new(big.Int).Mul(big.NewInt(ownerCoins), unit(network.Decimals))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(with)) {
		p, err := open(name)
		if err != nil {
			return nil, err
		}
		for _, on := range p.key.Networks {
			network, _ := env.Network(on)
			if p.holds[on], err = coinsOf(with[name], network.Decimals); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return slices.SortedFunc(maps.Values(purses), func(a, b *purse) int {
		return strings.Compare(a.key.Name, b.key.Name)
	}), nil
}

// plenty is bankCoins, or what fills every wallet ten times where that is more.
func plenty(f config.Funding, decimals int) *big.Int {
	need := new(big.Int).Set(f.Reserve)
	for _, w := range f.Wallets {
		need.Add(need, w.Target)
	}
	need.Mul(need, big.NewInt(10))
	coins := new(big.Int).Mul(big.NewInt(bankCoins), unit(decimals))
	if need.Cmp(coins) > 0 {
		return need
	}
	return coins
}

// alloc is the money of one network's genesis.
func alloc(network string, purses []*purse) map[common.Address]*big.Int {
	balances := map[common.Address]*big.Int{}
	for _, p := range purses {
		if wei := p.holds[network]; wei != nil {
			balances[p.address] = wei
		}
	}
	return balances
}
