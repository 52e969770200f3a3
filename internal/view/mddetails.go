package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// section is one folded part of the comment: the blocks of one kind, action
// and risk.
type section struct {
	title string
	parts []part
	// place is where it stands, rank how soon it gets room.
	place, rank int
}

// part is a change or a block of them as lines of a diff; changes counts how
// many of the plan's changes are told once these lines stand.
type part struct {
	lines   []string
	changes int
}

// sections are all details of an environment, the riskiest first in each place.
func (m comment) sections() []section {
	at := map[string]int{}
	var list []section
	for _, b := range byRisk(m.folded) {
		c := b.first()
		var words []string
		for _, change := range b.changes {
			if word := m.changeWord(change); !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		title := c.ID.Kind + ": " + strings.Join(words, ", ") + " (" + riskText(c.Risk) + ")"
		key := number(placeOf(c)) + title
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, section{title: title, place: placeOf(c), rank: rankOf(b)})
		}
		list[i].parts = append(list[i].parts, m.parts(b)...)
	}
	return append(list, m.chainSections()...)
}

// partLines is how many lines are left out together where there is no room.
const partLines = 60

// parts tells a block: its headline and fields, then each further name alone. A
// change counts as told with its last line.
func (m comment) parts(b block) []part {
	c := b.first()
	sign := func(c plan.Change) string {
		return cmp.Or(map[string]string{"+": "+ ", "-": "- "}[m.symbol(c)], "! ")
	}
	lines := []string{sign(c) + c.ID.String()}
	if len(b.changes) > 1 {
		lines[0] = "# " + m.blockWord(b) + ", each alike"
	}
	if source := m.source(b); source != "" {
		lines = append(lines, "    from: "+cut(Terminal(source), longestText))
	}
	for _, f := range m.viewer.details(b) {
		lines = append(lines, diffLines(f)...)
	}
	var all []part
	for chunk := range slices.Chunk(lines, partLines) {
		all = append(all, part{lines: chunk})
	}
	if len(b.changes) == 1 {
		all[len(all)-1].changes = 1
		return all
	}
	for _, change := range b.changes {
		all = append(all, part{lines: []string{sign(change) + change.ID.String()}, changes: 1})
	}
	return all
}

// diffLines prints a field for the diff language, its sign in column 0.
func diffLines(f field) []string {
	path := f.path
	if path != "" {
		path += ": "
	}
	short := func(s string) string { return cut(Terminal(s), longestText) }
	if f.prose {
		return sentenceDiff(f, path)
	}
	switch f.sign {
	case '~':
		before, after := fromDifference(Terminal(f.before), Terminal(f.after), longestText)
		return []string{"-   " + short(path) + short(before), "+   " + short(path) + short(after)}
	case '=':
		return []string{"    " + short(path) + f.before + " → " + f.after}
	case '+', '-', '!':
		return []string{string(f.sign) + "   " + short(path) + short(f.text)}
	default:
		return []string{"    " + short(path) + short(f.text)}
	}
}

// sentenceWidth is where sentences are wrapped in a comment.
const sentenceWidth = 96

// sentenceDiff wraps a sentence for the diff language: the sign stands in column
// 0 of each line, so that all of it has its colour. A changed statement has
// none: what changed stands below it.
func sentenceDiff(f field, path string) []string {
	sign := string(f.sign)
	if f.sign == '~' {
		sign = " "
	}
	indent := "   "
	if f.deep {
		indent += "  "
	}
	var lines []string
	for i, line := range paragraph(cut(Terminal(path+f.text), longestSentence), sentenceWidth, true) {
		if i > 0 {
			line = "  " + line
		}
		lines = append(lines, sign+indent+line)
	}
	return lines
}

// longestSentence is enough for a statement in words with its lists folded.
const longestSentence = 1200

// openBelow is how many lines of details stand open; more are folded.
const openBelow = 20

// linesOf counts the lines of details.
func linesOf(list []section) int {
	lines := 0
	for _, s := range list {
		for _, p := range s.parts {
			lines += len(p.lines)
		}
	}
	return lines
}

// text is a section in at most room bytes, how many changes it tells, and whether
// that is all of it. What is left out is counted inside of it.
func (s section) text(open bool, room int) (text string, shown int, whole bool) {
	tag := "<details>"
	if open {
		tag = "<details open>"
	}
	before := tag + "<summary>" + htmlText(cut(s.title, longestText)) + "</summary>\n\n"
	const after, more = "\n</details>\n\n", "and %d more: see the whole plan\n\n"
	kept, told, n := s.fit(room - len(before) - len(after) - len(more))
	if len(kept) == 0 {
		return "", 0, len(s.parts) == 0
	}
	text = before + fence("diff", kept)
	if n < len(s.parts) {
		text += "\nand " + number(len(s.parts)-n) + " more: see the whole plan\n"
	}
	return text + after, told, n == len(s.parts)
}

// fit takes the parts that go into a fence of at most room bytes: their lines, the
// changes they tell, and how many they are.
func (s section) fit(room int) (kept []string, told, n int) {
	longest := 2
	for _, p := range s.parts {
		for _, line := range p.lines {
			longest = max(longest, backticks(line))
		}
	}
	room -= 2*(longest+1) + len("diff\n\n")
	for _, p := range s.parts {
		for _, line := range p.lines {
			room -= len(Terminal(line)) + 1
		}
		if room < 0 {
			return kept, told, n
		}
		kept = append(kept, p.lines...)
		told += p.changes
		n++
	}
	return kept, told, n
}
