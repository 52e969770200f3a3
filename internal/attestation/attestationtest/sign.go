// Package attestationtest is a validator for tests and sandboxes: it announces
// itself, signs the checkpoints of a real MerkleTreeHook and publishes them in
// the form of Hyperlane's agents. It is never linked into the shipped binary.
package attestationtest

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/attestation"
)

// Sign signs a 32-byte digest as r‖s‖v, s in the lower half of the order; v may
// be 0 or 1, or 27 or 28.
type Sign = func(ctx context.Context, digest [32]byte) (signature [65]byte, err error)

// Signer is somebody who signs: with a key here, or by KMS.
type Signer struct {
	Address common.Address
	Sign    Sign
}

// KeySigner signs with a key in memory.
func KeySigner(key *ecdsa.PrivateKey) Signer {
	return Signer{
		Address: crypto.PubkeyToAddress(key.PublicKey),
		Sign: func(_ context.Context, digest [32]byte) ([65]byte, error) {
			signature, err := crypto.Sign(digest[:], key)
			if err != nil {
				return [65]byte{}, err
			}
			return [65]byte(signature), nil
		},
	}
}

// NamedSigner is a key that follows from a name, so that a run can be told again.
// It is no secret.
func NamedSigner(name string) Signer {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("reconcile test signer " + name)))
	if err != nil {
		panic(err) // one name in 2^128 hashes to no key
	}
	return KeySigner(key)
}

// signature signs with v as contracts take it.
func (s Signer) signature(ctx context.Context, digest common.Hash) (attestation.Signature, error) {
	signature, err := s.Sign(ctx, digest)
	if err != nil {
		return attestation.Signature{}, fmt.Errorf("%s: sign: %w", s.Address, err)
	}
	if signature[64] < 27 {
		signature[64] += 27
	}
	return signature, nil
}

// Checkpoint signs one.
func (s Signer) Checkpoint(ctx context.Context, c attestation.Checkpoint) (attestation.SignedCheckpoint, error) {
	signature, err := s.signature(ctx, c.Digest())
	return attestation.SignedCheckpoint{Checkpoint: c, Signature: signature}, err
}

// Announcement signs that the signer publishes at a location.
func (s Signer) Announcement(ctx context.Context, origin attestation.Origin, location string) (attestation.SignedAnnouncement, error) {
	a := attestation.Announcement{Validator: s.Address, Domain: origin.Domain, Mailbox: origin.Mailbox, Location: location}
	signature, err := s.signature(ctx, a.Digest())
	return attestation.SignedAnnouncement{Announcement: a, Signature: signature}, err
}

// EncodeCheckpoint writes the object that agents write.
func EncodeCheckpoint(s attestation.SignedCheckpoint) []byte {
	return encode(map[string]any{
		"checkpoint": map[string]any{
			"merkle_tree_hook_address": common.BytesToHash(s.Hook[:]), "mailbox_domain": s.Domain, "root": s.Root, "index": s.Index,
		},
		"message_id": s.MessageID,
	}, s.Signature)
}

// EncodeAnnouncement writes the object that agents write.
func EncodeAnnouncement(s attestation.SignedAnnouncement) []byte {
	return encode(map[string]any{
		"validator": hexutil.Encode(s.Validator[:]), "mailbox_address": common.BytesToHash(s.Mailbox[:]),
		"mailbox_domain": s.Domain, "storage_location": s.Location,
	}, s.Signature)
}

func encode(value any, signature attestation.Signature) []byte {
	data, err := json.MarshalIndent(map[string]any{
		"value": value,
		// Agents write numbers of 256 bits without leading zeros.
		"signature": map[string]any{
			"r": hexutil.EncodeBig(new(big.Int).SetBytes(signature[:32])), "s": hexutil.EncodeBig(new(big.Int).SetBytes(signature[32:64])),
			"v": signature[64],
		},
		"serialized_signature": hexutil.Encode(signature[:]),
	}, "", "  ")
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	return data
}
