package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Transaction is a call of a contract; amounts in wei, a nil Value is none. There
// is none that creates a contract: deployments go through a factory.
type Transaction struct {
	ChainID uint64
	To      common.Address
	Value   *big.Int
	Data    []byte
	Nonce   uint64
	Gas     uint64
	Fees    Fees
}

// Call is what the transaction does.
func (t Transaction) Call() evm.Call { return evm.Call{To: t.To, Value: t.Value, Data: t.Data} }

// CallSigner signs the contract calls of one address that a verified step lists,
// and nothing else: it takes no bytes and no digest.
type CallSigner struct {
	address common.Address
	sign    SignDigest
	allow   func(evm.Call) error
}

// NewCallSigner makes a signer of the address. allow is asked about every call
// and tells why it is not one of the step's; what it does not refuse is signed.
func NewCallSigner(address common.Address, sign SignDigest, allow func(evm.Call) error) (*CallSigner, error) {
	if sign == nil || allow == nil || address == (common.Address{}) {
		return nil, errors.New("signer: an address, a way to sign and the allowed calls are needed")
	}
	return &CallSigner{address: address, sign: sign, allow: allow}, nil
}

// Address that the signer signs for.
func (s *CallSigner) Address() common.Address { return s.address }

// Sign builds, signs and checks the transaction.
func (s *CallSigner) Sign(ctx context.Context, t Transaction) (SignedTransaction, error) {
	tx, err := t.unsigned()
	if err == nil {
		err = s.allow(t.Call())
	}
	if err != nil {
		return SignedTransaction{}, fmt.Errorf("sign a call of %s: %w", t.To, err)
	}
	return signAs(ctx, s.address, s.sign, t.ChainID, tx)
}

// MaxGas is the most that one transaction may use since Osaka (EIP-7825).
const MaxGas = 1 << 24

// GasLimit is what a transaction gets that is estimated at so much gas: a fifth
// more, because state moves between estimate and block, but never more than
// MaxGas or the block limit (0: not known). An estimate above those can never be
// mined.
func GasLimit(estimate, blockLimit uint64) (uint64, error) {
	most := uint64(MaxGas)
	if blockLimit > 0 {
		most = min(most, blockLimit)
	}
	if estimate < transferGas || estimate > most {
		return 0, fmt.Errorf("the call takes %d gas, a transaction has %d to %d", estimate, transferGas, most)
	}
	return min(estimate+estimate/5, most), nil
}

func (t Transaction) unsigned() (*types.Transaction, error) {
	value := t.Value
	if value == nil {
		value = new(big.Int)
	}
	switch {
	case t.ChainID == 0:
		return nil, errors.New("no chain id: it could be replayed elsewhere")
	case t.To == (common.Address{}):
		return nil, errors.New("the contract is the zero address")
	case value.Sign() < 0 || value.BitLen() > 128:
		return nil, fmt.Errorf("the value is %v wei", value)
	case len(t.Data) < 4 || len(t.Data) > evm.MaxCalldata:
		return nil, fmt.Errorf("the calldata has %d bytes, a call has 4 to %d", len(t.Data), evm.MaxCalldata)
	case t.Gas < transferGas || t.Gas > MaxGas:
		return nil, fmt.Errorf("the gas is %d, a call takes %d to %d", t.Gas, transferGas, MaxGas)
	}
	return build(t.ChainID, t.To, value, t.Data, t.Nonce, t.Gas, t.Fees)
}

// ReadTransaction reads signed bytes back, and refuses all that is not bound to
// one chain, creates a contract, or has parts that Sign never writes. Fees hold
// what the transaction offers; their L1 part is not known and 0.
func ReadTransaction(raw []byte) (from common.Address, t Transaction, hash common.Hash, err error) {
	var tx types.Transaction
	if err := tx.UnmarshalBinary(raw); err != nil {
		return from, t, hash, errors.New("these bytes are no transaction")
	}
	hash = tx.Hash()
	switch {
	case tx.Type() != types.LegacyTxType && tx.Type() != types.DynamicFeeTxType || len(tx.AccessList()) > 0:
		err = fmt.Errorf("transaction %s is of a type that is not written here", hash)
	case tx.To() == nil:
		err = fmt.Errorf("transaction %s creates a contract", hash)
	case !tx.Protected() || !tx.ChainId().IsUint64() || tx.ChainId().Sign() == 0:
		err = fmt.Errorf("transaction %s is not bound to one chain", hash)
	}
	if err != nil {
		return from, t, hash, err
	}
	if from, err = types.Sender(types.LatestSignerForChainID(tx.ChainId()), &tx); err != nil {
		return from, t, hash, fmt.Errorf("transaction %s: %w", hash, err)
	}
	t = Transaction{
		ChainID: tx.ChainId().Uint64(), To: *tx.To(), Value: tx.Value(), Data: tx.Data(), Nonce: tx.Nonce(), Gas: tx.Gas(),
		Fees: Fees{Type: TypeLegacy, Price: tx.GasPrice(), Least: tx.GasPrice(), L1: new(big.Int)},
	}
	if tx.Type() == types.DynamicFeeTxType {
		t.Fees = Fees{Type: TypeDynamic, Tip: tx.GasTipCap(), Cap: tx.GasFeeCap(), Least: tx.GasFeeCap(), L1: new(big.Int)}
	}
	return from, t, hash, nil
}
