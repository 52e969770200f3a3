package view

import (
	"io"
	"strings"
)

// lines collects text line by line. Whatever is added passes the sink's
// escaping function first, so that no caller can forget it.
type lines struct {
	o    Options
	text strings.Builder
	line strings.Builder
	used int
}

// seg adds a piece in a style to the line that is being made.
func (l *lines) seg(style, text string) *lines {
	clean := l.o.clean(text)
	l.used += columns(clean)
	if style == "" {
		l.line.WriteString(clean)
		return l
	}
	// Padding stays outside of the colour, so that a trimmed line has none left.
	trimmed := strings.TrimRight(clean, " ")
	l.line.WriteString(l.o.paint(style, trimmed))
	l.line.WriteString(clean[len(trimmed):])
	return l
}

// room is how many columns the line has left.
func (l *lines) room() int { return l.o.width() - l.used }

// end finishes the line.
func (l *lines) end() {
	l.text.WriteString(strings.TrimRight(l.line.String(), " "))
	l.text.WriteByte('\n')
	l.line.Reset()
	l.used = 0
}

func (l *lines) blank() {
	if l.text.Len() > 0 && !strings.HasSuffix(l.text.String(), "\n\n") {
		l.text.WriteByte('\n')
	}
}

// prose adds running text, wrapped and indented. Words are cut to the width
// unless everything is asked for whole.
func (l *lines) prose(style, indent, text string) {
	width := max(l.o.width()-columns(indent), leastWidth/2)
	for _, line := range paragraph(l.o.clean(text), width, l.o.Verbose) {
		l.seg("", indent).seg(style, line).end()
	}
}

// mark adds a sign and running text beside it.
func (l *lines) mark(style, sign, sentence string) { l.item("", piece{style, sign}, sentence) }

// item is mark, indented.
func (l *lines) item(indent string, sign piece, sentence string) {
	for i, line := range paragraph(l.o.clean(sentence), max(l.o.width()-columns(indent)-2, leastWidth/2), l.o.Verbose) {
		if i > 0 {
			sign.text = " "
		}
		l.seg("", indent).seg(sign.style, sign.text).seg("", " ").seg("", line).end()
	}
}

// list adds parts with a separator between them, the first line in a style,
// the others indented.
func (l *lines) list(style, separator string, parts []string) {
	const indent = "  "
	width := l.o.width()
	clean := make([]string, len(parts))
	for i, part := range parts {
		words := strings.Fields(l.o.clean(part))
		for n, word := range words {
			if !l.o.Verbose {
				words[n] = cutMiddle(word, width-len(indent))
			}
		}
		clean[i] = strings.Join(words, " ")
	}
	for i, line := range wrap(clean, separator, width, indent) {
		if i > 0 {
			style = ""
		}
		l.seg(style, line).end()
	}
}

// cause adds an outcome's error, each of its own lines for itself; the name
// stands in the line above already.
func (l *lines) cause(out Outcome) {
	for line := range strings.Lines(strings.TrimPrefix(out.Err, out.ID.String()+": ")) {
		l.prose("", indentation, strings.TrimSpace(line))
	}
}

// hint adds a next step that was written for one place.
func (l *lines) hint(indent, text string) {
	if text != "" {
		l.seg("", indent).seg(cyan, "hint:").seg("", " ").seg("", text).end()
	}
}

func (l *lines) flush(w io.Writer) error {
	_, err := io.WriteString(w, l.text.String())
	return err
}
