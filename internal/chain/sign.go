package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// SignDigest signs a keccak-256 digest: r‖s‖v, v in {0,1}, s in the lower half.
type SignDigest = func(ctx context.Context, digest [32]byte) (signature [65]byte, err error)

// TransferSigner signs plain value transfers from one address and nothing
// else: it takes no bytes and no digest, builds the transaction itself without
// data, and checks who signed.
type TransferSigner struct {
	address common.Address
	sign    SignDigest
}

// NewTransferSigner makes a signer of the address from what can sign for it.
// That the two belong together is checked on every signature.
func NewTransferSigner(address common.Address, sign SignDigest) (*TransferSigner, error) {
	if sign == nil || address == (common.Address{}) {
		return nil, errors.New("signer: an address and a way to sign are needed")
	}
	return &TransferSigner{address: address, sign: sign}, nil
}

// OpenKeystore makes a signer from an encrypted go-ethereum keystore file. The
// passphrase is never part of an error. For test networks only: the key is in
// this process's memory.
func OpenKeystore(path string, passphrase []byte) (*TransferSigner, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the path is declared configuration
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	key, err := keystore.DecryptKey(data, string(passphrase))
	if errors.Is(err, keystore.ErrDecrypt) {
		return nil, fmt.Errorf("keystore %s: the passphrase does not open it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("keystore %s: not an encrypted key file", path)
	}
	return NewTransferSigner(key.Address, func(_ context.Context, digest [32]byte) (signature [65]byte, err error) {
		signed, err := crypto.Sign(digest[:], key.PrivateKey)
		copy(signature[:], signed)
		return signature, err
	})
}

// Address that the signer signs for.
func (s *TransferSigner) Address() common.Address { return s.address }

// Transfer is a plain value transfer; amounts in wei.
type Transfer struct {
	ChainID uint64
	To      common.Address
	Value   *big.Int
	Nonce   uint64
	Gas     uint64
	Fees    Fees
}

// SignedTransaction is ready to be sent: its bytes and its hash.
type SignedTransaction struct {
	Raw  []byte
	Hash common.Hash
}

// SignedTransfer is a signed plain transfer.
type SignedTransfer = SignedTransaction

// Sign builds, signs and checks the transaction.
func (s *TransferSigner) Sign(ctx context.Context, t Transfer) (SignedTransfer, error) {
	tx, err := t.unsigned()
	if err != nil {
		return SignedTransfer{}, fmt.Errorf("sign a transfer to %s: %w", t.To, err)
	}
	return signAs(ctx, s.address, s.sign, t.ChainID, tx)
}

// signAs signs a transaction that was built here, and checks who signed.
func signAs(ctx context.Context, address common.Address, sign SignDigest, chainID uint64, tx *types.Transaction) (SignedTransaction, error) {
	signer := types.LatestSignerForChainID(new(big.Int).SetUint64(chainID))
	signature, err := sign(ctx, signer.Hash(tx))
	if err != nil {
		return SignedTransaction{}, fmt.Errorf("sign for %s: %w", address, err)
	}
	signed, err := tx.WithSignature(signer, signature[:])
	if err != nil {
		return SignedTransaction{}, fmt.Errorf("sign for %s: the signature is malformed", address)
	}
	// Sender refuses signatures of the upper half (EIP-2), and tells who signed.
	sender, err := types.Sender(signer, signed)
	if err != nil {
		return SignedTransaction{}, fmt.Errorf("sign for %s: the signature is not valid: %w", address, err)
	}
	if sender != address {
		return SignedTransaction{}, fmt.Errorf("sign for %s: the signature is of %s: another key signed", address, sender)
	}
	raw, err := signed.MarshalBinary()
	if err != nil {
		return SignedTransaction{}, err
	}
	return SignedTransaction{Raw: raw, Hash: signed.Hash()}, nil
}

func (t Transfer) unsigned() (*types.Transaction, error) {
	switch {
	case t.ChainID == 0:
		return nil, errors.New("no chain id: it could be replayed elsewhere")
	case t.To == (common.Address{}):
		return nil, errors.New("the recipient is the zero address")
	case t.Value == nil || t.Value.Sign() <= 0 || t.Value.BitLen() > 128:
		return nil, fmt.Errorf("the value is %v wei", t.Value)
	case t.Gas < transferGas || t.Gas > maxGas:
		return nil, fmt.Errorf("the gas is %d, a transfer takes at least %d", t.Gas, transferGas)
	}
	return build(t.ChainID, t.To, t.Value, nil, t.Nonce, t.Gas, t.Fees)
}

// build makes the transaction of a chain in the type of its fees.
func build(chainID uint64, to common.Address, value *big.Int, data []byte, nonce, gas uint64, fees Fees) (*types.Transaction, error) {
	switch fees.Type {
	case TypeDynamic:
		if !payable(fees.Cap) || !usable(fees.Tip) || fees.Tip.Cmp(fees.Cap) > 0 {
			return nil, fmt.Errorf("the fee cap is %v and the tip %v wei per gas", fees.Cap, fees.Tip)
		}
		return types.NewTx(&types.DynamicFeeTx{
			ChainID: new(big.Int).SetUint64(chainID), Nonce: nonce, To: &to, Value: value, Data: data,
			Gas: gas, GasTipCap: fees.Tip, GasFeeCap: fees.Cap,
		}), nil
	case TypeLegacy:
		if !usable(fees.Price) {
			return nil, fmt.Errorf("the price is %v wei per gas", fees.Price)
		}
		return types.NewTx(&types.LegacyTx{Nonce: nonce, To: &to, Value: value, Data: data, Gas: gas, GasPrice: fees.Price}), nil
	default:
		return nil, fmt.Errorf("no transaction type %q", fees.Type)
	}
}

func usable(price *big.Int) bool {
	return price != nil && price.Sign() >= 0 && price.BitLen() <= 128
}

func payable(price *big.Int) bool { return usable(price) && price.Sign() > 0 }

// ReadTransfer reads signed bytes back, and refuses all that is no plain
// transfer bound to one chain. Fees are not filled in.
func ReadTransfer(raw []byte) (from common.Address, t Transfer, hash common.Hash, err error) {
	var tx types.Transaction
	if err := tx.UnmarshalBinary(raw); err != nil {
		return from, t, hash, errors.New("these bytes are no transaction")
	}
	if tx.To() == nil || len(tx.Data()) > 0 || (tx.Type() != types.LegacyTxType && tx.Type() != types.DynamicFeeTxType) {
		return from, t, hash, fmt.Errorf("transaction %s is no plain transfer", tx.Hash())
	}
	if !tx.Protected() || !tx.ChainId().IsUint64() || tx.ChainId().Sign() == 0 {
		return from, t, hash, fmt.Errorf("transaction %s is not bound to one chain", tx.Hash())
	}
	if from, err = types.Sender(types.LatestSignerForChainID(tx.ChainId()), &tx); err != nil {
		return from, t, hash, fmt.Errorf("transaction %s: %w", tx.Hash(), err)
	}
	return from, Transfer{ChainID: tx.ChainId().Uint64(), To: *tx.To(), Value: tx.Value(), Nonce: tx.Nonce(), Gas: tx.Gas()}, tx.Hash(), nil
}
