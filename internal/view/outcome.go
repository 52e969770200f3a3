package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Outcome is the end of one change, or, with the result "started", the
// beginning of one of its steps.
type Outcome struct {
	ID resource.ID
	// Op is the step's operation; empty for a whole change.
	Op string
	// Result is created, updated, replaced, deleted, proposed, unchanged,
	// skipped, failed, unknown or started.
	Result string
	// Detail is what the change gave (an address, a version) or waited for.
	Detail string
	// Err is the cause of failed and unknown.
	Err string
}

// OutcomeOptions is how to print outcomes.
type OutcomeOptions struct {
	Options
	// Verified says what the read-back found, for example "nothing left"; empty
	// when nothing was verified.
	Verified string
}

// resultRank orders the end table: what needs a person comes last, because
// that is what stays on the screen.
func resultRank(result string) int {
	order := []string{"unchanged", "created", "updated", "replaced", "deleted", "proposed", "skipped", "unknown", "failed"}
	if at := slices.Index(order, result); at >= 0 {
		return at
	}
	return len(order)
}

func resultMark(result string) (mark, style string) {
	switch result {
	case "failed":
		return "✗", red
	case "unknown":
		return "?", red
	case "skipped":
		return "-", yellow
	case "proposed":
		return "»", yellow
	case "started":
		return "·", faint
	default:
		return "✓", green
	}
}

// Live writes one line for a step that began or a change that ended, while
// apply runs: aligned with its mark on a terminal, the bare words in a build log.
func Live(w io.Writer, out Outcome, o Options) error {
	l := lines{o: o}
	mark, style := resultMark(out.Result)
	result := out.Result
	if result == "started" {
		result = cmp.Or(out.Op, result)
	}
	name := out.ID.String()
	if !o.CI {
		l.seg(style, mark).seg("", " ")
		name = pad(name, liveName)
	}
	l.seg("", name).seg("", "  ").seg(style, pad(result, liveResult))
	if out.Detail != "" {
		l.seg("", "  ").seg("", out.Detail)
	}
	l.end()
	l.cause(out)
	return l.flush(w)
}

const (
	liveName   = 56
	liveResult = 9
)

// Outcomes writes the end table of apply. When all went well that is one line;
// otherwise everything is listed by name, with its cause.
func Outcomes(w io.Writer, outcomes []Outcome, o OutcomeOptions) error {
	l := lines{o: o.Options}
	sorted := slices.Clone(outcomes)
	slices.SortStableFunc(sorted, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(resultRank(a.Result), resultRank(b.Result)), a.ID.Compare(b.ID))
	})
	count := map[string]int{}
	for _, out := range sorted {
		count[class(out.Result)]++
	}
	if count["failed"]+count["unknown"]+count["skipped"] > 0 || o.Verbose {
		l.table(sorted)
	}
	parts := []string{fmt.Sprintf("done %d", count["done"])}
	for _, name := range []string{"unchanged", "proposed", "skipped", "failed", "unknown"} {
		if count[name] > 0 || name == "skipped" || name == "failed" {
			parts = append(parts, fmt.Sprintf("%s %d", name, count[name]))
		}
	}
	l.seg(bold, strings.Join(parts, " · "))
	if o.Verified != "" {
		l.seg("", "    verified: "+o.Verified)
	}
	l.end()
	if err := l.flush(w); err != nil {
		return err
	}
	return Hint(w, o.Next, o.Options)
}

func class(result string) string {
	switch result {
	case "created", "updated", "replaced", "deleted":
		return "done"
	case "unchanged", "proposed", "skipped", "failed":
		return result
	default:
		return "unknown"
	}
}

func (l *lines) table(sorted []Outcome) {
	name := 0
	for _, out := range sorted {
		name = max(name, columns(l.o.clean(out.ID.String())))
	}
	for _, out := range sorted {
		mark, style := resultMark(out.Result)
		l.seg(style, mark).seg("", " ").seg(style, pad(out.Result, liveResult)).seg("", "  ").seg("", out.ID.String())
		if out.Detail != "" {
			l.seg("", strings.Repeat(" ", max(0, name-columns(l.o.clean(out.ID.String())))+2)).seg("", out.Detail)
		}
		l.end()
		l.cause(out)
	}
	l.blank()
}
