package approvals_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/approvals"
	"github.com/crosschain-ops/reconcile/internal/approve"
)

var changes = "sha256:" + strings.Repeat("ab", 32)

const environment = "staging"

// theRef is where approvals of those changes are.
func theRef(t *testing.T) string {
	t.Helper()
	ref, err := approvals.Ref(environment, changes)
	must(t, err)
	return ref
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clone is somebody's checkout.
type clone struct {
	t   *testing.T
	dir string
}

func (c clone) git(args ...string) string { return c.gitWith("", args...) }

func (c clone) gitWith(stdin string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", c.dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org")
	cmd.Stdin = strings.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("git %v: %v: %s", args, err, said.String())
	}
	return strings.TrimSpace(string(out))
}

func (c clone) repository() approvals.Repository { return approvals.Repository{Dir: c.dir} }

// alone is a repository without a remote.
func alone(t *testing.T) clone {
	t.Helper()
	c := clone{t: t, dir: t.TempDir()}
	c.git("init", "-q", "-b", "main")
	must(t, os.WriteFile(filepath.Join(c.dir, "file"), []byte("what it says"), 0o600))
	c.git("add", "file")
	c.git("commit", "-q", "-m", "first")
	return c
}

// shared is a bare remote with two clones of it.
func shared(t *testing.T) (alice, bob, remote clone) {
	t.Helper()
	remote = clone{t: t, dir: t.TempDir()}
	remote.git("init", "-q", "--bare", "-b", "main")
	alice = alone(t)
	alice.git("remote", "add", "origin", remote.dir)
	alice.git("push", "-q", "origin", "main")
	bob = clone{t: t, dir: filepath.Join(t.TempDir(), "bob")}
	alice.git("clone", "-q", remote.dir, bob.dir)
	return alice, bob, remote
}

func id(n int) string { return fmt.Sprintf("%032x", n) }

// signed is in the form of an approval. Nobody signed it, which is for others to
// notice.
func signed(n int) approve.Signed {
	return approve.Signed{Statement: []byte("statement " + id(n)), Signature: []byte("signature")}
}

func publish(t *testing.T, c clone, n int) {
	t.Helper()
	if _, err := c.repository().Publish(t.Context(), environment, changes, id(n), signed(n)); err != nil {
		t.Fatal(err)
	}
}

func collect(t *testing.T, c clone) approvals.Collected {
	t.Helper()
	found, err := c.repository().Collect(t.Context(), environment, changes)
	must(t, err)
	return found
}

// statements are what was found, by order of their names.
func statements(c approvals.Collected) []string {
	var found []string
	for _, s := range c.Signed {
		found = append(found, string(s.Statement))
	}
	return found
}

// plant lets the ref of a repository point at a commit with a tree made of lines
// as git mktree takes them.
func (c clone) plant(lines ...string) {
	c.t.Helper()
	tree := c.gitWith(strings.Join(lines, "\n")+"\n", "mktree", "--missing")
	c.git("update-ref", theRef(c.t), c.git("commit-tree", tree, "-m", "planted"))
}

// blob is a line of a tree.
func (c clone) blob(name, content string) string {
	c.t.Helper()
	return "100644 blob " + c.gitWith(content, "hash-object", "-w", "--stdin") + "\t" + name
}

func (c clone) approval(n int) string {
	c.t.Helper()
	data, err := signed(n).Encode()
	must(c.t, err)
	return c.blob(id(n)+".json", string(data))
}

// trace is all that one sees of a repository: its refs, index, files and objects.
func (c clone) trace() string {
	c.t.Helper()
	objects := c.git("count-objects", "-v")
	_, err := os.Stat(filepath.Join(c.dir, ".git", "FETCH_HEAD"))
	return strings.Join([]string{c.git("for-each-ref"), c.git("status", "--porcelain"), c.git("config", "--list", "--local"), objects, fmt.Sprint(err == nil)}, "\n")
}
