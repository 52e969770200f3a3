package safe

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

const execSignature = "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"

// Signatures joins owners' signatures over a safeTxHash in the only order that
// the contract takes: ascending by signer (Safe.sol, checkNSignatures). The last
// byte may be 0 and 1 or 27 and 28. A signature that does not recover to its
// owner is an error.
func Signatures(safeTxHash common.Hash, by map[common.Address][65]byte) ([]byte, error) {
	var out []byte
	for _, owner := range slices.SortedFunc(maps.Keys(by), func(a, b common.Address) int { return bytes.Compare(a[:], b[:]) }) {
		signature := by[owner]
		if signature[64] < 27 {
			signature[64] += 27
		}
		raw := signature
		raw[64] -= 27
		key, err := crypto.SigToPub(safeTxHash[:], raw[:])
		if err != nil {
			return nil, fmt.Errorf("signature of %s over %s: %w", owner.Hex(), safeTxHash.Hex(), err)
		}
		if signer := crypto.PubkeyToAddress(*key); signer != owner {
			return nil, fmt.Errorf("signature of %s over %s recovers to %s", owner.Hex(), safeTxHash.Hex(), signer.Hex())
		}
		out = append(out, signature[:]...)
	}
	return out, nil
}

// Exec is the call that executes a signed transaction. Any account may send it.
func Exec(safe common.Address, tx Tx, signatures []byte) (evm.Call, error) {
	if err := tx.check(); err != nil {
		return evm.Call{}, fmt.Errorf("safe transaction %d: %w", tx.Nonce, err)
	}
	data := tx.Data
	if data == nil {
		data = []byte{}
	}
	return evm.MustMethod(execSignature).Call(safe, tx.To, amountOf(tx.Value), data, tx.Operation,
		amountOf(tx.SafeTxGas), amountOf(tx.BaseGas), amountOf(tx.GasPrice), tx.GasToken, tx.RefundReceiver, signatures), nil
}

// Succeeded is nil if the logs of a transaction say that the Safe executed the
// one with this hash and that it succeeded. A receipt alone does not: with gas of
// its own, a transaction that fails inside still uses up its nonce. The hash is a
// topic from 1.4.1 on and data before (Safe.sol, GnosisSafe.sol).
func Succeeded(safe common.Address, safeTxHash common.Hash, logs []*types.Log) error {
	success := crypto.Keccak256Hash([]byte("ExecutionSuccess(bytes32,uint256)"))
	failure := crypto.Keccak256Hash([]byte("ExecutionFailure(bytes32,uint256)"))
	for _, l := range logs {
		if l == nil || l.Address != safe || len(l.Topics) == 0 || (l.Topics[0] != success && l.Topics[0] != failure) {
			continue
		}
		var of common.Hash
		switch {
		case len(l.Topics) == 2 && len(l.Data) == 32:
			of = l.Topics[1]
		case len(l.Topics) == 1 && len(l.Data) == 64:
			of = common.Hash(l.Data[:32])
		default:
			continue
		}
		switch {
		case of == safeTxHash && l.Topics[0] == success:
			return nil
		case of == safeTxHash:
			return fmt.Errorf("safe %s: transaction %s was executed and failed inside; its nonce is used", safe.Hex(), safeTxHash.Hex())
		}
	}
	return fmt.Errorf("safe %s: none of %d logs says that transaction %s was executed", safe.Hex(), len(logs), safeTxHash.Hex())
}
