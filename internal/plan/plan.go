// Package plan compares what must be with what is, puts the changes in order
// and gives them digests that people can sign. It is pure: no I/O, no clock.
package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Format is the plan file's format: name/major. A reader refuses another major.
const Format = "reconcile.plan/1"

// Action is what happens to one resource.
type Action string

// The actions. Propose is an update that somebody else (a Safe) must sign.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
	Propose Action = "propose"
)

// Cause says why a resource differs: the configuration changed since the last
// apply, the world did, or both.
type Cause string

// The causes.
const (
	FromConfig Cause = "config"
	FromDrift  Cause = "drift"
	FromBoth   Cause = "both"
)

// Plan is what apply will do, whole: a reviewer signs its digest. It holds no
// secret and may be published.
type Plan struct {
	Format      string `json:"format"`
	Tool        string `json:"tool"`
	Environment string `json:"environment"`
	// Class of the environment, testnet or mainnet.
	Class string `json:"class"`
	// Digest covers all of the plan but itself.
	Digest string `json:"digest"`
	// ChangesDigest stays equal when the same change is planned again.
	ChangesDigest string   `json:"changesDigest"`
	Revision      Revision `json:"revision"`
	Overlay       *Overlay `json:"overlay"`
	// Partial plans were cut by a selector.
	Partial bool     `json:"partial"`
	Only    []string `json:"only,omitempty"`
	// Cause says that the plan holds only what the configuration changed (config,
	// and both), or only what the world did (drift), beside what those need; empty:
	// everything. Elsewhere counts the changes that were left to the other plan.
	Cause     Cause    `json:"cause"`
	Elsewhere int      `json:"elsewhere"`
	Identity  Identity `json:"identity"`
	// Observed is the digest of everything that was read.
	Observed string    `json:"observed"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	Changes  []Change  `json:"changes"`
	// Resolved is what each ref stood for when the plan was made.
	Resolved map[string]string  `json:"resolved"`
	Facts    []resource.Fact    `json:"facts"`
	Deferred []Deferred         `json:"deferred"`
	Pending  []Pending          `json:"pending"`
	Unread   []resource.Unread  `json:"unread"`
	Findings []resource.Finding `json:"findings"`
	Spend    []Spend            `json:"spend"`
	Requires Requires           `json:"requires"`
	Summary  Summary            `json:"summary"`
}

// Revision is the configuration that the plan was made from.
type Revision struct {
	Commit     string `json:"commit"`
	Dirty      bool   `json:"dirty"`
	Config     string `json:"config"`
	Governance string `json:"governance"`
	Applied    string `json:"lastApplied"`
	// Authors had a hand in the commits between Applied and Commit: e-mail addresses,
	// "key:SHA256:…" of those who signed commits, and "forge:<login>" of who opened
	// the pull request. Sorted.
	Authors []string `json:"authors"`
	// Unsigned counts the commits among those that change this environment and that no
	// known key signed.
	Unsigned int `json:"unsigned"`
}

// Overlay names the file that pointed the environment elsewhere.
type Overlay struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Open overlays let gates and dirty trees pass (sandboxes only).
	Open bool `json:"open"`
}

// Identity is what the plan was made against: asserted, not declared.
type Identity struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	// Chains maps a network to its chain id.
	Chains map[string]uint64 `json:"chains"`
}

// Change is what happens to one resource.
type Change struct {
	ID     resource.ID   `json:"id"`
	Group  string        `json:"group,omitempty"`
	Action Action        `json:"action"`
	Risk   resource.Risk `json:"risk"`
	// Person says that an operation asks for a person in every environment.
	Person bool  `json:"person,omitempty"`
	Cause  Cause `json:"cause"`
	// Before is the live resource, nil for a create.
	Before *State `json:"before"`
	// After is what the configuration declares, refs unresolved; nil for a delete.
	After  resource.Attrs    `json:"after"`
	Fields []FieldChange     `json:"fields"`
	Steps  []resource.Step   `json:"steps"`
	Why    []resource.Source `json:"why"`
	// Waits lists the changes that a delete must come after, and those that must
	// give before this one takes away.
	Waits []resource.ID `json:"waits,omitempty"`
}

// State is a live resource as a change found it.
type State struct {
	Attrs   resource.Attrs   `json:"attrs"`
	Outputs resource.Outputs `json:"outputs,omitempty"`
}

// FieldChange is one attribute before and after; nil is absent.
type FieldChange struct {
	Path   string `json:"path"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// UnmarshalJSON reads a field change with its refs as Ref values and its
// numbers exact, as they were when it was planned.
func (f *FieldChange) UnmarshalJSON(data []byte) error {
	attrs, err := resource.ParseAttrs(data)
	if err != nil {
		return err
	}
	path, ok := attrs["path"].(string)
	if !ok {
		return fmt.Errorf("field change without a path: %s", data)
	}
	*f = FieldChange{Path: path, Before: attrs["before"], After: attrs["after"]}
	return nil
}

// Deferred is a change that cannot be planned yet.
type Deferred struct {
	ID     resource.ID `json:"id"`
	Reason string      `json:"reason"`
}

// Pending is a change that was proposed and waits for others.
type Pending struct {
	ID     resource.ID `json:"id"`
	Reason string      `json:"reason"`
}

// Spend is the most that the plan may move out of a network's banks, in wei
// as decimal strings; Fee is an estimate's ceiling and is in no digest of intent.
type Spend struct {
	Network string `json:"network"`
	Wei     string `json:"wei"`
	Fee     string `json:"fee"`
}

// Requires is what the gate asks for before the plan may be applied.
type Requires struct {
	// Approvals is how many people must sign.
	Approvals int `json:"approvals"`
	// Risk is the highest risk among the changes, empty without changes.
	Risk resource.Risk `json:"risk,omitempty"`
	// Forbidden risks are never applied in this environment.
	Forbidden bool `json:"forbidden,omitempty"`
}

// Summary counts the plan.
type Summary struct {
	Create    int `json:"create"`
	Update    int `json:"update"`
	Replace   int `json:"replace"`
	Delete    int `json:"delete"`
	Propose   int `json:"propose"`
	Unchanged int `json:"unchanged"`
	Deferred  int `json:"deferred"`
	Pending   int `json:"pending"`
	Unread    int `json:"unread"`
}

// Empty reports whether there is nothing to do in what was read: no changes
// and nothing deferred.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 && len(p.Deferred) == 0 }

// Refused lists the findings that stop the plan: every refuse that is not about
// a deferred change alone, and every acknowledge that touches a change or the
// whole environment.
func (p *Plan) Refused() []resource.Finding {
	changed, deferred := map[resource.ID]bool{}, map[resource.ID]bool{}
	for _, c := range p.Changes {
		changed[c.ID] = true
	}
	for _, d := range p.Deferred {
		deferred[d.ID] = true
	}
	var refused []resource.Finding
	for _, f := range p.Findings {
		switch f.Severity {
		case resource.Refuse:
			if !f.Own || !deferred[f.ID] || changed[f.ID] {
				refused = append(refused, f)
			}
		case resource.Acknowledge:
			if f.ID.IsZero() || changed[f.ID] {
				refused = append(refused, f)
			}
		}
	}
	return refused
}

// Refuses reports whether anything at all is refused, what is deferred for it
// too.
func (p *Plan) Refuses() bool {
	return slices.ContainsFunc(p.Findings, func(f resource.Finding) bool { return f.Severity == resource.Refuse })
}

// Steps lists all steps in the order of the changes.
func (p *Plan) Steps() []resource.Step {
	var steps []resource.Step
	for _, c := range p.Changes {
		steps = append(steps, c.Steps...)
	}
	return steps
}
