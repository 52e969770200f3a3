package view

import (
	"io"
	"slices"
	"strings"
)

// Power is one thing that a person may do by himself or together with others.
type Power struct {
	Environment string
	// Kind is approver, safe-owner, contract-owner, iam, key-policy, trust, forge, …
	Kind string
	// Where it is held: a file, a Safe, a role, a key.
	Where string
	// What it allows, in words.
	What string
}

// Broken is a quorum that would not be reached without a person.
type Broken struct {
	Environment, What string
	// Have is how many would be left, Need how many it takes.
	Have, Need int
}

// WhoReport is all power that one person holds.
type WhoReport struct {
	Person string
	Powers []Power
	Breaks []Broken
	// Unread are the places that could not be read: what he holds there is not known.
	Unread []string
}

// Who writes a person's powers by environment, the quorums that would break
// without him, and what could not be read.
func Who(w io.Writer, r WhoReport, o Options) error {
	l := lines{o: o}
	environments := whoEnvironments(r.Powers)
	head := r.Person + ": no power found"
	if len(r.Powers) > 0 {
		head = r.Person + ": " + count(len(r.Powers), "power") + " in " + count(len(environments), "environment")
	}
	if len(r.Unread) > 0 {
		head += ", " + count(len(r.Unread), "place") + " not read"
	}
	l.seg(bold, head).end()
	for _, environment := range environments {
		l.blank()
		l.seg(bold, environment).end()
		kind, where := 0, 0
		for _, p := range r.Powers {
			if p.Environment == environment {
				kind, where = max(kind, columns(l.o.clean(p.Kind))), max(where, columns(l.o.clean(p.Where)))
			}
		}
		for _, p := range r.Powers {
			if p.Environment == environment {
				l.power(p, kind, where)
			}
		}
	}
	l.breaks(r)
	if len(r.Unread) > 0 {
		l.blank()
		for _, place := range r.Unread {
			l.mark(yellow, "?", "not read: "+place)
		}
	}
	return l.flush(w)
}

func whoEnvironments(powers []Power) []string {
	var names []string
	for _, p := range powers {
		if !slices.Contains(names, p.Environment) {
			names = append(names, p.Environment)
		}
	}
	slices.Sort(names)
	return names
}

// power is one line where it fits, otherwise what it allows stands below where.
func (l *lines) power(p Power, kind, where int) {
	l.seg("", "  ").seg("", pad(l.o.clean(p.Kind), kind)).seg("", "  ").seg(bold, pad(l.o.clean(p.Where), where))
	if columns(l.o.clean(p.What))+2 <= l.room() {
		l.seg("", "  ").seg("", p.What).end()
		return
	}
	l.end()
	l.prose("", strings.Repeat(" ", min(kind+4, leastWidth/2)), p.What)
}

func (l *lines) breaks(r WhoReport) {
	l.blank()
	if len(r.Breaks) == 0 {
		sentence := "without " + r.Person + " every quorum is still reached"
		if len(r.Unread) > 0 {
			sentence += ", as far as was read"
		}
		l.prose("", "", sentence)
		return
	}
	l.prose(bold, "", "without "+r.Person+" "+count(len(r.Breaks), "quorum")+" would not be reached:")
	for _, b := range r.Breaks {
		l.mark(red, "!", b.Environment+": "+b.What+": "+number(b.Have)+" left, need "+number(b.Need))
	}
}
