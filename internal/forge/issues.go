package forge

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Issue of the repository.
type Issue struct {
	Number int    `json:"number"`
	URL    string `json:"html_url"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	State  string `json:"state"`
	Author User   `json:"user"`
	// PullRequest is set where the issue is one.
	PullRequest *struct{} `json:"pull_request"`
}

// OwnIssue finds the open issue with this label that author opened and whose
// first line begins with marker; the oldest where there are several, nil where there is none.
func (c *Client) OwnIssue(ctx context.Context, label, marker string, author int64) (*Issue, error) {
	var own *Issue
	query := url.Values{"state": {"open"}, "labels": {label}, "sort": {"created"}, "direction": {"asc"}}
	err := c.pages(ctx, "list issues", c.path("issues?%s", query.Encode()), func(page []byte) (int, bool, error) {
		var all []Issue
		if err := json.Unmarshal(page, &all); err != nil {
			return 0, false, err
		}
		for _, issue := range all {
			if issue.PullRequest == nil && issue.State == "open" && issue.Author.ID == author && strings.HasPrefix(issue.Body, marker) {
				own = &issue
				return len(all), true, nil
			}
		}
		return len(all), false, nil
	})
	return own, err
}

// OpenIssue opens an issue; one that is there already, because the forge failed
// after it had made it, is not opened twice.
func (c *Client) OpenIssue(ctx context.Context, title, body, label, marker string, author int64) (Issue, error) {
	if err := fits(body); err != nil {
		return Issue{}, err
	}
	var made Issue
	r := request{operation: "open an issue", method: http.MethodPost, url: c.path("issues"), body: map[string]any{"title": title, "body": body, "labels": []string{label}}}
	err := c.creating(ctx, func() error { return c.call(ctx, r, &made) }, func() (bool, error) {
		found, err := c.OwnIssue(ctx, label, marker, author)
		if found != nil {
			made = *found
		}
		return found != nil, err
	})
	return made, err
}

// UpdateIssue writes an open issue's title and text anew.
func (c *Client) UpdateIssue(ctx context.Context, number int, title, body string) error {
	if err := fits(body); err != nil {
		return err
	}
	return c.call(ctx, request{operation: "update an issue", method: http.MethodPatch, url: c.path("issues/%d", number), body: map[string]string{"title": title, "body": body}, repeatable: true}, nil)
}

// CloseIssue closes an issue as completed.
func (c *Client) CloseIssue(ctx context.Context, number int) error {
	return c.call(ctx, request{operation: "close an issue", method: http.MethodPatch, url: c.path("issues/%d", number), body: map[string]string{"state": "closed", "state_reason": "completed"}, repeatable: true}, nil)
}
