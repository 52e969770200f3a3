package view

import (
	"io"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Plan writes a plan as text: what, how risky, how much money, what was not
// read, what it needs, what to type next. A plan with nothing to do is one line.
func Plan(w io.Writer, p *plan.Plan, o Options) error {
	t := newText(p, o)
	if t.idle() {
		t.oneLine()
		t.banners()
		t.aside()
		t.findings()
	} else {
		t.header()
		t.banners()
		t.blank()
		t.body()
		t.blank()
		t.footer()
	}
	if err := t.flush(w); err != nil {
		return err
	}
	return Hint(w, o.Next, o)
}

// text writes one plan for a terminal or a build log.
type text struct {
	*viewer
	*lines
	grid              grid
	configured, drift []block
}

func newText(p *plan.Plan, o Options) *text {
	t := &text{viewer: newViewer(p, o), lines: &lines{o: o}}
	configured, drift := t.split()
	t.configured, t.drift = t.blocks(configured), t.blocks(drift)
	t.measure()
	return t
}

// idle reports whether there is nothing to do, now or later, in what was read.
func (v *viewer) idle() bool { return v.p.Empty() && len(v.p.Pending) == 0 }

// verdict is what is said of a plan with nothing to do. What was not read
// stands in it when it is short; otherwise it is listed below.
func (t *text) verdict() (sentence string, told bool) {
	state := t.state()
	list := t.silences()
	if len(list) != 1 {
		return t.p.Environment + ": " + state, len(list) == 0
	}
	counted, rest, _ := strings.Cut(state, ";")
	full := t.p.Environment + ": " + counted + " (" + strings.Join(list[0].scopes, ", ") + ": " + list[0].Operation + ": " + list[0].Cause + ");" + rest
	if columns(t.lines.o.clean(full)) > t.lines.o.width() && !t.lines.o.Verbose {
		return t.p.Environment + ": " + state, false
	}
	return full, true
}

// oneLine is the whole output of a plan with nothing to do. "In sync" stands
// there only when all was read and nobody found anything.
func (t *text) oneLine() {
	sentence, told := t.verdict()
	parts := []string{sentence}
	if t.resources() > 0 {
		parts = append(parts, count(t.resources(), "resource"))
	}
	if read, all := t.networks(); all > 0 {
		parts = append(parts, number(read)+" of "+count(all, "network"))
	}
	if d := t.lines.o.Stats.Duration; d > 0 {
		parts = append(parts, took(d))
	}
	t.list("", " · ", parts)
	if !told {
		t.silent()
	}
}

func (v *viewer) state() string {
	switch {
	case v.unreadLeft():
		return v.unreadCount() + "; nothing to do in the rest"
	case v.p.Partial:
		return "nothing to do in what was selected"
	case len(v.p.Findings) > 0:
		return "nothing to do, " + count(len(v.p.Findings), "finding")
	case v.p.Elsewhere > 0 && v.p.Cause == plan.FromDrift:
		return "nothing was changed outside git"
	case v.p.Elsewhere > 0:
		return "nothing to do for the configuration"
	default:
		return inSync
	}
}

// inSync is said only when all was read and nobody found anything.
const inSync = "in sync"

// unreadCount says how much was not read.
func (v *viewer) unreadCount() string {
	read, all := v.networks()
	scopes := map[string]bool{}
	for _, u := range v.p.Unread {
		if !v.names.networks[u.Scope] {
			scopes[u.Scope] = true
		}
	}
	var parts []string
	if read < all {
		parts = append(parts, number(all-read)+" of "+count(all, "network"))
	}
	if len(scopes) > 0 || len(parts) == 0 {
		parts = append(parts, count(max(1, len(scopes)), "other scope"))
	}
	return strings.Join(parts, " and ") + " not read"
}

// header says what was planned against what, and what that cost.
func (t *text) header() {
	p, stats := t.p, t.lines.o.Stats
	title := p.Environment
	if p.Class == "mainnet" {
		title += " (mainnet)"
	}
	if commit := p.Revision.Commit; commit != "" {
		title += " at " + shortCommit(commit)
	}
	parts := []string{title}
	if p.Identity.Account != "" {
		parts = append(parts, strings.TrimSpace("account "+p.Identity.Account+" "+p.Identity.Region))
	}
	if read, all := t.networks(); all > 0 {
		parts = append(parts, number(read)+" of "+count(all, "network")+" read")
	}
	var cost []string
	if stats.AWSCalls+stats.RPCCalls > 0 {
		cost = append(cost, number(stats.AWSCalls)+" AWS calls", number(stats.RPCCalls)+" RPC")
	}
	if stats.Duration > 0 {
		cost = append(cost, took(stats.Duration))
	}
	if len(cost) > 0 {
		parts = append(parts, strings.Join(cost, ", "))
	}
	t.list(bold, " · ", parts)
}

// warnings are what a reader must know before reading on.
func (v *viewer) warnings() []string {
	var texts []string
	p := v.p
	if v.o.Stale != "" {
		texts = append(texts, "stale: "+v.o.Stale)
	}
	if v.o.Foreign != "" && v.o.Foreign != plan.Format {
		texts = append(texts, "of another format, "+v.o.Foreign+": shown as far as this version reads it, and not applied")
	}
	if !v.o.Now.IsZero() && !p.Expires.IsZero() && !v.o.Now.Before(p.Expires) {
		texts = append(texts, "expired "+span(v.o.Now.Sub(p.Expires))+" ago ("+clock(p.Expires)+"): it is not applied any more")
	}
	if p.Revision.Dirty {
		texts = append(texts, "made from files that are not committed")
	}
	if p.Partial {
		texts = append(texts, "partial: only "+strings.Join(p.Only, ", ")+" and what that needs")
	}
	if p.Overlay != nil && p.Overlay.Open {
		texts = append(texts, "open overlay "+p.Overlay.Name+": a sandbox, gates and dirty trees pass; never applied without it")
	} else if p.Overlay != nil {
		texts = append(texts, "overlay "+p.Overlay.Name+": endpoints are not those of "+p.Environment)
	}
	return append(texts, v.o.Banner...)
}

func (t *text) banners() {
	for _, warning := range append(t.stops(), t.warnings()...) {
		t.mark(red, "!", warning)
	}
}

// body is everything between header and summary.
func (t *text) body() {
	t.findingRows(resource.Refuse, resource.Acknowledge)
	for _, b := range t.configured {
		t.block(b)
	}
	if len(t.drift) > 0 {
		t.blank()
		t.seg(bold, "changed outside git").end()
		for _, exit := range t.exits() {
			t.item("", piece{"", "·"}, exit.command+" "+exit.effect)
		}
		for _, b := range t.drift {
			t.block(b)
			for _, c := range b.changes[:min(len(b.changes), 3)] {
				if t.lines.o.Traits[c.ID.Kind].Accepts {
					t.lines.hint(indentation, "reconcile accept "+t.p.Environment+" "+c.ID.String()+" keeps it")
				}
			}
		}
	}
	t.aside()
	t.together()
	t.later()
	t.unread()
	t.blank()
	t.findingRows(resource.Note)
}

// aside says what is in another plan.
func (t *text) aside() {
	if text, command := t.elsewhere(); text != "" {
		t.blank()
		t.mark(yellow, "·", text+command)
	}
}

// footer is the summary, the money, what is needed, the digest and its life.
func (t *text) footer() {
	t.list(bold, " · ", t.summary())
	t.list("", " · ", t.money())
	for _, line := range t.needs() {
		t.prose("", "", line)
	}
	if r := t.p.Revision; t.p.Requires.Approvals > 0 || r.Unsigned > 0 || t.lines.o.Verbose {
		t.prose("", "", t.authors())
	}
	digest := shortDigest(t.p.Digest)
	if t.lines.o.Verbose {
		digest = t.p.Digest
	}
	if digest == "" {
		return
	}
	t.list("", ", ", []string{"plan " + digest, t.life()})
	if t.lines.o.Verbose {
		t.seg("", "changes "+t.p.ChangesDigest).end()
	}
}

// summary counts changes, then what waits.
func (v *viewer) summary() []string {
	parts := v.counts()
	if _, drift := v.split(); len(drift) > 0 {
		parts = append(parts, "of them "+number(len(drift))+" changed outside git")
	}
	parts = append(parts, v.waitingCounts()...)
	if v.unreadLeft() {
		parts = append(parts, v.unreadCount())
	}
	return parts
}

// waitingCounts counts what is in no step of the plan, and what stays as it is.
func (v *viewer) waitingCounts() []string {
	var parts []string
	for _, waiting := range []struct {
		n    int
		word string
	}{{len(v.p.Deferred), "later"}, {len(v.p.Pending), "waiting for others"}, {v.p.Summary.Unchanged, "unchanged"}} {
		if waiting.n > 0 {
			parts = append(parts, waiting.word+" "+number(waiting.n))
		}
	}
	return parts
}

// money is what the plan costs at most, now and by the month.
func (v *viewer) money() []string {
	out, fees := v.spend()
	return slices.DeleteFunc([]string{out, fees, v.o.Monthly}, func(s string) bool { return s == "" })
}

// life says how long a plan may still be applied.
func (v *viewer) life() string {
	switch {
	case v.p.Expires.IsZero():
		return "without expiry"
	case v.o.Now.IsZero():
		return "good until " + clock(v.p.Expires)
	case !v.o.Now.Before(v.p.Expires):
		return "expired " + clock(v.p.Expires)
	default:
		return "good for " + span(v.p.Expires.Sub(v.o.Now)) + " (until " + clock(v.p.Expires) + ")"
	}
}
