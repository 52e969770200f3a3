package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asCommand makes the test binary behave as the command, so that every test
// here runs real processes.
const asCommand = "SANDBOX_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// patience bounds waits that end at once when all is well.
const patience = 3 * time.Minute

func command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// sandboxed runs one command to its end.
func sandboxed(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(dir, args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	var exit *exec.ExitError
	if failure := cmd.Run(); failure != nil && !errors.As(failure, &exit) {
		t.Fatal(failure)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

// world is a running `sandbox up`.
type world struct {
	t      *testing.T
	env    string
	folder string // of all sandboxes
	cmd    *exec.Cmd
	ended  chan struct{}

	mu     sync.Mutex
	stderr bytes.Buffer
	after  []string // what it printed after ready
}

// up starts a sandbox and returns when it says ready.
func up(t *testing.T, root, env string, flags ...string) *world {
	t.Helper()
	w := &world{t: t, env: env, folder: filepath.Join(t.TempDir(), "worlds")}
	w.start(append([]string{"up", env, "-C", root, "--dir", w.folder}, flags...))
	return w
}

// start runs the command and returns when it says ready.
func (w *world) start(args []string) {
	w.t.Helper()
	ready := w.launch(args)
	select {
	case <-ready:
	case <-w.ended:
		w.t.Fatalf("%s: ended before it was ready:\n%s", w.env, w.said())
	case <-time.After(patience):
		w.t.Fatalf("%s: not ready after %s:\n%s", w.env, patience, w.said())
	}
}

// launch runs the command; the channel closes when it says ready.
func (w *world) launch(args []string) (ready chan struct{}) {
	w.t.Helper()
	w.cmd = command("", args...)
	w.ended = make(chan struct{})
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	w.cmd.Stderr = writer(func(p []byte) (int, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.stderr.Write(p)
	})
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	cmd, ended := w.cmd, w.ended
	w.t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	ready = make(chan struct{})
	go w.watch(stdout, ready)
	return ready
}

// waitFor waits until the command has said something on standard error.
func (w *world) waitFor(text string) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(w.said(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: never said %q:\n%s", w.env, text, w.said())
		}
	}
}

func (w *world) watch(stdout io.Reader, ready chan<- struct{}) {
	lines := bufio.NewScanner(stdout)
	first := true
	for lines.Scan() {
		if first && lines.Text() == "ready" {
			close(ready)
			first = false
			continue
		}
		w.mu.Lock()
		w.after = append(w.after, lines.Text())
		w.mu.Unlock()
	}
	_ = w.cmd.Wait() // the exit code is read from ProcessState
	close(w.ended)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func (w *world) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stderr.String() + strings.Join(w.after, "\n")
}

func (w *world) signal(s syscall.Signal) { _ = w.cmd.Process.Signal(s) }

// ends waits for the process and gives its exit code.
func (w *world) ends() int {
	w.t.Helper()
	select {
	case <-w.ended:
		return w.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		w.t.Fatalf("%s: still running after %s:\n%s", w.env, patience, w.said())
		return -1
	}
}

func (w *world) path(name string) string { return filepath.Join(w.folder, w.env, name) }

// do runs another command against this world and demands that it works.
func (w *world) do(args ...string) string {
	w.t.Helper()
	stdout, stderr, code := sandboxed(w.t, "", append(args, "--dir", w.folder)...)
	if code != 0 {
		w.t.Fatalf("sandbox %s: exit %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// repository is a git repository with a commit that holds the project's own
// environments and what write adds.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "environments"), os.DirFS("../../environments")); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git(t, root, "init", "-q", "-b", "main")
	git(t, root, "add", ".")
	git(t, root, "commit", "-q", "-m", "first")
	return root
}

func git(t *testing.T, root string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=" + os.DevNull}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// generated is an environment of n networks with a relayer on each.
func generated(n int) map[string]string {
	var b strings.Builder
	b.WriteString(`package wide

name:     "wide"
purpose:  "many networks"
class:    "testnet"
accounts: "kms"
operator: "core"
aws: {account: "333344445555", region: "eu-west-1"}
agents: relayer: {}
keys: bank: use: "bank"
gates: {routine: "auto", sensitive: "auto", destructive: "auto"}
`)
	for i := range n {
		fmt.Fprintf(&b, `networks: chain%[1]d: {
	chainId: %[2]d, domainId: %[2]d, class: "testnet", nativeToken: symbol: "ETH"
	rpc: ["https://chain%[1]d.example.org"], confirmations: 1
}
funding: chain%[1]d: {
	caps: {transaction: "1", plan: "2", day: "4"}
	roles: relayer: {floor: "0.1", target: "0.4"}
}
`, i, 770001+i)
	}
	return map[string]string{"environments/wide/environment.cue": b.String()}
}
