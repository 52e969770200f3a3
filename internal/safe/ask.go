package safe

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

const hashSignature = "getTransactionHash(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,uint256)(bytes32)"

// HashQuestion asks a Safe for its own word on a transaction's safeTxHash, and
// gives what reads the answer. Where HashesOf says another, one of both is wrong
// about what its owners would sign.
func HashQuestion(safe common.Address, tx Tx) (evm.Question, func(evm.Result) (common.Hash, error)) {
	m := evm.MustMethod(hashSignature)
	data := tx.Data
	if data == nil {
		data = []byte{}
	}
	asked := m.Call(safe, tx.To, amountOf(tx.Value), data, tx.Operation, amountOf(tx.SafeTxGas), amountOf(tx.BaseGas), amountOf(tx.GasPrice),
		tx.GasToken, tx.RefundReceiver, new(big.Int).SetUint64(tx.Nonce))
	return evm.Ask(asked), func(r evm.Result) (common.Hash, error) {
		values, err := m.Unpack(r)
		if err != nil {
			return common.Hash{}, err
		}
		return values[0].([32]byte), nil
	}
}
