package view

import (
	"cmp"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// defaultBudget leaves room below the 65,536 characters of a GitHub comment,
// the tightest limit among the forges that take details and fences.
const defaultBudget = 60_000

// comment writes one plan for a forge.
type comment struct {
	*viewer
	budget int
}

// The shares of the budget that alerts and table may take, and the room that
// the footer's count of what is shown needs.
const (
	alertShare  = 4
	tableShare  = 3
	countBytes  = 400
	shownRows   = 200
	shownAlerts = 40
	longestText = 400
	longestName = 120
)

// line is the whole of an environment with nothing to do.
func (m comment) line() string {
	parts := []string{"**" + MarkdownText(cut(m.p.Environment, longestName)) + "**: " + MarkdownText(m.state())}
	if n := m.resources(); n > 0 {
		parts = append(parts, count(n, "resource"))
	}
	if read, all := m.networks(); all > 0 {
		parts = append(parts, number(read)+" of "+count(all, "network"))
	}
	for _, s := range m.silences() {
		parts = append(parts, MarkdownText(cut(strings.Join(s.scopes, ", ")+": "+s.Operation+": "+s.Cause, longestText)))
	}
	text := strings.Join(parts, " · ")
	if len(text) > m.budget/2 {
		text = strings.Join(parts[:1], "") + " · " + count(len(parts)-1, "more reason")
	}
	return text + "\n"
}

func (m comment) text() (text string, truncated bool) {
	configured, drift := m.split()
	blocks := append(m.blocks(configured), m.blocks(drift)...)
	head := m.title() + m.alerts(blocks) + m.table(blocks)
	foot := m.footer()
	room := m.budget - len(head) - len(foot) - countBytes
	details, shown := m.details(byRisk(blocks), room)
	all, counted := len(m.p.Changes), ""
	if shown < all {
		counted = "- " + number(shown) + " of " + number(all) + " changes shown; the digest covers all of them" + m.artifact() + "\n"
	}
	return head + details + "---\n\n" + counted + foot, shown < all
}

func (m comment) artifact() string {
	if m.o.Artifact == "" {
		return ""
	}
	return ", the whole plan is at " + MarkdownCode(cut(m.o.Artifact, longestName))
}

// title says what, how much money, how risky and which plan.
func (m comment) title() string {
	p := m.p
	name := p.Environment
	if p.Class == "mainnet" {
		name += " (mainnet)"
	}
	what := strings.Join(m.counts(), ", ")
	parts := []string{MarkdownText(cut(name, longestName) + ": " + cut(cmp.Or(what, "nothing to do"), longestText))}
	out, fees := m.spend()
	if out != "" {
		parts = append(parts, MarkdownText(cut(out, longestText)))
	}
	if len(p.Changes) > 0 {
		parts = append(parts, MarkdownText(riskText(p.Requires.Risk)))
	}
	parts = append(parts, "plan "+MarkdownCode(shortDigest(cut(p.Digest, longestName))))
	facts := []string{"at " + MarkdownCode(shortCommit(p.Revision.Commit))}
	if p.Identity.Account != "" {
		facts = append(facts, "account "+MarkdownCode(cut(strings.TrimSpace(p.Identity.Account+" "+p.Identity.Region), longestName)))
	}
	if read, all := m.networks(); all > 0 {
		facts = append(facts, number(read)+" of "+count(all, "network")+" read")
	}
	if fees != "" {
		facts = append(facts, MarkdownText(cut(fees, longestText)))
	}
	if m.o.Monthly != "" {
		facts = append(facts, MarkdownText(cut(m.o.Monthly, longestName)))
	}
	return "### " + strings.Join(parts, " · ") + "\n\n" + strings.Join(facts, " · ") + "\n\n"
}

// alerts are the boxes above the table: what is refused or destroys, what
// could not be read or can no longer be trusted, what moves power.
func (m comment) alerts(blocks []block) string {
	var caution, warning, important []string
	for _, j := range m.judgements(resource.Refuse, resource.Acknowledge, resource.Note) {
		text := "**" + severityWord(j.Severity) + "** " + MarkdownCode(cut(j.Rule, longestName)) + " " + m.nameList(j.ids) + MarkdownText(": "+cut(j.Reason, longestText))
		if j.Hint != "" {
			text += " (" + MarkdownText(cut(j.Hint, longestText)) + ")"
		}
		switch j.Severity {
		case resource.Note:
			important = append(important, text)
		default:
			caution = append(caution, text)
		}
	}
	for _, text := range m.warnings() {
		warning = append(warning, MarkdownText(cut(text, longestText)))
	}
	for _, s := range m.silences() {
		warning = append(warning, "**not read, nothing there is changed:** "+MarkdownText(cut(strings.Join(s.scopes, ", ")+": "+s.Operation+": "+s.Cause, longestText)))
	}
	destructive, sensitive := m.dangers(blocks)
	caution, important = append(caution, destructive...), append(sensitive, important...)
	limit := m.budget / alertShare / 3
	return box("CAUTION", caution, limit) + box("WARNING", warning, limit) + box("IMPORTANT", important, limit)
}

// dangers tells the changes that remove, and those that move power, one line
// for each kind and action.
func (m comment) dangers(blocks []block) (destructive, sensitive []string) {
	at := map[string]int{}
	type danger struct {
		head  string
		risk  resource.Risk
		names []string
	}
	var list []danger
	for _, b := range blocks {
		c := b.first()
		if c.Risk.Rank() < resource.Sensitive.Rank() && !c.Person {
			continue
		}
		word := m.word(c)
		if drifted(c) {
			word = driftWord(c, word)
		}
		head := "**" + MarkdownText(cut(riskText(c.Risk), longestName)) + "**: " + MarkdownText(cut(word+" "+c.ID.Kind, longestName))
		if c.Person {
			head = "**a person must decide**, " + head
		}
		i, ok := at[head]
		if !ok {
			i = len(list)
			at[head] = i
			list = append(list, danger{head: head, risk: c.Risk})
		}
		list[i].names = append(list[i].names, b.names...)
	}
	for _, d := range list {
		if d.risk.Rank() >= resource.Destructive.Rank() {
			destructive = append(destructive, d.head+" "+codeNames(d.names, shownInAlert))
			continue
		}
		sensitive = append(sensitive, d.head+" "+codeNames(d.names, shownInRow))
	}
	return destructive, sensitive
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

// nameList names resources with their kind.
func (m comment) nameList(ids []resource.ID) string {
	if len(ids) == 1 && ids[0].IsZero() {
		return "the whole environment"
	}
	return MarkdownText(cut(ids[0].Kind, longestName)) + " " + codeNames(m.namesOf(ids), shownInRow)
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
		parts = append(parts, MarkdownCode(cutMiddle(name, longestName)))
	}
	return strings.Join(parts, ", ")
}

func (m comment) blockName(b block) string {
	return MarkdownText(cut(b.first().ID.Kind, longestName)) + " " + codeNames(b.names, shownInRow)
}
