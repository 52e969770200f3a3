package gate

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// risks gives every change the highest risk among its steps; payments outside
// the standing limits are lifted to sensitive.
func (j *judge) risks() {
	for _, c := range j.v.Added {
		j.v.Risks[c.ID] = c.Risk
	}
	for _, c := range j.in.Plan.Changes {
		if c.ID.Kind == plan.GovernanceKind {
			continue
		}
		risk, person := opRisk(j.in.Traits, c)
		if j.unusualPayment(c) {
			risk = higher(risk, resource.Sensitive)
		}
		j.v.Risks[c.ID] = risk
		if person {
			j.v.Persons[c.ID] = true
		}
		j.topUps[c.ID] = onlyPays(c)
	}
}

// opRisk is the highest risk of a change's step operations. What nobody
// classified (an unknown kind, an unlisted operation, no step at all) is
// destructive.
func opRisk(traits map[string]resource.Traits, c plan.Change) (resource.Risk, bool) {
	if len(c.Steps) == 0 {
		return resource.Destructive, false
	}
	highest, person := resource.Protective, false
	for _, s := range c.Steps {
		known := traits[s.ID.Kind]
		risk, listed := known.Risks[s.Op]
		if !listed || risk.Rank() > resource.Destructive.Rank() {
			risk = resource.Destructive
		}
		if s.Risk != "" && s.Risk.Rank() <= resource.Destructive.Rank() {
			risk = higher(risk, s.Risk)
		} else if s.Risk != "" {
			risk = resource.Destructive
		}
		highest = higher(highest, risk)
		person = person || s.Person || slices.Contains(known.Person, s.Op)
	}
	return highest, person
}

func higher(a, b resource.Risk) resource.Risk {
	if b.Rank() > a.Rank() {
		return b
	}
	return a
}

// requirements asks the highest price over all changes.
func (j *judge) requirements() {
	requires := plan.Requires{}
	for _, id := range j.changed() {
		risk := j.v.Risks[id]
		if requires.Risk == "" {
			requires.Risk = risk
		}
		requires.Risk = higher(requires.Risk, risk)
		need := j.need(id, risk)
		switch {
		case need.Forbid:
			requires.Forbidden = true
			j.find("forbidden", resource.Refuse, id, fmt.Sprintf("a %s change, and this environment forbids those", risk),
				"what a risk needs is a reviewed line in the environment's governance")
		case need.silent():
			requires.Forbidden = true
			j.find("forbidden", resource.Refuse, id, fmt.Sprintf("a %s change, and the governance in force does not say what those need", risk),
				"state auto, a number of approvals or forbid for it in the environment's governance")
		}
		requires.Approvals = max(requires.Approvals, need.Approvals)
		if j.v.Persons[id] {
			requires.Approvals = max(requires.Approvals, 1)
		}
	}
	if unsigned := j.in.Plan.Revision.Unsigned; unsigned > 0 && requires.Approvals > 0 {
		requires.Approvals++
		j.find(plan.RuleUnsigned, resource.Note, resource.ID{},
			fmt.Sprintf("%d of the commits since the last applied one carry no signature of a known key: nobody can tell who wrote them, and one approval more is asked for", unsigned),
			"sign commits with a key that environments/people.cue lists")
	}
	if j.open() && requires.Approvals > 0 {
		j.find("open-overlay", resource.Note, resource.ID{},
			fmt.Sprintf("the overlay is open: this sandbox waives %d %s that %s changes need", requires.Approvals, plural(requires.Approvals, "approval"), requires.Risk), "")
		requires.Approvals = 0
		// What asks for a person asks for one here too: somebody may have switched
		// a key off on purpose, and a sandbox is where that is rehearsed.
		if len(j.v.Persons) > 0 {
			requires.Approvals = 1
		}
	}
	j.v.Requires = requires
}

// need is what one change asks for. A top-up is a routine change of payments
// only: inside the standing limits, or it would be sensitive.
func (j *judge) need(id resource.ID, risk resource.Risk) Requirement {
	if j.in.Governance.TopUp != nil && risk == resource.Routine && j.topUps[id] {
		return *j.in.Governance.TopUp
	}
	return j.in.Governance.Requirements[risk]
}

// changed lists the IDs of all changes in the plan's order, added ones first.
func (j *judge) changed() []resource.ID {
	var ids []resource.ID
	for _, c := range j.v.Added {
		ids = append(ids, c.ID)
	}
	for _, c := range j.in.Plan.Changes {
		if c.ID.Kind != plan.GovernanceKind {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// unusualPayment reports a change that pays somebody whom the standing limits
// do not cover: a recipient never paid before, a recipient, bank, floor, target
// or cap that the last applied commit did not declare as high.
func (j *judge) unusualPayment(c plan.Change) bool {
	for _, s := range c.Steps {
		if !pays(s) {
			continue
		}
		if !j.paid[s.Spend.Network][strings.ToLower(recipient(s, c, j.in.Plan.Resolved))] {
			return true
		}
		name := c.ID.Scope + "/" + c.ID.Name
		before, had := j.in.Applied.Wallets[name]
		after, has := j.in.Planned.Wallets[name]
		if !had || !has || len(before.raises(after)) > 0 {
			return true
		}
		limits, had := j.in.Applied.Limits[s.Spend.Network]
		planned, has := j.in.Planned.Limits[s.Spend.Network]
		if !had || !has || len(limits.raises(planned)) > 0 {
			return true
		}
	}
	return false
}

// onlyPays reports a change all of whose steps pay.
func onlyPays(c plan.Change) bool {
	return !slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return !pays(s) })
}

// pays reports a step that moves value, or one whose amount cannot be read.
func pays(s resource.Step) bool {
	if s.Spend == nil {
		return false
	}
	wei, ok := decimal(s.Spend.Wei)
	return !ok || wei.Sign() > 0
}

// recipient is the address that a step pays: its parameter "to", else the
// declared address of its resource. Empty: an address that is not known yet.
func recipient(s resource.Step, c plan.Change, resolved map[string]string) string {
	for _, value := range []any{s.Params["to"], s.Params["address"], c.After["address"]} {
		switch value := value.(type) {
		case string:
			return value
		case resource.Ref:
			return resolved[value.String()]
		}
	}
	return ""
}

// decimal reads a count of wei: digits only.
func decimal(text string) (*big.Int, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(text, 10)
}

func lowered(paid map[string]map[string]bool) map[string]map[string]bool {
	all := make(map[string]map[string]bool, len(paid))
	for network, addresses := range paid {
		all[network] = make(map[string]bool, len(addresses))
		for address, was := range addresses {
			if was && address != "" {
				all[network][strings.ToLower(address)] = true
			}
		}
	}
	return all
}
