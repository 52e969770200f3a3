package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func newApply(a *app) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "do exactly what a plan file says, or nothing",
		Long: `apply takes a plan file, makes the plan again from its commit, checks that
nothing it rests on has moved, and then performs its steps: each journalled
before and after, each read back. Anything off stops it before the first write.

Where people must approve, apply takes their approvals from the repository's
remote (refs/reconcile/approvals) and from files, and counts them by the rules of
the last applied commit. Each approval is good for one apply.

The first interrupt lets running steps finish and starts no new one; the second
ends the process. apply of the same file again goes on where it stopped.`,
		Example: `  reconcile plan staging --out staging.plan.json
  reconcile apply staging.plan.json
  reconcile apply staging.plan.json --approval alice.approval --approval bob.approval`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.apply(cmd.Context(), args[0], files) },
	}
	cmd.Flags().StringArrayVar(&files, "approval", nil, "take an approval from this file, beside those of the repository (repeatable)")
	cmd.Flags().StringVar(&a.narrow, "narrow", "", "take on this role (without a value: the apply role) with rights for this plan alone")
	cmd.Flags().Lookup("narrow").NoOptDefVal = applyRole
	return cmd
}

// apply is the order of the checks: file, environment, commit, judge, store,
// world; only then the first write.
func (a *app) apply(ctx context.Context, file string, files []string) error {
	p, err := readPlan(file)
	if err != nil {
		return err
	}
	if err := a.checkFile(p); err != nil {
		return err
	}
	a.applying = true
	a.rev = revisionOf(p)
	s, err := a.open(ctx, p.Environment)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.checkFresh(p); err != nil {
		return err
	}
	if err := s.checkRevision(p); err != nil {
		return err
	}
	desired, err := observe.Declare(s.env, s.kinds)
	if err != nil {
		return err
	}
	s.declared = len(desired)
	if err := s.checkDerived(p, desired); err != nil {
		return err
	}
	if err := s.checkApproved(ctx, p, files); err != nil {
		return err
	}
	if err := s.narrow(ctx, p); err != nil {
		return err
	}
	return s.perform(ctx, p, desired)
}

// revisionOf is where the plan's files are read from: its commit, or the working
// tree that it was made from.
func revisionOf(p *plan.Plan) string {
	if p.Revision.Dirty {
		return ""
	}
	return p.Revision.Commit
}

// checkFile refuses what the file itself says: too old, or nothing to do.
func (a *app) checkFile(p *plan.Plan) error {
	if now := a.now().UTC(); !now.Before(p.Expires) {
		return &exitError{code: exitStale, err: withHint(
			fmt.Errorf("%s: plan %s expired at %s", p.Environment, shortDigest(p.Digest), p.Expires.Format("2006-01-02 15:04 UTC")),
			"reconcile plan %s --out FILE", p.Environment)}
	}
	if (p.Overlay != nil) != (a.overlay != "") {
		if p.Overlay != nil {
			return &exitError{code: exitRefused, err: withHint(
				fmt.Errorf("%s: refused: the plan was made with overlay %s, none is given", p.Environment, p.Overlay.Name), "--overlay %s", p.Overlay.Name)}
		}
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: refused: the plan was made without an overlay, %s is given", p.Environment, a.overlay)}
	}
	return nil
}

// checkFresh refuses a plan that the journal knows as closed, before anything else
// that is off about it by then: its approvals are spent, say, or gone.
func (s *session) checkFresh(p *plan.Plan) error {
	if !s.ledger.Closed(p.Digest) {
		return nil
	}
	return &exitError{code: exitStale, err: withHint(fmt.Errorf("%s: plan %s was applied already", s.env.Name, shortDigest(p.Digest)), "reconcile verify %s", s.env.Name)}
}

// clockSkew is how far the clock of the machine that planned may be ahead.
const clockSkew = 10 * time.Minute

// stale is a refusal that another plan mends.
func (s *session) stale(format string, args ...any) error {
	return &exitError{code: exitStale, err: withHint(fmt.Errorf(s.env.Name+": "+format, args...), "reconcile plan %s --out FILE", s.env.Name)}
}

// checkCommit refuses a plan whose configuration is not what it was made from,
// and one that lives longer than it may. It asks nobody.
func (s *session) checkCommit(p *plan.Plan) error {
	if o := s.env.Overlay; o != nil && (p.Overlay == nil || o.Digest != p.Overlay.Digest) {
		return s.stale("the overlay is not the one that the plan was made with")
	}
	if err := s.checkStated(p); err != nil {
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: refused: %w", s.doing(), err)}
	}
	if life := s.planLife(); p.Expires.Sub(p.Created) > life {
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: refused: the plan lives for %s, the rules in force allow %s", s.doing(), p.Expires.Sub(p.Created), life)}
	}
	if p.Created.After(s.app.now().Add(clockSkew)) {
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: refused: the plan says that it was made at %s, which is not yet", s.doing(), p.Created.Format("2006-01-02 15:04 UTC"))}
	}
	if s.revision.Commit != p.Revision.Commit || s.revision.Dirty != p.Revision.Dirty {
		return s.stale("the plan is of commit %s, the working tree is at %s", short(p.Revision.Commit), short(s.revision.Commit))
	}
	if s.revision.Config != p.Revision.Config || s.revision.Governance != p.Revision.Governance {
		return s.stale("the configuration differs from the one that the plan was made from")
	}
	return s.checkAuthors(p)
}

// checkStated refuses a plan that says of itself what does not follow from the rest:
// a digest of other changes, which other people signed, another class, or an
// overlay that waives what this one does not.
func (s *session) checkStated(p *plan.Plan) error {
	if p.Class != s.env.Class {
		return &plan.ForgedError{Part: "class", Detail: fmt.Sprintf("%q is stated, the configuration says %q", p.Class, s.env.Class)}
	}
	if o := s.env.Overlay; o != nil && o.Open != p.Overlay.Open {
		return &plan.ForgedError{Part: "overlay", Detail: fmt.Sprintf("open: %t is stated, the overlay says %t", p.Overlay.Open, o.Open)}
	}
	return p.CheckChanges(movingOf(s.kinds))
}

// doing is the verb that refuses.
func (s *session) doing() string {
	if s.app.applying {
		return "apply"
	}
	return "approve"
}

// checkRevision refuses a plan whose configuration is not what it was made
// from, or is no longer what the trusted ref holds.
func (s *session) checkRevision(p *plan.Plan) error {
	if err := s.checkRevisionOf(p); err != nil {
		return err
	}
	return s.checkTrusted(s.stale)
}

// checkRevisionOf is checkRevision of a plan that need not be merged.
func (s *session) checkRevisionOf(p *plan.Plan) error {
	if err := s.checkCommit(p); err != nil {
		return err
	}
	if s.anchor != p.Revision.Applied {
		return s.stale("another plan was applied since: last applied commit is %q, was %q", short(s.anchor), short(p.Revision.Applied))
	}
	if p.Identity.Account != s.aws.Identity().Account || p.Identity.Region != s.env.AWS.Region {
		return s.stale("the plan is of account %s %s", p.Identity.Account, p.Identity.Region)
	}
	return nil
}

// checkTrusted compares with the tip of the trusted ref: what was merged since makes
// the plan superseded, and a commit beside it says nothing of who wrote what was
// merged. An open sandbox needs no trusted ref.
func (s *session) checkTrusted(stale func(string, ...any) error) error {
	if o := s.env.Overlay; o != nil && o.Open {
		return nil
	}
	ref := s.rules().Governance.TrustedRef
	if ref == "" {
		return nil
	}
	tip, err := config.ConfigDigestAt(s.options, ref, s.env.Name)
	if err != nil {
		return withHint(fmt.Errorf("%s: trusted ref %s: %w", s.env.Name, ref, err), "fetch it, or correct trustedRef")
	}
	if tip != s.revision.Config {
		return stale("superseded: %s holds another configuration of this environment", ref)
	}
	held, err := config.Holds(s.options, ref, s.revision.Commit)
	if err != nil {
		return fmt.Errorf("%s: trusted ref %s: %w", s.env.Name, ref, err)
	}
	if !held {
		return stale("the plan is of commit %s, which %s does not hold: the same files, by other authors perhaps", short(s.revision.Commit), ref)
	}
	return nil
}

// checkDerived makes the plan's changes, risks and requirements again and
// refuses a plan that says anything else; then the gate has its word.
func (s *session) checkDerived(p *plan.Plan, desired resource.Set) error {
	return s.derive(p, desired, func(judged *plan.Plan) gate.Verdict { return s.judge(judged, len(desired)) })
}

// derive is checkDerived with whatever judges.
func (s *session) derive(p *plan.Plan, desired resource.Set, judge func(*plan.Plan) gate.Verdict) error {
	if err := plan.Derive(p, desired, rulesOf(s.kinds)); err != nil {
		return fmt.Errorf("%s: refused: %w", s.doing(), err)
	}
	judged := *p
	judged.Findings = gate.Without(p.Findings)
	if err := s.addPolicies(&judged, judge); err != nil {
		return err
	}
	verdict := judge(&judged)
	if err := verdict.Agrees(p); err != nil {
		return fmt.Errorf("%s: refused: %w", s.doing(), err)
	}
	if fresh := gate.NewRefusals(p.Findings, verdict.Findings); len(fresh) > 0 {
		return &exitError{code: exitRefused, err: withAdvice(fmt.Errorf("%s: refused: %s: %s", s.doing(), fresh[0].Rule, fresh[0].Reason), fresh[0].Hint)}
	}
	return nil
}

func shortDigest(digest string) string {
	if len(digest) > 17 {
		return digest[:11] + "…" + digest[len(digest)-4:]
	}
	return digest
}
