package view

import (
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// needs says what must happen before the plan may be applied.
func (v *viewer) needs() []string {
	r, refused := v.p.Requires, len(v.p.Refused())
	var parts []string
	if refused > 0 {
		parts = append(parts, "refused by "+count(refused, "finding")+": nothing is applied")
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

// authors says who wrote what is planned, and how much of it nobody signed.
func (v *viewer) authors() string {
	r := v.p.Revision
	text := "written by nobody: there is no commit since the last one that was applied"
	if len(r.Authors) > 0 {
		text = "written by " + strings.Join(r.Authors, ", ")
	}
	if r.Unsigned > 0 {
		text += "; " + count(r.Unsigned, "commit") + " that no known key signed"
	}
	return text
}

// stops are why the environment may not change at this moment.
func (v *viewer) stops() []string {
	var texts []string
	for _, f := range v.p.Findings {
		if f.Rule == plan.RuleStopped || f.Rule == plan.RuleFrozen {
			texts = append(texts, f.Reason)
		}
	}
	return texts
}

// elsewhere says which changes are in another plan and the command that makes it;
// empty where all are here.
func (v *viewer) elsewhere() (text, command string) {
	n, what, cause := v.p.Elsewhere, "outside git", plan.FromDrift
	if n == 0 {
		return "", ""
	}
	if v.p.Cause == plan.FromDrift {
		what, cause = "of the configuration", plan.FromConfig
	}
	return count(n, "change") + " " + what + " " + isAre(n) + " in a plan of " + itsTheir(n) + " own: ", "reconcile plan " + v.p.Environment + " --cause " + string(cause)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func itsTheir(n int) string {
	if n == 1 {
		return "its"
	}
	return "their"
}

// exit is one way out of a difference that somebody made outside git.
type exit struct{ command, effect string }

// exits are both of them.
func (v *viewer) exits() []exit {
	id := "ID"
	if _, drift := v.split(); len(drift) == 1 {
		id = drift[0].ID.String()
	}
	return []exit{{"reconcile apply", "undoes it"}, {"reconcile accept " + v.p.Environment + " " + id, "keeps it"}}
}
