package view

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// facet is one list of a statement: its actions, its resources, its
// principals, or the values of one condition.
type facet struct {
	name string
	// operator and key are set for conditions.
	operator, key string
	items         []item
}

// item is one element of a list; kind is the type of a principal.
type item struct {
	kind  string
	value resource.Value
}

// The names of the facets that are no conditions. Negations are others.
const (
	facetAction       = "1 Action"
	facetNotAction    = "1 NotAction"
	facetResource     = "2 Resource"
	facetNotResource  = "2 NotResource"
	facetPrincipal    = "3 Principal"
	facetNotPrincipal = "3 NotPrincipal"
	facetCondition    = "4 "
)

func (f *facet) condition() bool { return f != nil && f.operator != "" }

func (f *facet) equal(other *facet) bool {
	return f != nil && other != nil && slices.EqualFunc(f.items, other.items, item.equal)
}

func (i item) equal(other item) bool {
	return i.kind == other.kind && i.value.String() == other.value.String() && i.value.Known() == other.value.Known()
}

// facetsOf gives the lists of a canonical statement by name.
func facetsOf(s access.Statement) map[string]*facet {
	facets := map[string]*facet{}
	add := func(name string, kind string, values access.Values) {
		if values == nil {
			return
		}
		f := facets[name]
		if f == nil {
			f = &facet{name: name}
			facets[name] = f
		}
		for _, value := range values {
			f.items = append(f.items, item{kind, value})
		}
	}
	actions := func(list []string) access.Values {
		if list == nil {
			return nil
		}
		return access.Literals(list...)
	}
	add(facetAction, "", actions(s.Actions))
	add(facetNotAction, "", actions(s.NotActions))
	add(facetResource, "", s.Resources)
	add(facetNotResource, "", s.NotResources)
	for _, kind := range slices.Sorted(maps.Keys(s.Principals)) {
		add(facetPrincipal, kind, s.Principals[kind])
	}
	for _, kind := range slices.Sorted(maps.Keys(s.NotPrincipals)) {
		add(facetNotPrincipal, kind, s.NotPrincipals[kind])
	}
	for _, operator := range slices.Sorted(maps.Keys(s.Conditions)) {
		for _, key := range slices.Sorted(maps.Keys(s.Conditions[operator])) {
			name := facetCondition + operator + "\x00" + key
			add(name, "", s.Conditions[operator][key])
			if f := facets[name]; f != nil {
				f.operator, f.key = operator, key
			} else {
				facets[name] = &facet{name: name, operator: operator, key: key}
			}
		}
	}
	return facets
}

func facetNames(old, now map[string]*facet) []string { return members(old, now) }

// members lists the names of both maps, sorted, each once.
func members[V any](old, now map[string]V) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(old)), maps.Keys(now))
	slices.Sort(names)
	return slices.Compact(names)
}

// facetLines tells what one list gained and lost.
func (s speaker) facetLines(name string, allows bool, old, now *facet) []field {
	if old == nil || now == nil {
		return []field{s.condition(allows, old, now)}
	}
	inverse := name == facetNotAction || name == facetNotResource || name == facetNotPrincipal || (now.condition() && negated(now.operator))
	line := func(items []item, added bool) []field {
		if len(items) == 0 {
			return nil
		}
		some := facet{name: name, operator: now.operator, key: now.key, items: items}
		more := added == (allows != inverse)
		return []field{s.power(more, added, s.clause(&some), allows && more && s.wide(&some))}
	}
	within := func(list []item) func(item) bool {
		return func(i item) bool { return slices.ContainsFunc(list, i.equal) }
	}
	removed := slices.DeleteFunc(slices.Clone(old.items), within(now.items))
	added := slices.DeleteFunc(slices.Clone(now.items), within(old.items))
	return append(line(removed, false), line(added, true)...)
}

// condition tells a condition that is new or gone: what has one more reaches
// less far.
func (s speaker) condition(allows bool, old, now *facet) field {
	return s.power(allows == (now == nil), now != nil, "only "+s.clause(cmp.Or(old, now)), false)
}

// power is a line below a changed statement. Its sign is whether somebody may
// do more; where that is not what happened to the text, the words say so.
func (s speaker) power(more, added bool, text string, wide bool) field {
	sign := '-'
	if more {
		sign = '+'
	}
	switch {
	case more && !added:
		text = "no longer " + text
	case !more && added:
		text = "now " + text
	}
	if wide {
		text = "WIDE: " + text
	}
	return field{sign: sign, prose: true, deep: true, text: text}
}

// clause is one list in words: "on kms-key bank", "when aws:SourceIp is in …".
func (s speaker) clause(f *facet) string {
	words := s.folded(s.words(f))
	switch f.name {
	case facetAction:
		return words
	case facetNotAction:
		return "EVERY ACTION except " + words
	case facetResource:
		return "on " + words
	case facetNotResource:
		return "on EVERYTHING except " + words
	case facetPrincipal:
		return "to " + words
	case facetNotPrincipal:
		return "to EVERYONE except " + words
	}
	return "when " + s.conditionWords(f)
}

// sentence is a statement in words; the lists named in without are left out.
func (s speaker) sentence(st access.Statement, without map[string]bool) string {
	text := "allow"
	if st.Effect == access.Deny {
		text = "DENY"
	}
	var when []string
	facets := facetsOf(st)
	s.provider = providerOf(facets[facetPrincipal])
	for _, name := range slices.Sorted(maps.Keys(facets)) {
		f := facets[name]
		switch {
		case f.condition() && !without[name]:
			when = append(when, s.conditionWords(f))
		case f.condition():
		case without[name]:
			lead, _, _ := strings.Cut(s.clause(f), " ")
			if name == facetAction || name == facetNotAction {
				lead = ""
			}
			text += strings.TrimRight(" "+lead, " ") + " …"
		case name == facetResource && s.ownKey && len(f.items) == 1 && f.items[0].value.String() == "*":
		default:
			text += " " + s.clause(f)
		}
	}
	if len(when) > 0 {
		text += " when " + strings.Join(when, " and ")
	}
	return text
}

// mark names what a statement gives too widely: to everyone, or everything. A
// key that leaves all to its own account's IAM gives nobody anything by that.
func (s speaker) mark(st access.Statement) string {
	if st.Effect != access.Allow {
		return ""
	}
	facets := facetsOf(st)
	var marks []string
	if s.wide(facets[facetPrincipal]) || facets[facetNotPrincipal] != nil {
		marks = append(marks, "PUBLIC")
	}
	if (s.wide(facets[facetAction]) || facets[facetNotAction] != nil) && !s.delegates(facets[facetPrincipal]) {
		marks = append(marks, "WILDCARD")
	}
	return strings.Join(marks, ", ")
}

func (s speaker) delegates(f *facet) bool {
	return f != nil && len(f.items) == 1 && s.account != "" && rootOf(f.items[0]) == s.account
}

// wide reports whether a list of principals or actions holds a wildcard that
// admits more than one family of calls or more than named principals.
func (s speaker) wide(f *facet) bool {
	if f == nil {
		return false
	}
	switch f.name {
	case facetPrincipal:
		return slices.ContainsFunc(f.items, func(i item) bool { return strings.ContainsAny(i.value.Literal, "*?") })
	case facetAction:
		return slices.ContainsFunc(f.items, func(i item) bool { return wildAction(i.value.Literal) })
	}
	return false
}

// leastFamily is how many letters of an operation must stand before its one
// wildcard for it to be a family (s3:Get*, kms:Describe*).
const leastFamily = 3

func wildAction(action string) bool {
	if !strings.ContainsAny(action, "*?") {
		return false
	}
	service, operation, _ := strings.Cut(action, ":")
	family := strings.TrimSuffix(operation, "*")
	return strings.ContainsAny(service+family, "*?") || len(family) < leastFamily
}
