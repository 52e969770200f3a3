package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// summaryBytes is what GitHub takes of one step's summary: 1 MiB. GitHub Actions,
// "Workflow commands", "Step isolation and limits".
const summaryBytes = 1 << 20

func newCISummary(a *app) *cobra.Command {
	var plans []string
	var strict bool
	cmd := &cobra.Command{
		Use:   "summary --plan FILE...",
		Short: "write plans into the summary of this run",
		Long: `summary appends the plans to the file that $GITHUB_STEP_SUMMARY names, which the
run's page shows, and needs no token. Without that variable it prints them. To the
file that $GITHUB_OUTPUT names it adds changes=N, the number of changes of all of
them. With --strict it exits 3 when one of them is refused, so that a run stops
before it asks anybody.`,
		Example: `  reconcile ci summary --plan staging.plan.json
  reconcile ci summary --plan plans --strict`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error { return a.ciSummary(append(plans, args...), strict) },
	}
	cmd.Flags().StringArrayVar(&plans, "plan", nil, "a plan file, or a folder of *.plan.json (repeatable)")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 3 when a plan is refused")
	return cmd
}

func (a *app) ciSummary(paths []string, strict bool) error {
	plans, err := readPlans(paths, false)
	if err != nil {
		return err
	}
	if len(plans) == 0 {
		return withHint(fmt.Errorf("%s: holds no plan", strings.Join(paths, ", ")), "plan files end with .plan.json")
	}
	if err := a.summarise(plans); err != nil {
		return err
	}
	changes, refused := 0, 0
	for _, p := range plans {
		changes += len(p.Changes)
		if len(p.Refused()) > 0 || p.Requires.Forbidden {
			refused++
		}
	}
	if path := a.getenv("GITHUB_OUTPUT"); path != "" {
		if err := appendTo(path, fmt.Sprintf("changes=%d\n", changes)); err != nil {
			return fmt.Errorf("$GITHUB_OUTPUT: %w", err)
		}
	}
	if strict && refused > 0 {
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: refused, see the summary", count(refused, "plan"))}
	}
	return nil
}

// summarise writes plans as large as the summary takes them.
func (a *app) summarise(plans []*plan.Plan) error {
	path, left := a.getenv("GITHUB_STEP_SUMMARY"), summaryBytes
	if info, err := os.Stat(path); err == nil {
		left -= int(min(info.Size(), summaryBytes))
	}
	all := make([]view.CommentPlan, len(plans))
	for i, p := range plans {
		all[i] = a.commentPlan(p, a.runURL(), "")
	}
	var text strings.Builder
	// One byte for the line between this and what follows.
	if _, err := view.Comment(&text, all, view.CommentOptions{Limit: max(left-1, 1)}); err != nil {
		return err
	}
	if path == "" {
		_, err := fmt.Fprint(a.out, text.String())
		return err
	}
	if err := appendTo(path, text.String()+"\n"); err != nil {
		return fmt.Errorf("$GITHUB_STEP_SUMMARY: %w", err)
	}
	return nil
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
