package validators

import (
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// FactsAbout names all that the steps of a route are made of: facts of its own, of
// its origin's members, and of the Safes that may own what is called.
func FactsAbout(id resource.ID) []resource.ID {
	members, safes := ValidatorID(id.Name, ""), call.SafeID(id.Scope, "")
	return []resource.ID{id, members, safes}
}
