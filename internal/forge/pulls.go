package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
)

// PullRequest as the forge tells of it.
type PullRequest struct {
	Number int
	// Author is the forge's login of who opened it.
	Author User
	State  string
	Merged bool
	// Head is its newest commit, HeadRepository where that is (owner/name; empty
	// where it was deleted): another than the client's for a fork.
	Head, HeadRepository string
	// Base is the branch that it goes to, MergeCommit what became of it there.
	Base, MergeCommit string
}

// Fork reports that the head is in somebody else's repository.
func (p PullRequest) Fork(repository string) bool { return p.HeadRepository != repository }

type rawPull struct {
	Number      int    `json:"number"`
	User        User   `json:"user"`
	State       string `json:"state"`
	Merged      bool   `json:"merged"`
	MergeCommit string `json:"merge_commit_sha"`
	Head, Base  struct {
		SHA  string `json:"sha"`
		Ref  string `json:"ref"`
		Repo *struct {
			Name string `json:"full_name"`
		} `json:"repo"`
	}
}

func (r rawPull) pull() PullRequest {
	p := PullRequest{Number: r.Number, Author: r.User, State: r.State, Merged: r.Merged, Head: r.Head.SHA, Base: r.Base.Ref}
	if r.Head.Repo != nil {
		p.HeadRepository = r.Head.Repo.Name
	}
	if r.Merged {
		p.MergeCommit = r.MergeCommit
	}
	return p
}

var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// PullRequest asks for one.
func (c *Client) PullRequest(ctx context.Context, number int) (PullRequest, error) {
	var raw rawPull
	if err := c.call(ctx, request{operation: fmt.Sprintf("pull request %d", number), method: http.MethodGet, url: c.path("pulls/%d", number), repeatable: true}, &raw); err != nil {
		return PullRequest{}, err
	}
	if raw.Number != number || !commitForm.MatchString(raw.Head.SHA) {
		return PullRequest{}, &Error{fmt.Sprintf("pull request %d", number), http.StatusOK, "its answer names no commit, or another pull request"}
	}
	return raw.pull(), nil
}

// PullRequestsOf lists the pull requests that a commit came by: whoever opened
// one of them is one of its authors.
func (c *Client) PullRequestsOf(ctx context.Context, commit string) ([]PullRequest, error) {
	if !commitForm.MatchString(commit) {
		return nil, fmt.Errorf("forge: pull requests of %q: is no commit", commit)
	}
	var all []PullRequest
	err := c.pages(ctx, "pull requests of a commit", c.path("commits/%s/pulls", commit), func(page []byte) (int, bool, error) {
		var raw []rawPull
		if err := json.Unmarshal(page, &raw); err != nil {
			return 0, false, err
		}
		for _, r := range raw {
			all = append(all, r.pull())
		}
		return len(raw), false, nil
	})
	return all, err
}

// The states of a commit status. GitHub REST API, "Create a commit status".
const (
	Success = "success"
	Pending = "pending"
	Failure = "failure"
)

// Status is one line beside a commit, under its own name.
type Status struct {
	State string `json:"state"`
	// Context is its name; a new one of the same name takes its place.
	Context string `json:"context"`
	// Description has at most 140 characters; what is longer is cut.
	Description string `json:"description"`
	URL         string `json:"target_url,omitempty"`
}

const statusChars = 140

// SetStatus writes a commit status.
func (c *Client) SetStatus(ctx context.Context, commit string, s Status) error {
	if !commitForm.MatchString(commit) {
		return fmt.Errorf("forge: status of %q: is no commit", commit)
	}
	if text := []rune(s.Description); len(text) > statusChars {
		s.Description = string(text[:statusChars-1]) + "…"
	}
	return c.call(ctx, request{operation: "set a commit status", method: http.MethodPost, url: c.path("statuses/%s", commit), body: s, repeatable: true}, nil)
}
