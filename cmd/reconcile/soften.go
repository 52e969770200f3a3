package main

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// soften weighs what is found of access by what the plan does. A refusal about
// what no change touches asks to be acknowledged. What is only adopted was so
// before: a mark changes nothing of it, and the plan that does change it is
// judged by it. A policy that is attached to nobody yet and declared to be is on
// its way. And who has too much keeps no change from happening that only takes
// something away.
func (s *session) soften(findings []resource.Finding, changes []plan.Change) []resource.Finding {
	touched, adopted, narrowed := map[resource.ID]bool{}, map[resource.ID]bool{}, map[resource.ID]bool{}
	traits := traitsOf(s.kinds)
	for _, c := range changes {
		touched[c.ID] = true
		risks := traits[c.ID.Kind].Risks
		narrowed[c.ID] = len(c.Steps) > 0 && !slices.ContainsFunc(c.Steps, func(step resource.Step) bool { return risks[step.Op] != resource.Protective })
		adopted[c.ID] = len(c.Steps) > 0 && !slices.ContainsFunc(c.Steps, func(step resource.Step) bool { return step.Op != kind.AdoptOp })
	}
	for i, f := range findings {
		switch {
		case adopted[f.ID], f.Rule == access.AttachedToNobody && s.attaches(f.ID.Name), narrowed[f.ID] && tooMuch(f.Rule):
			findings[i].Severity = resource.Note
		case f.Severity == resource.Refuse && !touched[f.ID]:
			findings[i].Severity = resource.Acknowledge
		}
	}
	return findings
}

// tooMuch are the rules about who has more than he should.
func tooMuch(rule string) bool {
	return slices.Contains([]string{
		access.UnexpectedSigner, access.WildcardAdmin, access.UndeclaredGrant, access.ExternalBeyond, access.SharedPrincipal, access.CanBecome,
	}, rule)
}

// attaches reports whether the configuration attaches a policy to somebody.
func (s *session) attaches(policy string) bool {
	var attached []string
	for _, u := range s.env.Access.Users {
		attached = append(attached, u.Policies...)
	}
	for _, g := range s.env.Access.Groups {
		attached = append(attached, g.Policies...)
	}
	for _, r := range s.env.Access.Roles {
		attached = append(attached, r.Policies...)
	}
	return slices.Contains(attached, policy)
}
