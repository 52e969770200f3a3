package safe_test

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

func someAddress(r *rand.Rand) (a common.Address) {
	for i := range a {
		a[i] = byte(r.Uint32())
	}
	return a
}

func someAmount(r *rand.Rand) *big.Int {
	if r.IntN(3) == 0 {
		return nil
	}
	raw := make([]byte, r.IntN(33))
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	return new(big.Int).SetBytes(raw)
}

func someData(r *rand.Rand, most int) []byte {
	raw := make([]byte, r.IntN(most))
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	return raw
}

func someTx(r *rand.Rand) safe.Tx {
	return safe.Tx{
		To: someAddress(r), Value: someAmount(r), Data: someData(r, 200), Operation: uint8(r.IntN(2)),
		SafeTxGas: someAmount(r), BaseGas: someAmount(r), GasPrice: someAmount(r),
		GasToken: someAddress(r), RefundReceiver: someAddress(r), Nonce: r.Uint64(),
	}
}

// typed is the same transaction in the words of go-ethereum's signer.
func typed(chainID uint64, at common.Address, tx safe.Tx) apitypes.TypedData {
	decimal := func(v *big.Int) string {
		if v == nil {
			return "0"
		}
		return v.String()
	}
	var fields []apitypes.Type
	for pair := range strings.SplitSeq("address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce", ",") {
		kind, name, _ := strings.Cut(pair, " ")
		fields = append(fields, apitypes.Type{Name: name, Type: kind})
	}
	return apitypes.TypedData{
		Types:       apitypes.Types{"EIP712Domain": {{Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}}, "SafeTx": fields},
		PrimaryType: "SafeTx",
		Domain:      apitypes.TypedDataDomain{ChainId: (*math.HexOrDecimal256)(new(big.Int).SetUint64(chainID)), VerifyingContract: at.Hex()},
		Message: apitypes.TypedDataMessage{
			"to": tx.To.Hex(), "value": decimal(tx.Value), "data": hexutil.Encode(tx.Data), "operation": big.NewInt(int64(tx.Operation)).String(),
			"safeTxGas": decimal(tx.SafeTxGas), "baseGas": decimal(tx.BaseGas), "gasPrice": decimal(tx.GasPrice),
			"gasToken": tx.GasToken.Hex(), "refundReceiver": tx.RefundReceiver.Hex(), "nonce": new(big.Int).SetUint64(tx.Nonce).String(),
		},
	}
}

func TestTheHashesAreThoseOfTheStandardForTypedData(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		chainID, at, tx := r.Uint64(), someAddress(r), someTx(r)
		have, err := safe.HashesOf(chainID, at, tx)
		if err != nil {
			t.Fatal(err)
		}
		data := typed(chainID, at, tx)
		need, _, err := apitypes.TypedDataAndHash(data)
		if err != nil {
			t.Fatal(err)
		}
		domain, err := data.HashStruct("EIP712Domain", data.Domain.Map())
		if err != nil {
			t.Fatal(err)
		}
		message, err := data.HashStruct("SafeTx", data.Message)
		if err != nil {
			t.Fatal(err)
		}
		if have.SafeTx != common.Hash(need) || have.Domain != common.Hash(domain) || have.Message != common.Hash(message) {
			t.Fatalf("%+v: have %+v, need %x, %x, %x", tx, have, domain, message, need)
		}
	}
}

func TestTheHashesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), rand.New(rand.NewPCG(3, 4))
	_, owners := people(t, 3)
	at := w.make(owners, 2, 7)
	domain, err := w.run(evm.MustMethod("domainSeparator()").Call(at), common.Address{})
	if err != nil {
		t.Fatal(err)
	}
	none := func(v *big.Int) *big.Int {
		if v == nil {
			return new(big.Int)
		}
		return v
	}
	for range 50 {
		tx := someTx(r)
		hash, err := w.run(evm.MustMethod("getTransactionHash(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,uint256)").Call(at,
			tx.To, none(tx.Value), tx.Data, tx.Operation, none(tx.SafeTxGas), none(tx.BaseGas), none(tx.GasPrice), tx.GasToken, tx.RefundReceiver, new(big.Int).SetUint64(tx.Nonce)), common.Address{})
		if err != nil {
			t.Fatal(err)
		}
		have, err := safe.HashesOf(w.chainID, at, tx)
		if err != nil || have.SafeTx != common.Hash(hash) || have.Domain != common.Hash(domain) {
			t.Fatalf("%+v: have %+v (%v), need %x and %x", tx, have, err, domain, hash)
		}
	}
}

func TestEachFieldIsUnderTheHash(t *testing.T) {
	t.Parallel()
	at, base := common.Address{1}, safe.Tx{To: common.Address{2}, Data: []byte{1}}
	first, err := safe.HashesOf(1, at, base)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[common.Hash]string{first.SafeTx: "none"}
	for name, change := range map[string]func(*safe.Tx){
		"to": func(x *safe.Tx) { x.To[0]++ }, "value": func(x *safe.Tx) { x.Value = big.NewInt(1) }, "data": func(x *safe.Tx) { x.Data = nil },
		"operation": func(x *safe.Tx) { x.Operation = 1 }, "safeTxGas": func(x *safe.Tx) { x.SafeTxGas = big.NewInt(1) },
		"baseGas": func(x *safe.Tx) { x.BaseGas = big.NewInt(1) }, "gasPrice": func(x *safe.Tx) { x.GasPrice = big.NewInt(1) },
		"gasToken": func(x *safe.Tx) { x.GasToken[0] = 1 }, "refundReceiver": func(x *safe.Tx) { x.RefundReceiver[0] = 1 }, "nonce": func(x *safe.Tx) { x.Nonce = 1 },
	} {
		tx := base
		change(&tx)
		h, err := safe.HashesOf(1, at, tx)
		if other, twice := seen[h.SafeTx]; err != nil || twice {
			t.Errorf("%s: the hash is that of %s (%v)", name, other, err)
		}
		seen[h.SafeTx] = name
	}
}

func TestAnAmountThatWouldBeCutIsNoAmount(t *testing.T) {
	t.Parallel()
	for _, odd := range []*big.Int{big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 256)} {
		for name, tx := range map[string]safe.Tx{"value": {Value: odd}, "safeTxGas": {SafeTxGas: odd}, "baseGas": {BaseGas: odd}, "gasPrice": {GasPrice: odd}} {
			if _, err := safe.HashesOf(1, common.Address{1}, tx); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: %v", name, odd, err)
			}
			if _, err := safe.Exec(common.Address{1}, tx, nil); err == nil {
				t.Errorf("%s %s: is executed", name, odd)
			}
		}
	}
}

func TestVersionsWhoseSignaturesNameNoChainAreRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.3.0": "", "1.3.0+L2": "", "1.4.1": "", "1.5.0": "",
		"1.1.1": "could be replayed", "1.2.0": "could be replayed", "0.1.0": "could be replayed",
		"1.6.0": "not known", "2.0.0": "not known", "": "no version", "1.3": "no version", "1.3.0 ": "no version", "x": "no version", "01.3.0": "no version",
	} {
		err := safe.CheckVersion(version)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, need %q", version, err, want)
		}
	}
}
