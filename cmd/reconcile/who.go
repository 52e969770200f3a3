package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/view"
)

type whoFlags struct {
	environments []string
	format       string
	live         bool
}

func newWho(a *app) *cobra.Command {
	var f whoFlags
	cmd := &cobra.Command{
		Use:   "who PERSON",
		Short: "list all power that a person holds, and what breaks without",
		Long: `who lists what a person of environments/people.cue may do, by himself or together
with others, in every environment: whose approval counts, which Safes and
contracts he owns, which agents and validators he runs, what IAM, key policies and
trusts give his users and roles. Then the quorums that would not be reached without
him: what to change before somebody leaves.

It reads declared data and nothing else. With --live it also reads AWS and the
networks: owners and members as they are, and who can sign with which key. What
could not be read is listed, is never taken for nothing, and makes it exit with 6.`,
		Example: `  reconcile who alice
  reconcile who alice --environment production --live
  reconcile who alice --rev origin/main --format json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.who(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&a.rev, "rev", "", "read the files at this git revision instead of the working tree")
	flags.StringArrayVar(&f.environments, "environment", nil, "look at this environment only (repeatable)")
	flags.StringVar(&f.format, "format", "text", "print as text or json")
	flags.BoolVar(&f.live, "live", false, "read AWS and the networks too")
	return cmd
}

func (a *app) who(ctx context.Context, name string, f whoFlags) error {
	if err := checkFormat(f.format, "text", "json"); err != nil {
		return err
	}
	names, err := a.whoEnvironments(f.environments)
	if err != nil {
		return err
	}
	report := view.WhoReport{Person: name}
	known, everybody, closed := false, []string(nil), []string(nil)
	for _, environment := range names {
		p, people, err := a.powersIn(ctx, environment, name, f.live)
		if err != nil {
			report.Unread = append(report.Unread, unreadEnvironment(environment, err)...)
			closed = append(closed, environment)
			continue
		}
		everybody = append(everybody, people...)
		known = known || slices.Contains(people, name)
		report.Powers = append(report.Powers, p.found...)
		report.Breaks = append(report.Breaks, p.breaks...)
		report.Unread = append(report.Unread, p.unread...)
	}
	if !known && len(closed) < len(names) {
		return unknownPerson(name, everybody, closed)
	}
	if err := a.printWho(report, f.format); err != nil {
		return err
	}
	if len(report.Unread) > 0 {
		return exit(exitUnread)
	}
	return nil
}

// unknownPerson is an error: somebody mistyped, or the name is in no file. People
// are shared by all environments, so one that was read knows them.
func unknownPerson(name string, everybody, closed []string) error {
	slices.Sort(everybody)
	err := fmt.Errorf("%q is nobody of %s/people.cue, and no approver", name, config.Folder)
	if len(closed) > 0 {
		err = fmt.Errorf("%w; approvers of %s were not read", err, strings.Join(closed, ", "))
	}
	return withHint(err, "known: %s", cmp.Or(strings.Join(slices.Compact(everybody), ", "), "nobody"))
}

// whoEnvironments are those that were asked for, or all.
func (a *app) whoEnvironments(asked []string) ([]string, error) {
	all, err := config.Environments(a.options(a.rev, ""))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, withHint(fmt.Errorf("%s: no environments below it", filepath.Join(a.dir, config.Folder)), "name the repository that holds them: -C DIR")
	}
	for _, name := range asked {
		if !slices.Contains(all, name) {
			return nil, withHint(fmt.Errorf("--environment %q: no such environment", name), "known: %s", strings.Join(all, ", "))
		}
	}
	if len(asked) > 0 {
		return asked, nil
	}
	return all, nil
}

// unreadEnvironment says what of an environment is not known: all of it.
func unreadEnvironment(environment string, err error) []string {
	var faults config.Errors
	if errors.As(err, &faults) {
		return []string{fmt.Sprintf("%s: %s of its files: reconcile vet %s", environment, count(len(faults), "fault"), environment)}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return []string{environment + ": " + first}
}

// powersIn finds what a person holds in one environment, and names its people.
func (a *app) powersIn(ctx context.Context, environment, name string, live bool) (*powers, []string, error) {
	one := *a
	var err error
	if one.overlay, err = a.overlayOf(environment); err != nil {
		return nil, nil, err
	}
	s, err := one.load(environment)
	if err != nil {
		return nil, nil, err
	}
	defer s.close()
	p := &powers{env: s.env, person: config.Person{Name: name}, now: a.now().UTC()}
	people := approversOf(s.env, p.now)
	for _, one := range s.env.Governance.People {
		people = append(people, one.Name)
		if one.Name == name {
			p.person = one
		}
	}
	p.declared()
	if live {
		if err := one.livePowers(ctx, p); err != nil {
			p.unread = append(p.unread, unreadEnvironment(environment, err)...)
		}
	}
	return p, people, nil
}

// livePowers adds what AWS and the networks say.
func (a *app) livePowers(ctx context.Context, p *powers) error {
	s, err := a.open(ctx, p.env.Name)
	if err != nil {
		return err
	}
	defer s.close()
	return p.live(ctx, s)
}

// printWho prints the report for people, or for programs.
func (a *app) printWho(r view.WhoReport, format string) error {
	if format == "text" {
		return view.Who(a.out, r, a.viewOptions())
	}
	type power struct {
		Environment string `json:"environment"`
		Kind        string `json:"kind"`
		Where       string `json:"where"`
		What        string `json:"what"`
	}
	type broken struct {
		Environment string `json:"environment"`
		What        string `json:"what"`
		Have        int    `json:"have"`
		Need        int    `json:"need"`
	}
	document := struct {
		Person string   `json:"person"`
		Powers []power  `json:"powers"`
		Breaks []broken `json:"breaks"`
		Unread []string `json:"unread"`
	}{r.Person, []power{}, []broken{}, append([]string{}, r.Unread...)}
	for _, one := range r.Powers {
		document.Powers = append(document.Powers, power(one))
	}
	for _, one := range r.Breaks {
		document.Breaks = append(document.Breaks, broken(one))
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
