package kind

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Merged tells all that one rule found about one resource in one finding, in the
// order in which it was found: of several, people would be shown the first.
func Merged(found []resource.Finding) []resource.Finding {
	var out []resource.Finding
	for _, f := range found {
		at := slices.IndexFunc(out, func(o resource.Finding) bool { return o.Rule == f.Rule && o.Severity == f.Severity && o.ID == f.ID })
		if at < 0 {
			out = append(out, f)
			continue
		}
		out[at].Reason += "; and " + f.Reason
	}
	return out
}
