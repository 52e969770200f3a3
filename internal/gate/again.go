package gate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// own reports a rule whose findings are made again: the gate's, and those of policies.
func own(rule string) bool {
	switch rule {
	case "belt-transaction", "belt-plan", "belt-day", "belt-update-share", "belt-delete-share",
		"belt-updates", "belt-deletes", "belt-keys", "belt-access", "belt-threshold", "belt-members", plan.RuleUnsigned,
		plan.RuleFrozen, plan.RuleStopped, RulePinLeftOut, "forbidden", "no-anchor", "open-overlay", "dirty-tree", "observed-environment":
		return true
	}
	return strings.HasPrefix(rule, "policy/") // made again beside the gate
}

// Without gives back the findings that a judged plan had as a draft: the
// gate's own are left out, and what an acknowledgement turned into a note asks
// for one again, since that may have expired by now.
func Without(findings []resource.Finding) []resource.Finding {
	draft := make([]resource.Finding, 0, len(findings))
	for _, f := range findings {
		if own(f.Rule) {
			continue
		}
		if at := strings.LastIndex(f.Reason, acceptedMark); at >= 0 && f.Severity == resource.Note {
			f.Severity, f.Reason = resource.Acknowledge, f.Reason[:at]
		}
		if at := strings.LastIndex(f.Reason, expiredMark); at >= 0 && f.Severity == resource.Acknowledge {
			f.Reason = f.Reason[:at]
		}
		draft = append(draft, f)
	}
	return draft
}

// Agrees compares a plan that was read back with this verdict over the same
// changes, and refuses a plan that states less risk, fewer approvals, other
// money or other rule changes than the gate finds: the first difference is a
// *plan.ForgedError. Stating more is no forgery: an address that was paid for
// the first time when the plan was made may have been paid since.
func (v Verdict) Agrees(p *plan.Plan) error {
	rules := slices.DeleteFunc(slices.Clone(p.Changes), func(c plan.Change) bool { return c.ID.Kind != plan.GovernanceKind })
	if len(rules) != len(v.Added) {
		return &plan.ForgedError{Part: "rule changes", Detail: fmt.Sprintf("%d are listed, %d follow", len(rules), len(v.Added))}
	}
	for i, c := range p.Changes {
		if i < len(v.Added) && !same(c, v.Added[i]) {
			return &plan.ForgedError{ID: c.ID, Part: "rule changes", Detail: "they differ from those between the last applied commit and the plan's"}
		}
		if found := v.Risks[c.ID]; found.Rank() > c.Risk.Rank() || c.Risk.Rank() > resource.Destructive.Rank() {
			return &plan.ForgedError{ID: c.ID, Part: "risks", Detail: fmt.Sprintf("%q is stated, the gate finds %q", c.Risk, found)}
		}
		if v.Persons[c.ID] != c.Person {
			return &plan.ForgedError{ID: c.ID, Part: "calls for a person", Detail: fmt.Sprintf("%t is stated, the gate finds %t", c.Person, v.Persons[c.ID])}
		}
	}
	if !slices.Equal(p.Spend, v.Spend) {
		return &plan.ForgedError{Part: "spend", Detail: fmt.Sprintf("%v is stated, the steps may spend %v", p.Spend, v.Spend)}
	}
	asked, found := p.Requires, v.Requires
	if asked.Approvals < found.Approvals || found.Forbidden && !asked.Forbidden || found.Risk != "" && (asked.Risk == "" || asked.Risk.Rank() < found.Risk.Rank()) {
		return &plan.ForgedError{Part: "requirements", Detail: fmt.Sprintf("%+v is stated, the gate asks for %+v", p.Requires, v.Requires)}
	}
	return nil
}

func same(a, b plan.Change) bool {
	left, errLeft := resource.Canonical(a)
	right, errRight := resource.Canonical(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}
