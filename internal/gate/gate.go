// Package gate says what may change: it gives every change its risk, holds the
// belts, and says how many people must agree. It is pure: the rules, the ledger
// and the time are arguments, and nothing is read or written.
package gate

import (
	"math/big"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Input is all that a judgement rests on. The plan is a draft: risks, spend and
// requirements are not in it yet.
type Input struct {
	Plan *plan.Plan
	// Traits of every kind in the plan. A kind without traits is destructive.
	Traits map[string]resource.Traits
	// Governance in force: that of the last applied commit, or of the plan's own
	// commit where nothing was ever applied (HasAnchor false).
	Governance Governance
	// AppliedGovernance and PlannedGovernance are digests (sha256:<hex>) of the
	// governance at the last applied commit and at the plan's commit.
	AppliedGovernance, PlannedGovernance string
	// Applied is what funding might do at the last applied commit, Planned what
	// it may do at the plan's commit.
	Applied, Planned Standing
	// HasAnchor says that the store names a last applied commit.
	HasAnchor bool
	// SharedStore says that the store outlives one machine (S3).
	SharedStore bool
	// Mode of the environment; Observed is never applied.
	Mode   resource.Mode
	Ledger Ledger
	// Units name a network's coin for messages, by network; may be nil.
	Units map[string]Unit
	// Total counts the resources of the environment, declared or owned, the
	// whole of it even where the plan is partial.
	Total int
	// Now decides whether an acknowledgement has expired and which windows hold (UTC).
	Now time.Time
	// Applying says that the plan is about to be applied: what stops it only for a
	// while, a window or a stop, then refuses and is a note until then.
	Applying bool
	// Halt is what `reconcile stop` left in the store.
	Halt Halt
	// Windows are the times around Now at which changes may, or may not, be applied;
	// WindowsPassTopUps lets top-ups inside the standing limits through.
	Windows           []Window
	WindowsPassTopUps bool
	// AppliedPins and PlannedPins are addresses.json at the last applied commit and at
	// the plan's: key name to "<arn> <address>", the ARN empty where none is stated.
	AppliedPins, PlannedPins map[string]string
	// Widened lists the actions that principals gain by the plan, as computed from
	// what was read.
	Widened []Gain
}

// Gain is an action that a principal could not do before the plan and can do after.
type Gain struct{ Principal, Action, On string }

// Halt is a stop of an environment.
type Halt struct {
	// Scope is what is stopped: "changes" leaves top-ups and protective plans, "all"
	// leaves protective ones; empty: nothing is stopped.
	Scope string
	Why   string
	By    string
	Since time.Time
	// Unreadable says that nobody knows: then all is stopped.
	Unreadable string
}

// Window is a span of time (UTC, Until exclusive) in which changes may be applied,
// or may not. Where any is an Allow, what lies in none is denied. Deny wins.
type Window struct {
	From, Until time.Time
	Deny        bool
	Why         string
}

// Governance is what judges a plan.
type Governance struct {
	// Requirements says what each risk needs. A risk that is not named, or whose
	// requirement says nothing, is forbidden.
	Requirements map[resource.Risk]Requirement
	// TopUp is what a payment inside the standing limits needs in place of
	// Requirements[routine]; nil: the same.
	TopUp *Requirement
	Belts Belts
	// Acknowledged lists findings that a reviewed line accepts.
	Acknowledged []Acknowledgement
}

// Requirement is what a risk needs: nothing, the consent of some people, or it
// is never applied.
type Requirement struct {
	Auto      bool
	Forbid    bool
	Approvals int
}

// silent reports a requirement that says nothing.
func (r Requirement) silent() bool { return !r.Auto && !r.Forbid && r.Approvals <= 0 }

// Belts are limits on one plan that hold whatever was approved.
type Belts struct {
	// UpdateShare and DeleteShare are percentages (0 to 100) of Total. They are
	// held from MinResources resources up; zero allows none.
	UpdateShare, DeleteShare int
	MinResources             int
	// Updates and Deletes count changes, top-ups left out, KeysRetired keys that are
	// disabled, retired or removed, AccessWidened principals that gain an action. nil:
	// no limit.
	Updates, Deletes, KeysRetired, AccessWidened *int
	// ThresholdMove is how far the threshold of one resource may move, MemberMoves how
	// many may join and leave it, together. nil: no limit.
	ThresholdMove, MemberMoves *int
}

// Acknowledgement accepts findings of severity acknowledge.
type Acknowledgement struct {
	Rule string
	// ID is a selector as in plan.Selects; empty or ** for a finding about the
	// whole environment.
	ID     string
	Reason string
	// Expires is the instant from which it holds no more; zero: never.
	Expires time.Time
}

// Ledger is what the journal remembers of money.
type Ledger struct {
	// SpentDay is what left each network's bank in the 24 hours before Now, in
	// wei: open and unknown intents at ceiling plus fee, this plan's own left out.
	SpentDay map[string]*big.Int
	// Paid holds, per network, the addresses that were paid before. The case of
	// the hex digits does not matter.
	Paid map[string]map[string]bool
	// Made holds the ARNs that earlier applies made or adopted.
	Made map[string]bool
}

// Unit is the coin of a network.
type Unit struct {
	Symbol string
	// Decimals is how many digits of the smallest unit make one coin.
	Decimals int
}

// Verdict is the judgement over one plan.
type Verdict struct {
	// Risks is the risk of every change, Persons the changes that ask for a
	// person in every environment.
	Risks   map[resource.ID]resource.Risk
	Persons map[resource.ID]bool
	// Added are changes of the rules themselves: they stand first and have no
	// steps; apply takes them over by moving the last applied commit.
	Added []plan.Change
	// Findings are all of the plan, acknowledgements counted, and the gate's own.
	Findings []resource.Finding
	// Spend is the most that may leave each network's bank.
	Spend    []plan.Spend
	Requires plan.Requires
	stopping int
}

// Check judges a draft. It changes nothing; Verdict.Apply writes the judgement
// into the plan, which can then be sealed.
func Check(in Input) Verdict {
	j := judge{in: in, paid: lowered(in.Ledger.Paid), topUps: map[resource.ID]bool{}}
	j.v = Verdict{Risks: map[resource.ID]resource.Risk{}, Persons: map[resource.ID]bool{}}
	j.v.Added = selected(in.Plan, j.ruleChanges())
	j.spend()
	j.risks()
	j.environment()
	j.counts()
	j.quorums()
	j.pauses()
	j.inventory()
	j.pinsLeftOut()
	j.requirements()
	j.v.Findings = append(acknowledge(in.Plan.Findings, in.Governance.Acknowledged, in.Now), j.found...)
	slices.SortFunc(j.v.Findings, resource.Finding.Compare)
	j.v.Findings = slices.Compact(j.v.Findings)
	judged := *in.Plan
	j.v.Apply(&judged)
	j.v.stopping = len(judged.Refused())
	return j.v
}

// selected leaves out rule changes that a partial plan does not name: what it
// does is judged by the rules in force, and they stay in force. A plan that names
// one of them holds them all, since they come into force together.
func selected(p *plan.Plan, rules []plan.Change) []plan.Change {
	if p.Cause == plan.FromDrift {
		return nil
	}
	if !p.Partial {
		return rules
	}
	if slices.ContainsFunc(rules, func(c plan.Change) bool {
		return slices.ContainsFunc(p.Only, func(selector string) bool { return plan.Selects(selector, c.ID, c.Group) })
	}) {
		return rules
	}
	return nil
}

// Apply writes the judgement into the draft it was made from. Seal afterwards.
func (v Verdict) Apply(p *plan.Plan) {
	changes := slices.Clone(v.Added)
	for _, c := range p.Changes {
		if c.ID.Kind == plan.GovernanceKind {
			continue
		}
		c.Risk, c.Person = v.Risks[c.ID], v.Persons[c.ID]
		changes = append(changes, c)
	}
	p.Changes = changes
	p.Findings = slices.Clone(v.Findings)
	p.Spend = slices.Clone(v.Spend)
	p.Requires = v.Requires
}

// Blocked reports whether apply would refuse the plan as nobody signed it: a
// finding stops it, or it needs approvals.
func (v Verdict) Blocked() bool {
	return v.stopping > 0 || v.Requires.Forbidden || v.Requires.Approvals > 0
}

// judge gathers the parts of one verdict.
type judge struct {
	in    Input
	v     Verdict
	found []resource.Finding
	paid  map[string]map[string]bool
	// topUps are the changes all of whose steps pay.
	topUps map[resource.ID]bool
}

func (j *judge) find(rule string, severity resource.Severity, id resource.ID, reason, hint string) {
	j.found = append(j.found, resource.Finding{Rule: rule, Severity: severity, ID: id, Reason: reason, Hint: hint})
}

// open reports an overlay that lets approvals and dirty trees pass. It never
// does outside test networks.
func (j *judge) open() bool {
	o := j.in.Plan.Overlay
	return o != nil && o.Open && j.in.Plan.Class == "testnet"
}

// gated reports whether anything in this environment asks for people.
func (j *judge) gated() bool {
	if j.in.Plan.Class != "testnet" {
		return true
	}
	for _, risk := range []resource.Risk{resource.Protective, resource.Routine, resource.Sensitive, resource.Destructive} {
		if !j.in.Governance.Requirements[risk].Auto {
			return true
		}
	}
	return false
}
