package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Canonical is the document in the one form of its meaning: lists sorted and
// without repetition, actions in lower case (IAM does not tell case apart in
// them), statements in order, names of statements left out.
func (d Document) Canonical() Document {
	c := Document{Version: d.Version, Fault: d.Fault, Statements: make([]Statement, 0, len(d.Statements))}
	for _, s := range d.Statements {
		c.Statements = append(c.Statements, s.canonical())
	}
	slices.SortFunc(c.Statements, compareStatements)
	c.Statements = slices.CompactFunc(c.Statements, func(a, b Statement) bool { return compareStatements(a, b) == 0 })
	return c
}

// Equivalent reports whether two documents mean the same. A document that was
// not understood is like no other.
func (d Document) Equivalent(other Document) bool {
	if d.Fault != "" || other.Fault != "" {
		return false
	}
	a, errA := resource.Canonical(d.Canonical())
	b, errB := resource.Canonical(other.Canonical())
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Digest is what the document means in one line: documents that mean the same
// have the same. Of one that was not understood it is empty.
func (d Document) Digest() string {
	data, err := resource.Canonical(d.Canonical())
	if err != nil || d.Fault != "" {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Narrows reports whether after gives nobody anything that before did not: all
// its Allow statements stand in before, for the same resources or more, and all
// Deny statements of before are still there, for the same resources or more. It is
// an answer of form: false may also mean "cannot tell".
func Narrows(before, after Document) bool {
	if before.Fault != "" || after.Fault != "" || before.Version != after.Version {
		return false
	}
	had, has := before.Canonical().Statements, after.Canonical().Statements
	within := func(list []Statement, s Statement) bool {
		return slices.ContainsFunc(list, func(other Statement) bool { return other.covers(s) })
	}
	for _, s := range has {
		if s.Effect == Allow && !within(had, s) {
			return false
		}
	}
	for _, s := range had {
		if s.Effect == Deny && !within(has, s) {
			return false
		}
	}
	return true
}

// covers reports whether a statement says the same as another one, for the same
// resources or more. Both are canonical.
func (s Statement) covers(other Statement) bool {
	for _, r := range other.Resources {
		if !slices.ContainsFunc(s.Resources, func(have resource.Value) bool { return have.String() == r.String() }) {
			return false
		}
	}
	if (s.Resources == nil) != (other.Resources == nil) {
		return false
	}
	s.Resources = other.Resources
	return compareStatements(s, other) == 0
}

func (s Statement) canonical() Statement {
	s.Sid = ""
	s.Actions, s.NotActions = lowerSet(s.Actions), lowerSet(s.NotActions)
	s.Resources, s.NotResources = s.Resources.set(), s.NotResources.set()
	s.Principals, s.NotPrincipals = sets(s.Principals), sets(s.NotPrincipals)
	if s.Conditions != nil {
		conditions := make(map[string]map[string]Values, len(s.Conditions))
		for operator, byKey := range s.Conditions {
			conditions[operator] = sets(byKey)
		}
		s.Conditions = conditions
	}
	return s
}

func compareStatements(a, b Statement) int {
	left, _ := resource.Canonical(a)
	right, _ := resource.Canonical(b)
	return bytes.Compare(left, right)
}

func lowerSet(list []string) []string {
	if list == nil {
		return nil
	}
	lower := make([]string, len(list))
	for i, text := range list {
		lower[i] = strings.ToLower(text)
	}
	slices.Sort(lower)
	return slices.Compact(lower)
}

func (v Values) set() Values {
	if v == nil {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(v), func(a, b resource.Value) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(sorted, func(a, b resource.Value) bool { return a.String() == b.String() })
}

func sets(byKey map[string]Values) map[string]Values {
	if byKey == nil {
		return nil
	}
	canonical := maps.Clone(byKey)
	for key, values := range canonical {
		canonical[key] = values.set()
	}
	return canonical
}
