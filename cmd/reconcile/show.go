package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

func newShow(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "print a plan file, whole and however old",
		Long: `show prints a plan file as plan printed it. It needs no network and no
credentials, and prints an expired plan too, with a banner.`,
		Example: `  reconcile show staging.plan.json
  reconcile show staging.plan.json --verbose
  reconcile show staging.plan.json --format markdown`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkFormat(format, "text", "json", "markdown"); err != nil {
				return err
			}
			p, err := readPlan(args[0])
			if err != nil {
				return err
			}
			o := a.viewOptions()
			o.Traits = kinds.Traits()
			if env := a.envAt(p); env != nil {
				o.Coins, o.Explain = coinsOf(env), explainer(env)
			}
			return a.render(p, format, o)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "print as text, json or markdown")
	return cmd
}

// envAt is a plan's environment, from its commit where this repository has it,
// else from the working tree: for the names of coins and of contracts. Without
// either, amounts are shown in wei: a plan can be read anywhere.
func (a *app) envAt(p *plan.Plan) *config.Environment {
	for _, rev := range []string{p.Revision.Commit, ""} {
		if env, _, err := config.Load(a.options(rev, p.Environment)); err == nil {
			return env
		}
	}
	return nil
}

// readPlan reads and checks a plan file; the error names the file.
func readPlan(path string) (*plan.Plan, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > plan.MaxFileBytes {
		return nil, fmt.Errorf("%s: has %d bytes, at most %d are read", path, info.Size(), plan.MaxFileBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := plan.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
