package gate

import (
	"fmt"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// environment makes the findings about the plan as a whole.
func (j *judge) environment() {
	p := j.in.Plan
	count := len(j.changed())
	if o := p.Overlay; o != nil && o.Open && p.Class != "testnet" {
		j.find("open-overlay", resource.Refuse, resource.ID{}, fmt.Sprintf("an open overlay stands only before test networks, this environment's class is %q", p.Class), "")
	}
	if !j.in.HasAnchor {
		j.noAnchor()
	}
	if count == 0 {
		return
	}
	if j.in.Mode == resource.Observed {
		j.find("observed-environment", resource.Refuse, resource.ID{}, fmt.Sprintf("the environment is observed only: %d changes are shown and none may be applied", count), "")
	}
	if p.Revision.Dirty {
		switch {
		case j.open():
			j.find("dirty-tree", resource.Note, resource.ID{}, "planned from a working tree with uncommitted changes; the open overlay lets it pass", "")
		case j.gated():
			j.find("dirty-tree", resource.Refuse, resource.ID{}, "planned from a working tree with uncommitted changes: nobody else can review them", "commit them, then plan again")
		default:
			j.find("dirty-tree", resource.Note, resource.ID{}, "planned from a working tree with uncommitted changes", "")
		}
	}
}

// noAnchor speaks where nothing was ever applied: the rules in force would be
// the change's own. That is good enough only for a store on one machine and an
// environment in which nothing asks for people.
func (j *judge) noAnchor() {
	switch {
	case j.in.SharedStore:
		j.find("no-anchor", resource.Refuse, resource.ID{}, "the store names no last applied commit, so there is no governance that this change did not write itself",
			"set the first anchor when the store is set up")
	case j.gated():
		j.find("no-anchor", resource.Refuse, resource.ID{}, "the store names no last applied commit, and the environment asks for people: the change would be its own judge",
			"set the first anchor when the store is set up")
	default:
		j.find("no-anchor", resource.Note, resource.ID{}, "nothing was applied yet: the plan is judged by its own governance", "")
	}
}

// acknowledge turns findings that a reviewed line accepts into notes. It never
// touches a refusal, and an expired line only says that it did expire.
func acknowledge(findings []resource.Finding, lines []Acknowledgement, now time.Time) []resource.Finding {
	judged := make([]resource.Finding, 0, len(findings))
	for _, f := range findings {
		if f.Severity == resource.Acknowledge {
			f = accept(f, lines, now)
		}
		judged = append(judged, f)
	}
	return judged
}

// What accept writes behind a reason, and Without takes off again.
const (
	acceptedMark = " (acknowledged: "
	expiredMark  = " (its acknowledgement expired on "
)

func accept(f resource.Finding, lines []Acknowledgement, now time.Time) resource.Finding {
	expired := time.Time{}
	for _, line := range lines {
		if line.Rule != f.Rule || !line.covers(f.ID) {
			continue
		}
		if !line.Expires.IsZero() && !now.Before(line.Expires) {
			if line.Expires.After(expired) {
				expired = line.Expires
			}
			continue
		}
		f.Severity = resource.Note
		f.Reason += acceptedMark + line.Reason
		if !line.Expires.IsZero() {
			f.Reason += ", until " + line.Expires.UTC().Format(time.DateOnly)
		}
		f.Reason += ")"
		return f
	}
	if !expired.IsZero() {
		f.Reason += expiredMark + expired.UTC().Format(time.DateOnly) + ")"
	}
	return f
}

// covers reports whether the line names the resource; a finding about the
// whole environment is named by nothing or by **.
func (a Acknowledgement) covers(id resource.ID) bool {
	if id.IsZero() {
		return a.ID == "" || a.ID == "**"
	}
	return a.ID != "" && plan.Selects(a.ID, id, "")
}
