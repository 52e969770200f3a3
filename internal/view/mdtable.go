package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The places of an environment's changes in a comment, in the order of reading.
const (
	configPlace = iota
	driftPlace
	laterPlace
	callsPlace
	places
)

// tables are an environment's tables by place, each with its heading.
type tables struct {
	parts [places]string
	// cut says that rows were left out.
	cut bool
}

func (t tables) size() int {
	n := 0
	for _, part := range t.parts {
		n += len(part)
	}
	return n
}

// row is one line of a table; the riskiest are kept when there are too many.
type row struct {
	place, rank int
	text        string
}

// byRisk puts the riskiest first and keeps the order of reading among equals.
func byRisk(blocks []block) []block {
	sorted := slices.Clone(blocks)
	slices.SortStableFunc(sorted, func(a, b block) int { return cmp.Compare(rankOf(b), rankOf(a)) })
	return sorted
}

// rankOf puts what asks for a person before all others.
func rankOf(b block) int {
	rank := b.first().Risk.Rank()
	if b.first().Person {
		rank = max(rank, resource.Destructive.Rank()) + 1
	}
	return rank
}

func placeOf(c plan.Change) int {
	if drifted(c) {
		return driftPlace
	}
	return configPlace
}

// tables has a row for each block and for what waits.
func (m comment) tables() tables {
	rows := m.rows()
	keep, cutAny := m.keep(rows)
	var t tables
	for place := range places {
		var lines []string
		all, whole := 0, 0
		for i, r := range rows {
			if r.place != place {
				continue
			}
			if all++; keep[i] {
				whole++
				lines = append(lines, r.text)
			}
		}
		if all == 0 {
			continue
		}
		t.parts[place] = m.heading(place) + "| what | change |\n|---|---|\n" + strings.Join(lines, "")
		if whole < all {
			t.parts[place] += "\n" + number(whole) + " of " + number(all) + " rows shown, the riskiest; the digest covers all of them" + m.whole() + "\n"
		}
		t.parts[place] += "\n"
	}
	t.cut = cutAny
	return t
}

// keep chooses the rows that fit: by risk, then in the order of reading.
func (m comment) keep(rows []row) (kept []bool, cutAny bool) {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rows[b].rank, rows[a].rank) })
	kept = make([]bool, len(rows))
	room := m.share / tableShare
	for n, i := range order {
		if room -= len(rows[i].text); n >= shownRows || room < 0 {
			return kept, true
		}
		kept[i] = true
	}
	return kept, false
}

// rows are two cells wide, so that a telephone shows them whole.
func (m comment) rows() []row {
	line := func(symbol, what, change string) string { return "| " + symbol + " " + what + " | " + change + " |\n" }
	var rows []row
	for _, b := range m.folded {
		c, change := b.first(), m.gist(b)
		if source := m.source(b); source != "" {
			change += " · " + MarkdownCode(cutMiddle(Terminal(shortSource(source)), longestWord+1))
		}
		rows = append(rows, row{placeOf(c), rankOf(b), line(shortCode(m.blockSymbol(b), 4), m.blockName(b), change)})
	}
	for _, w := range m.waitings() {
		rows = append(rows, row{laterPlace, -1, line("…", m.waitNames(w), w.word+": "+shortText(m.briefly(w), longestText))})
	}
	return rows
}

// heading is what stands above a table that is not the first thing to read.
func (m comment) heading(place int) string {
	switch place {
	case driftPlace:
		var exits []string
		for _, exit := range m.exits() {
			exits = append(exits, shortCode(exit.command, longestText)+" "+exit.effect)
		}
		return "#### Changed outside git\n\n" + strings.Join(exits, "; ") + ".\n\n"
	case laterPlace:
		return "#### In no step of this plan\n\n"
	default:
		return ""
	}
}

// blockName names a block, and the networks that its names only count.
func (m comment) blockName(b block) string {
	text := shortText(b.first().ID.Kind, longestName) + " " + codeNames(b.names, shownInRow)
	if networks := m.counted(b); len(networks) > 0 {
		text += ": " + shortText(strings.Join(networks[:2], ", ")+", …", longestName)
	}
	return text
}

// counted are the networks of a block whose name counts them without naming them,
// unless it is all there are.
func (m comment) counted(b block) []string {
	var networks []string
	for _, c := range b.changes {
		s := m.names.shapeOf(c.ID)
		network := c.ID.Scope
		if s.network {
			network = s.places[len(s.places)-1][0]
		}
		if !m.names.networks[network] {
			return nil
		}
		if !slices.Contains(networks, network) {
			networks = append(networks, network)
		}
	}
	slices.Sort(networks)
	if len(networks) <= shownNetworks || len(networks) == len(m.names.networks) {
		return nil
	}
	return networks
}

// shownGists, longestGist and longestWord bound what a row says of its changes; a
// longer word would make the table wider than a telephone.
const (
	shownGists  = 3
	longestGist = 100
	longestWord = 20
)

// gist says what a block does in one cell: how many, how risky, and the first of
// its fields. Whole addresses stand in the details.
func (m comment) gist(b block) string {
	text := m.times(b) + ", " + shortText(riskText(b.first().Risk), longestName)
	if rankOf(b) >= resource.Sensitive.Rank() {
		text = m.times(b) + ", **" + shortText(riskText(b.first().Risk), longestName) + "**"
	}
	var told []string
	more := false
	for _, f := range m.viewer.details(b) {
		said := brief(f)
		if more = len(told) == shownGists; more {
			break
		}
		if said != "" {
			told = append(told, shortText(shortWords(said), longestGist))
		}
	}
	if len(told) > 0 {
		text += ": " + strings.Join(told, "; ")
	}
	if more {
		text += "; …"
	}
	return text
}

// times is a block's words with how many it stands for: 6 × repoint, 1 × propose.
func (m comment) times(b block) string {
	counts := map[string]int{}
	for _, c := range b.changes {
		counts[m.changeWord(c)]++
	}
	var parts []string
	for _, word := range m.blockWords(b) {
		text := shortText(word, longestName)
		if len(b.changes) > 1 {
			text = number(counts[word]) + " × " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// brief is a field for a cell of a table, empty where only details tell it.
func brief(f field) string {
	switch {
	case f.sign == '~' && !f.prose:
		from, to := fromDifference(Terminal(f.before), Terminal(f.after), longestGist/3)
		return f.path + " " + cutMiddle(shortened(from), longestGist/3) + " → " + cutMiddle(shortened(to), longestGist/3)
	case f.sign == '=':
		return f.path + " " + f.before + " → " + f.after
	case (f.sign == '+' || f.sign == '-') && !f.prose && f.path != "":
		return f.path + " " + string(f.sign) + " " + cutMiddle(shortened(f.text), longestGist/3)
	case f.prose && (f.sign == '+' || f.sign == '-' || f.sign == '!'):
		return prefixedPath(f) + string(f.sign) + " " + shortened(f.text)
	case f.sign == ' ' && f.path == "" && !f.prose:
		return shortened(f.text)
	default:
		return ""
	}
}

// shortSource leaves the folders of a long path to the details.
func shortSource(source string) string {
	if at := strings.LastIndexByte(source, '/'); at >= 0 && columns(source) > longestWord {
		return "…" + source[at:]
	}
	return source
}

// shortWords keeps both ends of long words.
func shortWords(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = cutMiddle(word, longestWord)
	}
	return strings.Join(words, " ")
}

func prefixedPath(f field) string {
	if f.path == "" {
		return ""
	}
	return f.path + ": "
}
