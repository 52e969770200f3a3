package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// operator is a condition operator taken apart.
type operator struct {
	// set is ForAnyValue, ForAllValues or empty.
	set string
	// base is the operator without Not and IfExists: StringLike.
	base     string
	negated  bool
	ifExists bool
}

// comparison compares one value of a policy, as a pattern, with one of the
// request.
type comparison func(pattern, value string) answer

// comparisons are the operators that we know; one that is not here is never
// taken for true or false.
func comparisonOf(base string) comparison {
	switch base {
	case "StringEquals":
		return func(pattern, value string) answer { return truth(unquoted(pattern) == value) }
	case "StringEqualsIgnoreCase":
		return func(pattern, value string) answer { return truth(strings.EqualFold(unquoted(pattern), value)) }
	case "StringLike":
		return func(pattern, value string) answer { return truth(glob(pattern, value)) }
	case "ArnEquals", "ArnLike":
		return arnMatch
	case "Bool":
		return compareBool
	case "IpAddress":
		return compareAddress
	}
	return nil
}

func parseOperator(text string) operator {
	var o operator
	if set, rest, found := strings.Cut(text, ":"); found {
		o.set, text = set, rest
	}
	text, o.ifExists = strings.CutSuffix(text, "IfExists")
	o.base = text
	for _, family := range []string{"String", "Arn"} {
		if rest, found := strings.CutPrefix(text, family+"Not"); found {
			o.base, o.negated = family+rest, true
		}
	}
	if text == "NotIpAddress" {
		o.base, o.negated = "IpAddress", true
	}
	return o
}

func (o operator) known() bool {
	return (o.set == "" || o.set == "ForAnyValue" || o.set == "ForAllValues") && comparisonOf(o.base) != nil
}

// conditions reports whether all conditions of the statement hold, and the first
// that does not or cannot be told.
func (s *situation) conditions(c *clause) (answer, string) {
	worst, cause := yes, ""
	for text, byKey := range c.Conditions {
		for key, values := range byKey {
			holds, why := s.condition(c, text, key, values)
			if holds < worst || holds == worst && why < cause {
				worst, cause = holds, why
			}
		}
	}
	return worst, cause
}

// condition decides one key under one operator (IAM User Guide, "IAM JSON policy
// elements: Condition operators" and "Set operators for multivalued context
// keys").
func (s *situation) condition(c *clause, text, key string, wanted Values) (answer, string) {
	about := func(why string) string { return "condition " + text + " " + key + ": " + why }
	if text == "Null" {
		return s.null(key, wanted)
	}
	o := parseOperator(text)
	if !o.known() {
		return maybe, about("the operator is not one that is understood here")
	}
	have, known := s.lookup(key)
	if known == maybe {
		return maybe, about("its value is not known")
	}
	if known == no || o.set != "" && !slices.ContainsFunc(have, func(v string) bool { return v != "" }) {
		return o.absent(), about("the request has no such value")
	}
	if o.set == "" && (len(have) > 1 || manyValued(key)) {
		return maybe, about("the key holds a list, and only ForAnyValue and ForAllValues compare lists")
	}
	result := truth(o.set == "ForAllValues")
	for _, value := range have {
		matched := s.matchesAny(c, o, wanted, value)
		if o.negated {
			matched = matched.not()
		}
		if o.set == "ForAllValues" {
			result = min(result, matched)
		} else {
			result = max(result, matched)
		}
	}
	if result != maybe && !s.words {
		return result, ""
	}
	return result, about(fmt.Sprintf("need %s, have %s", strings.Join(wanted.Texts(), " or "), shown(have)))
}

// absent is what the operator gives where the request has no such key: false,
// true if negated, true for ForAllValues and for IfExists. ForAnyValue with a
// negation or with IfExists is documented both ways.
func (o operator) absent() answer {
	switch {
	case o.set == "ForAllValues":
		return yes
	case o.set == "ForAnyValue" && (o.negated || o.ifExists):
		return maybe
	}
	return truth(o.negated || o.ifExists)
}

func (s *situation) null(key string, wanted Values) (answer, string) {
	about := fmt.Sprintf("condition Null %s: ", key)
	_, known := s.lookup(key)
	if known == maybe {
		return maybe, about + "its value is not known"
	}
	result := no
	for _, v := range wanted {
		text, resolved := s.index.resolve(v)
		switch {
		case resolved && strings.EqualFold(text, "true"):
			result = max(result, known.not())
		case resolved && strings.EqualFold(text, "false"):
			result = max(result, known)
		default:
			result = max(result, maybe)
		}
	}
	return result, about + "need " + strings.Join(wanted.Texts(), " or ")
}

// matchesAny reports whether one value of the request is like any of the
// policy's.
func (s *situation) matchesAny(c *clause, o operator, wanted Values, value string) answer {
	compare, best := comparisonOf(o.base), no
	for _, v := range wanted {
		text, known := s.index.resolve(v)
		if !known {
			best = max(best, maybe)
			continue
		}
		pattern, why := s.expand(c, text)
		switch {
		case why != "":
			best = max(best, maybe)
		case value == stranger:
			best = max(best, strange(o.base, pattern))
		default:
			best = max(best, compare(pattern, value))
		}
	}
	return best
}

// strange compares a pattern with somebody whom no policy names.
func strange(base, pattern string) answer {
	likes := base == "StringLike" || strings.HasPrefix(base, "Arn")
	switch {
	case likes && pattern != "" && strings.Trim(pattern, "*") == "":
		return yes
	case likes && wild(pattern):
		return maybe
	}
	return no
}

func compareBool(pattern, value string) answer {
	want, have := strings.ToLower(unquoted(pattern)), strings.ToLower(value)
	for _, text := range []string{want, have} {
		if text != "true" && text != "false" {
			return maybe
		}
	}
	return truth(want == have)
}

func compareAddress(pattern, value string) answer {
	have, err := netip.ParseAddr(value)
	if err != nil {
		return maybe
	}
	text := unquoted(pattern)
	if !strings.Contains(text, "/") {
		want, err := netip.ParseAddr(text)
		if err != nil {
			return maybe
		}
		return truth(want == have)
	}
	want, err := netip.ParsePrefix(text)
	if err != nil {
		return maybe
	}
	return truth(want.Contains(have))
}

// shown lists at most three values and counts the rest.
func shown(list []string) string {
	const most = 3
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
