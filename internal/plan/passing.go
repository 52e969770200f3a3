package plan

import "github.com/crosschain-ops/reconcile/internal/resource"

// The rules of what holds a plan only for a while, a window of its environment
// and somebody's stop, and of what asks for more people: how the commits came to
// be, which a merge changes.
const (
	RuleFrozen   = "frozen"
	RuleStopped  = "stopped"
	RuleUnsigned = "unsigned-commits"
)

// passing reports a note about the moment or the way here: the same change is the
// same decision before and after.
func passing(f resource.Finding) bool {
	return f.Severity == resource.Note && (f.Rule == RuleFrozen || f.Rule == RuleStopped || f.Rule == RuleUnsigned)
}
