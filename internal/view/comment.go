package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// CommentPlan is one environment of a comment.
type CommentPlan struct {
	Plan *plan.Plan
	// Options say what is known beside the plan. Width, colour and Verbose mean
	// nothing here: folding is what keeps a comment short.
	Options
}

// CommentOptions is how to write a comment.
type CommentOptions struct {
	// Limit is the most bytes of UTF-8; 0 means 60,000, which is below the 65,536
	// characters of a GitHub comment. GitLab takes 1,000,000, Bitbucket 32,768.
	Limit int
}

// defaultLimit leaves room below the 65,536 characters of a GitHub comment, the
// tightest limit among the forges that take details and fences.
const defaultLimit = 60_000

// comment writes one environment for a forge.
type comment struct {
	*viewer
	// folded are the changes, those of the configuration first.
	folded []block
	// share is how many bytes alerts and tables are measured by.
	share int
}

func newComment(cp CommentPlan) comment {
	cp.Verbose, cp.Color, cp.CI = false, false, false
	v := newViewer(cp.Plan, cp.Options)
	configured, drift := v.split()
	return comment{viewer: v, folded: append(v.blocks(configured), v.blocks(drift)...)}
}

// The shares of the limit that alerts and tables may take, the room that the
// count of what is shown needs, and the longest texts and names, in columns.
const (
	alertShare  = 4
	tableShare  = 3
	countBytes  = 400
	shownRows   = 200
	shownAlerts = 40
	longestText = 400
	longestName = 120
)

// Comment writes plans as one pull-request comment: a marker in the first line,
// then each environment with its title, what it needs, alerts, one table and the
// footer, and details as far as the limit goes, the riskiest first. What is left out
// is counted, and nothing is ever cut inside a fence; truncated says that something
// was. Environments that are in sync stand together in one line. It is an error when
// not even title, alerts, table and footer fit.
func Comment(w io.Writer, plans []CommentPlan, o CommentOptions) (truncated bool, err error) {
	limit := cmp.Or(o.Limit, defaultLimit)
	if len(plans) == 0 || len(plans) > mostEnvironments {
		return false, fmt.Errorf("comment: has %d environments, needs 1 to %d", len(plans), mostEnvironments)
	}
	markers := make([]Marker, len(plans))
	var quiet []string
	var told []*telling
	for i, cp := range plans {
		p := cp.Plan
		markers[i] = Marker{Environment: p.Environment, Plan: p.Digest, Changes: p.ChangesDigest, Spec: p.Revision.Commit}
		if m := newComment(cp); m.quiet() {
			quiet = append(quiet, m.line())
		} else {
			told = append(told, &telling{comment: m, marker: &markers[i]})
		}
	}
	head := quietLine(quiet, limit/alertShare)
	// "false" is a letter longer than "true".
	fixed := len(markerLine(markers)) + 1 + len(head)
	if need := reserve(told, limit, fixed); need > limit {
		return false, fmt.Errorf("comment: %d environments need at least %d bytes, the limit is %d", len(plans), need, limit)
	}
	fill(told, limit-fixed)
	var body strings.Builder
	for _, t := range told {
		body.WriteString(t.text())
	}
	_, err = io.WriteString(w, markerLine(markers)+"\n"+head+body.String())
	return slices.ContainsFunc(markers, func(m Marker) bool { return m.Truncated }), err
}

// quietLine is all environments with nothing to do.
func quietLine(list []string, limit int) string {
	if len(list) == 0 {
		return ""
	}
	for n := len(list); n > 0; n-- {
		line := strings.Join(list[:n], "; ")
		if n < len(list) {
			line += "; and " + count(len(list)-n, "more environment")
		}
		if len(line) <= limit {
			return "In sync: " + line + "\n\n"
		}
	}
	return "In sync: " + count(len(list), "environment") + "\n\n"
}

// telling is one environment of a comment while it is written: what is never
// dropped, and the details that found room.
type telling struct {
	comment
	marker     *Marker
	head, foot string
	tables     tables
	details    [places]strings.Builder
	shown      int
}

// reserve writes what is never dropped and says how many bytes the whole comment
// takes at least. Each environment may take all that is there unless that leaves the
// others none; where titles and footers are long, alerts and tables are shorter.
func reserve(told []*telling, limit, fixed int) (need int) {
	equal := limit / max(1, len(told))
	for _, share := range []int{limit, equal, equal / 2, equal / 4, equal / 16} {
		need = fixed
		for _, t := range told {
			t.share = share
			t.tables = t.comment.tables()
			t.head, t.foot = t.title()+t.alerts(), t.notes()+t.footer()
			need += len(t.head) + t.tables.size() + len(t.foot) + countBytes
		}
		if need <= limit {
			return need
		}
	}
	return need
}

// fill gives the room that is left to the details of all environments, the
// riskiest first.
func fill(told []*telling, room int) {
	type detail struct {
		*telling
		section
		open bool
	}
	var list []detail
	for _, t := range told {
		room -= len(t.head) + t.tables.size() + len(t.foot) + countBytes
		sections := t.sections()
		open := linesOf(sections) <= openBelow
		for _, s := range sections {
			list = append(list, detail{t, s, open})
		}
	}
	slices.SortStableFunc(list, func(a, b detail) int { return cmp.Compare(b.rank, a.rank) })
	for _, d := range list {
		text, shown, whole := d.section.text(d.open, room)
		room -= len(text)
		d.details[d.place].WriteString(text)
		d.shown += shown
		if !whole {
			d.marker.Truncated = true
		}
	}
	for _, t := range told {
		if t.tables.cut {
			t.marker.Truncated = true
		}
	}
}

// text puts the environment together, place by place.
func (t *telling) text() string {
	var b strings.Builder
	b.WriteString(t.head)
	for place := range places {
		b.WriteString(t.tables.parts[place] + t.details[place].String())
	}
	b.WriteString(t.foot)
	if all := len(t.p.Changes); t.shown < all {
		b.WriteString("- details of " + number(t.shown) + " of " + number(all) + " changes shown; the digest covers all of them" + t.whole() + "\n")
	}
	return b.String() + "\n"
}

// whole says where all of the plan is.
func (m comment) whole() string {
	if m.o.Artifact == "" {
		return ""
	}
	return ", the whole plan: " + m.artifact()
}

// artifact is a link where it is the plainest of addresses, otherwise text.
func (m comment) artifact() string {
	if isPlainLink(m.o.Artifact) {
		return "<" + m.o.Artifact + ">"
	}
	return shortCode(m.o.Artifact, longestName)
}

// isPlainLink reports whether a text is an https address that holds nothing which
// markdown, HTML or a reader could take for anything else.
func isPlainLink(s string) bool {
	const longest = 300
	rest, ok := strings.CutPrefix(s, "https://")
	host, _, _ := strings.Cut(rest, "/")
	return ok && host != "" && len(s) <= longest && !strings.ContainsFunc(rest, func(r rune) bool {
		return r >= 0x80 || !isAlphanumeric(byte(r)) && !strings.ContainsRune("-._~/:", r)
	})
}
