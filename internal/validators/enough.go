package validators

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Subject is what a repoint is about: these members are asked once more right
// before it.
type Subject struct {
	Members   []Who  `json:"members"` // in the declared order
	Threshold int    `json:"threshold"`
	ISM       string `json:"ism"`
}

// SubjectOf a repoint of a path to a set, whose members have these names.
func SubjectOf(want ism.Set, names []string, path ism.Path, repoint ism.Repoint) Subject {
	// A module that stores its members stays where it is.
	s := Subject{Threshold: want.Threshold, ISM: repoint.Final.To.Hex()}
	if len(repoint.Modules) > 0 {
		s.ISM = repoint.Modules[len(repoint.Modules)-1].Hex()
	}
	for i, a := range want.Members {
		s.Members = append(s.Members, Who{Name: names[i], Address: a.Hex(), New: path.Set == nil || !path.Set.Has(a)})
	}
	return s
}

// Who is one member of a subject. One that is new to the destination must sign by
// itself, besides being one of enough.
type Who struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	New     bool   `json:"new,omitempty"`
}

// Enough is an error unless so many members are shown to sign, now, as the new
// threshold asks for, and every one that is new and not accepted by an exception.
// The subject must be what the environment declares for the route.
func (s Source) Enough(ctx context.Context, env *config.Environment, route resource.ID, about Subject, now time.Time) error {
	set, addresses, err := about.declared(env, route)
	if err != nil {
		return err
	}
	members, err := s.Ask(ctx, env, set, addresses)
	if err != nil {
		return err
	}
	var silent, joining []string
	for i, m := range members {
		if m.Standing.Err != nil {
			return m.Standing.Err
		}
		if m.Signs() {
			continue
		}
		text := fmt.Sprintf("%s %s is %s: %s", m.Name, m.Address, m.Standing.State, m.Standing.Reason)
		if silent = append(silent, text); about.Members[i].New && Accepted(set, m.Name, now) == "" {
			joining = append(joining, text)
		}
	}
	q, ok := ism.SafeToRepoint(ism.Set{Members: addresses, Threshold: set.Threshold}, Live(members))
	switch {
	case !ok:
		return fmt.Errorf("live %d of %d, need %d: messages from %s would stand still; %s", q.Have, len(members), q.Need, set.Origin, strings.Join(silent, "; "))
	case len(joining) > 0:
		return fmt.Errorf("%d new members do not sign, all of them must: %s", len(joining), strings.Join(joining, "; "))
	}
	return nil
}

// Accepted is the reason of an exception for a member that has not expired.
func Accepted(set config.ValidatorSet, member string, now time.Time) string {
	for _, e := range set.Unproven {
		if e.Member == member && (e.Expires.IsZero() || now.Before(e.Expires)) {
			return e.Reason
		}
	}
	return ""
}

// declared is the set that the environment declares, with the addresses that the
// step gives its members: none may be another's, whatever a plan says.
func (s Subject) declared(env *config.Environment, id resource.ID) (config.ValidatorSet, []common.Address, error) {
	i := slices.IndexFunc(env.ValidatorSets, func(v config.ValidatorSet) bool { return v.Origin == id.Name })
	if i < 0 || !slices.Contains(env.ValidatorSets[i].Destinations, id.Scope) || !env.ValidatorSets[i].Managed {
		return config.ValidatorSet{}, nil, fmt.Errorf("the environment manages no set of %s at %s", id.Name, id.Scope)
	}
	set := env.ValidatorSets[i]
	if set.Threshold != s.Threshold || len(set.Members) != len(s.Members) {
		return set, nil, fmt.Errorf("the environment declares %d of %d members for %s, the step %d of %d", set.Threshold, len(set.Members), id.Name, s.Threshold, len(s.Members))
	}
	addresses := make([]common.Address, len(s.Members))
	for i, m := range s.Members {
		declared := set.Members[i]
		address := declared.Address
		if declared.Key != "" {
			if address = env.Pins[declared.Key]; address == "" && env.Addresses == "pinned" {
				return set, nil, fmt.Errorf("the address of key %s is not pinned", declared.Key)
			}
		}
		if m.Name != declared.Name || !common.IsHexAddress(m.Address) || address != "" && common.HexToAddress(address) != common.HexToAddress(m.Address) {
			return set, nil, fmt.Errorf("the step has %s %s in the place of %s %s, as declared", m.Name, m.Address, declared.Name, address)
		}
		addresses[i] = common.HexToAddress(m.Address)
	}
	if err := (ism.Set{Type: ism.SetType(set.Type), Members: addresses, Threshold: set.Threshold}).Check(); err != nil {
		return set, nil, errors.Join(errors.New("the step's members are no set"), err)
	}
	return set, addresses, nil
}
