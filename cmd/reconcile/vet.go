package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
)

func newVet(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vet [ENV...]",
		Short: "check environments without touching AWS or any chain",
		Long: `vet evaluates the CUE files of the named environments (all of them without a
name), the people and the policies that they share, and who may approve, and
reports every error at once, each with file:line. It reads nothing but files.`,
		Example: `  reconcile vet
  reconcile vet staging
  reconcile vet production --rev origin/main
  reconcile -C ../other-repository vet`,
		RunE: func(_ *cobra.Command, names []string) error { return a.vet(names) },
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "read the files at this git revision instead of the working tree")
	return cmd
}

func (a *app) vet(names []string) error {
	options := a.options(a.rev, "")
	if len(names) == 0 {
		all, err := config.Environments(options)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return withHint(fmt.Errorf("%s: no environments below it", filepath.Join(a.dir, config.Folder)), "name the repository that holds them: -C DIR")
		}
		names = all
	}
	failed := []error{a.vetPolicies()}
	for _, name := range names {
		options.Name = name
		env, _, err := config.Load(options)
		if err == nil {
			err = vetApprovers(env)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintf(a.out, "%s: ok · %d networks · %d keys · %d wallets\n", env.Name, len(env.Networks), len(env.Keys), wallets(env))
		for _, note := range a.approverNotes(env) {
			fmt.Fprintf(a.out, "%s: note: %s\n", env.Name, note)
		}
	}
	return errors.Join(failed...)
}

func wallets(env *config.Environment) int {
	count := 0
	for _, f := range env.Funding {
		count += len(f.Wallets)
	}
	return count
}
