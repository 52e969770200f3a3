package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func newKeys(a *app) *cobra.Command {
	var format string
	var wide bool
	cmd := &cobra.Command{
		Use:   "keys ENV",
		Short: "list every key: alias, address, region, state, networks",
		Long: `keys reads every declared key and prints its alias, address, region, state,
age and the networks it is used on. A key that does not exist yet is listed as
missing. Nothing secret is read.`,
		Example: `  reconcile keys staging
  reconcile keys staging --wide
  reconcile keys production --format csv > keys.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.keys(cmd.Context(), args[0], format, wide)
		},
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "list the keys of this git revision instead of the working tree")
	cmd.Flags().StringVar(&format, "format", "table", "print as table, json or csv")
	cmd.Flags().BoolVar(&wide, "wide", false, "print the ARN too")
	return cmd
}

func (a *app) keys(ctx context.Context, name, format string, wide bool) error {
	if err := checkFormat(format, "table", "json", "csv"); err != nil {
		return err
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	kinds := slices.DeleteFunc(slices.Clone(s.kinds), s.notKeys)
	desired, err := observe.Declare(s.env, kinds)
	if err != nil {
		return err
	}
	world, err := observe.All(ctx, s.env, kinds, desired, s.progress.kind)
	if err != nil {
		return err
	}
	rows := make([]view.KeyRow, 0, len(s.env.Keys))
	for _, k := range s.env.Keys {
		rows = append(rows, keyRow(k, world))
	}
	o := view.KeysOptions{Options: a.viewOptions(), Format: format, Wide: wide}
	if err := view.Keys(a.out, rows, o); err != nil {
		return err
	}
	if len(world.Unread) > 0 {
		s.progress.unread(world.Unread)
		return exit(exitUnread)
	}
	return nil
}

func keyRow(k config.Key, world *observe.World) view.KeyRow {
	id := k.ResourceID()
	row := view.KeyRow{Key: k.Name, Alias: k.Alias, Region: k.Region, State: "missing", Networks: k.Networks}
	live, there := world.Owned[id]
	if !there {
		if live, there = world.Foreign[id]; there {
			row.State = "not owned"
		}
	} else {
		row.State = live.Outputs["state"]
	}
	if slices.ContainsFunc(world.Unread, func(u resource.Unread) bool { return u.Covers(id) }) {
		row.State = "not read"
	}
	row.Address, row.ARN = live.Outputs["address"], live.Outputs["arn"]
	if created, err := time.Parse(time.RFC3339, live.Outputs["created"]); err == nil {
		row.Created = created
	}
	return row
}
