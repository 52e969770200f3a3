package approvals_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/approvals"
	"github.com/crosschain-ops/reconcile/internal/approve"
)

// newKey makes a key with ssh-keygen itself.
func newKey(t *testing.T, passphrase string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "somebody", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func TestWhatIsSignedIsTheStatementUnderOurNamespace(t *testing.T) {
	t.Parallel()
	key := newKey(t, "")
	statement := []byte("a statement\n")
	signature, err := approvals.Sign(t.Context(), statement, approvals.SignOptions{Key: key})
	must(t, err)
	public, err := os.ReadFile(key + ".pub")
	must(t, err)
	_, want, err := approve.KeyOf(strings.Join(strings.Fields(string(public))[:2], " "))
	must(t, err)
	fingerprint, _, err := approve.Signer(statement, signature, approve.Namespace)
	if err != nil || fingerprint != want {
		t.Errorf("signed by %s, want %s (%v)", fingerprint, want, err)
	}
}

func TestAKeyThatCannotSignSaysWhatToDo(t *testing.T) {
	t.Parallel()
	open := newKey(t, "")
	must(t, os.Chmod(open, 0o644))
	lonely := filepath.Join(t.TempDir(), "lonely.pub")
	public, err := os.ReadFile(newKey(t, "") + ".pub")
	must(t, err)
	must(t, os.WriteFile(lonely, public, 0o600))
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("no key\n"), 0o600))
	for _, c := range []struct{ key, says, hint string }{
		{filepath.Join(t.TempDir(), "gone"), "no such file", "hint: --key PATH"},
		{open, "can be read by others", "hint: chmod 600 "},
		{lonely, "neither an agent nor the folder has the private key", "hint: ssh-add"},
		{text, "is no key that OpenSSH knows", "hint: --key PATH"},
	} {
		_, err := approvals.Sign(t.Context(), []byte("a statement\n"), approvals.SignOptions{Key: c.key})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%s: %v, want %q and %q", c.key, err, c.says, c.hint)
		}
	}
}

func TestWithoutOpenSSHItSaysWhatToInstall(t *testing.T) {
	key := newKey(t, "")
	t.Setenv("PATH", t.TempDir())
	if _, err := approvals.Sign(t.Context(), nil, approvals.SignOptions{Key: key}); err == nil || !strings.Contains(err.Error(), "hint: install OpenSSH") {
		t.Errorf("error %v", err)
	}
	if _, err := (approvals.Repository{Dir: t.TempDir()}).Collect(t.Context(), environment, changes); err == nil || !strings.Contains(err.Error(), "hint: install git") {
		t.Errorf("error %v", err)
	}
}

// TestAnAgentSignsForAPublicKey: an encrypted key that an agent holds is named by
// its .pub file, and nobody is asked for a passphrase.
func TestAnAgentSignsForAPublicKey(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "agent")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	must(t, agent.Start())
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	t.Setenv("SSH_AUTH_SOCK", socket)
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	ask := filepath.Join(t.TempDir(), "ask")
	must(t, os.WriteFile(ask, []byte("#!/bin/sh\necho secret\n"), 0o755))
	t.Setenv("SSH_ASKPASS", ask)
	key := newKey(t, "secret")
	add := func() error { return exec.Command("ssh-add", "-q", key).Run() }
	for i := 0; i < 1000 && add() != nil; i++ {
		runtime.Gosched()
	}
	must(t, os.WriteFile(ask, []byte("#!/bin/sh\necho wrong\n"), 0o755))
	public := filepath.Join(t.TempDir(), "only.pub")
	data, err := os.ReadFile(key + ".pub")
	must(t, err)
	must(t, os.WriteFile(public, data, 0o600))
	if _, err := approvals.Sign(t.Context(), []byte("a statement\n"), approvals.SignOptions{Key: public}); err != nil {
		t.Error(err)
	}
	_, err = approvals.Sign(t.Context(), []byte("a statement\n"), approvals.SignOptions{Key: newKey(t, "another secret")})
	if err == nil || !strings.Contains(err.Error(), "the passphrase of ") || !strings.Contains(err.Error(), "hint: without a terminal, add the key to an agent") {
		t.Errorf("with a wrong passphrase: %v", err)
	}
}

func TestTheKeyThatSignsCommitsIsTheFirstChoice(t *testing.T) {
	t.Parallel()
	c, key := alone(t), newKey(t, "")
	if found := approvals.SigningKey(t.Context(), c.dir); found != "" {
		t.Errorf("found %q where none is named", found)
	}
	c.git("config", "user.signingKey", key)
	for _, format := range []string{"openpgp", "x509"} {
		c.git("config", "gpg.format", format)
		if found := approvals.SigningKey(t.Context(), c.dir); found != "" {
			t.Errorf("found %q, which is for %s", found, format)
		}
	}
	c.git("config", "gpg.format", "ssh")
	if found := approvals.SigningKey(t.Context(), c.dir); found != key {
		t.Errorf("found %q, want %q", found, key)
	}
}
