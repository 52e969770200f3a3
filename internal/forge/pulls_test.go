package forge_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/forge/forgetest"
)

func TestAPullRequestSaysWhoOpenedItAndWhereItsHeadIs(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.server.Set(func(s *forgetest.State) {
		s.Pull(4, "ada", commit(4), forgetest.Repository)
		s.Pull(5, "mallory", commit(5), "mallory/environments")
		s.Pulls[4]["merged"], s.Pulls[4]["merge_commit_sha"], s.Pulls[4]["state"] = true, commit(6), "closed"
		s.Pulls[5]["merge_commit_sha"] = commit(7) // the forge's own trial, not a merge
	})
	ours, err := w.client.PullRequest(t.Context(), 4)
	w.must(err)
	if ours.Author.Login != "ada" || ours.Head != commit(4) || !ours.Merged || ours.MergeCommit != commit(6) || ours.Base != "main" || ours.Fork(forgetest.Repository) {
		t.Errorf("%+v", ours)
	}
	theirs, err := w.client.PullRequest(t.Context(), 5)
	w.must(err)
	if !theirs.Fork(forgetest.Repository) || theirs.MergeCommit != "" {
		t.Errorf("%+v", theirs)
	}
	_, err = w.client.PullRequest(t.Context(), 6)
	if missing := (*forge.Error)(nil); !errors.As(err, &missing) || missing.Status != http.StatusNotFound {
		t.Errorf("%v, want not found", err)
	}
	came, err := w.client.PullRequestsOf(t.Context(), commit(6))
	w.must(err)
	if len(came) != 1 || came[0].Author.Login != "ada" {
		t.Errorf("%+v", came)
	}
}

func TestADeletedForkIsAFork(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.server.Set(func(s *forgetest.State) {
		s.Pull(4, "mallory", commit(4), "")
		s.Pulls[4]["head"].(map[string]any)["repo"] = nil
	})
	p, err := w.client.PullRequest(t.Context(), 4)
	w.must(err)
	if !p.Fork(forgetest.Repository) {
		t.Errorf("%+v is taken for ours", p)
	}
}

func TestAStatusFitsItsLine(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(w.client.SetStatus(t.Context(), commit(1), forge.Status{State: forge.Pending, Context: "reconcile/staging", Description: strings.Repeat("é", 200)}))
	w.refused(w.client.SetStatus(t.Context(), "main", forge.Status{State: forge.Success}), "is no commit")
	w.refused(w.client.SetStatus(t.Context(), commit(1), forge.Status{State: "great"}), "422")
	w.server.Set(func(s *forgetest.State) {
		if len(s.Statuses) != 1 || utf8.RuneCountInString(s.Statuses[0].Description) != 140 || s.Statuses[0].Commit != commit(1) {
			t.Errorf("%+v", s.Statuses)
		}
	})
}

func TestAnEnvironmentHasOneIssue(t *testing.T) {
	t.Parallel()
	w := start(t)
	const label = "reconcile"
	open := func(c *forge.Client, body, label string, author int64) forge.Issue {
		issue, err := c.OpenIssue(t.Context(), "t", body, label, marker, author)
		w.must(err)
		return issue
	}
	w.server.Set(func(s *forgetest.State) {
		s.Accounts["mallory"] = forgetest.Account{User: forge.User{ID: 66, Login: "mallory"}, Scope: map[string]string{"issues": "write"}}
	})
	open(w.as("mallory"), marker+"-->", label, 66)
	open(w.client, marker+"-->", "another", w.self.ID)
	open(w.client, "quoted "+marker+"-->", label, w.self.ID)
	found, err := w.client.OwnIssue(t.Context(), label, marker, w.self.ID)
	w.must(err)
	if found != nil {
		t.Fatalf("found %+v, which is not ours", found)
	}
	first := open(w.client, marker+"1 -->", label, w.self.ID)
	open(w.client, marker+"2 -->", label, w.self.ID)
	found, err = w.client.OwnIssue(t.Context(), label, marker, w.self.ID)
	w.must(err)
	if found == nil || found.Number != first.Number {
		t.Fatalf("found %+v, want the oldest, %d", found, first.Number)
	}
	w.must(w.client.UpdateIssue(t.Context(), first.Number, "new", marker+"3 -->"))
	w.must(w.client.CloseIssue(t.Context(), first.Number))
	found, err = w.client.OwnIssue(t.Context(), label, marker, w.self.ID)
	w.must(err)
	if found == nil || found.Number == first.Number {
		t.Fatalf("found %+v: a closed issue is over", found)
	}
}
