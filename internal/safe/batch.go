package safe

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// entryHead is what stands before the data of each call in a MultiSend batch:
// operation, target, value and length (MultiSendCallOnly.sol).
const entryHead = 1 + 20 + 32 + 32

func multiSendMethod() evm.Method { return evm.MustMethod("multiSend(bytes)") }

// Batch is the transaction that makes the calls in their order: a single one by
// itself with operation 0, several through MultiSendCallOnly, whose address on
// this network the deployment pins.
func Batch(multiSend common.Address, calls []evm.Call, nonce uint64) (Tx, error) {
	if len(calls) == 0 {
		return Tx{}, errors.New("safe batch: there is no call in it")
	}
	for i, c := range calls {
		switch {
		case c.To == (common.Address{}):
			// MultiSendCallOnly 1.5.0 would take it for the Safe itself.
			return Tx{}, fmt.Errorf("safe batch: call %d of %d goes to the zero address", i+1, len(calls))
		case !word(c.Value):
			return Tx{}, fmt.Errorf("safe batch: call %d of %d: its value is no amount of 256 bits", i+1, len(calls))
		}
	}
	if len(calls) == 1 {
		return Tx{To: calls[0].To, Value: calls[0].Value, Data: calls[0].Data, Operation: OperationCall, Nonce: nonce}, nil
	}
	if multiSend == (common.Address{}) {
		return Tx{}, fmt.Errorf("safe batch: %d calls need MultiSendCallOnly, and no address of it is pinned", len(calls))
	}
	data := multiSendMethod().Call(multiSend, pack(calls)).Data
	if len(data) > evm.MaxCalldata {
		return Tx{}, fmt.Errorf("safe batch: %d calls make %d bytes, at most %d fit into a transaction", len(calls), len(data), evm.MaxCalldata)
	}
	return Tx{To: multiSend, Data: data, Operation: OperationDelegateCall, Nonce: nonce}, nil
}

func pack(calls []evm.Call) []byte {
	var out []byte
	for _, c := range calls {
		out = append(out, OperationCall)
		out = append(out, c.To[:]...)
		out = append(out, wide(c.Value)...)
		out = append(out, number(uint64(len(c.Data)))...)
		out = append(out, c.Data...)
	}
	return out
}

// Unbatch is the strict inverse of Batch: whatever Batch would not have made of
// the calls is an error that says what is odd.
func Unbatch(tx Tx, multiSend common.Address) ([]evm.Call, error) {
	if refund := tx.refund(); refund != "" {
		return nil, fmt.Errorf("refund fields are set: %s", refund)
	}
	if err := tx.check(); err != nil {
		return nil, err
	}
	calls, err := contents(tx, multiSend)
	switch {
	case err != nil:
		return nil, err
	case tx.Operation == OperationDelegateCall && len(calls) == 1:
		return nil, errors.New("a single call is batched, where it needs no batch")
	}
	for i, c := range calls {
		if c.To == (common.Address{}) {
			return nil, fmt.Errorf("call %d of %d goes to the zero address", i+1, len(calls))
		}
	}
	return calls, nil
}

// contents are the calls that a transaction makes: its own, or those of a batch
// through the one contract that a delegatecall may go to.
func contents(tx Tx, multiSend common.Address) ([]evm.Call, error) {
	switch {
	case tx.Operation == OperationCall:
		return []evm.Call{tx.call()}, nil
	case tx.Operation != OperationDelegateCall:
		return nil, fmt.Errorf("operation is %d, which no Safe knows", tx.Operation)
	case multiSend == (common.Address{}) || tx.To != multiSend:
		return nil, fmt.Errorf("operation is 1 (delegatecall) to %s", tx.To.Hex())
	case tx.Value != nil && tx.Value.Sign() != 0:
		return nil, fmt.Errorf("the batch itself carries %s wei", tx.Value)
	}
	return entries(tx.Data)
}

// entries reads the calldata of multiSend, spelled exactly as we spell it.
func entries(data []byte) ([]evm.Call, error) {
	args, ok := multiSendMethod().Arguments(data)
	if !ok {
		return nil, errors.New("its data is no multiSend(bytes) as it is spelled here")
	}
	rest := args[0].([]byte)
	var calls []evm.Call
	for len(rest) > 0 {
		at := len(calls) + 1
		if len(rest) < entryHead {
			return nil, fmt.Errorf("call %d of the batch is cut short", at)
		}
		if rest[0] != OperationCall {
			return nil, fmt.Errorf("call %d of the batch has operation %d (delegatecall), need 0", at, rest[0])
		}
		c := evm.Call{To: common.Address(rest[1:21])}
		if value := new(big.Int).SetBytes(rest[21:53]); value.Sign() != 0 {
			c.Value = value
		}
		size := new(big.Int).SetBytes(rest[53:entryHead])
		rest = rest[entryHead:]
		if !size.IsUint64() || size.Uint64() > uint64(len(rest)) {
			return nil, fmt.Errorf("call %d of the batch is cut short", at)
		}
		if n := size.Uint64(); n > 0 {
			c.Data, rest = rest[:n:n], rest[n:]
		}
		calls = append(calls, c)
	}
	if len(calls) == 0 {
		return nil, errors.New("the batch is empty")
	}
	return calls, nil
}
