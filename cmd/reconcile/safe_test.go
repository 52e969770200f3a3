package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
)

func TestWhatAServiceShowsUnderAFalseHashIsFoundAndOdd(t *testing.T) {
	t.Parallel()
	honest, other := common.Hash{1}, common.Hash{2}
	seen := safeSeen{
		Safe: config.Safe{Name: "council", Network: "fuji"},
		waiting: []call.Waiting{
			{Hash: honest, Tx: safe.Tx{Nonce: 4}}, {Hash: common.Hash{3}, Tx: safe.Tx{Nonce: 5}, Like: "it has one more call"},
		},
		queue: []safeservice.Proposal{{SafeTxHash: honest}, {SafeTxHash: other, Tx: safe.Tx{Nonce: 9}}},
	}
	for hash, c := range map[common.Hash]struct {
		nonce uint64
		odd   string
	}{honest: {4, ""}, other: {9, "which is not that of its bytes"}, {3}: {5, "looks like a proposal of ours: it has one more call"}} {
		found, ok := seen.claimed(hash)
		if !ok || found.tx.Nonce != c.nonce || !strings.Contains(found.source, "no proposal of ours") {
			t.Errorf("%s: %+v", hash, found)
		}
		if odd := strings.Join(found.odd, "; "); (odd == "") != (c.odd == "") || !strings.Contains(odd, c.odd) {
			t.Errorf("%s: odd %q, want %q", hash, odd, c.odd)
		}
	}
	if _, ok := seen.claimed(common.Hash{7}); ok {
		t.Error("nothing waits under that hash")
	}
}

func TestASafesRowCountsOnlySignaturesThatAreItsOwners(t *testing.T) {
	t.Parallel()
	hash := common.Hash{1}
	sign := func(n byte) safeservice.Confirmation {
		key, err := crypto.ToECDSA(crypto.Keccak256([]byte{n}))
		if err != nil {
			t.Fatal(err)
		}
		signature, err := crypto.Sign(hash[:], key)
		if err != nil {
			t.Fatal(err)
		}
		signature[64] += 27
		return safeservice.Confirmation{Owner: crypto.PubkeyToAddress(key.PublicKey), Signature: signature}
	}
	one, two, stranger := sign(1), sign(2), sign(3)
	forged := two
	forged.Signature = one.Signature
	seen := safeSeen{
		Safe: config.Safe{Name: "council", Network: "fuji", Address: "0xaa"}, state: safe.State{Owners: []common.Address{one.Owner, two.Owner}, Threshold: 2, Nonce: 3},
		waiting: []call.Waiting{
			{Hash: hash, Record: &call.Record{}, Effects: []safe.Effect{{Text: "do it"}}}, {Hash: common.Hash{2}}, {Hash: common.Hash{3}, Like: "refund"},
		},
		queue: []safeservice.Proposal{{SafeTxHash: hash, Confirmations: []safeservice.Confirmation{one, one, forged, stranger}}},
	}
	row := safeRow(seen)
	if !row.Read || row.Owners != 2 || row.Threshold != 2 || row.Nonce != 3 || row.State != "read" || len(row.Waiting) != 3 {
		t.Fatalf("%+v", row)
	}
	ours := row.Waiting[0]
	if ours.Whose != "ours" || ours.Signatures != 1 || ours.Effects[0] != "do it" || row.Waiting[1].Whose != "others" || row.Waiting[1].Signatures != -1 || row.Waiting[2].Whose != "look-alike" {
		t.Errorf("%+v", row.Waiting)
	}
	seen.queueErr = errors.New("503")
	if row := safeRow(seen); row.State != "queue not read" || row.Reason != "503" || !row.Read {
		t.Errorf("%+v", row)
	}
	seen.err = errors.New("no contract")
	if row := safeRow(seen); row.State != "not read" || row.Reason != "no contract" || row.Read || len(row.Waiting) > 0 {
		t.Errorf("%+v", row)
	}
	if row := safeRow(safeSeen{}); row.State != "not deployed" || row.Read {
		t.Errorf("%+v", row)
	}
}

func TestAFilesCallsAreOursOnlyAllAndInOrder(t *testing.T) {
	t.Parallel()
	a, b := evm.Call{To: common.Address{1}, Data: []byte{1, 2, 3, 4}}, evm.Call{To: common.Address{2}}
	wires := []evm.Wire{a.Wire(), b.Wire()}
	for _, calls := range [][]evm.Call{{b, a}, {a}, {a, b, b}, nil} {
		if sameCalls(wires, calls) {
			t.Errorf("%v is taken for ours", calls)
		}
	}
	if !sameCalls(wires, []evm.Call{a, b}) {
		t.Error("they are ours")
	}
}
