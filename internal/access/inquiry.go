package access

import (
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Inquiry answers many questions about one world, which is made ready once for
// all of them and must not change meanwhile. It serves one goroutine at a time.
type Inquiry struct{ ix *index }

// Inquire makes the world ready for many questions. A single one may be asked of
// the World itself.
func (w *World) Inquire() *Inquiry { return &Inquiry{newIndex(w)} }

// Decide is World.Decide.
func (q *Inquiry) Decide(r Request) Decision {
	return q.ix.situation(q.ix.find(r.Principal), r.Action, r.Resource, r.Context).decide().explain()
}

// Allows reports whether the verdict on the request is Allowed, and puts nothing
// into words.
func (q *Inquiry) Allows(r Request) bool {
	return q.ix.situation(q.ix.find(r.Principal), r.Action, r.Resource, r.Context).decide().verdict == Allowed
}

// Who is World.Who.
func (q *Inquiry) Who(action, arn string) []Holder { return q.ix.who(action, arn) }

// Become is World.Become.
func (q *Inquiry) Become(key string) []Path {
	k := q.ix.keys[key]
	if k == nil {
		return nil
	}
	return q.ix.become(k)
}

// Judge holds the world against what is expected of it: findings sorted, one
// for each rule and resource.
func (q *Inquiry) Judge(expect []Expectation) []resource.Finding {
	return newCourt(q.ix, expect).judge()
}

// actors are the users and roles of whose own policies one may allow an action
// on something, in their order, and on what.
type actors struct {
	all []*caller
	// on lists those of whom a statement names one resource as it is.
	on map[string][]*caller
	// open are the documents with any other statement about the action, each with
	// those who have it.
	open []shared
}

// shared is a document and the users and roles that it speaks for.
type shared struct {
	src  *source
	with []*caller
}

// acting finds those who may do the action.
func (ix *index) acting(action string) *actors {
	known, there := ix.actors[action]
	if there {
		return known
	}
	a := &actors{on: map[string][]*caller{}}
	with := map[*source]int{}
	for _, c := range ix.callers {
		acts := false
		for _, src := range c.sources {
			open := src.fault != ""
			acts = acts || open
			for _, s := range src.about(action) {
				if s.Effect == Allow {
					acts, open = true, ix.actingOn(s, c, a.on) || open
				}
			}
			if !open {
				continue
			}
			at, known := with[src]
			if !known {
				at = len(a.open)
				with[src] = at
				a.open = append(a.open, shared{src: src})
			}
			a.open[at].with = append(a.open[at].with, c)
		}
		if acts {
			a.all = append(a.all, c)
		}
	}
	ix.actors[action] = a
	return a
}

// actingOn files the caller under the resources that the statement names as
// they are, and reports whether it is about any others.
func (ix *index) actingOn(s *clause, c *caller, on map[string][]*caller) (open bool) {
	if s.Resources == nil {
		return true
	}
	for _, v := range s.Resources {
		text, known := ix.resolve(v)
		if !known || strings.Contains(text, "${") || strings.ContainsAny(text, "*?\x00") {
			open = true
			continue
		}
		if list := on[text]; len(list) == 0 || list[len(list)-1] != c {
			on[text] = append(list, c)
		}
	}
	return open
}
