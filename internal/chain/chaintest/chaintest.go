// Package chaintest runs real EVM chains for tests and for the sandbox: geth
// inside this process, and anvil as a second, independent implementation. It is
// never linked into the shipped binary.
package chaintest

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/eth/tracers"
	_ "github.com/ethereum/go-ethereum/eth/tracers/native" // callTracer and prestateTracer
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/event"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/crosschain-ops/reconcile/internal/fetched"
)

// GasLimit of every block: Ethereum's own since July 2025 (EIP-7935).
const GasLimit = 60_000_000

// Multicall3 is where the contract of that name stands on every network
// (https://github.com/mds1/multicall3); it is in the genesis of our chains.
var Multicall3 = common.HexToAddress("0xcA11bde05977b3631167028862bE2a173976CA11")

// multicall3 is the contract's runtime code, as the set-up took it from the
// npm package @eth-optimism/contracts-bedrock, which preinstalls it on its chains.
func multicall3() ([]byte, error) {
	path, err := fetched.Path("Multicall3", "contracts", "multicall3.hex")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("code of Multicall3: %w", err)
	}
	code, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("code of Multicall3: %w", err)
	}
	return code, nil
}

// Options of a chain. The zero value of each is usable but for ChainID.
type Options struct {
	ChainID uint64
	// Alloc gives balances in wei from the genesis on.
	Alloc map[common.Address]*big.Int
	// Code places runtime code at addresses from the genesis on.
	Code map[common.Address][]byte
	// Confirmations is how many empty blocks follow a block with transactions.
	Confirmations uint64
	// HTTPPort on 127.0.0.1; 0 takes a free one.
	HTTPPort int
}

// Chain is a running geth chain with JSON-RPC over HTTP on the loopback.
type Chain struct {
	id        *big.Int
	stack     *node.Node
	backend   *eth.Ethereum
	beacon    *catalyst.SimulatedBeacon
	client    *ethclient.Client
	confirm   uint64
	arrivals  chan core.NewTxsEvent
	subscribe event.Subscription
	done      chan struct{}
	closing   sync.Once

	sealing sync.Mutex // one block at a time
	purse   sync.Mutex // one nonce at a time
	rich    *ecdsa.PrivateKey
}

// Start runs a chain in memory, with one empty block on its genesis. It seals one block when a transaction arrives,
// then the empty ones, then rests: a transaction that cannot be mined stays in
// the pool and nothing spins.
func Start(o Options) (*Chain, error) {
	if o.ChainID == 0 {
		return nil, errors.New("chain: a chain id is needed")
	}
	// The rich account of a chain follows from its id, so that a run can be told again.
	rich, err := crypto.ToECDSA(crypto.Keccak256(fmt.Appendf(nil, "reconcile development purse %d", o.ChainID)))
	if err != nil {
		return nil, err
	}
	c := &Chain{
		id: new(big.Int).SetUint64(o.ChainID), confirm: o.Confirmations, rich: rich,
		arrivals: make(chan core.NewTxsEvent, 1024), done: make(chan struct{}),
	}
	if err := c.build(o); err != nil {
		return nil, fmt.Errorf("chain %d: %w", o.ChainID, err)
	}
	c.client = ethclient.NewClient(c.stack.Attach())
	// Until it has a first block, geth cannot tell an unknown transaction from one
	// that it has not indexed yet. No live chain is in that state.
	c.Mine(1)
	if err := c.indexed(); err != nil {
		return nil, errors.Join(fmt.Errorf("chain %d: %w", o.ChainID, err), c.stack.Close())
	}
	c.subscribe = c.backend.TxPool().SubscribeTransactions(c.arrivals, true)
	go c.seal()
	return c, nil
}

func (c *Chain) build(o Options) error {
	stack, err := node.New(nodeConfig(o.HTTPPort))
	if err != nil {
		return err
	}
	c.stack = stack
	genesis, err := genesisOf(o, crypto.PubkeyToAddress(c.rich.PublicKey))
	if err != nil {
		return errors.Join(err, stack.Close())
	}
	if c.backend, err = eth.New(stack, ethConfig(o.ChainID, genesis)); err != nil {
		return errors.Join(err, stack.Close())
	}
	stack.RegisterAPIs(tracers.APIs(c.backend.APIBackend))
	system := filters.NewFilterSystem(c.backend.APIBackend, filters.Config{LogCacheSize: 1})
	stack.RegisterAPIs([]rpc.API{{Namespace: "eth", Service: filters.NewFilterAPI(system)}})
	if c.beacon, err = catalyst.NewSimulatedBeacon(0, common.Address{}, c.backend); err != nil {
		return errors.Join(err, stack.Close())
	}
	stack.RegisterLifecycle(c.beacon)
	if err := stack.Start(); err != nil {
		return errors.Join(err, stack.Close())
	}
	return nil
}

func nodeConfig(port int) *node.Config {
	config := node.DefaultConfig
	config.DataDir = "" // in memory
	config.P2P = p2p.Config{NoDiscovery: true, NoDial: true}
	config.HTTPHost, config.HTTPPort = "127.0.0.1", port
	config.HTTPModules = []string{"eth", "net", "web3", "debug", "txpool"}
	return &config
}

// ethConfig keeps the memory of one chain small: 150 of them fit on a laptop.
func ethConfig(id uint64, genesis *core.Genesis) *ethconfig.Config {
	config := ethconfig.Defaults
	config.NetworkId, config.SyncMode, config.Genesis = id, ethconfig.FullSync, genesis
	config.TxPool.NoLocals = true
	config.TrieCleanCache, config.TrieDirtyCache, config.SnapshotCache = 1, 1, 0
	config.DatabaseCache, config.FilterLogCacheSize, config.LogNoHistory = 1, 1, true
	return &config
}

func genesisOf(o Options, rich common.Address) (*core.Genesis, error) {
	// A copy: the original is shared by the whole process. The later forks reprice
	// gas in ways that no live network has, so the chain ends at Osaka.
	forks := *params.AllDevChainProtocolChanges
	forks.ChainID = new(big.Int).SetUint64(o.ChainID)
	forks.BogotaTime, forks.AmsterdamTime = nil, nil
	multicall, err := multicall3()
	if err != nil {
		return nil, err
	}
	alloc := types.GenesisAlloc{}
	maps.Copy(alloc, core.SystemContractAllocs())
	alloc[Multicall3] = types.Account{Code: multicall, Balance: new(big.Int)}
	alloc[rich] = types.Account{Balance: new(big.Int).Lsh(big.NewInt(1), 200)}
	for address, wei := range o.Alloc {
		account := alloc[address]
		account.Balance = new(big.Int).Set(wei)
		alloc[address] = account
	}
	for address, code := range o.Code {
		account := alloc[address]
		account.Code = code
		if account.Balance == nil {
			account.Balance = new(big.Int)
		}
		alloc[address] = account
	}
	return &core.Genesis{
		Config: &forks, GasLimit: GasLimit, Alloc: alloc,
		Difficulty: new(big.Int), BaseFee: big.NewInt(params.InitialBaseFee),
	}, nil
}

// seal makes one block per burst of arrivals and the empty ones after it. What
// arrives meanwhile stays in the channel and gets blocks of its own.
func (c *Chain) seal() {
	defer close(c.done)
	for {
		select {
		case <-c.arrivals:
			for len(c.arrivals) > 0 {
				<-c.arrivals
			}
			c.Mine(1 + c.confirm)
		case <-c.subscribe.Err():
			return
		}
	}
}

// Mine seals blocks now, with whatever the pool can offer.
func (c *Chain) Mine(blocks uint64) {
	c.sealing.Lock()
	defer c.sealing.Unlock()
	for range blocks {
		c.beacon.Commit()
	}
	// The pool follows the head in its own time; wait, so that a nonce read after
	// Mine is a nonce of the new head.
	_ = c.backend.TxPool().Sync()
}

// URL of the JSON-RPC endpoint.
func (c *Chain) URL() string { return c.stack.HTTPEndpoint() }

// ChainID of the chain.
func (c *Chain) ChainID() *big.Int { return new(big.Int).Set(c.id) }

// Client speaks to the chain without HTTP.
func (c *Chain) Client() *ethclient.Client { return c.client }

// GenesisHash is the hash of block 0.
func (c *Chain) GenesisHash() common.Hash { return c.backend.BlockChain().GetCanonicalHash(0) }

// Fund pays an address from the rich account of the genesis and waits until
// the payment is mined.
func (c *Chain) Fund(ctx context.Context, to common.Address, wei *big.Int) error {
	return c.FundAll(ctx, map[common.Address]*big.Int{to: wei})
}

// FundAll pays many addresses, in as few blocks as the chain needs.
func (c *Chain) FundAll(ctx context.Context, amounts map[common.Address]*big.Int) error {
	c.purse.Lock()
	defer c.purse.Unlock()
	signer := types.LatestSignerForChainID(c.id)
	from := crypto.PubkeyToAddress(c.rich.PublicKey)
	nonce, err := c.client.PendingNonceAt(ctx, from)
	if err != nil {
		return fmt.Errorf("chain %s: fund: %w", c.id, err)
	}
	hashes := make([]common.Hash, 0, len(amounts))
	for to, wei := range amounts {
		tx, err := types.SignNewTx(c.rich, signer, &types.DynamicFeeTx{
			ChainID: c.id, Nonce: nonce, To: &to, Value: wei, Gas: 100_000,
			GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(100 * params.GWei),
		})
		if err != nil {
			return fmt.Errorf("chain %s: fund: %w", c.id, err)
		}
		if err := c.client.SendTransaction(ctx, tx); err != nil {
			return fmt.Errorf("chain %s: fund %s: %w", c.id, to, err)
		}
		hashes = append(hashes, tx.Hash())
		nonce++
	}
	for _, hash := range hashes {
		if err := c.mined(ctx, hash); err != nil {
			return fmt.Errorf("chain %s: fund: %w", c.id, err)
		}
	}
	return nil
}

// Close stops the chain; what it held is gone.
func (c *Chain) Close() error {
	var err error
	c.closing.Do(func() {
		c.subscribe.Unsubscribe()
		<-c.done
		c.client.Close()
		err = c.stack.Close()
	})
	return err
}
