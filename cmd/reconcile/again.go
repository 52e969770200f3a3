package main

import (
	"fmt"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// checkAgain judges what the plan touches by what was just read of it. What a plan
// file says that it found is only what it says: a finding may have been left out of
// it, or have come since. Changes that an earlier run of this plan began are left to
// recovery.
func (s *session) checkAgain(p *plan.Plan, desired resource.Set, world *observe.World, begun func(plan.Change) bool) error {
	touched := map[resource.ID]bool{}
	for _, c := range p.Changes {
		touched[c.ID] = !begun(c)
	}
	found := slices.Clone(world.Findings)
	for _, k := range s.kinds {
		of := func(set resource.Set) []resource.Resource {
			return slices.DeleteFunc(ofKind(set, k.Name), func(r resource.Resource) bool { return !touched[r.ID] })
		}
		more, err := k.Check(of(desired), of(world.Owned), world.Facts)
		if err != nil {
			return fmt.Errorf("%s: check: %w", k.Name, err)
		}
		found = append(found, more...)
	}
	d := plan.Difference{Findings: slices.DeleteFunc(notDeployed(s.env, found), func(f resource.Finding) bool { return !touched[f.ID] })}
	compactFindings(&d)
	again := *p
	again.Findings = d.Findings
	fresh := gate.NewRefusals(gate.Without(p.Findings), gate.Check(s.gateInput(&again, s.declared, s.entries)).Findings)
	fresh = slices.DeleteFunc(fresh, func(f resource.Finding) bool { return !touched[f.ID] })
	if len(fresh) == 0 {
		return nil
	}
	return &exitError{code: exitRefused, err: withHint(
		fmt.Errorf("%s: refused by what is there now, of which the plan says nothing: %s: %s: %s", s.env.Name, fresh[0].ID, fresh[0].Rule, fresh[0].Reason), "reconcile plan %s", s.env.Name)}
}
