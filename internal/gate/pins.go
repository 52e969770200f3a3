package gate

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// RulePinLeftOut is the finding that a plan uses an address that was pinned since
// the last applied commit, and leaves out the change that says so.
const RulePinLeftOut = "pin-left-out"

// PinsName names the change of addresses.json: governance/<environment>/addresses.
const PinsName = "addresses"

func (j *judge) pinsID() resource.ID {
	return resource.ID{Kind: plan.GovernanceKind, Scope: j.in.Plan.Environment, Name: PinsName}
}

// pinChanges is what addresses.json says otherwise than at the last applied
// commit, a field for each key, whole: who is paid and who gets authority follows
// from it.
func (j *judge) pinChanges() []plan.Change {
	var changed []raise
	for _, key := range j.repinned() {
		changed = append(changed, raise{key, j.in.AppliedPins[key], j.in.PlannedPins[key]})
	}
	if len(changed) == 0 {
		return nil
	}
	return []plan.Change{ruleChange(j.pinsID(), resource.Sensitive, changed)}
}

// repinned lists the keys whose pin was added, changed or removed.
func (j *judge) repinned() []string {
	if !j.in.HasAnchor {
		return nil
	}
	keys := map[string]bool{}
	for key := range maps.Keys(j.in.AppliedPins) {
		keys[key] = true
	}
	for key := range maps.Keys(j.in.PlannedPins) {
		keys[key] = true
	}
	maps.DeleteFunc(keys, func(key string, _ bool) bool { return j.in.AppliedPins[key] == j.in.PlannedPins[key] })
	return slices.Sorted(maps.Keys(keys))
}

// pinsLeftOut refuses a plan that was cut and pays or empowers a newly pinned
// address without showing the pin.
func (j *judge) pinsLeftOut() {
	if slices.ContainsFunc(j.v.Added, func(c plan.Change) bool { return c.ID == j.pinsID() }) {
		return
	}
	for _, key := range j.repinned() {
		address := addressOf(j.in.PlannedPins[key])
		if address == "" || strings.EqualFold(address, addressOf(j.in.AppliedPins[key])) {
			continue
		}
		for _, c := range j.in.Plan.Changes {
			if c.ID.Kind == plan.GovernanceKind || !uses(c, key, address) {
				continue
			}
			j.find(RulePinLeftOut, resource.Refuse, c.ID,
				fmt.Sprintf("it rests on key %s, which is pinned as %s since the last applied commit, and this plan leaves that change out", key, j.in.PlannedPins[key]),
				"plan without --only and --cause, or add --only "+j.pinsID().String())
		}
	}
}

// addressOf is the address of "<arn> <address>".
func addressOf(pin string) string { return pin[strings.LastIndexByte(pin, ' ')+1:] }

// uses reports a change that holds the address, or points at the key for it.
func uses(c plan.Change, key, address string) bool {
	refers := func(refs []resource.Ref) bool {
		return slices.ContainsFunc(refs, func(ref resource.Ref) bool {
			return ref.Output == "address" && ref.ID.Name == key
		})
	}
	if refers(c.After.Refs()) {
		return true
	}
	holds := func(value any) bool {
		data, err := resource.Canonical(value)
		return err != nil || bytes.Contains(bytes.ToLower(data), []byte(strings.ToLower(address)))
	}
	return holds(c.After) || slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return refers(s.Params.Refs()) || holds(s.Params) })
}
