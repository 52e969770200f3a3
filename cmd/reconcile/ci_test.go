package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/forge/forgetest"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAStatusIsThePlanInOneLine(t *testing.T) {
	t.Parallel()
	change := []plan.Change{{}, {}}
	for name, c := range map[string]struct {
		p           plan.Plan
		state, text string
	}{
		"nothing":    {plan.Plan{}, forge.Success, "nothing to do"},
		"unread":     {plan.Plan{Unread: []resource.Unread{{}}}, forge.Success, "nothing to do, 1 not read"},
		"changes":    {plan.Plan{Changes: change}, forge.Success, "2 changes"},
		"approvals":  {plan.Plan{Changes: change, Requires: plan.Requires{Approvals: 2}}, forge.Success, "2 changes, needs 2 approvals"},
		"forbidden":  {plan.Plan{Changes: change, Requires: plan.Requires{Forbidden: true}}, forge.Failure, "changes that this environment never applies"},
		"refused":    {plan.Plan{Findings: []resource.Finding{{Severity: resource.Refuse}}}, forge.Failure, "refused by 1 finding"},
		"and unread": {plan.Plan{Findings: []resource.Finding{{Severity: resource.Refuse}}, Unread: []resource.Unread{{}, {}}}, forge.Failure, "refused by 1 finding, 2 not read"},
	} {
		c.p.Environment = "trial"
		if s := statusOf(&c.p, "https://forge.example"); s.State != c.state || s.Description != c.text || s.Context != "reconcile/trial" {
			t.Errorf("%s: %+v, want %s %q", name, s, c.state, c.text)
		}
	}
}

func TestWhatWasNotPlannedIsMissing(t *testing.T) {
	t.Parallel()
	plans := []*plan.Plan{{Environment: "a"}}
	if have := missingOf(plans, []string{"a", "b", "b", "c"}); !slices.Equal(have, []string{"b", "c"}) {
		t.Errorf("%v", have)
	}
	a := &app{out: io.Discard, err: io.Discard, getenv: func(string) string { return "" }, now: time.Now}
	text, err := a.commentText(nil, slices.Repeat([]string{strings.Repeat("@", 1000)}, mostExpected), ciComment{})
	if err != nil || utf8.RuneCountInString(text)+commentLimit > forge.MaxBodyChars {
		t.Errorf("%d characters beside %d of plans, %v", utf8.RuneCountInString(text), commentLimit, err)
	}
	if !samePlans(text, nil) || samePlans(text, plans) {
		t.Error("a comment without a plan is the same as one without a plan, and as no other")
	}
}

func TestAWarningCannotSpeakToTheRunner(t *testing.T) {
	t.Parallel()
	for _, actions := range []string{"true", ""} {
		var said bytes.Buffer
		a := &app{err: &said, getenv: func(name string) string {
			if name == "GITHUB_ACTIONS" {
				return actions
			}
			return ""
		}}
		a.warn(errors.New("100%0A::error::x\n::set-output name=a::b\r\n::stop-commands::t"))
		lines := strings.Split(strings.TrimRight(said.String(), "\n"), "\n")
		if len(lines) != 1 || strings.Contains(lines[0], "%0A") && actions == "true" || strings.Count(lines[0], " ::") > 0 {
			t.Errorf("%q", lines)
		}
	}
}

// TestARunThatWasCutOffLeavesNoOldCommentOpen: the new comment was written, and
// the run ended before it folded the old one away.
func TestARunThatWasCutOffLeavesNoOldCommentOpen(t *testing.T) {
	t.Parallel()
	a, server := hubWithRun(t, nil)
	data := sealedPlan(t, "trial", hubHead)
	p, err := plan.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	p.Unread = []resource.Unread{{Scope: "fuji", Operation: "read", Cause: "timeout"}}
	client, err := a.forgeOfPerson(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.commentText([]*plan.Plan{p}, nil, ciComment{})
	if err != nil {
		t.Fatal(err)
	}
	server.Set(func(s *forgetest.State) {
		for i, body := range []string{commentMarker + "older", text} {
			node := string(rune('a' + i))
			s.Comments = append(s.Comments, &forgetest.Comment{Number: 17, Comment: forge.Comment{ID: int64(i + 1), Node: node, Body: body, Author: forgetest.Bot().User}})
		}
	})
	if err := a.tellPullRequest(t.Context(), client, ciComment{number: 17}, []*plan.Plan{p}, nil); err != nil {
		t.Fatal(err)
	}
	server.Set(func(s *forgetest.State) {
		if len(s.Comments) != 2 || s.Comments[0].Minimized == "" || s.Comments[1].Minimized != "" || s.Comments[1].Edits != 1 {
			t.Errorf("%+v %+v", s.Comments[0], s.Comments[1])
		}
	})
}
