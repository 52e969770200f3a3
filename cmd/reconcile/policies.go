package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/policy"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// policyFindings holds a draft against the users' own rules: those in force, not
// those of the change under review.
//
// Judge is the gate's first word, which is applied to a copy, so that rules can
// speak of risks and requirements; its last word comes after these findings.
func (s *session) policyFindings(p *plan.Plan, judge func(*plan.Plan) gate.Verdict) ([]resource.Finding, error) {
	inForce, planned := policyFilesOf(s.rules()), policyFilesOf(s.env)
	if len(inForce)+len(planned) == 0 {
		return nil, nil
	}
	judged := *p
	judge(p).Apply(&judged)
	found, err := s.heldAgainst(&judged, inForce)
	if err != nil {
		return nil, err
	}
	first := s.applied == nil
	same := slices.EqualFunc(inForce, planned, func(a, b policy.File) bool { return a.Path == b.Path && bytes.Equal(a.Data, b.Data) })
	come := slices.ContainsFunc(judged.Changes, func(c plan.Change) bool { return c.ID.Kind == plan.GovernanceKind })
	if !first && (same || !come) {
		return found, nil
	}
	more, err := s.lockedOut(judged, planned)
	return append(found, more...), err
}

// heldAgainst makes a plan's file, and holds it against rules.
func (s *session) heldAgainst(p *plan.Plan, rules []policy.File) ([]resource.Finding, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	if err := p.Seal(movingOf(s.kinds)); err != nil {
		return nil, err
	}
	data, err := p.Encode()
	if err != nil {
		return nil, err
	}
	return policy.Check(rules, data, evaluateApart)
}

// lockedOut refuses rules that come into force by this plan and would then refuse
// even the plan that changes nothing but them: nobody could ever take them away.
func (s *session) lockedOut(p plan.Plan, planned []policy.File) ([]resource.Finding, error) {
	p.Revision.Dirty, p.Partial, p.Only, p.Cause = false, false, nil, ""
	p.Changes = []plan.Change{{
		ID: resource.ID{Kind: plan.GovernanceKind, Scope: p.Environment, Name: p.Environment}, Action: plan.Update,
		Risk: resource.Destructive, Cause: plan.FromConfig, After: resource.Attrs{"governance": s.revision.Governance},
		Before: &plan.State{Attrs: resource.Attrs{"governance": s.revision.Governance}},
	}}
	p.Deferred, p.Pending, p.Unread, p.Findings, p.Spend = nil, nil, nil, nil, nil
	found, err := s.heldAgainst(&p, planned)
	if err != nil {
		return nil, err
	}
	p.Findings = found
	stopping := p.Refused()
	switch {
	case len(stopping) == 0:
		return nil, nil
	case stopping[0].Rule == policy.RuleUnreadable:
		return stopping[:1], nil
	}
	return []resource.Finding{{
		Rule: policy.RuleLockout, Severity: resource.Refuse, Hint: stopping[0].Hint,
		Reason: "in force, " + stopping[0].Rule + " would refuse even the plan that takes it away: " + stopping[0].Reason,
	}}, nil
}

// addPolicies puts the findings of policies into a draft.
func (s *session) addPolicies(p *plan.Plan, judge func(*plan.Plan) gate.Verdict) error {
	found, err := s.policyFindings(p, judge)
	if err != nil {
		return err
	}
	p.Findings = append(slices.Clone(p.Findings), found...)
	return nil
}

func policyFilesOf(env *config.Environment) []policy.File {
	return rulesIn(env.Governance.Policies)
}

// policies are the rules at the revision that is asked for.
func (a *app) policies() ([]policy.File, error) {
	files, err := config.Policies(a.options(a.rev, ""))
	return rulesIn(files), err
}

func rulesIn(files []config.PolicyFile) []policy.File {
	rules := make([]policy.File, 0, len(files))
	for _, f := range files {
		rules = append(rules, policy.File(f))
	}
	return rules
}

// evaluateRequest answers whatever evaluateApart was asked.
func evaluateRequest(request []byte) ([]byte, error) {
	if policy.Asked(request) {
		return policy.Answer(request)
	}
	return config.Evaluate(request)
}

// vetPolicies reads the users' own rules, which all environments share.
func (a *app) vetPolicies() error {
	rules, err := a.policies()
	if err != nil {
		return nil // each environment tells
	}
	return policy.Compile(rules, evaluateApart)
}

func newPolicy(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy FILE",
		Short: "try the rules of policy/ on a saved plan",
		Long: `policy holds a plan file against the rules of policy/*.cue as they are in the
working tree, or at --rev, and says of each rule how many changes it selects and
what violates it. It reads nothing but files and judges nothing: a plan is judged
by the rules of the last applied commit. It exits with 3 when a rule refuses.`,
		Example: `  reconcile plan staging --out staging.plan.json
  reconcile policy staging.plan.json
  reconcile policy staging.plan.json --rev origin/main`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.policy(args[0]) },
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "read the rules at this git revision instead of the working tree")
	return cmd
}

func (a *app) policy(file string) error {
	p, err := readPlan(file)
	if err != nil {
		return err
	}
	rules, err := a.policies()
	if err != nil {
		return err
	}
	data, err := p.Encode()
	if err != nil {
		return err
	}
	outcomes, err := policy.Judge(rules, data, evaluateApart)
	if err != nil {
		return err
	}
	if len(outcomes) == 0 {
		fmt.Fprintf(a.out, "%s: no rules in %s/\n", p.Environment, config.PolicyFolder)
		return nil
	}
	refused := 0
	for _, o := range outcomes {
		about := "the plan"
		if o.Selected >= 0 {
			about = count(o.Selected, "change")
		}
		fmt.Fprintf(a.out, "%s: %s · %s · %s · %s\n", o.Source, o.Name, o.Severity, about, violated(o.Findings))
		for _, f := range o.Findings {
			if f.Severity == resource.Refuse {
				refused++
			}
			fmt.Fprintf(a.out, "  %s%s\n", named(f.ID), view.Terminal(f.Reason))
		}
	}
	if refused > 0 {
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: %s of policies refuse", p.Environment, count(refused, "finding"))}
	}
	return nil
}

func violated(found []resource.Finding) string {
	if len(found) == 0 {
		return "held"
	}
	return fmt.Sprintf("violated %d ×", len(found))
}

func named(id resource.ID) string {
	if id.IsZero() {
		return ""
	}
	return view.Terminal(id.String()) + ": "
}
