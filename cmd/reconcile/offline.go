package main

import (
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// openOffline opens a plan's environment at the plan's commit and asks nobody: no
// AWS, no network, no store. Which commit was applied last is then what the plan
// says; apply compares it with the store.
func (a *app) openOffline(p *plan.Plan) (*session, error) {
	if rev := revisionOf(p); rev != "" {
		if _, err := config.Resolve(a.options("", p.Environment), rev); err != nil {
			return nil, withHint(fmt.Errorf("%s: the plan's commit is not in this clone: %w", p.Environment, err), "git fetch")
		}
	}
	s, err := a.load(p.Environment)
	if err != nil {
		return nil, err
	}
	s.offline = true
	s.aws = cloud.Offline(s.env.AWS.Account, s.env.AWS.Region)
	s.anchor = p.Revision.Applied
	if err := s.rulesInForce(); err != nil {
		return nil, err
	}
	if s.chains, err = a.newChains(s.env); err != nil {
		return nil, err
	}
	s.kinds, err = newKinds(s)
	return s, err
}

// load reads the environment at the revision that is asked for, and nothing else.
func (a *app) load(name string) (*session, error) {
	progress, err := a.newProgress()
	if err != nil {
		return nil, err
	}
	s := &session{app: a, progress: progress, options: a.options(a.rev, name)}
	if a.overlay != "" {
		if s.options.Overlay, err = config.ReadOverlay(a.overlay); err != nil {
			return nil, err
		}
		s.options.Overlay.Name = placeless(a.overlay)
	}
	s.env, s.revision, err = config.Load(s.options)
	return s, err
}

// rulesInForce loads the rules of the last applied commit, where there is one.
func (s *session) rulesInForce() (err error) {
	if s.anchor == "" {
		return nil
	}
	options := s.options
	options.Rev, options.Overlay = s.anchor, nil
	if s.applied, s.appliedRevision, err = config.Load(options); err != nil {
		return withHint(fmt.Errorf("%s: last applied commit %s, whose rules are in force: %w", s.env.Name, short(s.anchor), err),
			"fetch the whole history: git fetch --unshallow")
	}
	// What was accepted is what the rules in force accept, not what the change
	// under review would like to be accepted.
	s.env.Governance.Acknowledged = s.applied.Governance.Acknowledged
	return nil
}

// deriveOffline makes the plan's changes, risks and requirements again from its
// commit, and refuses a plan that says anything else. What only the store knows is
// believed as far as it makes a plan harmless: apply, and --replan, know it.
func (s *session) deriveOffline(p *plan.Plan) error {
	if err := s.checkCommit(p); err != nil {
		return err
	}
	desired, err := observe.Declare(s.env, s.kinds)
	if err != nil {
		return err
	}
	s.declared = len(desired)
	return s.derive(p, desired, func(judged *plan.Plan) gate.Verdict {
		in := s.gateInput(judged, len(desired), nil)
		in.Ledger = believed(p)
		return gate.Check(in)
	})
}

// believed is the most harmless ledger that a plan could have been made with: all
// that it pays was paid before, and all that it removes was made by us.
func believed(p *plan.Plan) gate.Ledger {
	ledger := gate.Ledger{Paid: map[string]map[string]bool{}, Made: map[string]bool{}}
	for _, c := range p.Changes {
		if c.Before != nil {
			ledger.Made[c.Before.Outputs["arn"]] = true
		}
		for _, step := range c.Steps {
			if step.Spend == nil {
				continue
			}
			paid := ledger.Paid[step.Spend.Network]
			if paid == nil {
				paid = map[string]bool{}
				ledger.Paid[step.Spend.Network] = paid
			}
			for _, value := range []any{step.Params["to"], step.Params["address"], c.After["address"]} {
				switch value := value.(type) {
				case string:
					paid[strings.ToLower(value)] = true
				case resource.Ref:
					paid[strings.ToLower(p.Resolved[value.String()])] = true
				}
			}
		}
	}
	return ledger
}
