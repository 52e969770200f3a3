package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// source is one document at the place where it stands.
type source struct {
	// label names the place: policy staging-relayer-signer.
	label string
	fault string
	// variables: policy variables are filled in. In documents of the older
	// version they are plain text (IAM User Guide, "IAM policy elements:
	// Variables and tags").
	variables bool
	clauses   []clause
	// remembers: it may be asked again and again.
	remembers bool
	// byAction remembers which statements are about an action.
	byAction map[string][]*clause
	// forAll remembers about which actions it says the same whoever calls.
	forAll map[string]bool
}

// clause is one statement of a source.
type clause struct {
	Statement
	from                *source
	number              int
	actions, notActions []string
}

func newSource(label string, d Document) *source {
	s := &source{label: label, fault: d.Fault, variables: d.Version == Version, remembers: true}
	s.clauses = make([]clause, len(d.Statements))
	for i, statement := range d.Statements {
		s.clauses[i] = clause{Statement: statement, from: s, number: i + 1, actions: lowered(statement.Actions), notActions: lowered(statement.NotActions)}
	}
	return s
}

func lowered(list []string) []string {
	lower := make([]string, len(list))
	for i, text := range list {
		lower[i] = strings.ToLower(text)
	}
	return lower
}

// unread is a source of which only the name is known.
func unreadSource(label string) *source {
	return &source{label: label, fault: "its document was not read"}
}

// about gives the statements whose Action or NotAction is about the action,
// which is in lower case.
func (s *source) about(action string) []*clause {
	if list, known := s.byAction[action]; known {
		return list
	}
	var list []*clause
	for i := range s.clauses {
		if s.clauses[i].covers(action) {
			list = append(list, &s.clauses[i])
		}
	}
	if s.remembers {
		if s.byAction == nil {
			s.byAction = map[string][]*clause{}
		}
		s.byAction[action] = list
	}
	return list
}

// impersonal reports whether what the source says about the action does not
// depend on who calls: no policy variable, and no condition but on the resource
// and the call itself.
func (s *source) impersonal(action string) bool {
	same, known := s.forAll[action]
	if !known && s.remembers {
		same = !slices.ContainsFunc(s.about(action), (*clause).personal)
		if s.forAll == nil {
			s.forAll = map[string]bool{}
		}
		s.forAll[action] = same
	}
	return same
}

func (c *clause) personal() bool {
	variable := func(v resource.Value) bool { return strings.Contains(v.Literal, "${") }
	if slices.ContainsFunc(c.Resources, variable) || slices.ContainsFunc(c.NotResources, variable) {
		return true
	}
	for _, byKey := range c.Conditions {
		for key, values := range byKey {
			key = strings.ToLower(key)
			about := key == "kms:resourcealiases" || key == "aws:securetransport" || strings.HasPrefix(key, "aws:resourcetag/")
			if !about || slices.ContainsFunc(values, variable) {
				return true
			}
		}
	}
	return false
}

// covers reports whether the statement is about the action. One with neither
// Action nor NotAction, which AWS does not take, is about every action.
func (c *clause) covers(action string) bool {
	matches := func(pattern string) bool { return glob(pattern, action) }
	switch {
	case len(c.actions) > 0:
		return slices.ContainsFunc(c.actions, matches)
	case len(c.notActions) > 0:
		return !slices.ContainsFunc(c.notActions, matches)
	}
	return true
}

// String names the statement and where it stands.
func (c *clause) String() string {
	if c.Sid != "" {
		return fmt.Sprintf("%s, statement %q", c.from.label, c.Sid)
	}
	return fmt.Sprintf("%s, statement %d", c.from.label, c.number)
}

// ruling is what one source says about a request: nothing (no), something that
// may apply (maybe, with the reason), or something that does.
type ruling struct {
	answer answer
	clause *clause
	// text stands where there is no clause: a grant, a fault, a link.
	text string
	// why says what could not be told.
	why string
}

// raise keeps the stronger of two rulings.
func (r *ruling) raise(other ruling) {
	if other.answer > r.answer {
		*r = other
	}
}

// capped is the ruling where something else stands between.
func (r ruling) capped(by ruling) ruling {
	if by.answer < r.answer {
		r.answer = by.answer
		if by.why != "" {
			r.why = by.String() + ": " + by.why
		}
	}
	return r
}

func (r ruling) String() string {
	if r.clause != nil {
		return r.clause.String()
	}
	return r.text
}
