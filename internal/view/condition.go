package view

import "strings"

// verbs says the condition operators in words, for one value and for several
// (IAM User Guide, "IAM JSON policy elements: Condition operators"). What is not
// here is shown as it stands.
func verbs() map[string][2]string {
	is, isNot := [2]string{"is", "is one of"}, [2]string{"is not", "is none of"}
	like, notLike := [2]string{"is like", "is like one of"}, [2]string{"is not like", "is like none of"}
	return map[string][2]string{
		"StringEquals": is, "StringEqualsIgnoreCase": {"is, in any case,", "is, in any case, one of"}, "Bool": is, "NumericEquals": is, "DateEquals": is,
		"StringNotEquals": isNot, "StringNotEqualsIgnoreCase": {"is not, in any case,", "is, in any case, none of"}, "NumericNotEquals": isNot, "DateNotEquals": isNot,
		"StringLike": like, "ArnLike": like, "ArnEquals": like,
		"StringNotLike": notLike, "ArnNotLike": notLike, "ArnNotEquals": notLike,
		"IpAddress": {"is in", "is in one of"}, "NotIpAddress": {"is not in", "is in none of"},
	}
}

// operatorParts takes a condition operator apart: ForAnyValue:StringLikeIfExists.
func operatorParts(operator string) (quantifier, base string, ifExists bool) {
	base = operator
	if before, after, ok := strings.Cut(operator, ":"); ok {
		quantifier, base = before, after
	}
	base, ifExists = strings.CutSuffix(base, "IfExists")
	return quantifier, base, ifExists
}

// negated reports whether a value more in the condition's list admits less.
func negated(operator string) bool {
	_, base, _ := operatorParts(operator)
	return strings.Contains(base, "Not")
}

// providerOf is the one OIDC provider that a statement trusts, as its claims
// name it; nothing where there is none, or more than one.
func providerOf(f *facet) string {
	if f == nil || len(f.items) != 1 || f.items[0].kind != "Federated" {
		return ""
	}
	_, path := splitPrincipal(f.items[0].value.Literal)
	provider, ok := strings.CutPrefix(path, "oidc-provider/")
	if !ok {
		return ""
	}
	return provider
}

// conditionWords says one condition: kms:ResourceAliases is like alias/x-*.
func (s speaker) conditionWords(f *facet) string {
	quantifier, base, ifExists := operatorParts(f.operator)
	var values []string
	for _, i := range f.items {
		if i.value.Ref != nil {
			values = append(values, s.ref(*i.value.Ref))
			continue
		}
		values = append(values, value(i.value.Literal))
	}
	subject := literal(f.key)
	if claim, ok := strings.CutPrefix(f.key, s.provider+":"); ok && s.provider != "" && !s.exact {
		subject = "its " + literalName(claim)
	}
	switch quantifier {
	case "":
	case "ForAnyValue":
		subject = "any of " + subject
	case "ForAllValues":
		// True of a request that has no value at all (IAM User Guide, "Multivalued context keys").
		subject = "each of " + subject + ", if any,"
	default:
		subject = literal(quantifier) + " " + subject
	}
	if ifExists {
		subject += ", if present,"
	}
	list := s.folded(values)
	verb, known := verbs()[base]
	switch {
	case len(values) == 0:
		return subject + " " + literal(base) + " NOTHING"
	case base == "Null" && list == "true":
		return subject + " is absent"
	case base == "Null" && list == "false":
		return subject + " is present"
	case !known:
		return subject + " " + literal(base) + " " + list
	case len(values) == 1:
		return subject + " " + verb[0] + " " + list
	default:
		return subject + " " + verb[1] + " " + list
	}
}

// value is one value of a condition. A single word that could be one of ours
// stands in quotes; true and false are as plain as numbers.
func value(text string) string {
	if text == "true" || text == "false" {
		return text
	}
	return literal(text)
}
