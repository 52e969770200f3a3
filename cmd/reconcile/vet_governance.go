package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// vetApprovers refuses lines that nobody understands: such a line admits nobody, and
// while the list of revoked keys cannot be read, nobody counts at all.
func vetApprovers(env *config.Environment) error {
	g := env.Governance
	at := func(file string) string { return path.Join(config.Folder, env.Name, file) }
	_, approvers := approve.ParseSigners(g.Approvers)
	_, revoked := approve.ParseRevoked(g.Revoked)
	failed := []error{placed(at("approvers"), approvers), placed(at("revoked"), revoked)}
	for _, p := range g.People {
		for _, key := range p.Keys {
			if _, _, err := approve.KeyOf(key); err != nil {
				failed = append(failed, fmt.Errorf("%s: people.%s: %w", p.Source, p.Name, err))
			}
		}
	}
	return errors.Join(failed...)
}

// placed gives each faulty line its place, file:line.
func placed(file string, err error) error {
	var lines approve.LineErrors
	if !errors.As(err, &lines) {
		return err
	}
	var all []error
	for _, l := range lines {
		all = append(all, fmt.Errorf("%s:%d: %s", file, l.Line, view.Terminal(l.Reason)))
	}
	return errors.Join(all...)
}

// approverNotes say what is no fault of a file and will still keep plans waiting:
// fewer people than a gate asks for, and approvers who are nobody's. They refuse
// nothing: without enough approvals nothing is applied anyway.
func (a *app) approverNotes(env *config.Environment) []string {
	g := env.Governance
	may := approve.Count(approvalRules(g), approve.Ballot{Plan: &plan.Plan{}, Now: a.now().UTC()}).Eligible
	var notes []string
	need, risk := 0, ""
	for _, name := range []string{"protective", "routine", "sensitive", "destructive"} {
		if n := g.Requirements[resource.Risk(name)].Approvals; n > need {
			need, risk = n, name
		}
	}
	certified := slices.ContainsFunc(may, func(who string) bool { return strings.Contains(who, " (certified by ") })
	if len(may) < need && !certified {
		notes = append(notes, fmt.Sprintf("%s changes need %s, and %s can give one%s; whoever writes a change does not approve it\n  hint: name approvers in %s",
			risk, count(need, "approval"), people(len(may)), byName(may), path.Join(config.Folder, env.Name, "approvers")))
	}
	if g.People == nil {
		return notes
	}
	known := map[string]bool{}
	for _, p := range g.People {
		known[p.Name] = true
	}
	for _, who := range may {
		if !known[who] && !strings.Contains(who, " (certified by ") {
			notes = append(notes, fmt.Sprintf("approver %s is nobody of environments/people.cue: nobody knows what else is theirs\n  hint: add the key to a person there", view.Terminal(who)))
		}
	}
	return notes
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func byName(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + view.Terminal(strings.Join(names, ", ")) + ")"
}
