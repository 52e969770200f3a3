package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/approvals"
	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

// TestAnApprovalThatWasSpentMeanwhileIsRefusedUnderTheLease: two applies may have
// counted the same approval before one of them got the lease.
func TestAnApprovalThatWasSpentMeanwhileIsRefusedUnderTheLease(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := &plan.Plan{
		Environment: "staging", Digest: "sha256:" + strings.Repeat("1a", 32), ChangesDigest: "sha256:" + strings.Repeat("2b", 32),
		Created: now, Expires: now.Add(time.Hour), Requires: plan.Requires{Approvals: 1},
	}
	statement := approve.NewStatement(p, newIntent(), false)
	data, err := statement.Encode()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := approvals.Sign(t.Context(), data, approvals.SignOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	env := &config.Environment{Name: "staging", Governance: config.Governance{Approvers: append([]byte("alice@example.org "), public...)}}
	s := &session{app: &app{now: func() time.Time { return now }}, env: env, signed: []approve.Signed{{Statement: data, Signature: signature}}}
	opened := func(digest string) journal.Ledger {
		return journal.NewLedger([]journal.Entry{{Seq: 1, Kind: journal.Open, Plan: digest, Approvals: []string{statement.ID}}})
	}
	for _, ledger := range []journal.Ledger{journal.NewLedger(nil), opened(p.Digest)} {
		s.ledger = ledger
		if ids, err := s.recount(p); err != nil || !slices.Equal(ids, []string{statement.ID}) {
			t.Errorf("counts %v (%v), want %s", ids, err, statement.ID)
		}
	}
	if !spends(opened(p.Digest), p.Digest, []string{statement.ID}) || spends(journal.NewLedger(nil), p.Digest, []string{statement.ID}) {
		t.Error("what the journal has as spent is not told from what it has not")
	}
	s.ledger = opened("sha256:another-plan")
	_, err = s.recount(p)
	refused := (*exitError)(nil)
	if !errors.As(err, &refused) || refused.code != exitRefused || !strings.Contains(err.Error(), "spent: approval "+statement.ID) {
		t.Errorf("spent by another plan: %v", err)
	}
}
