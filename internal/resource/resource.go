// Package resource holds the words every other room speaks: what a thing is
// called (ID), what it is (Resource), how one points at another (Ref), and how
// it gets from one state to another (Step). It imports nothing of ours and
// performs no I/O.
package resource

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ID names one resource of one environment: kind/scope/name. Scope is the
// AWS region or the network the resource lives in. Names carry no environment
// prefix: a plan is always of one environment.
type ID struct {
	Kind  string
	Scope string
	Name  string
}

// String prints kind/scope/name, the form that ParseID reads.
func (id ID) String() string { return id.Kind + "/" + id.Scope + "/" + id.Name }

// IsZero reports whether the ID names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by kind, scope, then name.
func (id ID) Compare(other ID) int {
	return cmp.Or(
		strings.Compare(id.Kind, other.Kind),
		strings.Compare(id.Scope, other.Scope),
		strings.Compare(id.Name, other.Name),
	)
}

// MarshalText writes the String form, so that an ID can be a JSON key.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads the String form; the empty text is the zero ID.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads kind/scope/name. The name may hold further slashes
// (validator-set/fuji/sepolia is an origin below a destination).
func ParseID(s string) (ID, error) {
	parts := strings.SplitN(s, "/", 3)
	if len(parts) != 3 || slices.Contains(parts, "") {
		return ID{}, fmt.Errorf("%q is not a resource id (kind/scope/name)", s)
	}
	return ID{Kind: parts[0], Scope: parts[1], Name: parts[2]}, nil
}

// Ref points at one output of a resource, for example the address of a key
// that does not exist yet. Where others print "known after apply", we print
// the Ref.
type Ref struct {
	ID     ID     `json:"ref"`
	Output string `json:"output"`
}

// String prints kind/scope/name#output.
func (r Ref) String() string { return r.ID.String() + "#" + r.Output }

// Compare orders refs by ID, then output.
func (r Ref) Compare(other Ref) int {
	return cmp.Or(r.ID.Compare(other.ID), strings.Compare(r.Output, other.Output))
}

// Outputs are the values that a live resource offers to others: an address,
// an ARN. They hold no secret.
type Outputs map[string]string

// Mode says whether a resource may be written.
type Mode string

// The two modes. Observed resources (other people's) are compared and
// reported, never written.
const (
	Managed  Mode = "managed"
	Observed Mode = "observed"
)

// Source is a place in the configuration that asked for something.
type Source struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// String prints file:line.
func (s Source) String() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Resource is one thing as it must be or as it is: one type for both.
type Resource struct {
	ID    ID
	Attrs Attrs
	// Group folds many resources into one line for display, approval and
	// limits. Empty: stands alone.
	Group string
	// Mode of a desired resource; the zero value means Managed.
	Mode Mode
	// Outputs of an observed resource.
	Outputs Outputs
	// Why lists the configuration that declared a desired resource.
	Why []Source
}

// Set is a set of resources by ID.
type Set map[ID]Resource

// NewSet builds a Set and refuses two resources with one ID.
func NewSet(resources ...Resource) (Set, error) {
	set := make(Set, len(resources))
	for _, r := range resources {
		if _, twice := set[r.ID]; twice {
			return nil, fmt.Errorf("%s: declared twice", r.ID)
		}
		set[r.ID] = r
	}
	return set, nil
}

// IDs lists the set's IDs in order.
func (s Set) IDs() []ID {
	ids := make([]ID, 0, len(s))
	for id := range s {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ID.Compare)
	return ids
}

// Fact is something seen in the live world that gate and apply decide on and
// that is nobody's attribute: an owner's type, whether a validator is live.
// The value is canonical text and holds no secret.
type Fact struct {
	ID    ID     `json:"id"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Compare orders facts by ID, name and value.
func (f Fact) Compare(other Fact) int {
	return cmp.Or(f.ID.Compare(other.ID), strings.Compare(f.Name, other.Name), strings.Compare(f.Value, other.Value))
}

// FactsOf selects the facts about one resource, as name to value.
func FactsOf(facts []Fact, id ID) map[string]string {
	of := map[string]string{}
	for _, f := range facts {
		if f.ID == id {
			of[f.Name] = f.Value
		}
	}
	return of
}

// FactsByID groups facts by what they are about, for many questions.
func FactsByID(facts []Fact) map[ID][]Fact {
	about := map[ID][]Fact{}
	for _, f := range facts {
		about[f.ID] = append(about[f.ID], f)
	}
	return about
}

// Unread is a part of the world that could not be read. Unread is never
// absent: nothing in it is changed, and it counts as in use.
type Unread struct {
	// Scope is a network, a region, "kind/scope" or a whole resource ID.
	Scope string `json:"scope"`
	// Operation is what was tried, for example eth_getBalance.
	Operation string `json:"operation"`
	// Cause is the error, cleaned of secrets and endpoints' tokens.
	Cause string `json:"cause"`
}

// Covers reports whether the resource lies in the unread scope.
func (u Unread) Covers(id ID) bool {
	return u.Scope == id.Scope || u.Scope == id.Kind || u.Scope == id.Kind+"/"+id.Scope || u.Scope == id.String()
}

// Covering is Covers of a whole list, for many questions: its cost does not
// grow with the list.
func Covering(unread []Unread) func(ID) bool {
	scopes := make(map[string]bool, len(unread))
	for _, u := range unread {
		scopes[u.Scope] = true
	}
	return func(id ID) bool {
		return len(scopes) > 0 && (scopes[id.Scope] || scopes[id.Kind] || scopes[id.Kind+"/"+id.Scope] || scopes[id.String()])
	}
}

// Compare orders unread scopes by scope, operation and cause.
func (u Unread) Compare(other Unread) int {
	return cmp.Or(strings.Compare(u.Scope, other.Scope), strings.Compare(u.Operation, other.Operation), strings.Compare(u.Cause, other.Cause))
}

// Severity says what a finding does to a plan.
type Severity string

// Refuse stops the plan from being applied, Acknowledge asks for a reviewed
// line in the configuration, Note informs.
const (
	Refuse      Severity = "refuse"
	Acknowledge Severity = "acknowledge"
	Note        Severity = "note"
)

// Finding is a judgement about one resource (or, with the zero ID, about the
// whole environment) under a named rule.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	ID       ID       `json:"id"`
	// Reason says what is and what should be, have and need in numbers.
	Reason string `json:"reason"`
	// Hint is what to type or edit next; may be empty.
	Hint string `json:"hint,omitempty"`
	// Own says of a refusal that it stops the change of its own resource and no
	// other: while that change is deferred, the rest of the plan may be applied.
	Own bool `json:"own,omitempty"`
}

// Compare orders findings by severity (refuse first), rule, ID, reason and hint.
func (f Finding) Compare(other Finding) int {
	rank := func(s Severity) int { return slices.Index([]Severity{Refuse, Acknowledge, Note}, s) }
	return cmp.Or(
		cmp.Compare(rank(f.Severity), rank(other.Severity)),
		strings.Compare(f.Rule, other.Rule),
		f.ID.Compare(other.ID),
		strings.Compare(f.Reason, other.Reason),
		strings.Compare(f.Hint, other.Hint),
	)
}
