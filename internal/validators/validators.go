// Package validators reads who attests to what leaves each network, as it is
// declared and as it is: the modules that ask for signatures at each destination,
// where each validator says that it publishes, and whether it signs. It says
// whether a destination can be left for the declared set, and writes nothing.
package validators

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Source is where it is read.
type Source struct {
	Networks    func(name string) (*chain.Network, error)
	Checkpoints *attestation.Reader
}

// World is what was read.
type World struct {
	// Routes are in the order of the declared sets and their destinations.
	Routes []Route
	// Members are those of the sets of all origins of Routes, in declared order.
	Members []Member
}

// Route is one destination and origin.
type Route struct {
	ID  resource.ID
	Set config.ValidatorSet
	// Wanted is the declared set; Known is false while a key of it has no address.
	Wanted ism.Set
	Known  bool
	// Path is how the destination comes to the set it asks for; without meaning
	// where there is Err.
	Path ism.Path
	// Err is why the destination was not read, OriginErr why the origin was not.
	Err, OriginErr error
	// Change is what the declared set takes; nil where nothing is to be done, where
	// the set is only watched, and where it cannot be done.
	Change *Change
}

// InForce reports that the destination asks for the declared set.
func (r Route) InForce() bool {
	return r.Err == nil && r.Known && r.Path.Set != nil && r.Path.Set.Equal(r.Wanted)
}

// Change is what a repoint is made of.
type Change struct {
	ism.Repoint
	// There are those of its modules that exist.
	There []common.Address
	By    call.Owner
	// Shared names the other origins whose messages the call concerns too; Against
	// those of them for which another set is declared.
	Shared, Against []string
	// Push0 says whether the chain has that opcode, where code of new modules needs it
	// and has not shown that it runs; else empty.
	Push0 chain.Known
	Fees  chain.Fees
}

// Member is one declared validator of an origin.
type Member struct {
	config.Member
	Origin string
	// Address is zero while its key has none.
	Address common.Address
	// Announced are the locations that it announced, the last one in force.
	Announced []string
	// Standing is how it stands. With its Err nobody could be asked.
	Standing attestation.Standing
}

// Known reports whether the member has an address.
func (m Member) Known() bool { return m.Address != common.Address{} }

// Signs reports whether the member counts: it is shown to sign, or nothing was
// ever there to sign.
func (m Member) Signs() bool { return m.Standing.Err == nil && Signs(m.Standing.State) }

// Signs reports whether a validator of this state counts.
func Signs(s attestation.State) bool { return s == attestation.Live || s == attestation.Unproven }

var errNoAddress = errors.New("its key has no address yet")

// ValidatorID is what facts about a member of an origin's set are on. It is no
// resource.
func ValidatorID(origin, member string) resource.ID {
	return resource.ID{Kind: "validator", Scope: origin, Name: member}
}

// Look reads the routes that are declared, or those of them that ids name, and
// all members of their origins. Each network is read once, at one block: as a
// destination, as an origin, or as both.
func (s Source) Look(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) World {
	g := gather(env, ids, lookup)
	readings := g.networks()
	s.read(ctx, readings)
	w := World{Members: s.judge(ctx, g, readings)}
	for _, wish := range g.wishes {
		if wish.asked {
			w.Routes = append(w.Routes, wish.route(g.readings[wish.ID.Scope], g.readings[wish.Set.Origin]))
		}
	}
	return w
}

// Of are the members of an origin.
func (w World) Of(origin string) []Member {
	var list []Member
	for _, m := range w.Members {
		if m.Origin == origin {
			list = append(list, m)
		}
	}
	return list
}

// Live says of each address whether it signs.
func Live(members []Member) map[common.Address]bool {
	live := map[common.Address]bool{}
	for _, m := range members {
		live[m.Address] = m.Signs()
	}
	return live
}

// Ask judges the members of a set anew, right before a destination asks for their
// signatures. Addresses are theirs, in the order of the set's members.
func (s Source) Ask(ctx context.Context, env *config.Environment, set config.ValidatorSet, addresses []common.Address) ([]Member, error) {
	if missing := Missing(env, set.Origin, OriginRoles()...); len(missing) > 0 {
		return nil, fmt.Errorf("%s: not deployed: %s", set.Origin, strings.Join(missing, ", "))
	}
	if len(addresses) != len(set.Members) {
		return nil, fmt.Errorf("%s: %d addresses for %d members", set.Origin, len(addresses), len(set.Members))
	}
	r := newReading(env, set.Origin)
	r.members = addresses
	s.read(ctx, []*reading{r})
	if r.err != nil {
		return nil, r.err
	}
	list := make([]Member, len(addresses))
	for i, address := range addresses {
		list[i] = Member{Member: set.Members[i], Origin: set.Origin, Address: address, Announced: r.locations[address]}
	}
	s.stand(ctx, map[string]*reading{set.Origin: r}, list)
	return list, nil
}
