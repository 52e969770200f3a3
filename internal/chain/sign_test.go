package chain_test

import (
	"context"
	"errors"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/chain"
)

func dynamic() chain.Fees {
	return chain.Fees{Type: chain.TypeDynamic, Tip: big.NewInt(1e9), Cap: big.NewInt(3e9), Least: big.NewInt(2e9), L1: new(big.Int)}
}

func legacy() chain.Fees {
	return chain.Fees{Type: chain.TypeLegacy, Price: big.NewInt(2e9), Least: big.NewInt(2e9), L1: new(big.Int)}
}

func plain() chain.Transfer {
	return chain.Transfer{ChainID: chainID, To: alice, Value: big.NewInt(7), Nonce: 3, Gas: 21_000, Fees: dynamic()}
}

func TestWhatIsSignedIsReadBackAsTheSameTransfer(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		want := plain()
		want.Value = new(big.Int).SetUint64(1 + random.Uint64())
		want.Nonce, want.Gas, want.ChainID = random.Uint64N(1<<40), 21_000+random.Uint64N(1<<30), 1+random.Uint64N(1<<40)
		if i%2 == 1 {
			want.Fees = legacy()
		}
		tx := signed(t, want)
		from, got, hash, err := chain.ReadTransfer(tx.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if from != addressOf("bank") || hash != tx.Hash || got.To != want.To || got.Value.Cmp(want.Value) != 0 ||
			got.Nonce != want.Nonce || got.Gas != want.Gas || got.ChainID != want.ChainID {
			t.Fatalf("signed %+v, read %+v from %s", want, got, from)
		}
	}
}

func TestASignatureOfAnotherKeyOrOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	half := new(big.Int).Rsh(crypto.S256().Params().N, 1)
	for name, c := range map[string]struct {
		sign chain.SignDigest
		says string
	}{
		"another key": {sign(keyOf("thief")), "another key signed"},
		"the upper half": {func(ctx context.Context, digest [32]byte) ([65]byte, error) {
			signature, err := sign(keyOf("bank"))(ctx, digest)
			s := new(big.Int).SetBytes(signature[32:64])
			if s.Cmp(half) <= 0 {
				s.Sub(crypto.S256().Params().N, s).FillBytes(signature[32:64])
				signature[64] ^= 1
			}
			return signature, err
		}, "signature is not valid"},
		"zeros": {func(context.Context, [32]byte) ([65]byte, error) { return [65]byte{}, nil }, "signature is not valid"},
		"v of 27": {func(ctx context.Context, digest [32]byte) ([65]byte, error) {
			signature, err := sign(keyOf("bank"))(ctx, digest)
			signature[64] += 27
			return signature, err
		}, "signature"},
		"an error": {func(context.Context, [32]byte) ([65]byte, error) { return [65]byte{}, errors.New("kms is away") }, "kms is away"},
	} {
		s, err := chain.NewTransferSigner(addressOf("bank"), c.sign)
		if err != nil {
			t.Fatal(err)
		}
		if tx, err := s.Sign(t.Context(), plain()); err == nil || !strings.Contains(err.Error(), c.says) || tx.Raw != nil {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestOnlySaneTransfersAreSigned(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*chain.Transfer){
		"no chain":            func(t *chain.Transfer) { t.ChainID = 0 },
		"the zero address":    func(t *chain.Transfer) { t.To = common.Address{} },
		"no value":            func(t *chain.Transfer) { t.Value = nil },
		"nothing":             func(t *chain.Transfer) { t.Value = new(big.Int) },
		"less than nothing":   func(t *chain.Transfer) { t.Value = big.NewInt(-1) },
		"more than there is":  func(t *chain.Transfer) { t.Value = new(big.Int).Lsh(ether, 100) },
		"too little gas":      func(t *chain.Transfer) { t.Gas = 20_999 },
		"all gas":             func(t *chain.Transfer) { t.Gas = 1 << 60 },
		"no fees":             func(t *chain.Transfer) { t.Fees = chain.Fees{} },
		"no cap":              func(t *chain.Transfer) { t.Fees.Cap = nil },
		"a cap below the tip": func(t *chain.Transfer) { t.Fees.Cap = big.NewInt(1) },
		"a negative tip":      func(t *chain.Transfer) { t.Fees.Tip = big.NewInt(-1) },
		"a huge price":        func(t *chain.Transfer) { t.Fees = legacy(); t.Fees.Price = new(big.Int).Lsh(ether, 100) },
	} {
		transfer := plain()
		spoil(&transfer)
		if _, err := bankSigner(t).Sign(t.Context(), transfer); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := chain.NewTransferSigner(common.Address{}, sign(keyOf("bank"))); err == nil {
		t.Error("a signer of no address")
	}
	if _, err := chain.NewTransferSigner(alice, nil); err == nil {
		t.Error("a signer without a way to sign")
	}
}

func TestBytesThatAreNoPlainTransferAreNotReadAsOne(t *testing.T) {
	t.Parallel()
	key, to := keyOf("bank"), alice
	signer := types.LatestSignerForChainID(big.NewInt(chainID))
	raw := func(s types.Signer, inner types.TxData) []byte {
		data, err := types.MustSignNewTx(key, s, inner).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, bytes := range map[string][]byte{
		"nothing":               nil,
		"noise":                 {1, 2, 3},
		"a contract's creation": raw(signer, &types.LegacyTx{Value: big.NewInt(1), Gas: 60_000, GasPrice: big.NewInt(1)}),
		"a call":                raw(signer, &types.LegacyTx{To: &to, Data: []byte{1}, Gas: 60_000, GasPrice: big.NewInt(1)}),
		"an access list":        raw(signer, &types.AccessListTx{ChainID: big.NewInt(chainID), To: &to, Gas: 60_000, GasPrice: big.NewInt(1)}),
		"one for every chain":   raw(types.HomesteadSigner{}, &types.LegacyTx{To: &to, Gas: 60_000, GasPrice: big.NewInt(1)}),
	} {
		if _, _, _, err := chain.ReadTransfer(bytes); err == nil {
			t.Errorf("%s: was read as a transfer", name)
		}
	}
}

func TestAnEncryptedKeyFileSignsAndItsPassphraseIsNeverTold(t *testing.T) {
	t.Parallel()
	const passphrase = "correct horse battery"
	store := keystore.NewKeyStore(t.TempDir(), keystore.LightScryptN, keystore.LightScryptP)
	account, err := store.ImportECDSA(keyOf("bank"), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	s, err := chain.OpenKeystore(account.URL.Path, []byte(passphrase))
	if err != nil || s.Address() != addressOf("bank") {
		t.Fatal(err)
	}
	tx, err := s.Sign(t.Context(), plain())
	if err != nil {
		t.Fatal(err)
	}
	if from, _, _, err := chain.ReadTransfer(tx.Raw); err != nil || from != addressOf("bank") {
		t.Fatal(from, err)
	}
	wrong := filepath.Join(t.TempDir(), "noise")
	if err := os.WriteFile(wrong, []byte(`{"not":"a key"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, given := range map[string]string{account.URL.Path: "wrong " + passphrase, wrong: passphrase, wrong + "2": passphrase} {
		if _, err := chain.OpenKeystore(path, []byte(given)); err == nil || strings.Contains(err.Error(), passphrase) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAFeeCapIsLoweredToItsCeilingButNotBelowTheNextBlock(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		base := new(big.Int).SetUint64(random.Uint64N(1e12))
		tip := new(big.Int).SetUint64(random.Uint64N(1e10))
		fees := chain.Fees{Type: chain.TypeDynamic, Tip: tip, L1: new(big.Int).SetUint64(random.Uint64N(1e15))}
		fees.Cap = new(big.Int).Add(new(big.Int).Lsh(base, 1), tip)
		fees.Least = new(big.Int).Add(base, new(big.Int).Add(tip, new(big.Int).Rsh(base, 3)))
		gas := 21_000 + random.Uint64N(100_000)
		ceiling := new(big.Int).SetUint64(random.Uint64N(1e17))
		lowered, ok := fees.Within(gas, ceiling)
		if ok && (lowered.Ceiling(gas).Cmp(ceiling) > 0 || lowered.Cap.Cmp(fees.Cap) > 0 || lowered.Cap.Cmp(fees.Least) < 0) {
			t.Fatalf("cap %s lowered to %s: costs %s, ceiling %s", fees.Cap, lowered.Cap, lowered.Ceiling(gas), ceiling)
		}
		enough := new(big.Int).Mul(new(big.Int).SetUint64(gas), fees.Least)
		if !ok && enough.Add(enough, fees.L1).Cmp(ceiling) <= 0 {
			t.Fatalf("refused although the next block needs %s and %s is allowed", enough, ceiling)
		}
	}
	if _, ok := legacy().Within(21_000, big.NewInt(1)); ok {
		t.Error("a legacy price was lowered")
	}
}
