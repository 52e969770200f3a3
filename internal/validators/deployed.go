package validators

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// Missing are the contracts that a network lacks for a set to be asked for at the
// destination, or attested to at the origin: by role, none where all are there.
func Missing(env *config.Environment, network string, roles ...string) []string {
	var missing []string
	for _, role := range roles {
		if _, ok := env.Deployment.Contract(network, role); !ok {
			missing = append(missing, role)
		}
	}
	return missing
}

// OriginRoles and DestinationRoles are what they need.
func OriginRoles() []string {
	return []string{config.RoleMailbox, config.RoleMerkleTreeHook, config.RoleValidatorAnnounce}
}

// DestinationRoles is what a destination needs.
func DestinationRoles() []string { return []string{config.RoleMailbox} }

// Deployed reports that both ends of a route have their contracts.
func Deployed(env *config.Environment, origin, destination string) bool {
	return len(Missing(env, origin, OriginRoles()...)) == 0 && len(Missing(env, destination, DestinationRoles()...)) == 0
}

// Undeployed are the networks of declared sets that lack contracts, with what
// they lack.
func Undeployed(env *config.Environment) map[string][]string {
	lacking := map[string][]string{}
	tell := func(network string, roles []string) {
		if missing := Missing(env, network, roles...); len(missing) > len(lacking[network]) {
			lacking[network] = missing
		}
	}
	for _, set := range env.ValidatorSets {
		tell(set.Origin, OriginRoles())
		for _, destination := range set.Destinations {
			tell(destination, DestinationRoles())
		}
	}
	return lacking
}

// Factories are the pinned ones of a network.
func Factories(env *config.Environment, network string) ism.Factories {
	of := func(role string) ism.Factory {
		c, ok := env.Deployment.Contract(network, role)
		if !ok || c.Implementation == "" {
			return ism.Factory{}
		}
		return ism.Factory{Address: common.HexToAddress(c.Address), Implementation: common.HexToAddress(c.Implementation)}
	}
	return ism.Factories{
		MessageID: of(config.RoleMessageIDFactory), MerkleRoot: of(config.RoleMerkleRootFactory), Aggregation: of(config.RoleAggregationFactory),
	}
}

// originOf is what a network's validators attest to.
func originOf(env *config.Environment, network string) attestation.Origin {
	n, _ := env.Network(network)
	return attestation.Origin{
		Domain: n.DomainID, Hook: contractAt(env, network, config.RoleMerkleTreeHook), Mailbox: contractAt(env, network, config.RoleMailbox),
	}
}

// contractAt is the zero address where there is none.
func contractAt(env *config.Environment, network, role string) common.Address {
	c, ok := env.Deployment.Contract(network, role)
	if !ok {
		return common.Address{}
	}
	return common.HexToAddress(c.Address)
}
