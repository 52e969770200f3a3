package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// byRisk puts the riskiest first and keeps the order of reading among equals.
func byRisk(blocks []block) []block {
	sorted := slices.Clone(blocks)
	slices.SortStableFunc(sorted, func(a, b block) int {
		return cmp.Compare(b.first().Risk.Rank(), a.first().Risk.Rank())
	})
	return sorted
}

// table has a row for each block; the riskiest rows are kept when there are
// too many.
func (m comment) table(blocks []block) string {
	if len(blocks) == 0 && len(m.waitings()) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| | what | action | from |\n|---|---|---|---|\n")
	left := 0
	row := func(cells ...string) {
		line := "| " + strings.Join(cells, " | ") + " |\n"
		if left > 0 || strings.Count(b.String(), "\n") >= shownRows || b.Len()+len(line) > m.budget/tableShare {
			left++
			return
		}
		b.WriteString(line)
	}
	rows := blocks
	if len(blocks) > shownRows {
		rows = byRisk(blocks)
	}
	for _, block := range rows {
		c := block.first()
		action := MarkdownText(cut(m.blockWord(block), longestName) + ", " + riskText(c.Risk))
		if drifted(c) && !strings.Contains(m.blockWord(block), "outside git") {
			action += ", changed outside git"
		}
		from := ""
		if source := m.source(block); source != "" {
			from = MarkdownCode(cutMiddle(source, longestName))
		}
		row(MarkdownCode(cut(m.blockSymbol(block), 4)), m.blockName(block), action, from)
	}
	for _, w := range m.waitings() {
		row("…", m.waitNames(w), w.word+": "+MarkdownText(cut(m.briefly(w), longestText)), "")
	}
	if left > 0 {
		b.WriteString("| … | and " + number(left) + " more rows | | |\n")
	}
	return b.String() + "\n"
}

// section is one folded part of the comment: the blocks of one kind, action
// and risk.
type section struct {
	title string
	parts []part
}

// part is a change or a block of them as lines of a diff; changes counts how
// many of the plan's changes are told once these lines stand.
type part struct {
	lines   []string
	changes int
}

func (m comment) sections(blocks []block) []section {
	at := map[string]int{}
	var list []section
	for _, b := range blocks {
		c := b.first()
		var words []string
		for _, change := range b.changes {
			if word := m.word(change); !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		word := strings.Join(words, ", ")
		if drifted(c) {
			word += ", changed outside git"
		}
		title := c.ID.Kind + ": " + word + " (" + riskText(c.Risk) + ")"
		i, ok := at[title]
		if !ok {
			i = len(list)
			at[title] = i
			list = append(list, section{title: title})
		}
		list[i].parts = append(list[i].parts, m.parts(b)...)
	}
	return list
}

// parts tells a block: its headline and fields, then each further name alone.
func (m comment) parts(b block) []part {
	c := b.first()
	sign := func(c plan.Change) string {
		return cmp.Or(map[string]string{"+": "+ ", "-": "- "}[m.symbol(c)], "! ")
	}
	head := part{lines: []string{sign(c) + c.ID.String()}, changes: 1}
	if len(b.changes) > 1 {
		head.lines[0] = "# " + m.blockWord(b) + ", each alike"
		head.changes = 0
	}
	fields := m.viewer.details(b)
	for i, f := range fields {
		if i == shownSensitive && len(fields) > shownSensitive+1 {
			head.lines = append(head.lines, "  … "+count(len(fields)-i, "more line"))
			break
		}
		head.lines = append(head.lines, diffLines(f)...)
	}
	all := []part{head}
	if len(b.changes) > 1 {
		for _, change := range b.changes {
			all = append(all, part{lines: []string{sign(change) + change.ID.String()}, changes: 1})
		}
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

// details fills the room that is left, and says how many changes it told.
func (m comment) details(blocks []block, room int) (text string, shown int) {
	list := append(m.sections(blocks), m.chainSections()...)
	lines := 0
	for _, s := range list {
		for _, p := range s.parts {
			lines += len(p.lines)
		}
	}
	var b strings.Builder
	for _, s := range list {
		open := "<details>"
		if lines <= openBelow {
			open = "<details open>"
		}
		before := open + "<summary>" + htmlText(cut(s.title, longestText)) + "</summary>\n\n"
		after := "\n</details>\n\n"
		kept, told, whole := s.fit(room - b.Len() - len(before) - len(after))
		if len(kept) > 0 {
			b.WriteString(before + fence("diff", kept) + after)
		}
		shown += told
		if !whole {
			break
		}
	}
	return b.String(), shown
}

// fit takes the parts that go into a fence of at most room bytes.
func (s section) fit(room int) (kept []string, told int, whole bool) {
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
			return kept, told, false
		}
		kept = append(kept, p.lines...)
		told += p.changes
	}
	return kept, told, true
}

// footer says which plan, how long, who must approve and what to type.
func (m comment) footer() string {
	p := m.p
	lines := []string{"plan " + MarkdownCode(cut(p.Digest, longestName)) + ", " + m.until()}
	for _, need := range m.needs() {
		lines = append(lines, MarkdownText(cut(need, longestText)))
	}
	if p.Revision.Commit != "" {
		lines = append(lines, "configuration at "+MarkdownCode(cut(p.Revision.Commit, longestName))+" by "+MarkdownText(cut(cmp.Or(strings.Join(p.Revision.Authors, ", "), "nobody named"), longestText)))
	}
	if p.Tool != "" {
		lines = append(lines, "made by "+MarkdownCode(cut(p.Tool, longestName)))
	}
	if m.o.Artifact != "" {
		lines = append(lines, "whole plan: "+MarkdownCode(cut(m.o.Artifact, longestName)))
	}
	if m.o.Next != "" {
		lines = append(lines, "next: "+MarkdownCode(cut(m.o.Next, longestText)))
	}
	return "- " + strings.Join(lines, "\n- ") + "\n"
}

// until is absolute: a comment is read later than it is written.
func (m comment) until() string {
	if m.p.Expires.IsZero() {
		return "without expiry"
	}
	return "good until " + clock(m.p.Expires)
}
