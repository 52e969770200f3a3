package config_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// clone is a repository that git itself writes.
type clone struct {
	t    testing.TB
	root string
}

func newClone(t testing.TB) clone {
	t.Helper()
	c := clone{t: t, root: t.TempDir()}
	c.git("init", "-q", "-b", "main")
	return c
}

// git runs git as Dev, with nobody's settings.
func (c clone) git(args ...string) string {
	c.t.Helper()
	return c.gitWith("", args...)
}

func (c clone) gitWith(input string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = c.root, strings.NewReader(input)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.root, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Dev", "GIT_AUTHOR_EMAIL=dev@x", "GIT_COMMITTER_NAME=Dev", "GIT_COMMITTER_EMAIL=dev@x",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files ("path=content") and commits them; more are arguments of git.
func (c clone) commit(message string, files []string, more ...string) string {
	c.t.Helper()
	for _, file := range files {
		name, data, _ := strings.Cut(file, "=")
		path := filepath.Join(c.root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	c.git("add", ".")
	c.git(slices.Concat(more, []string{"commit", "-q", "--allow-empty", "-m", message})...)
	return c.git("rev-parse", "HEAD")
}

func (c clone) history(since, to string) map[string]config.Commit {
	c.t.Helper()
	commits, err := config.History(config.Options{Root: c.root, Name: "staging"}, since, to)
	if err != nil {
		c.t.Fatal(err)
	}
	byHash := map[string]config.Commit{}
	for _, one := range commits {
		byHash[one.Hash] = one
	}
	if len(byHash) != len(commits) {
		c.t.Errorf("%d commits are listed, %d of them once", len(commits), len(byHash))
	}
	return byHash
}

func TestAHistoryIsWhatOneRevisionReachesAndAnotherDoesNot(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	first := c.commit("first", nil)
	base := c.commit("base", nil)
	c.git("checkout", "-q", "-b", "side", first)
	side := c.commit("side", nil)
	c.git("checkout", "-q", "main")
	c.git("merge", "-q", "--no-ff", "-m", "merge", "side")
	merge := c.git("rev-parse", "HEAD")
	for _, want := range []struct {
		since, to string
		commits   []string
	}{
		{base, merge, []string{side, merge}},
		{side, merge, []string{base, merge}},
		{"", merge, []string{first, base, side, merge}},
		{merge, base, nil},
		{merge, merge, nil},
		{side, base, []string{base}},
	} {
		var have []string
		for hash := range c.history(want.since, want.to) {
			have = append(have, hash)
		}
		slices.Sort(have)
		slices.Sort(want.commits)
		if diff := cmp.Diff(want.commits, have); diff != "" {
			t.Errorf("%q..%s differs (-want +got):\n%s", want.since, want.to, diff)
		}
	}
}

func TestEverybodyWhomACommitNamesHadAHandInIt(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	hash := c.commit("x\n\nCo-authored-by: Bob <Bob@x>\nco-Authored-By : Eve\n <eve@x>, <mallory@x>\nSigned-off-by: Zoe <zoe@x>\n", nil)
	if diff := cmp.Diff([]string{"bob@x", "dev@x", "eve@x", "mallory@x"}, c.history("", hash)[hash].Emails); diff != "" {
		t.Errorf("e-mails differ (-want +got):\n%s", diff)
	}
}

func TestANameCannotHideAnAddress(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	c.commit("x", nil)
	tree := c.git("rev-parse", "HEAD^{tree}")
	raw := "tree " + tree + "\nauthor A <alice@x> <bob@x> 1700000000 +0000\ncommitter <carol@x> C <dave@x> 1700000000 +0000\n\nmessage\n"
	hash := c.gitWith(raw, "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
	if diff := cmp.Diff([]string{"alice@x", "bob@x", "carol@x", "dave@x"}, c.history("", hash)[hash].Emails); diff != "" {
		t.Errorf("e-mails differ (-want +got):\n%s", diff)
	}
}

func TestOnlyWhatJudgesOrIsTheEnvironmentChangesIt(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	for _, step := range []struct {
		file string
		want bool
	}{
		{"README=1", false},
		{"environments/staging/a.cue=1", true},
		{"environments/staging/a.cue=2", true},
		{"environments/staging/deployments/x.json=1", true},
		{"environments/staging/approvers=1", true},
		{"environments/production/a.cue=1", false},
		{"environments/people.cue=1", true},
		{"policy/rules.cue=1", true},
		{"environments/other.cue=1", false},
		{"elsewhere/environments/staging/a.cue=1", false},
	} {
		hash := c.commit(step.file, []string{step.file})
		if have := c.history("", hash)[hash].Changes; have != step.want {
			t.Errorf("%s: changes is %v, want %v", step.file, have, step.want)
		}
	}
	c.git("mv", "environments/staging/a.cue", "environments/staging/b.cue")
	if hash := c.commit("renamed", nil); !c.history("", hash)[hash].Changes {
		t.Error("a renamed file changes nothing")
	}
	c.git("rm", "-q", "-r", "environments/staging")
	if hash := c.commit("removed", nil); !c.history("", hash)[hash].Changes {
		t.Error("a removed environment changes nothing")
	}
}

func TestTheFirstCommitChangesWhatItHolds(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	if hash := c.commit("first", []string{"environments/staging/a.cue=1"}); !c.history("", hash)[hash].Changes {
		t.Error("the first commit changes nothing")
	}
}

func TestAMergeChangesOnlyWhatNeitherSideHad(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"one side": false, "both sides": true, "by hand": true} {
		c := newClone(t)
		first := c.commit("first", []string{"environments/staging/a.cue=1", "environments/staging/b.cue=1"})
		c.git("checkout", "-q", "-b", "side", first)
		c.commit("side", []string{"environments/staging/a.cue=2"})
		c.git("checkout", "-q", "main")
		ours := "README=1"
		if name == "both sides" {
			ours = "environments/staging/b.cue=2"
		}
		c.commit("ours", []string{ours})
		c.git("merge", "-q", "--no-ff", "--no-commit", "side")
		var by []string
		if name == "by hand" {
			by = []string{"environments/staging/c.cue=evil"}
		}
		merge := c.commit("merge", by)
		if parents := strings.Fields(c.git("rev-list", "--parents", "-n", "1", merge)); len(parents) != 3 {
			t.Fatalf("%s: %v is no merge", name, parents)
		}
		if have := c.history(first, merge)[merge].Changes; have != want {
			t.Errorf("%s: changes is %v, want %v", name, have, want)
		}
	}
}

func TestACommitGivesItsSSHSignatureAndTheBytesThatWereSigned(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	key := filepath.Join(c.root, "..", filepath.Base(c.root)+"-key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "dev@x", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = os.Remove(key); _ = os.Remove(key + ".pub") })
	unsigned := c.commit("unsigned", nil)
	if one := c.history("", unsigned)[unsigned]; one.Signature != nil {
		t.Errorf("an unsigned commit has signature %q", one.Signature)
	}
	signed := c.commit("signed\n\nwith a body\n", []string{"a=1"}, "-c", "gpg.format=ssh", "-c", "user.signingkey="+key, "-c", "commit.gpgsign=true")
	one := c.history(unsigned, signed)[signed]
	verify := func(payload []byte) error {
		allowed, signature := filepath.Join(t.TempDir(), "allowed"), filepath.Join(t.TempDir(), "signature")
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		for path, data := range map[string]string{allowed: "dev@x " + string(public), signature: string(one.Signature)} {
			if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "dev@x", "-n", "git", "-s", signature)
		cmd.Stdin = strings.NewReader(string(payload))
		return cmd.Run()
	}
	if err := verify(one.Payload); err != nil {
		t.Errorf("ssh-keygen does not accept %q over %q", one.Signature, one.Payload)
	}
	if err := verify(append(one.Payload, ' ')); err == nil {
		t.Error("ssh-keygen accepts other bytes")
	}
}

func TestASignatureOfAnotherKindOrTwoOfThemAreNone(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	c.commit("x", nil)
	head := "tree " + c.git("rev-parse", "HEAD^{tree}") + "\nauthor A <a@x> 1700000000 +0000\ncommitter A <a@x> 1700000000 +0000\n"
	ssh := "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n"
	for name, test := range map[string]struct {
		header, signature string
	}{
		"ssh":     {ssh, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"},
		"pgp":     {"gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----\n", ""},
		"two":     {ssh + ssh, ""},
		"sha256":  {"gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n", ""},
		"in text": {"x-note -----BEGIN SSH SIGNATURE-----\n", ""},
	} {
		hash := c.gitWith(head+test.header+"\ngpgsig in the message\n\nauthor <m@x>\n", "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
		one := c.history("", hash)[hash]
		if string(one.Signature) != test.signature {
			t.Errorf("%s: signature is %q, want %q", name, one.Signature, test.signature)
		}
		if diff := cmp.Diff([]string{"a@x"}, one.Emails); diff != "" {
			t.Errorf("%s: e-mails differ (-want +got):\n%s", name, diff)
		}
		kept := test.header
		if name != "in text" {
			kept = ""
		}
		if want := head + kept + "\ngpgsig in the message\n\nauthor <m@x>\n"; string(one.Payload) != want {
			t.Errorf("%s: payload is %q, want %q", name, one.Payload, want)
		}
	}
}

func TestAShallowCloneSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	c.commit("one", nil)
	c.commit("two", nil)
	shallow := clone{t: t, root: t.TempDir()}
	shallow.git("clone", "-q", "--depth", "1", "file://"+c.root, ".")
	_, err := config.History(config.Options{Root: shallow.root, Name: "staging"}, "", "HEAD")
	if err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") {
		t.Errorf("a shallow clone: %v", err)
	}
}

// imported is a history of n commits on two lines that meet again and again.
func imported(t testing.TB, n int) clone {
	t.Helper()
	c := newClone(t)
	var b strings.Builder
	for i := 1; i <= n; i++ {
		path := "environments/production/a.cue"
		if i%10 == 0 {
			path = "environments/staging/a.cue"
		}
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\ncommitter A <a%d@x> %d +0000\ndata 1\nx\n", i, i%7, 1700000000+i)
		if i > 1 {
			fmt.Fprintf(&b, "from :%d\n", i-1)
		}
		if i > 3 && i%5 == 0 {
			fmt.Fprintf(&b, "merge :%d\n", i-3)
		}
		data := fmt.Sprintf("a: %d", i)
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n\n", path, len(data), data)
	}
	c.gitWith(b.String(), "fast-import", "--quiet")
	return c
}

func TestALongHistoryIsReadOnce(t *testing.T) {
	t.Parallel()
	const n = 600
	c := imported(t, n)
	commits := c.history("", "main")
	changed := 0
	for _, one := range commits {
		if one.Changes {
			changed++
		}
	}
	if len(commits) != n || changed != n/10 {
		t.Errorf("%d commits, %d of them change staging; want %d and %d", len(commits), changed, n, n/10)
	}
}

func BenchmarkAHistoryOf10000Commits(b *testing.B) {
	c := imported(b, 10_000)
	for b.Loop() {
		if _, err := config.History(config.Options{Root: c.root, Name: "staging"}, "", "main"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestACommitBesideTheBranchIsNotHeld(t *testing.T) {
	t.Parallel()
	c := newClone(t)
	first := c.commit("first", []string{"a=1"})
	merged := c.commit("merged", []string{"a=2"})
	tip := c.commit("tip", []string{"a=3"})
	c.git("checkout", "-q", "-b", "beside", first)
	beside := c.commit("the same files", []string{"a=2"})
	o := config.Options{Root: c.root}
	for commit, want := range map[string]bool{first: true, merged: true, tip: true, beside: false, merged[:7]: false, "": false} {
		if have, err := config.Holds(o, "refs/heads/main", commit); err != nil || have != want {
			t.Errorf("main holds %q: %t, %v, want %t", commit, have, err, want)
		}
	}
	if _, err := config.Holds(o, "refs/heads/nowhere", tip); err == nil {
		t.Error("a ref that is not there holds nothing and says nothing")
	}
}
