// Package attestation reads what validators sign: the checkpoints and
// announcements that they publish where they announced to, and from these how
// each of them stands. Everything it reads was written by strangers. It never
// signs and never writes.
package attestation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Checkpoint says that a message was inserted into a merkle tree hook at an
// index, and that the tree had the root right after it.
type Checkpoint struct {
	// Domain of the origin.
	Domain uint32
	Hook   common.Address
	Root   common.Hash
	Index  uint32
	// MessageID of the message at Index.
	MessageID common.Hash
}

// Digest is what a validator signs for the checkpoint.
func (c Checkpoint) Digest() common.Hash {
	return CheckpointDigest(c.Domain, c.Hook, c.Root, c.Index, c.MessageID)
}

// Announcement says where a validator publishes its checkpoints.
type Announcement struct {
	Validator common.Address
	Domain    uint32
	Mailbox   common.Address
	// Location is the very text that was signed.
	Location string
}

// Digest is what a validator signs for the announcement. The validator itself is
// no part of it: who signed is who announces.
func (a Announcement) Digest() common.Hash {
	return AnnouncementDigest(a.Domain, a.Mailbox, a.Location)
}

// CheckpointDigest is the digest of CheckpointLib in Hyperlane's core contracts
// as a person's wallet signs it (EIP-191, version 0x45).
func CheckpointDigest(domain uint32, hook common.Address, root common.Hash, index uint32, messageID common.Hash) common.Hash {
	at := binary.BigEndian.AppendUint32(nil, index)
	return personal(crypto.Keccak256(separator(domain, hook, "HYPERLANE"), root[:], at, messageID[:]))
}

// AnnouncementDigest is getAnnouncementDigest of Hyperlane's ValidatorAnnounce.
func AnnouncementDigest(domain uint32, mailbox common.Address, location string) common.Hash {
	return personal(crypto.Keccak256(separator(domain, mailbox, "HYPERLANE_ANNOUNCEMENT"), []byte(location)))
}

// separator keeps signatures of one contract, chain and purpose from being good
// for another.
func separator(domain uint32, contract common.Address, purpose string) []byte {
	return crypto.Keccak256(binary.BigEndian.AppendUint32(nil, domain), padded(contract).Bytes(), []byte(purpose))
}

// padded is an address as the 32 bytes that Hyperlane knows contracts by.
func padded(address common.Address) common.Hash { return common.BytesToHash(address[:]) }

// personal is the digest of a 32-byte message under EIP-191.
func personal(message []byte) common.Hash {
	return crypto.Keccak256Hash([]byte("\x19Ethereum Signed Message:\n32"), message)
}

// Signature is r‖s‖v.
type Signature [65]byte

// Recover gives the address that signed a digest. It takes what the contracts
// take (OpenZeppelin's ECDSA.recover in ValidatorAnnounce and in the multisig
// ISMs): v is 27 or 28, and s is in the lower half of the order. Agents also read
// v 0 and 1 and a high s, but pass them on as they are, and no message gets
// through with them: to us they are no signatures.
func Recover(digest common.Hash, signature Signature) (common.Address, error) {
	v := signature[64]
	if v != 27 && v != 28 {
		return common.Address{}, fmt.Errorf("the signature has v %d, the contracts take 27 and 28", v)
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:64])
	if !crypto.ValidateSignatureValues(v-27, r, s, true) {
		return common.Address{}, errors.New("the signature has r or s out of range, or s in the upper half")
	}
	plain := signature
	plain[64] = v - 27
	public, err := crypto.SigToPub(digest[:], plain[:])
	if err != nil {
		return common.Address{}, errors.New("the signature is of no key")
	}
	return crypto.PubkeyToAddress(*public), nil
}
