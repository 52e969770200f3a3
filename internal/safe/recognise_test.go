package safe_test

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

func TestOnlyOurVeryTransactionIsRecognised(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		calls, at, nonce := someCalls(r), someAddress(r), r.Uint64()
		tx, err := safe.Batch(multiSend, calls, nonce)
		if err != nil {
			t.Fatal(err)
		}
		if err := safe.Recognise(5, at, multiSend, calls, tx); err != nil {
			t.Fatalf("our own: %v", err)
		}
		// Any one field that is changed makes it another's; the nonce is the queue's.
		other := someTx(r)
		for name, change := range map[string]func(*safe.Tx){
			"to": func(x *safe.Tx) { x.To = other.To }, "value": func(x *safe.Tx) { x.Value = big.NewInt(int64(r.Uint32())) },
			"data": func(x *safe.Tx) { x.Data = append(other.Data, 1) }, "operation": func(x *safe.Tx) { x.Operation ^= 1 },
			"safeTxGas": func(x *safe.Tx) { x.SafeTxGas = big.NewInt(1) }, "baseGas": func(x *safe.Tx) { x.BaseGas = big.NewInt(1) },
			"gasPrice": func(x *safe.Tx) { x.GasPrice = big.NewInt(1) }, "gasToken": func(x *safe.Tx) { x.GasToken = other.GasToken },
			"refundReceiver": func(x *safe.Tx) { x.RefundReceiver = other.RefundReceiver },
		} {
			fake := tx
			change(&fake)
			if err := safe.Recognise(5, at, multiSend, calls, fake); err == nil && name != "value" {
				t.Fatalf("%s: %+v is taken for ours", name, fake)
			}
		}
	}
}

func TestALookAlikeIsNamed(t *testing.T) {
	t.Parallel()
	at, ism := common.Address{0x5a}, common.Address{0x15}
	set := evm.MustMethod("set(uint32,address)")
	calls := []evm.Call{set.Call(ism, uint32(1), common.Address{1}), set.Call(ism, uint32(2), common.Address{2}), set.Call(ism, uint32(3), common.Address{3})}
	more := evm.MustMethod("enableModule(address)").Call(at, common.Address{0xee})
	batch := func(calls ...evm.Call) safe.Tx {
		tx, err := safe.Batch(multiSend, calls, 4)
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	with := func(tx safe.Tx, f func(*safe.Tx)) safe.Tx { f(&tx); return tx }
	ours := batch(calls...)
	for name, c := range map[string]struct {
		ours []evm.Call
		tx   safe.Tx
		want string
	}{
		"one call, delegated":    {calls[:1], with(batch(calls[0]), func(x *safe.Tx) { x.Operation = 1 }), "operation is 1 (delegatecall) to " + ism.Hex()},
		"another MultiSend":      {calls, with(ours, func(x *safe.Tx) { x.To = common.Address{0xbb} }), "operation is 1 (delegatecall) to 0xbb00"},
		"refund":                 {calls, with(ours, func(x *safe.Tx) { x.GasPrice = big.NewInt(1); x.RefundReceiver = common.Address{6} }), "refund fields are set: gasPrice 1, refundReceiver 0x06"},
		"one more, last":         {calls, batch(append(calls[:3:3], more)...), "it has one more call: to " + at.Hex() + " data 0x610b5925"},
		"one more, first":        {calls, batch(append([]evm.Call{more}, calls...)...), "it has one more call: to " + at.Hex()},
		"one more, within":       {calls, batch(calls[0], more, calls[1], calls[2]), "it has one more call: to " + at.Hex()},
		"one more, the same":     {calls[:1], batch(calls[0], calls[0]), "it has one more call: to " + ism.Hex()},
		"one less, the same":     {[]evm.Call{calls[0], calls[0], calls[0]}, batch(calls[0], calls[0]), "it lacks one call: to " + ism.Hex()},
		"two more":               {calls, batch(append(calls[:3:3], more, more)...), "it has 2 more calls: to " + at.Hex()},
		"one less":               {calls, batch(calls[0], calls[2]), "it lacks one call: to " + ism.Hex()},
		"other":                  {calls, batch(calls[0], more, calls[2]), "the calls differ at 2: to " + at.Hex()},
		"order":                  {calls, batch(calls[1], calls[0], calls[2]), "the calls differ at 1: "},
		"fewer and other":        {calls, batch(calls[0], more), "it has 2 calls, need 3, and they differ at 2"},
		"value":                  {calls[:1], with(batch(calls[0]), func(x *safe.Tx) { x.Value = big.NewInt(9) }), "with 9 wei"},
		"one call, batched":      {calls[:1], safe.Tx{To: multiSend, Operation: 1, Nonce: 4, Data: packed(entry(0, ism, int64(len(calls[0].Data)), calls[0].Data))}, "the same calls in another form: operation 1"},
		"refund and more at all": {calls, with(batch(append(calls[:3:3], more)...), func(x *safe.Tx) { x.BaseGas = big.NewInt(3) }), "refund fields are set: baseGas 3; it has one more call"},
	} {
		err := safe.Recognise(1, at, multiSend, c.ours, c.tx)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "safe transaction 4 is not ours: ") {
			t.Errorf("%s: %v, need %q", name, err, c.want)
		}
	}
	if err := safe.Recognise(1, at, multiSend, calls, ours); err != nil {
		t.Error(err)
	}
}
