package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/sandbox"
)

// The commands below play somebody who acts behind the tool's back.

func newRetag(folder *string) *cobra.Command {
	return &cobra.Command{
		Use:     "retag ENV KEY TAG=VALUE",
		Short:   "somebody changes a tag of a key",
		Example: "  sandbox retag staging relayer-signer-fuji role=validator",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			somebody, err := sandbox.Visit(cmd.Context(), *folder, args[0])
			if err != nil {
				return err
			}
			return somebody.Retag(cmd.Context(), args[1], args[2])
		},
	}
}

func newDisableKey(folder *string) *cobra.Command {
	return &cobra.Command{
		Use:   "disable-key ENV KEY",
		Short: "somebody disables a KMS key",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			somebody, err := sandbox.Visit(cmd.Context(), *folder, args[0])
			if err != nil {
				return err
			}
			return somebody.DisableKey(cmd.Context(), args[1])
		},
	}
}

func newDetach(folder *string) *cobra.Command {
	return &cobra.Command{
		Use:     "detach ENV NAME",
		Short:   "somebody takes every policy off a user, a group or a role",
		Example: "  sandbox detach staging staging-relayer",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			somebody, err := sandbox.Visit(cmd.Context(), *folder, args[0])
			if err != nil {
				return err
			}
			return somebody.Detach(cmd.Context(), args[1])
		},
	}
}

func newBurn(folder *string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "burn ENV NETWORK KEY|--all AMOUNT",
		Short: "agents spend: a real payment from a key's wallet to a sink",
		Long: `burn sends money from the wallet of a key, or of every key that is filled on
the network (--all), to an address that nobody has the key of. AMOUNT is in
whole coins (0.25) or a share of what the wallet holds (40%).`,
		Example: "  sandbox burn staging fuji relayer-signer-fuji 0.1\n  sandbox burn staging fuji --all 40%",
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return cobra.ExactArgs(3)(cmd, args)
			}
			return cobra.ExactArgs(4)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			somebody, err := sandbox.Visit(cmd.Context(), *folder, args[0])
			if err != nil {
				return err
			}
			var keys []string
			if !all {
				keys = args[2:3]
			}
			burned, err := somebody.Burn(cmd.Context(), args[1], keys, args[len(args)-1])
			for _, line := range burned {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every key that is filled on the network")
	return cmd
}
