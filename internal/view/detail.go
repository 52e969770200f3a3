package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// details lists what a block does, line by line. What creates something that
// gives nobody power yet needs no more than its headline, unless everything is
// asked for, or a document in it says who will have power.
func (v *viewer) details(b block) []field {
	var lines []field
	lines = append(lines, v.sayings(b)...)
	if spend, ok := v.spendLine(b); ok {
		lines = append(lines, spend)
	}
	c := b.first()
	switch {
	case onChain(c.ID.Kind):
		lines = append(v.sayings(b), v.chainDetails(b)...)
	case pins(c):
		lines = append(lines, pinLines(c)...)
	case digested(c) && !v.o.Verbose:
		lines = append(lines, v.ruleLines()...)
	case v.o.Verbose || !(c.Action == plan.Create && c.Risk.Rank() <= resource.Routine.Rank()):
		lines = append(lines, v.common(b, len(lines) > 0)...)
	case v.grants(c):
		lines = append(lines, slices.DeleteFunc(v.common(b, true), func(f field) bool { return f.path == "with" })...)
	}
	if c.Person {
		lines = append(lines, field{sign: '!', text: "a person must decide this: no service may do it alone"})
	}
	if c.Cause == plan.FromBoth {
		lines = append(lines, field{sign: ' ', text: "it was changed outside git as well"})
	}
	if v.o.Verbose {
		if digested(c) {
			lines = append(lines, v.ruleLines()...)
		}
		lines = append(lines, v.stepLines(c)...)
	}
	return lines
}

// sayings are the kind's own words: once where all of the block has the same,
// otherwise leg by leg.
func (v *viewer) sayings(b block) []field {
	texts := says(b.first())
	for _, c := range b.changes[1:] {
		if !slices.Equal(texts, says(c)) {
			return v.legs(b)
		}
	}
	var lines []field
	for _, text := range texts {
		lines = append(lines, field{sign: ' ', text: text})
	}
	return lines
}

// legs tells what each change of a block says, those that say the same in one
// line: by their networks if that is what their names differ in, otherwise by
// their names.
func (v *viewer) legs(b block) []field {
	var texts []string
	same := map[string][]resource.ID{}
	for _, c := range b.changes {
		value, _ := v.spends(block{changes: []plan.Change{c}})
		text := strings.Join(says(c), ", ")
		if text == "" && value != "" {
			text = "≤ " + value
		}
		if same[text] == nil {
			texts = append(texts, text)
		}
		same[text] = append(same[text], c.ID)
	}
	byNetwork := len(b.names) == 1 && !strings.Contains(b.names[0], "{")
	var lines []field
	for _, text := range texts {
		for _, s := range v.names.shapes(same[text]) {
			lines = append(lines, field{path: v.names.leg(s, byNetwork), sign: ' ', text: text})
		}
	}
	return lines
}

// spendLine tells the money from the steps themselves, never from what the
// kind says about them.
func (v *viewer) spendLine(b block) (field, bool) {
	value, fee := v.spends(b)
	if value == "" && fee == "" {
		return field{}, false
	}
	var parts []string
	if value != "" {
		parts = append(parts, "≤ "+value)
	}
	if fee != "" {
		parts = append(parts, "fees ≤ "+fee)
	}
	if n := len(b.changes); n > 1 {
		parts = append(parts, "for all "+number(n))
	}
	if from, ok := payer(b); ok {
		parts = append(parts, "from "+from)
	}
	return field{path: "spends", sign: ' ', text: strings.Join(parts, ", ")}, true
}

// payer is who pays for the block's steps, if it is one.
func payer(b block) (string, bool) {
	from := ""
	for _, c := range b.changes {
		for _, s := range c.Steps {
			if s.Spend == nil {
				continue
			}
			if from != "" && from != s.Spend.From {
				return "", false
			}
			from = s.Spend.From
		}
	}
	return from, from != ""
}

// common lists the fields that all of the block changes alike, and says when
// others differ by name.
func (v *viewer) common(b block, said bool) []field {
	lines := v.fields(b.first(), said)
	if len(b.changes) == 1 {
		return v.settings(b, lines)
	}
	shared := map[field]int{}
	for _, f := range lines {
		shared[f] = 1
	}
	most := len(lines)
	for n, c := range b.changes[1:] {
		leg := v.fields(c, said)
		most = max(most, len(leg))
		for _, f := range leg {
			if shared[f] == n+1 {
				shared[f] = n + 2
			}
		}
	}
	var kept, example []field
	for _, f := range lines {
		switch {
		case shared[f] == len(b.changes):
			kept = append(kept, f)
		case f.prose:
			example = append(example, f)
		}
	}
	hidden := most - len(kept) - len(example)
	kept = v.settings(b, kept)
	if hidden > 0 {
		kept = append(kept, field{sign: ' ', text: "and " + count(hidden, "field") + " by name (--verbose)"})
	}
	if len(example) > 0 {
		// What folds says the same of other names, so that one speaks for all.
		kept = append(kept, field{sign: ' ', text: "each alike, for example " + v.names.short(b.first().ID) + ":"})
	}
	return append(kept, example...)
}

// longestSetting is how wide a value may be that stands among others.
const longestSetting = 48

// settings puts the plain values of something new into one line: it is what
// gives power that is read line by line.
func (v *viewer) settings(b block, lines []field) []field {
	if v.o.Verbose || b.first().Action != plan.Create {
		return lines
	}
	var plain []string
	rest := slices.DeleteFunc(slices.Clone(lines), func(f field) bool {
		simple := f.sign == '+' && !f.prose && f.path != "" && columns(f.text) <= longestSetting
		if simple {
			plain = append(plain, f.path+" "+f.text)
		}
		return simple
	})
	if len(plain) < 2 {
		return lines
	}
	return append([]field{{path: "with", sign: ' ', text: strings.Join(plain, ", ")}}, rest...)
}

func (v *viewer) fields(c plan.Change, said bool) []field {
	traits, coin := v.o.Traits[c.ID.Kind], v.coin(c.ID)
	var lines []field
	for _, f := range c.Fields {
		switch {
		case v.quiet(c, f):
		case slices.Contains(traits.Sensitive, f.Path):
			lines = append(lines, field{path: f.Path, sign: ' ', text: "changes (never shown)"})
		case said && !v.o.Verbose && slices.Contains(traits.Moving, f.Path):
		default:
			told, ok := v.access(c, f)
			if !ok {
				told = compareValues(f.Path, f.Before, v.unresolved(c, f), coin, v.o.Verbose)
			}
			lines = append(lines, told...)
		}
	}
	return lines
}

// quiet fields of something new give nobody anything, and most of them repeat
// its name: they are there when everything is asked for.
func (v *viewer) quiet(c plan.Change, f plan.FieldChange) bool {
	return c.Action == plan.Create && !v.o.Verbose && slices.Contains([]string{"tags", "description", "path", "name", "mark"}, f.Path)
}

// unresolved prefers the declared form where the plan does not know the
// value yet; known values are shown as what they are.
func (v *viewer) unresolved(c plan.Change, f plan.FieldChange) any {
	if f.After == nil && c.After != nil {
		return c.After[f.Path]
	}
	return f.After
}

// stepLines shows the effects as data: what is signed is what is done.
func (v *viewer) stepLines(c plan.Change) []field {
	var lines []field
	for i, s := range c.Steps {
		call, calls := transactionOf(s)
		if calls {
			told := v.made(s, call)
			told[0].path = "step " + number(i+1)
			lines = append(lines, told...)
		} else {
			lines = append(lines, field{path: "step " + number(i+1), sign: '>', text: s.Op})
			lines = append(lines, parameterLines(s)...)
		}
		for _, need := range s.Needs {
			lines = append(lines, field{path: "  needs", sign: ' ', text: "the " + need.Output + " of " + need.ID.String()})
		}
		for _, pre := range s.Pre {
			lines = append(lines, field{path: "  only if", sign: ' ', text: preText(pre)})
		}
		if s.Spend != nil && !calls {
			lines = append(lines, field{path: "  spends", sign: ' ', text: "≤ " + s.Spend.Wei + " wei, fees ≤ " + s.Spend.Fee + " wei on " + s.Spend.Network + ", from " + s.Spend.From})
		}
	}
	return lines
}

func parameterLines(s resource.Step) []field {
	lines := parameters(s)
	for i := range lines {
		f := &lines[i]
		f.path, f.sign = "  "+strings.TrimPrefix(f.path, "."), ' '
		f.text = cmp.Or(f.text, f.after)
	}
	return lines
}

// parameters lists what a step was given, by path.
func parameters(s resource.Step) []field {
	if len(s.Params) == 0 {
		return nil
	}
	return compareValues("", nil, map[string]any(s.Params), nil, true)
}

func preText(pre resource.Precondition) string {
	what := pre.ID.String()
	if pre.Path != "" {
		what = pre.Path + " of " + what
	}
	switch pre.Op {
	case resource.Absent:
		return what + " is absent"
	case resource.Equals:
		return what + " is " + pre.Value
	case resource.AtLeast:
		return what + " is at least " + pre.Value
	case resource.AtMost:
		return what + " is at most " + pre.Value
	case resource.CodeHash:
		return what + " has code of hash " + pre.Value
	default:
		return what + " " + string(pre.Op) + " " + pre.Value
	}
}

// driftWord says what somebody did where one word tells it better than a
// field: the key was disabled.
func driftWord(c plan.Change, word string) string {
	for _, f := range c.Fields {
		before, after := strings.ToLower(canonical(f.Before)), strings.ToLower(canonical(f.After))
		if (f.Path == "enabled" && before == "false" && after == "true") || (f.Path == "state" && before == `"disabled"` && after == `"enabled"`) {
			return "disabled outside git"
		}
	}
	return word
}
