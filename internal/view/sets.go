package view

import (
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// setPath says that an attribute of this name is a set of names.
func setPath(path string) bool {
	return slices.Contains([]string{"policies", "attached", "members", "groups", "writers", "signers"}, path)
}

// sets tells attributes that are sets of names, in which order says nothing,
// and the switches that block public access. It answers false for others.
func (v *viewer) sets(path string, before, after any) ([]field, bool) {
	if lines, ok := publicAccess(path, before, after); ok {
		return lines, true
	}
	if path == "boundary" {
		return v.boundary(before, after)
	}
	if !setPath(path) || !isList(before, after) {
		return nil, false
	}
	s := speaker{names: v.names, known: v.known, account: v.p.Identity.Account, exact: v.o.Verbose}
	old, _ := before.([]any)
	now, _ := after.([]any)
	var lines []field
	for _, side := range []struct {
		sign       rune
		list, from []any
	}{{'-', old, now}, {'+', now, old}} {
		var words []string
		mark := ""
		for _, element := range side.list {
			if slices.ContainsFunc(side.from, func(other any) bool { return same(element, other) }) {
				continue
			}
			word, wide := s.member(element)
			if wide && side.sign == '+' {
				mark = "WILDCARD: "
			}
			words = append(words, word)
		}
		if len(words) > 0 {
			slices.Sort(words)
			lines = append(lines, field{path: path, sign: side.sign, prose: true, text: mark + s.folded(slices.Compact(words))})
		}
	}
	if len(lines) == 0 && !same(before, after) && len(old)+len(now) == 0 {
		return nil, false
	}
	return lines, true
}

// boundary tells a permissions boundary by its name: to take it away gives
// more.
func (v *viewer) boundary(before, after any) ([]field, bool) {
	s := speaker{names: v.names, known: v.known, account: v.p.Identity.Account, exact: v.o.Verbose}
	name := func(value any) string {
		if value == nil || value == "" {
			return ""
		}
		word, _ := s.member(value)
		return word
	}
	was, is := name(before), name(after)
	switch {
	case was == is:
		return nil, false
	case was == "":
		return []field{{path: "boundary", sign: '+', text: is}}, true
	case is == "":
		return []field{{path: "boundary", sign: '+', prose: true, text: "no longer within " + was}}, true
	default:
		return []field{{path: "boundary", sign: '~', before: was, after: is}}, true
	}
}

// member says an element of a set: a name, or an ARN by its name. Wide are
// policies of AWS that give all of a service or more.
func (s speaker) member(element any) (word string, wide bool) {
	switch element := element.(type) {
	case resource.Ref:
		return s.names.short(element.ID), false
	case string:
		if id, ok := s.known[element]; ok && !s.exact {
			return s.names.short(id), false
		}
		account, path := splitPrincipal(element)
		kind, name, ok := strings.Cut(path, "/")
		if path == element || !ok {
			return literalName(element), false
		}
		name = name[strings.LastIndexByte(name, '/')+1:]
		wide = account == "aws" && (name == "AdministratorAccess" || name == "PowerUserAccess" || strings.HasSuffix(name, "FullAccess"))
		switch {
		case s.exact:
			return literal(element), wide
		case account == "aws":
			return literalName(name) + " (of AWS)", wide
		case kind != "policy":
			return kind + " " + literalName(name) + s.abroad(account), false
		default:
			return literalName(name) + s.abroad(account), false
		}
	default:
		return plainValue(element, nil, s.exact), false
	}
}

// literalName is literal for texts that stand where only names can stand.
func literalName(text string) string {
	for i := range len(text) {
		if c := text[i]; !isAlphanumeric(c) && strings.IndexByte(":/_.+=@-", c) < 0 {
			return quoted(text)
		}
	}
	if text == "" {
		return `""`
	}
	return text
}

// publicSwitches says what each switch of a public access block is about (Amazon S3
// User Guide, "Blocking public access to your Amazon S3 storage").
func publicSwitches() map[string]string {
	return map[string]string{
		"blockpublicacls": "new public ACLs", "ignorepublicacls": "public ACLs",
		"blockpublicpolicy": "public policies", "restrictpublicbuckets": "access by public policies",
		"blockacls": "new public ACLs", "ignoreacls": "public ACLs",
		"blockpolicy": "public policies", "restrictbuckets": "access by public policies",
	}
}

// publicAccess tells a public access block: an object of these switches. What
// lets the public in carries the + of power.
func publicAccess(path string, before, after any) ([]field, bool) {
	old, oldIsObject := object(before)
	now, nowIsObject := object(after)
	if (before != nil && !oldIsObject) || (after != nil && !nowIsObject) || len(old)+len(now) == 0 {
		return nil, false
	}
	words := publicSwitches()
	var lines []field
	var blocked, allowed []string
	for _, name := range members(old, now) {
		was, isBool := switchText(old, name)
		is, willBool := switchText(now, name)
		word, known := words[strings.ToLower(name)]
		switch {
		case !known || !isBool || !willBool:
			return nil, false
		case before == nil && is == publicBlocked:
			blocked = append(blocked, word)
		case before == nil:
			allowed = append(allowed, word)
		case was != is && is == publicAllowed:
			lines = append(lines, field{sign: '+', prose: true, text: word + ": " + was + " → " + is})
		case was != is:
			lines = append(lines, field{sign: '-', prose: true, text: word + ": " + was + " → " + is})
		}
	}
	if len(allowed) > 0 {
		lines = append(lines, field{sign: '+', prose: true, text: publicAllowed + ": " + strings.Join(allowed, ", ")})
	}
	if len(blocked) > 0 {
		lines = append(lines, field{sign: ' ', prose: true, text: publicBlocked + ": " + strings.Join(blocked, ", ")})
	}
	if len(lines) > 0 {
		lines[0].path = path
	}
	return lines, true
}

// The two states of a switch.
const (
	publicBlocked = "blocked"
	publicAllowed = "allowed"
)

// switchText says one switch; one that is not there blocks nothing.
func switchText(switches map[string]any, name string) (text string, ok bool) {
	switch on := switches[name].(type) {
	case nil:
		return publicAllowed, true
	case bool:
		if on {
			return publicBlocked, true
		}
		return publicAllowed, true
	default:
		return "", false
	}
}
