package validatorset

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
)

// ruleNotDeployed is a network without the contracts that a set needs.
const ruleNotDeployed = "not-deployed"

// check judges every set as declared, as it is, and the way between.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	live, byID := kind.Specs(observed), resource.FactsByID(facts)
	var found []resource.Finding
	for _, f := range facts {
		if f.ID == contractsOf(f.ID.Scope) && f.Name == factMissing {
			found = append(found, resource.Finding{
				Rule: ruleNotDeployed, Severity: resource.Note, ID: f.ID,
				Reason: fmt.Sprintf("%s is not deployed: the deployment has no %s there, and no set is asked for", f.ID.Scope, f.Value),
			})
		}
	}
	for _, want := range desired {
		if want.Spec.Terms == nil {
			continue
		}
		watched := want.Mode == resource.Observed
		have, read := live[want.ID]
		if read && have.Path != nil {
			found = append(found, validators.Modules(want.ID, *have.Path, watched)...)
		}
		if !watched {
			found = append(found, pins(want, byID)...)
		}
		if c, whole := caseOf(want, byID); whole {
			c.Watched = watched
			found = append(found, c.Judge(have.Path)...)
		}
	}
	return alone(kind.Merged(found))
}

// alone makes refusals stop nothing but their own repoint, which steps defers: a
// member that does not sign yet must not keep the others' wallets from being filled.
func alone(found []resource.Finding) []resource.Finding {
	for i, f := range found {
		found[i].Own = f.Severity == resource.Refuse && f.ID.Kind == Name
	}
	return found
}

// refused is the first refusal of a repoint, nil where there is none.
func refused(before *ism.Path, after *kind.Object[Spec], byID map[resource.ID][]resource.Fact) *resource.Finding {
	c, whole := caseOf(*after, byID)
	if !whole {
		return nil
	}
	for _, f := range c.Judge(before) {
		if f.Severity == resource.Refuse {
			return &f
		}
	}
	return nil
}

// caseOf is what is to be judged; false while the address of a key that this plan
// makes is not known: the change is deferred until it is.
func caseOf(want kind.Object[Spec], byID map[resource.ID][]resource.Fact) (validators.Case, bool) {
	terms, own := want.Spec.Terms, resource.FactsOf(byID[want.ID], want.ID)
	c := validators.Case{
		ID: want.ID, Set: ism.Set{Type: ism.SetType(want.Spec.Type), Threshold: want.Spec.Threshold}, By: map[common.Address]validators.Signer{},
		Floor: terms.Floor, Reason: terms.Reason, Mainnet: terms.Mainnet, Shared: own[factShared], Against: own[factAgainst], Push0: chain.Known(own[factPush0]),
	}
	for _, n := range terms.Names {
		facts := member(want.ID.Name, n.Name, byID)
		if !common.IsHexAddress(facts[FactAddress]) {
			return c, false
		}
		s := validators.Signer{Name: n.Name, Operator: n.Operator, Account: n.Account, Region: n.Region, Accepted: facts[factAccepted]}
		if state := facts[FactStanding]; state != unread {
			s.State = attestation.State(state)
		}
		a := common.HexToAddress(facts[FactAddress])
		c.Set.Members, c.By[a] = append(c.Set.Members, a), s
	}
	return c, true
}

func member(origin, name string, byID map[resource.ID][]resource.Fact) map[string]string {
	id := validators.ValidatorID(origin, name)
	return resource.FactsOf(byID[id], id)
}

// pins holds the members' keys against addresses.json.
func pins(want kind.Object[Spec], byID map[resource.ID][]resource.Fact) []resource.Finding {
	var found []resource.Finding
	for _, n := range want.Spec.Terms.Names {
		if reason := unpinned(n, member(want.ID.Name, n.Name, byID)[FactAddress]); reason != "" {
			found = append(found, resource.Finding{
				Rule: validators.RuleUnpinned, Severity: resource.Refuse, ID: want.ID, Reason: reason,
				Hint: "add it to addresses.json in a commit of its own; if a key was pinned with another address, find out who changed it",
			})
		}
	}
	return found
}

// unpinned says why a member may not be put into a set yet; empty: it may.
func unpinned(n Named, address string) string {
	switch {
	case n.Pin == "" || n.Pin == address:
		return ""
	case n.Pin == PinMissing:
		return fmt.Sprintf("%s: the address of key %s is not pinned, and addresses are used here only when they are", n.Name, n.Key)
	case address == "":
		return ""
	}
	return fmt.Sprintf("%s: key %s has the address %s, addresses.json pins %s", n.Name, n.Key, address, strings.TrimSpace(n.Pin))
}
