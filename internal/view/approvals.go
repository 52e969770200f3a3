package view

import (
	"cmp"
	"io"
	"slices"
	"strings"
)

// Quorum is what is known of a plan's approvals when it is printed, by people's
// names. The zero value says only how many the plan asks for.
type Quorum struct {
	// May approve and have not, Signed have, Wrote may not because they wrote what
	// is planned.
	May, Signed, Wrote []string
	// Replan says that one of those who sign must plan again with credentials of
	// his own, and that nobody did yet.
	Replan bool
}

// ApprovalRow is one signature that was found for a plan.
type ApprovalRow struct {
	// Who signed: a person, or the principal of a key; empty where nobody knows.
	Who string
	// Fingerprint is SHA256:… of the key, printed whole.
	Fingerprint string
	// How it was made, for example "hardware key, planned again, carried over".
	How string
	// Expires is when it counts no more, as people read it.
	Expires string
	// Rule and Reason say why it does not count; Origin where it was found.
	Rule, Reason, Origin string
	Counts               bool
}

// Approvals lists the signatures found for one plan: those that count first, then
// those that do not, each with the rule and the reason. Fingerprints stand there
// whole at any width, because a person compares them.
func Approvals(w io.Writer, rows []ApprovalRow, have, need int, o Options) error {
	l := lines{o: o}
	l.seg(bold, approvalCount(have, need)).end()
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b ApprovalRow) int {
		return cmp.Or(-compareBool(a.Counts, b.Counts), strings.Compare(a.Who, b.Who))
	})
	for _, r := range sorted {
		sign, said := piece{green, "✓"}, join(" · ", r.How, prefixed("until ", r.Expires))
		if !r.Counts {
			sign, said = piece{red, "✗"}, "does not count"+prefixed(" (", r.Rule)+suffixed(r.Rule, ")")+prefixed(": ", r.Reason)
		}
		l.mark(sign.style, sign.text, join(": ", cmp.Or(r.Who, "somebody unknown"), said))
		l.whole("  ", r.Fingerprint)
		l.whole("  ", prefixed("from ", r.Origin))
	}
	return l.flush(w)
}

func approvalCount(have, need int) string {
	switch {
	case need == 0:
		return "needs no approval" + prefixed(", has ", positive(have))
	case have == 0:
		return "no approval yet, needs " + number(need)
	default:
		return number(have) + " of " + count(need, "approval")
	}
}

// whole adds a line that is never cut, because it is there to be compared.
func (l *lines) whole(indent, text string) {
	if text != "" {
		l.seg("", indent).seg("", text).end()
	}
}

func positive(n int) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// prefixed and suffixed add to a text that is there.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func suffixed(text, suffix string) string {
	if text == "" {
		return ""
	}
	return suffix
}

// join puts a separator between the parts that are there.
func join(separator string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), separator)
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
