package view

import (
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// judgement is one finding, or several that say the same of different names.
type judgement struct {
	resource.Finding
	ids []resource.ID
}

// judgements folds the findings of the given severities, in their order.
func (v *viewer) judgements(severities ...resource.Severity) []judgement {
	at := map[string]int{}
	var folded []judgement
	for _, severity := range severities {
		for _, f := range v.p.Findings {
			if f.Severity != severity {
				continue
			}
			key := strings.Join([]string{f.Rule, f.ID.Kind, f.Reason, f.Hint}, "\x00")
			if v.o.Verbose {
				key += "\x00" + f.ID.String()
			}
			i, ok := at[key]
			if !ok || f.ID.IsZero() {
				i = len(folded)
				at[key] = i
				folded = append(folded, judgement{Finding: f})
			}
			folded[i].ids = append(folded[i].ids, f.ID)
		}
	}
	return folded
}

func severityWord(s resource.Severity) string {
	switch s {
	case resource.Refuse:
		return "refused"
	case resource.Acknowledge:
		return "acknowledge"
	case resource.Note:
		return "note"
	default:
		return string(s)
	}
}

// findings lists all of them, for a plan without changes.
func (t *text) findings() {
	t.findingRows(resource.Refuse, resource.Acknowledge, resource.Note)
}

func (t *text) findingRows(severities ...resource.Severity) {
	found := t.judgements(severities...)
	for _, j := range found {
		sign := piece{red, "!"}
		if j.Severity == resource.Note {
			sign = piece{faint, "·"}
		}
		kind, names := "", []string{"the whole environment"}
		if !j.ID.IsZero() {
			kind, names = t.kindText(j.ID), t.namesOf(j.ids)
		}
		word := severityWord(j.Severity)
		if len(j.ids) > 1 {
			word += " " + number(len(j.ids))
		}
		style := sign.style
		t.seg(sign.style, sign.text).seg("", " ")
		if kind != "" {
			t.seg("", kind+" ")
		}
		name := t.lines.o.clean(names[0])
		if !t.lines.o.Verbose {
			name = cutMiddle(name, t.room())
		}
		t.seg(bold, name)
		meta := t.lines.o.clean(word + " (" + j.Rule + ")")
		if j.Severity == resource.Refuse {
			meta = t.lines.o.clean(word + " by " + j.Rule)
		}
		if columns(meta)+2 > t.room() {
			t.end()
			t.seg("", indentation).seg(style, cut(meta, t.room()-len(indentation))).end()
		} else {
			t.seg("", "  ").seg(style, meta).end()
		}
		t.moreNames(names, 2)
		t.prose("", indentation, j.Reason)
		t.lines.hint(indentation, j.Hint)
	}
	if len(found) > 0 {
		t.blank()
	}
}

// waiting is what is in no step of this plan, folded by its reason, or by the
// proposal that it waits for.
type waiting struct {
	word, reason string
	ids          []resource.ID
	proposal     *proposal
	// unlike reasons differ by name.
	unlike bool
	// calls that somebody else must make on network; reason then is why.
	network string
	calls   []printed
}

func (v *viewer) waitings() []waiting {
	at := map[string]int{}
	var folded []waiting
	add := func(w waiting, id resource.ID) {
		key := w.word + "\x00" + id.Kind + "\x00" + v.ownWords(id).normal(w.reason)
		switch {
		case w.proposal != nil:
			key = w.proposal.safe.String() + "\x00" + w.proposal.hash
		case v.o.Verbose || len(w.calls) > 0:
			key = w.word + "\x00" + id.String()
		}
		i, ok := at[key]
		if !ok {
			i = len(folded)
			at[key] = i
			folded = append(folded, w)
		}
		folded[i].ids = append(folded[i].ids, id)
		if like := &folded[i]; w.proposal == nil && !like.unlike && like.reason != w.reason {
			like.unlike, like.reason = true, "for example: "+like.reason
		}
	}
	refused := v.refusals()
	for _, d := range v.p.Deferred {
		lead, network, calls := printedOf(d.Reason)
		if rule, said := refused[d.ID.String()+"\x00"+d.Reason]; said {
			lead = "refused by " + rule + ", as said above"
		}
		add(waiting{word: laterWord, reason: lead, network: network, calls: calls}, d.ID)
	}
	for _, p := range v.p.Pending {
		add(waiting{word: waitsWord, reason: p.Reason, proposal: proposalOf(p.ID, p.Reason)}, p.ID)
	}
	return folded
}

// refusals are the reasons of changes deferred for a refusal that is told by
// itself, with its rule.
func (v *viewer) refusals() map[string]string {
	rules := map[string]string{}
	for _, f := range v.p.Findings {
		if f.Severity == resource.Refuse {
			rules[f.ID.String()+"\x00refused by "+f.Rule+": "+f.Reason] = f.Rule
		}
	}
	return rules
}

// silence is one cause for which one or more scopes were not read.
type silence struct {
	resource.Unread
	scopes []string
}

func (v *viewer) silences() []silence {
	at := map[string]int{}
	var folded []silence
	for _, u := range v.p.Unread {
		key := u.Operation + "\x00" + u.Cause
		i, ok := at[key]
		if !ok {
			i = len(folded)
			at[key] = i
			folded = append(folded, silence{Unread: u})
		}
		folded[i].scopes = append(folded[i].scopes, u.Scope)
	}
	return folded
}

// unread lists what was not read: nothing there is changed.
func (t *text) unread() {
	if len(t.p.Unread) > 0 {
		t.blank()
		t.seg(bold, "not read").seg("", ": nothing there is changed").end()
	}
	t.silent()
}

func (t *text) silent() {
	for _, s := range t.silences() {
		t.mark(yellow, "?", strings.Join(s.scopes, ", ")+": "+s.Operation+": "+s.Cause)
	}
}
