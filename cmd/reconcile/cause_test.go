package main

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// A close says which commit's rules are in force, which was applied, and of which
// it is known what was made.
func TestACloseMovesWhatItMayAndNoMore(t *testing.T) {
	t.Parallel()
	key := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: "a"}
	rules := []plan.Change{{ID: resource.ID{Kind: plan.GovernanceKind, Scope: "x", Name: "x"}, Cause: plan.FromConfig}}
	with := func(causes ...plan.Cause) *plan.Plan {
		p := &plan.Plan{}
		for _, cause := range causes {
			p.Changes = append(p.Changes, plan.Change{ID: key, Cause: cause})
		}
		return p
	}
	proposed := []apply.Outcome{{ID: key, Result: apply.Proposed}}
	for name, c := range map[string]struct {
		p, now   *plan.Plan
		outcomes []apply.Outcome
		left     int
		says     string
	}{
		"all was made":               {with(), with(), nil, 0, "advances applied settles"},
		"what is left has drifted":   {&plan.Plan{Cause: plan.FromConfig, Elsewhere: 1}, with(plan.FromDrift), nil, 0, "advances applied settles"},
		"something is left":          {with(), with(), nil, 1, "settles"},
		"other things are left":      {with(), with(plan.FromConfig), nil, 0, "advances settles"},
		"both moved it":              {with(), with(plan.FromBoth), nil, 0, "advances settles"},
		"something was proposed":     {with(), with(), proposed, 0, "advances settles"},
		"something waits for others": {with(), &plan.Plan{Pending: []plan.Pending{{ID: key}}}, nil, 0, "advances settles"},
		"something became deferred":  {with(), &plan.Plan{Deferred: []plan.Deferred{{ID: key}}}, nil, 0, "advances settles"},
		"something was deferred":     {&plan.Plan{Deferred: []plan.Deferred{{ID: key}}}, with(), nil, 0, "settles"},
		"something was unread":       {&plan.Plan{Unread: []resource.Unread{{Scope: "fuji"}}}, with(), nil, 0, "settles"},
		"a partial plan":             {&plan.Plan{Partial: true}, with(), nil, 0, "settles"},
		"a partial plan of rules":    {&plan.Plan{Partial: true, Changes: rules}, with(), nil, 0, "advances settles"},
		"one of nothing else":        {&plan.Plan{Partial: true, Changes: rules}, &plan.Plan{Partial: true}, nil, 0, "advances"},
		"a plan of drift":            {&plan.Plan{Cause: plan.FromDrift}, with(), nil, 0, "settles"},
		"drift, and nobody looked":   {&plan.Plan{Cause: plan.FromDrift, Elsewhere: 1}, &plan.Plan{Cause: plan.FromDrift, Elsewhere: 1}, nil, 0, ""},
		"files without a commit":     {&plan.Plan{Revision: plan.Revision{Dirty: true}}, with(), nil, 0, ""},
	} {
		s := &session{env: &config.Environment{Name: "x"}}
		e, err := s.closing(c.p, c.now, c.outcomes, c.left)
		if err != nil {
			t.Fatal(err)
		}
		says := ""
		for _, part := range []struct {
			word string
			is   bool
		}{{"advances", e.Advances}, {"applied", e.Advances && !e.RulesOnly}, {"settles", e.Settles}} {
			if part.is && says != "" {
				says += " "
			}
			if part.is {
				says += part.word
			}
		}
		if says != c.says {
			t.Errorf("%s: says %q, want %q", name, says, c.says)
		}
	}
}

func TestCausesAreThoseOfTheHelp(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{causeAuto, causeConfig, causeDrift, causeAll} {
		if err := checkCause(answer); err != nil {
			t.Error(err)
		}
	}
	if err := checkCause(""); err == nil {
		t.Error("no answer is an answer")
	}
}
