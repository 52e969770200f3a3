package contractstest_test

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

func signed(t *testing.T, c contractstest.Checkpoint, names ...string) []byte {
	t.Helper()
	var keys []*ecdsa.PrivateKey
	for _, name := range names {
		keys = append(keys, key(t, name))
	}
	signatures, err := c.Signatures(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return signatures
}

// isRefused asks an ISM and wants its no.
func isRefused(t *testing.T, client *ethclient.Client, ism common.Address, metadata, message []byte) {
	t.Helper()
	ok, err := contractstest.Verify(t.Context(), client, ism, metadata, message)
	var reverted *evm.RevertError
	if ok || (err != nil && !errors.As(err, &reverted)) {
		t.Errorf("verify says %v, %v, want a refusal", ok, err)
	}
}

func isAccepted(t *testing.T, client *ethclient.Client, ism common.Address, metadata, message []byte) {
	t.Helper()
	if ok, err := contractstest.Verify(t.Context(), client, ism, metadata, message); !ok || err != nil {
		t.Errorf("verify says %v, %v, want yes", ok, err)
	}
}

// The chain plays origin and destination at once: a message to its own domain.
func TestAMessageIsAcceptedWithEnoughSignaturesAndRefusedWithTooFew(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		ctx, deployer := t.Context(), key(t, "deployer")
		at, err := contractstest.Hyperlane(ctx, client, deployer, contractstest.Options{Domain: domain, Origins: []contractstest.Origin{
			{Domain: domain, Validators: []common.Address{address(t, "v1"), address(t, "v2"), address(t, "v3")}, Threshold: 2},
		}})
		if err != nil {
			t.Fatal(err)
		}
		const fee = 7
		if _, err := contractstest.Send(ctx, client, deployer, evm.MustMethod("setFee(uint256)").Call(at.RequiredHook, big.NewInt(fee))); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			m, err := contractstest.Dispatch(ctx, client, deployer, at, domain, at.TestRecipient, fmt.Appendf(nil, "message %d", i))
			if err != nil {
				t.Fatal(err)
			}
			if have := read(t, client, at.MerkleTreeHook, "root()(bytes32)"); have != [32]byte(m.Checkpoint.Root) || m.Checkpoint.Index != uint32(i) {
				t.Fatalf("checkpoint %+v, but the root of the tree is %x", m.Checkpoint, have)
			}
			enough := m.Checkpoint.MessageIDMetadata(signed(t, m.Checkpoint, "v3", "v1"))
			isAccepted(t, client, at.DefaultISM, enough, m.Bytes)
			isRefused(t, client, at.DefaultISM, m.Checkpoint.MessageIDMetadata(signed(t, m.Checkpoint, "v1")), m.Bytes)
			isRefused(t, client, at.DefaultISM, m.Checkpoint.MessageIDMetadata(signed(t, m.Checkpoint, "v1", "stranger")), m.Bytes)
			isRefused(t, client, at.DefaultISM, m.Checkpoint.MessageIDMetadata(signed(t, m.Checkpoint, "v1", "v1")), m.Bytes)
			if err := contractstest.Process(ctx, client, deployer, at.Mailbox, enough, m.Bytes); err != nil {
				t.Fatal(err)
			}
			if delivered := read(t, client, at.Mailbox, "delivered(bytes32)(bool)", m.Checkpoint.MessageID); delivered != true {
				t.Error("the message is processed and not delivered")
			}
		}
		if paid, err := client.BalanceAt(ctx, at.RequiredHook, nil); err != nil || paid.Int64() != 3*fee {
			t.Errorf("the required hook was paid %v, %v, want %d", paid, err, 3*fee)
		}
	})
}

func TestTheRealShapeOfUpstreamAcceptsEitherProof(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		ctx, deployer := t.Context(), key(t, "deployer")
		validators := []common.Address{address(t, "v1"), address(t, "v2"), address(t, "v3")}
		at, err := contractstest.Hyperlane(ctx, client, deployer, contractstest.Options{
			Domain: domain, Shape: contractstest.ShapeAggregation,
			Origins: []contractstest.Origin{{Domain: domain, Validators: validators, Threshold: 2, Type: contractstest.Either}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var sent []contractstest.Message
		for i := range 5 {
			m, err := contractstest.Dispatch(ctx, client, deployer, at, domain, at.TestRecipient, []byte{byte(i)})
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, m)
		}
		leaves, err := contractstest.Leaves(ctx, client, at.MerkleTreeHook)
		if err != nil {
			t.Fatal(err)
		}
		early, last := sent[1], sent[4].Checkpoint
		for name, c := range map[string]struct {
			byID, byRoot []byte
			good         bool
		}{
			"by message id":                      {byID: early.Checkpoint.MessageIDMetadata(signed(t, early.Checkpoint, "v1", "v2")), good: true},
			"by the root of a later message":     {byRoot: last.MerkleRootMetadata(leaves, 1, signed(t, last, "v2", "v3")), good: true},
			"by message id, one signature":       {byID: early.Checkpoint.MessageIDMetadata(signed(t, early.Checkpoint, "v1"))},
			"by root, one signature":             {byRoot: last.MerkleRootMetadata(leaves, 1, signed(t, last, "v2"))},
			"by root, the proof of another leaf": {byRoot: last.MerkleRootMetadata(leaves, 2, signed(t, last, "v2", "v3"))},
			"by nothing":                         {},
		} {
			metadata := inShape(t, client, at, c.byID, c.byRoot)
			ok, err := contractstest.Verify(ctx, client, at.DefaultISM, metadata, early.Bytes)
			var reverted *evm.RevertError
			if ok != c.good || (err != nil && !errors.As(err, &reverted)) {
				t.Errorf("%s: verify says %v, %v", name, ok, err)
			}
		}
		if _, err := contractstest.Send(ctx, client, deployer, evm.MustMethod("pause()").Call(at.PausableISM)); err != nil {
			t.Fatal(err)
		}
		isRefused(t, client, at.DefaultISM, inShape(t, client, at, early.Checkpoint.MessageIDMetadata(signed(t, early.Checkpoint, "v1", "v2")), nil), early.Bytes)
	})
}

// inShape wraps metadata for aggregation(routing{1 of [by id, by root]}, pausable),
// modules in the order that the chain tells.
func inShape(t *testing.T, client *ethclient.Client, at contractstest.Addresses, byID, byRoot []byte) []byte {
	t.Helper()
	parts := func(ism common.Address, part func(common.Address) []byte) []byte {
		var all [][]byte
		for _, module := range read(t, client, ism, "modulesAndThreshold(bytes)(address[],uint8)", []byte{}).([]common.Address) {
			all = append(all, part(module))
		}
		return contractstest.AggregationMetadata(all...)
	}
	inner := parts(at.OriginISMs[domain], func(module common.Address) []byte {
		if read(t, client, module, "moduleType()(uint8)") == uint8(5) {
			return byID
		}
		return byRoot
	})
	return parts(at.DefaultISM, func(module common.Address) []byte {
		if module == at.PausableISM {
			return []byte{}
		}
		return inner
	})
}

func TestTheEmptyTreeHasTheRootThatHyperlaneKnows(t *testing.T) {
	t.Parallel()
	// MerkleLib's root of no leaves: Z_32.
	want := common.HexToHash("0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757")
	if have := contractstest.Root(nil); have != want {
		t.Errorf("root %s, want %s", have, want)
	}
	leaf := crypto.Keccak256Hash([]byte("leaf"))
	root := leaf
	for _, sibling := range contractstest.Branch([]common.Hash{leaf}, 0) {
		root = crypto.Keccak256Hash(root[:], sibling[:])
	}
	if root != contractstest.Root([]common.Hash{leaf}) {
		t.Error("the branch of the only leaf does not lead to the root")
	}
}
