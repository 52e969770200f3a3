package plan

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// facts are those that the steps of a resource may look at, in their order.
func (d *differ) facts(rules Rules, id resource.ID) []resource.Fact {
	if rules.Traits.Facts == nil {
		return d.in.Facts
	}
	if d.about == nil {
		d.about = map[resource.ID][]resource.Fact{}
		for _, f := range d.in.Facts {
			all := resource.ID{Kind: f.ID.Kind, Scope: f.ID.Scope}
			d.about[all] = append(d.about[all], f)
			if f.ID != all {
				d.about[f.ID] = append(d.about[f.ID], f)
			}
		}
	}
	var list []resource.Fact
	for _, of := range rules.Traits.Facts(id) {
		list = append(list, d.about[of]...)
	}
	slices.SortFunc(list, resource.Fact.Compare)
	return slices.Compact(list)
}
