package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/view"
)

func newVerify(a *app) *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "verify ENV",
		Short: "say whether the live world is what git says (exit 0) or not",
		Long: `verify observes and compares, as plan does, and answers with its exit code:
0 all read and nothing to do, 2 changes pending, 3 something is refused, 6
nothing to do in what was read but something was unread. With --out it writes
what it found to a file, for reconcile ci issue; it changes nothing else.`,
		Example: `  reconcile verify production
  reconcile verify production --out production.plan.json
  reconcile verify production --rev origin/main --format json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), args[0], format, out)
		},
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "compare with the files at this git revision instead of the working tree")
	cmd.Flags().StringVar(&format, "format", "text", "print as text, json or markdown")
	cmd.Flags().StringVar(&out, "out", "", "write what was found to this file, as a plan")
	return cmd
}

func (a *app) verify(ctx context.Context, name, format, out string) error {
	if err := checkFormat(format, "text", "json", "markdown"); err != nil {
		return err
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	d, err := s.draft(ctx, selection{})
	if err != nil {
		return err
	}
	if out != "" {
		if err := writePlan(out, d.plan); err != nil {
			return err
		}
	}
	o := s.viewOptions(d, "")
	if format == "text" {
		err = view.Verify(a.out, d.plan, o)
	} else {
		err = a.render(d.plan, format, o)
	}
	if err != nil {
		return err
	}
	return planExit(d.plan)
}
