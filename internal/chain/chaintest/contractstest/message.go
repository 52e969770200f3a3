package contractstest

import (
	"context"
	"crypto/ecdsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Message is a dispatched message, and the checkpoint that validators sign for it.
type Message struct {
	Bytes      []byte
	Checkpoint Checkpoint
}

// Checkpoint is what a validator signs: that a message is the leaf Index of an
// origin's Merkle tree, and the root of the tree that ends with it.
type Checkpoint struct {
	Origin    uint32
	Hook      common.Address // the origin's MerkleTreeHook
	Root      common.Hash
	Index     uint32
	MessageID common.Hash
}

// Dispatch sends a message through an origin's Mailbox, paying what its hooks ask.
func Dispatch(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey, origin Addresses, destination uint32, recipient common.Address, body []byte) (Message, error) {
	fee, err := Read(ctx, client, origin.Mailbox, "quoteDispatch(uint32,bytes32,bytes)(uint256)", destination, padded(recipient), body)
	if err != nil {
		return Message{}, err
	}
	call := evm.MustMethod("dispatch(uint32,bytes32,bytes)").Call(origin.Mailbox, destination, padded(recipient), body)
	call.Value = fee[0].(*big.Int)
	receipt, err := Send(ctx, client, key, call)
	if err != nil {
		return Message{}, fmt.Errorf("dispatch: %w", err)
	}
	return dispatched(ctx, client, origin, receipt)
}

// dispatched reads a message back from what the Mailbox and the hook logged.
func dispatched(ctx context.Context, client *ethclient.Client, origin Addresses, receipt *types.Receipt) (Message, error) {
	var m Message
	for _, log := range receipt.Logs {
		if log.Address == origin.Mailbox && log.Topics[0] == topic("Dispatch(address,uint32,bytes32,bytes)") {
			values, err := evm.MustMethod("log()(bytes)").Unpack(evm.Result{Data: log.Data})
			if err != nil {
				return Message{}, err
			}
			m.Bytes = values[0].([]byte)
		}
	}
	if len(m.Bytes) < 9 {
		return Message{}, errors.New("dispatch: the Mailbox logs no message")
	}
	leaves, err := Leaves(ctx, client, origin.MerkleTreeHook)
	if err != nil {
		return Message{}, err
	}
	index := slices.Index(leaves, crypto.Keccak256Hash(m.Bytes))
	if index < 0 {
		return Message{}, errors.New("dispatch: the message is no leaf of the tree: the default hook is not the MerkleTreeHook")
	}
	// A message begins with its version (1 byte), nonce (4) and origin (4).
	m.Checkpoint = CheckpointAt(binary.BigEndian.Uint32(m.Bytes[5:9]), origin.MerkleTreeHook, leaves, index)
	return m, nil
}

// CheckpointAt is the checkpoint of a leaf.
func CheckpointAt(origin uint32, hook common.Address, leaves []common.Hash, index int) Checkpoint {
	return Checkpoint{Origin: origin, Hook: hook, Root: Root(leaves[:index+1]), Index: uint32(index), MessageID: leaves[index]}
}

// Leaves are the message ids that a MerkleTreeHook has inserted, in order.
func Leaves(ctx context.Context, client *ethclient.Client, hook common.Address) ([]common.Hash, error) {
	logs, err := client.FilterLogs(ctx, ethereum.FilterQuery{
		FromBlock: new(big.Int), Addresses: []common.Address{hook}, Topics: [][]common.Hash{{topic("InsertedIntoTree(bytes32,uint32)")}},
	})
	if err != nil {
		return nil, fmt.Errorf("leaves of %s: %w", hook, err)
	}
	leaves := make([]common.Hash, 0, len(logs))
	for i, log := range logs {
		if len(log.Data) != 64 || binary.BigEndian.Uint32(log.Data[60:]) != uint32(i) {
			return nil, fmt.Errorf("leaves of %s: leaf %d is missing", hook, i)
		}
		leaves = append(leaves, common.Hash(log.Data[:32]))
	}
	return leaves, nil
}

// depth of Hyperlane's tree, a sparse one with empty leaves of zero.
const depth = 32

// Root of the tree with these leaves.
func Root(leaves []common.Hash) common.Hash {
	root, _ := climb(leaves, 0)
	return root
}

// Branch proves that a leaf is in the tree: its siblings from the leaf upwards.
func Branch(leaves []common.Hash, index int) [depth]common.Hash {
	_, branch := climb(leaves, index)
	return branch
}

func climb(leaves []common.Hash, index int) (common.Hash, [depth]common.Hash) {
	var branch [depth]common.Hash
	var empty common.Hash
	level := slices.Clone(leaves)
	for d := range depth {
		if len(level)%2 == 1 || len(level) == 0 {
			level = append(level, empty)
		}
		branch[d] = empty
		if sibling := index ^ 1; sibling < len(level) {
			branch[d] = level[sibling]
		}
		above := make([]common.Hash, 0, (len(level)+1)/2)
		for i := 0; i+1 < len(level); i += 2 {
			above = append(above, crypto.Keccak256Hash(level[i][:], level[i+1][:]))
		}
		empty = crypto.Keccak256Hash(empty[:], empty[:])
		if len(above) == 0 {
			above = append(above, empty)
		}
		level, index = above, index/2
	}
	return level[0], branch
}

// Digest is what a validator's key signs (Hyperlane's CheckpointLib).
func (c Checkpoint) Digest() common.Hash {
	hook := padded(c.Hook)
	domain := crypto.Keccak256(be(c.Origin), hook[:], []byte("HYPERLANE"))
	return common.Hash(accounts.TextHash(crypto.Keccak256(domain, c.Root[:], be(c.Index), c.MessageID[:])))
}

// Sign signs it, with v of 27 or 28.
func (c Checkpoint) Sign(key *ecdsa.PrivateKey) ([]byte, error) { return sign(c.Digest(), key) }

// Signatures signs a checkpoint with some validators' keys, in the order of their
// addresses, which is the order that ISMs deployed here ask for.
func (c Checkpoint) Signatures(keys ...*ecdsa.PrivateKey) ([]byte, error) {
	return signatures(c.Digest(), keys)
}

// MessageIDMetadata is what a message-id multisig ISM verifies a message by.
func (c Checkpoint) MessageIDMetadata(signatures []byte) []byte {
	hook := padded(c.Hook)
	return slices.Concat(hook[:], c.Root[:], be(c.Index), signatures)
}

// MerkleRootMetadata is what a Merkle-root multisig ISM verifies the leaf index by:
// the checkpoint may be of a later leaf; leaves end with the checkpoint's own.
func (c Checkpoint) MerkleRootMetadata(leaves []common.Hash, index uint32, signatures []byte) []byte {
	hook := padded(c.Hook)
	out := slices.Concat(hook[:], be(index), c.MessageID[:])
	for _, sibling := range Branch(leaves[:c.Index+1], int(index)) {
		out = append(out, sibling[:]...)
	}
	return slices.Concat(out, be(c.Index), signatures)
}

// AggregationMetadata is what an aggregation ISM hands to its modules, in their
// order; nil is none for a module, which is then not asked.
func AggregationMetadata(parts ...[]byte) []byte {
	var ranges, data []byte
	for _, part := range parts {
		if part == nil {
			ranges = append(ranges, make([]byte, 8)...)
			continue
		}
		start := 8*len(parts) + len(data)
		data = append(data, part...)
		ranges = slices.Concat(ranges, be(uint32(start)), be(uint32(start+len(part))))
	}
	return append(ranges, data...)
}

// Verify asks an ISM whether it accepts a message. A revert is its no, and the
// error, an *evm.RevertError, holds the reason.
func Verify(ctx context.Context, client *ethclient.Client, ism common.Address, metadata, message []byte) (bool, error) {
	values, err := Read(ctx, client, ism, "verify(bytes,bytes)(bool)", metadata, message)
	if err != nil {
		return false, err
	}
	return values[0].(bool), nil
}

// Process delivers a message through a destination's Mailbox, as a relayer does.
func Process(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey, mailbox common.Address, metadata, message []byte) error {
	_, err := Send(ctx, client, key, evm.MustMethod("process(bytes,bytes)").Call(mailbox, metadata, message))
	return err
}

// Announce says on an origin where a validator's checkpoints lie: signed by the
// validator, sent by anybody. The same announcement again reverts with "replay".
func Announce(ctx context.Context, client *ethclient.Client, sender *ecdsa.PrivateKey, announce common.Address, validator *ecdsa.PrivateKey, location string) error {
	digest, err := Read(ctx, client, announce, "getAnnouncementDigest(string)(bytes32)", location)
	if err != nil {
		return err
	}
	signature, err := sign(digest[0].([32]byte), validator)
	if err != nil {
		return err
	}
	_, err = Send(ctx, client, sender, evm.MustMethod("announce(address,string,bytes)").
		Call(announce, crypto.PubkeyToAddress(validator.PublicKey), location, signature))
	return err
}

// padded is an address as Hyperlane writes it, in 32 bytes.
func padded(address common.Address) [32]byte { return common.BytesToHash(address[:]) }

func be(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
