package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// RefusedError says why a plan may not be applied.
type RefusedError struct {
	Environment string
	// Findings that stop the plan.
	Findings []resource.Finding
	// Need and Have count approvals; Risk is what asks for them.
	Need, Have int
	Risk       resource.Risk
}

// Error is one line with every reason.
func (e *RefusedError) Error() string {
	return e.Environment + ": refused: " + strings.Join(e.Reasons(), "; ")
}

// Reasons lists why, one line each.
func (e *RefusedError) Reasons() []string {
	var reasons []string
	for _, f := range e.Findings {
		line := f.Rule + ": " + f.Reason
		if !f.ID.IsZero() {
			line = f.ID.String() + ": " + line
		}
		if f.Severity == resource.Acknowledge {
			line += " (needs an acknowledgement in governance)"
		}
		reasons = append(reasons, line)
	}
	if e.Have < e.Need {
		reasons = append(reasons, fmt.Sprintf("%s changes need %d %s, have %d",
			e.Risk, e.Need, plural(e.Need, "approval"), e.Have))
	}
	return reasons
}

// Refusal says whether a judged plan may be applied with so many approvals:
// nil, or a *RefusedError that lists every reason.
func Refusal(p *plan.Plan, approvals int) error {
	refused := &RefusedError{
		Environment: p.Environment, Findings: p.Refused(),
		Need: p.Requires.Approvals, Have: approvals, Risk: p.Requires.Risk,
	}
	if p.Requires.Forbidden && len(refused.Findings) == 0 {
		refused.Findings = append(refused.Findings, resource.Finding{
			Rule: "forbidden", Severity: resource.Refuse, Reason: fmt.Sprintf("%s changes are forbidden in this environment", p.Requires.Risk),
		})
	}
	if len(refused.Findings) == 0 && approvals >= p.Requires.Approvals {
		return nil
	}
	return refused
}

// NewRefusals lists the findings that stop a plan now and did not when it was
// reviewed: what apply asks before it writes. Reasons may differ, since they
// hold numbers that move; rule, severity and resource decide.
func NewRefusals(before, after []resource.Finding) []resource.Finding {
	type key struct {
		rule     string
		severity resource.Severity
		id       resource.ID
	}
	known := map[key]int{}
	for _, f := range before {
		known[key{f.Rule, f.Severity, f.ID}]++
	}
	var fresh []resource.Finding
	for _, f := range after {
		if f.Severity == resource.Note {
			continue
		}
		k := key{f.Rule, f.Severity, f.ID}
		if known[k] > 0 {
			known[k]--
			continue
		}
		fresh = append(fresh, f)
	}
	slices.SortFunc(fresh, resource.Finding.Compare)
	return fresh
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
