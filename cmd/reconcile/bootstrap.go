package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/kinds"
)

func newBootstrap(a *app) *cobra.Command {
	var format string
	var check, anchor bool
	cmd := &cobra.Command{
		Use:   "bootstrap ENV",
		Short: "print what an administrator makes once: roles, boundary, trust, store",
		Long: `bootstrap prints what this tool needs in the account and can not give itself:
the roles that plan, apply and watch run as, the boundary that whatever apply
creates must carry, the trust in the repository's jobs, and the bucket of the
journal. A person with administrator rights reads it and runs it once. It calls
nothing by itself, except with --check, which compares, and --anchor, which
writes the first entry of the journal: the commit whose rules judge the first
plan.`,
		Example: `  reconcile bootstrap staging > bootstrap.sh
  reconcile bootstrap staging --format cloudformation > bootstrap.json
  reconcile bootstrap staging --check
  reconcile bootstrap staging --anchor`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case check && anchor:
				return fmt.Errorf("--check and --anchor are two things: choose one")
			case anchor:
				return a.anchor(cmd.Context(), args[0])
			case check:
				return a.bootstrapCheck(cmd.Context(), args[0])
			}
			return a.bootstrap(args[0], format)
		},
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "take the environment from this git revision instead of the working tree")
	cmd.Flags().StringVar(&format, "format", "aws-cli", "print as aws-cli, cloudformation or json")
	cmd.Flags().BoolVar(&check, "check", false, "compare with the account instead of printing (exit 2 when it differs)")
	cmd.Flags().BoolVar(&anchor, "anchor", false, "write the first anchor into the empty journal")
	return cmd
}

func (a *app) bootstrap(name, format string) error {
	if err := checkFormat(format, "aws-cli", "cloudformation", "json"); err != nil {
		return err
	}
	env, _, err := config.Load(a.options(a.rev, name))
	if err != nil {
		return err
	}
	set, err := toolSet(env)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	printers := map[string]func() ([]byte, error){"aws-cli": set.Script, "cloudformation": set.CloudFormation, "json": set.JSON}
	text, err := printers[format]()
	if err != nil {
		return err
	}
	_, err = a.out.Write(text)
	return err
}

// bootstrapCheck says what of the tool's own roles differs from what it needs.
func (a *app) bootstrapCheck(ctx context.Context, name string) error {
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	set, err := toolSet(s.env)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	live, err := s.directory.All(ctx)
	if err != nil {
		return err
	}
	found := set.Check(live)
	for _, f := range found {
		fmt.Fprintf(a.out, "%s  %s: %s\n", f.Rule, f.ID, f.Reason)
	}
	store, err := s.storeFindings(ctx, set)
	if err != nil {
		return err
	}
	for _, line := range store {
		fmt.Fprintf(a.out, "%s  %s\n", bootstrap.RuleDiffers, line)
	}
	if s.ledger.Anchor() == "" {
		fmt.Fprintf(a.out, "%s  the journal has no first anchor: reconcile bootstrap %s --anchor\n", bootstrap.RuleMissing, name)
	}
	if len(found)+len(store) > 0 || s.ledger.Anchor() == "" {
		return exit(exitChanges)
	}
	fmt.Fprintf(a.out, "%s: as bootstrapped: %d roles, the boundary and the store are what the tool needs\n", name, len(set.Roles))
	return nil
}

// anchor writes the first entry of the journal. A journal that has one is left
// alone: later anchors come from what is applied.
func (a *app) anchor(ctx context.Context, name string) error {
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	switch {
	case len(s.entries) > 0:
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: the journal has %s already, the last applied commit is %q", name, count(len(s.entries), "entry"), short(s.anchor))}
	case s.revision.Commit == "" || s.revision.Dirty:
		return &exitError{code: exitRefused, err: withHint(fmt.Errorf("%s: the first anchor names a commit, and the working tree is not one", name), "commit the environment first, or name a revision: --rev HEAD")}
	}
	host := s.aws.Identity().ARN
	if err := s.journal.Append(ctx, 0, journal.Entry{Kind: journal.Anchor, Commit: s.revision.Commit, Owner: host, Why: "bootstrap"}); err != nil {
		return fmt.Errorf("%s: first anchor: %w", name, err)
	}
	fmt.Fprintf(a.out, "%s: first anchor at %s: its rules judge the first plan\n", name, short(s.revision.Commit))
	return nil
}

// toolSet works out the set from the kinds as they are registered; none of them
// is asked anything.
func toolSet(env *config.Environment) (*bootstrap.Set, error) {
	return bootstrap.Make(env, kinds.Actions())
}

// storeFindings says what of the journal's bucket is not as it must be: a
// journal that can be rewritten unseen proves nothing.
func (s *session) storeFindings(ctx context.Context, set *bootstrap.Set) ([]string, error) {
	if set.Store == nil || s.env.Store.Kind != "s3" {
		return nil, nil
	}
	state, err := s.aws.Buckets().Read(ctx, set.Store.Region, set.Store.Bucket, cloud.PartVersioning, cloud.PartPublicAccess, cloud.PartPolicy)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, check := range []struct {
		good bool
		text string
	}{
		{state.Versioning == "Enabled", "keeps no versions: what was overwritten cannot be found again"},
		{state.PublicAccess == cloud.NoPublicAccess(), "does not block public access"},
		{access.Read(state.Policy).Equivalent(set.Store.Policy), "has another policy than the journal needs"},
	} {
		if !check.good {
			lines = append(lines, "bucket "+set.Store.Bucket+" "+check.text)
		}
	}
	return lines, nil
}
