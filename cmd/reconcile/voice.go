package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// How errors speak. One line of what and where, lower case, no full stop, no
// "failed to"; then, where there is one, a line "hint:" with what to type or
// edit next. Several errors are several lines. Everything is escaped for a
// terminal: it may quote the world.

// The exit codes, a contract with scripts (docs/design.md §10).
const (
	exitDone      = 0
	exitFailed    = 1
	exitChanges   = 2
	exitRefused   = 3
	exitStale     = 4
	exitPartial   = 5
	exitUnread    = 6
	exitProposals = 7
)

// exitError carries an exit code; a nil err prints nothing more.
type exitError struct {
	code int
	err  error
}

// Error is the cause's text.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.err }

// exit ends a verb with a code and nothing to say.
func exit(code int) error { return &exitError{code: code} }

// hinted is an error with a next step.
type hinted struct {
	err  error
	hint string
}

// Error is the cause's text; the hint is printed by printError.
func (h *hinted) Error() string { return h.err.Error() }

// Unwrap gives the cause.
func (h *hinted) Unwrap() error { return h.err }

// withHint adds a next step to an error; nil stays nil.
func withHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, hint: fmt.Sprintf(format, args...)}
}

// withAdvice is withHint where there is something to advise.
func withAdvice(err error, hint string) error {
	if hint == "" {
		return err
	}
	return withHint(err, "%s", hint)
}

// codeOf gives the exit code of typed errors.
func codeOf(err error) int {
	var stale *apply.StaleError
	var forged *plan.ForgedError
	switch {
	case errors.As(err, &stale):
		return exitStale
	case errors.As(err, &forged):
		return exitRefused
	default:
		return exitFailed
	}
}

func (a *app) printError(err error) {
	for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
		if hint, ok := strings.CutPrefix(strings.TrimSpace(line), "hint: "); ok {
			line = "  hint: " + hint
		}
		fmt.Fprintln(a.err, a.escape(strings.ReplaceAll(line, "\t", "  ")))
	}
	var h *hinted
	if errors.As(err, &h) {
		fmt.Fprintln(a.err, "  hint: "+a.escape(h.hint))
	}
}

// escape makes a line safe for where it is printed.
func (a *app) escape(line string) string {
	if a.ci() {
		return view.CILog(line)
	}
	return view.Terminal(line)
}

// count prints a number with its noun: 1 change, 2 changes.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
