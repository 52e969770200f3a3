package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

var environmentForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

type ciIssue struct {
	forge    forgeFlags
	result   string
	exitCode int
	label    string
}

func newCIIssue(a *app) *cobra.Command {
	var f ciIssue
	cmd := &cobra.Command{
		Use:   "issue ENV --result FILE | --exit-code N",
		Short: "keep one issue open while an environment is not in sync",
		Long: `issue opens one issue for the environment when verify found it out of sync,
writes it anew while it stays so, comments on it when something else differs, and
closes it when all is in sync again. It takes the plan that verify --out wrote, or
verify's exit code alone. A file that is not there means that verify could not
answer, which is an issue too.`,
		Example: `  reconcile ci issue production --result production.plan.json
  reconcile ci issue staging --exit-code 2`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (f.result != "") == cmd.Flags().Changed("exit-code") {
				return withHint(errors.New("what verify found is not known"), "--result FILE, or --exit-code N")
			}
			return a.ciIssue(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	f.forge.register(a, flags)
	flags.StringVar(&f.result, "result", "", "the plan that verify wrote with --out")
	flags.IntVar(&f.exitCode, "exit-code", 0, "verify's exit code")
	flags.StringVar(&f.label, "label", "reconcile", "the label that the issue carries")
	return cmd
}

// nightly is what one night found: verify's exit code, and the plan where there is one.
type nightly struct {
	env  string
	code int
	plan *plan.Plan
}

func (a *app) ciIssue(ctx context.Context, env string, f ciIssue) error {
	if !environmentForm.MatchString(env) {
		return fmt.Errorf("environment %q: is no name of one", env)
	}
	n := nightly{env: env, code: f.exitCode}
	if f.result != "" {
		var err error
		if n.plan, n.code, err = verifyResult(env, f.result); err != nil {
			return err
		}
	}
	client, err := a.forgeClient(f.forge)
	if err != nil {
		return err
	}
	self, err := client.Self(ctx)
	if err != nil {
		return err
	}
	issue, err := client.OwnIssue(ctx, f.label, issueMarker(env), self.ID)
	if err != nil {
		return err
	}
	switch {
	case n.code == exitDone && issue == nil:
		fmt.Fprintf(a.out, "%s: in sync, no issue\n", env)
		return nil
	case n.code == exitDone:
		return a.endIssue(ctx, client, issue, self, n)
	default:
		return a.tellIssue(ctx, client, issue, self, n, f.label)
	}
}

// verifyResult reads what verify --out wrote and the exit code that follows.
func verifyResult(env, path string) (*plan.Plan, int, error) {
	p, err := readPlan(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exitFailed, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if p.Environment != env {
		return nil, 0, fmt.Errorf("%s: is of %s, not of %s", path, p.Environment, env)
	}
	var code *exitError
	if errors.As(planExit(p), &code) {
		return p, code.code, nil
	}
	return p, exitDone, nil
}

// issueMarker is how the first line of an environment's issue begins.
func issueMarker(env string) string { return "<!-- reconcile:issue " + env + " " }

func (a *app) endIssue(ctx context.Context, client *forge.Client, issue *forge.Issue, self forge.User, n nightly) error {
	text := "In sync again" + a.seenAt() + "\n"
	if _, err := client.CreateComment(ctx, issue.Number, text, "In sync again", self.ID); err != nil {
		return err
	}
	if err := client.CloseIssue(ctx, issue.Number); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s: in sync again, issue %d closed\n", n.env, issue.Number)
	return nil
}

func (a *app) tellIssue(ctx context.Context, client *forge.Client, issue *forge.Issue, self forge.User, n nightly, label string) error {
	title, body, err := a.issueText(n)
	if err != nil {
		return err
	}
	if issue == nil {
		made, err := client.OpenIssue(ctx, title, body, label, issueMarker(n.env), self.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s: %s, issue %d opened\n", n.env, reasonOf(n.code), made.Number)
		return nil
	}
	if err := client.UpdateIssue(ctx, issue.Number, title, body); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s: %s, issue %d updated\n", n.env, reasonOf(n.code), issue.Number)
	if first(issue.Body) == first(body) {
		return nil
	}
	// An edit notifies nobody, and this is another finding than yesterday's.
	text := "Now: " + reasonOf(n.code) + a.seenAt() + ". The description above says what.\n"
	_, err = client.CreateComment(ctx, issue.Number, text, "Now: ", self.ID)
	return err
}

func first(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r")
}

// seenAt says when and where it was found out.
func (a *app) seenAt() string {
	text := " at " + a.now().UTC().Format("2006-01-02 15:04 UTC")
	if url := a.runURL(); url != "" {
		text += ": " + url
	}
	return text
}

// reasonOf is an exit code of verify in words.
func reasonOf(code int) string {
	switch code {
	case exitChanges:
		return "not in sync"
	case exitRefused:
		return "refused by a rule"
	case exitUnread:
		return "could not be read whole"
	case exitProposals:
		return "waits for signatures of others"
	default:
		return "could not be verified"
	}
}

// issueText is the issue whole. The first line says what it is about, so that the
// next run can tell whether it is the same thing still.
func (a *app) issueText(n nightly) (title, body string, err error) {
	title = n.env + ": " + reasonOf(n.code)
	about := "exit " + strconv.Itoa(n.code)
	var text strings.Builder
	if n.plan != nil {
		about += " " + n.plan.ChangesDigest
		p := a.commentPlan(n.plan, a.runURL(), "")
		if _, err := view.Comment(&text, []view.CommentPlan{p}, view.CommentOptions{Limit: commentLimit - 1000}); err != nil {
			return "", "", err
		}
	} else {
		text.WriteString("`verify` ended with exit code " + strconv.Itoa(n.code) + " and left no plan.\n")
	}
	sum := sha256.Sum256([]byte(about))
	head := issueMarker(n.env) + hex.EncodeToString(sum[:8]) + " -->\nFound" + a.seenAt() + "\n\n"
	return title, head + text.String(), nil
}
