package safe

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// The types of EIP-712 as Safe 1.3.0 and later define them (Safe.sol): the domain
// has neither name nor version.
const (
	domainType = "EIP712Domain(uint256 chainId,address verifyingContract)"
	safeTxType = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)

// Hashes are what a hardware wallet shows of a Safe transaction, and what its
// owners sign.
type Hashes struct {
	// Domain separates Safes and chains; Message is the hash of the ten fields.
	Domain, Message common.Hash
	// SafeTx is the hash that is signed and that names the transaction.
	SafeTx common.Hash
}

// HashesOf computes the hashes of a transaction of the Safe at an address of one
// chain (EIP-712). An amount that no Safe can hold is an error.
func HashesOf(chainID uint64, safe common.Address, tx Tx) (Hashes, error) {
	if err := tx.check(); err != nil {
		return Hashes{}, fmt.Errorf("safe transaction %d: %w", tx.Nonce, err)
	}
	var h Hashes
	h.Domain = crypto.Keccak256Hash(crypto.Keccak256([]byte(domainType)), number(chainID), pad(safe))
	h.Message = crypto.Keccak256Hash(
		crypto.Keccak256([]byte(safeTxType)),
		pad(tx.To), wide(tx.Value), crypto.Keccak256(tx.Data), number(uint64(tx.Operation)),
		wide(tx.SafeTxGas), wide(tx.BaseGas), wide(tx.GasPrice), pad(tx.GasToken), pad(tx.RefundReceiver), number(tx.Nonce),
	)
	h.SafeTx = crypto.Keccak256Hash([]byte{0x19, 0x01}, h.Domain[:], h.Message[:])
	return h, nil
}

func pad(address common.Address) []byte { return common.LeftPadBytes(address[:], 32) }

func number(n uint64) []byte { return wide(new(big.Int).SetUint64(n)) }

// wide is an amount of at most 256 bits as a word.
func wide(value *big.Int) []byte {
	out := make([]byte, 32)
	if value != nil {
		value.FillBytes(out)
	}
	return out
}
