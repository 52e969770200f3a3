package validatorset

import (
	"context"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
)

// Facts about a validator, on validators.ValidatorID. They hold states, and no
// index and no lag: those move while nobody does anything.
const (
	FactAddress  = "address"
	FactStanding = "standing"
	// factAccepted is the reviewed reason for which a member that could not be shown
	// to sign is taken all the same.
	factAccepted = "accepted"
	// unread is the standing of whom nobody could ask about.
	unread = "unread"
)

// Facts about a destination and origin, beside those of internal/call.
const (
	// factCode with an address says that there is code at it.
	factCode = "code "
	// factShared names the other origins whose messages a repoint concerns,
	// factAgainst those for which another set is declared.
	factShared  = "shared-with"
	factAgainst = "shared-against"
	// factPush0 says whether the chain has that opcode, where a new module needs it.
	factPush0 = "push0"
	// factMissing names contracts that a network lacks, on contractsOf.
	factMissing = "missing"
)

// contractsOf is what facts about a network's contracts are on. It is no resource.
func contractsOf(network string) resource.ID {
	return resource.ID{Kind: Name, Scope: network, Name: "contracts"}
}

func (s *sets) observe(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Observation[Spec] {
	seen := s.read(ctx, env, nil, lookup)
	for network, missing := range validators.Undeployed(env) {
		seen.Facts = append(seen.Facts, resource.Fact{ID: contractsOf(network), Name: factMissing, Value: strings.Join(missing, ", ")})
	}
	return seen
}

func (s *sets) read(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	world := s.source.Look(ctx, env, ids, lookup)
	var seen kind.Observation[Spec]
	for _, r := range world.Routes {
		add(&seen, r)
	}
	for _, m := range world.Members {
		seen.Facts = append(seen.Facts, s.facts(env, m)...)
	}
	return seen
}

// add writes what was read of a route.
func add(seen *kind.Observation[Spec], r validators.Route) {
	missed := func(operation string, err error) {
		seen.Unread = append(seen.Unread, resource.Unread{Scope: r.ID.String(), Operation: operation, Cause: err.Error()})
	}
	if r.Err != nil {
		missed("read the modules of its mailbox", r.Err)
		return
	}
	if r.OriginErr != nil {
		missed("read its validators on "+r.Set.Origin, r.OriginErr)
	}
	o := kind.Object[Spec]{ID: r.ID, Mode: resource.Managed, Group: Name + "/" + r.Set.Origin, Spec: Spec{Members: []resource.Value{}, Path: &r.Path}}
	if !r.Set.Managed {
		o.Mode = resource.Observed
	}
	if set := r.Path.Set; set != nil {
		o.Spec.Type, o.Spec.Threshold, o.Spec.ISM = string(set.Type), set.Threshold, r.Path.Leaf().Address.Hex()
		for _, m := range texts(set.Members) {
			o.Spec.Members = append(o.Spec.Members, resource.Literal(m))
		}
		o.Outputs = resource.Outputs{"ism": o.Spec.ISM}
	}
	seen.Owned = append(seen.Owned, o)
	seen.Facts = append(seen.Facts, factsOf(r)...)
}

// factsOf are what the steps of a route are made of.
func factsOf(r validators.Route) []resource.Fact {
	c := r.Change
	if c == nil {
		return nil
	}
	facts := []resource.Fact{{ID: r.ID, Name: call.FactOwner, Value: c.By.String()}}
	for _, m := range c.There {
		facts = append(facts, resource.Fact{ID: r.ID, Name: factCode + m.Hex(), Value: "yes"})
	}
	for name, value := range map[string]string{factShared: strings.Join(c.Shared, ", "), factAgainst: strings.Join(c.Against, ", "), factPush0: string(c.Push0)} {
		if value != "" {
			facts = append(facts, resource.Fact{ID: r.ID, Name: name, Value: value})
		}
	}
	return append(facts, call.Fees(r.ID, c.Fees.PerGas(), c.Fees.L1)...)
}

// facts about one member. Who has no address yet has none.
func (s *sets) facts(env *config.Environment, m validators.Member) []resource.Fact {
	if !m.Known() {
		return nil
	}
	id := validators.ValidatorID(m.Origin, m.Name)
	state := string(m.Standing.State)
	if m.Standing.Err != nil {
		state = unread
	}
	facts := []resource.Fact{{ID: id, Name: FactAddress, Value: m.Address.Hex()}, {ID: id, Name: FactStanding, Value: state}}
	for _, set := range env.ValidatorSets {
		if reason := validators.Accepted(set, m.Name, s.Now()); set.Origin == m.Origin && reason != "" {
			facts = append(facts, resource.Fact{ID: id, Name: factAccepted, Value: reason})
		}
	}
	return facts
}
