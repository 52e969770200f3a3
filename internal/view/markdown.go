package view

import (
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// quiet reports whether one line tells everything: nothing to do, all read, and
// nobody found anything.
func (m comment) quiet() bool {
	return m.idle() && m.state() == inSync && len(m.warnings()) == 0 && len(m.stops()) == 0
}

// line is the whole of an environment that is in sync.
func (m comment) line() string {
	var facts []string
	if n := m.resources(); n > 0 {
		facts = append(facts, count(n, "resource"))
	}
	if read, all := m.networks(); all > 0 {
		facts = append(facts, number(read)+" of "+count(all, "network"))
	}
	text := "**" + shortText(m.p.Environment, longestName) + "**"
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	return text
}

// title says what, how risky, how much money and which plan; below it stand what
// the plan needs, what was read and what to type next.
func (m comment) title() string {
	p := m.p
	name := p.Environment
	if p.Class == "mainnet" {
		name += " (mainnet)"
	}
	what := strings.Join(m.counts(), ", ")
	switch {
	case what != "":
	case m.idle():
		what = m.state()
	default:
		what = "nothing to do now"
	}
	parts := []string{shortText(cut(Terminal(name), longestName)+": "+what, longestText)}
	if len(p.Changes) > 0 {
		parts = append(parts, shortText(riskText(p.Requires.Risk), longestName))
	}
	out, fees := m.spend()
	if out != "" {
		parts = append(parts, shortText(out, longestText))
	}
	parts = append(parts, "plan "+shortCode(shortDigest(p.Digest), longestName))
	var lines []string
	for _, need := range m.needs() {
		lines = append(lines, "**"+shortText(need, longestText)+"**")
	}
	var facts []string
	if read, all := m.networks(); all > 0 && read == all {
		facts = append(facts, number(read)+" of "+count(all, "network")+" read")
	}
	if m.unreadLeft() {
		facts = append(facts, "**"+m.unreadCount()+"**")
	}
	for _, fact := range append(m.waitingCounts(), fees, m.o.Monthly) {
		if fact != "" {
			facts = append(facts, shortText(fact, longestText))
		}
	}
	if len(facts) > 0 {
		lines = append(lines, strings.Join(facts, " · "))
	}
	if m.o.Next != "" {
		lines = append(lines, "next: "+shortCode(m.o.Next, longestText))
	}
	title := "### " + strings.Join(parts, " · ") + "\n\n"
	if len(lines) == 0 {
		return title
	}
	return title + "- " + strings.Join(lines, "\n- ") + "\n\n"
}

// alerts are the boxes above the table: what stops the plan, what removes or
// moves power; then what could not be read or can no longer be trusted.
func (m comment) alerts() string {
	var caution, warning []string
	for _, text := range m.stops() {
		caution = append(caution, shortText(text, longestText))
	}
	caution = append(append(caution, m.judged(resource.Refuse, resource.Acknowledge)...), m.dangers()...)
	for _, text := range m.warnings() {
		warning = append(warning, shortText(text, longestText))
	}
	for _, s := range m.silences() {
		warning = append(warning, "**not read, nothing there is changed:** "+shortText(strings.Join(s.scopes, ", ")+": "+s.Operation+": "+s.Cause, longestText))
	}
	if text, command := m.elsewhere(); text != "" {
		warning = append(warning, text+shortCode(command, longestText))
	}
	limit := m.share / alertShare / 3
	return box("CAUTION", caution, limit) + box("WARNING", warning, limit)
}

// notes are what is good to know and stops nothing.
func (m comment) notes() string {
	return box("NOTE", m.judged(resource.Note), m.share/alertShare/3)
}

// judged lists findings with their rule.
func (m comment) judged(severities ...resource.Severity) []string {
	var list []string
	for _, j := range m.judgements(severities...) {
		text := "**" + severityWord(j.Severity) + "** " + shortCode(j.Rule, longestName) + " " + m.nameList(j.ids) + MarkdownText(": "+cut(Terminal(j.Reason), longestText))
		if j.Hint != "" {
			text += " (" + shortText(j.Hint, longestText) + ")"
		}
		list = append(list, text)
	}
	return list
}

// dangers tells the changes that remove, and those that move power, one line
// for each kind and action, what removes first.
func (m comment) dangers() []string {
	at := map[string]int{}
	type danger struct {
		head  string
		names []string
	}
	var list []danger
	for _, b := range byRisk(m.folded) {
		c := b.first()
		if c.Risk.Rank() < resource.Sensitive.Rank() && !c.Person {
			continue
		}
		head := "**" + shortText(riskText(c.Risk), longestName) + "**: " + shortText(m.changeWord(c)+" "+c.ID.Kind, longestName)
		if c.Person {
			head = "**a person must decide**, " + head
		}
		i, ok := at[head]
		if !ok {
			i = len(list)
			at[head] = i
			list = append(list, danger{head: head})
		}
		list[i].names = append(list[i].names, b.names...)
	}
	var lines []string
	for _, d := range list {
		lines = append(lines, d.head+" "+codeNames(d.names, shownInAlert))
	}
	if changesRules(m.p) {
		lines = append([]string{"**the rules that judge this environment change**: this plan is judged by those in force until now"}, lines...)
	}
	return lines
}

// changesRules reports whether the plan puts another judge in force; limits of one
// network or one address that is pinned are less than that.
func changesRules(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Changes, func(c plan.Change) bool {
		return c.ID.Kind == plan.GovernanceKind && c.Risk.Rank() >= resource.Destructive.Rank()
	})
}

// box is one alert of GitHub-flavoured markdown, a quote elsewhere.
func box(name string, lines []string, limit int) string {
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("> [!" + name + "]\n")
	for i, line := range lines {
		if i == shownAlerts || b.Len()+len(line) > limit {
			b.WriteString("> - and " + number(len(lines)-i) + " more\n")
			break
		}
		b.WriteString("> - " + line + "\n")
	}
	return b.String() + "\n"
}

// shortText and shortCode are at most so many columns of what is seen: values from
// outside are told longer than they are.
func shortText(s string, most int) string { return MarkdownText(cut(Terminal(s), most)) }

func shortCode(s string, most int) string { return MarkdownCode(cut(Terminal(s), most)) }

// nameList names resources with their kind.
func (m comment) nameList(ids []resource.ID) string {
	if len(ids) == 1 && ids[0].IsZero() {
		return "the whole environment"
	}
	return shortText(ids[0].Kind, longestName) + " " + codeNames(m.namesOf(ids), shownInRow)
}

// shownInRow and shownInAlert are up to how many names stand in one line.
const (
	shownInRow   = 3
	shownInAlert = 12
)

func codeNames(names []string, most int) string {
	var parts []string
	for i, name := range names {
		if i == most {
			parts = append(parts, "and "+count(len(names)-most, "more name"))
			break
		}
		parts = append(parts, MarkdownCode(cutMiddle(Terminal(name), longestName)))
	}
	return strings.Join(parts, ", ")
}

// footer says exactly which plan, made from what by whom, and until when. Nobody
// applies a plan with nothing to do.
func (m comment) footer() string {
	p := m.p
	if m.idle() {
		return ""
	}
	lines := []string{"plan " + shortCode(p.Digest, longestName) + ", " + m.until()}
	add := func(label, text string) {
		if text != "" {
			lines = append(lines, label+shortCode(text, longestName))
		}
	}
	add("changes ", p.ChangesDigest)
	if p.Revision.Commit != "" {
		lines = append(lines, "configuration at "+shortCode(p.Revision.Commit, longestName)+", "+shortText(m.authors(), longestText))
	}
	add("last applied ", p.Revision.Applied)
	add("account ", strings.TrimSpace(p.Identity.Account+" "+p.Identity.Region))
	add("made by ", p.Tool)
	if m.o.Artifact != "" {
		lines = append(lines, "whole plan: "+m.artifact())
	}
	return "---\n\n- " + strings.Join(lines, "\n- ") + "\n"
}

// until is absolute: a comment is read later than it is written.
func (m comment) until() string {
	if m.p.Expires.IsZero() {
		return "without expiry"
	}
	return "good until " + clock(m.p.Expires)
}
