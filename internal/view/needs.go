package view

import "strings"

// needs says what must happen before the plan may be applied.
func (v *viewer) needs() []string {
	r, refused := v.p.Requires, len(v.p.Refused())
	var parts []string
	if refused > 0 {
		parts = append(parts, "refused by "+count(refused, "finding")+" above: nothing is applied")
	}
	if r.Forbidden {
		parts = append(parts, "forbidden: "+v.p.Environment+" never applies "+riskText(r.Risk)+" changes")
	}
	switch {
	case r.Approvals > 0:
		parts = append(parts, v.quorum())
	case refused == 0 && !r.Forbidden && len(v.p.Changes) > 0 && v.persons() == 0:
		parts = append(parts, "needs no approval ("+riskText(r.Risk)+")")
	}
	if n := v.persons(); n > 0 {
		parts = append(parts, "needs a person: "+count(n, "change")+" that no service may make alone")
	}
	return parts
}

// quorum says how many must approve, who did, who may and who may not.
func (v *viewer) quorum() string {
	q, r := v.o.Quorum, v.p.Requires
	text := "needs " + count(r.Approvals, "approval") + " (" + riskText(r.Risk) + ")"
	if n := len(q.Signed); n > 0 {
		text += ", has " + number(n) + " (" + peopleList(q.Signed, "and") + ")"
	}
	if q.Replan {
		text += ", one of them of somebody who planned again"
	}
	var who []string
	if len(q.May) > 0 && len(q.Signed) < r.Approvals {
		who = append(who, peopleList(q.May, "or")+" may sign")
	}
	if len(q.Wrote) > 0 {
		who = append(who, peopleList(q.Wrote, "and")+" wrote it")
	}
	if len(who) > 0 {
		text += ": " + strings.Join(who, "; ")
	}
	return text
}

// peopleList names people: alice, bob or carol.
func peopleList(names []string, word string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " " + word + " " + names[last]
}
