package validators

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Rules of the findings, beside those of internal/ism about modules.
const (
	RuleMalformed = "malformed-set"
	RuleFloor     = "below-floor"
	RuleForge     = "one-party-forges"
	RuleHalt      = "one-party-halts"
	RuleUnpinned  = "unpinned-member"
	RuleUnproven  = "unproven-member"
	RuleQuorum    = "not-enough-live"
	RuleHalted    = "halted"
	RuleSpare     = "no-spare-signer"
	RuleShared    = "shared-module"
	RulePaused    = "paused"
	RuleLevel     = "evm-level"
)

// Signer is a member as it is judged.
type Signer struct {
	Name, Operator, Account, Region string
	// State is how it stands; empty: nobody could be asked.
	State attestation.State
	// Accepted is the reviewed reason for which one that is not shown to sign is
	// taken all the same.
	Accepted string
}

func (s Signer) state() string {
	if s.State == "" {
		return "unread"
	}
	return string(s.State)
}

// Case is one destination and origin to be judged: a declared set whose
// addresses are all known.
type Case struct {
	ID  resource.ID
	Set ism.Set
	// By are the members by address.
	By map[common.Address]Signer
	// Floor of the environment; Reason is why a set below it, or one that a single
	// party holds, is meant. On mainnet a single party is never only a note.
	Floor   ism.Floor
	Reason  string
	Mainnet bool
	// Watched sets are somebody else's.
	Watched bool
	// Shared names the other origins that a repoint concerns, Against those for
	// which another set is declared.
	Shared, Against string
	// Push0 is what the chain says of that opcode, where a new module needs it.
	Push0 chain.Known
}

// Judge judges the set as it is declared, as it is, and the way between.
func (c Case) Judge(have *ism.Path) []resource.Finding {
	j := judge{Case: c}
	if !c.Watched {
		j.declared()
	}
	if have != nil && have.Set != nil && have.Set.Equal(c.Set) {
		j.inForce()
	}
	if have != nil {
		j.live(*have)
	}
	return j.found
}

type judge struct {
	Case
	found []resource.Finding
}

// inForce is for a set that is in force as it is declared: what speaks against
// it was accepted with it, or asks to be, and stops nothing that is not about it.
func (j *judge) inForce() {
	j.found = slices.DeleteFunc(j.found, func(f resource.Finding) bool { return f.Severity == resource.Note })
	for i := range j.found {
		j.found[i].Severity = resource.Acknowledge
	}
}

func (j *judge) find(rule string, severity resource.Severity, hint, format string, args ...any) {
	j.found = append(j.found, resource.Finding{Rule: rule, Severity: severity, ID: j.ID, Reason: fmt.Sprintf(format, args...), Hint: hint})
}

// declared judges the set that is wanted.
func (j *judge) declared() {
	if err := j.Set.Check(); err != nil {
		j.find(RuleMalformed, resource.Refuse, "", "%s", err)
		return
	}
	if err := j.Floor.Check(j.Set); err != nil && j.Reason == "" {
		j.find(RuleFloor, resource.Refuse, "raise the set, or write why in its reason", "%s", err)
	}
	var parties []ism.Member
	for _, a := range j.Set.Members {
		m := j.By[a]
		parties = append(parties, ism.Member{Address: a, Operator: m.Operator, Account: m.Account, Region: m.Region})
	}
	for _, c := range ism.Concentration(parties, j.Set.Threshold) {
		switch {
		case c.Forges() && j.Reason == "":
			j.find(RuleForge, resource.Refuse, "spread the members, or write why it is meant in the set's reason", "%s", c)
		case c.Forges() && j.Mainnet:
			j.find(RuleForge, resource.Acknowledge, "", "%s; the set's reason: %s", c, j.Reason)
		case c.Forges():
			j.find(RuleForge, resource.Note, "", "%s; the set's reason: %s", c, j.Reason)
		case c.Halts() && j.Reason != "" && !j.Mainnet:
			j.find(RuleHalt, resource.Note, "", "%s; the set's reason: %s", c, j.Reason)
		case c.Halts():
			j.find(RuleHalt, resource.Acknowledge, "", "%s", c)
		}
	}
}

// Modules judges what stands between a mailbox and a set, whoever is a member.
func Modules(id resource.ID, path ism.Path, watched bool) []resource.Finding {
	var found []resource.Finding
	for _, p := range path.Problems {
		severity := resource.Acknowledge
		switch {
		case watched:
			severity = resource.Note
		case p.Rule == ism.RuleCycle || p.Rule == ism.RuleContradiction:
			severity = resource.Refuse
		}
		found = append(found, resource.Finding{Rule: p.Rule, Severity: severity, ID: id, Reason: p.Error(), Hint: "it is told and never rewritten"})
	}
	for _, n := range path.Modules {
		if n.Paused != nil && *n.Paused {
			found = append(found, resource.Finding{
				Rule: RulePaused, Severity: resource.Note, ID: id, Reason: fmt.Sprintf("module %s is paused: nothing of it is delivered", n.Address),
			})
		}
	}
	return found
}

// live judges what is there, and whether it can be left for what is wanted.
func (j *judge) live(have ism.Path) {
	if have.Set != nil && have.Set.Equal(j.Set) {
		j.standing(*have.Set)
		return
	}
	if !j.Watched && len(have.Problems) == 0 {
		j.change(have.Set)
	}
}

// standing tells how a set in force does.
func (j *judge) standing(s ism.Set) {
	q := s.Quorum(j.signing())
	switch {
	case j.anyUnread():
	case !q.Met():
		j.find(RuleHalted, resource.Acknowledge, see, "live %d of %d, need %d: no message is delivered; silent: %s", q.Have, len(s.Members), q.Need, j.who(q.Silent))
	case q.Have == q.Need && len(s.Members) > q.Need:
		j.find(RuleSpare, resource.Note, see, "live %d of %d, need %d: one more silent signer halts it; silent: %s", q.Have, len(s.Members), q.Need, j.who(q.Silent))
	}
}

// change judges leaving a set, or none, for the declared one: whoever is new is
// shown to sign, and enough of all are.
func (j *judge) change(have *ism.Set) {
	for _, a := range j.Set.Members {
		m := j.By[a]
		switch {
		case have != nil && have.Has(a) || Signs(m.State):
		case m.Accepted != "":
			j.find(RuleUnproven, resource.Note, "", "%s %s is %s and is taken all the same: %s", m.Name, a, m.state(), m.Accepted)
		default:
			j.find(RuleUnproven, resource.Refuse, see, "new member %s %s is %s, need live: it must be announced on %s and have signed near the tip", m.Name, a, m.state(), j.ID.Name)
		}
	}
	if q, ok := ism.SafeToRepoint(j.Set, j.signing()); !ok {
		j.find(RuleQuorum, resource.Refuse, see, "live %d of %d, need %d: messages from %s would stand still; silent: %s", q.Have, len(j.Set.Members), q.Need, j.ID.Name, j.who(q.Silent))
	}
	switch j.Push0 {
	case chain.No:
		j.find(RuleLevel, resource.Refuse, "pin factories whose modules were compiled for an EVM before Shanghai",
			"the new module runs code with the opcode PUSH0: have an EVM without it on %s, need Shanghai or later; no message from %s would be delivered", j.ID.Scope, j.ID.Name)
	case chain.Maybe:
		j.find(RuleLevel, resource.Note, "", "the new module runs code with the opcode PUSH0, and %s does not say whether it has it: that the code answers there is all that shows that it runs", j.ID.Scope)
	}
	switch {
	case j.Against != "":
		j.find(RuleShared, resource.Refuse, "give each origin a route of its own, or declare one set for all", "the call changes what is asked of messages from %s too, for which another set is declared", j.Against)
	case j.Shared != "":
		j.find(RuleShared, resource.Acknowledge, "", "the call changes what is asked of messages from %s too: they share the module", j.Shared)
	}
}

const see = "reconcile validators shows each one"

func (j *judge) signing() map[common.Address]bool {
	live := map[common.Address]bool{}
	for a, m := range j.By {
		live[a] = Signs(m.State)
	}
	return live
}

func (j *judge) anyUnread() bool {
	return slices.ContainsFunc(j.Set.Members, func(a common.Address) bool { return j.By[a].State == "" })
}

// who names silent members with their state.
func (j *judge) who(silent []common.Address) string {
	silent = slices.Clone(silent)
	declared := func(a common.Address) int { return slices.Index(j.Set.Members, a) }
	slices.SortStableFunc(silent, func(a, b common.Address) int { return declared(a) - declared(b) })
	names := make([]string, len(silent))
	for i, a := range silent {
		if names[i] = a.Hex(); j.By[a].Name != "" {
			names[i] = j.By[a].Name + " (" + j.By[a].state() + ")"
		}
	}
	return strings.Join(names, ", ")
}
