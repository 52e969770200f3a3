package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

// TestTheCommandsOfReviewAreRunAsTheyStand: whoever has no reconcile can check an
// approval, and sign his commits.
func TestTheCommandsOfReviewAreRunAsTheyStand(t *testing.T) {
	t.Parallel()
	c := newSignedRepo(t)
	bob, public, fingerprint := c.key("bob")
	digest := "sha256:" + strings.Repeat("a", 64)
	p := &plan.Plan{Environment: "production", Digest: digest, ChangesDigest: digest, Created: planned(), Expires: planned().AddDate(0, 0, 1)}
	statement, err := approve.NewStatement(p, strings.Repeat("0", 32), false).Encode()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		path := filepath.Join(c.root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("s", statement)
	c.run("ssh-keygen", "-q", "-Y", "sign", "-f", bob, "-n", approve.Namespace, filepath.Join(c.root, "s"))
	signature, err := os.ReadFile(filepath.Join(c.root, "s.sig"))
	if err != nil {
		t.Fatal(err)
	}
	approval, err := approve.Signed{Statement: statement, Signature: signature}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write("bob.approval", approval)
	write("environments/production/approvers", []byte("bob@example.org namespaces=\"reconcile-plan@v1\" "+public+"\n"))
	key, err := os.ReadFile(bob)
	if err != nil {
		t.Fatal(err)
	}
	write(".ssh/id_ed25519", key)
	write(".ssh/id_ed25519.pub", []byte(public+"\n"))
	var said strings.Builder
	for _, command := range commandsOf(t, filepath.Join(checkout, "docs", "review.md")) {
		if sandboxed(command) {
			continue // review_the_first_approval_of_a_new_reviewer runs it
		}
		if _, err := exec.LookPath("jq"); err != nil && strings.HasPrefix(command, "jq ") {
			takeApart(t, c.root, approval)
			continue
		}
		said.WriteString(c.run("sh", "-c", command) + "\n")
	}
	for _, want := range []string{`Good "reconcile-plan@v1" signature for bob@example.org with ED25519 key ` + fingerprint, strings.TrimSpace(string(statement))} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the commands do not say %q:\n%s", want, said.String())
		}
	}
	c.run("git", "-c", "user.name=Bob", "commit", "-q", "--allow-empty", "-m", "signed", "--author", "Bob <bob@example.org>")
	if raw := c.run("git", "cat-file", "commit", "HEAD"); !strings.Contains(raw, "BEGIN SSH SIGNATURE") {
		t.Errorf("after git config a commit is %s", raw)
	}
}

// sandboxed reports a command of the tour in a sandbox.
func sandboxed(command string) bool { return strings.Contains(command, "sandbox") }

// takeApart is what jq does, where there is none.
func takeApart(t *testing.T, root string, approval []byte) {
	t.Helper()
	var kept struct{ Statement, Signature string }
	if err := json.Unmarshal(approval, &kept); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"bob.statement": kept.Statement, "bob.statement.sig": kept.Signature} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
