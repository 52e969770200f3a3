package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Error is one fault of an environment's files.
type Error struct {
	// Pos is where the user wrote it. Line 0 means the file or folder as a whole.
	Pos resource.Source
	// Path of the value, for example networks.fuji.chainId; empty for a fault
	// of a file.
	Path string
	// Msg says what is wrong, have and need.
	Msg string
	// Hint says what to write or type instead; may be empty.
	Hint string
}

// Error prints file:line: path: message, and the hint on a line of its own.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(place(e.Pos))
	if e.Path != "" {
		b.WriteString(": " + e.Path)
	}
	b.WriteString(": " + e.Msg)
	if e.Hint != "" {
		b.WriteString("\n  hint: " + e.Hint)
	}
	return b.String()
}

// Errors are all faults of an environment, sorted by file and line, each once.
type Errors []*Error

// Error prints one fault after the other, each on its own line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// faults collects errors while the checks go on.
type faults struct{ list Errors }

func (f *faults) add(pos resource.Source, path, hint, format string, args ...any) {
	f.list = append(f.list, &Error{Pos: pos, Path: path, Hint: hidePaths(hint), Msg: hidePaths(fmt.Sprintf(format, args...))})
}

// hidePaths cuts every URL down to its host: what follows, and what stands
// before an @, may be a token.
func hidePaths(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.IndexAny(after, " \t\"'`,;)}]")
		if end < 0 {
			end = len(after)
		}
		authority, rest, _ := strings.Cut(after[:end], "/")
		authority, query, _ := strings.Cut(authority, "?")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			authority = authority[at+1:]
		}
		b.WriteString("://" + authority)
		if rest != "" || query != "" {
			b.WriteString("/…")
		}
		text = after[end:]
	}
}

// err is nil, or all faults as Errors.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b *Error) int {
		return cmp.Or(
			strings.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			strings.Compare(a.Path, b.Path),
			strings.Compare(a.Msg, b.Msg),
		)
	})
	f.list = slices.CompactFunc(f.list, func(a, b *Error) bool { return *a == *b })
	return f.list
}

// meant is the hint for a misspelt word: the nearest of the known ones, or the
// known ones when they are few and none is near.
func meant(word string, known []string) string {
	best, distance := "", len(word)/3+2
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return didYouMean(best)
	case len(known) > 0 && len(known) <= 12:
		return "known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	default:
		return ""
	}
}

func didYouMean(word string) string { return fmt.Sprintf("did you mean %q?", word) }

// editDistance is the optimal string alignment distance: insertions,
// deletions, substitutions and swaps of neighbours.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// plainName prints a name from outside: as it is when it is letters, digits,
// dots and hyphens, quoted and escaped otherwise.
func plainName(name string) string {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return strconv.Quote(name)
		}
	}
	return name
}
