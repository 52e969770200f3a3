package call

import (
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// PartyValue is the address of a declared party on a network: a key's is a ref
// to what it will be, the others are known. Empty where nothing is deployed.
func PartyValue(env *config.Environment, network string, p config.Party) resource.Value {
	if key, ok := env.Key(p.Key); ok && p.Key != "" {
		return resource.RefTo(key.ResourceID(), "address")
	}
	for _, s := range env.Safes {
		if p.Safe != "" && s.Name == p.Safe && s.Network == network {
			return resource.Literal(s.Address)
		}
	}
	for _, c := range env.Contracts {
		if p.Contract != "" && c.Name == p.Contract && c.Network == network {
			return resource.Literal(c.Address)
		}
	}
	return resource.Literal(p.Address)
}
