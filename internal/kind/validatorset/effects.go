package validatorset

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// prepare asks the members once more, right before the one call after which
// their signatures count. Making a module asks nobody: it is pointed to by none.
func (s *sets) prepare(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
	if r.Step.Op != call.Deploy {
		if err := s.enough(ctx, r); err != nil {
			return nil, &kind.NotAcceptedError{Err: err}
		}
	}
	return s.Calls.Prepare(ctx, r)
}

// enough is an error unless so many members are shown to sign, now, as the new
// threshold asks for.
func (s *sets) enough(ctx context.Context, r kind.Resolved) error {
	var params struct {
		Subject subject `json:"subject"`
	}
	if err := (resource.Attrs{"subject": r.Step.Params["subject"]}).Decode(&params); err != nil {
		return fmt.Errorf("the step names no members: %w", err)
	}
	env := r.Environment
	i := slices.IndexFunc(env.ValidatorSets, func(v config.ValidatorSet) bool { return v.Origin == r.Step.ID.Name })
	if i < 0 || env.ValidatorSets[i].Threshold != params.Subject.Threshold || len(env.ValidatorSets[i].Members) != len(params.Subject.Members) {
		return fmt.Errorf("the environment declares another set for %s", r.Step.ID.Name)
	}
	members := make([]common.Address, len(params.Subject.Members))
	for i, text := range params.Subject.Members {
		members[i] = common.HexToAddress(text)
	}
	standings, err := s.ask(ctx, env, env.ValidatorSets[i], members)
	if err != nil {
		return err
	}
	live, states := map[common.Address]bool{}, ""
	for i, standing := range standings {
		if standing.Err != nil {
			return standing.Err
		}
		live[members[i]] = standing.State == attestation.Live || standing.State == attestation.Unproven
		if !live[members[i]] {
			states += fmt.Sprintf("; %s is %s: %s", members[i], standing.State, standing.Reason)
		}
	}
	if q, ok := ism.SafeToRepoint(ism.Set{Members: members, Threshold: params.Subject.Threshold}, live); !ok {
		return fmt.Errorf("live %d of %d, need %d: messages from %s would stand still%s", q.Have, len(members), q.Need, r.Step.ID.Name, states)
	}
	return nil
}

// ask judges members of an origin anew.
func (s *sets) ask(ctx context.Context, env *config.Environment, set config.ValidatorSet, members []common.Address) ([]attestation.Standing, error) {
	origin, deployed := originOf(env, set.Origin)
	announce, there := env.Deployment.Contract(set.Origin, config.RoleValidatorAnnounce)
	if !deployed || !there {
		return nil, fmt.Errorf("%s: has no contracts", set.Origin)
	}
	client, err := s.Networks(set.Origin)
	if err != nil {
		return nil, err
	}
	r := reading{announce: common.HexToAddress(announce.Address), members: members}
	if err := client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		results, err := l.Ask(ctx, r.announcements())
		if err == nil {
			r.heard(results)
		}
		return err
	}); err != nil {
		return nil, err
	}
	questions := make([]attestation.Question, len(members))
	for i, m := range members {
		questions[i] = attestation.Question{Origin: origin, Validator: m, Locations: r.locations[m]}
	}
	return s.Checkpoints.Judge(ctx, questions, s.tip(env)), nil
}
