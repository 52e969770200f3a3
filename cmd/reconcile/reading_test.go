package main

import (
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// A wallet was read at 4, an apply that ended halfway paid 16 and recorded no
// balance: what it may have lost is told against 20.
func TestAReadingCountsWhatWasPaidSince(t *testing.T) {
	wallet := resource.ID{Kind: "funding", Scope: "fuji", Name: "relayer-signer-fuji"}
	read := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	spend := &resource.Spend{Network: "fuji", From: "kms-key/us-west-2/bank", Wei: "16", Fee: "1"}
	s := &session{ledger: journal.NewLedger([]journal.Entry{
		{Kind: journal.Close, Time: read, Readings: map[string]string{wallet.String(): "4"}},
		{Kind: journal.Intent, Time: read.Add(time.Minute), ID: wallet, Intent: "1", Spend: spend},
		{Kind: journal.Outcome, Time: read.Add(2 * time.Minute), ID: wallet, Intent: "1", Happened: journal.Happened,
			Outputs: resource.Outputs{journal.OutputAmount: "16"}},
	})}
	wei, at, ok := s.reading(wallet)
	if wei != "20" || !at.Equal(read) || !ok {
		t.Errorf("have %s at %s, %t; want 20 at %s", wei, at, ok, read)
	}
	if _, _, ok := s.reading(resource.ID{Kind: "funding", Scope: "fuji", Name: "other"}); ok {
		t.Error("a wallet that was never read has a reading")
	}
}
