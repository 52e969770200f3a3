package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// history is a repository in a temporary folder.
type history struct {
	t    *testing.T
	root string
	repo *git.Repository
}

func newHistory(t *testing.T, files map[string]string) *history {
	t.Helper()
	root := write(t, files)
	repo, err := git.PlainInit(root, false)
	if err != nil {
		t.Fatal(err)
	}
	return &history{t: t, root: root, repo: repo}
}

func (h *history) write(name, data string) {
	h.t.Helper()
	path := filepath.Join(h.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// commit records everything, and gives the hash.
func (h *history) commit(author, committer, message string) string {
	h.t.Helper()
	tree, err := h.repo.Worktree()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := tree.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		h.t.Fatal(err)
	}
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	hash, err := tree.Commit(message, &git.CommitOptions{
		Author:    &object.Signature{Name: author, Email: author, When: when},
		Committer: &object.Signature{Name: committer, Email: committer, When: when},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return hash.String()
}

func TestARevisionLoadsAsTheTreeDid(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for name, data := range base(t) {
		files["deep/below/"+name] = data
	}
	files["deep/below/environments/staging/addresses.json"] = `{"bank": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"}`
	h := newHistory(t, files)
	commit := h.commit("a@x", "a@x", "first")
	root := filepath.Join(h.root, "deep", "below")

	tree, fromTree := load(t, root, "staging")
	at, fromRev, err := config.Load(config.Options{Root: root, Rev: "HEAD", Name: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.Comparer(func(a, b interface{ String() string }) bool { return a.String() == b.String() })
	if diff := cmp.Diff(tree, at, same); diff != "" {
		t.Errorf("the revision differs from the tree (-tree +revision):\n%s", diff)
	}
	if diff := cmp.Diff(fromTree, fromRev); diff != "" {
		t.Errorf("revisions differ (-tree +revision):\n%s", diff)
	}
	if fromRev.Commit != commit || fromRev.Dirty {
		t.Errorf("revision is %+v, want commit %s, clean", fromRev, commit)
	}
	if tree.Pins["bank"] == "" || tree.Source.String() != "environments/staging/environment.cue:3" {
		t.Errorf("pins %v, source %s", tree.Pins, tree.Source)
	}
}

func TestOldRevisionsAreReadWithoutACheckout(t *testing.T) {
	t.Parallel()
	h := newHistory(t, base(t))
	first := h.commit("a@x", "a@x", "first")
	name := "environments/staging/networks.cue"
	changed := strings.Replace(base(t)[name], "confirmations: 3", "confirmations: 7", 1)
	h.write(name, changed)
	second := h.commit("a@x", "a@x", "second")
	h.write(name, "not CUE {")

	for rev, want := range map[string]uint64{first: 3, second: 7, "HEAD": 7, "HEAD~1": 3, first[:10]: 3} {
		env, revision, err := config.Load(config.Options{Root: h.root, Rev: rev, Name: "staging"})
		if err != nil {
			t.Fatalf("%s: %v", rev, err)
		}
		if n, _ := env.Network("fuji"); n.Confirmations != want || revision.Dirty {
			t.Errorf("%s: %d confirmations, dirty %v, want %d", rev, n.Confirmations, revision.Dirty, want)
		}
	}
	if _, _, err := config.Load(config.Options{Root: h.root, Name: "staging"}); err == nil {
		t.Error("the broken working tree loads")
	}
	_, _, err := config.Load(config.Options{Root: h.root, Rev: "nowhere", Name: "staging"})
	if err == nil || !strings.Contains(err.Error(), `revision "nowhere"`) {
		t.Errorf("unknown revision: %v", err)
	}
	if resolved, err := config.Resolve(config.Options{Root: h.root}, "HEAD~1"); err != nil || resolved != first {
		t.Errorf("HEAD~1 is %s, %v, want %s", resolved, err, first)
	}
}

func TestDirtyCountsTheEnvironmentsOwnFilesOnly(t *testing.T) {
	t.Parallel()
	h := newHistory(t, base(t))
	h.commit("a@x", "a@x", "first")
	dirty := func() bool {
		_, revision := load(t, h.root, "staging")
		return revision.Dirty
	}
	h.write("README.md", "notes")
	h.write("environments/staging/notes.md", "notes")
	h.write("environments/staging/plans/x.cue", "package x")
	if dirty() {
		t.Error("notes beside the environment make it dirty")
	}
	h.write("environments/staging/addresses.json", "{}")
	if !dirty() {
		t.Error("a new addresses.json is not seen")
	}
	h.commit("a@x", "a@x", "pins")
	if dirty() {
		t.Error("dirty after the commit")
	}
	h.write("environments/staging/approvers", "alice@ops ssh-ed25519 AAAA")
	if !dirty() {
		t.Error("new approvers are not seen")
	}
	h.commit("a@x", "a@x", "approvers")
	if err := os.Remove(filepath.Join(h.root, "environments", "staging", "addresses.json")); err != nil {
		t.Fatal(err)
	}
	if !dirty() {
		t.Error("a removed file is not seen")
	}
}

func TestAFolderOutsideOfARepositoryLoadsAsDirty(t *testing.T) {
	t.Parallel()
	root := write(t, base(t))
	if _, revision := load(t, root, "staging"); revision.Commit != "" || !revision.Dirty || revision.Config == "" {
		t.Errorf("revision is %+v, want no commit, dirty", revision)
	}
	_, _, err := config.Load(config.Options{Root: root, Rev: "HEAD", Name: "staging"})
	if err == nil || !strings.Contains(err.Error(), "not in a git repository") {
		t.Errorf("a revision of no repository: %v", err)
	}
}

func TestTheConfigDigestChangesWithEveryFileThatCounts(t *testing.T) {
	t.Parallel()
	h := newHistory(t, base(t))
	first := h.commit("a@x", "a@x", "first")
	h.write("README.md", "notes")
	notes := h.commit("a@x", "a@x", "notes")
	h.write("environments/staging/addresses.json", "{}")
	pins := h.commit("a@x", "a@x", "pins")
	digest := func(rev string) string {
		d, err := config.ConfigDigestAt(config.Options{Root: h.root}, rev, "staging")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if digest(first) != digest(notes) {
		t.Error("a note elsewhere changes the digest")
	}
	if digest(notes) == digest(pins) {
		t.Error("addresses.json does not change the digest")
	}
	if _, revision := load(t, h.root, "staging"); revision.Config != digest("HEAD") {
		t.Errorf("Load says %s, ConfigDigestAt %s", revision.Config, digest("HEAD"))
	}
}

func TestTheGovernanceDigestFollowsWhatJudgesAndNothingElse(t *testing.T) {
	t.Parallel()
	digest := func(change func(files map[string]string)) string {
		files := base(t)
		change(files)
		_, revision := load(t, write(t, files), "staging")
		return revision.Governance
	}
	replace := func(name, before, after string) func(map[string]string) {
		return func(files map[string]string) {
			path := "environments/staging/" + name
			if !strings.Contains(files[path], before) {
				t.Fatalf("%s does not hold %q", name, before)
			}
			files[path] = strings.Replace(files[path], before, after, 1)
		}
	}
	adding := func(cue string) func(map[string]string) {
		return func(files map[string]string) {
			files["environments/staging/access.cue"] = "package staging\n\n" + cue + "\n"
		}
	}
	const access = `access: {organization: "acme", trust: ecs: {}`
	unchanged := digest(func(map[string]string) {})
	for name, change := range map[string]func(map[string]string){
		"a comment":        replace("gates.cue", "gates: {", "// Quiet.\n\ngates: {"),
		"a confirmation":   replace("networks.cue", "confirmations: 1", "confirmations: 2"),
		"access":           adding(access + "}"),
		"no boundary":      adding(access + ", boundary: false}"),
		"a purpose":        replace("environment.cue", "a rehearsal", "a better rehearsal"),
		"an amount's form": replace("funding.cue", `floor: "0.3", target: "0.9"}`, `floor: "0.30", target: "0.900"}`),
	} {
		if digest(change) != unchanged {
			t.Errorf("%s changes the digest of governance", name)
		}
	}
	seen := map[string]string{unchanged: "nothing"}
	for name, change := range map[string]func(map[string]string){
		"a gate":        replace("gates.cue", `sensitive:   "auto"`, `sensitive:   "forbid"`),
		"top-ups":       replace("gates.cue", `sensitive:   "auto"`, "sensitive: \"auto\"\n\ttopUp: \"forbid\""),
		"a belt":        replace("gates.cue", "gates: {", "gates: {\n\tbelts: deleteShare: 11"),
		"a trusted ref": replace("gates.cue", "gates: {", "gates: {\n\ttrustedRef: \"refs/heads/release\""),
		"an accepted finding": replace("gates.cue", "gates: {",
			"gates: {\n\tacknowledged: [{rule: \"not-owned\", reason: \"known\"}]"),
		"a cap":                replace("funding.cue", `day: "3"`, `day: "4"`),
		"a floor":              replace("funding.cue", `floor: "0.3"`, `floor: "0.2"`),
		"a burn":               replace("funding.cue", `burnPerDay: "0.1"`, `burnPerDay: "0.2"`),
		"a reserve":            replace("funding.cue", "caps:", "reserve: \"1\"\n\t\tcaps:"),
		"an endpoint":          replace("networks.cue", "sepolia.drpc.org", "ethereum-sepolia.publicnode.com"),
		"pinning":              replace("environment.cue", "accounts:", "addresses: \"pinned\"\naccounts:"),
		"a store":              replace("environment.cue", "accounts:", "store: {kind: \"s3\", bucket: \"elsewhere\"}\naccounts:"),
		"an approver":          func(files map[string]string) { files["environments/staging/approvers"] = "alice@ops ssh-ed25519 AAAA" },
		"a tool":               adding(`tool: repository: "acme/environments"`),
		"another repository":   adding(`tool: repository: "acme/other"`),
		"who applies":          adding(`tool: {repository: "acme/environments", environment: "x"}`),
		"who watches":          adding(`tool: {repository: "acme/environments", watch: "x"}`),
		"ids of a repository":  adding(`tool: {repository: "acme/environments", ids: ["acme@1/environments@2"]}`),
		"a boundary of a tool": adding(`tool: repository: "acme/environments"` + "\n" + access + "}"),
		"a new signer":         replace("agents.cue", "instances: 2", "instances: 3"),
	} {
		d := digest(change)
		if other, twice := seen[d]; twice {
			t.Errorf("%s gives the digest of %s", name, other)
		}
		seen[d] = name
	}
}

func TestAnUnknownEnvironmentIsNamedWithItsNearest(t *testing.T) {
	t.Parallel()
	root := write(t, base(t))
	for name, want := range map[string]string{
		"stagign":          "environments/stagign: no such environment\n  hint: did you mean \"staging\"?",
		"../staging":       "environments: \"../staging\" is not a name of an environment",
		"environments/x/y": "environments: \"environments/x/y\" is not a name of an environment",
	} {
		_, _, err := config.Load(config.Options{Root: root, Name: name})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	root := write(t, base(t))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, "environments", "staging", "more.cue")
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	_, _, err := config.Load(config.Options{Root: root, Name: "staging"})
	if err == nil || !strings.Contains(err.Error(), "more.cue: not a regular file") {
		t.Errorf("a linked file: %v", err)
	}
	if err := os.Symlink(filepath.Join(root, "environments", "staging"), filepath.Join(root, "environments", "twin")); err != nil {
		t.Fatal(err)
	}
	_, _, err = config.Load(config.Options{Root: root, Name: "twin"})
	if err == nil || !strings.Contains(err.Error(), "environments/twin: not a folder") {
		t.Errorf("a linked folder: %v", err)
	}
}

func TestALinkInAGitTreeIsRefusedToo(t *testing.T) {
	t.Parallel()
	h := newHistory(t, base(t))
	if err := os.Symlink("/etc/hostname", filepath.Join(h.root, "environments", "staging", "more.cue")); err != nil {
		t.Fatal(err)
	}
	h.commit("a@x", "a@x", "first")
	_, _, err := config.Load(config.Options{Root: h.root, Rev: "HEAD", Name: "staging"})
	if err == nil || !strings.Contains(err.Error(), "more.cue: not a regular file") {
		t.Errorf("a linked file: %v", err)
	}
}

func TestAFileBeyondTheBoundIsNotRead(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/staging/big.cue"] = "package staging\n" + strings.Repeat("// padding\n", 100_000)
	_, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging"})
	if err == nil || !strings.Contains(err.Error(), "big.cue: has 1100016 bytes, may have 1048576") {
		t.Errorf("a big file: %v", err)
	}
}
