package view

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// documentPath says that an attribute of this name holds a policy document.
func documentPath(path string) bool { return path == "document" || path == "trust" || path == "policy" }

// inlinePath is the attribute that maps names to documents.
const inlinePath = "inline"

// isDocument reports whether a value has the form of a policy document.
func isDocument(path string, value any) bool {
	if members, ok := object(value); ok {
		switch members["Statement"].(type) {
		case []any, map[string]any, resource.Attrs:
			return true
		}
		return documentPath(path) && !slices.ContainsFunc(slices.Collect(maps.Keys(members)), func(name string) bool {
			return !slices.Contains([]string{"Version", "Id", "Fault"}, name)
		})
	}
	text, ok := value.(string)
	return ok && documentPath(path) && strings.HasPrefix(strings.TrimSpace(text), "{")
}

// documentOf reads an attribute as a document; nothing is an empty one.
func documentOf(value any) (access.Document, error) {
	if value == nil {
		return access.Document{}, nil
	}
	if text, ok := value.(string); ok {
		return access.Parse(text)
	}
	var d access.Document
	data, err := resource.Canonical(value)
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	return d, err
}

// access tells a field that says who may do what in words. It answers false for
// all other fields.
func (v *viewer) access(c plan.Change, f plan.FieldChange) ([]field, bool) {
	before, after := f.Before, v.unresolved(c, f)
	switch empty, ok := after.([]any); {
	case ok && len(empty) == 0 && before == nil && c.Action == plan.Create && setPath(f.Path):
		// What is made with none of them has nothing to tell.
		return nil, true
	case f.Path == inlinePath:
		return v.inline(c, before, after)
	case isDocument(f.Path, before) && (after == nil || isDocument(f.Path, after)), before == nil && isDocument(f.Path, after):
		return v.document(c, f.Path, before, after), true
	}
	return v.sets(f.Path, before, after)
}

// grants reports whether a change brings a document that says more than that
// the account's own IAM decides.
func (v *viewer) grants(c plan.Change) bool {
	s := v.speaker(c)
	for _, f := range c.Fields {
		after := v.unresolved(c, f)
		if inline, _ := object(after); f.Path == inlinePath && len(inline) > 0 {
			return true
		}
		if !isDocument(f.Path, after) {
			continue
		}
		d, err := documentOf(after)
		if err != nil || slices.ContainsFunc(d.Statements, func(st access.Statement) bool {
			return st.Effect != access.Allow || !s.delegates(facetsOf(st)[facetPrincipal])
		}) {
			return true
		}
	}
	return false
}

// inline tells documents by the names that they have inside of their owner.
func (v *viewer) inline(c plan.Change, before, after any) ([]field, bool) {
	old, oldIsObject := object(before)
	now, nowIsObject := object(after)
	if (before != nil && !oldIsObject) || (after != nil && !nowIsObject) {
		return nil, false
	}
	var lines []field
	for _, name := range members(old, now) {
		path := inlinePath + "." + name
		was, is := old[name], now[name]
		if (was != nil && !isDocument("", was)) || (is != nil && !isDocument("", is)) {
			lines = append(lines, compareValues(path, was, is, nil, v.o.Verbose)...)
			continue
		}
		lines = append(lines, v.document(c, path, was, is)...)
	}
	return lines, true
}

// document tells what differs between two documents, statement by statement.
// What cannot be read as a document is shown as it stands.
func (v *viewer) document(c plan.Change, path string, before, after any) []field {
	old, errOld := documentOf(before)
	now, errNow := documentOf(after)
	if err := cmp.Or(errOld, errNow); err != nil {
		raw := compareValues(path, before, after, nil, v.o.Verbose)
		return append([]field{{path: path, sign: '!', prose: true, text: "cannot be told in words: " + err.Error()}}, raw...)
	}
	if before != nil && after != nil && old.Equivalent(now) {
		if same(before, after) {
			return nil
		}
		return []field{{path: path, sign: ' ', text: "means the same: other names of statements, or another order"}}
	}
	lines := v.speaker(c).differences(old, now)
	for _, d := range []access.Document{old, now} {
		if d.Fault != "" {
			lines = append([]field{{sign: '!', prose: true, text: "what stands there was not understood, so nobody can tell what it gives: " + d.Fault}}, lines...)
		}
	}
	if len(old.Statements) > 0 && len(now.Statements) > 0 && old.Version != now.Version {
		lines = append(lines, field{sign: '~', before: versionText(old), after: versionText(now)})
	}
	if len(lines) == 0 {
		lines = []field{{sign: ' ', prose: true, text: "no statement: it allows nothing"}}
	}
	lines[0].path = path
	return lines
}

func versionText(d access.Document) string {
	return "language version " + cmp.Or(d.Version, "not stated")
}

// saidStatement is a statement in its canonical form.
type saidStatement struct {
	access.Statement
	key string
	// sid is the name that the author gave it; never shown as more than a name.
	sid string
}

// said gives the statements of a document by meaning, each once, and remembers
// how their actions were written.
func said(d access.Document, written map[string]string) []saidStatement {
	var list []saidStatement
	seen := map[string]bool{}
	for _, original := range d.Statements {
		for _, action := range slices.Concat(original.Actions, original.NotActions) {
			written[strings.ToLower(action)] = action
		}
		alone := access.Document{Statements: []access.Statement{original}}
		for _, s := range alone.Canonical().Statements {
			key := canonical(s)
			if !seen[key] {
				seen[key] = true
				list = append(list, saidStatement{Statement: s, key: key, sid: original.Sid})
			}
		}
	}
	return list
}

// differences lists statements that are new, gone or changed. The signs are
// those of power: + gives somebody more than before, - takes away. Only a new
// denial carries the + of what is new, and says DENY.
func (s speaker) differences(before, after access.Document) []field {
	s.written = map[string]string{}
	old, now := said(before, s.written), said(after, s.written)
	had := func(list []saidStatement) func(saidStatement) bool {
		return func(s saidStatement) bool {
			return slices.ContainsFunc(list, func(other saidStatement) bool { return other.key == s.key })
		}
	}
	gone := slices.DeleteFunc(slices.Clone(old), had(now))
	added := slices.DeleteFunc(now, had(old))
	var lines []field
	for _, p := range pairs(gone, added) {
		switch {
		case p.before == nil:
			lines = append(lines, s.whole(p.after, '+', ""))
		case p.after == nil && p.before.Effect == access.Deny:
			lines = append(lines, s.whole(p.before, '+', "no longer "))
		case p.after == nil:
			lines = append(lines, s.whole(p.before, '-', ""))
		default:
			lines = append(lines, s.changed(*p.before, *p.after)...)
		}
	}
	return lines
}

// whole is one statement as one line.
func (s speaker) whole(st *saidStatement, sign rune, preface string) field {
	text := preface + s.sentence(st.Statement, nil)
	if mark := s.mark(st.Statement); sign == '+' && mark != "" {
		text = mark + ": " + text
	}
	if s.exact && st.sid != "" {
		text += " [" + literalName(st.sid) + "]"
	}
	return field{sign: sign, prose: true, text: text}
}

// changed is a statement that stayed but for some of its lists.
func (s speaker) changed(before, after saidStatement) []field {
	differ := map[string]bool{}
	var below []field
	old, now := facetsOf(before.Statement), facetsOf(after.Statement)
	for _, name := range facetNames(old, now) {
		if old[name].equal(now[name]) {
			continue
		}
		differ[name] = true
		below = append(below, s.facetLines(name, before.Effect == access.Allow, old[name], now[name])...)
	}
	head := s.sentence(after.Statement, differ)
	if mark := s.mark(after.Statement); mark != "" {
		head = mark + ": " + head
	}
	if s.exact && after.sid != "" {
		head += " [" + literalName(after.sid) + "]"
	}
	return append([]field{{sign: '~', prose: true, text: head}}, below...)
}

// pair is a statement before and after; nil where it is new or gone.
type pair struct{ before, after *saidStatement }

// mostPairs bounds the work on documents that nobody would write.
const mostPairs = 10_000

// pairs matches the statements that have more in common than not, the closest
// first, in the order of the new document, then what is gone.
func pairs(gone, added []saidStatement) []pair {
	type match struct{ gone, added, score int }
	var matches []match
	if len(gone)*len(added) <= mostPairs {
		for i, b := range gone {
			for j, a := range added {
				if score := likeness(b, a); score > 0 {
					matches = append(matches, match{i, j, score})
				}
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(b.score, a.score) })
	of, taken := make([]*saidStatement, len(added)), make([]bool, len(gone))
	for _, m := range matches {
		if of[m.added] == nil && !taken[m.gone] {
			of[m.added], taken[m.gone] = &gone[m.gone], true
		}
	}
	var list []pair
	for j := range added {
		list = append(list, pair{of[j], &added[j]})
	}
	for i := range gone {
		if !taken[i] {
			list = append(list, pair{&gone[i], nil})
		}
	}
	return list
}

// likeness is above zero for statements that are told best as one that changed.
func likeness(a, b saidStatement) int {
	if a.Effect != b.Effect {
		return 0
	}
	old, now := facetsOf(a.Statement), facetsOf(b.Statement)
	score := 0
	for _, name := range facetNames(old, now) {
		was, is := old[name], now[name]
		switch {
		case !was.condition() && !is.condition() && (was == nil || is == nil):
			return 0
		case was.equal(is):
			score += 2
		default:
			score--
		}
	}
	if a.sid != "" && a.sid == b.sid {
		score++
	}
	return score
}
