// Command reconcile compares what CUE files in a git repository declare for a
// cross-chain messaging deployment with what AWS and the chains hold, shows the
// difference as a plan, and applies exactly that plan.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/crosschain-ops/reconcile/internal/cloud"
)

func main() { os.Exit(run()) }

// run is main with its exit code as a value, so that test scripts can call it.
func run() int {
	a := &app{
		evaluations: &evaluations{},
		in:          os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv: os.Getenv, now: time.Now,
		terminal: term.IsTerminal(int(os.Stdout.Fd())), errTerminal: term.IsTerminal(int(os.Stderr.Fd())), width: terminalWidth(os.Stdout),
	}
	ctx, drain, stop := signals(context.Background())
	defer stop()
	a.draining = drain
	root := newRoot(a)
	root.SetArgs(os.Args[1:])
	err := root.ExecuteContext(ctx)
	return a.finish(err)
}

// signals gives a context that the second signal cancels and one that the
// first does: running steps finish, new ones do not start.
func signals(parent context.Context) (hard, draining context.Context, stop func()) {
	hard, cancelHard := context.WithCancel(parent)
	draining, cancelDraining := context.WithCancel(hard)
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-received
		cancelDraining()
		<-received
		cancelHard()
	}()
	return hard, draining, func() { signal.Stop(received); cancelHard() }
}

func terminalWidth(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		return 100
	}
	return min(width, 200)
}

// app is what every verb gets: where to print, what time it is, and the
// global flags.
type app struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	now      func() time.Time
	terminal bool
	// errTerminal says the same of standard error, where progress goes.
	errTerminal bool
	width       int
	draining    context.Context

	// applying says that this run writes: every address that it pays or resolves
	// is then derived from the key itself.
	applying bool
	// unpinned says that this run is about to write addresses.json, and reads it by
	// itself.
	unpinned bool
	// evaluations are what CUE files said in this run.
	evaluations *evaluations
	// rate holds the requests of several environments to an account's rates; nil
	// where there is one environment.
	rate *cloud.Rate
	// narrow is the role that apply takes on for its plan alone, empty for none.
	narrow string

	dir       string // -C
	rev       string
	overlay   string
	logFormat string
	verbose   bool
}

// color reports whether colour may be used: NO_COLOR, TERM=dumb, a build log
// and anything that is no terminal say no.
func (a *app) color(terminal bool) bool {
	return terminal && !a.ci() && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
}

// ci reports whether a machine reads along.
func (a *app) ci() bool { return a.getenv("CI") != "" }

// finish prints an error in our voice and gives the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		return exitDone
	}
	var quiet *exitError
	if errors.As(err, &quiet) {
		if quiet.err != nil {
			a.printError(quiet.err)
		}
		return quiet.code
	}
	a.printError(err)
	return codeOf(err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "reconcile",
		Short: "diff and apply cross-chain agent keys and funding, as declared in git",
		Long: `reconcile compares the environments declared in CUE with live AWS and live
chains, shows the difference as a plan that can be reviewed, and applies
exactly that plan.

Exit codes: 0 done or nothing to do · 1 error · 2 changes pending (plan
--exit-code, verify) · 3 refused by gate or approval · 4 plan stale or
superseded · 5 applied in part · 6 nothing to do in what was read, something
was unread · 7 only proposals wait for others`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "directory", "C", ".", "repository that holds environments/")
	flags.StringVar(&a.overlay, "overlay", a.getenv("RECONCILE_OVERLAY"), "JSON file that points the environment at a sandbox or a fork (default $RECONCILE_OVERLAY)")
	flags.StringVar(&a.logFormat, "log-format", "text", "progress on standard error as text or json")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "print ids, addresses and lists whole")
	root.AddCommand(
		newVet(a), newPolicy(a), newPlan(a), newShow(a), newApprove(a), newApprovals(a), newApply(a), newVerify(a), newAccept(a), newStop(a), newResume(a), newKeys(a), newAddresses(a), newAccess(a), newWho(a), newValidators(a), newRoutes(a), newSafe(a), newBootstrap(a), newCI(a), newVersion(a), newMan(a), newEvaluate(a),
	)
	return root
}
