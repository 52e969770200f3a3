package plan

import (
	"fmt"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// decisions are what was decided and nothing that moves by itself: never why,
// reasons, nonces, gas, or the balance that a top-up read.
type decisions struct {
	Environment string          `json:"environment"`
	Identity    Identity        `json:"identity"`
	Overlay     *Overlay        `json:"overlay"`
	Partial     bool            `json:"partial"`
	Changes     []intent        `json:"changes"`
	Findings    []intentFinding `json:"findings"`
	Unread      []string        `json:"unread"`
	Spend       []intentSpend   `json:"spend"`
	Governance  string          `json:"governance"`
}

// intent is what of a change was decided.
type intent struct {
	ID     resource.ID   `json:"id"`
	Action Action        `json:"action"`
	Risk   resource.Risk `json:"risk"`
	Fields []FieldChange `json:"fields"`
	Steps  []intentStep  `json:"steps"`
	// Waits is here because nothing else of the file says what must come first.
	Waits []resource.ID `json:"waits,omitempty"`
}

type intentStep struct {
	Op     string         `json:"op"`
	ID     resource.ID    `json:"id"`
	Params resource.Attrs `json:"params"`
}

type intentFinding struct {
	Rule     string            `json:"rule"`
	Severity resource.Severity `json:"severity"`
	ID       resource.ID       `json:"id"`
}

type intentSpend struct {
	Network string `json:"network"`
	Wei     string `json:"wei"`
}

func (p *Plan) changesDigest(moving map[string][]string) (string, error) {
	return digestInParts(p.decided(moving))
}

// CheckChanges refuses a plan whose ChangesDigest is not that of its changes, with a
// *ForgedError: people sign that digest, so with somebody else's their approvals
// would count for other changes. moving is as for Seal.
func (p *Plan) CheckChanges(moving map[string][]string) error {
	computed, err := p.changesDigest(moving)
	if err != nil {
		return fmt.Errorf("changes digest: %w", err)
	}
	if computed != p.ChangesDigest {
		return &ForgedError{Part: "changesDigest", Detail: fmt.Sprintf("%s is stated, its changes have %s", p.ChangesDigest, computed)}
	}
	return nil
}

func (p *Plan) decided(moving map[string][]string) decisions {
	d := decisions{
		Environment: p.Environment, Identity: p.Identity, Overlay: p.Overlay, Partial: p.Partial, Changes: intents(p.Changes, moving),
		Findings: []intentFinding{}, Unread: []string{}, Spend: []intentSpend{}, Governance: p.Revision.Governance,
	}
	for _, f := range p.Findings {
		if !passing(f) {
			d.Findings = append(d.Findings, intentFinding{f.Rule, f.Severity, f.ID})
		}
	}
	d.Findings = slices.Compact(d.Findings)
	for _, u := range p.Unread {
		d.Unread = append(d.Unread, u.Scope)
	}
	d.Unread = slices.Compact(d.Unread)
	for _, s := range p.Spend {
		d.Spend = append(d.Spend, intentSpend{s.Network, s.Wei})
	}
	return d
}

func intents(changes []Change, moving map[string][]string) []intent {
	all := []intent{}
	for _, c := range changes {
		bare := intent{c.ID, c.Action, c.Risk, []FieldChange{}, []intentStep{}, c.Waits}
		for _, f := range c.Fields {
			if slices.Contains(moving[c.ID.Kind], f.Path) {
				f.Before = nil
			}
			bare.Fields = append(bare.Fields, f)
		}
		for _, s := range c.Steps {
			bare.Steps = append(bare.Steps, intentStep{s.Op, s.ID, s.Params})
		}
		all = append(all, bare)
	}
	return all
}

// Differing names what two plans decide differently, in words: ids of changes, and
// what else their ChangesDigest covers. Where it names nothing, the digests are
// equal. moving is that of Seal.
func Differing(one, other *Plan, moving map[string][]string) []string {
	left, right := one.decided(moving).named(), other.decided(moving).named()
	var names []string
	for name, value := range left {
		if !equal(value, right[name]) {
			names = append(names, name)
		}
	}
	for name := range right {
		if _, both := left[name]; !both {
			names = append(names, name)
		}
	}
	if len(names) == 0 && one.ChangesDigest != other.ChangesDigest {
		names = append(names, "their order, or what another version of the tool digests")
	}
	slices.Sort(names)
	return names
}

// named takes the decisions apart, each under the name that it is told by.
func (d decisions) named() map[string]any {
	parts := map[string]any{
		"the environment": d.Environment, "the account or the chains": d.Identity, "the overlay": d.Overlay,
		"what is left out": d.Partial, "the rules": d.Governance,
	}
	for _, c := range d.Changes {
		parts[c.ID.String()] = c
	}
	for _, f := range d.Findings {
		parts[fmt.Sprintf("finding %s (%s) on %s", f.Rule, f.Severity, about(f.ID))] = true
	}
	for _, scope := range d.Unread {
		parts["unread "+scope] = true
	}
	for _, s := range d.Spend {
		parts["money on "+s.Network] = s.Wei
	}
	return parts
}

func about(id resource.ID) string {
	if id.IsZero() {
		return "the environment"
	}
	return id.String()
}
