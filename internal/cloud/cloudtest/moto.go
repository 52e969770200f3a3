// Package cloudtest brings an AWS to test against: the emulator (moto with our
// corrections) as a child process, a proxy in front of it that fails on
// demand, and in-memory fakes with AWS's own rules where the emulator is lax.
package cloudtest

import (
	"bufio"
	"bytes"
	_ "embed" // the launcher
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/fetched"
)

//go:embed launcher.py
var launcher []byte

//go:embed launcher_iam.py
var launcherIAM []byte

//go:embed launcher_s3.py
var launcherS3 []byte

// MotoOptions say how the emulator runs.
type MotoOptions struct {
	// Account is the account id that it plays.
	Account string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Root is where the search for the virtual environment starts; empty means
	// the working directory. The search goes up to the folder that holds go.mod.
	Root string
}

// Moto is a running emulator. It ends with Close, and at the latest with the
// process that started it.
type Moto struct {
	port    int
	command *exec.Cmd
	stdin   io.Closer
	folder  string
	stderr  *tail
	once    sync.Once
}

// startLimit bounds how long the emulator may take to listen; it needs 0.4 s.
const startLimit = 60 * time.Second

// StartMoto starts the emulator and returns when it listens.
func StartMoto(options MotoOptions) (*Moto, error) {
	python, err := findPython(options.Root)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "reconcile-moto-")
	if err != nil {
		return nil, fmt.Errorf("moto: %w", err)
	}
	m := &Moto{folder: folder, stderr: &tail{}}
	if err := m.start(python, options); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (m *Moto) start(python string, options MotoOptions) error {
	for name, text := range map[string][]byte{"launcher.py": launcher, "launcher_iam.py": launcherIAM, "launcher_s3.py": launcherS3} {
		if err := os.WriteFile(filepath.Join(m.folder, name), text, 0o600); err != nil {
			return fmt.Errorf("moto: %w", err)
		}
	}
	command := exec.Command(python, filepath.Join(m.folder, "launcher.py"), "127.0.0.1", strconv.Itoa(options.Port))
	// Nothing of the caller's environment: it may hold real credentials.
	command.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + m.folder, "PYTHONDONTWRITEBYTECODE=1", "MOTO_ACCOUNT_ID=" + options.Account}
	command.Stderr = m.stderr
	command.WaitDelay = time.Second
	stdin, err := command.StdinPipe()
	if err != nil {
		return fmt.Errorf("moto: %w", err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("moto: %w", err)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("moto: start: %w", err)
	}
	m.command, m.stdin = command, stdin
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	select {
	case text := <-line:
		port, ok := strings.CutPrefix(text, "port ")
		if m.port, err = strconv.Atoi(port); !ok || err != nil {
			m.Close()
			return fmt.Errorf("moto: ended before it listened: %s", m.stderr)
		}
		return nil
	case <-time.After(startLimit):
		return fmt.Errorf("moto: does not listen after %s: %s", startLimit, m.stderr)
	}
}

// Endpoint is the emulator's address, http://127.0.0.1:PORT.
func (m *Moto) Endpoint() string { return "http://127.0.0.1:" + strconv.Itoa(m.port) }

// Reset removes everything that was created.
func (m *Moto) Reset() error {
	reply, err := http.Post(m.Endpoint()+"/moto-api/reset", "", nil)
	if err != nil {
		return fmt.Errorf("moto: reset: %w", err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("moto: reset: %s", reply.Status)
	}
	return nil
}

// Close ends the emulator and waits for it.
func (m *Moto) Close() {
	m.once.Do(func() {
		if m.command != nil {
			m.stdin.Close()
			// It ends with its standard input; the signal is for one that hangs.
			timer := time.AfterFunc(2*time.Second, func() { _ = m.command.Process.Kill() })
			_ = m.command.Wait()
			timer.Stop()
		}
		os.RemoveAll(m.folder)
	})
}

// findPython finds the interpreter of the emulator's virtual environment.
func findPython(from string) (string, error) {
	if from == "" {
		return fetched.Path("moto", "venv", "bin", "python")
	}
	return fetched.Below(from, "moto", "venv", "bin", "python")
}

// tail keeps the last lines of the emulator's complaints.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4096

// Write keeps what fits.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = bytes.Clone(t.text[extra:])
	}
	return len(p), nil
}

// String is the last complaint.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
