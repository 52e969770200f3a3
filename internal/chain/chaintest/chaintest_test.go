package chaintest_test

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
)

func start(t *testing.T, o chaintest.Options) *chaintest.Chain {
	t.Helper()
	c, err := chaintest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func dial(t *testing.T, url string) *ethclient.Client {
	t.Helper()
	client, err := ethclient.DialContext(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestAChainAnswersOverHTTPWithItsOwnIDAndGenesisBalances(t *testing.T) {
	t.Parallel()
	owner := common.HexToAddress("0x00000000000000000000000000000000000a11ce")
	c := start(t, chaintest.Options{ChainID: 11142220, Alloc: map[common.Address]*big.Int{owner: big.NewInt(42)}})
	client := dial(t, c.URL())
	id, err := client.ChainID(t.Context())
	if err != nil || id.Uint64() != 11142220 {
		t.Fatalf("chain id %v, %v", id, err)
	}
	balance, err := client.BalanceAt(t.Context(), owner, nil)
	if err != nil || balance.Cmp(big.NewInt(42)) != 0 {
		t.Fatalf("balance %v, %v, want 42", balance, err)
	}
}

func TestMulticall3StandsAtItsAddressWithThePublishedCodeHash(t *testing.T) {
	t.Parallel()
	c := start(t, chaintest.Options{ChainID: 9001})
	code, err := c.Client().CodeAt(t.Context(), chaintest.Multicall3, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The hash that explorers show for the code on Ethereum and on other networks.
	want := common.HexToHash("0xd5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891")
	if got := crypto.Keccak256Hash(code); got != want {
		t.Fatalf("code hash %s, want %s", got, want)
	}
}

func TestATransactionGetsItsBlockAndItsConfirmationsAndThenTheChainRests(t *testing.T) {
	t.Parallel()
	c := start(t, chaintest.Options{ChainID: 9002, Confirmations: 3})
	to := common.HexToAddress("0x00000000000000000000000000000000000a11ce")
	if err := c.Fund(t.Context(), to, big.NewInt(7)); err != nil {
		t.Fatal(err)
	}
	waitForHead(t, c, 5)
	time.Sleep(20 * time.Millisecond)
	if head, err := c.Client().BlockNumber(t.Context()); err != nil || head != 5 {
		t.Fatalf("head %d, %v, want 5: the first, one for it and three empty ones", head, err)
	}
}

func TestManyAddressesAreFundedAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t, chaintest.Options{ChainID: 9003})
	amounts := map[common.Address]*big.Int{}
	for i := range 200 {
		amounts[common.BigToAddress(big.NewInt(int64(100_000+i)))] = big.NewInt(int64(1 + i))
	}
	if err := c.FundAll(t.Context(), amounts); err != nil {
		t.Fatal(err)
	}
	for address, want := range amounts {
		if got, err := c.Client().BalanceAt(t.Context(), address, nil); err != nil || got.Cmp(want) != 0 {
			t.Fatalf("%s holds %v, %v, want %v", address, got, err, want)
		}
	}
}

func TestATransactionBelowTheMinersPriceStaysStuckAndNothingSpins(t *testing.T) {
	t.Parallel()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	from := crypto.PubkeyToAddress(key.PublicKey)
	c := start(t, chaintest.Options{ChainID: 9004, Alloc: map[common.Address]*big.Int{from: big.NewInt(1e18)}})
	tx := types.MustSignNewTx(key, types.LatestSignerForChainID(c.ChainID()), &types.DynamicFeeTx{
		ChainID: c.ChainID(), To: &from, Gas: 21_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(2e9),
	})
	if err := c.Client().SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	waitForHead(t, c, 2)
	time.Sleep(50 * time.Millisecond)
	head, err := c.Client().BlockNumber(t.Context())
	if err != nil || head != 2 {
		t.Fatalf("head %d, %v, want 2: the first, one try and rest", head, err)
	}
	if nonce, err := c.Client().NonceAt(t.Context(), from, nil); err != nil || nonce != 0 {
		t.Fatalf("nonce %d, %v, want 0: not mined", nonce, err)
	}
	if nonce, err := c.Client().PendingNonceAt(t.Context(), from); err != nil || nonce != 1 {
		t.Fatalf("pending nonce %d, %v, want 1: in flight", nonce, err)
	}
}

func TestAnvilRunsTheOldForkWithoutABaseFee(t *testing.T) {
	t.Parallel()
	binary, err := chaintest.AnvilBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := chaintest.StartAnvil(ctx, chaintest.AnvilOptions{Binary: binary, ChainID: 1287, Hardfork: "berlin"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	client := dial(t, a.URL())
	if id, err := client.ChainID(ctx); err != nil || id.Uint64() != 1287 {
		t.Fatalf("chain id %v, %v", id, err)
	}
	head, err := client.HeaderByNumber(ctx, nil)
	if err != nil || head.BaseFee != nil {
		t.Fatalf("base fee %v, %v, want none", head.BaseFee, err)
	}
	to := common.HexToAddress("0x00000000000000000000000000000000000a11ce")
	if err := a.Fund(ctx, to, big.NewInt(9)); err != nil {
		t.Fatal(err)
	}
	if balance, err := client.BalanceAt(ctx, to, nil); err != nil || balance.Int64() != 9 {
		t.Fatalf("balance %v, %v, want 9", balance, err)
	}
	if err := a.Mine(ctx, 5); err != nil {
		t.Fatal(err)
	}
	if number, err := client.BlockNumber(ctx); err != nil || number != 5 {
		t.Fatalf("head %d, %v, want 5", number, err)
	}
}

func TestBothBackendsHaveTheSameAccountsCodeAndConfirmations(t *testing.T) {
	t.Parallel()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	from, at := crypto.PubkeyToAddress(key.PublicKey), common.HexToAddress("0x000000000000000000000000000000000000c0de")
	for name, start := range chaintest.Backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := start(chaintest.Options{ChainID: 9005, Confirmations: 3, Alloc: map[common.Address]*big.Int{from: big.NewInt(1e18)}, Code: map[common.Address][]byte{at: {0x00}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
			for address, want := range map[common.Address]int{at: 1, chaintest.Multicall3: 3808} {
				if code, err := b.Client().CodeAt(t.Context(), address, nil); err != nil || len(code) != want {
					t.Errorf("%s has %d bytes, %v, want %d", address, len(code), err, want)
				}
			}
			tx := types.MustSignNewTx(key, types.LatestSignerForChainID(b.ChainID()), &types.DynamicFeeTx{
				ChainID: b.ChainID(), To: &at, Value: big.NewInt(5), Gas: 30_000, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(5e9),
			})
			if err := b.Client().SendTransaction(t.Context(), tx); err != nil {
				t.Fatal(err)
			}
			waitForHead(t, b, 5)
			if balance, err := b.Client().BalanceAt(t.Context(), at, nil); err != nil || balance.Int64() != 5 {
				t.Errorf("balance %v, %v, want 5", balance, err)
			}
			b.Mine(2)
			if head, err := b.Client().BlockNumber(t.Context()); err != nil || head != 7 {
				t.Errorf("head %d, %v, want 7", head, err)
			}
		})
	}
}

func waitForHead(t *testing.T, c chaintest.Backend, want uint64) {
	t.Helper()
	for {
		head, err := c.Client().BlockNumber(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if head >= want {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(time.Millisecond):
		}
	}
}
