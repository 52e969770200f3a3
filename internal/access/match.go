package access

import (
	"strings"
	"unicode/utf8"
)

// answer is a truth that may not be known. The order is that of the constants,
// so that "and" is min and "or" is max.
type answer int8

const (
	no answer = iota
	maybe
	yes
)

func (a answer) not() answer { return yes - a }

func truth(b bool) answer {
	if b {
		return yes
	}
	return no
}

// literally stands in a pattern before a character that is no wildcard.
const literally = '\x00'

// glob reports whether the text matches the pattern, in which * is any text and
// ? one character.
func glob(pattern, text string) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		if p < len(pattern) {
			switch c := pattern[p]; {
			case c == '*':
				star, mark = p, t
				p++
				continue
			case c == '?':
				_, size := utf8.DecodeRuneInString(text[t:])
				p, t = p+1, t+size
				continue
			case c == literally && p+1 < len(pattern) && pattern[p+1] == text[t]:
				p, t = p+2, t+1
				continue
			case c != literally && c == text[t]:
				p, t = p+1, t+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, t = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// quoted makes a text one that a pattern takes as it stands.
func quoted(text string) string {
	if !strings.ContainsAny(text, "*?\x00") {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c == '*' || c == '?' || c == literally {
			b.WriteByte(literally)
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// unquoted is what a pattern says where wildcards mean nothing.
func unquoted(pattern string) string {
	if strings.IndexByte(pattern, literally) < 0 {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == literally && i+1 < len(pattern) {
			i++
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

// wild reports whether the pattern has a wildcard.
func wild(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case literally:
			i++
		case '*', '?':
			return true
		}
	}
	return false
}

// arnParts is how many parts an ARN has (AWS General Reference, "Amazon Resource
// Names"): arn, partition, service, region, account, resource.
const arnParts = 6

// arnMatch compares part by part, as the ARN operators do (IAM User Guide, "IAM
// JSON policy elements: Condition operators").
func arnMatch(pattern, text string) answer {
	want, have := strings.SplitN(pattern, ":", arnParts), strings.SplitN(text, ":", arnParts)
	if len(want) < arnParts || len(have) < arnParts {
		if !wild(pattern) {
			return truth(unquoted(pattern) == text)
		}
		return maybe
	}
	for i := range want {
		if !glob(want[i], have[i]) {
			return no
		}
	}
	return yes
}

// accountOf is the account in an ARN, or the account that the text is; empty
// where there is none.
func accountOf(text string) string {
	if isAccount(text) {
		return text
	}
	parts := strings.SplitN(text, ":", arnParts)
	if len(parts) < arnParts || parts[0] != "arn" {
		return ""
	}
	return parts[4]
}

// isAccount reports whether the text is an account id: 12 digits (AWS Account
// Management Reference, "View AWS account identifiers").
func isAccount(text string) bool {
	return len(text) == 12 && strings.Trim(text, "0123456789") == ""
}

// rootOf is the ARN by which policies name an account as a whole.
func rootOf(account string) string { return "arn:aws:iam::" + account + ":root" }

// accountPrincipal gives the account that a principal names as a whole.
func accountPrincipal(text string) (string, bool) {
	if isAccount(text) {
		return text, true
	}
	parts := strings.SplitN(text, ":", arnParts)
	if len(parts) == arnParts && parts[2] == "iam" && parts[5] == "root" {
		return parts[4], true
	}
	return "", false
}

// sessionOf splits the ARN of a role's session into account, role and session.
func sessionOf(arn string) (account, role, session string, ok bool) {
	parts := strings.SplitN(arn, ":", arnParts)
	if len(parts) < arnParts || parts[2] != "sts" {
		return "", "", "", false
	}
	rest, found := strings.CutPrefix(parts[5], "assumed-role/")
	if !found {
		return "", "", "", false
	}
	role, session, found = strings.Cut(rest, "/")
	return parts[4], role, session, found
}

// uniqueID reports whether the text is one of IAM's unique ids: what stands in a
// policy instead of the ARN once the user or role is deleted (IAM User Guide,
// "IAM identifiers").
func uniqueID(text string) bool {
	if len(text) < 16 || strings.ContainsAny(text, ":/*") {
		return false
	}
	for _, prefix := range []string{"AIDA", "AROA", "AGPA", "ANPA", "ANVA", "AIPA", "ASCA"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
