package proof

import (
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// RuleGap is the rule of a plan that takes a right away for a while.
const RuleGap = "access-gap"

// gaps finds who can sign now, and will, and could not somewhere in between:
// an agent that is running would stop signing. Changes are applied as soon as
// what they wait for is done, so each is tried right after that and before
// everything else.
func gaps(now, after *projection, moves []move, held []pair) []resource.Finding {
	if len(held) == 0 {
		return nil
	}
	r := newRehearsal(now, after, moves, held)
	var found []resource.Finding
	for at, m := range moves {
		if !touches(m) {
			continue
		}
		lost := r.lost(at)
		if len(lost) == 0 {
			continue
		}
		more := ""
		if len(lost) > 3 {
			lost, more = lost[:3], fmt.Sprintf(" and %d more", len(lost)-3)
		}
		found = append(found, resource.Finding{
			Rule: RuleGap, Severity: resource.Refuse, ID: m.ID,
			Reason: "after this change, and until another one gives it back, could not sign: " + strings.Join(lost, ", ") + more,
			Hint:   "give the new right in one plan, take the old one away in the next",
		})
	}
	return found
}

// pair is a principal that uses a key.
type pair struct {
	key            resource.ID
	arn, principal string
}

// kept are the rights that exist before and after.
func kept(now, after *access.Inquiry, expected []access.Expectation) []pair {
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

func signs(q *access.Inquiry, p pair) bool {
	return q.Allows(access.Request{Principal: p.principal, Action: access.ActSign, Resource: p.arn})
}

// touches reports a change that can take something away: what is new cannot.
func touches(m move) bool { return m.Before != nil && m.ID.Kind != kindBucket }
