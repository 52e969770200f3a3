package view_test

import (
	"io"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/view"
)

func fingerprint(letter string) string { return "SHA256:" + strings.Repeat(letter, 43) }

func approvalRows() []view.ApprovalRow {
	return []view.ApprovalRow{
		{Who: "dave", Fingerprint: fingerprint("d"), Rule: "author", Reason: "wrote commit 4f2a91c", Origin: "dave.approval"},
		{Who: "bob", Fingerprint: fingerprint("b"), How: "hardware key, planned again", Expires: "2026-09-29 12:00 UTC", Origin: "refs/reconcile/approvals/production/9b1c77e0", Counts: true},
		{Who: "alice", Fingerprint: fingerprint("a"), How: "carried over", Expires: "2026-09-29 08:00 UTC", Counts: true},
		{Rule: "signature", Reason: "the statement is not what was signed"},
	}
}

func whoReport() view.WhoReport {
	return view.WhoReport{
		Person: "alice",
		Powers: []view.Power{
			{Environment: "production", Kind: "approver", Where: "environments/production/approvers", What: "one of 4 who approve; destructive changes need 2"},
			{Environment: "production", Kind: "safe-owner", Where: "ethereum/governance 0x5c1A0b4e2F6d7C8b9A0e1D2c3B4a5F6e7D8c9B0a", What: "one of 3 owners, 2 sign"},
			{Environment: "staging", Kind: "iam", Where: "user alice", What: "assumes reconcile-apply-staging"},
		},
		Breaks: []view.Broken{{Environment: "production", What: "approvals of destructive changes with a security key", Have: 1, Need: 2}},
		Unread: []string{"ethereum: 2 of 2 endpoints time out"},
	}
}

func TestApprovalsAndPowersReadAsTheirGoldensSay(t *testing.T) {
	t.Parallel()
	archive := new(txtar.Archive)
	part := func(name string, write func(io.Writer) error) {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: text(t, write)})
	}
	approvals := func(rows []view.ApprovalRow, have, need, width int) func(io.Writer) error {
		o := options()
		o.Width = width
		return func(w io.Writer) error { return view.Approvals(w, rows, have, need, o) }
	}
	part("two of three", approvals(approvalRows(), 2, 3, 100))
	part("two of three, narrow", approvals(approvalRows(), 2, 3, 40))
	part("none", approvals(nil, 0, 2, 100))
	part("none needed", approvals(nil, 0, 0, 100))
	part("one, none needed", approvals(approvalRows()[2:3], 1, 0, 100))
	who := func(r view.WhoReport, width int) func(io.Writer) error {
		o := options()
		o.Width = width
		return func(w io.Writer) error { return view.Who(w, r, o) }
	}
	part("who", who(whoReport(), 100))
	part("who, narrow", who(whoReport(), 50))
	part("somebody without power", who(view.WhoReport{Person: "erin"}, 100))
	part("somebody without power, as far as was read", who(view.WhoReport{Person: "erin", Unread: []string{"iam: access denied"}}, 100))
	golden(t, "approvals and powers read plainly", archive)
}

func TestAFingerprintIsWholeAtAnyWidth(t *testing.T) {
	t.Parallel()
	o := options()
	for _, width := range []int{40, 60, 200} {
		o.Width = width
		got := string(text(t, func(w io.Writer) error { return view.Approvals(w, approvalRows(), 2, 3, o) }))
		for _, letter := range []string{"a", "b", "d"} {
			if !strings.Contains(got, "  "+fingerprint(letter)+"\n") {
				t.Errorf("at %d columns a fingerprint is not whole:\n%s", width, got)
			}
		}
	}
}

func FuzzApprovalsAndPowersLetNothingThrough(f *testing.F) {
	for _, value := range hostile() {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, x string) {
		o := options()
		o.CI = true
		row := view.ApprovalRow{Who: x, Fingerprint: x, How: x, Expires: x, Rule: x, Reason: x, Origin: x}
		good := row
		good.Counts = true
		report := view.WhoReport{Person: x, Powers: []view.Power{{x, x, x, x}}, Breaks: []view.Broken{{Environment: x, What: x}}, Unread: []string{x}}
		for _, got := range [][]byte{
			text(t, func(w io.Writer) error { return view.Approvals(w, []view.ApprovalRow{row, good}, 1, 2, o) }),
			text(t, func(w io.Writer) error { return view.Who(w, report, o) }),
		} {
			for line := range strings.Lines(string(got)) {
				line = strings.TrimSuffix(line, "\n")
				if found := unsafe(line); len(found) > 0 {
					t.Errorf("%q lets %q through", line, found)
				}
				if strings.HasPrefix(strings.TrimLeft(line, " "), "::") {
					t.Errorf("%q is a command", line)
				}
			}
		}
	})
}
