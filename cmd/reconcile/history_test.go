package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

// signedRepo is a repository with an environment, and whoever signs in it.
type signedRepo struct {
	t    *testing.T
	root string
}

func newSignedRepo(t *testing.T) signedRepo {
	t.Helper()
	c := signedRepo{t: t, root: t.TempDir()}
	c.run("git", "init", "-q", "-b", "main")
	return c
}

func (c signedRepo) run(name string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = c.root
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.root, "GIT_CONFIG_NOSYSTEM=1", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=merges@x"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// key makes a key pair outside of the repository and gives its public half.
func (c signedRepo) key(name string) (path, public, fingerprint string) {
	c.t.Helper()
	path = filepath.Join(c.t.TempDir(), name)
	c.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path)
	data, err := os.ReadFile(path + ".pub")
	if err != nil {
		c.t.Fatal(err)
	}
	return path, strings.TrimSpace(string(data)), strings.Fields(c.run("ssh-keygen", "-l", "-f", path))[1]
}

// commit changes a file as somebody, who signs with a key; without one he signs not.
func (c signedRepo) commit(file, email, key string) string {
	c.t.Helper()
	path := filepath.Join(c.root, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	was, _ := os.ReadFile(path)
	if err := os.WriteFile(path, append(was, '#', '\n'), 0o600); err != nil {
		c.t.Fatal(err)
	}
	args := []string{"-c", "commit.gpgsign=false"}
	if key != "" {
		args = []string{"-c", "gpg.format=ssh", "-c", "user.signingkey=" + key, "-c", "commit.gpgsign=true"}
	}
	c.run("git", "add", ".")
	c.run("git", slices.Concat(args, []string{"commit", "-q", "-m", file, "--author", "x <" + email + ">"})...)
	return c.run("git", "rev-parse", "HEAD")
}

// session is one of staging at a commit, in which only history is asked.
func (c signedRepo) session(at, anchor string, entries []journal.Entry, g config.Governance, event string) *session {
	getenv := func(name string) string {
		if name == "GITHUB_EVENT_PATH" {
			return event
		}
		return ""
	}
	return &session{
		app: &app{getenv: getenv}, options: config.Options{Root: c.root, Name: "staging"},
		env:      &config.Environment{Name: "staging", Governance: g},
		revision: config.Revision{Commit: at}, anchor: anchor, entries: entries,
	}
}

func planned() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// closed is the close of a plan of a commit.
func closed(commit string, change func(*journal.Entry)) journal.Entry {
	e := journal.Entry{Kind: journal.Close, Commit: commit}
	if change != nil {
		change(&e)
	}
	return e
}

func TestWhoeverWroteCommittedOrSignedIsAnAuthorAndUnsignedCommitsAreCounted(t *testing.T) {
	t.Parallel()
	c := newSignedRepo(t)
	alice, alicePublic, alicePrint := c.key("alice")
	bob, bobPublic, bobPrint := c.key("bob")
	stranger, _, strangerPrint := c.key("stranger")
	revoked, revokedPublic, revokedPrint := c.key("revoked")
	const file = "environments/staging/a.cue"
	base := c.commit(file, "before@x", "")
	c.commit(file, "Alice@X", alice)
	c.commit(file, "bob@x", bob)
	c.commit(file, "stranger@x", stranger)
	c.commit(file, "revoked@x", revoked)
	c.commit(file, "nobody@x", "")
	head := c.commit("environments/production/a.cue", "elsewhere@x", "")
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"action":"opened","pull_request":{"number":1,"user":{"login":"Opener","id":7}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := c.session(head, base, []journal.Entry{closed(base, func(e *journal.Entry) { e.Advances = true })}, config.Governance{
		People:    []config.Person{{Name: "Alice", Keys: []string{alicePublic}}, {Name: "Revoked", Keys: []string{revokedPublic}}},
		Approvers: []byte("bob@x " + bobPublic + "\n"), Revoked: []byte(revokedPublic + "\n"),
	}, event)
	have, err := s.hands(planned())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"alice@x", "bob@x", "elsewhere@x", "forge:opener", "key:" + alicePrint, "key:" + bobPrint, "key:" + revokedPrint, "key:" + strangerPrint,
		"merges@x", "nobody@x", "revoked@x", "stranger@x",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, have.authors); diff != "" {
		t.Errorf("authors differ (-want +got):\n%s", diff)
	}
	if have.unsigned != 3 {
		t.Errorf("%d unsigned commits change staging, want 3: by a stranger, by a revoked key, by nobody", have.unsigned)
	}
}

func TestAPlanThatLeavesOutAnAuthorOrAnUnsignedCommitIsRefused(t *testing.T) {
	t.Parallel()
	c := newSignedRepo(t)
	base := c.commit("environments/staging/a.cue", "before@x", "")
	head := c.commit("environments/staging/a.cue", "eve@x", "")
	s := c.session(head, base, nil, config.Governance{}, "")
	s.entries = []journal.Entry{closed(base, func(e *journal.Entry) { e.Advances = true })}
	for name, test := range map[string]struct {
		authors  []string
		unsigned int
		want     string
	}{
		"all":                     {[]string{"eve@x", "merges@x"}, 1, ""},
		"who opened it, too":      {[]string{"eve@x", "forge:eve", "merges@x"}, 2, ""},
		"without Eve":             {[]string{"merges@x"}, 1, `staging: refused: the plan leaves out "eve@x", who had a hand in ` + head[:7]},
		"without unsigned commit": {[]string{"eve@x", "merges@x"}, 0, "staging: refused: the plan counts 0 commits that no known key signed, there are 1"},
		"nobody":                  {nil, 0, `staging: refused: the plan leaves out "eve@x", who had a hand in ` + head[:7]},
	} {
		err := s.checkAuthors(&plan.Plan{Created: planned(), Revision: plan.Revision{Commit: head, Authors: test.authors, Unsigned: test.unsigned}})
		have := ""
		if err != nil {
			have = err.Error()
		}
		if have != test.want {
			t.Errorf("%s: %q, want %q", name, have, test.want)
		}
	}
}

// TestWhatWasWrittenAndNotMadeStillHasItsAuthor: rules alone may come into force, and
// a plan may be applied in part; who wrote the rest is its author still.
func TestWhatWasWrittenAndNotMadeStillHasItsAuthor(t *testing.T) {
	t.Parallel()
	c := newSignedRepo(t)
	commits := make([]string, 4)
	for i, email := range []string{"zero@x", "one@x", "two@x", "three@x"} {
		commits[i] = c.commit("environments/staging/a.cue", email, "")
	}
	advances := func(e *journal.Entry) { e.Advances = true }
	rulesOnly := func(e *journal.Entry) { e.Advances, e.RulesOnly = true, true }
	settles := func(e *journal.Entry) { e.Settles = true }
	owes := func(e *journal.Entry) { e.Settles, e.Owed = true, []string{"kms-key/x/y"} }
	for name, test := range map[string]struct {
		anchor  int
		entries []journal.Entry
		want    string
	}{
		"nothing was ever applied":           {-1, nil, "one@x three@x two@x zero@x"},
		"an anchor":                          {0, []journal.Entry{{Kind: journal.Anchor, Commit: commits[0]}}, "one@x three@x two@x"},
		"an anchor, then rules alone":        {1, []journal.Entry{{Kind: journal.Anchor, Commit: commits[0]}, closed(commits[1], rulesOnly)}, "one@x three@x two@x"},
		"applied whole":                      {1, []journal.Entry{closed(commits[0], advances), closed(commits[1], advances)}, "three@x two@x"},
		"applied whole, then rules alone":    {2, []journal.Entry{closed(commits[0], advances), closed(commits[2], rulesOnly)}, "one@x three@x two@x"},
		"applied whole, then in part":        {0, []journal.Entry{closed(commits[0], advances), closed(commits[2], nil)}, "one@x three@x two@x"},
		"all made, and the rules are older":  {1, []journal.Entry{closed(commits[1], advances), closed(commits[2], settles)}, "three@x two@x"},
		"all made after rules alone":         {1, []journal.Entry{closed(commits[0], advances), closed(commits[1], rulesOnly), closed(commits[1], settles)}, "three@x two@x"},
		"looked at, and something is owed":   {1, []journal.Entry{closed(commits[0], advances), closed(commits[1], rulesOnly), closed(commits[1], owes)}, "one@x three@x two@x"},
		"a file of the store that says less": {0, []journal.Entry{{Kind: journal.Anchor, Commit: commits[0]}, {Kind: journal.Open, Commit: commits[3]}}, "one@x three@x two@x"},
	} {
		anchor := ""
		if test.anchor >= 0 {
			anchor = commits[test.anchor]
		}
		h, err := c.session(commits[3], anchor, test.entries, config.Governance{}, "").hands(planned())
		if err != nil {
			t.Fatal(err)
		}
		have := strings.Join(slices.DeleteFunc(h.authors, func(a string) bool { return a == "merges@x" }), " ")
		if have != test.want || h.unsigned != strings.Count(have, "@") {
			t.Errorf("%s: authors %q, %d unsigned, want %q", name, have, h.unsigned, test.want)
		}
	}
}

func TestOnlyAPullRequestHasSomebodyWhoOpenedIt(t *testing.T) {
	t.Parallel()
	c := newSignedRepo(t)
	head := c.commit("environments/staging/a.cue", "eve@x", "")
	for text, want := range map[string]string{
		`{"pull_request":{"user":{"login":"Eve-GH"}}}`: "eve-gh",
		`{"ref":"refs/heads/main"}`:                    "",
		`{"pull_request":null}`:                        "",
		`[]`:                                           "error",
		``:                                             "error",
	} {
		event := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(event, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		have, err := c.session(head, "", nil, config.Governance{}, event).app.opener()
		if err != nil {
			have = "error"
		}
		if have != want {
			t.Errorf("%s: opened by %q, want %q: %v", text, have, want, err)
		}
	}
	if have, err := c.session(head, "", nil, config.Governance{}, filepath.Join(t.TempDir(), "none")).app.opener(); have != "" || err != nil {
		t.Errorf("without a file: %q, %v", have, err)
	}
}

func TestAKeyThatThePlansOwnCommitRevokesCountsNoMore(t *testing.T) {
	t.Parallel()
	c := newSignedRepo(t)
	alice, public, _ := c.key("alice")
	base := c.commit("environments/staging/a.cue", "before@x", "")
	head := c.commit("environments/staging/a.cue", "alice@x", alice)
	inForce := config.Governance{Approvers: []byte("alice@x " + public + "\n"), Revoked: []byte("# nobody")}
	for name, test := range map[string]struct {
		own      config.Governance
		unsigned int
	}{
		"revoked by neither":            {inForce, 0},
		"revoked by the plan's":         {config.Governance{Approvers: inForce.Approvers, Revoked: []byte(public)}, 1},
		"no approver by the plan's":     {config.Governance{}, 0},
		"unreadable in the plan's list": {config.Governance{Revoked: []byte("x")}, 1},
	} {
		s := c.session(head, base, []journal.Entry{closed(base, func(e *journal.Entry) { e.Advances = true })}, test.own, "")
		s.applied = &config.Environment{Name: "staging", Governance: inForce}
		h, err := s.hands(planned())
		if err != nil || h.unsigned != test.unsigned {
			t.Errorf("%s: %d unsigned commits, want %d: %v", name, h.unsigned, test.unsigned, err)
		}
		eligible := approve.Count(s.approvalRules(), approve.Ballot{Plan: &plan.Plan{}, Now: planned()}).Eligible
		if revoked := name == "revoked by the plan's"; (len(eligible) == 0) != revoked {
			t.Errorf("%s: eligible %q", name, eligible)
		}
	}
}
