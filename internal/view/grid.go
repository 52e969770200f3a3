package view

import (
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// grid is the width of the columns of the headlines of blocks.
type grid struct {
	kind, name, word, risk int
	// stacked puts what follows the name on a line of its own: the terminal is
	// too narrow for columns.
	stacked bool
}

const (
	leastName   = 24
	mostKind    = 20
	mostWord    = 24
	indentation = "    "
)

// measure sizes the columns from all that will be printed.
func (t *text) measure() {
	g, source := grid{}, 0
	var names []string
	for _, blocks := range [][]block{t.configured, t.drift} {
		for _, b := range blocks {
			c := b.first()
			g.kind = max(g.kind, columns(t.kindText(c.ID)))
			g.word = max(g.word, columns(t.tail(b)[0].text))
			g.risk = max(g.risk, columns(t.tail(b)[1].text))
			source = max(source, columns(t.tail(b)[2].text))
			names = append(names, b.names...)
		}
	}
	for _, w := range t.waitings() {
		g.kind = max(g.kind, columns(t.kindText(w.about()[0])))
		names = append(names, t.namesOf(w.about())...)
	}
	fixed := 2 + g.kind + 2 + 2 + g.word + 2 + g.risk + 2 + source
	room := t.lines.o.width() - fixed
	g.stacked = room < leastName
	// A name that does not fit stands alone and takes no room from the others.
	for _, name := range names {
		if n := columns(t.lines.o.clean(name)); n <= room {
			g.name = max(g.name, n)
		}
	}
	t.grid = g
}

func (t *text) kindText(id resource.ID) string {
	if t.lines.o.Verbose {
		return ""
	}
	return cut(t.lines.o.clean(id.Kind), mostKind)
}

// shownNames is up to how many lines of names a folded block has.
const shownNames = 6

func (t *text) block(b block) {
	c := b.first()
	symbol := t.blockSymbol(b)
	t.headline(piece{symbolStyle(symbol), symbol}, t.kindText(c.ID), b.names, t.tail(b))
	fields := t.details(b)
	if on, ok := t.names.listed(b.ids()); ok && !onChain(c.ID.Kind) {
		fields = append([]field{on}, fields...)
	}
	t.fieldLines(fields, c.Risk)
}

// tail is what follows a block's name: action, risk and source.
func (t *text) tail(b block) []piece {
	clean, risk := t.lines.o.clean, b.first().Risk
	return []piece{
		{"", cut(clean(t.blockWord(b)), mostWord)},
		{riskStyle(risk), cut(clean(riskText(risk)), mostWord)},
		{faint, clean(t.source(b))},
	}
}

// piece is a text with its style.
type piece struct{ style, text string }

// headline is the first line of a block: sign, kind, name and what follows.
func (t *text) headline(sign piece, kind string, names []string, tail []piece) {
	t.seg(sign.style, sign.text).seg("", " ")
	if kind != "" || t.grid.kind > 0 {
		t.seg("", pad(kind, t.grid.kind)).seg("", "  ")
	}
	column := 2
	if t.grid.kind > 0 {
		column += t.grid.kind + 2
	}
	name := t.lines.o.clean(names[0])
	if t.grid.stacked || columns(name) > t.grid.name {
		for i, line := range paragraph(name, t.room(), t.lines.o.Verbose) {
			if i > 0 {
				t.seg("", strings.Repeat(" ", column))
			}
			t.seg(bold, line).end()
		}
		t.moreNames(names, column)
		t.stack(tail)
		return
	}
	t.seg(bold, pad(name, t.grid.name))
	for i, p := range tail {
		width := 0
		if i < 2 {
			width = []int{t.grid.word, t.grid.risk}[i]
		}
		if p.text != "" {
			t.seg("", "  ").seg(p.style, pad(cut(t.lines.o.clean(p.text), max(t.room(), 8)), width))
		}
	}
	t.end()
	t.moreNames(names, column)
}

// stack puts what follows a name on the next line.
func (t *text) stack(tail []piece) {
	t.seg("", indentation)
	for i, p := range tail {
		if p.text == "" {
			continue
		}
		text := cut(t.lines.o.clean(p.text), t.lines.o.width()-len(indentation))
		switch {
		case i > 0 && columns(text)+3 > t.room():
			t.end()
			t.seg("", indentation)
		case i > 0:
			t.seg("", " · ")
		}
		t.seg(p.style, text)
	}
	t.end()
}

func (t *text) moreNames(names []string, column int) {
	indent := strings.Repeat(" ", column)
	for i, name := range names[1:] {
		if i+1 >= shownNames && len(names) > shownNames+1 {
			t.seg("", indent).seg(faint, "… and "+count(len(names)-shownNames, "more name")+" (--verbose)").end()
			return
		}
		t.seg("", indent).seg(bold, cutMiddle(t.lines.o.clean(name), t.lines.o.width()-column)).end()
	}
}

// shownFields and shownSensitive are up to how many lines a block has.
const (
	shownFields    = 16
	shownSensitive = 60
	leastValue     = 46
	mostPath       = 32
)

func (t *text) fieldLines(fields []field, risk resource.Risk) {
	limit := shownFields
	if risk.Rank() >= resource.Sensitive.Rank() {
		limit = shownSensitive
	}
	path := 0
	for _, f := range fields {
		if n := columns(t.lines.o.clean(f.path)); n <= min(mostPath, t.lines.o.width()/3) {
			path = max(path, n)
		}
	}
	for i, f := range fields {
		if i >= limit && len(fields) > limit+1 && !t.lines.o.Verbose {
			t.seg("", indentation).seg(faint, "… "+count(len(fields)-limit, "more line")+" (--verbose)").end()
			return
		}
		t.fieldLine(f, path)
	}
}

// fieldLine prints one attribute in two columns, or its value below its path
// where there is no room beside it.
func (t *text) fieldLine(f field, width int) {
	if f.path == "" && !f.prose && (f.sign == ' ' || f.sign == '!') {
		style := ""
		if f.sign == '!' {
			style = yellow
		}
		t.prose(style, indentation, f.text)
		return
	}
	path := t.lines.o.clean(f.path)
	values := t.valueLines(f, t.lines.o.width()-len(indentation)-width-2)
	widest := 0
	for _, p := range values {
		widest = max(widest, columns(p.text))
	}
	indent := indentation + strings.Repeat(" ", width+2)
	below := columns(path) > width || (widest > t.lines.o.width()-columns(indent) && t.lines.o.width()-columns(indent) < leastValue)
	switch {
	case below:
		if path != "" {
			t.seg("", indentation).seg("", cutMiddle(path, t.lines.o.width()-len(indentation))).end()
		}
		indent = indentation + "  "
		values = t.valueLines(f, t.lines.o.width()-len(indent))
	default:
		t.seg("", indentation).seg("", pad(path, width)).seg("", "  ")
		t.value(values[0], columns(indent))
		values = values[1:]
	}
	for _, p := range values {
		t.seg("", indent)
		t.value(p, columns(indent))
	}
}

func (t *text) value(p piece, column int) {
	if !t.lines.o.Verbose {
		p.text = cut(p.text, t.lines.o.width()-column)
	}
	t.seg(p.style, p.text).end()
}

// valueLines prints the value of a field: on one line if it fits, otherwise
// before and after below each other, shown from where they differ.
func (t *text) valueLines(f field, room int) []piece {
	clean := t.lines.o.clean
	if f.prose {
		return t.sentenceLines(f, room)
	}
	switch f.sign {
	case '+':
		return []piece{{green, "+ " + t.fit(f.text, room-2)}}
	case '-':
		return []piece{{red, "- " + t.fit(f.text, room-2)}}
	case '>':
		return []piece{{bold, clean(f.text)}}
	case '~', '=':
		before, after := clean(f.before), clean(f.after)
		if one := before + " → " + after; columns(one) <= room {
			return []piece{{yellow, one}}
		}
		if !t.lines.o.Verbose {
			before, after = fromDifference(before, after, room-2)
		}
		return []piece{{red, "- " + before}, {green, "+ " + after}}
	default:
		var lines []piece
		for _, line := range paragraph(clean(f.text), max(room, leastWidth/2), t.lines.o.Verbose) {
			lines = append(lines, piece{"", line})
		}
		if len(lines) == 0 {
			lines = []piece{{}}
		}
		return lines
	}
}

// sentenceLines wraps a sentence behind its sign.
func (t *text) sentenceLines(f field, room int) []piece {
	sign, indent := string(f.sign)+" ", "  "
	if f.deep {
		sign, indent = "  "+sign, "    "
	}
	style := map[rune]string{'+': green, '-': red, '~': yellow, '!': yellow}[f.sign]
	var pieces []piece
	for i, line := range paragraph(t.lines.o.clean(f.text), max(room-len(indent), leastWidth/2), t.lines.o.Verbose) {
		if i > 0 {
			sign = indent
		}
		pieces = append(pieces, piece{style, sign + line})
	}
	if len(pieces) == 0 {
		pieces = []piece{{style, strings.TrimRight(sign, " ")}}
	}
	return pieces
}

// fit keeps both ends of a value that is too long, unless it is asked for whole.
func (t *text) fit(value string, room int) string {
	clean := t.lines.o.clean(value)
	if t.lines.o.Verbose || room < leastValue-2 && columns(clean) <= leastValue {
		return clean
	}
	return cutMiddle(clean, max(room, leastWidth/2))
}

// fromDifference drops what two texts have in common at their beginning when
// they would otherwise be cut before the place where they differ.
func fromDifference(before, after string, room int) (from, to string) {
	const context = 12
	a, b := []rune(before), []rune(after)
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	if same < room-context || max(columns(before), columns(after)) <= room {
		return before, after
	}
	start := max(0, same-context)
	return "…" + string(a[start:]), "…" + string(b[start:])
}
