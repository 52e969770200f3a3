package main

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/sandbox"
)

func newDispatch(folder *string) *cobra.Command {
	var body string
	cmd := &cobra.Command{
		Use:   "dispatch ENV FROM TO",
		Short: "an application sends a message, and its id is printed",
		Long: `dispatch sends a message through the Mailbox of network FROM to the
TestRecipient of network TO, and prints the message's id. It needs a sandbox
that is up with --contracts.`,
		Example: "  id=$(sandbox dispatch staging fuji sepolia)\n  sandbox verify staging fuji $id",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			somebody, err := sandbox.Visit(cmd.Context(), *folder, args[0])
			if err != nil {
				return err
			}
			sent, err := somebody.Dispatch(cmd.Context(), args[1], args[2], []byte(body))
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), sent.ID)
			return nil
		},
	}
	cmd.Flags().StringVar(&body, "body", "hello", "what the message says")
	return cmd
}

func newVerify(folder *string) *cobra.Command {
	return &cobra.Command{
		Use:   "verify ENV FROM ID",
		Short: "ask the destination's own ISM whether it takes a message",
		Long: `verify shows the default ISM of a message's destination the signatures that a
relayer would show it: what the validators that the ISM names have published
where they announced it. The throw-away validator of a sandbox's first sets signs
at once. A message that is not taken is exit code 1, with the reason.`,
		Example: "  sandbox verify staging fuji 0x5c0e…",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := hexutil.Decode(args[2])
			if err != nil || len(id) != common.HashLength {
				return fmt.Errorf("%.80q is not the id of a message: 0x and 64 hexadecimal digits", args[2])
			}
			somebody, err := sandbox.Visit(cmd.Context(), *folder, args[0])
			if err != nil {
				return err
			}
			message, err := somebody.Message(cmd.Context(), args[1], common.Hash(id))
			if err != nil {
				return err
			}
			verdict, err := somebody.Verify(cmd.Context(), message)
			if err != nil {
				return err
			}
			if !verdict.Accepted {
				return errors.New(message.To + " does not take it: " + verdict.Reason)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s takes it, by %d signatures\n", message.To, len(verdict.Signers))
			return nil
		},
	}
}
