package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// SafeHashes are the three hashes of a Safe transaction (EIP-712): SafeTx is the
// keccak-256 of 0x1901, Domain and Message.
type SafeHashes struct{ Domain, Message, SafeTx common.Hash }

// SafeSigner signs Safe transactions for one owner and nothing else. It is given
// what the signed hash was computed from, so that no other digest, such as a
// transaction's, can be passed for one.
type SafeSigner struct {
	address common.Address
	sign    SignDigest
}

// NewSafeSigner makes a signer of an owner from what can sign for it. That the
// two belong together is checked on every signature.
func NewSafeSigner(owner common.Address, sign SignDigest) *SafeSigner {
	return &SafeSigner{address: owner, sign: sign}
}

// Address of the owner.
func (s *SafeSigner) Address() common.Address { return s.address }

// Sign signs the SafeTx hash: r‖s‖v with v 27 or 28, as Safes take it (Safe
// documentation, Signatures).
func (s *SafeSigner) Sign(ctx context.Context, h SafeHashes) ([65]byte, error) {
	if s.sign == nil || s.address == (common.Address{}) {
		return [65]byte{}, errors.New("signer: an owner and a way to sign are needed")
	}
	if crypto.Keccak256Hash([]byte{0x19, 0x01}, h.Domain[:], h.Message[:]) != h.SafeTx {
		return [65]byte{}, fmt.Errorf("sign for owner %s: %s is not the hash of its domain and message", s.address, h.SafeTx)
	}
	signature, err := s.sign(ctx, h.SafeTx)
	if err != nil {
		return [65]byte{}, fmt.Errorf("sign for owner %s: %w", s.address, err)
	}
	if !crypto.ValidateSignatureValues(signature[64], common.BytesToHash(signature[:32]).Big(), common.BytesToHash(signature[32:64]).Big(), true) {
		return [65]byte{}, fmt.Errorf("sign for owner %s: the signature is malformed", s.address)
	}
	key, err := crypto.SigToPub(h.SafeTx[:], signature[:])
	if err != nil {
		return [65]byte{}, fmt.Errorf("sign for owner %s: the signature is not valid", s.address)
	}
	if signer := crypto.PubkeyToAddress(*key); signer != s.address {
		return [65]byte{}, fmt.Errorf("sign for owner %s: the signature is of %s: another key signed", s.address, signer)
	}
	signature[64] += 27
	return signature, nil
}
