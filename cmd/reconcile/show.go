package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

func newShow(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "print a plan file, whole and however old",
		Long: `show prints a plan file as plan printed it. It needs no network and no
credentials. A plan that can be applied no more is printed too, and says so
first: one that expired, that was made from files that are not committed, that
the repository at hand has moved on from, or that another version of reconcile
wrote. Of such a file it prints what this version understands, and names the
rest. A file that was edited is refused.`,
		Example: `  reconcile show staging.plan.json
  reconcile show staging.plan.json --verbose
  reconcile show staging.plan.json --format markdown`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), args[0], format) },
	}
	cmd.Flags().StringVar(&format, "format", "text", "print as text, json or markdown")
	return cmd
}

func (a *app) show(ctx context.Context, file, format string) error {
	if err := checkFormat(format, "text", "json", "markdown"); err != nil {
		return err
	}
	o := a.viewOptions()
	o.Traits = kinds.Traits()
	p, err := readPlan(file)
	if err != nil {
		data, loose, again := readLoosely(file)
		if again != nil {
			return err
		}
		if format == "json" {
			_, err := a.out.Write(data)
			return err
		}
		p = loose.Plan
		o.Foreign, o.Banner = loose.Format, looseBanner(loose)
	}
	if env := a.envAt(p); env != nil {
		o.Coins, o.Explain = coinsOf(env), explainer(env)
		o.Stale = a.staleness(ctx, p, env)
	}
	return a.render(p, format, o)
}

// looseBanner says what is not shown of a plan that another version wrote, and
// whether anybody can tell that it is as it was written.
func looseBanner(l plan.Loose) []string {
	var lines []string
	if l.Format == plan.Format {
		lines = append(lines, "another version of reconcile wrote this file ("+l.Plan.Tool+"): make the plan again to apply it")
	}
	if !l.Intact {
		lines = append(lines, "this version cannot check its digest: it may have been edited")
	}
	if len(l.Lost) > 0 {
		named := l.Lost[:min(len(l.Lost), 10)]
		text := "not shown, or not whole: " + strings.Join(named, ", ")
		if more := len(l.Lost) - len(named); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, text)
	}
	return lines
}

// staleness says why a plan can no longer be applied, as far as the repository at
// hand tells: its branch holds another configuration, or another plan, or this
// one, was applied since. Empty: nothing is known against it.
func (a *app) staleness(ctx context.Context, p *plan.Plan, env *config.Environment) string {
	ref := env.Governance.TrustedRef
	if ref == "" {
		ref = "HEAD"
	}
	tip, err := config.ConfigDigestAt(config.Options{Root: a.dir, Name: p.Environment}, ref, p.Environment)
	if err == nil && !p.Revision.Dirty && tip != p.Revision.Config {
		return ref + " holds another configuration of this environment"
	}
	if p.Overlay != nil {
		return "" // its journal may be another one
	}
	ledger, known := a.ledgerAtHand(ctx, env)
	switch {
	case !known:
		return ""
	case ledger.Closed(p.Digest):
		return "it was applied already"
	case ledger.Anchor() != p.Revision.Applied:
		return fmt.Sprintf("another plan was applied since: the last applied commit is %q, was %q", short(ledger.Anchor()), short(p.Revision.Applied))
	}
	return ""
}

// ledgerAtHand reads a journal that lies in the repository. It makes nothing, and
// asks nobody: a journal elsewhere is not known here.
func (a *app) ledgerAtHand(ctx context.Context, env *config.Environment) (journal.Ledger, bool) {
	path := env.Store.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(a.dir, path)
	}
	if info, err := os.Stat(path); env.Store.Kind != "file" || err != nil || !info.IsDir() {
		return journal.Ledger{}, false
	}
	store, err := journal.NewFileStore(path)
	if err != nil {
		return journal.Ledger{}, false
	}
	entries, err := journal.New(store, env.Name, a.now).Read(ctx)
	return journal.NewLedger(entries), err == nil
}

// envAt is a plan's environment, from its commit where this repository has it,
// else from the working tree: for the names of coins and of contracts. Without
// either, amounts are shown in wei: a plan can be read anywhere.
func (a *app) envAt(p *plan.Plan) *config.Environment {
	for _, rev := range []string{p.Revision.Commit, ""} {
		if env, _, err := config.Load(config.Options{Root: a.dir, Rev: rev, Name: p.Environment}); err == nil {
			return env
		}
	}
	return nil
}

// readPlan reads and checks a plan file; the error names the file.
func readPlan(path string) (*plan.Plan, error) {
	data, err := readPlanFile(path)
	if err != nil {
		return nil, err
	}
	p, err := plan.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// readLoosely is readPlan for what only show prints.
func readLoosely(path string) ([]byte, plan.Loose, error) {
	data, err := readPlanFile(path)
	if err != nil {
		return nil, plan.Loose{}, err
	}
	loose, err := plan.DecodeLoosely(data)
	return data, loose, err
}

func readPlanFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > plan.MaxFileBytes {
		return nil, fmt.Errorf("%s: has %d bytes, at most %d are read", path, info.Size(), plan.MaxFileBytes)
	}
	return os.ReadFile(path)
}
