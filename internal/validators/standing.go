package validators

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
)

// judge judges every declared member of the origins that were read.
func (s Source) judge(ctx context.Context, g gathering, readings []*reading) []Member {
	var list []Member
	for _, set := range g.env.ValidatorSets {
		r := g.readings[set.Origin]
		if r == nil || len(r.members) != len(set.Members) {
			continue // nobody asked for this origin
		}
		for i, m := range set.Members {
			list = append(list, Member{Member: m, Origin: set.Origin, Address: r.members[i], Announced: r.locations[r.members[i]]})
		}
	}
	s.stand(ctx, g.readings, list)
	return list
}

// stand fills in how each member stands. It asks the storage of all that can be
// asked about.
func (s Source) stand(ctx context.Context, readings map[string]*reading, list []Member) {
	var questions []attestation.Question
	var asked []*Member
	for i := range list {
		m := &list[i]
		r := readings[m.Origin]
		switch {
		case r.err != nil:
			m.Standing.Err = r.err
		case m.Address == common.Address{}:
			m.Standing.Err = errNoAddress
		case r.tipErr != nil:
			m.Standing.Err = r.tipErr
		default:
			asked = append(asked, m)
			questions = append(questions, attestation.Question{Origin: r.origin, Validator: m.Address, Locations: m.Announced, Expected: m.Location})
		}
	}
	tips := func(_ context.Context, origin attestation.Origin) (attestation.Tip, error) {
		for _, r := range readings {
			if r.origin == origin {
				return r.tip, nil
			}
		}
		return attestation.Tip{}, fmt.Errorf("no network of domain %d was read", origin.Domain)
	}
	for i, standing := range s.Checkpoints.Judge(ctx, questions, tips) {
		asked[i].Standing = standing
	}
}
