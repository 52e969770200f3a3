package validatorset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Rules of the findings, beside those of internal/ism about modules.
const (
	RuleMalformed = "malformed-set"
	RuleFloor     = "below-floor"
	RuleForge     = "one-party-forges"
	RuleHalt      = "one-party-halts"
	RuleUnproven  = "unproven-member"
	RuleQuorum    = "not-enough-live"
	RuleHalted    = "halted"
	RuleSpare     = "no-spare-signer"
	RuleShared    = "shared-module"
)

// check judges every set as declared, as it is, and the way between.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	live := kind.Specs(observed)
	byID := resource.FactsByID(facts)
	var found []resource.Finding
	for _, want := range desired {
		if want.Spec.Terms == nil {
			continue
		}
		j := judge{id: want.ID, want: want.Spec, own: resource.FactsOf(byID[want.ID], want.ID)}
		j.members(byID)
		if have, read := live[want.ID]; read {
			j.live(have, want.Mode == resource.Observed)
		}
		if want.Mode != resource.Observed {
			j.declared()
		}
		found = append(found, j.found...)
	}
	return found
}

// judge judges one destination and origin.
type judge struct {
	id   resource.ID
	want Spec
	own  map[string]string
	// set is the declared one as far as addresses are known, by is what is known of
	// each member by its address, whole says that all are.
	set   ism.Set
	by    map[common.Address]member
	whole bool
	found []resource.Finding
}

type member struct {
	Named
	state    string
	accepted string
}

// signs reports whether the member counts: it is shown to sign, or nothing was
// ever there to sign.
func (m member) signs() bool {
	return m.state == string(attestation.Live) || m.state == string(attestation.Unproven)
}

func (j *judge) find(rule string, severity resource.Severity, hint, format string, args ...any) {
	j.found = append(j.found, resource.Finding{Rule: rule, Severity: severity, ID: j.id, Reason: fmt.Sprintf(format, args...), Hint: hint})
}

func (j *judge) members(byID map[resource.ID][]resource.Fact) {
	j.set = ism.Set{Type: ism.SetType(j.want.Type), Threshold: j.want.Threshold}
	j.by, j.whole = map[common.Address]member{}, true
	for _, n := range j.want.Terms.Names {
		id := ValidatorID(j.id.Name, n.Name)
		facts := resource.FactsOf(byID[id], id)
		if !common.IsHexAddress(facts[FactAddress]) {
			j.whole = false
			continue
		}
		a := common.HexToAddress(facts[FactAddress])
		j.set.Members = append(j.set.Members, a)
		j.by[a] = member{Named: n, state: facts[FactStanding], accepted: facts[factAccepted]}
	}
}

// declared judges the set that is wanted.
func (j *judge) declared() {
	if !j.whole {
		return // keys that this plan makes; the change is deferred until they have addresses
	}
	if err := j.set.Check(); err != nil {
		j.find(RuleMalformed, resource.Refuse, "", "%s", err)
		return
	}
	reason := j.want.Terms.Reason
	if err := j.want.Terms.Floor.Check(j.set); err != nil && reason == "" {
		j.find(RuleFloor, resource.Refuse, "raise the set, or write why in its reason", "%s", err)
	}
	var parties []ism.Member
	for _, a := range j.set.Members {
		m := j.by[a]
		parties = append(parties, ism.Member{Address: a, Operator: m.Operator, Account: m.Account, Region: m.Region})
	}
	for _, c := range ism.Concentration(parties, j.set.Threshold) {
		switch {
		case c.Forges() && reason == "":
			j.find(RuleForge, resource.Refuse, "spread the members, or write why it is meant in the set's reason", "%s", c)
		case c.Forges() && j.want.Terms.Mainnet:
			j.find(RuleForge, resource.Acknowledge, "", "%s; the set's reason: %s", c, reason)
		case c.Forges():
			j.find(RuleForge, resource.Note, "", "%s; the set's reason: %s", c, reason)
		case c.Halts() && reason != "" && !j.want.Terms.Mainnet:
			j.find(RuleHalt, resource.Note, "", "%s; the set's reason: %s", c, reason)
		case c.Halts():
			j.find(RuleHalt, resource.Acknowledge, "", "%s", c)
		}
	}
}

// live judges what is there, and whether it can be left for what is wanted.
func (j *judge) live(have Spec, observed bool) {
	if have.Path == nil {
		return
	}
	for _, p := range have.Path.Problems {
		severity := resource.Acknowledge
		if p.Rule == ism.RuleCycle || p.Rule == ism.RuleContradiction {
			severity = resource.Refuse
		}
		if observed {
			severity = resource.Note
		}
		j.find(p.Rule, severity, "it is told and never rewritten", "%s", p.Error())
	}
	for _, n := range have.Path.Modules {
		if n.Paused != nil && *n.Paused {
			j.find("paused", resource.Note, "", "module %s is paused: nothing of it is delivered", n.Address)
		}
	}
	if have.Path.Set != nil && j.whole && have.Path.Set.Equal(j.set) {
		j.standing(*have.Path.Set)
		return
	}
	if observed || !j.whole || len(have.Path.Problems) > 0 {
		return
	}
	j.change(have.Path.Set)
}

// standing tells how a set in force does.
func (j *judge) standing(s ism.Set) {
	q := s.Quorum(j.signing())
	switch {
	case j.anyUnread():
	case !q.Met():
		j.find(RuleHalted, resource.Acknowledge, j.see(), "live %d of %d, need %d: no message is delivered; silent: %s", q.Have, len(s.Members), q.Need, j.who(q.Silent))
	case q.Have == q.Need && len(s.Members) > q.Need:
		j.find(RuleSpare, resource.Note, j.see(), "live %d of %d, need %d: one more silent signer halts it; silent: %s", q.Have, len(s.Members), q.Need, j.who(q.Silent))
	}
}

// change judges leaving have for the declared set: whoever is new is shown to
// sign, and enough of all are.
func (j *judge) change(have *ism.Set) {
	for _, a := range j.set.Members {
		m := j.by[a]
		if (have != nil && have.Has(a)) || m.signs() {
			continue
		}
		switch {
		case m.accepted != "":
			j.find(RuleUnproven, resource.Note, "", "%s %s is %s and is taken all the same: %s", m.Name, a, m.state, m.accepted)
		default:
			j.find(RuleUnproven, resource.Refuse, j.see(), "new member %s %s is %s, need live: it must be announced on %s and have signed near the tip", m.Name, a, m.state, j.id.Name)
		}
	}
	if q, ok := ism.SafeToRepoint(j.set, j.signing()); !ok {
		j.find(RuleQuorum, resource.Refuse, j.see(), "live %d of %d, need %d: messages from %s would stand still; silent: %s", q.Have, len(j.set.Members), q.Need, j.id.Name, j.who(q.Silent))
	}
	if shared := j.own[factShared]; shared != "" {
		j.find(RuleShared, resource.Acknowledge, "", "the call changes what is asked of messages from %s too: they share the module", shared)
	}
}

func (j *judge) see() string { return "reconcile validators shows each one" }

func (j *judge) signing() map[common.Address]bool {
	live := map[common.Address]bool{}
	for a, m := range j.by {
		live[a] = m.signs()
	}
	return live
}

func (j *judge) anyUnread() bool {
	return slices.ContainsFunc(j.set.Members, func(a common.Address) bool { return j.by[a].state == unjudged })
}

// who names silent members with their state.
func (j *judge) who(silent []common.Address) string {
	var names []string
	for _, a := range silent {
		m := j.by[a]
		if m.Name == "" {
			names = append(names, a.Hex())
			continue
		}
		names = append(names, m.Name+" ("+m.state+")")
	}
	return strings.Join(names, ", ")
}
