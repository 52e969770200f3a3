package view

import (
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// briefly is the reason of what waits for a cell of a table: no address and no
// calldata stands there, the details have them whole.
func (m comment) briefly(w waiting) string {
	switch {
	case w.proposal != nil:
		return "proposed to Safe " + literalName(w.proposal.safe.Name) + " on " + w.proposal.safe.Scope + ", " + m.waitsFor(*w.proposal)
	case len(w.calls) > 0:
		return shortened(w.reason) + "; " + count(len(w.calls), "call") + " to make by hand"
	default:
		return shortened(w.reason)
	}
}

// waitNames names what waits, kind by kind.
func (m comment) waitNames(w waiting) string {
	byKind := map[string][]resource.ID{}
	for _, id := range w.ids {
		byKind[id.Kind] = append(byKind[id.Kind], id)
	}
	var parts []string
	for _, kind := range sortedKeys(byKind) {
		parts = append(parts, m.nameList(byKind[kind]))
	}
	return strings.Join(parts, "; ")
}

// shortened keeps both ends of the addresses in a sentence.
func shortened(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		bare := strings.TrimRight(word, ",;.:)")
		words[i] = shortAddress(bare) + word[len(bare):]
	}
	return strings.Join(words, " ")
}

// chainSections are what whoever signs or makes contract calls needs whole: the
// transactions sent from here, those of Safes, and calls for others.
func (m comment) chainSections() []section {
	var list []section
	// What signers and callers compare comes after what reviewers read.
	add := func(place int, title string, parts []part) {
		if len(parts) > 0 {
			list = append(list, section{title: title, parts: parts, place: place, rank: -1})
		}
	}
	waits := m.waitings()
	var proposals []part
	for _, w := range waits {
		if p := w.proposal; p != nil {
			proposals = append(proposals, part{lines: []string{
				"# " + m.kindsAndNames(w.ids), "Safe " + literalName(p.safe.Name) + " " + p.address + ", " + m.waitsFor(*p), m.verifyNext(*p),
			}})
		}
	}
	add(laterPlace, "waiting for others: proposed already", proposals)
	for _, w := range waits {
		if len(w.calls) > 0 {
			add(laterPlace, "calls to make by hand on "+w.network+": "+m.nameText(w), m.handParts(w))
		}
	}
	for _, b := range m.batches(m.p.Changes) {
		lines := []string{m.batchHead(b)}
		for i, w := range b.Batch {
			lines = append(lines, number(i+1)+". "+m.target(b.Network, w), wholeData(w.Data))
		}
		add(callsPlace, "transaction of Safe "+literalName(b.SafeName)+" on "+b.Network, []part{{lines: lines}})
	}
	add(callsPlace, "transactions sent from here", m.sentParts())
	return list
}

func (m comment) nameText(w waiting) string {
	return w.ids[0].Kind + " " + strings.Join(m.namesOf(w.ids), ", ")
}

func (m comment) handParts(w waiting) []part {
	parts := []part{{lines: []string{"# " + w.reason}}}
	for i, p := range w.calls {
		parts = append(parts, part{lines: []string{number(i+1) + ". " + m.sayPrinted(w.network, p), wholeData(p.Data)}})
	}
	return parts
}

// sentParts tells the transactions that are sent, equal ones of several changes
// once.
func (m comment) sentParts() []part {
	type sent struct{ heads, lines []string }
	at := map[string]int{}
	var list []sent
	for _, c := range m.p.Changes {
		lines := m.sentLines(c)
		if len(lines) == 0 {
			continue
		}
		key := strings.Join(lines, "\n")
		if _, told := at[key]; !told {
			at[key] = len(list)
			list = append(list, sent{lines: lines})
		}
		one := &list[at[key]]
		one.heads = append(one.heads, "# "+c.ID.String())
	}
	parts := make([]part, len(list))
	for i, one := range list {
		parts[i].lines = append(one.heads, one.lines...)
	}
	return parts
}

// sentLines are the transactions that one change sends, each with its calldata.
func (m comment) sentLines(c plan.Change) []string {
	var lines []string
	for i, s := range c.Steps {
		t, ok := transactionOf(s)
		if !ok || t.Safe != "" {
			continue
		}
		for _, w := range t.Calls {
			lines = append(lines, number(i+1)+". "+m.headOf(s, t)+": to "+m.target(t.Network, w), wholeData(w.Data))
		}
	}
	return lines
}
