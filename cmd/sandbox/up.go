package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/sandbox"
)

// downLimit bounds how long down waits; closing 150 chains takes seconds.
const downLimit = 30 * time.Second

func newUp(folder *string) *cobra.Command {
	var o sandbox.Options
	var contracts bool
	var c sandbox.Contracts
	cmd := &cobra.Command{
		Use:   "up ENV",
		Short: "bring an environment's world up and stay until a signal",
		Long: `up starts the world of an environment, writes overlay.json and env.sh into
<dir>/<env>/, prints "ready" on a line of its own, and stays in the foreground.
The first interrupt ends it and removes what it wrote, a second one exits at once.

With --contracts, every network has Hyperlane's own contracts and Safe 1.4.1, and
the keys of use owner are there, with coins. Each network takes messages by the
word of one throw-away validator for each origin: of the origins whose declared
validatorSets must be in force there, or of all where none are declared. What
--owner names owns Mailboxes and routing ISMs: eoa is the key named owner (else
the environment's sender), safe the declared Safe, or a 2-of-3 one of three
owner keys where none is declared. deployment.json says where everything is, and
the overlay points the environment at it.`,
		Example: `  sandbox up staging &
  source .sandbox/staging/env.sh
  reconcile plan staging

  sandbox up staging --contracts --owner safe --shape aggregation`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name, o.Folder = args[0], *folder
			o.Tools = toolsFolder()
			if !contracts && (cmd.Flags().Changed("owner") || cmd.Flags().Changed("shape")) {
				return errors.New("--owner and --shape are about contracts\nhint: add --contracts")
			}
			if contracts {
				o.Contracts = &c
			}
			o.Progress = func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
			return stay(cmd.Context(), o, func() { fmt.Fprintln(cmd.OutOrStdout(), "ready") })
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Root, "directory", "C", ".", "repository that holds environments/")
	flags.StringVar(&o.Rev, "rev", "", "play the files at this git revision instead of the working tree")
	flags.StringToStringVar(&o.With, "with", nil, "a key that is there already and what it holds on each of its networks, KEY=COINS (repeatable)")
	flags.BoolVar(&contracts, "contracts", false, "deploy Hyperlane and Safe 1.4.1 on every network")
	flags.StringVar(&c.Owner, "owner", sandbox.OwnerEOA, "who owns the contracts: eoa, safe, or safe:NAME of several")
	flags.StringVar((*string)(&c.Shape), "shape", "routing", "default ISM of each network: routing, or aggregation, upstream's 2 of [routing, pausable]")
	flags.BoolVar(&o.Open, "open", false, "let gates and dirty trees pass in plans made through the overlay (class testnet only)")
	return cmd
}

func stay(ctx context.Context, o sandbox.Options, ready func()) error {
	world, err := sandbox.Up(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("sandbox %s: interrupted while starting", o.Name)
		}
		return err
	}
	ready()
	<-ctx.Done()
	o.Progress("going down")
	return world.Close()
}

// toolsFolder is where the search for the emulator starts: beside the binary,
// which is in bin/ of a checkout, or else the working directory.
func toolsFolder() string {
	binary, err := os.Executable()
	if err != nil {
		return "."
	}
	for folder := filepath.Dir(binary); folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
	}
	return "."
}

func newDown(folder *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down ENV",
		Short: "end a running sandbox and wait until it has",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), downLimit)
			defer cancel()
			return sandbox.Down(ctx, *folder, args[0])
		},
	}
}

func newStatus(folder *string) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "list the sandboxes that are up",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, err := sandbox.All(*folder)
			if err != nil {
				return err
			}
			if len(states) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "no sandbox is up in %s\n", *folder)
			}
			for _, s := range states {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: up since %s, account %s, %d networks, process %d\n",
					s.Environment, s.Started.Format(time.RFC3339), s.Account, s.Networks, s.PID)
				if s.Contracts != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "  contracts: %s\n", s.Contracts)
				}
			}
			return nil
		},
	}
}
