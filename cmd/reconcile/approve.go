package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/approvals"
	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

type approveFlags struct {
	key         string
	out         string
	environment string
	replan      bool
	pull        int
}

func newApprove(a *app) *cobra.Command {
	var f approveFlags
	cmd := &cobra.Command{
		Use:   "approve FILE | --pr N",
		Short: "sign a plan, so that it may be applied",
		Long: `approve reads a plan file, makes the plan's changes again from its commit, shows
them as this binary understands them, asks for the environment's name, and has
ssh-keygen sign that this plan may be applied until it expires. The signature goes
to the repository's remote (refs/reconcile/approvals), or with --out to a file.

It needs no credentials: what only AWS, the chains and the store can tell is then
not looked at. With --replan it plans again with the credentials and endpoints of
whoever signs, and refuses unless the changes are the same.

The key may be encrypted, live in an agent (name its .pub file) or be a hardware
key. Without --key it is the one that signs your commits, or the first that is
found in ~/.ssh.`,
		Example: `  reconcile approve staging.plan.json
  reconcile approve production.plan.json --key ~/.ssh/id_ed25519_sk --replan
  reconcile approve production.plan.json --out alice.approval
  reconcile approve --pr 42 --environment production`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.pull != 0 {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.approve(cmd.Context(), args, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", "", "sign with this key file, or its .pub file where an agent holds it")
	flags.StringVar(&f.out, "out", "", "write the approval to this file and not to the repository")
	flags.StringVar(&f.environment, "environment", "", "answer the question for the environment's name (for scripts)")
	flags.BoolVar(&f.replan, "replan", false, "plan again with your own credentials and endpoints first")
	flags.IntVar(&f.pull, "pr", 0, "approve the plans of this pull request")
	return cmd
}

func (a *app) approve(ctx context.Context, args []string, f approveFlags) error {
	if f.pull == 0 {
		p, err := readPlan(args[0])
		if err != nil {
			return err
		}
		return a.approveOne(ctx, p, args[0], f)
	}
	plans, err := a.planOfPullRequest(ctx, f.pull)
	if err != nil {
		return err
	}
	if f.environment != "" {
		plans = slices.DeleteFunc(plans, func(p *plan.Plan) bool { return p.Environment != f.environment })
	}
	if len(plans) == 0 {
		return fmt.Errorf("pull request %d: has no plan to approve", f.pull)
	}
	for _, p := range plans {
		if err := a.approveOne(ctx, p, p.Environment+".plan.json", f); err != nil {
			return err
		}
	}
	return nil
}

// approveOne checks one plan, shows it, asks, signs, and says what the signature is
// worth.
func (a *app) approveOne(ctx context.Context, p *plan.Plan, file string, f approveFlags) error {
	if err := a.checkFile(p); err != nil {
		return err
	}
	a.rev = revisionOf(p)
	s, err := a.openOffline(p)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.deriveOffline(p); err != nil {
		return err
	}
	if p.Requires.Approvals == 0 {
		return withHint(fmt.Errorf("%s: the plan needs no approval", p.Environment), "reconcile apply %s", file)
	}
	if err := refused(p, &approve.Tally{Need: p.Requires.Approvals, Have: p.Requires.Approvals}); err != nil {
		return err
	}
	checked, err := a.checkedForApproval(ctx, p, f.replan)
	if err != nil {
		return err
	}
	b, err := s.collect(ctx, p, nil, true)
	if err != nil {
		return err
	}
	if err := s.showForApproval(p, s.count(p, b.signed), append(checked, b.notes...)); err != nil {
		return err
	}
	if err := a.askName(p.Environment, f.environment); err != nil {
		return err
	}
	own, statement, err := a.sign(ctx, p, f)
	if err != nil {
		return err
	}
	return s.deliver(ctx, p, own, statement, b.signed, file, f.out)
}

// checkedForApproval says what was checked and what was not, after planning again
// where that is asked for.
func (a *app) checkedForApproval(ctx context.Context, p *plan.Plan, replan bool) ([]string, error) {
	lines := []string{fmt.Sprintf("made again from commit %s: every change, step, risk and requirement follows from it", short(p.Revision.Commit))}
	if !replan {
		return append(lines, "not looked at: AWS, the chains and the store (balances, earlier payments, the last applied commit); apply does, and --replan does"), nil
	}
	if err := a.replan(ctx, p); err != nil {
		return nil, err
	}
	return append(lines, "planned again here, with your own credentials and endpoints: the same changes"), nil
}

// replan makes the plan once more from its commit and the live world, as whoever
// runs this sees it, and refuses other changes by name.
func (a *app) replan(ctx context.Context, p *plan.Plan) error {
	s, err := a.open(ctx, p.Environment)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.checkRevisionOf(p); err != nil {
		return err
	}
	d, err := s.draft(ctx, selection{only: p.Only, cause: string(p.Cause)})
	if err != nil {
		return err
	}
	if d.plan.ChangesDigest == p.ChangesDigest {
		return nil
	}
	names := plan.Differing(p, d.plan, movingOf(s.kinds))
	return &exitError{code: exitStale, err: withHint(
		fmt.Errorf("%s: planned again here, %s differ from the plan: %s", p.Environment, count(len(names), "decision"), strings.Join(names, ", ")),
		"look at reconcile plan %s --rev %s; if that is what you want, sign that plan", p.Environment, short(p.Revision.Commit))}
}

// showForApproval prints the plan whole, then what was checked.
func (s *session) showForApproval(p *plan.Plan, t approve.Tally, checked []string) error {
	o := s.app.viewOptions()
	o.Verbose = true
	o.Traits, o.Coins, o.Explain = traitsOf(s.kinds), coinsOf(s.env), explainer(s.env)
	o.Quorum = s.quorum(t)
	if err := view.Plan(s.app.out, p, o); err != nil {
		return err
	}
	fmt.Fprintln(s.app.out)
	for _, line := range checked {
		s.app.print(line)
	}
	return nil
}

// quorum says who may approve and who did.
func (s *session) quorum(t approve.Tally) view.Quorum {
	q := view.Quorum{May: t.Eligible, Wrote: t.Authors, Replan: s.rules().Governance.Approvals.Replan}
	for _, a := range t.Approvals {
		q.Signed = append(q.Signed, a.Person)
		q.Replan = q.Replan && !a.Statement.Replanned
	}
	return q
}

// print writes one sentence, escaped for where it goes, and for a person broken at
// its blanks.
func (a *app) print(line string) {
	o := a.viewOptions()
	if !a.terminal {
		o.Width = 0
	}
	_ = view.Prose(a.out, line, o)
}

// next prints the command that follows.
func (a *app) next(command string) { _ = view.Hint(a.out, command, a.viewOptions()) }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 10

// askName asks for the environment's name: who types it has seen which it is.
func (a *app) askName(environment, answer string) error {
	if answer == "" {
		fmt.Fprintf(a.err, "type the environment's name to sign, anything else to stop: ")
		line, err := bufio.NewReader(io.LimitReader(a.in, maxAnswer)).ReadString('\n')
		if answer = strings.TrimSpace(line); answer == "" || err != nil && !errors.Is(err, io.EOF) {
			fmt.Fprintln(a.err)
			return withHint(fmt.Errorf("%s: nothing was signed: nobody typed the environment's name", environment), "--environment NAME answers in a script")
		}
	}
	if answer != environment {
		return fmt.Errorf("%s: nothing was signed: the answer is %q", environment, answer)
	}
	return nil
}

// sign has the statement signed by the key of whoever runs this.
func (a *app) sign(ctx context.Context, p *plan.Plan, f approveFlags) (approve.Signed, approve.Statement, error) {
	statement := approve.NewStatement(p, newIntent(), f.replan)
	data, err := statement.Encode()
	if err != nil {
		return approve.Signed{}, statement, err
	}
	key, err := a.signingKey(ctx, f.key)
	if err != nil {
		return approve.Signed{}, statement, err
	}
	signature, err := approvals.Sign(ctx, data, approvals.SignOptions{Key: key, Terminal: a.errTerminal, Messages: a.err})
	if err != nil {
		return approve.Signed{}, statement, fmt.Errorf("%s: %w", p.Environment, err)
	}
	return approve.Signed{Statement: data, Signature: signature, Origin: "here"}, statement, nil
}

// signingKey is the key that is named, else the one that signs commits, else the
// first in ~/.ssh, those that ask for a touch first.
func (a *app) signingKey(ctx context.Context, named string) (string, error) {
	if named = cmp.Or(named, approvals.SigningKey(ctx, a.dir)); named != "" {
		return named, nil
	}
	for _, name := range []string{"id_ed25519_sk", "id_ecdsa_sk", "id_ed25519", "id_ecdsa", "id_rsa"} {
		path := filepath.Join(a.getenv("HOME"), ".ssh", name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", withHint(errors.New("sign: no key: git signs no commits with one, and ~/.ssh holds none"), "--key PATH, or make one: ssh-keygen -t ed25519")
}

// deliver counts the signature and puts it where apply finds it. What does not
// count is not published: it would only be in the way.
func (s *session) deliver(ctx context.Context, p *plan.Plan, own approve.Signed, statement approve.Statement, others []approve.Signed, file, out string) error {
	if out != "" {
		if err := approvals.WriteFile(out, own); err != nil {
			return err
		}
	}
	tally := s.count(p, append(slices.Clone(others), own))
	counted := slices.IndexFunc(tally.Approvals, func(a approve.Approval) bool { return a.Statement.ID == statement.ID })
	if counted < 0 || repeats(s.count(p, others), tally.Approvals[counted]) {
		return &exitError{code: exitRefused, err: s.worthless(p, own, tally)}
	}
	place := out
	if out == "" {
		var err error
		if place, err = s.shelf(true).Publish(ctx, p.Environment, p.ChangesDigest, statement.ID, own); err != nil {
			return err
		}
	}
	mine := tally.Approvals[counted]
	s.app.print(fmt.Sprintf("approved by %s (%s), id %s, until %s", mine.Person, mine.Fingerprint, statement.ID, statement.Expires.Format("2006-01-02 15:04 UTC")))
	s.app.print("kept in " + place)
	s.app.print(standing(tally))
	if tally.Enough() {
		s.app.next("reconcile apply " + file)
	}
	return nil
}

// repeats reports an approval that is worth no more than one of the same person that
// counts already: which of both counts is then a matter of their random ids.
func repeats(before approve.Tally, mine approve.Approval) bool {
	return slices.ContainsFunc(before.Approvals, func(a approve.Approval) bool {
		return a.Person == mine.Person && a.Statement.Replanned == mine.Statement.Replanned && !a.Statement.Expires.Before(mine.Statement.Expires)
	})
}

// worthless says why a signature does not count.
func (s *session) worthless(p *plan.Plan, own approve.Signed, tally approve.Tally) error {
	alone := s.count(p, []approve.Signed{own})
	if len(alone.Rejected) == 0 {
		return fmt.Errorf("%s: signed, and not counted: whoever holds this key has approved the plan already", p.Environment)
	}
	r := alone.Rejected[0]
	return errors.Join(fmt.Errorf("%s: signed, and does not count: %s: %s: %s", p.Environment, r.Who, r.Rule, r.Reason), told(p.Environment, uncounted(p.Environment, approve.Tally{
		Eligible: tally.Eligible, Authors: tally.Authors,
	})))
}

// standing says how many there are, how many are missing, and who may give them.
func standing(t approve.Tally) string {
	text := fmt.Sprintf("%d of %s", t.Have, count(t.Need, "approval"))
	switch {
	case t.LacksReplan:
		text += "; one of those who approve must plan again (--replan)"
	case !t.Enough() && len(t.Eligible) > 0:
		text += fmt.Sprintf("; %d missing, of %s", t.Need-t.Have, strings.Join(t.Eligible, ", "))
	case !t.Enough():
		text += fmt.Sprintf("; %d missing, and nobody else may sign", t.Need-t.Have)
	}
	return text
}
