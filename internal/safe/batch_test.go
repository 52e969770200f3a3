package safe_test

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

var multiSend = contractstest.SafeMultiSend

func someCalls(r *rand.Rand) []evm.Call {
	calls := make([]evm.Call, 1+r.IntN(5))
	for i := range calls {
		calls[i] = evm.Call{To: someAddress(r), Value: someAmount(r), Data: someData(r, 120)}
	}
	return calls
}

func equal(a, b []evm.Call) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

func TestABatchHoldsTheCallsAndNothingElse(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		calls := someCalls(r)
		tx, err := safe.Batch(multiSend, calls, 7)
		if err != nil {
			t.Fatal(err)
		}
		if want := len(calls) > 1; (tx.Operation == safe.OperationDelegateCall) != want || want != (tx.To == multiSend) || tx.Nonce != 7 {
			t.Fatalf("%d calls: operation %d to %s", len(calls), tx.Operation, tx.To)
		}
		back, err := safe.Unbatch(tx, multiSend)
		if err != nil || !equal(back, calls) {
			t.Fatalf("came back as %v (%v), need %v", back, err, calls)
		}
	}
}

func TestWhatNoBatchCanHoldIsRefused(t *testing.T) {
	t.Parallel()
	good := evm.Call{To: common.Address{1}}
	for name, c := range map[string]struct {
		multiSend common.Address
		calls     []evm.Call
		want      string
	}{
		"none":     {multiSend, nil, "no call"},
		"zero":     {multiSend, []evm.Call{good, {}}, "call 2 of 2 goes to the zero address"},
		"negative": {multiSend, []evm.Call{{To: common.Address{1}, Value: big.NewInt(-1)}}, "256 bits"},
		"no pin":   {common.Address{}, []evm.Call{good, good}, "no address of it is pinned"},
		"too long": {multiSend, []evm.Call{good, {To: common.Address{1}, Data: make([]byte, evm.MaxCalldata)}}, "at most 131072 fit"},
	} {
		if _, err := safe.Batch(c.multiSend, c.calls, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, need %q", name, err, c.want)
		}
	}
}

// packed spells a batch as a stranger might.
func packed(raw ...[]byte) []byte {
	return evm.MustMethod("multiSend(bytes)").Call(common.Address{}, bytes.Join(raw, nil)).Data
}

func entry(operation byte, to common.Address, size int64, data []byte) []byte {
	return bytes.Join([][]byte{{operation}, to[:], make([]byte, 32), common.LeftPadBytes(big.NewInt(size).Bytes(), 32), data}, nil)
}

func TestWhatIsNotExactlyABatchIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	a, b := entry(0, common.Address{1}, 1, []byte{7}), entry(0, common.Address{2}, 0, nil)
	good := safe.Tx{To: multiSend, Operation: 1, Data: packed(a, b)}
	if calls, err := safe.Unbatch(good, multiSend); err != nil || len(calls) != 2 {
		t.Fatalf("%v, %v", calls, err)
	}
	huge := bytes.Clone(a)
	for i := 53; i < 85; i++ {
		huge[i] = 0xff
	}
	with := func(f func(*safe.Tx)) safe.Tx { tx := good; f(&tx); return tx }
	for want, tx := range map[string]safe.Tx{
		"operation is 1 (delegatecall) to 0x0900000000000000000000000000000000000000": with(func(x *safe.Tx) { x.To = common.Address{9} }),
		"operation is 2, which no Safe knows":                                         with(func(x *safe.Tx) { x.Operation = 2 }),
		"the batch itself carries 1 wei":                                              with(func(x *safe.Tx) { x.Value = big.NewInt(1) }),
		"refund fields are set: gasPrice 1":                                           with(func(x *safe.Tx) { x.GasPrice = big.NewInt(1) }),
		"refund fields are set: safeTxGas 5, baseGas 6":                               with(func(x *safe.Tx) { x.SafeTxGas, x.BaseGas = big.NewInt(5), big.NewInt(6) }),
		"refund fields are set: gasToken 0x01":                                        with(func(x *safe.Tx) { x.GasToken[0] = 1 }),
		"refund fields are set: refundReceiver 0x01":                                  with(func(x *safe.Tx) { x.RefundReceiver[0] = 1 }),
		"call 2 of the batch has operation 1 (delegatecall)":                          with(func(x *safe.Tx) { x.Data = packed(a, entry(1, common.Address{2}, 0, nil)) }),
		"call 2 of 2 goes to the zero address":                                        with(func(x *safe.Tx) { x.Data = packed(a, entry(0, common.Address{}, 0, nil)) }),
		"call 2 of the batch is cut short":                                            with(func(x *safe.Tx) { x.Data = packed(a, b[:40]) }),
		"call 3 of the batch is cut short":                                            with(func(x *safe.Tx) { x.Data = packed(a, b, []byte{0}) }),
		"call 1 of the batch is cut short":                                            with(func(x *safe.Tx) { x.Data = packed(huge) }),
		"the batch is empty":                                                          with(func(x *safe.Tx) { x.Data = packed() }),
		"a single call is batched":                                                    with(func(x *safe.Tx) { x.Data = packed(a) }),
		"its data is no multiSend(bytes)":                                             with(func(x *safe.Tx) { x.Data = append(bytes.Clone(good.Data), 0) }),
		"value is no amount of 256 bits":                                              with(func(x *safe.Tx) { x.Operation, x.Value = 0, big.NewInt(-1) }),
	} {
		if calls, err := safe.Unbatch(tx, multiSend); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; need %q", calls, err, want)
		}
	}
	if _, err := safe.Unbatch(safe.Tx{Operation: 1, Data: good.Data}, common.Address{}); err == nil {
		t.Error("a delegatecall to nowhere is taken for a batch where nothing is pinned")
	}
}

func TestTheContractMakesTheCallsOfABatchInTheirOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys, owners := people(t, 4)
	at := w.make(owners[:3], 2, 1)
	w.state.AddBalance(at, common.U2560.Clone().SetUint64(3), 0)
	tx, err := safe.Batch(multiSend, []evm.Call{
		evm.MustMethod("addOwnerWithThreshold(address,uint256)").Call(at, owners[3], big.NewInt(3)),
		{To: common.Address{7}, Value: big.NewInt(2)},
		evm.MustMethod("removeOwner(address,address,uint256)").Call(at, owners[3], owners[0], big.NewInt(3)),
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.execute(at, tx, keys[0]); err == nil {
		t.Error("one of two signatures was enough")
	}
	hash, logs, err := w.execute(at, tx, keys[2], keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := safe.Succeeded(at, hash, logs); err != nil {
		t.Error(err)
	}
	s := w.read(at)
	if diff := cmp.Diff([]common.Address{owners[3], owners[1], owners[2]}, s.Owners); diff != "" || s.Threshold != 3 || s.Nonce != 1 || w.state.GetBalance(common.Address{7}).Uint64() != 2 {
		t.Errorf("%+v: %s", s, diff)
	}
}
