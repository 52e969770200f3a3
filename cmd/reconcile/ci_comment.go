package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

type ciComment struct {
	forge    forgeFlags
	plans    []string
	expect   []string
	number   int
	artifact string
	status   bool
}

// commentMarker is how the first line of every comment of ours begins, noPlans the
// whole of it where nothing could be planned.
const (
	commentMarker = "<!-- reconcile:v1 "
	noPlans       = commentMarker + "{} -->"
)

func newCIComment(a *app) *cobra.Command {
	var f ciComment
	cmd := &cobra.Command{
		Use:   "comment --plan FILE... [--pr N]",
		Short: "show plans in a pull request: one comment, edited while the changes stay the same",
		Long: `comment writes the plans into one comment of the pull request. While they plan
the same changes it edits that comment, which notifies nobody; when they plan
something else it writes a new one and folds the old one away as outdated. Where
there is nothing to do it says so in the comment that is there, or nothing.

It never fails because of the forge: that is a warning, for a comment is no plan
and no gate. A plan file that does not read is an error. With --status each
environment gets a commit status of its own first.`,
		Example: `  reconcile ci comment --plan staging.plan.json
  reconcile ci comment --plan plans --expect staging,production --status
  reconcile ci comment --plan staging.plan.json --pr 17 --repository acme/environments`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.plans = append(f.plans, args...)
			return a.ciComment(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	f.forge.register(a, flags)
	flags.StringArrayVar(&f.plans, "plan", nil, "a plan file, or a folder of *.plan.json (repeatable)")
	flags.StringSliceVar(&f.expect, "expect", nil, "environments that must be among the plans; one that is missing is said")
	flags.IntVar(&f.number, "pr", 0, "the pull request (default: the one that started this run)")
	flags.StringVar(&f.artifact, "artifact", "", "where the whole plans are (default: this run)")
	flags.BoolVar(&f.status, "status", false, "set a commit status for each environment, before the comment")
	return cmd
}

func (a *app) ciComment(ctx context.Context, f ciComment) error {
	plans, err := readPlans(f.plans, len(f.expect) > 0)
	if err != nil {
		return err
	}
	missing := missingOf(plans, f.expect)
	if len(f.expect) > mostExpected {
		return fmt.Errorf("--expect: names %d environments, at most %d are taken", len(f.expect), mostExpected)
	}
	if len(plans) == 0 && len(missing) == 0 {
		return withHint(fmt.Errorf("%s: holds no plan", strings.Join(f.plans, ", ")), "plan files end with .plan.json")
	}
	if f.number == 0 {
		if f.number, err = a.pullRequestNumber(); err != nil {
			return err
		}
	}
	client, err := a.forgeClient(f.forge)
	if err != nil {
		return err
	}
	if f.artifact == "" {
		f.artifact = a.runURL()
	}
	if err := a.tellPullRequest(ctx, client, f, plans, missing); err != nil {
		a.warn(err)
	}
	return nil
}

// missingOf lists what should have been planned and was not.
func missingOf(plans []*plan.Plan, expect []string) []string {
	var missing []string
	for _, name := range expect {
		if !slices.ContainsFunc(plans, func(p *plan.Plan) bool { return p.Environment == name }) && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// commentLimit is the most bytes of the plans in a comment, mostExpected how many
// missing environments may follow: 65,536 characters are taken, and a character has
// at least one byte.
const (
	commentLimit = 60_000
	mostExpected = 30
	nameBytes    = 60
)

// commentText is the comment whole. What was not planned is said: silence would
// read as in sync.
func (a *app) commentText(plans []*plan.Plan, missing []string, f ciComment) (string, error) {
	var text strings.Builder
	if len(plans) == 0 {
		text.WriteString(noPlans + "\n")
	} else {
		all := make([]view.CommentPlan, len(plans))
		for i, p := range plans {
			all[i] = a.commentPlan(p, f.artifact, approveNext(f.number))
		}
		if _, err := view.Comment(&text, all, view.CommentOptions{Limit: commentLimit}); err != nil {
			return "", err
		}
	}
	for _, name := range missing {
		text.WriteString("\n> [!WARNING]\n> **" + view.MarkdownText(name[:min(len(name), nameBytes)]) + "** was not planned: see the run\n")
	}
	return text.String(), nil
}

// tellPullRequest sets the statuses first: a comment may be too long, or fail.
func (a *app) tellPullRequest(ctx context.Context, client *forge.Client, f ciComment, plans []*plan.Plan, missing []string) error {
	pull, err := client.PullRequest(ctx, f.number)
	if err != nil {
		return err
	}
	for _, p := range plans {
		if p.Revision.Commit != pull.Head {
			return withHint(fmt.Errorf("pull request %d is at %s, and the plan of %s is of %s: not shown", f.number, short(pull.Head), p.Environment, short(p.Revision.Commit)),
				"a newer run shows it; if there is none, check out ref: ${{ github.event.pull_request.head.sha }} before you plan")
		}
	}
	if f.status {
		if err := a.setStatuses(ctx, client, pull.Head, plans, missing); err != nil {
			a.warn(err)
		}
	}
	text, err := a.commentText(plans, missing, f)
	if err != nil {
		return err
	}
	return a.upsertComment(ctx, client, f.number, plans, missing, text)
}

// upsertComment edits, replaces or leaves: see newCIComment.
func (a *app) upsertComment(ctx context.Context, client *forge.Client, number int, plans []*plan.Plan, missing []string, text string) error {
	self, err := client.Self(ctx)
	if err != nil {
		return err
	}
	own, err := client.OwnComments(ctx, number, commentMarker, self.ID)
	if err != nil {
		return err
	}
	quiet := len(missing) == 0 && !slices.ContainsFunc(plans, loud)
	switch {
	case len(own) == 0 && quiet:
		fmt.Fprintf(a.out, "pull request %d: nothing to say\n", number)
		return nil
	case len(own) > 0 && (quiet || samePlans(own[len(own)-1].Body, plans)):
		newest := own[len(own)-1]
		if err := client.EditComment(ctx, newest.ID, text); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "pull request %d: comment edited\n", number)
		return a.foldAway(ctx, client, own[:len(own)-1])
	}
	if _, err := client.CreateComment(ctx, number, text, commentMarker, self.ID); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "pull request %d: comment written\n", number)
	return a.foldAway(ctx, client, own)
}

// foldAway minimises what is not minimised yet, also what an interrupted run left.
func (a *app) foldAway(ctx context.Context, client *forge.Client, old []forge.Comment) error {
	if len(old) == 0 {
		return nil
	}
	nodes := make([]string, len(old))
	for i, comment := range old {
		nodes[i] = comment.Node
	}
	open, err := client.Open(ctx, nodes)
	if err != nil {
		return err
	}
	for _, node := range open {
		if err := client.MinimizeComment(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// loud reports whether a plan says anything but that all is in sync.
func loud(p *plan.Plan) bool {
	return !p.Empty() || len(p.Pending) > 0 || len(p.Unread) > 0 || len(p.Findings) > 0 || p.Elsewhere > 0
}

// samePlans reports whether a comment is of the same changes in the same
// environments: what a reviewer judged is unchanged.
func samePlans(body string, plans []*plan.Plan) bool {
	if len(plans) == 0 {
		return first(body) == noPlans
	}
	markers, ok := view.ParseMarker(body)
	have, want := map[string]string{}, map[string]string{}
	for _, m := range markers {
		have[m.Environment] = m.Changes
	}
	for _, p := range plans {
		want[p.Environment] = p.ChangesDigest
	}
	return ok && maps.Equal(have, want)
}

// setStatuses writes one line for each environment beside the commit.
func (a *app) setStatuses(ctx context.Context, client *forge.Client, commit string, plans []*plan.Plan, missing []string) error {
	var failed []error
	for _, p := range plans {
		failed = append(failed, client.SetStatus(ctx, commit, statusOf(p, a.runURL())))
	}
	for _, name := range missing {
		failed = append(failed, client.SetStatus(ctx, commit, forge.Status{State: forge.Failure, Context: statusContext(name), Description: "was not planned", URL: a.runURL()}))
	}
	return errors.Join(failed...)
}

func statusContext(env string) string { return "reconcile/" + env }

// statusOf is a plan in one line. A plan that waits for approvals is a good plan:
// whether it may be applied is asked when it is.
func statusOf(p *plan.Plan, url string) forge.Status {
	s := forge.Status{State: forge.Success, Context: statusContext(p.Environment), URL: url}
	refused := len(p.Refused())
	switch {
	case refused > 0:
		s.State, s.Description = forge.Failure, "refused by "+count(refused, "finding")
	case p.Requires.Forbidden:
		s.State, s.Description = forge.Failure, "changes that this environment never applies"
	case len(p.Changes) > 0:
		s.Description = count(len(p.Changes), "change")
		if p.Requires.Approvals > 0 {
			s.Description += ", needs " + count(p.Requires.Approvals, "approval")
		}
	default:
		s.Description = "nothing to do"
	}
	if n := len(p.Unread); n > 0 {
		s.Description += fmt.Sprintf(", %d not read", n)
	}
	return s
}
