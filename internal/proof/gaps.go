package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// RuleGap is the rule of a plan that takes a right away for a while.
const RuleGap = "access-gap"

// gaps finds who can sign now, and will, and could not somewhere in between:
// an agent that is running would stop signing. Changes are applied as soon as
// what they wait for is done, so each is tried right after that and before
// everything else.
func gaps(in Input, now, after *access.World, expected []access.Expectation) []resource.Finding {
	held := kept(now, after, expected)
	if len(held) == 0 || !slices.ContainsFunc(in.Changes, touches) {
		return nil
	}
	before := plan.Dependencies(in.Changes, in.Previous)
	var found []resource.Finding
	for _, c := range in.Changes {
		if !touches(c) {
			continue
		}
		moment := earliest(in, before, c)
		var lost []string
		for _, h := range held {
			if !signs(moment, h) {
				lost = append(lost, fmt.Sprintf("%s with %s", h.principal, h.key.Name))
			}
		}
		if len(lost) == 0 {
			continue
		}
		more := ""
		if len(lost) > 3 {
			lost, more = lost[:3], fmt.Sprintf(" and %d more", len(lost)-3)
		}
		found = append(found, resource.Finding{
			Rule: RuleGap, Severity: resource.Refuse, ID: c.ID,
			Reason: "after this change, and until another one gives it back, could not sign: " + strings.Join(lost, ", ") + more,
			Hint:   "give the new right in one plan, take the old one away in the next",
		})
	}
	return found
}

// earliest is the account right after a change, if it is done as soon as it can
// be: after what it waits for and nothing else.
func earliest(in Input, before map[resource.ID][]resource.ID, c plan.Change) *access.World {
	first := map[resource.ID]bool{c.ID: true}
	for left := slices.Clone(before[c.ID]); len(left) > 0; {
		id := left[len(left)-1]
		left = left[:len(left)-1]
		if !first[id] {
			first[id] = true
			left = append(left, before[id]...)
		}
	}
	p := newProjection(in)
	for _, other := range in.Changes {
		if first[other.ID] {
			p.apply(other)
		}
	}
	return p.world()
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
