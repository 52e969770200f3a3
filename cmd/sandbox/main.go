// Command sandbox plays the world of an environment on this machine, for demos,
// tests and a first look: an AWS account and real chains, all on loopback. It
// is never shipped and never reaches a real account.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signals()
	defer stop()
	root := newRoot()
	if err := root.ExecuteContext(ctx); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if strings.HasPrefix(line, "hint: ") {
				line = "  " + line
			}
			fmt.Fprintln(os.Stderr, line)
		}
		return 1
	}
	return 0
}

// signals gives a context that the first signal ends; the second one exits at
// once. What runs as a child ends with this process either way.
func signals() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-received
		cancel()
		<-received
		os.Exit(1)
	}()
	return ctx, func() { signal.Stop(received); cancel() }
}

func newRoot() *cobra.Command {
	var folder string
	root := &cobra.Command{
		Use:   "sandbox",
		Short: "play an environment's AWS account and chains on this machine",
		Long: `sandbox brings up, for one environment, an AWS account in an emulator and one
real chain per network, on loopback and with nothing of the real world behind
it. The bank exists and holds money, the store has its first anchor, and no
other key is there yet. With contracts, their owners are there too.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().StringVar(&folder, "dir", ".sandbox", "folder in which sandboxes write what points to them")
	root.AddCommand(newUp(&folder), newDown(&folder), newStatus(&folder), newRetag(&folder), newDisableKey(&folder), newDetach(&folder), newBurn(&folder), newValidator(&folder),
		newDispatch(&folder), newVerify(&folder))
	return root
}
