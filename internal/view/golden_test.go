package view_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// story is one plan as all of its readers see it.
type story struct {
	name    string
	plan    *plan.Plan
	options func(*view.Options)
	// parts of the golden file; nil means the usual ones.
	parts []string
}

func stories() []story {
	approve := func(o *view.Options) { o.Next = "reconcile approve staging.plan.json" }
	return []story{
		{name: "the first plan of staging folds 65 changes into four lines", plan: firstPlan(), options: func(o *view.Options) {
			o.Monthly, o.Next = "+$57.00/month", "reconcile apply staging.plan.json"
		}, parts: []string{"width-60.txt", "width-100.txt", "width-160.txt", "comment.md"}},
		{name: "a normal day shows money and power and exceptions", plan: mixedPlan(), options: approve},
		{name: "a world as declared is one line", plan: stagingPlan()},
		{name: "a network that was not read is never in sync", plan: unreadPlan(), options: oneUnread},
		{name: "a plan with an unread network leaves that alone", plan: unreadWithChanges(), options: oneUnread},
		{name: "a disabled key is drift that needs a person", plan: driftPlan(), options: approve},
		{name: "a refused plan says so first", plan: refusedPlan(), parts: []string{"width-60.txt", "width-100.txt", "verify.txt", "comment.md"}},
		{name: "a partial plan over an open overlay from a dirty tree says all three", plan: sandboxPlan()},
		{name: "an expired and stale plan is still shown", plan: driftPlan(), options: func(o *view.Options) {
			o.Now, o.Stale = noon.Add(30*time.Hour), "main moved on to 90ab12c"
		}, parts: []string{"width-100.txt", "comment.md"}},
		{name: "what cannot be planned yet and what waits for others is listed apart", plan: laterPlan()},
		{name: "a big plan keeps to its budget and tells the worst first", plan: fleetPlan(2000), options: approve, parts: []string{"comment.md"}},
	}
}

func oneUnread(o *view.Options) { o.Stats.NetworksRead = 7 }

func unreadPlan() *plan.Plan {
	p := stagingPlan()
	p.Unread = []resource.Unread{{Scope: "celosepolia", Operation: "eth_getBalance", Cause: "2 of 2 endpoints time out"}}
	return p
}

func unreadWithChanges() *plan.Plan {
	p := mixedPlan()
	p.Unread = []resource.Unread{
		{Scope: "celosepolia", Operation: "eth_chainId", Cause: "forno.celo-sepolia.celo-testnet.org: chain id is 44787, declared 11142220"},
		{Scope: "kms-key/eu-west-1", Operation: "ListAliases", Cause: "AccessDeniedException: role plan-staging may not kms:ListAliases"},
		{Scope: "secret-key/eu-west-1", Operation: "ListAliases", Cause: "AccessDeniedException: role plan-staging may not kms:ListAliases"},
	}
	return p
}

func refusedPlan() *plan.Plan {
	p := firstPlan()
	p.Findings = []resource.Finding{
		{Rule: "bank-affords", Severity: resource.Refuse, ID: resource.ID{Kind: "funding", Scope: "fuji", Name: "relayer-signer-fuji"}, Reason: "bank 0x31fE4aC1b2D3e4F5061728394a5b6C7D8e9F0a1b: balance 0.4 AVAX, needs 2.01 AVAX (2 to send, 0.01 fees; reserve 0)", Hint: "send at least 1.61 AVAX to 0x31fE4aC1b2D3e4F5061728394a5b6C7D8e9F0a1b, or lower the target at environments/staging/funding.cue:8"},
		{Rule: "spend-cap", Severity: resource.Acknowledge, Reason: "16 ETH in 24 h, cap 10 ETH"},
		{Rule: "undeclared", Severity: resource.Note, ID: keyID("kathy-signer-fuji"), Reason: "carries our mark and is not in the configuration; nothing is removed"},
		{Rule: "undeclared", Severity: resource.Note, ID: keyID("kathy-signer-sepolia"), Reason: "carries our mark and is not in the configuration; nothing is removed"},
	}
	return p
}

func sandboxPlan() *plan.Plan {
	p := stagingPlan(fund("fuji", "relayer-signer", plan.Update, "1920000000000000000", "balance 0.08 AVAX below floor 0.5, top up to 2"))
	p.Partial, p.Only = true, []string{"funding/fuji/*"}
	p.Revision.Dirty = true
	p.Overlay = &plan.Overlay{Name: ".sandbox/staging/overlay.json", Digest: "sha256:00", Open: true}
	return spend(p)
}

func laterPlan() *plan.Plan {
	p := stagingPlan(createKey("relayer", "", "signer", "fuji", 45))
	for _, network := range networks() {
		p.Deferred = append(p.Deferred, plan.Deferred{
			ID:     resource.ID{Kind: "validator-set", Scope: network, Name: "origin-" + network},
			Reason: "waits for " + keyID("validator-0-attestation-"+network).String() + "#address",
		})
	}
	p.Pending = []plan.Pending{{ID: resource.ID{Kind: "validator-set", Scope: "optimismsepolia", Name: "fuji"}, Reason: "proposed to Safe 0x5c1A0b4e2F6d7C8b9A0e1D2c3B4a5F6e7D8c9B0a, 1 of 2 signed"}}
	return p
}

func TestPlansReadAsTheirGoldensSay(t *testing.T) {
	t.Parallel()
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			seal(t, s.plan)
			golden(t, s.name, s.render(t))
		})
	}
}

func (s story) render(t *testing.T) *txtar.Archive {
	t.Helper()
	parts := s.parts
	if parts == nil {
		parts = []string{"width-60.txt", "width-100.txt", "width-160.txt", "verbose.txt", "verify.txt", "comment.md"}
	}
	archive := new(txtar.Archive)
	for _, part := range parts {
		o, write := options(), view.Plan
		switch part {
		case "width-60.txt":
			o.Width = 60
		case "width-80.txt":
			o.Width = 80
		case "width-120.txt":
			o.Width = 120
		case "width-160.txt":
			o.Width = 160
		case "build-log.txt":
			o.CI = true
		case "verbose.txt":
			o.Verbose = true
		case "verify.txt":
			write = view.Verify
		case "comment.md":
			write = markdown
		}
		if s.options != nil {
			s.options(&o)
		}
		archive.Files = append(archive.Files, txtar.File{Name: part, Data: text(t, func(w io.Writer) error { return write(w, s.plan, o) })})
	}
	return archive
}

func text(t testing.TB, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// golden compares an archive with its file, or rewrites the file when UPDATE=1.
func golden(t *testing.T, name string, got *txtar.Archive) {
	t.Helper()
	path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".txtar")
	data := txtar.Format(got)
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nhint: UPDATE=1 go test ./internal/view writes it", err)
	}
	if diff := cmp.Diff(string(want), string(data)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
