package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/sandbox"
)

func newValidator(folder *string) *cobra.Command {
	cmd := &cobra.Command{Use: "validator", Short: "play a validator that signs what leaves its networks"}
	cmd.AddCommand(newValidatorStart(folder), newValidatorStop(folder))
	return cmd
}

func newValidatorStart(folder *string) *cobra.Command {
	var o sandbox.AttestOptions
	cmd := &cobra.Command{
		Use:   "start ENV INSTANCE",
		Short: "announce an instance and sign, until a signal or validator stop",
		Long: `start plays one instance of a validator agent with the keys and the bucket that
the environment declares for it. It waits for what is not there yet: its keys,
coins for the announcement, the bucket. It prints "ready" on a line of its own
and stays in the foreground; with --once it signs what there is and ends.`,
		Example: "  sandbox validator start staging validator-0 &\n  sandbox validator start staging validator-1 --once",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var mutex sync.Mutex
			o.Progress = func(line string) {
				mutex.Lock()
				defer mutex.Unlock()
				fmt.Fprintln(cmd.ErrOrStderr(), line)
			}
			return sandbox.PlayValidator(cmd.Context(), *folder, args[0], args[1], o, func() {
				if !o.Once {
					fmt.Fprintln(cmd.OutOrStdout(), "ready")
				}
			})
		},
	}
	cmd.Flags().BoolVar(&o.Once, "once", false, "sign what there is by now, and end")
	cmd.Flags().StringSliceVar(&o.Networks, "network", nil, "attest to this network only (repeatable)")
	return cmd
}

func newValidatorStop(folder *string) *cobra.Command {
	return &cobra.Command{
		Use:   "stop ENV INSTANCE",
		Short: "end a validator that start plays, and wait until it has",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), downLimit)
			defer cancel()
			return sandbox.StopValidator(ctx, *folder, args[0], args[1])
		},
	}
}
