package chaintest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/ethclient"
)

// Backend is a running chain, whoever wrote it: a test that speaks to it holds on
// more than one implementation.
type Backend interface {
	URL() string
	ChainID() *big.Int
	Client() *ethclient.Client
	// Mine makes blocks now.
	Mine(blocks uint64)
	Close() error
}

// Starter starts a Backend.
type Starter func(Options) (Backend, error)

// Backends are the implementations by name: geth in this process, and anvil with
// the newest rules that it knows.
func Backends() map[string]Starter {
	return map[string]Starter{"geth": Geth, "anvil": OnAnvil("")}
}

// Geth is Start.
func Geth(o Options) (Backend, error) { return Start(o) }

// OnAnvil starts anvil with the rules of a hardfork such as "berlin", the last one
// without a base fee, or of its default if empty. It makes a block for each
// transaction and then the empty ones, as the other does; HTTPPort means nothing.
func OnAnvil(hardfork string) Starter {
	return func(o Options) (Backend, error) {
		binary, err := AnvilBinary()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		a, err := StartAnvil(ctx, AnvilOptions{Binary: binary, ChainID: o.ChainID, Hardfork: hardfork})
		if err != nil {
			return nil, err
		}
		b := &anvilChain{anvil: a, id: new(big.Int).SetUint64(o.ChainID), client: ethclient.NewClient(a.client), done: make(chan struct{}), settled: 1, empty: o.Confirmations}
		if err := b.furnish(ctx, o); err != nil {
			return nil, errors.Join(err, a.Close())
		}
		ctx, b.stop = context.WithCancel(context.Background())
		go b.confirm(ctx)
		return b, nil
	}
}

type anvilChain struct {
	anvil  *Anvil
	id     *big.Int
	client *ethclient.Client
	stop   context.CancelFunc
	done   chan struct{}

	sealing sync.Mutex
	// settled is the head up to which every block has its empty ones.
	settled uint64
	empty   uint64 // blocks after each with transactions
}

// furnish places what the other chains have in their genesis.
func (b *anvilChain) furnish(ctx context.Context, o Options) error {
	multicall, err := multicall3()
	if err != nil {
		return err
	}
	code := map[common.Address][]byte{Multicall3: multicall}
	for at, text := range o.Code {
		code[at] = text
	}
	for at, text := range code {
		if err := b.anvil.client.CallContext(ctx, nil, "anvil_setCode", at, hexutil.Bytes(text)); err != nil {
			return fmt.Errorf("anvil: code of %s: %w", at, err)
		}
	}
	for at, wei := range o.Alloc {
		if err := b.anvil.Fund(ctx, at, wei); err != nil {
			return fmt.Errorf("anvil: balance of %s: %w", at, err)
		}
	}
	return b.anvil.Mine(ctx, 1)
}

// confirm makes the empty blocks after those that anvil makes by itself.
func (b *anvilChain) confirm(ctx context.Context) {
	defer close(b.done)
	if b.empty == 0 {
		return
	}
	for ; ctx.Err() == nil; time.Sleep(2 * poll) {
		b.seal(ctx, func(head uint64) (uint64, bool) { return b.empty, head > b.settled })
	}
}

// URL of the JSON-RPC endpoint.
func (b *anvilChain) URL() string { return b.anvil.URL() }

// ChainID of the chain.
func (b *anvilChain) ChainID() *big.Int { return new(big.Int).Set(b.id) }

// Client speaks to it.
func (b *anvilChain) Client() *ethclient.Client { return b.client }

// seal makes so many blocks as it is told for a head. Where that fails, who waits
// for them sees that there are none.
func (b *anvilChain) seal(ctx context.Context, want func(head uint64) (blocks uint64, now bool)) {
	b.sealing.Lock()
	defer b.sealing.Unlock()
	head, err := b.client.BlockNumber(ctx)
	if err != nil {
		return
	}
	blocks, now := want(head)
	if !now || b.anvil.Mine(ctx, blocks) != nil {
		return
	}
	if head == b.settled || blocks >= b.empty { // else those of a transaction are still to come
		b.settled = head + blocks
	}
}

// Mine makes empty blocks.
func (b *anvilChain) Mine(blocks uint64) {
	b.seal(context.Background(), func(uint64) (uint64, bool) { return blocks, true })
}

// Close ends it.
func (b *anvilChain) Close() error {
	b.stop()
	<-b.done
	return b.anvil.Close()
}
