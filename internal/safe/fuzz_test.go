package safe_test

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

func FuzzUnbatchTakesOnlyWhatBatchMakes(f *testing.F) {
	f.Add([]byte{}, uint8(0), uint64(0), true)
	f.Add(packed(entry(0, ism, 1, []byte{1}), entry(0, mate, 0, nil)), uint8(1), uint64(0), true)
	f.Add(packed(entry(1, ism, 9, []byte{1})), uint8(1), uint64(1), true)
	f.Add(execution(mate, safe.Tx{To: ism, Operation: 1, Data: packed(entry(0, ism, 0, nil))}).Data, uint8(0), uint64(1), false)
	f.Fuzz(func(t *testing.T, data []byte, operation uint8, value uint64, pinned bool) {
		tx := safe.Tx{To: ism, Value: new(big.Int).SetUint64(value), Data: data, Operation: operation, Nonce: 3}
		if pinned {
			tx.To = multiSend
		}
		_ = safe.EffectsOf(self, multiSend, tx, names)
		calls, err := safe.Unbatch(tx, multiSend)
		if err != nil {
			return
		}
		back, err := safe.Batch(multiSend, calls, 3)
		if err != nil {
			t.Fatalf("%+v is taken apart and cannot be made: %v", tx, err)
		}
		if err := safe.Recognise(1, self, multiSend, calls, tx); err != nil || back.To != tx.To || back.Operation != tx.Operation || !bytes.Equal(back.Data, tx.Data) {
			t.Fatalf("%+v comes back as %+v: %v", tx, back, err)
		}
	})
}

func FuzzReadBuilderTakesOnlyWhatBuilderMakes(f *testing.F) {
	good, err := safe.Builder(5, self, "name", []evm.Call{{To: ism, Value: big.NewInt(7), Data: []byte{1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":"1.0","transactions":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := safe.ReadBuilder(data)
		if err != nil {
			return
		}
		again, err := safe.Builder(file.ChainID, file.Safe, file.Name, file.Calls)
		if err != nil {
			t.Fatalf("%q is read and cannot be written: %v", data, err)
		}
		if back, err := safe.ReadBuilder(again); err != nil || !equal(back.Calls, file.Calls) || back.Safe != file.Safe || back.ChainID != file.ChainID {
			t.Fatalf("%q comes back as %+v (%v)", data, back, err)
		}
	})
}

func FuzzReadNeverBelievesOwnersThatCannotBe(f *testing.F) {
	all := answers(f)
	var seed []byte
	for _, r := range all {
		seed = binary.BigEndian.AppendUint16(seed, uint16(len(r.Data)))
		seed = append(seed, r.Data...)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var results []evm.Result
		for len(data) > 2 {
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			results, data = append(results, evm.Result{Data: data[2 : 2+n], Reverted: n == 4}), data[2+n:]
		}
		_, _ = safe.KindOfOwner(results)
		s, err := safe.Read(results)
		if err != nil {
			return
		}
		// Whatever is believed can be changed to what is believed: without a call.
		if calls, err := safe.OwnerChanges(s.Owners, s.Threshold, s.Owners, s.Threshold, common.Address{}); err != nil || len(calls) != 0 {
			t.Fatalf("%+v: %v, %v", s, calls, err)
		}
	})
}
