package gate

import (
	"fmt"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The scopes of a Halt.
const (
	haltChanges = "changes"
	haltAll     = "all"
)

const stamp = "2006-01-02 15:04 UTC"

// pauses says what holds the plan for now: somebody stopped the environment, or no
// window is open. It refuses only what is about to be applied, and never what only
// takes power away.
func (j *judge) pauses() {
	if scope := j.in.Halt.scope(); scope != "" {
		hint := fmt.Sprintf("once it is over: reconcile resume %s --why TEXT", j.in.Plan.Environment)
		j.pause(plan.RuleStopped, j.in.Halt.reason(), hint, j.held(scope == haltChanges))
	}
	if len(j.changed()) == 0 {
		return
	}
	if reason := frozen(j.in.Windows, j.in.Now); reason != "" {
		j.pause(plan.RuleFrozen, reason, "wait for it, or change gates.windows in a reviewed commit and apply that in time", j.held(j.in.WindowsPassTopUps))
	}
}

// Held says what holds a judged plan at this moment, for a look between two of its
// steps: a refusal of rule stopped or frozen, nil where it goes on. It asks for
// Plan, Halt, Windows, WindowsPassTopUps and Now, and nothing else.
func Held(in Input) *resource.Finding {
	in.Applying = true
	j := judge{in: in, topUps: map[resource.ID]bool{}, v: Verdict{Risks: map[resource.ID]resource.Risk{}}}
	for _, c := range in.Plan.Changes {
		j.v.Risks[c.ID] = c.Risk
		j.topUps[c.ID] = onlyPays(c)
		if c.ID.Kind == plan.GovernanceKind {
			j.v.Added = append(j.v.Added, c)
		}
	}
	j.pauses()
	for _, f := range j.found {
		if f.Severity == resource.Refuse {
			return &f
		}
	}
	return nil
}

func (j *judge) pause(rule, reason, hint string, held bool) {
	severity := resource.Note
	switch {
	case held && j.in.Applying:
		severity = resource.Refuse
	case !held && len(j.changed()) > 0:
		reason += "; this plan goes on"
	}
	j.find(rule, severity, resource.ID{}, reason, hint)
}

// held reports that something in the plan is neither protective nor, where those
// pass, a top-up inside the standing limits.
func (j *judge) held(topUpsPass bool) bool {
	for _, id := range j.changed() {
		risk := j.v.Risks[id]
		if risk != resource.Protective && !(topUpsPass && risk == resource.Routine && j.topUps[id]) {
			return true
		}
	}
	return false
}

// scope is what is stopped; what nobody knows is all.
func (h Halt) scope() string {
	if h.Unreadable != "" || h.Scope != "" && h.Scope != haltChanges {
		return haltAll
	}
	return h.Scope
}

func (h Halt) reason() string {
	if h.Unreadable != "" {
		return "nobody can tell whether the environment is stopped, so all of it is: " + h.Unreadable
	}
	what := "changes are stopped, top-ups go on"
	if h.scope() == haltAll {
		what = "everything is stopped"
	}
	return fmt.Sprintf("%s: %s (%s, %s)", what, h.Why, h.By, h.Since.UTC().Format(stamp))
}

// frozen says why nothing may be applied now, and from when on it may; empty where
// it may.
func frozen(windows []Window, now time.Time) string {
	until, why := opens(windows, now)
	if until.Equal(now) {
		return ""
	}
	if why != "" {
		why = " (" + why + ")"
	}
	if until.IsZero() {
		return "frozen, and no window that opens is in sight" + why
	}
	return "frozen until " + until.UTC().Format(stamp) + why
}

// opens is the first moment from now on at which no window denies and, where any
// allows, one does; with the reason of what closes now. The zero time: none.
func opens(windows []Window, now time.Time) (at time.Time, why string) {
	at = now
	// Every round leaves a window for good, or comes to the next.
	for range 2*len(windows) + 1 {
		deny, closed := denied(windows, at)
		switch {
		case deny != nil:
			if at.Equal(now) {
				why = deny.Why
			}
			at = deny.Until
		case closed:
			if at.Equal(now) {
				why = "outside of its windows"
			}
			if at = nextAllowed(windows, at); at.IsZero() {
				return at, why
			}
		default:
			return at, why
		}
	}
	return time.Time{}, why
}

// denied is the window that denies longest at a moment; closed says that some
// windows allow, and none of them this.
func denied(windows []Window, at time.Time) (deny *Window, closed bool) {
	allowed := false
	for i, w := range windows {
		covers := !at.Before(w.From) && at.Before(w.Until)
		switch {
		case !w.Deny:
			closed, allowed = true, allowed || covers
		case covers && (deny == nil || w.Until.After(deny.Until)):
			deny = &windows[i]
		}
	}
	return deny, closed && !allowed
}

func nextAllowed(windows []Window, after time.Time) time.Time {
	var next time.Time
	for _, w := range windows {
		if !w.Deny && w.From.After(after) && w.From.Before(w.Until) && (next.IsZero() || w.From.Before(next)) {
			next = w.From
		}
	}
	return next
}
