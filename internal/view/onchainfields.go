package view

import (
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// chainSignature is equal for changes of contracts that say the same, whoever
// makes the calls: a block tells the ways apart.
func (v *viewer) chainSignature(c plan.Change) string {
	parts := []string{c.ID.Kind, string(c.Risk), string(c.Cause), c.Group, c.ID.Name}
	if c.Person {
		parts = append(parts, "person")
	}
	for _, f := range v.chainFields(c) {
		parts = append(parts, f.path, string(f.sign), f.before, f.after, f.text)
	}
	parts = append(parts, files(c.Why)...)
	for i, part := range parts {
		parts[i] = Terminal(part)
	}
	return strings.Join(parts, "\x00")
}

// chainDetails tells a block of changes of contracts: what changes, whether
// enough sign, where it leads, how it is made and what that costs.
func (v *viewer) chainDetails(b block) []field {
	c := b.first()
	lines := v.chainFields(c)
	lines = append(lines, v.modules(b)...)
	lines = append(lines, v.ways(b)...)
	if spend, ok := v.spendLine(b); ok {
		lines = append(lines, spend)
	}
	return lines
}

// chainFields tells what a change of a contract changes, in the words of its
// kind. Everything of it is the same for all of a block.
func (v *viewer) chainFields(c plan.Change) []field {
	var lines []field
	for _, f := range thresholdFirst(c.Fields) {
		after := v.unresolved(c, f)
		switch {
		case c.ID.Kind == kindValidatorSet && f.Path == "members":
			lines = append(lines, v.addressSet("validators", f.Before, after, v.membersOf(c))...)
		case c.ID.Kind == kindSafe && f.Path == "owners":
			lines = append(lines, v.addressSet("owners", f.Before, after, nil)...)
		case c.ID.Kind == kindContract && f.Path == "parameters":
			lines = append(lines, v.written(c, f.Before, after)...)
		case c.ID.Kind == kindValidatorSet && (c.Before == nil || c.Before.Attrs["type"] == ""):
			// There is no route yet: nothing was asked for.
			lines = append(lines, field{path: f.Path, sign: '+', text: plainValue(after, nil, v.o.Verbose)})
		default:
			lines = append(lines, compareValues(f.Path, f.Before, after, nil, v.o.Verbose)...)
		}
	}
	if c.ID.Kind == kindValidatorSet {
		if live, ok := v.liveSigners(c); ok {
			lines = append(lines, live)
		}
	}
	return lines
}

// thresholdFirst is the order in which people read a set: how many, then who.
func thresholdFirst(fields []plan.FieldChange) []plan.FieldChange {
	rank := func(f plan.FieldChange) int {
		if f.Path == "threshold" {
			return 0
		}
		return 1
	}
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b plan.FieldChange) int { return rank(a) - rank(b) })
	return fields
}

// declaredMember is a member of a set as its terms name it.
type declaredMember struct{ name, operator string }

// membersOf names the declared members by their address, and by their ref where
// nobody knows that yet.
func (v *viewer) membersOf(c plan.Change) map[string]declaredMember {
	names := map[string]declaredMember{}
	terms, _ := object(c.After["terms"])
	list, _ := terms["names"].([]any)
	for _, f := range c.Fields {
		after, _ := f.After.([]any)
		for i, element := range after {
			if f.Path != "members" || i >= len(list) {
				continue
			}
			one, _ := object(list[i])
			name, _ := one["name"].(string)
			operator, _ := one["operator"].(string)
			names[setElement(element)] = declaredMember{name, operator}
		}
	}
	return names
}

func setElement(element any) string {
	if address, ok := element.(string); ok && isAddress(address) {
		return strings.ToLower(address)
	}
	return canonical(element)
}

// addressSet tells what a set of addresses loses and gains; its order is of no
// meaning.
func (v *viewer) addressSet(path string, before, after any, names map[string]declaredMember) []field {
	old, _ := before.([]any)
	now, _ := after.([]any)
	in := func(list []any) func(any) bool {
		return func(element any) bool {
			return slices.ContainsFunc(list, func(other any) bool { return setElement(other) == setElement(element) })
		}
	}
	var lines []field
	for _, side := range []struct {
		sign rune
		list []any
	}{{'-', slices.DeleteFunc(slices.Clone(old), in(now))}, {'+', slices.DeleteFunc(slices.Clone(now), in(old))}} {
		for _, element := range side.list {
			lines = append(lines, field{sign: side.sign, prose: true, text: v.element(element, names)})
		}
	}
	if len(lines) == 0 && len(old) == len(now) {
		return nil
	}
	return append([]field{{path: path, sign: '=', before: number(len(old)), after: number(len(now))}}, lines...)
}

func (v *viewer) element(element any, names map[string]declaredMember) string {
	text := plainValue(element, nil, true)
	m, declared := names[setElement(element)]
	switch {
	case declared && m.operator != "" && m.operator != m.name:
		return text + " (" + literalName(m.name) + ", " + literalName(m.operator) + ")"
	case declared:
		return text + " (" + literalName(m.name) + ")"
	default:
		return v.named(text)
	}
}

// The standings of a validator that count as signing (internal/attestation).
const (
	standingLive     = "live"
	standingUnproven = "unproven"
)

// liveSigners says how many of the wanted members are shown to sign, and which
// are not; false where no member's state is known.
func (v *viewer) liveSigners(c plan.Change) (field, bool) {
	terms, _ := object(c.After["terms"])
	list, _ := terms["names"].([]any)
	live, known, unproven := 0, 0, 0
	var silent []string
	for _, element := range list {
		one, _ := object(element)
		name, _ := one["name"].(string)
		state := v.fact(resource.ID{Kind: kindValidator, Scope: c.ID.Name, Name: name}, "standing")
		switch state {
		case standingLive:
			live++
		case standingUnproven:
			live++
			unproven++
		case "":
			silent = append(silent, literalName(name)+" is not known")
			continue
		default:
			silent = append(silent, literalName(name)+" is "+literalName(state))
		}
		known++
	}
	if known == 0 {
		return field{}, false
	}
	need := plainValue(c.After["threshold"], nil, true)
	text := number(live) + " of " + number(len(list)) + ", need " + need
	if unproven > 0 {
		text += ", " + number(unproven) + " of them unproven (nothing was there to sign yet)"
	}
	if len(silent) > 0 {
		text += "; " + strings.Join(silent, ", ")
	}
	line := field{path: "live signers", sign: ' ', text: text}
	if !reaches(live, need) {
		line.sign, line.prose = '!', true
	}
	return line, true
}

func reaches(have int, need string) bool {
	n, err := strconv.Atoi(need)
	return err == nil && have >= n
}

// modules says which modules hold the new sets.
func (v *viewer) modules(b block) []field {
	at := map[string]bool{}
	var order []string
	stay := true
	for _, c := range b.changes {
		for _, s := range c.Steps {
			t, ok := transactionOf(s)
			if !ok || c.ID.Kind != kindValidatorSet || !isAddress(t.Subject.ISM) {
				continue
			}
			if !at[t.Subject.ISM] {
				order = append(order, t.Subject.ISM)
			}
			at[t.Subject.ISM] = true
			if c.Before == nil || c.Before.Attrs["ism"] != t.Subject.ISM {
				stay = false
			}
		}
	}
	path, on := "new ISM at", ""
	if n := len(b.changes); n > 1 {
		on = " on " + count(n, "network")
	}
	switch {
	case len(order) == 0:
		return nil
	case stay:
		path = "same ISM at"
	}
	if len(order) > 1 {
		on = " and " + number(len(order)-1) + " more" + on + " (full list: --verbose)"
	}
	return []field{{path: path, sign: ' ', text: order[0] + on}}
}

// written tells those that are written: what else differs is a finding.
func (v *viewer) written(c plan.Change, before, after any) []field {
	old, _ := object(before)
	now, _ := object(after)
	terms, _ := object(c.After["terms"])
	ways, _ := object(terms["ways"])
	var lines []field
	for _, name := range sortedKeys(now) {
		way, _ := object(ways[name])
		method, _ := way["write"].(string)
		was, is := plainValue(old[name], nil, true), plainValue(now[name], nil, true)
		if method == "" || sameText(was, is) {
			continue
		}
		if old[name] == nil {
			was = "(not read)"
		}
		lines = append(lines, field{path: name, sign: '-', prose: true, text: v.named(was)}, field{sign: '+', prose: true, text: v.named(is)})
		by := "by " + literalMethod(method)
		if risk, ok := way["risk"].(string); ok {
			by += ", " + literalName(risk) + " in governance"
		}
		lines = append(lines, field{sign: ' ', prose: true, text: by})
	}
	return lines
}

// literalMethod is a method's signature, in quotes where it is anything else.
func literalMethod(signature string) string {
	for i := range len(signature) {
		if c := signature[i]; !isAlphanumeric(c) && strings.IndexByte("_(),[]", c) < 0 {
			return quoted(signature)
		}
	}
	return signature
}
