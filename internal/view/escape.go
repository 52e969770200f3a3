package view

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Terminal makes a value from outside safe to print on a terminal: control
// bytes, escape sequences, text direction marks, invisible characters and
// foreign white space become visible \u escapes. What it returns is one line.
func Terminal(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.Is(unicode.Mn, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !visible(r) || marks > maxMarks || (marks == 1 && i == 0):
			b.WriteString(escapeRune(r))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// maxMarks is how many combining marks one character may carry: enough for
// every living script, too few to paint over the neighbouring lines.
const maxMarks = 2

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func escapeRune(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// visible reports whether a character prints as itself and nothing more.
// Beside control and format characters (Unicode Cc, Cf) it refuses what
// renders as nothing: the default ignorable code points of Unicode, which hold
// fillers and variation selectors, and every space but U+0020.
func visible(r rune) bool {
	switch {
	case r == ' ':
		return true
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Me):
		return false
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point):
		return false
	case r == 0x2800: // braille blank
		return false
	}
	return unicode.IsGraphic(r)
}

// CILog makes a value safe for the log of a build service: as Terminal, and
// the forms that a runner would obey are broken: a word that begins with "::"
// (GitHub Actions) and "##" before a command's name or bracket (GitHub
// Actions' older form, Azure Pipelines, TeamCity).
func CILog(s string) string {
	s = Terminal(s)
	if !strings.Contains(s, "::") && !strings.Contains(s, "##") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "::") && (i == 0 || s[i-1] == ' '):
			b.WriteString(`\u003a\u003a`)
			i++
		case strings.HasPrefix(rest, "##"):
			marks := len(rest) - len(strings.TrimLeft(rest, "#"))
			i += marks - 1
			if marks < len(rest) && rest[marks] == ' ' {
				b.WriteString(rest[:marks])
				continue
			}
			b.WriteString("#" + strings.Repeat(`\u0023`, marks-1))
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// MarkdownCode makes a value an inline code span of GitHub-flavoured markdown, safe in
// running text and in a table cell: nothing in it is a mention, an issue
// number, a link, HTML, or the end of the span or of the cell.
func MarkdownCode(s string) string {
	s = Terminal(s)
	switch {
	case strings.TrimSpace(s) == "":
		return "<code>" + strings.Repeat("&#32;", len(s)) + "</code>"
	case !strings.ContainsAny(s, "`|\\"):
		return "`" + s + "`"
	}
	return "<code>" + entities(s) + "</code>"
}

// MarkdownText makes a sentence that holds values from outside safe in running
// text, at the beginning of a list item and in a table cell. Words that a forge could
// turn into a mention, an issue, a commit, a formula or a link become code spans,
// because a forge looks for those in the rendered text, where escapes no longer
// protect; the punctuation of markdown and HTML is escaped.
func MarkdownText(s string) string {
	if strings.TrimSpace(s) == "" {
		return MarkdownCode(s)
	}
	// Four spaces at the beginning of a line, or two at its end, mean something too.
	words := strings.Split(strings.Trim(Terminal(s), " "), " ")
	first := true
	for i, word := range words {
		if first && startsBlock(word) {
			words[i] = word[:len(word)-1] + `\` + word[len(word)-1:]
			first = false
			continue
		}
		first = first && word == ""
		if linkable(word) {
			open := word[:len(word)-len(strings.TrimLeft(word, "("))]
			bare := strings.TrimRight(word[len(open):], ",;.:)")
			words[i] = open + MarkdownCode(bare) + word[len(open)+len(bare):]
			continue
		}
		words[i] = escapePunctuation(word)
	}
	return strings.Join(words, " ")
}

// startsBlock reports whether a word at the beginning of a line begins a list, is a
// rule, or makes a heading of the line above.
func startsBlock(word string) bool {
	if word != "" && (strings.Trim(word, "-") == "" || strings.Trim(word, "=") == "") || word == "+" {
		return true
	}
	digits := strings.TrimLeft(word, "0123456789")
	return len(digits) < len(word) && (digits == "." || digits == ")")
}

// linkable reports whether a forge might link a word: mentions and issue
// numbers, addresses of any scheme, e-mails, GH-123, :emoji:, formulas, and seven or
// more hex digits, which may be a commit.
func linkable(word string) bool {
	lower := strings.ToLower(word)
	if strings.ContainsAny(lower, "@#`\\$") || strings.Contains(lower, "www.") || strings.Contains(lower, "gh-") {
		return true
	}
	if at := strings.IndexByte(lower, ':'); at >= 0 && at < len(lower)-1 && !isClock(lower) {
		return true
	}
	run := 0
	for i := range len(lower) {
		if c := lower[i]; (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') {
			if run++; run >= 7 {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}

// isClock reports whether a word is a time of day, in which no emoji hides.
func isClock(word string) bool {
	return len(word) == len("15:04") && word[2] == ':' && strings.Trim(word[:2]+word[3:], "0123456789") == ""
}

// punctuation is what markdown and HTML give a meaning inside a line. No value
// stands at the beginning of a line, where more characters have one.
const punctuation = "<>&*_[]!|~"

func escapePunctuation(word string) string {
	var b strings.Builder
	for _, r := range word {
		if strings.ContainsRune(punctuation, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// htmlText makes a value safe inside an HTML element of a comment, where
// markdown is not read: a code element, everything but letters, digits and
// spaces as entities.
func htmlText(s string) string { return "<code>" + entities(Terminal(s)) + "</code>" }

// entities writes everything but letters, digits and a few signs as entities. A
// forge looks for e-mail addresses after it has read those: their sign is told as
// what is not visible is told.
func entities(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '@' {
			b.WriteString("&#92;u0040")
			continue
		}
		if r < 0x80 && !isAlphanumeric(byte(r)) && !strings.ContainsRune(" -/(),", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// fence wraps lines in a code fence that nothing inside can close: one
// backtick longer than the longest run inside, and never fewer than three.
func fence(language string, lines []string) string {
	longest := 2
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = Terminal(line)
		longest = max(longest, backticks(clean[i]))
	}
	marks := strings.Repeat("`", longest+1)
	return marks + language + "\n" + strings.Join(clean, "\n") + "\n" + marks + "\n"
}

func backticks(s string) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// CSV makes a value one cell that no spreadsheet takes for a formula: a cell
// that begins with =, +, -, @ or a tab gets a leading apostrophe (OWASP, "CSV
// injection"). Quoting is encoding/csv's.
func CSV(s string) string {
	s = Terminal(s)
	if trimmed := strings.TrimLeft(s, " '\""); trimmed != "" && strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20", firstRune(trimmed)) {
		return "'" + s
	}
	return s
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// maxLabel is the longest label name that GitHub takes.
const maxLabel = 50

// Label makes a value fit for a label of a forge or of a metric: letters,
// digits and . _ : / -, everything else an underscore, 50 characters at most.
func Label(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() == maxLabel {
			break
		}
		if r < 0x80 && (isAlphanumeric(byte(r)) || strings.ContainsRune("._:/-", r)) {
			b.WriteRune(r)
			continue
		}
		b.WriteByte('_')
	}
	return b.String()
}

// ascii rewrites JSON text so that every character outside printable ASCII is
// a \u escape: the same value, safe on a terminal.
func ascii(json []byte) []byte {
	var b strings.Builder
	for _, r := range string(json) {
		switch {
		case r == '\n' || (r >= 0x20 && r < 0x7f):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return []byte(b.String())
}

func isAlphanumeric(c byte) bool {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}
