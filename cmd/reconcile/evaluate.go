package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/bounded"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// What a stranger wrote is evaluated in a process of its own: this very program,
// without environment, files or network to use, within limits, and killed when it
// takes too long. Measured: the 150 networks and 1,050 keys of the benchmarks take
// 0.07 s and 40 MB.
const (
	evaluationTime    = 30 * time.Second
	evaluationSeconds = 6
	evaluationMemory  = 1 << 30
	// The Go runtime reserves addresses that it never uses.
	evaluationAddresses = 4 << 30
	evaluationAnswer    = 64 << 20
)

const evaluateVerb = "evaluate"

// newEvaluate is the other side; it is no verb for people.
func newEvaluate(a *app) *cobra.Command {
	return &cobra.Command{
		Use: evaluateVerb, Hidden: true, Args: cobra.NoArgs,
		Short: "answer one evaluation on standard input, within limits",
		RunE: func(*cobra.Command, []string) error {
			if err := limitProcess(evaluationSeconds, evaluationMemory, evaluationAddresses); err != nil {
				return fmt.Errorf("evaluate: limits: %w", err)
			}
			debug.SetMemoryLimit(evaluationMemory * 3 / 4)
			request, err := io.ReadAll(io.LimitReader(a.in, evaluationAnswer))
			if err != nil {
				return err
			}
			answer, err := evaluateRequest(request)
			if err != nil {
				return err
			}
			_, err = a.out.Write(answer)
			return err
		},
	}
}

// evaluations remembers what was answered: one run asks for the same files at the
// commit of the plan, at that of the rules in force and at that which was applied.
type evaluations struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte][]byte
}

// answer asks a child process what was not asked before. What was refused is asked
// again.
func (e *evaluations) answer(request []byte) ([]byte, error) {
	if e == nil {
		return evaluateApart(request)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := sha256.Sum256(request)
	if answer, ok := e.known[key]; ok {
		return answer, nil
	}
	answer, err := evaluateApart(request)
	if err != nil {
		return nil, err
	}
	if e.known == nil {
		e.known = map[[sha256.Size]byte][]byte{}
	}
	e.known[key] = answer
	return answer, nil
}

// evaluateApart runs a request in a child process.
func evaluateApart(request []byte) ([]byte, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), evaluationTime)
	defer cancel()
	child := exec.CommandContext(ctx, program)
	child.Args = []string{"reconcile", evaluateVerb}
	child.Env = []string{}
	child.Dir = os.TempDir()
	child.Stdin = bytes.NewReader(request)
	answer, complaint := &bounded.Buffer{Most: evaluationAnswer}, &bounded.Buffer{Most: 4 << 10}
	child.Stdout, child.Stderr = answer, complaint
	child.WaitDelay = time.Second
	err = child.Run()
	switch {
	case ctx.Err() != nil:
		return nil, overLimit(fmt.Sprintf("takes longer than %s", evaluationTime))
	case err == nil && !answer.Cut:
		return answer.Bytes(), nil
	case answer.Cut:
		return nil, overLimit(fmt.Sprintf("gives more than %d MB", evaluationAnswer>>20))
	case outOfTime(err):
		return nil, overLimit(fmt.Sprintf("takes more than %d s of processor time", evaluationSeconds))
	case strings.Contains(complaint.String(), "out of memory"), strings.Contains(complaint.String(), "cannot allocate memory"):
		return nil, overLimit(fmt.Sprintf("needs more than %d MB of memory", evaluationMemory>>20))
	}
	var status *exec.ExitError
	if line, _, _ := strings.Cut(complaint.String(), "\n"); errors.As(err, &status) && line != "" {
		return nil, errors.New(line)
	}
	return nil, err
}

func overLimit(what string) error {
	return withHint(errors.New(what), "an environment of 150 networks takes a tenth of a second: look for a comprehension over itself, or a list that grows")
}

// options name an environment at a revision (empty: the working tree), to be
// evaluated apart.
func (a *app) options(rev, name string) config.Options {
	return config.Options{Root: a.dir, Rev: rev, Name: name, Evaluate: a.evaluations.answer, Unpinned: a.unpinned}
}
