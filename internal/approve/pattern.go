package approve

import "strings"

// matchList matches a name against patterns between commas, as OpenSSH does: one
// that matches behind "!" excludes, whatever else matches. OpenSSH, ssh_config(5),
// PATTERNS.
func matchList(name, patterns string) bool {
	matched := false
	for pattern := range strings.SplitSeq(patterns, ",") {
		bare, negated := strings.CutPrefix(pattern, "!")
		if !match(name, bare) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// match knows * (any bytes) and ? (one byte). It takes time in the product of both
// lengths, whatever a stranger writes.
func match(name, pattern string) bool {
	star, resume := -1, 0
	n, p := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			n++
			p++
		case star >= 0:
			resume++
			n, p = resume, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// literal lists the patterns that are names, without those that the list excludes.
func literal(patterns string) []string {
	var names []string
	for name := range strings.SplitSeq(patterns, ",") {
		if name != "" && !strings.ContainsAny(name, "*?!") && matchList(name, patterns) {
			names = append(names, name)
		}
	}
	return names
}
