package config

import (
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Governance is what judges a plan. It is read at the last applied commit,
// never from the change under review.
type Governance struct {
	// Requirements says per risk what is needed: auto, forbid or a number of approvals.
	Requirements map[resource.Risk]Requirement
	// TopUp is what a top-up inside the standing limits needs in place of
	// Requirements[Routine]; nil: the same.
	TopUp *Requirement
	Belts Belts
	// TrustedRef is the ref whose tip must hold the plan's configuration.
	TrustedRef string
	// Acknowledged lists findings that a reviewed line accepts.
	Acknowledged []Acknowledgement
	// Calls are the contract methods that parameters may be written by, by
	// signature ("setUpdater(address)"), each with its risk.
	Calls map[string]resource.Risk
	// PlanLife is how long a plan may be applied.
	PlanLife time.Duration
	// Approvals is what a signature must be, beside being there.
	Approvals Approvals
	// Windows are when changes may be applied, and when not.
	Windows Windows
	// Approvers is the file environments/<env>/approvers as it stands: who may
	// sign, in the form of OpenSSH's allowed_signers; nil: nobody.
	Approvers []byte
	// Revoked is the file environments/<env>/revoked as it stands: public keys whose
	// signatures count no more, one a line.
	Revoked []byte
	// People are those of environments/people.cue, sorted by name.
	People []Person
	// Policies are the files of policy/ at the repository's root, sorted by path.
	Policies []PolicyFile
	Source   resource.Source
}

// Approvals is what a signature must be.
type Approvals struct {
	// SecurityKeys says that only hardware keys count.
	SecurityKeys bool `json:"securityKeys,omitempty"`
	// Replan says that one approver must have made the plan again with
	// credentials and endpoints of his own.
	Replan bool `json:"replan,omitempty"`
	// Remote is the git remote that approvals are kept in; empty: "origin".
	Remote string `json:"remote,omitempty"`
}

// Windows are the times at which changes may be applied. Deny wins; where Allow
// holds anything, what lies outside of it is denied.
type Windows struct {
	// Zone is an IANA time zone, that of every window's hours and days.
	Zone        string
	Allow, Deny []Window
	// TopUps lets top-ups inside the standing limits through.
	TopUps bool
}

// Window is a span of dates, or hours that return every week.
type Window struct {
	// From and To (exclusive) are days (2026-12-20) or instants (2026-12-20T18:00) of
	// a span; empty for hours that return.
	From, To string
	// Days (mon to sun; empty: every day), Begin and End (15:04) are hours that
	// return. An End at or before Begin is on the next day.
	Days       []string
	Begin, End string
	Why        string
	Source     resource.Source
}

// Person is somebody who writes, approves or owns: one person, however many keys
// and names.
type Person struct {
	Name string
	// Keys are OpenSSH public keys ("ssh-ed25519 AAAA…", comments left out), which
	// sign approvals and commits.
	Keys []string
	// Emails as they stand in commits, lower case.
	Emails []string
	// Forge is the login at the forge; empty: none.
	Forge string
	// Principals are IAM users and roles, by ARN or by name in the environment's account.
	Principals []string
	// Addresses are those (EIP-55) whose keys the person holds: owners of Safes and
	// contracts.
	Addresses []string
	Source    resource.Source
}

// PolicyFile is one file of the users' own rules.
type PolicyFile struct {
	// Path is relative to the repository's root.
	Path string
	Data []byte
}

// Requirement is what a risk needs.
type Requirement struct {
	Auto      bool `json:"auto,omitempty"`
	Forbid    bool `json:"forbid,omitempty"`
	Approvals int  `json:"approvals,omitempty"`
}

// Belts are limits on one plan that hold whatever was approved.
type Belts struct {
	// UpdateShare and DeleteShare are percentages of the environment's
	// resources, counted from MinResources resources up.
	UpdateShare, DeleteShare int
	MinResources             int
	// Updates and Deletes count changes, top-ups left out, KeysRetired keys that one
	// plan disables or retires, AccessWidened principals that gain an action by it.
	// nil: no limit.
	Updates       *int `json:",omitempty"`
	Deletes       *int `json:",omitempty"`
	KeysRetired   *int `json:",omitempty"`
	AccessWidened *int `json:",omitempty"`
	// ThresholdMove is how far the threshold of one validator set or Safe may move,
	// MemberMoves how many may join and leave it, together. nil: no limit.
	ThresholdMove *int `json:",omitempty"`
	MemberMoves   *int `json:",omitempty"`
}

// DefaultBelts are those of an environment that states none: what #Belts of the
// schema fills in.
func DefaultBelts() Belts {
	keys, threshold, members := 1, 1, 4
	return Belts{UpdateShare: 100, DeleteShare: 10, MinResources: 10, KeysRetired: &keys, ThresholdMove: &threshold, MemberMoves: &members}
}

// Acknowledgement accepts one finding.
type Acknowledgement struct {
	Rule    string
	ID      string
	Reason  string
	Expires time.Time // zero: does not expire
	Source  resource.Source
}
