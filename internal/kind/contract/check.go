package contract

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Rules of findings. Those of single parameters, sets and invariants end with
// their name, so that accepting one accepts no other.
const (
	ruleNoCode         = "no-code"
	ruleCode           = "code-hash"
	ruleBeacon         = "beacon"
	ruleImplementation = "implementation"
	ruleOwner          = "owner"
	rulePin            = "pin-mismatch"
	ruleNotDeployed    = "not-deployed"
	ruleParameter      = "parameter-"
	ruleScan           = "scan-"
	ruleInvariant      = "invariant-"
)

// check judges what no write of ours would mend.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	have, about := map[resource.ID]Spec{}, resource.FactsByID(facts)
	for _, o := range observed {
		have[o.ID] = o.Spec
	}
	var found []resource.Finding
	for _, f := range facts {
		if f.Name == factAbsent && f.ID.Kind == "network" {
			found = append(found, resource.Finding{Rule: ruleNotDeployed, Severity: resource.Note, ID: f.ID, Reason: "contracts without an address are not looked at: " + f.Value})
		}
	}
	for _, want := range desired {
		spec, read := have[want.ID]
		if !read || want.Spec.Terms == nil {
			continue
		}
		j := judge{id: want.ID, want: want.Spec, have: spec, facts: resource.FactsOf(about[want.ID], want.ID), differs: resource.Refuse}
		if want.Mode == resource.Observed {
			j.differs = resource.Note
		}
		found = append(found, j.judge()...)
	}
	return found
}

// judge looks at one contract.
type judge struct {
	id         resource.ID
	want, have Spec
	facts      map[string]string
	// differs is how bad a difference is: that of a contract which is only watched
	// is a note. What the code is and what must hold does not depend on that.
	differs resource.Severity
	found   []resource.Finding
}

// find adds a finding; what falls under one rule is one finding.
func (j *judge) find(rule string, severity resource.Severity, format string, args ...any) {
	if rule = strings.ToLower(rule); len(rule) > 61 {
		rule = rule[:61]
	}
	reason := fmt.Sprintf(format, args...)
	for i, f := range j.found {
		if f.Rule == rule && f.Severity == severity {
			j.found[i].Reason += "; " + reason
			return
		}
	}
	j.found = append(j.found, resource.Finding{Rule: rule, Severity: severity, ID: j.id, Reason: reason})
}

func (j *judge) judge() []resource.Finding {
	if j.have.CodeHash == None {
		j.find(ruleNoCode, resource.Refuse, "there is no code at %s", j.want.Address)
		return j.found
	}
	j.code()
	j.owner()
	j.parameters()
	j.scans()
	j.invariants()
	j.pins()
	return j.found
}

// known is a wanted value as text, as far as the keys' addresses are known.
func (j *judge) known(v resource.Value) (string, bool) {
	if v.Known() {
		return v.Literal, true
	}
	address, ok := j.facts[factKey+v.Ref.ID.Name]
	return address, ok
}

func (j *judge) code() {
	if want := j.want.CodeHash; want != "" && want != j.have.CodeHash {
		j.find(ruleCode, resource.Refuse, "its code hashes to %s, the reviewed one to %s", j.have.CodeHash, want)
	}
	if why := j.have.Unreadable["beacon"]; why != "" {
		j.find(ruleBeacon, resource.Refuse, "%s", why)
		return
	}
	if why := j.have.Unreadable["implementation"]; why != "" {
		severity := resource.Note // nothing is pinned that this would hide
		if j.want.Implementation+j.want.ImplementationHash+j.want.Beacon != "" {
			severity = resource.Refuse
		}
		j.find(ruleImplementation, severity, "the code in force is not known: %s", why)
		return
	}
	if want := j.want.Implementation; want != "" && !same(want, j.have.Implementation) {
		j.find(ruleImplementation, resource.Refuse, "the code in force is that of %s, must be that of %s", cmp.Or(j.have.Implementation, None), want)
	}
	if want := j.want.ImplementationHash; want != "" && want != j.have.ImplementationHash {
		j.find(ruleCode, resource.Refuse, "the code in force, of %s, hashes to %s, the reviewed one to %s",
			cmp.Or(j.have.Implementation, None), cmp.Or(j.have.ImplementationHash, None), want)
	}
}

// owner is never transferred, unless a parameter says so.
func (j *judge) owner() {
	want, known := j.known(j.want.Owner)
	switch {
	case j.want.Owner == resource.Value{} || !known || want == "":
	case j.have.Unreadable["owner"] != "":
		j.find(ruleOwner, j.differs, "must be %s, and cannot be read: %s", want, j.have.Unreadable["owner"])
	case !same(want, j.have.Owner.Literal):
		j.find(ruleOwner, j.differs, "is %s, must be %s", j.have.Owner.Literal, want)
	}
}

func (j *judge) parameters() {
	for _, name := range slices.Sorted(maps.Keys(j.want.Parameters)) {
		way := j.want.Terms.Ways[name]
		want, known := j.known(j.want.Parameters[name])
		have, read := j.have.Parameters[name]
		switch why := j.have.Unreadable["parameters."+name]; {
		case why != "":
			j.find(ruleParameter+name, j.differs, "%s cannot be read: %s", way.Read, why)
		case !known || !read || same(want, have.Literal):
		case way.Write == "":
			j.find(ruleParameter+name, j.differs, "%s is %q, must be %q, and nothing is declared that writes it", way.Read, have.Literal, want)
		case config.Delegates(way.Write):
			j.find(ruleParameter+name, resource.Refuse, "%s runs calls of its caller's choice: nothing is written by it", way.Write)
		default:
			for _, key := range way.Keys {
				if j.want.Terms.Pins[key] == PinMissing {
					j.find(rulePin, resource.Refuse, "addresses.json does not pin key %s, whose address %s must hold", key, way.Read)
				}
			}
		}
	}
}

func (j *judge) scans() {
	for _, name := range slices.Sorted(maps.Keys(j.want.Scans)) {
		if why := j.have.Unreadable["scans."+name]; why != "" {
			j.find(ruleScan+name, j.differs, "cannot be read: %s", why)
			continue
		}
		have, read := j.have.Scans[name]
		if !read {
			continue
		}
		left, unsure := map[string]bool{}, false
		for _, e := range have {
			left[strings.ToLower(joined(e))] = true
		}
		for _, e := range j.want.Scans[name] {
			text, known := j.entry(e)
			if unsure = unsure || !known; known && !left[strings.ToLower(text)] {
				j.find(ruleScan+name, j.differs, "(%s) is not on, and must be", text)
			}
			delete(left, strings.ToLower(text))
		}
		for _, e := range have {
			// The address of a key that nobody knows yet could be one of these.
			if left[strings.ToLower(joined(e))] && !unsure {
				j.find(ruleScan+name, j.differs, "(%s) is on, and is not declared", joined(e))
			}
		}
	}
}

func (j *judge) entry(values []resource.Value) (string, bool) {
	texts := make([]string, len(values))
	for i, v := range values {
		var known bool
		if texts[i], known = j.known(v); !known {
			return "", false
		}
	}
	return strings.Join(texts, ", "), true
}

func (j *judge) invariants() {
	for _, name := range slices.Sorted(maps.Keys(j.want.Terms.Invariants)) {
		must := j.want.Terms.Invariants[name]
		have, read := j.have.Readings[name]
		switch why := j.have.Unreadable["invariants."+name]; {
		case why != "" || !read:
			j.find(ruleInvariant+name, resource.Refuse, "%s cannot be read, must be %s: %s (%s)", must.Read, must.Must, cmp.Or(why, "no answer"), must.Reason)
		case holds(must.Must, have):
		case have.Code != "":
			j.find(ruleInvariant+name, resource.Refuse, "%s is %s, which has %s, must have %s: %s", must.Read, have.Value, have.Code, must.Must, must.Reason)
		default:
			j.find(ruleInvariant+name, resource.Refuse, "%s is %q, must be %s: %s", must.Read, have.Value, must.Must, must.Reason)
		}
	}
}

// pins compares the keys' addresses with addresses.json.
func (j *judge) pins() {
	for _, key := range slices.Sorted(maps.Keys(j.want.Terms.Pins)) {
		pin, address := j.want.Terms.Pins[key], j.facts[factKey+key]
		if pin != PinMissing && address != "" && !same(pin, address) {
			j.find(rulePin, resource.Refuse, "key %s has the address %s, addresses.json pins %s", key, address, pin)
		}
	}
}

// holds compares what was read with what must be: a value, a comparison of whole
// numbers, another value than this one, or code at the address that was read.
func holds(must string, have Reading) bool {
	for _, operator := range []string{">= ", "<= "} {
		bound, compares := strings.CutPrefix(must, operator)
		if !compares {
			continue
		}
		need, okNeed := new(big.Int).SetString(bound, 10)
		value, okValue := new(big.Int).SetString(have.Value, 10)
		if !okNeed || !okValue {
			return false
		}
		sign := value.Cmp(need)
		return sign == 0 || (sign > 0) == (operator == ">= ")
	}
	if must == mustCode || must == mustNoCode {
		return have.Code == must
	}
	if other, not := strings.CutPrefix(must, "!= "); not {
		return !same(other, have.Value)
	}
	return same(must, have.Value)
}
