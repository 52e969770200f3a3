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

// waiting is what is in no step of this plan, folded by its reason.
type waiting struct {
	word, reason string
	ids          []resource.ID
}

func (v *viewer) waitings() []waiting {
	at := map[string]int{}
	var folded []waiting
	add := func(word string, id resource.ID, reason string) {
		key := word + "\x00" + id.Kind + "\x00" + v.ownWords(id).normal(reason)
		if v.o.Verbose {
			key = word + "\x00" + id.String()
		}
		i, ok := at[key]
		if !ok {
			i = len(folded)
			at[key] = i
			folded = append(folded, waiting{word: word, reason: reason})
		}
		folded[i].ids = append(folded[i].ids, id)
		if len(folded[i].ids) == 2 {
			folded[i].reason = "for example: " + folded[i].reason
		}
	}
	for _, d := range v.p.Deferred {
		add("later", d.ID, d.Reason)
	}
	for _, p := range v.p.Pending {
		add("waits", p.ID, p.Reason)
	}
	return folded
}

// later lists what cannot be planned yet and what waits for others.
func (t *text) later() {
	list := t.waitings()
	if len(list) > 0 {
		t.blank()
	}
	for _, w := range list {
		word := w.word
		if len(w.ids) > 1 {
			word += " " + number(len(w.ids))
		}
		t.headline(piece{faint, "…"}, t.kindText(w.ids[0]), t.namesOf(w.ids), []piece{{"", word}})
		t.prose("", indentation, w.reason)
	}
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
