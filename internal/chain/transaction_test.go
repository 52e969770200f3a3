package chain_test

import (
	"context"
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

func anything(evm.Call) error { return nil }

func callSigner(t testing.TB, allow func(evm.Call) error) *chain.CallSigner {
	t.Helper()
	s, err := chain.NewCallSigner(addressOf("bank"), sign(keyOf("bank")), allow)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func aCall() chain.Transaction {
	return chain.Transaction{ChainID: chainID, To: storing, Data: []byte{1, 2, 3, 4}, Nonce: 3, Gas: 100_000, Fees: dynamic()}
}

func TestASignedCallIsReadBackAsTheSameCall(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		want := aCall()
		want.Nonce, want.Gas, want.ChainID = random.Uint64N(1<<40), 21_000+random.Uint64N(chain.MaxGas-21_000), 1+random.Uint64N(1<<40)
		want.Data = make([]byte, 4+random.IntN(300))
		for j := range want.Data {
			want.Data[j] = byte(random.Uint32())
		}
		if i%3 == 0 {
			want.Value = new(big.Int).SetUint64(random.Uint64())
		}
		if i%2 == 1 {
			want.Fees = legacy()
		}
		tx, err := callSigner(t, anything).Sign(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		from, got, hash, err := chain.ReadTransaction(tx.Raw)
		if err != nil || from != addressOf("bank") || hash != tx.Hash || !got.Call().Equal(want.Call()) || got.Nonce != want.Nonce ||
			got.Gas != want.Gas || got.ChainID != want.ChainID || got.Fees.Type != want.Fees.Type || got.Fees.PerGas().Cmp(want.Fees.PerGas()) != 0 {
			t.Fatalf("signed %+v, read %+v from %s: %v", want, got, from, err)
		}
		if want.Fees.Type == chain.TypeDynamic && got.Fees.Tip.Cmp(want.Fees.Tip) != 0 {
			t.Fatalf("tip %s became %s", want.Fees.Tip, got.Fees.Tip)
		}
		if _, _, _, err := chain.ReadTransfer(tx.Raw); err == nil {
			t.Fatal("a call was read as a plain transfer")
		}
	}
}

func TestOnlyTheCallsOfAStepAreSigned(t *testing.T) {
	t.Parallel()
	signatures := 0
	counting := func(ctx context.Context, digest [32]byte) ([65]byte, error) {
		signatures++
		return sign(keyOf("bank"))(ctx, digest)
	}
	s, err := chain.NewCallSigner(addressOf("bank"), counting, func(c evm.Call) error {
		if !c.Equal(aCall().Call()) {
			return errors.New("this call is not the step's")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), aCall()); err != nil || signatures != 1 {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*chain.Transaction){
		"another contract":     func(t *chain.Transaction) { t.To = seven },
		"other data":           func(t *chain.Transaction) { t.Data = []byte{1, 2, 3, 5} },
		"a value":              func(t *chain.Transaction) { t.Value = big.NewInt(1) },
		"no chain":             func(t *chain.Transaction) { t.ChainID = 0 },
		"the zero address":     func(t *chain.Transaction) { t.To = common.Address{} },
		"no selector":          func(t *chain.Transaction) { t.Data = []byte{1, 2, 3} },
		"a megabyte":           func(t *chain.Transaction) { t.Data = make([]byte, 1<<20) },
		"less than no value":   func(t *chain.Transaction) { t.Value = big.NewInt(-1) },
		"more gas than a cap":  func(t *chain.Transaction) { t.Gas = 16_777_217 },
		"too little gas":       func(t *chain.Transaction) { t.Gas = 20_999 },
		"no fees":              func(t *chain.Transaction) { t.Fees = chain.Fees{} },
		"a tip above the cap":  func(t *chain.Transaction) { t.Fees.Tip = big.NewInt(1e18) },
		"a price of all there": func(t *chain.Transaction) { t.Fees.Cap = new(big.Int).Lsh(ether, 100) },
	} {
		tx := aCall()
		spoil(&tx)
		if out, err := s.Sign(t.Context(), tx); err == nil || out.Raw != nil || signatures != 1 {
			t.Errorf("%s was signed: %v", name, err)
		}
	}
	thief, err := chain.NewCallSigner(addressOf("bank"), sign(keyOf("thief")), anything)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := thief.Sign(t.Context(), aCall()); err == nil || !strings.Contains(err.Error(), "another key signed") {
		t.Error(err)
	}
	if _, err := chain.NewCallSigner(addressOf("bank"), sign(keyOf("bank")), nil); err == nil {
		t.Error("a signer of just any call was made")
	}
}

func TestTransactionsThatAreNotOursToWriteAreNotRead(t *testing.T) {
	t.Parallel()
	id, to := big.NewInt(chainID), storing
	for name, c := range map[string]struct {
		signer types.Signer
		data   types.TxData
	}{
		"no chain":       {types.HomesteadSigner{}, &types.LegacyTx{To: &to, Gas: 50_000, GasPrice: big.NewInt(1), Data: []byte{1, 2, 3, 4}}},
		"a creation":     {types.LatestSignerForChainID(id), &types.DynamicFeeTx{ChainID: id, Gas: 50_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1), Data: []byte{1}}},
		"an access list": {types.LatestSignerForChainID(id), &types.DynamicFeeTx{ChainID: id, To: &to, Gas: 50_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1), AccessList: types.AccessList{{Address: to}}}},
		"another type":   {types.LatestSignerForChainID(id), &types.AccessListTx{ChainID: id, To: &to, Gas: 50_000, GasPrice: big.NewInt(1)}},
		"a giant chain":  {types.LatestSignerForChainID(new(big.Int).Lsh(id, 80)), &types.DynamicFeeTx{ChainID: new(big.Int).Lsh(id, 80), To: &to, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1)}},
		"nothing":        {types.LatestSignerForChainID(id), nil},
	} {
		raw := []byte("these are no bytes of a transaction")
		if c.data != nil {
			tx, err := types.SignNewTx(keyOf("bank"), c.signer, c.data)
			if err != nil {
				t.Fatal(name, err)
			}
			if raw, err = tx.MarshalBinary(); err != nil {
				t.Fatal(err)
			}
		}
		if _, got, _, err := chain.ReadTransaction(raw); err == nil || got.Gas != 0 {
			t.Errorf("%s was read: %+v", name, got)
		}
	}
	raw, err := chainZero().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, call := chain.ReadTransaction(raw)
	_, _, _, transfer := chain.ReadTransfer(raw)
	if call == nil || transfer == nil {
		t.Error("a transaction of chain 0 was read, which no signer knows")
	}
}

func chainZero() *types.Transaction {
	return types.NewTx(&types.DynamicFeeTx{
		ChainID: new(big.Int), To: &alice, Value: big.NewInt(1), Gas: 21_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1),
		V: new(big.Int), R: big.NewInt(1), S: big.NewInt(1),
	})
}

func TestABumpIsAtLeastATenthMoreOfBothAndIsNotLowered(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	tenth := func(before, after *big.Int) bool {
		need := new(big.Int).Mul(before, big.NewInt(11))
		return new(big.Int).Mul(after, big.NewInt(10)).Cmp(need) >= 0 && after.Cmp(before) > 0
	}
	for i := range 500 {
		fees := dynamic()
		fees.Tip = new(big.Int).SetUint64(random.Uint64N(1 << random.IntN(40)))
		fees.Cap = new(big.Int).Add(fees.Tip, new(big.Int).SetUint64(random.Uint64N(1<<random.IntN(40))))
		fees.Least = new(big.Int)
		bumped := fees.Bump()
		if !tenth(fees.Tip, bumped.Tip) || !tenth(fees.Cap, bumped.Cap) || bumped.Tip.Cmp(bumped.Cap) > 0 {
			t.Fatalf("%d: tip %s to %s, cap %s to %s", i, fees.Tip, bumped.Tip, fees.Cap, bumped.Cap)
		}
		now := dynamic()
		now.Tip, now.Cap = new(big.Int).SetUint64(random.Uint64N(1<<40)), new(big.Int).SetUint64(1<<40+random.Uint64N(1<<40))
		both := now.AtLeast(bumped)
		for _, floor := range []chain.Fees{now, bumped} {
			if both.Tip.Cmp(floor.Tip) < 0 || both.Cap.Cmp(floor.Cap) < 0 || both.Tip.Cmp(both.Cap) > 0 {
				t.Fatalf("%+v at least %+v is %+v", now, bumped, both)
			}
		}
		if lowered, ok := both.Within(21_000, new(big.Int).SetUint64(random.Uint64N(1<<55))); ok && lowered.Cap.Cmp(bumped.Cap) < 0 {
			t.Fatalf("a replacement of %s was lowered to %s", bumped.Cap, lowered.Cap)
		}
		old := legacy()
		old.Price = new(big.Int).SetUint64(random.Uint64N(1 << 40))
		if again := old.Bump(); !tenth(old.Price, again.Price) || again.Tip != nil || again.Cap != nil {
			t.Fatalf("price %s to %s", old.Price, again.Price)
		}
		if mixed := now.AtLeast(old.Bump()); mixed.Tip.Cmp(old.Price) <= 0 || mixed.Cap.Cmp(mixed.Tip) < 0 {
			t.Fatalf("%+v does not replace a price of %s", mixed, old.Price)
		}
		if mixed := old.AtLeast(bumped); mixed.Type != chain.TypeLegacy || mixed.Price.Cmp(bumped.Cap) < 0 || mixed.Least.Cmp(bumped.Cap) < 0 {
			t.Fatalf("price %s does not replace a cap of %s", mixed.Price, bumped.Cap)
		}
	}
}

func TestAGasLimitIsAFifthMoreAndNeverMoreThanATransactionMayHave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ estimate, block, want uint64 }{
		{100_000, 60_000_000, 120_000}, {21_000, 0, 25_200}, {15_000_000, 60_000_000, 16_777_216}, {16_777_216, 0, 16_777_216},
		{7_000_000, 8_000_000, 8_000_000}, {16_777_217, 60_000_000, 0}, {8_000_001, 8_000_000, 0}, {20_999, 0, 0}, {1 << 63, 0, 0},
	} {
		got, err := chain.GasLimit(c.estimate, c.block)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%d in a block of %d: %d, %v, want %d", c.estimate, c.block, got, err, c.want)
		}
	}
}

func safeHashes() chain.SafeHashes {
	h := chain.SafeHashes{Domain: common.Hash{1}, Message: common.Hash{2}}
	h.SafeTx = crypto.Keccak256Hash([]byte{0x19, 0x01}, h.Domain[:], h.Message[:])
	return h
}

func TestASafeIsSignedForByItsOwnerAndOnlyByTheHashOfItsParts(t *testing.T) {
	t.Parallel()
	for i := range 20 {
		h := safeHashes()
		h.Message[31] = byte(i)
		h.SafeTx = crypto.Keccak256Hash([]byte{0x19, 0x01}, h.Domain[:], h.Message[:])
		signature, err := chain.NewSafeSigner(addressOf("bank"), sign(keyOf("bank"))).Sign(t.Context(), h)
		if err != nil || signature[64] != 27 && signature[64] != 28 {
			t.Fatalf("v is %d, %v", signature[64], err)
		}
		signature[64] -= 27
		key, err := crypto.SigToPub(h.SafeTx[:], signature[:])
		if err != nil || crypto.PubkeyToAddress(*key) != addressOf("bank") {
			t.Fatal(err)
		}
	}
	refusing := func(context.Context, [32]byte) ([65]byte, error) {
		t.Error("a hash of something else was signed")
		return [65]byte{}, nil
	}
	forged := safeHashes()
	forged.SafeTx[0] ^= 1
	if _, err := chain.NewSafeSigner(addressOf("bank"), refusing).Sign(t.Context(), forged); err == nil || !strings.Contains(err.Error(), "is not the hash of its domain and message") {
		t.Error(err)
	}
	if _, err := chain.NewSafeSigner(common.Address{}, refusing).Sign(t.Context(), safeHashes()); err == nil {
		t.Error("nobody signed")
	}
	for name, by := range map[string]chain.SignDigest{
		"another key": sign(keyOf("thief")),
		"zeros":       func(context.Context, [32]byte) ([65]byte, error) { return [65]byte{}, nil },
		"v of 27": func(ctx context.Context, digest [32]byte) ([65]byte, error) {
			signature, err := sign(keyOf("bank"))(ctx, digest)
			signature[64] += 27
			return signature, err
		},
		"the upper half": func(ctx context.Context, digest [32]byte) ([65]byte, error) {
			signature, err := sign(keyOf("bank"))(ctx, digest)
			s := new(big.Int).SetBytes(signature[32:64])
			s.Sub(crypto.S256().Params().N, s).FillBytes(signature[32:64])
			signature[64] ^= 1
			return signature, err
		},
		"an error": func(context.Context, [32]byte) ([65]byte, error) { return [65]byte{1}, errors.New("kms is away") },
	} {
		if signature, err := chain.NewSafeSigner(addressOf("bank"), by).Sign(t.Context(), safeHashes()); err == nil || signature != ([65]byte{}) {
			t.Errorf("%s: %x, %v", name, signature, err)
		}
	}
}
