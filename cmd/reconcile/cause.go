package main

import (
	"fmt"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// selection is what of the difference a plan holds.
type selection struct {
	// only are selectors; empty: no cut by name.
	only []string
	// cause is one of causes; empty is all.
	cause string
}

// The answers to --cause. By itself a plan holds what the configuration changed,
// or, where it changed nothing, what the world did.
const (
	causeAuto   = "auto"
	causeConfig = "config"
	causeDrift  = "drift"
	causeAll    = "all"
)

func checkCause(have string) error {
	if slices.Contains([]string{causeAuto, causeConfig, causeDrift, causeAll}, have) {
		return nil
	}
	return fmt.Errorf("--cause %q: must be config, drift, all or auto", have)
}

// environmentAt is the environment at an applied commit; nil for none.
func (s *session) environmentAt(commit string) (*config.Environment, error) {
	switch commit {
	case "":
		return nil, nil
	case s.anchor:
		return s.applied, nil
	}
	options := s.options
	options.Rev, options.Overlay = commit, nil
	env, _, err := config.Load(options)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s: last applied commit %s: %w", s.env.Name, short(commit), err), "fetch the whole history: git fetch --unshallow")
	}
	return env, nil
}

// previous is what the last applied commit declared, nil where nothing was
// applied: an anchor alone made nothing.
func (s *session) previous() (resource.Set, error) {
	if s.whole == nil {
		return nil, nil
	}
	previous, err := observe.Declare(s.whole, s.kinds)
	if err != nil {
		return nil, fmt.Errorf("last applied commit %s: %w", short(s.ledger.Applied()), err)
	}
	return previous, nil
}

// onceMade is what was declared at the newest settled commit and seen to be so:
// what differs from it has drifted. It words a plan and decides nothing that is
// written, so a commit that is not there any more only leaves it empty.
func (s *session) onceMade() resource.Set {
	commit, owed := s.ledger.Settled()
	if s.made != nil || commit == "" {
		return s.made
	}
	env, err := s.environmentAt(commit)
	if err != nil || env == nil {
		return nil
	}
	made, err := observe.Declare(env, s.kinds)
	if err != nil {
		return nil
	}
	for id := range made {
		if owed[id.String()] {
			delete(made, id)
		}
	}
	s.made = made
	return made
}

// cutCause keeps the changes of one cause. A plan that was cut by name holds
// what was named, whatever its cause, unless one is asked for; of an observed
// environment nothing is applied, and all is shown.
func (s *session) cutCause(d *plan.Difference, of selection) (cause plan.Cause, elsewhere int) {
	switch {
	case of.cause == causeConfig:
		cause = plan.FromConfig
	case of.cause == causeDrift:
		cause = plan.FromDrift
	case of.cause != causeAuto || len(of.only) > 0 || !d.Has(plan.FromDrift) || s.env.Mode == resource.Observed:
		return "", 0
	case d.Has(plan.FromConfig) || s.rulesChange():
		cause = plan.FromConfig
	default:
		cause = plan.FromDrift
	}
	*d, elsewhere = d.CutCause(cause)
	if cause == plan.FromDrift && s.rulesChange() {
		elsewhere++
	}
	return cause, elsewhere
}

// rulesChange reports that the commit changes its own judges.
func (s *session) rulesChange() bool {
	empty := &plan.Plan{Environment: s.env.Name}
	return len(s.judge(empty, 0).Added) > 0
}

// maxOwed bounds the list of what was never made: where more is, the close says
// nothing of what has drifted.
const maxOwed = 1000

// closing is the entry that closes a plan. now is a plan of everything, made
// when all steps were done. Rules move with a plan that names them or is whole;
// the last applied commit moves only where nothing of the configuration is left.
func (s *session) closing(p, now *plan.Plan, outcomes []apply.Outcome, left int) (journal.Entry, error) {
	e := journal.Entry{Kind: journal.Close, Plan: p.Digest, Commit: p.Revision.Commit, Readings: s.readings}
	if p.Revision.Dirty {
		return e, nil
	}
	proposed := slices.ContainsFunc(outcomes, func(o apply.Outcome) bool { return o.Result == apply.Proposed })
	whole := !p.Partial && p.Cause != plan.FromDrift && len(p.Unread) == 0 && len(p.Deferred) == 0
	e.Advances = (whole || changesRules(p)) && left == 0
	if e.RulesOnly = e.Advances; now.Partial || now.Cause == plan.FromDrift && now.Elsewhere > 0 {
		return e, nil
	}
	desired, err := observe.Declare(s.env, s.kinds)
	if err != nil {
		return e, err
	}
	owed := plan.Owed(now, desired, s.onceMade(), rulesOf(s.kinds))
	e.RulesOnly = e.Advances && (!whole || proposed || len(owed) > 0 || !allMade(now))
	if e.Settles = len(owed) <= maxOwed; e.Settles {
		for _, id := range owed {
			e.Owed = append(e.Owed, id.String())
		}
	}
	return e, nil
}

// allMade reports that nothing of the configuration waits to be made: what has
// drifted meanwhile is another plan's.
func allMade(now *plan.Plan) bool {
	open := slices.ContainsFunc(now.Changes, func(c plan.Change) bool { return c.ID.Kind != plan.GovernanceKind && c.Cause != plan.FromDrift })
	return !open && len(now.Deferred)+len(now.Pending)+len(now.Unread) == 0
}
