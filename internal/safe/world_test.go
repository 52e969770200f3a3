package safe_test

import (
	"crypto/ecdsa"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// world is a machine with the real Safe 1.4.1 on it and no chain around it.
type world struct {
	t       testing.TB
	state   *state.StateDB
	chainID uint64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	if err != nil {
		t.Fatal(err)
	}
	code, err := contractstest.SafeGenesis()
	if err != nil {
		t.Fatal(err)
	}
	for address, runtime := range code {
		db.CreateAccount(address)
		db.SetCode(address, runtime, 0)
	}
	return &world{t: t, state: db, chainID: 43113}
}

func (w *world) run(c evm.Call, origin common.Address) ([]byte, error) {
	all := *params.MergedTestChainConfig
	all.ChainID = new(big.Int).SetUint64(w.chainID)
	value := c.Value
	if value == nil {
		value = new(big.Int)
	}
	data, _, err := runtime.Call(c.To, c.Data, &runtime.Config{ChainConfig: &all, State: w.state, GasLimit: 30_000_000, Value: value, Origin: origin})
	return data, err
}

// make sets up a proxy of the real singleton.
func (w *world) make(owners []common.Address, threshold, nonce uint64) common.Address {
	w.t.Helper()
	setup := evm.MustMethod("setup(address[],uint256,address,bytes,address,address,uint256,address)").Call(common.Address{},
		owners, new(big.Int).SetUint64(threshold), common.Address{}, []byte{}, contractstest.SafeFallbackHandler, common.Address{}, new(big.Int), common.Address{})
	data, err := w.run(evm.MustMethod("createProxyWithNonce(address,bytes,uint256)").
		Call(contractstest.SafeProxyFactory, contractstest.SafeSingleton, setup.Data, new(big.Int).SetUint64(nonce)), common.Address{9})
	if err != nil {
		w.t.Fatalf("make a Safe: %v: %s", err, evm.Reason(data))
	}
	return common.BytesToAddress(data)
}

func (w *world) ask(questions []evm.Question) []evm.Result {
	w.t.Helper()
	var out []evm.Result
	for _, q := range questions {
		switch q.About {
		case evm.AboutCode:
			out = append(out, evm.Result{Data: w.state.GetCode(q.To)})
		case evm.AboutSlot:
			out = append(out, evm.Result{Data: w.state.GetState(q.To, q.Slot).Bytes()})
		case evm.AboutCall:
			data, err := w.run(evm.Call{To: q.To, Data: q.Data}, common.Address{9})
			out = append(out, evm.Result{Data: data, Reverted: err != nil})
		default:
			w.t.Fatalf("nobody here answers %s", q.About)
		}
	}
	return out
}

func (w *world) read(at common.Address) safe.State {
	w.t.Helper()
	s, err := safe.Read(w.ask(safe.Questions(at)))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// execute signs with the keys and sends; it gives the hash and the logs.
func (w *world) execute(at common.Address, tx safe.Tx, keys ...*ecdsa.PrivateKey) (common.Hash, []*types.Log, error) {
	w.t.Helper()
	hashes, err := safe.HashesOf(w.chainID, at, tx)
	if err != nil {
		w.t.Fatal(err)
	}
	signatures, err := safe.Signatures(hashes.SafeTx, sign(w.t, hashes.SafeTx, keys...))
	if err != nil {
		w.t.Fatal(err)
	}
	call, err := safe.Exec(at, tx, signatures)
	if err != nil {
		w.t.Fatal(err)
	}
	before := len(w.state.Logs())
	_, err = w.run(call, common.Address{9})
	return hashes.SafeTx, w.state.Logs()[before:], err
}

func sign(t testing.TB, hash common.Hash, keys ...*ecdsa.PrivateKey) map[common.Address][65]byte {
	t.Helper()
	by := map[common.Address][65]byte{}
	for _, key := range keys {
		signature, err := crypto.Sign(hash[:], key)
		if err != nil {
			t.Fatal(err)
		}
		by[crypto.PubkeyToAddress(key.PublicKey)] = [65]byte(signature)
	}
	return by
}

// people are keys that are the same in every run.
func people(t testing.TB, n int) ([]*ecdsa.PrivateKey, []common.Address) {
	t.Helper()
	var keys []*ecdsa.PrivateKey
	var addresses []common.Address
	for i := range n {
		key, err := crypto.ToECDSA(crypto.Keccak256([]byte{byte(i), 'p'}))
		if err != nil {
			t.Fatal(err)
		}
		keys, addresses = append(keys, key), append(addresses, crypto.PubkeyToAddress(key.PublicKey))
	}
	return keys, addresses
}
