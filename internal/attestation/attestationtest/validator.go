package attestationtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Validator attests to what leaves one origin. Not for several goroutines.
type Validator struct {
	// Signer holds the attestation key; Sender pays for the announcement.
	Signer, Sender Signer
	Origin         attestation.Origin
	// ValidatorAnnounce is the origin's contract of that name.
	ValidatorAnnounce common.Address
	// Location is announced, and Storage is what lies there.
	Location attestation.Location
	Storage  Storage
	// Confirmations is how many blocks must stand on a message before it is signed:
	// the reorg period.
	Confirmations uint64

	tree Tree
	next uint64 // block
}

// Announce publishes the announcement and says on the origin where the checkpoints
// are, unless that is the last thing that was said there. It reports whether a
// transaction was sent. A location that was announced before another one cannot be
// announced again: the contract refuses a replay.
func (v *Validator) Announce(ctx context.Context, client *ethclient.Client) (sent bool, err error) {
	location := v.Location.String()
	signed, err := v.Signer.Announcement(ctx, v.Origin, location)
	if err != nil {
		return false, err
	}
	objects := v.Location.Objects()
	if err := v.Storage.Put(ctx, objects.Announcement, EncodeAnnouncement(signed)); err != nil {
		return false, err
	}
	if err := v.Storage.Put(ctx, objects.Metadata, []byte(`{"git_sha":"sandbox","rpcs":[]}`)); err != nil {
		return false, err
	}
	known, err := Announced(ctx, client, v.ValidatorAnnounce, v.Signer.Address)
	if err != nil {
		return false, err
	}
	if n := len(known); n > 0 && known[n-1] == location {
		return false, nil
	}
	call := evm.MustMethod("announce(address,string,bytes)").Call(v.ValidatorAnnounce, v.Signer.Address, location, signed.Signature[:])
	return true, send(ctx, client, v.Sender, call)
}

// Announced lists the locations that a validator has announced on an origin, the
// last one in force.
func Announced(ctx context.Context, client *ethclient.Client, contract, validator common.Address) ([]string, error) {
	method := evm.MustMethod("getAnnouncedStorageLocations(address[])(string[][])")
	call := method.Call(contract, []common.Address{validator})
	data, err := client.CallContract(ctx, ethereum.CallMsg{To: &call.To, Data: call.Data}, nil)
	if err != nil {
		return nil, fmt.Errorf("announced locations: %w", err)
	}
	values, err := method.Unpack(evm.Result{Data: data})
	if err != nil {
		return nil, err
	}
	if lists, ok := values[0].([][]string); ok && len(lists) == 1 {
		return lists[0], nil
	}
	return nil, errors.New("announced locations: not one list for one validator")
}

// Attest signs and publishes the checkpoint of every message that is deep enough
// and was not signed yet by this value, and says how many those were. A new value
// begins with the first message, and publishes the same again.
func (v *Validator) Attest(ctx context.Context, client *ethclient.Client) (int, error) {
	head, err := client.BlockNumber(ctx)
	if err != nil {
		return 0, fmt.Errorf("head: %w", err)
	}
	if head < v.Confirmations || head-v.Confirmations < v.next {
		return 0, nil
	}
	upTo := head - v.Confirmations
	logs, err := client.FilterLogs(ctx, ethereum.FilterQuery{
		FromBlock: new(big.Int).SetUint64(v.next), ToBlock: new(big.Int).SetUint64(upTo), Addresses: []common.Address{v.Origin.Hook},
		Topics: [][]common.Hash{{crypto.Keccak256Hash([]byte("InsertedIntoTree(bytes32,uint32)"))}},
	})
	if err != nil {
		return 0, fmt.Errorf("messages: %w", err)
	}
	for n, log := range logs {
		if err := v.attest(ctx, log); err != nil {
			return n, err
		}
	}
	v.next = upTo + 1
	return len(logs), nil
}

// attest signs the checkpoint of one insertion. It is published before the index
// says that it is there.
func (v *Validator) attest(ctx context.Context, log types.Log) error {
	if len(log.Data) != 64 {
		return fmt.Errorf("event InsertedIntoTree in block %d has %d bytes, not 64", log.BlockNumber, len(log.Data))
	}
	switch index := binary.BigEndian.Uint32(log.Data[60:]); {
	case index < v.tree.Count():
		return nil // seen in a round that broke off
	case index > v.tree.Count():
		return fmt.Errorf("message %d comes where %d is next", index, v.tree.Count())
	}
	tree, id := v.tree, common.Hash(log.Data[:32])
	tree.Insert(id)
	signed, err := v.Signer.Checkpoint(ctx, attestation.Checkpoint{
		Domain: v.Origin.Domain, Hook: v.Origin.Hook, Root: tree.Root(), Index: v.tree.Count(), MessageID: id,
	})
	if err != nil {
		return err
	}
	objects := v.Location.Objects()
	if err := v.Storage.Put(ctx, objects.Checkpoint(signed.Index), EncodeCheckpoint(signed)); err != nil {
		return err
	}
	if err := v.Storage.Put(ctx, objects.Latest, strconv.AppendUint(nil, uint64(signed.Index), 10)); err != nil {
		return err
	}
	v.tree = tree
	return nil
}

// Run announces and attests until the context ends, looking for messages every so
// often. It returns the first error that is not the context's.
func (v *Validator) Run(ctx context.Context, client *ethclient.Client, every time.Duration) error {
	_, err := v.Announce(ctx, client)
	for err == nil {
		if _, err = v.Attest(ctx, client); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(every):
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// receiptLimit bounds the wait for a transaction to be mined.
const receiptLimit = time.Minute

// send sends one call and waits until it is mined.
func send(ctx context.Context, client *ethclient.Client, from Signer, call evm.Call) error {
	id, err := client.ChainID(ctx)
	if err != nil {
		return fmt.Errorf("chain id: %w", err)
	}
	nonce, err := client.PendingNonceAt(ctx, from.Address)
	if err != nil {
		return fmt.Errorf("nonce: %w", err)
	}
	price, err := client.SuggestGasPrice(ctx)
	if err != nil {
		return fmt.Errorf("gas price: %w", err)
	}
	price.Lsh(price, 1) // the base fee may rise before the block
	gas, err := client.EstimateGas(ctx, ethereum.CallMsg{From: from.Address, To: &call.To, Data: call.Data})
	if err != nil {
		return fmt.Errorf("%s: estimate: %w", from.Address, err)
	}
	balance, err := client.BalanceAt(ctx, from.Address, nil)
	if err != nil {
		return fmt.Errorf("balance: %w", err)
	}
	gas += gas / 4
	if cost := new(big.Int).Mul(price, new(big.Int).SetUint64(gas)); balance.Cmp(cost) < 0 {
		// The cost moves with the base fee; who says this again says it in the same words.
		return fmt.Errorf("%s cannot pay for it: it holds %s wei", from.Address, balance)
	}
	signer := types.LatestSignerForChainID(id)
	tx := types.NewTx(&types.LegacyTx{Nonce: nonce, GasPrice: price, Gas: gas, To: &call.To, Data: call.Data})
	signature, err := from.Sign(ctx, signer.Hash(tx))
	if err != nil {
		return fmt.Errorf("%s: sign: %w", from.Address, err)
	}
	if signature[64] >= 27 {
		signature[64] -= 27 // transactions have their own v
	}
	if tx, err = tx.WithSignature(signer, signature[:]); err != nil {
		return err
	}
	if err := client.SendTransaction(ctx, tx); err != nil {
		return fmt.Errorf("%s: send: %w", from.Address, err)
	}
	return mined(ctx, client, tx.Hash())
}

// mined waits for a transaction's receipt.
func mined(ctx context.Context, client *ethclient.Client, hash common.Hash) error {
	ctx, cancel := context.WithTimeout(ctx, receiptLimit)
	defer cancel()
	for {
		receipt, err := client.TransactionReceipt(ctx, hash)
		switch {
		case err == nil && receipt.Status == types.ReceiptStatusSuccessful:
			return nil
		case err == nil:
			return fmt.Errorf("transaction %s reverted", hash)
		}
		select { // it is not mined, or not indexed, yet
		case <-ctx.Done():
			return fmt.Errorf("transaction %s is not mined: %w", hash, errors.Join(ctx.Err(), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
