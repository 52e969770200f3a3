package contractstest

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Gas limits in place of estimates, which cannot see transactions that are still
// under way. Safe's singleton, the dearest contract here, takes 5.3 million.
const (
	deployGas = 6_000_000
	callGas   = 2_000_000
	// originGas is what a routing ISM takes to store one origin's ISM, in three words.
	originGas = 80_000
	// burstGas is how much may be under way: less than any block's limit.
	burstGas = 25_000_000
)

// Sender sends transactions of one key in bursts, without waiting for each. It is
// not for several goroutines, and nobody else may send with its key meanwhile.
type Sender struct {
	client *ethclient.Client
	key    *ecdsa.PrivateKey
	from   common.Address
	signer types.Signer
	nonce  uint64
	tip    *big.Int // nil on a chain without a base fee
	price  *big.Int

	gas  uint64
	sent []sent
}

type sent struct {
	what string
	hash common.Hash
	call ethereum.CallMsg
}

// NewSender reads the chain's id, its fees and the key's next nonce.
func NewSender(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey) (*Sender, error) {
	id, err := client.ChainID(ctx)
	if err != nil {
		return nil, fmt.Errorf("chain id: %w", err)
	}
	s := &Sender{client: client, key: key, from: crypto.PubkeyToAddress(key.PublicKey), signer: types.LatestSignerForChainID(id)}
	if s.nonce, err = client.PendingNonceAt(ctx, s.from); err != nil {
		return nil, fmt.Errorf("nonce of %s: %w", s.from, err)
	}
	head, err := client.HeaderByNumber(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	if head.BaseFee == nil {
		if s.price, err = client.SuggestGasPrice(ctx); err != nil {
			return nil, fmt.Errorf("gas price: %w", err)
		}
		return s, nil
	}
	s.tip = big.NewInt(params.GWei)
	s.price = new(big.Int).Add(s.tip, new(big.Int).Lsh(head.BaseFee, 1))
	return s, nil
}

// From is the key's address.
func (s *Sender) From() common.Address { return s.from }

// Deploy sends creation code, its constructor's arguments included, and returns the
// address that the contract will have once Settle has returned without error.
func (s *Sender) Deploy(ctx context.Context, what string, creation []byte) (common.Address, error) {
	address := crypto.CreateAddress(s.from, s.nonce)
	return address, s.send(ctx, "deploy "+what, ethereum.CallMsg{From: s.from, Gas: deployGas, Data: creation})
}

// Send sends one call; its effect is there once Settle has returned without error.
func (s *Sender) Send(ctx context.Context, what string, call evm.Call) error {
	return s.sendWith(ctx, what, callGas, call)
}

// sendWith is Send of a call that takes more gas than others.
func (s *Sender) sendWith(ctx context.Context, what string, gas uint64, call evm.Call) error {
	return s.send(ctx, what, ethereum.CallMsg{From: s.from, To: &call.To, Gas: gas, Value: call.Value, Data: call.Data})
}

func (s *Sender) send(ctx context.Context, what string, call ethereum.CallMsg) error {
	if s.gas+call.Gas > burstGas {
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	tx, err := types.SignNewTx(s.key, s.signer, s.transaction(call))
	if err != nil {
		return fmt.Errorf("%s: sign: %w", what, err)
	}
	if err := s.client.SendTransaction(ctx, tx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.nonce++
	s.gas += call.Gas
	s.sent = append(s.sent, sent{what: what, hash: tx.Hash(), call: call})
	return nil
}

func (s *Sender) transaction(call ethereum.CallMsg) types.TxData {
	if s.tip == nil {
		return &types.LegacyTx{Nonce: s.nonce, To: call.To, Value: call.Value, Gas: call.Gas, GasPrice: s.price, Data: call.Data}
	}
	return &types.DynamicFeeTx{
		ChainID: s.signer.ChainID(), Nonce: s.nonce, To: call.To, Value: call.Value, Gas: call.Gas,
		GasTipCap: s.tip, GasFeeCap: s.price, Data: call.Data,
	}
}

// await waits for all that was sent, so that a block has room again.
func (s *Sender) await(ctx context.Context) error {
	for _, one := range s.sent {
		if _, err := chaintest.Receipt(ctx, s.client, one.hash); err != nil {
			return fmt.Errorf("%s: %w", one.what, err)
		}
	}
	s.gas = 0
	return nil
}

// Settle waits for all that was sent since the last time and returns the receipts
// in order. A reverted transaction is an error with the contract's reason.
func (s *Sender) Settle(ctx context.Context) ([]*types.Receipt, error) {
	receipts := make([]*types.Receipt, 0, len(s.sent))
	for _, one := range s.sent {
		receipt, err := chaintest.Receipt(ctx, s.client, one.hash)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.what, err)
		}
		if receipt.Status != types.ReceiptStatusSuccessful {
			before := new(big.Int).Sub(receipt.BlockNumber, big.NewInt(1))
			return nil, fmt.Errorf("%s: reverted: %s", one.what, s.reason(ctx, one.call, before))
		}
		receipts = append(receipts, receipt)
	}
	s.sent, s.gas = nil, 0
	return receipts, nil
}

func (s *Sender) reason(ctx context.Context, call ethereum.CallMsg, block *big.Int) string {
	_, err := s.client.CallContract(ctx, call, block)
	if err == nil {
		return "no reason seen in the block before"
	}
	if data, ok := revertData(err); ok {
		return evm.Reason(data)
	}
	return err.Error()
}

// revertData is what a contract said when it refused a call.
func revertData(err error) ([]byte, bool) {
	var told rpc.DataError
	if !errors.As(err, &told) {
		return nil, false
	}
	text, _ := told.ErrorData().(string)
	return common.FromHex(text), true
}

// Deploy deploys one contract and waits for it.
func Deploy(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey, creation []byte) (common.Address, error) {
	s, err := NewSender(ctx, client, key)
	if err != nil {
		return common.Address{}, err
	}
	address, err := s.Deploy(ctx, "contract", creation)
	if err == nil {
		_, err = s.Settle(ctx)
	}
	return address, err
}

// Send sends one call and waits for it.
func Send(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey, call evm.Call) (*types.Receipt, error) {
	s, err := NewSender(ctx, client, key)
	if err != nil {
		return nil, err
	}
	if err := s.Send(ctx, "call", call); err != nil {
		return nil, err
	}
	receipts, err := s.Settle(ctx)
	if err != nil {
		return nil, err
	}
	return receipts[0], nil
}

// Read asks one read call at the head. A revert is an *evm.RevertError.
func Read(ctx context.Context, client *ethclient.Client, to common.Address, method string, args ...any) ([]any, error) {
	m, err := evm.ParseMethod(method)
	if err != nil {
		return nil, err
	}
	data, err := m.Pack(args...)
	if err != nil {
		return nil, err
	}
	answer, err := client.CallContract(ctx, ethereum.CallMsg{To: &to, Data: data}, nil)
	said, reverted := revertData(err)
	switch {
	case reverted:
		return m.Unpack(evm.Result{Data: said, Reverted: true})
	case err != nil:
		return nil, fmt.Errorf("%s: %w", m.Signature, err)
	}
	return m.Unpack(evm.Result{Data: answer})
}

// readAddress is Read of one address.
func readAddress(ctx context.Context, client *ethclient.Client, to common.Address, method string, args ...any) (common.Address, error) {
	values, err := Read(ctx, client, to, method, args...)
	if err != nil {
		return common.Address{}, err
	}
	address, ok := values[0].(common.Address)
	if !ok {
		return common.Address{}, fmt.Errorf("%s: no address", method)
	}
	return address, nil
}
