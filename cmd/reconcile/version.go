package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// version is the release; a build from a checkout says its commit as well.
const version = "0.1.0"

// toolVersion is what plans and journals record: the same for the same source.
func toolVersion() string { return "reconcile " + version }

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version, the plan format and the Go release",
		Example: "  reconcile version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.out, "%s · %s", toolVersion(), plan.Format)
			if info, ok := debug.ReadBuildInfo(); ok {
				fmt.Fprintf(a.out, " · %s", info.GoVersion)
			}
			fmt.Fprintln(a.out)
			return nil
		},
	}
}

func newMan(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIRECTORY",
		Short:   "write manual pages, one per verb",
		Example: "  reconcile man ./man && man ./man/reconcile-plan.1",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return doc.GenManTree(cmd.Root(), &doc.GenManHeader{Title: "RECONCILE", Section: "1", Source: toolVersion()}, args[0])
		},
	}
}
