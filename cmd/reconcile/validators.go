package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func newValidators(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "validators ENV",
		Short: "say of every declared validator where it publishes and whether it signs",
		Long: `validators asks each origin where its declared validators announced that they
publish, reads what lies there, and checks it against the origin's own tree: the
latest checkpoint, how many messages that is behind, whose signature it is.
Whoever is live counts as a signer. Before an origin's first message nobody can
have signed: who is announced is then unproven, and counts too.`,
		Example: `  reconcile validators staging
  reconcile validators production --format csv > validators.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.validators(cmd.Context(), args[0], format)
		},
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "take the sets of this git revision instead of the working tree")
	cmd.Flags().StringVar(&format, "format", "table", "print as table, json or csv")
	return cmd
}

func (a *app) validators(ctx context.Context, name, format string) error {
	if err := checkFormat(format, "table", "json", "csv"); err != nil {
		return err
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	world, err := s.observeKinds(ctx, s.notKeys)
	if err != nil {
		return err
	}
	seen, err := s.attestations(ctx, world)
	if err != nil {
		return err
	}
	if err := view.Validators(a.out, originsOf(s, seen), view.TableOptions{Options: a.viewOptions(), Format: format}); err != nil {
		return err
	}
	return s.unreadOf(world, seen)
}

// observeKinds reads all kinds but some.
func (s *session) observeKinds(ctx context.Context, not func(kind.Kind) bool) (*observe.World, error) {
	kinds := slices.DeleteFunc(slices.Clone(s.kinds), not)
	desired, err := observe.Declare(s.env, kinds)
	if err != nil {
		return nil, err
	}
	return observe.All(ctx, s.env, kinds, desired, s.progress.kind)
}

// attestations reads who attests to what.
func (s *session) attestations(ctx context.Context, world *observe.World) (validators.World, error) {
	checkpoints, err := s.checkpoints()
	if err != nil {
		return validators.World{}, err
	}
	source := validators.Source{Networks: s.chains.pool, Checkpoints: checkpoints}
	return source.Look(ctx, s.env, nil, world.Lookup), nil
}

// unreadOf says what could not be read, and exits accordingly.
func (s *session) unreadOf(world *observe.World, seen validators.World) error {
	unread := slices.Clone(world.Unread)
	told := map[string]bool{}
	tell := func(network, operation string, err error) {
		if err != nil && !told[network] {
			told[network] = true
			unread = append(unread, resource.Unread{Scope: network, Operation: operation, Cause: s.chains.redact(err.Error())})
		}
	}
	for _, r := range seen.Routes {
		tell(r.ID.Scope, "read the modules of its mailbox", r.Err)
		tell(r.Set.Origin, "read its validators", r.OriginErr)
	}
	if len(unread) == 0 {
		return nil
	}
	s.progress.unread(unread)
	return exit(exitUnread)
}

// originsOf are the declared sets with how their members stand.
func originsOf(s *session, seen validators.World) []view.OriginValidators {
	origins := make([]view.OriginValidators, 0, len(s.env.ValidatorSets))
	for _, set := range s.env.ValidatorSets {
		o := view.OriginValidators{Origin: set.Origin, Threshold: set.Threshold, Managed: set.Managed}
		members := seen.Of(set.Origin)
		switch missing := validators.Missing(s.env, set.Origin, validators.OriginRoles()...); {
		case len(missing) > 0:
			o.Reason = "not deployed: the deployment has no " + strings.Join(missing, ", ") + " there"
		case len(members) == 0:
			o.Reason = "not deployed: none of its destinations has a mailbox"
		}
		for _, m := range members {
			o.Validators = append(o.Validators, validatorRow(s, m))
		}
		origins = append(origins, o)
	}
	return origins
}

func validatorRow(s *session, m validators.Member) view.ValidatorRow {
	row := view.ValidatorRow{
		Member: m.Name, Operator: m.Operator, Announced: len(m.Announced) > 0, Counts: m.Signs(), Reason: m.Standing.Reason,
		State: string(m.Standing.State), Index: m.Standing.Index, Lag: m.Standing.Lag, Indexed: m.Standing.Indexed,
	}
	if m.Known() {
		row.Address = m.Address.Hex()
	}
	if row.Announced {
		row.Storage = m.Announced[len(m.Announced)-1]
	}
	switch {
	case !m.Known():
		row.State, row.Reason = "missing", "its key has no address yet"
	case m.Standing.Err != nil:
		row.State, row.Reason = "unread", s.chains.redact(m.Standing.Err.Error())
	}
	return row
}
