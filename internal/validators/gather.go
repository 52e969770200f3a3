package validators

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// wish is one route as it is declared.
type wish struct {
	Route
	domain uint32 // of the origin
	// asked is false where another route of the destination is, whose change may
	// concern this one.
	asked bool
}

// gathering is all that is to be read.
type gathering struct {
	env      *config.Environment
	lookup   kind.Lookup
	wishes   []*wish
	readings map[string]*reading
}

// gather lists what is declared, or of it what ids name, by network.
func gather(env *config.Environment, ids []resource.ID, lookup kind.Lookup) gathering {
	g := gathering{env: env, lookup: lookup, readings: map[string]*reading{}}
	for _, set := range env.ValidatorSets {
		members := g.addresses(set)
		for _, destination := range set.Destinations {
			id := config.SetID(destination, set.Origin)
			asked := ids == nil || slices.Contains(ids, id)
			beside := slices.ContainsFunc(ids, func(other resource.ID) bool { return other.Kind == id.Kind && other.Scope == destination })
			if !Deployed(env, set.Origin, destination) || !asked && !beside {
				continue
			}
			origin, _ := env.Network(set.Origin)
			w := &wish{domain: origin.DomainID, asked: asked, Route: Route{
				ID: id, Set: set, Known: !slices.Contains(members, common.Address{}),
				Wanted: ism.Set{Type: ism.SetType(set.Type), Threshold: set.Threshold, Members: members},
			}}
			g.wishes = append(g.wishes, w)
			at := g.at(destination)
			at.wishes = append(at.wishes, w)
			at.parties = call.Known(env, destination, lookup)
			if asked {
				g.at(set.Origin).members = members
			}
		}
	}
	return g
}

// addresses of a set's members, the zero address for one that is not known yet.
func (g gathering) addresses(set config.ValidatorSet) []common.Address {
	list := make([]common.Address, len(set.Members))
	for i, m := range set.Members {
		text := m.Address
		if key, ok := g.env.Key(m.Key); ok {
			text = AddressOf(g.env, key, g.lookup)
		}
		if common.IsHexAddress(text) {
			list[i] = common.HexToAddress(text)
		}
	}
	return list
}

// AddressOf a key: what was observed, or its pin where it lies in a file that
// nobody observes. Empty: not known.
func AddressOf(env *config.Environment, key config.Key, lookup kind.Lookup) string {
	if key.Holder == "keystore" {
		return env.Pins[key.Name]
	}
	address, _ := lookup(resource.Ref{ID: key.ResourceID(), Output: "address"})
	return address
}

func (g gathering) at(network string) *reading {
	if g.readings[network] == nil {
		g.readings[network] = newReading(g.env, network)
		g.readings[network].payer = call.Payer(g.env, g.lookup)
	}
	return g.readings[network]
}

// networks are the readings in the order of the environment's networks.
func (g gathering) networks() []*reading {
	var list []*reading
	for _, n := range g.env.Networks {
		if r := g.readings[n.Name]; r != nil {
			list = append(list, r)
		}
	}
	return list
}
