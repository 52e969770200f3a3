package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

type planFlags struct {
	out      string
	format   string
	only     []string
	cause    string
	exitCode bool
}

func newPlan(a *app) *cobra.Command {
	var f planFlags
	var of allFlags
	cmd := &cobra.Command{
		Use:   "plan ENV | --all",
		Short: "show what differs between git and the live world",
		Long: `plan reads AWS and every network, compares them with what the environment's
CUE files declare, and shows the difference. It changes nothing.

With --out the plan is written to a file that apply takes and a reviewer can
read. With --only it is cut down to a kind, a group, an id or a pattern over
ids ("funding/fuji/*", "kms-key/**") and to what those need.

What the configuration changed and what the world did are two plans. By itself
plan shows what the configuration changed, and counts the rest; where it changed
nothing, it shows what drifted: what is declared as before, was so once, and is
not so now. --cause config, drift or all asks for one or for both. A change of
one cause that needs one of the other takes it along.

With --all every environment is planned whose files differ from those where the
revision left --base, people.cue and policy/ included, in one process. Where they
live in several accounts, RECONCILE_AWS_PROFILE_<ENV> names the AWS profile of
each.`,
		Example: `  reconcile plan staging
  reconcile plan staging --out staging.plan.json
  reconcile plan staging --only 'funding/fuji/*'
  reconcile plan production --rev origin/main --format markdown
  reconcile plan staging --cause drift --out mend.plan.json
  reconcile plan staging --exit-code
  reconcile plan --all --base origin/main --out-dir plans`,
		Args: func(cmd *cobra.Command, args []string) error {
			if of.all {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if of.all {
				return a.planAll(cmd.Context(), f, of)
			}
			return a.plan(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&of.all, "all", false, "plan every environment whose files changed since the revision left --base")
	flags.StringVar(&of.base, "base", "origin/main", "with --all: the branch that the revision is to be merged into")
	flags.StringVar(&of.dir, "out-dir", "", "with --all: write each plan to ENV.plan.json in this folder")
	flags.StringVar(&a.rev, "rev", "", "plan the files at this git revision instead of the working tree")
	flags.StringVar(&f.out, "out", "", "write the plan to this file")
	flags.StringVar(&f.format, "format", "text", "print as text, json or markdown")
	flags.StringArrayVar(&f.only, "only", nil, "plan only this kind, group, id or pattern (repeatable)")
	flags.StringVar(&f.cause, "cause", causeAuto, "plan what changed by config, by drift, or all; auto: config where there is any, else drift")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit 2 when changes are pending, 3 when the plan is refused, 6 when something was unread")
	cmd.MarkFlagsMutuallyExclusive("all", "out")
	cmd.MarkFlagsMutuallyExclusive("all", "only")
	return cmd
}

func (a *app) plan(ctx context.Context, name string, f planFlags) error {
	if err := checkFormat(f.format, "text", "json", "markdown"); err != nil {
		return err
	}
	if err := checkCause(f.cause); err != nil {
		return err
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	d, err := s.draft(ctx, selection{only: f.only, cause: f.cause})
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := writePlan(f.out, d.plan); err != nil {
			return err
		}
	}
	if err := a.render(d.plan, f.format, s.viewOptions(d, f.out)); err != nil {
		return err
	}
	if !f.exitCode {
		return nil
	}
	return planExit(d.plan)
}

// planExit is the exit code of plan --exit-code and of verify.
func planExit(p *plan.Plan) error {
	switch {
	case len(p.Refused()) > 0 || p.Requires.Forbidden || (len(p.Changes) == 0 && p.Refuses()):
		return exit(exitRefused)
	case !p.Empty():
		return exit(exitChanges)
	case len(p.Unread) > 0:
		return exit(exitUnread)
	case len(p.Pending) > 0:
		return exit(exitProposals)
	default:
		return nil
	}
}

func (a *app) render(p *plan.Plan, format string, o view.Options) error {
	switch format {
	case "json":
		return view.JSON(a.out, p)
	case "markdown":
		_, err := view.Comment(a.out, []view.CommentPlan{{Plan: p, Options: o}}, view.CommentOptions{})
		return err
	default:
		return view.Plan(a.out, p, o)
	}
}

func checkFormat(have string, known ...string) error {
	for _, k := range known {
		if have == k {
			return nil
		}
	}
	return fmt.Errorf("--format %q: must be one of %v", have, known)
}

// writePlan writes the whole file or none of it.
func writePlan(path string, p *plan.Plan) error {
	temporary := path + ".part"
	part, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	if err := errors.Join(p.Write(part), part.Close()); err != nil {
		return errors.Join(fmt.Errorf("write plan: %w", err), os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(fmt.Errorf("write plan: %w", err), os.Remove(temporary))
	}
	return nil
}

// viewOptions says how to print a plan that was just made.
func (s *session) viewOptions(d *drafted, file string) view.Options {
	o := s.app.viewOptions()
	o.Traits, o.Coins, o.Explain = traitsOf(s.kinds), coinsOf(s.env), explainer(s.env)
	o.Stats = s.stats(d)
	o.Next = nextStep(s.env.Name, d.plan, file)
	if d.plan.Requires.Approvals > 0 {
		o.Quorum = s.quorum(s.count(d.plan, nil))
	}
	return o
}

// nextStep is the command that follows, whole, to be copied.
func nextStep(env string, p *plan.Plan, file string) string {
	if len(p.Changes) == 0 {
		return ""
	}
	if gate.Refusal(p, p.Requires.Approvals) != nil {
		return ""
	}
	verb := "reconcile apply "
	if p.Requires.Approvals > 0 {
		verb = "reconcile approve "
	}
	if file == "" {
		return fmt.Sprintf("reconcile plan %s --out %s.plan.json, then %s%s.plan.json", env, env, verb, env)
	}
	return verb + file
}

func (a *app) viewOptions() view.Options {
	return view.Options{Width: a.width, Color: a.color(a.terminal), Verbose: a.verbose, CI: a.ci(), Now: a.now().UTC()}
}
