package funding_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	fuji    = "fuji"
	relayer = "relayer-signer-fuji"
	outside = "partner"
)

// sink is where tests burn money to.
var sink = common.HexToAddress("0x000000000000000000000000000000000000dEaD")

func milli(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1e15)) }

// keyOf is a key that follows from its name, so that a run can be told again.
func keyOf(name string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("test key " + name)))
	if err != nil {
		panic(err)
	}
	return key
}

func addressOf(name string) common.Address { return crypto.PubkeyToAddress(keyOf(name).PublicKey) }

func walletID(name string) resource.ID {
	return resource.ID{Kind: funding.Name, Scope: fuji, Name: name}
}

// environment has one network, a bank, the wallet of a key and a stated one.
func environment() *config.Environment {
	at := resource.Source{File: "environments/staging/funding.cue", Line: 8}
	return &config.Environment{
		Name: "staging", Addresses: "observed", Pins: map[string]string{},
		Networks: []config.Network{{Name: fuji, ChainID: 43113, Symbol: "AVAX", Decimals: 18, TxType: "auto", Confirmations: 1}},
		Keys: []config.Key{
			{Name: "bank", Holder: "hex", Region: "us-west-2", Use: "bank", Networks: []string{fuji}},
			{Name: relayer, Holder: "hex", Region: "us-west-2", Use: "signer", Networks: []string{fuji}},
		},
		Funding: []config.Funding{{
			Network: fuji, Bank: "bank", Reserve: milli(1000), CapTransaction: milli(3000), CapPlan: milli(9000), CapDay: milli(9000),
			Wallets: []config.Wallet{
				{Name: outside, Address: addressOf(outside).Hex(), Floor: milli(200), Target: milli(1000), Source: at},
				{Name: relayer, Floor: milli(500), Target: milli(2000), BurnPerDay: milli(100), Source: at},
			},
		}},
	}
}

// lookup knows the address of every key of the environment.
func lookup(ref resource.Ref) (string, bool) {
	return addressOf(ref.ID.Name).Hex(), ref.Output == "address"
}

func signer(_ context.Context, key config.Key, address common.Address) (funding.Signer, error) {
	return chain.NewTransferSigner(address, func(_ context.Context, digest [32]byte) (signature [65]byte, err error) {
		signed, err := crypto.Sign(digest[:], keyOf(key.Name))
		copy(signature[:], signed)
		return signature, err
	})
}

// place is one backend: a network as the kind sees it, and what tests do behind
// its back.
type place struct {
	network funding.Network
	burn    func(t *testing.T, name string, wei *big.Int)
	// payments counts what the bank has ever had mined.
	payments      func(t *testing.T) int
	reads, writes func(t *testing.T, fault kindtest.Fault) (heal func())
}

func options(p place) funding.Options {
	return funding.Options{
		Networks: func(name string) (funding.Network, error) {
			if name != fuji {
				return nil, fmt.Errorf("%s: no network of this name", name)
			}
			return p.network, nil
		},
		Signer: signer, Timeout: 20 * time.Second,
	}
}

func newKind(t *testing.T, o funding.Options) kind.Kind {
	t.Helper()
	k, err := funding.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func canaries() []string {
	var secrets []string
	for _, name := range []string{"bank", relayer, outside} {
		secrets = append(secrets, hex.EncodeToString(crypto.FromECDSA(keyOf(name))))
	}
	return secrets
}

func harness(open func(t *testing.T) place) kindtest.Harness {
	return kindtest.Harness{
		Recode: kindtest.Recode[funding.Spec],
		New: func(t *testing.T) *kindtest.World {
			p := open(t)
			return &kindtest.World{
				Kind: newKind(t, options(p)), Environment: environment(), Lookup: lookup, Canaries: canaries,
				Effects: p.payments, Reads: p.reads, Writes: p.writes,
				Drift: map[string]func(t *testing.T){
					"an agent burns gas":          func(t *testing.T) { p.burn(t, relayer, milli(1700)) },
					"a partner spends everything": func(t *testing.T) { p.burn(t, outside, milli(990)) },
				},
			}
		},
	}
}

// onGeth is a geth chain behind a proxy that can break.
func onGeth(t *testing.T) place {
	t.Helper()
	c, err := chaintest.Start(chaintest.Options{ChainID: 43113, Confirmations: 1, Alloc: map[common.Address]*big.Int{addressOf("bank"): milli(100_000)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	proxy := newProxy(t, c.URL())
	declared, _ := environment().Network(fuji)
	network, err := chain.Open(declared, []string{proxy.url}, chain.Options{Backoff: time.Millisecond, Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	return place{
		network: network, reads: proxy.breakReads, writes: proxy.breakWrites,
		payments: func(t *testing.T) int {
			nonce, err := c.Client().NonceAt(t.Context(), addressOf("bank"), nil)
			if err != nil {
				t.Fatal(err)
			}
			return int(nonce)
		},
		burn: func(t *testing.T, name string, wei *big.Int) { burn(t, c, name, wei) },
	}
}

func burn(t *testing.T, c *chaintest.Chain, name string, wei *big.Int) {
	t.Helper()
	client := c.Client()
	nonce, err := client.NonceAt(t.Context(), addressOf(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	tx := types.MustSignNewTx(keyOf(name), types.LatestSignerForChainID(c.ChainID()), &types.DynamicFeeTx{
		ChainID: c.ChainID(), Nonce: nonce, To: &sink, Value: wei, Gas: 21_000, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e10),
	})
	if err := client.SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	for {
		if receipt, err := client.TransactionReceipt(t.Context(), tx.Hash()); err == nil && receipt.Status == 1 {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal("not mined")
		case <-time.After(time.Millisecond):
		}
	}
}
