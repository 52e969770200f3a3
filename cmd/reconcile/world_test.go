package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/sandbox"
)

// checkout is the top of this repository, seen from this package.
const checkout = "../.."

type worldKey struct{}

// world is what one script plays in: a repository, a sandbox behind wires, and
// everything that was said.
type world struct {
	ts   *testscript.TestScript
	work string

	emulators *emulators

	name    string // of the environment that is up
	sandbox *sandbox.Sandbox
	moto    *cloudtest.Moto  // borrowed
	wires   map[string]*wire // "aws", and networks by name
	// said is all that commands of the script printed.
	said strings.Builder
	// message is the last that was dispatched.
	message sandbox.Message
	// background is the last program that a script started with &.
	background *exec.Cmd
}

func newWorld(e *testscript.Env, lent *emulators) error {
	w := &world{work: e.WorkDir, wires: map[string]*wire{}, emulators: lent}
	e.Values[worldKey{}] = w
	e.Defer(w.close)
	for _, set := range [][2]string{
		{"HOME", e.WorkDir},
		// Nothing of this machine's accounts, identities and settings.
		{"AWS_CONFIG_FILE", os.DevNull}, {"AWS_SHARED_CREDENTIALS_FILE", os.DevNull}, {"AWS_EC2_METADATA_DISABLED", "true"},
		{"AWS_ACCESS_KEY_ID", "script"}, {"AWS_SECRET_ACCESS_KEY", "script"},
		{"GIT_CONFIG_GLOBAL", os.DevNull}, {"GIT_CONFIG_SYSTEM", os.DevNull},
		{"GIT_AUTHOR_NAME", "Ada"}, {"GIT_AUTHOR_EMAIL", "ada@example.org"}, {"GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z"},
		{"GIT_COMMITTER_NAME", "Ada"}, {"GIT_COMMITTER_EMAIL", "ada@example.org"}, {"GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z"},
		{"TERM", "xterm"},
	} {
		e.Setenv(set[0], set[1])
	}
	return nil
}

func (w *world) close() {
	for _, wire := range w.wires {
		wire.close()
	}
	if w.sandbox != nil {
		_ = w.sandbox.Close()
	}
	if w.moto != nil {
		w.emulators.giveBack(w.moto)
	}
}

// run runs a program, remembers what it said and gives its exit code.
func (w *world) run(program string, args ...string) int {
	if aws, up := w.wires["aws"]; up {
		if guard := aws.guarded(); guard != nil {
			guard.live.forget() // somebody may have acted meanwhile
		}
	}
	err := w.ts.Exec(program, args...)
	w.said.WriteString(w.ts.ReadFile("stdout") + w.ts.ReadFile("stderr"))
	return exitCode(err)
}

// must runs a program that has to succeed.
func (w *world) must(program string, args ...string) {
	if code := w.run(program, args...); code != 0 {
		w.ts.Fatalf("%s %s: exit %d", program, strings.Join(args, " "), code)
	}
}

// repository writes environments and commits them: of the fixtures by name, or
// with "checkout" this repository's own environments and examples.
func (w *world) repository(_ bool, names []string) {
	if slices.Equal(names, []string{"checkout"}) {
		for _, folder := range []string{"environments", "examples"} {
			w.ts.Check(copyTree(filepath.Join(checkout, folder), w.ts.MkAbs(folder)))
		}
	} else {
		w.ts.Check(w.fixtures(names))
	}
	w.must("git", "init", "-q", "-b", "main")
	w.commit(false, nil)
}

// fixtures writes the small environments of testdata/environments.txtar.
func (w *world) fixtures(names []string) error {
	archive, err := txtar.ParseFile("testdata/environments.txtar")
	if err != nil {
		return err
	}
	wharf, err := txtar.ParseFile("testdata/wharf.txtar")
	if err != nil {
		return err
	}
	archive.Files = append(archive.Files, wharf.Files...)
	for _, name := range names {
		found := false
		for _, f := range archive.Files {
			if !strings.HasPrefix(f.Name, "environments/"+name+"/") {
				continue
			}
			found = true
			path := w.ts.MkAbs(f.Name)
			if _, err := os.Stat(path); err == nil {
				continue // the script brings its own
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, f.Data, 0o600); err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("testdata: no environment %q", name)
		}
	}
	return nil
}

// commit commits the environments as they are: commit [MESSAGE].
func (w *world) commit(_ bool, args []string) {
	message := "environments"
	if len(args) > 0 {
		message = args[0]
	}
	w.must("git", "add", "-A", "environments")
	w.must("git", "commit", "-q", "-m", message)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}

// up starts the world of an environment: sandbox ENV [--open] [--contracts …]. Between it and
// reconcile are wires, one to AWS and one to each network, that can fail.
func (w *world) up(_ bool, args []string) {
	if len(args) == 0 || w.sandbox != nil {
		w.ts.Fatalf("usage: sandbox ENV [--open] [--contracts [--owner WHO] [--shape SHAPE]], once")
	}
	w.name = args[0]
	declared, _, err := config.Load(config.Options{Root: w.ts.MkAbs("."), Name: w.name})
	w.ts.Check(err)
	w.moto, err = w.emulators.borrow(declared.AWS.Account)
	w.ts.Check(err)
	running, err := sandbox.Up(context.Background(), sandbox.Options{
		Moto: w.moto,
		Root: w.ts.MkAbs("."), Name: w.name, Open: slices.Contains(args, "--open"), Contracts: contractsOf(args), Folder: w.folder(), Tools: checkout,
		Progress: func(line string) { w.ts.Logf("%s\n", line) },
	})
	w.ts.Check(err)
	w.sandbox = running
	overlay, err := config.ReadOverlay(w.direct())
	w.ts.Check(err)
	text, err := os.ReadFile(w.direct())
	w.ts.Check(err)
	wired := string(text)
	wired = strings.ReplaceAll(wired, overlay.AWS.Endpoint, w.wire("aws", overlay.AWS.Endpoint))
	for name, n := range overlay.Networks {
		wired = strings.ReplaceAll(wired, n.RPC[0], w.wire(name, n.RPC[0]))
	}
	w.ts.Check(os.WriteFile(w.ts.MkAbs("overlay.json"), []byte(wired), 0o600))
	w.ts.Setenv("RECONCILE_OVERLAY", "overlay.json")
}

func (w *world) wire(name, endpoint string) string {
	wire, err := newWire(endpoint)
	w.ts.Check(err)
	w.wires[name] = wire
	w.ts.Setenv("WIRE_"+strings.ToUpper(name), wire.server.URL)
	return wire.server.URL
}

func (w *world) folder() string { return filepath.Join(w.work, ".sandbox") }

// direct is the sandbox's own overlay, past the wires.
func (w *world) direct() string { return filepath.Join(w.folder(), w.name, sandbox.OverlayFile) }

// environment is the one that is up, as its files say now, past the wires.
func (w *world) environment() *config.Environment {
	overlay, err := config.ReadOverlay(w.direct())
	w.ts.Check(err)
	env, _, err := config.Load(config.Options{Root: w.work, Name: w.name, Overlay: overlay})
	w.ts.Check(err)
	return env
}
