package sandbox

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// chains are the running networks, by name.
type chains struct {
	running map[string]*chaintest.Chain
}

// startChains starts one chain per network, with its own chain id and the
// purses' money in the genesis, and what contracts need where a deployer is given.
func startChains(ctx context.Context, env *config.Environment, purses []*purse, d *deployer) (*chains, error) {
	var code map[common.Address][]byte
	if d != nil {
		var err error
		if code, err = contractstest.SafeGenesis(); err != nil {
			return nil, err
		}
	}
	started := make([]*chaintest.Chain, len(env.Networks))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.NumCPU())
	for i, n := range env.Networks {
		work.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			o := chaintest.Options{ChainID: n.ChainID, Confirmations: n.Confirmations, Alloc: alloc(n.Name, purses)}
			if d != nil {
				d.genesis(n.Name, &o, code)
			}
			running, err := chaintest.Start(o)
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
