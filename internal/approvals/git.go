package approvals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/bounded"
)

// patience is how long one command of git may take, the network's answer included.
const patience = time.Minute

// maxOutputBytes bounds what is read of one command's answer.
const maxOutputBytes = 1 << 20

// git runs the user's own git in one repository: his credential helpers, his ssh
// configuration, and none of his hooks. It touches no working tree and no index.
type git struct {
	dir string
	env []string
}

// command prepares one call. The environment's own GIT_DIR and the like are left
// out: the repository is the one that holds dir.
func (g git) command(ctx context.Context, args ...string) *exec.Cmd {
	whole := append([]string{"-C", g.dir, "-c", "core.hooksPath=" + os.DevNull, "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "fetch.writeCommitGraph=false"}, args...)
	cmd := exec.CommandContext(ctx, "git", whole...)
	cmd.WaitDelay = grace
	elsewhere := []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX", "LC_ALL", "LANGUAGE"}
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(elsewhere, name)
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_NO_LAZY_FETCH=1")
	cmd.Env = append(cmd.Env, g.env...)
	return cmd
}

// run runs one command to its end and gives what it printed.
func (g git) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := g.command(ctx, args...)
	out, said := &bounded.Buffer{Most: maxOutputBytes}, &bounded.Buffer{Most: maxMessageBytes}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), out, said
	if err := cmd.Run(); err != nil {
		return nil, gitError(ctx, args[0], said.String(), err)
	}
	if out.Cut {
		return nil, fmt.Errorf("git %s: the answer is longer than %d bytes", args[0], maxOutputBytes)
	}
	return out.Bytes(), nil
}

// line is run for an answer of one line.
func (g git) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.TrimSpace(string(out)), err
}

func gitError(ctx context.Context, what, said string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("git is not installed\nhint: install git 2.31 or newer")
	case ctx.Err() != nil:
		return fmt.Errorf("git %s: %w", what, ctx.Err())
	}
	// An address of a remote may carry a password.
	said = regexp.MustCompile(`//[^/@\s]+@`).ReplaceAllString(firstLine(said, err.Error()), "//")
	return fmt.Errorf("git %s: %s", what, said)
}

// errMany ends a listing that holds more than is read.
var errMany = errors.New("holds more than is read")

// each calls back for every NUL-ended record of an answer, and ends the command
// when it has had enough: a listing may be longer than anybody wants to read.
func (g git) each(ctx context.Context, take func(record string) error, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := g.command(ctx, args...)
	said := &bounded.Buffer{Most: maxMessageBytes}
	cmd.Stderr = said
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return gitError(ctx, args[0], "", err)
	}
	records := newRecords(pipe)
	var enough error
	for enough == nil && records.Scan() {
		enough = take(records.Text())
	}
	if enough == nil {
		enough = records.Err()
	}
	if enough != nil {
		cancel()
		_ = cmd.Wait()
		return enough
	}
	if err := cmd.Wait(); err != nil {
		return gitError(ctx, args[0], said.String(), err)
	}
	return nil
}
