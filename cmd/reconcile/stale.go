package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind/multisigsafe"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// ruleStale is a proposal of ours that no longer leads to what is declared.
const ruleStale = "stale-proposal"

// staleFindings judge the proposals of ours that wait: each of their calls must be
// one that would be proposed today, if nothing waited. d is the plan's own difference.
func (s *session) staleFindings(desired resource.Set, world *observe.World, d plan.Difference) ([]resource.Finding, error) {
	waiting := map[resource.ID][]call.Proposed{}
	for _, declared := range s.env.Safes {
		id := declared.ResourceID()
		list, err := call.Proposals(world.Facts, id)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 && !blind(world.Unread, declared.Network) {
			waiting[id] = list
		}
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	fresh, err := plan.Diff(plan.Input{
		Desired: desired, Owned: world.Owned, Foreign: world.Foreign, Facts: call.WithoutProposals(world.Facts), Unread: world.Unread, Rules: rulesOf(s.kinds),
	})
	if err != nil {
		return nil, err
	}
	return stale(s.env, waiting, callsOfSafes(fresh.Changes), callsOfSafes(d.Changes)), nil
}

// blind reports that something of a network was not read: what it needs is then
// not known, and nothing can be called needless.
func blind(unread []resource.Unread, network string) bool {
	return slices.ContainsFunc(unread, func(u resource.Unread) bool { return slices.Contains(strings.Split(u.Scope, "/"), network) })
}

// callsOfSafes are the calls that changes make through Safes, by the Safe.
func callsOfSafes(changes []plan.Change) map[resource.ID][]evm.Wire {
	calls := map[resource.ID][]evm.Wire{}
	for _, c := range changes {
		for _, step := range c.Steps {
			if id, own, ok := call.OfSafe(step); ok {
				calls[id] = append(calls[id], own...)
			}
		}
	}
	return calls
}

// stale are the findings about proposals that wait. needed is what the world needs
// of each Safe, planned what this plan would propose to it now.
func stale(env *config.Environment, waiting map[resource.ID][]call.Proposed, needed, planned map[resource.ID][]evm.Wire) []resource.Finding {
	var found []resource.Finding
	for _, declared := range env.Safes {
		id := declared.ResourceID()
		var reasons []string
		severity := resource.Acknowledge
		for _, p := range waiting[id] {
			reason, grave := needless(env, declared, p, needed[id])
			if reason != "" {
				reasons = append(reasons, reason)
			}
			if grave {
				severity = resource.Refuse
			}
		}
		if len(reasons) == 0 {
			continue
		}
		if len(planned[id]) > 0 {
			reasons = append(reasons, "this plan proposes something else to it: what waits must be rejected, or it is executed all the same")
		}
		found = append(found, resource.Finding{
			Rule: ruleStale, Severity: severity, ID: id, Reason: strings.Join(reasons, "; "),
			Hint: "ask its owners to reject it: reconcile safe list " + env.Name,
		})
	}
	return found
}

// needless says which calls of a proposal nothing declared asks for any more.
// Grave are those that change who acts for the Safe: that a proposal stands in
// the store proves only that somebody could write there.
func needless(env *config.Environment, s config.Safe, p call.Proposed, needed []evm.Wire) (reason string, grave bool) {
	var effects []string
	for _, w := range p.Calls {
		if slices.Contains(needed, w) {
			continue
		}
		text := "a call that does not read"
		if c, err := w.Call(); err == nil {
			effect := safe.EffectOf(c, call.Names(env, s.Network))
			text, grave = effect.Text, grave || multisigsafe.Grave(effect.Danger) || w.To == s.Address
		}
		effects = append(effects, text)
	}
	if len(effects) == 0 {
		return "", false
	}
	return fmt.Sprintf("proposal %s (nonce %d) waits, and %d of its %d calls no longer lead to what is declared: %s",
		p.Hash.Hex(), p.Nonce, len(effects), len(p.Calls), strings.Join(effects, "; ")), grave
}
