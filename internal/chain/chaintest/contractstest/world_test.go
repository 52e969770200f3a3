package contractstest_test

import (
	"context"
	"crypto/ecdsa"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
)

const domain = 11142220

// key is the private key of a name, the same in each run.
func key(t *testing.T, name string) *ecdsa.PrivateKey {
	t.Helper()
	k, err := crypto.ToECDSA(crypto.Keccak256([]byte(name)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func address(t *testing.T, name string) common.Address {
	t.Helper()
	return crypto.PubkeyToAddress(key(t, name).PublicKey)
}

// onBoth runs a test on geth in this process and on anvil, each with Safe's
// contracts and with money for the deployer.
func onBoth(t *testing.T, test func(t *testing.T, client *ethclient.Client)) {
	t.Helper()
	wealth := new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18))
	t.Run("geth", func(t *testing.T) {
		t.Parallel()
		code, err := contractstest.SafeGenesis()
		if err != nil {
			t.Fatal(err)
		}
		c, err := chaintest.Start(chaintest.Options{ChainID: domain, Code: code, Alloc: map[common.Address]*big.Int{address(t, "deployer"): wealth}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		test(t, c.Client())
	})
	t.Run("anvil", func(t *testing.T) {
		t.Parallel()
		binary, err := chaintest.AnvilBinary()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		a, err := chaintest.StartAnvil(ctx, chaintest.AnvilOptions{Binary: binary, ChainID: domain})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
		if err := contractstest.PlaceSafe(ctx, a.Client()); err != nil {
			t.Fatal(err)
		}
		if err := a.Fund(ctx, address(t, "deployer"), wealth); err != nil {
			t.Fatal(err)
		}
		test(t, ethclient.NewClient(a.Client()))
	})
}

// read is one value that a contract answers.
func read(t *testing.T, client *ethclient.Client, to common.Address, method string, args ...any) any {
	t.Helper()
	values, err := contractstest.Read(t.Context(), client, to, method, args...)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return values[0]
}
