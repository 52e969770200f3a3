package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// bankCoins is what a bank holds on each network, in whole coins, where the
// environment does not need more.
const bankCoins = 10_000

// chains are the running networks, by name.
type chains struct {
	running map[string]*chaintest.Chain
}

// startChains starts one chain per network, with its own chain id and its
// bank's money in the genesis.
func startChains(ctx context.Context, env *config.Environment, banks []bank) (*chains, error) {
	started := make([]*chaintest.Chain, len(env.Networks))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.NumCPU())
	for i, n := range env.Networks {
		work.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			running, err := chaintest.Start(chaintest.Options{
				ChainID: n.ChainID, Confirmations: n.Confirmations, Alloc: purses(env, n, banks),
			})
			if err != nil {
				return fmt.Errorf("%s: %w", n.Name, err)
			}
			started[i] = running
			return nil
		})
	}
	err := work.Wait()
	c := &chains{running: map[string]*chaintest.Chain{}}
	for i, running := range started {
		if running != nil {
			c.running[env.Networks[i].Name] = running
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// purses is the money of a network's banks: plenty, and always more than
// filling every wallet ten times.
func purses(env *config.Environment, n config.Network, banks []bank) map[common.Address]*big.Int {
	purse := new(big.Int).Mul(big.NewInt(bankCoins), unit(n.Decimals))
	for _, f := range env.Funding {
		if f.Network != n.Name {
			continue
		}
		need := new(big.Int).Set(f.Reserve)
		for _, w := range f.Wallets {
			need.Add(need, w.Target)
		}
		if need.Mul(need, big.NewInt(10)).Cmp(purse) > 0 {
			purse = need
		}
	}
	alloc := map[common.Address]*big.Int{}
	for _, b := range banks {
		if slices.Contains(b.networks, n.Name) {
			alloc[b.address] = purse
		}
	}
	return alloc
}

// overlay is where each network is.
func (c *chains) overlay() map[string]config.OverlayNetwork {
	networks := map[string]config.OverlayNetwork{}
	for name, running := range c.running {
		networks[name] = config.OverlayNetwork{RPC: []string{running.URL()}}
	}
	return networks
}

// close stops all of them.
func (c *chains) close() error {
	var work errgroup.Group
	work.SetLimit(runtime.NumCPU())
	for _, running := range c.running {
		work.Go(running.Close)
	}
	return work.Wait()
}
