package config_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crosschain-ops/reconcile/internal/config"
)

const (
	aliceKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbTk53LobSzGJRXhCBYEgTz/Zs1E3TqLL10UBDmIYoY"
	bobKey   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKyPDLCOChQR4sue+qUGSR/OkFZlnZud+Daj4LngbBZu"
	// A hardware key: its second field is the point, its third the application.
	bobsHardware = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo="
)

const twoPeople = `package anything

people: {
	bob: {
		keys: ["` + bobKey + `", "` + bobsHardware + ` yubikey"]
		emails: ["Bob@example.org", "bob@home.example.org"]
		forge: "BobAtTheForge"
	}
	alice: {
		keys: ["` + aliceKey + ` alice@laptop"]
		emails: ["alice@example.org"]
		principals: ["user/alice", "arn:aws:iam::444455556666:role/ops/administrator"]
		addresses: ["0xB48e4EdddFCcfbd51943b4Ca7dafD55E73C4da26"]
	}
}
`

func TestPeopleApproversAndPoliciesAreReadAsTheyAre(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/people.cue"] = twoPeople
	files["environments/staging/approvers"] = "alice@example.org " + aliceKey + "\n"
	files["environments/staging/revoked"] = "# none\n"
	files["policy/b.cue"], files["policy/a.cue"] = "rules: {}\n", "rules: {\n}\n"
	files["policy/_draft.cue"], files["policy/notes.md"], files["policy/deep/c.cue"] = "no CUE {", "notes", "no CUE {"
	files["environments/staging/gates.cue"] += "gates: approvals: {securityKeys: true, remote: \"upstream\"}\n"
	env, _ := load(t, write(t, files), "staging")
	want := config.Governance{
		Approvers: []byte("alice@example.org " + aliceKey + "\n"), Revoked: []byte("# none\n"),
		People: []config.Person{
			{
				Name: "alice", Keys: []string{aliceKey}, Emails: []string{"alice@example.org"},
				Principals: []string{"arn:aws:iam::444455556666:role/ops/administrator", "user/alice"},
				Addresses:  []string{"0xB48e4EdddFCcfbd51943b4Ca7dafD55E73C4da26"},
			},
			{
				Name: "bob", Keys: []string{bobsHardware, bobKey}, Emails: []string{"bob@example.org", "bob@home.example.org"}, Forge: "bobattheforge",
			},
		},
		Policies:  []config.PolicyFile{{Path: "policy/a.cue", Data: []byte("rules: {\n}\n")}, {Path: "policy/b.cue", Data: []byte("rules: {}\n")}},
		Approvals: config.Approvals{SecurityKeys: true, Remote: "upstream"},
	}
	slices.Sort(want.People[1].Keys)
	have := env.Governance
	have = config.Governance{Approvers: have.Approvers, Revoked: have.Revoked, People: have.People, Policies: have.Policies, Approvals: have.Approvals}
	if diff := cmp.Diff(want, have, cmpopts.IgnoreFields(config.Person{}, "Source")); diff != "" {
		t.Errorf("governance differs (-want +got):\n%s", diff)
	}
	if at := env.Governance.People[1].Source.String(); at != "environments/people.cue:4" {
		t.Errorf("bob is at %s", at)
	}
}

func TestWithoutTheirFilesNobodyIsKnownAndNobodyApproves(t *testing.T) {
	t.Parallel()
	env, _ := load(t, write(t, base(t)), "staging")
	g := env.Governance
	if g.Approvers != nil || g.Revoked != nil || g.People != nil || g.Policies != nil || g.Approvals != (config.Approvals{Remote: "origin"}) {
		t.Errorf("governance of no files is %+v", g)
	}
}

// TestTheOrderOfPeopleSaysNothing: not of the people, and not within their lists.
func TestTheOrderOfPeopleSaysNothing(t *testing.T) {
	t.Parallel()
	digest := func(random *rand.Rand) string {
		var people []string
		for i := range 5 {
			emails := []string{"a" + strconv.Itoa(i) + "@x.org", "b" + strconv.Itoa(i) + "@x.org", "c" + strconv.Itoa(i) + "@x.org"}
			principals := []string{"user/one", "role/two", "user/three"}
			random.Shuffle(3, func(i, j int) { emails[i], emails[j] = emails[j], emails[i] })
			random.Shuffle(3, func(i, j int) { principals[i], principals[j] = principals[j], principals[i] })
			people = append(people, "people: p"+strconv.Itoa(i)+": {emails: [\""+strings.Join(emails, `", "`)+"\"], principals: [\""+strings.Join(principals, `", "`)+"\"]}")
		}
		random.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
		files := base(t)
		files["environments/people.cue"] = strings.Join(people, "\n")
		_, revision := load(t, write(t, files), "staging")
		return revision.Governance
	}
	want := digest(rand.New(rand.NewPCG(0, 0)))
	for seed := range uint64(8) {
		if got := digest(rand.New(rand.NewPCG(seed, 1))); got != want {
			t.Fatalf("seed %d: the digest of governance is %s, was %s", seed, got, want)
		}
	}
}

func TestWhoJudgesIsGovernanceAndConfiguration(t *testing.T) {
	t.Parallel()
	load := func(change func(files map[string]string)) config.Revision {
		files := base(t)
		files["environments/people.cue"] = twoPeople
		files["policy/a.cue"] = "rules: {}\n"
		change(files)
		_, revision := load(t, write(t, files), "staging")
		return revision
	}
	replace := func(before, after string) func(map[string]string) {
		return func(files map[string]string) {
			if !strings.Contains(files["environments/people.cue"], before) {
				t.Fatalf("people.cue does not hold %q", before)
			}
			files["environments/people.cue"] = strings.Replace(files["environments/people.cue"], before, after, 1)
		}
	}
	put := func(name, data string) func(map[string]string) {
		return func(files map[string]string) { files[name] = data }
	}
	unchanged := load(func(map[string]string) {})
	comment := load(replace("package anything", "// People.\npackage people"))
	if comment.Governance != unchanged.Governance || comment.Config == unchanged.Config {
		t.Error("a comment in people.cue changes governance, or not the configuration")
	}
	seen := map[string]string{unchanged.Governance: "nothing"}
	for name, change := range map[string]func(map[string]string){
		"nobody":                   func(files map[string]string) { delete(files, "environments/people.cue") },
		"another e-mail":           replace("bob@home", "bob@work"),
		"a key less":               replace(`"`+bobKey+`", `, ""),
		"another login":            replace("BobAtTheForge", "bob"),
		"another principal":        replace("user/alice", "user/alicia"),
		"no address":               replace(`"0xB48e4EdddFCcfbd51943b4Ca7dafD55E73C4da26"`, ""),
		"another name":             replace("\tbob: {", "\trob: {"),
		"a revoked key":            put("environments/staging/revoked", aliceKey),
		"an approver":              put("environments/staging/approvers", "a "+aliceKey),
		"no approver":              put("environments/staging/approvers", ""),
		"a policy":                 put("policy/b.cue", "rules: {}\n"),
		"another text":             put("policy/a.cue", "rules: {}\n\n"),
		"no policy":                func(files map[string]string) { delete(files, "policy/a.cue") },
		"hardware keys":            put("environments/staging/more.cue", "package staging\ngates: approvals: securityKeys: true"),
		"somebody who plans":       put("environments/staging/more.cue", "package staging\ngates: approvals: replan: true"),
		"another place":            put("environments/staging/more.cue", "package staging\ngates: approvals: remote: \"elsewhere\""),
		"an e-mail of the other's": replace(`emails: ["alice@example.org"]`, `emails: ["alice@example.org", "alice@home.example.org"]`),
	} {
		revision := load(change)
		if other, twice := seen[revision.Governance]; twice {
			t.Errorf("%s gives the digest of %s", name, other)
		}
		seen[revision.Governance] = name
		if revision.Config == unchanged.Config {
			t.Errorf("%s leaves the digest of the configuration", name)
		}
	}
}

func TestWhatIsSharedSupersedesAndMakesDirtyEveryEnvironment(t *testing.T) {
	t.Parallel()
	h := newHistory(t, base(t))
	h.commit("a@x", "a@x", "first")
	at := func() string {
		d, err := config.ConfigDigestAt(config.Options{Root: h.root}, "HEAD", "staging")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	last := at()
	for name, data := range map[string]string{"environments/people.cue": twoPeople, "policy/a.cue": "rules: {}\n", "environments/staging/revoked": bobKey} {
		h.write(name, data)
		if _, revision := load(t, h.root, "staging"); !revision.Dirty {
			t.Errorf("%s: not seen as dirty", name)
		}
		h.commit("a@x", "a@x", name)
		_, revision := load(t, h.root, "staging")
		if revision.Dirty || revision.Config != at() || revision.Config == last {
			t.Errorf("%s: dirty %v, digest %s, at HEAD %s, before %s", name, revision.Dirty, revision.Config, at(), last)
		}
		last = at()
	}
}

func TestSharedFilesAreBoundedAndNeverLinks(t *testing.T) {
	t.Parallel()
	refused := func(name, want string, prepare func(root string) error) {
		t.Helper()
		h := newHistory(t, base(t))
		if err := prepare(h.root); err != nil {
			t.Fatal(err)
		}
		h.commit("a@x", "a@x", name)
		for _, rev := range []string{"", "HEAD"} {
			_, _, err := config.Load(config.Options{Root: h.root, Rev: rev, Name: "staging"})
			if err == nil || err.Error() != want {
				t.Errorf("%s at %q: %v, want %s", name, rev, err, want)
			}
		}
	}
	linked := func(name string) func(root string) error {
		return func(root string) error {
			elsewhere := t.TempDir()
			if err := os.WriteFile(filepath.Join(elsewhere, "x.cue"), []byte("hunter2"), 0o600); err != nil {
				return err
			}
			return os.Symlink(elsewhere, filepath.Join(root, filepath.FromSlash(name)))
		}
	}
	filled := func(count, size int) func(root string) error {
		return func(root string) error {
			if err := os.Mkdir(filepath.Join(root, "policy"), 0o755); err != nil {
				return err
			}
			for i := range count {
				data := strings.Repeat("/", size)
				if err := os.WriteFile(filepath.Join(root, "policy", strconv.Itoa(i)+".cue"), []byte(data), 0o600); err != nil {
					return err
				}
			}
			return nil
		}
	}
	refused("people", "environments/people.cue: not a regular file (links are not followed)", linked("environments/people.cue"))
	refused("a folder of policies", "policy: not a folder (links are not followed)", linked("policy"))
	refused("a policy", "policy/a.cue: not a regular file (links are not followed)", func(root string) error {
		if err := filled(1, 2)(root); err != nil {
			return err
		}
		return linked("policy/a.cue")(root)
	})
	refused("many", "policy: has 65 files of 130 bytes together, may have 64 files of 262144 bytes", filled(65, 2))
	refused("large", "policy: has 2 files of 262146 bytes together, may have 64 files of 262144 bytes", filled(2, 131073))
	refused("people as a folder", "environments/people.cue: is a folder, not a file", func(root string) error {
		if err := os.Mkdir(filepath.Join(root, "environments", "people.cue"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(root, "environments", "people.cue", "x"), nil, 0o600)
	})
}
