package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// Files of a sandbox's folder.
const (
	OverlayFile = "overlay.json"
	EnvFile     = "env.sh"
	StateFile   = "state.json"
	// DeploymentFile is where the contracts are, and CheckpointsFolder where their
	// validators may write; both with Options.Contracts only.
	DeploymentFile    = "deployment.json"
	CheckpointsFolder = "checkpoints"

	lockFile = "lock"
)

// The credentials of the emulator, which asks for some and checks none.
const (
	accessKey = "sandbox"
	secretKey = "sandbox"
)

// credentials gives the emulator's, whatever the process's environment holds.
var credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey, Source: "sandbox"}, nil
})

// State is what other commands know of a running sandbox.
type State struct {
	PID         int       `json:"pid"`
	Environment string    `json:"environment"`
	Root        string    `json:"root"`
	Rev         string    `json:"rev,omitempty"`
	Started     time.Time `json:"started"`
	Account     string    `json:"account"`
	Networks    int       `json:"networks"`
	// Contracts says in a few words which contracts there are; empty: none.
	Contracts string `json:"contracts,omitempty"`
}

// Folder is the folder of one environment's sandbox. The lock in it is held
// for as long as the sandbox runs, so that a state left by a killed one is
// never believed.
type Folder struct {
	path string
	lock *os.File
}

// Claim takes the folder of an environment for this process and empties it of
// what a killed sandbox left.
func Claim(parent, name string) (*Folder, error) {
	path, err := filepath.Abs(filepath.Join(parent, name))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox %s: %w", name, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sandbox %s: %w", name, err)
	}
	if err := take(lock); err != nil {
		lock.Close()
		return nil, fmt.Errorf("sandbox %s: already up in %s\nhint: sandbox down %s", name, path, name)
	}
	f := &Folder{path: path, lock: lock}
	if err := f.clear(); err != nil {
		return nil, errors.Join(err, f.Release())
	}
	return f, nil
}

// take gets the lock, or says within a quarter of a second that somebody keeps
// it: asking whether a sandbox is up holds it for an instant too.
func take(lock *os.File) error {
	for attempt := 0; ; attempt++ {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || attempt == 10 || !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// Path is the absolute path of a file of the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.path, name) }

func (f *Folder) clear() error {
	for _, name := range []string{StateFile, OverlayFile, EnvFile, DeploymentFile, CheckpointsFolder, "store"} {
		if err := os.RemoveAll(f.Path(name)); err != nil {
			return err
		}
	}
	return nil
}

// Release removes the folder and gives it up.
func (f *Folder) Release() error {
	err := os.RemoveAll(f.path)
	return errors.Join(err, f.lock.Close())
}

// write puts the three files in place; the state comes last, because it says
// that the others are there.
func (f *Folder) write(overlay *config.Overlay, region string, state State) error {
	data, err := json.MarshalIndent(overlay, "", "  ")
	if err != nil {
		return err
	}
	if err := f.put(OverlayFile, append(data, '\n')); err != nil {
		return err
	}
	if err := f.put(EnvFile, f.script(overlay.AWS.Endpoint, region)); err != nil {
		return err
	}
	state.PID = os.Getpid()
	if data, err = json.MarshalIndent(state, "", "  "); err != nil {
		return err
	}
	return f.put(StateFile, append(data, '\n'))
}

// put writes a whole file or none of it.
func (f *Folder) put(name string, data []byte) error {
	part := f.Path(name + ".part")
	if err := os.WriteFile(part, data, 0o600); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return os.Rename(part, f.Path(name))
}

// script is what a shell sources. It also forgets real credentials: nothing
// that is typed after it may reach a real account.
func (f *Folder) script(endpoint, region string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Points this shell at the sandbox in this folder.\n")
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CA_BUNDLE"} {
		fmt.Fprintf(&b, "unset %s\n", name)
	}
	for _, set := range [][2]string{
		{"AWS_CONFIG_FILE", os.DevNull}, {"AWS_SHARED_CREDENTIALS_FILE", os.DevNull},
		{"AWS_ENDPOINT_URL", endpoint}, {"AWS_ACCESS_KEY_ID", accessKey}, {"AWS_SECRET_ACCESS_KEY", secretKey},
		{"AWS_REGION", region}, {"AWS_DEFAULT_REGION", region}, {"RECONCILE_OVERLAY", f.Path(OverlayFile)},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", set[0], quote(set[1]))
	}
	return []byte(b.String())
}

// quote makes one shell word of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Running reads the state of a running sandbox. One that is not up is an error.
func Running(parent, name string) (State, error) {
	path := filepath.Join(parent, name)
	down := fmt.Errorf("sandbox %s: not up in %s\nhint: sandbox up %s", name, path, name)
	held, err := locked(filepath.Join(path, lockFile))
	if err != nil {
		return State{}, err
	}
	if !held {
		return State{}, down
	}
	data, err := os.ReadFile(filepath.Join(path, StateFile))
	if errors.Is(err, os.ErrNotExist) {
		return State{}, fmt.Errorf("sandbox %s: still starting", name)
	}
	if err != nil {
		return State{}, fmt.Errorf("sandbox %s: %w", name, err)
	}
	var state State
	if err := json.Unmarshal(data, &state); err != nil {
		return State{}, fmt.Errorf("sandbox %s: %s: %w", name, StateFile, err)
	}
	return state, nil
}

// locked reports whether somebody holds the lock; no file is not locked.
func locked(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// All lists the running sandboxes below a folder, by name.
func All(parent string) ([]State, error) {
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var states []State
	for _, entry := range entries {
		if state, err := Running(parent, entry.Name()); err == nil {
			states = append(states, state)
		}
	}
	slices.SortFunc(states, func(a, b State) int { return strings.Compare(a.Environment, b.Environment) })
	return states, nil
}

// Down asks a running sandbox to end and waits until it has.
func Down(ctx context.Context, parent, name string) error {
	state, err := Running(parent, name)
	if err != nil {
		return err
	}
	// Its lock is held, so the process that wrote the state is alive.
	if err := syscall.Kill(state.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("sandbox %s: signal process %d: %w", name, state.PID, err)
	}
	for {
		held, err := locked(filepath.Join(parent, name, lockFile))
		if err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("sandbox %s: process %d has not ended: %w", name, state.PID, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
