package attestation_test

import (
	"context"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
)

// golden is an object that a validator of a live network published, as public
// documents quote it.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAPublishedAnnouncementRecoversToItsValidator(t *testing.T) {
	t.Parallel()
	a, err := attestation.ParseAnnouncement(golden(t, "announcement-goerli.json"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := a.Signer()
	if want := common.HexToAddress("0xf43fbd072fd38e1121d4b3b0b8a35116bbb01ea9"); err != nil || signer != want || a.Validator != want {
		t.Errorf("%s, %v: want %s", signer, err, want)
	}
}

func TestPublishedCheckpointsRecoverToTheirValidators(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"checkpoint-base.json":  "0xb3AC35d3988bca8C2fFD195b1c6bee18536B317b", // its s has an odd number of digits
		"checkpoint-outbe.json": "0x4FE927aB711793954B3a29969Ecd4A60D6D265d0",
	} {
		c, err := attestation.ParseCheckpoint(golden(t, name))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := c.Signer()
		if err != nil || signer != common.HexToAddress(want) {
			t.Errorf("%s: %s, %v: want %s", name, signer, err, want)
		}
	}
}

func TestAnythingElseInACheckpointRecoversToSomebodyElse(t *testing.T) {
	t.Parallel()
	c, err := attestation.ParseCheckpoint(golden(t, "checkpoint-base.json"))
	if err != nil {
		t.Fatal(err)
	}
	validator, err := c.Signer()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*attestation.SignedCheckpoint){
		"domain":  func(s *attestation.SignedCheckpoint) { s.Domain++ },
		"hook":    func(s *attestation.SignedCheckpoint) { s.Hook[0]++ },
		"root":    func(s *attestation.SignedCheckpoint) { s.Root[31]++ },
		"index":   func(s *attestation.SignedCheckpoint) { s.Index++ },
		"message": func(s *attestation.SignedCheckpoint) { s.MessageID[0]++ },
	} {
		other := c
		change(&other)
		if signer, err := other.Signer(); err == nil && signer == validator {
			t.Errorf("another %s: still signed by %s", name, signer)
		}
	}
}

func TestOnlySignaturesThatContractsTakeAreSignatures(t *testing.T) {
	t.Parallel()
	digest := common.Hash{1}
	signer := attestationtest.NamedSigner("somebody")
	signed, err := signer.Sign(context.Background(), digest)
	if err != nil {
		t.Fatal(err)
	}
	v := signed[64] // 0 or 1
	at := func(v byte) attestation.Signature { s := attestation.Signature(signed); s[64] = v; return s }
	if got, err := attestation.Recover(digest, at(v+27)); err != nil || got != signer.Address {
		t.Errorf("%s, %v: want %s", got, err, signer.Address)
	}
	high := at(28 - v)
	new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(signed[32:64])).FillBytes(high[32:64])
	order := at(v + 27)
	crypto.S256().Params().N.FillBytes(order[:32])
	for name, s := range map[string]attestation.Signature{
		"v 0 or 1": at(v), "v 26": at(26), "v 29": at(29), "v 255": at(255), "the mirrored one with a high s": high,
		"zeros": {64: 27}, "r of the order": order,
	} {
		if got, err := attestation.Recover(digest, s); err == nil {
			t.Errorf("%s: recovers to %s", name, got)
		}
	}
}
