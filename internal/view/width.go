package view

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// columns is how many terminal cells a text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// cells is the width of one character: none for combining marks, two for the
// wide blocks of Unicode's East Asian Width (UAX 11) and emoji.
func cells(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	default:
		return 1
	}
}

// pad fills a text with spaces up to a width.
func pad(s string, width int) string {
	if missing := width - columns(s); missing > 0 {
		return s + strings.Repeat(" ", missing)
	}
	return s
}

// cut shortens a text to a width and marks the cut with an ellipsis.
func cut(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	used := 0
	for i, r := range s {
		if used+cells(r) > width-1 {
			return s[:i] + "…"
		}
		used += cells(r)
	}
	return s
}

// cutMiddle shortens an identifier to a width and keeps both ends, because
// names differ at their ends.
func cutMiddle(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	if width < 3 {
		return cut(s, width)
	}
	head, tail := (width-1)/2, width-1-(width-1)/2
	left, used := 0, 0
	for i, r := range s {
		if used+cells(r) > head {
			left = i
			break
		}
		used += cells(r)
	}
	right, used := len(s), 0
	for right > left {
		r, size := utf8.DecodeLastRuneInString(s[:right])
		if used+cells(r) > tail {
			break
		}
		used += cells(r)
		right -= size
	}
	return s[:left] + "…" + s[right:]
}

// wrap joins parts with a separator and breaks the line where the next part
// would pass the width; the lines after the first are indented.
func wrap(parts []string, separator string, width int, indent string) []string {
	var lines []string
	line := ""
	for _, part := range parts {
		switch {
		case columns(part) > width-columns(indent) && separator != " ":
			// Too long for any line: broken at its spaces.
			if line != "" {
				lines = append(lines, line)
			}
			if line = ""; len(lines) > 0 {
				line = indent
			}
			broken := wrap(strings.Fields(part), " ", width-columns(indent), "")
			for i, piece := range broken {
				if i > 0 {
					line = indent
				}
				if line += piece; i < len(broken)-1 {
					lines = append(lines, line)
				}
			}
		case line == "":
			line = part
		case columns(line)+columns(separator)+columns(part) <= width:
			line += separator + part
		default:
			lines = append(lines, line)
			line = indent + part
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// paragraph wraps running text at spaces; a word longer than a line is cut
// unless whole words are asked for.
func paragraph(s string, width int, whole bool) []string {
	words := strings.Fields(s)
	if !whole {
		for i, word := range words {
			words[i] = cutMiddle(word, width)
		}
	}
	return wrap(words, " ", width, "")
}
