package approvals_test

import (
	"os"
	"os/exec"
	"path/filepath"
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
