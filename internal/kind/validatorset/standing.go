package validatorset

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Facts about a validator, on ValidatorID. They hold states, and no index and
// no lag: those move while nobody does anything.
const (
	FactAddress  = "address"
	FactStanding = "standing"
	// factAccepted is the reviewed reason for which a member that could not be shown
	// to sign is taken all the same.
	factAccepted = "accepted"
	// unjudged is the standing of whom nobody could ask about.
	unjudged = "unread"
)

// ValidatorID is what facts about a member of an origin's set are on. It is no
// resource.
func ValidatorID(origin, member string) resource.ID {
	return resource.ID{Kind: "validator", Scope: origin, Name: member}
}

// standings judges every declared member on its origin and gives the facts.
func (s *sets) standings(ctx context.Context, env *config.Environment, readings []reading) []resource.Fact {
	type asked struct {
		id resource.ID
		at int // in questions, −1 where nobody can be asked
	}
	var facts []resource.Fact
	var questions []attestation.Question
	var members []asked
	for _, set := range env.ValidatorSets {
		i := slices.IndexFunc(readings, func(r reading) bool { return r.network == set.Origin })
		origin, deployed := originOf(env, set.Origin)
		if i < 0 || !deployed || len(readings[i].members) != len(set.Members) {
			continue
		}
		r := readings[i]
		for m, member := range set.Members {
			a := asked{id: ValidatorID(set.Origin, member.Name), at: -1}
			if r.members[m] == (common.Address{}) {
				continue
			}
			facts = append(facts, resource.Fact{ID: a.id, Name: FactAddress, Value: r.members[m].Hex()})
			if reason := s.accepted(set, member.Name); reason != "" {
				facts = append(facts, resource.Fact{ID: a.id, Name: factAccepted, Value: reason})
			}
			if r.err == nil && r.locations != nil {
				a.at = len(questions)
				questions = append(questions, attestation.Question{
					Origin: origin, Validator: r.members[m], Locations: r.locations[r.members[m]], Expected: member.Location,
				})
			}
			members = append(members, a)
		}
	}
	answers := s.Checkpoints.Judge(ctx, questions, s.tip(env))
	for _, a := range members {
		state := unjudged
		if a.at >= 0 && answers[a.at].Err == nil {
			state = string(answers[a.at].State)
		}
		facts = append(facts, resource.Fact{ID: a.id, Name: FactStanding, Value: state})
	}
	return facts
}

// accepted is the reason of an exception that has not expired.
func (s *sets) accepted(set config.ValidatorSet, member string) string {
	for _, e := range set.Unproven {
		if e.Member == member && (e.Expires.IsZero() || s.Now().Before(e.Expires)) {
			return e.Reason
		}
	}
	return ""
}

// tip reads the tree of an origin.
func (s *sets) tip(env *config.Environment) attestation.ReadTip {
	count, root := evm.MustMethod("count()(uint32)"), evm.MustMethod("root()(bytes32)")
	return func(ctx context.Context, origin attestation.Origin) (attestation.Tip, error) {
		at := slices.IndexFunc(env.Networks, func(n config.Network) bool { return n.DomainID == origin.Domain })
		if at < 0 {
			return attestation.Tip{}, fmt.Errorf("no network of domain %d", origin.Domain)
		}
		client, err := s.Networks(env.Networks[at].Name)
		if err != nil {
			return attestation.Tip{}, err
		}
		var tip attestation.Tip
		err = client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
			results, err := l.Ask(ctx, []evm.Question{evm.Ask(count.Call(origin.Hook)), evm.Ask(root.Call(origin.Hook))})
			if err != nil {
				return err
			}
			n, err := count.Unpack(results[0])
			if err != nil {
				return err
			}
			r, err := root.Unpack(results[1])
			if err != nil {
				return err
			}
			leaves, okCount := first[uint32](n, nil)
			hash, okRoot := first[[32]byte](r, nil)
			if !okCount || !okRoot {
				return fmt.Errorf("%s: is no merkle tree hook", origin.Hook)
			}
			tip = attestation.Tip{Count: leaves, Root: hash}
			return nil
		})
		return tip, err
	}
}
