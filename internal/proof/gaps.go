package proof

import (
	"fmt"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// RuleGap is the rule of a plan that takes a right away for a while.
const RuleGap = "access-gap"

// gaps finds who can sign now, and will, and could not somewhere in between:
// an agent that is running would stop signing. The plan is played through in
// its order, change by change.
func gaps(in Input, now, after *access.World, expected []access.Expectation) []resource.Finding {
	held := kept(now, after, expected)
	if len(held) == 0 || !slices.ContainsFunc(in.Changes, touches) {
		return nil
	}
	var found []resource.Finding
	told := map[pair]bool{}
	p := newProjection(in)
	for _, c := range in.Changes {
		p.apply(c)
		if !touches(c) {
			continue
		}
		moment := p.world()
		for _, h := range held {
			if told[h] || signs(moment, h) {
				continue
			}
			told[h] = true
			found = append(found, resource.Finding{
				Rule: RuleGap, Severity: resource.Refuse, ID: c.ID,
				Reason: fmt.Sprintf("after this change %s could not sign with %s until a later one gives it back", h.principal, h.key),
				Hint:   "give the new right in one plan, take the old one away in the next",
			})
		}
	}
	return found
}

type pair struct {
	key            resource.ID
	arn, principal string
}

// kept are the rights that exist before and after.
func kept(now, after *access.World, expected []access.Expectation) []pair {
	var held []pair
	for _, e := range expected {
		for _, principal := range e.Principals {
			h := pair{key: e.Key, arn: e.KeyARN, principal: principal}
			if signs(now, h) && signs(after, h) {
				held = append(held, h)
			}
		}
	}
	return held
}

func signs(w *access.World, p pair) bool {
	return w.Decide(access.Request{Principal: p.principal, Action: "kms:Sign", Resource: p.arn}).Verdict == access.Allowed
}

// touches reports a change that can take something away: what is new cannot.
func touches(c plan.Change) bool {
	if c.Before == nil || onlyAdopts(c) {
		return false
	}
	return slices.Contains([]string{kindKey, kindPolicy, kindUser, kindGroup, kindRole}, c.ID.Kind)
}
