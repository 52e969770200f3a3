package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// MaxBodyChars is how many characters a comment or an issue may have; a longer
// one is answered with 422.
const MaxBodyChars = 65_536

// User is an account of the forge. Logins change hands, ids do not.
type User struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
}

// Comment of a pull request or an issue.
type Comment struct {
	ID int64 `json:"id"`
	// Node is the id that GraphQL knows it by.
	Node   string    `json:"node_id"`
	URL    string    `json:"html_url"`
	Body   string    `json:"body"`
	Author User      `json:"user"`
	Made   time.Time `json:"created_at"`
}

// Self is the user whose token this is. A job's own token answers here too,
// which GET /user refuses it.
func (c *Client) Self(ctx context.Context) (User, error) {
	var data struct {
		Viewer struct {
			Login string `json:"login"`
			ID    int64  `json:"databaseId"`
		} `json:"viewer"`
	}
	if err := c.graphql(ctx, "who the token is of", "query { viewer { login databaseId } }", nil, &data); err != nil {
		return User{}, err
	}
	if data.Viewer.ID == 0 {
		return User{}, &Error{"who the token is of", 0, "the forge does not say"}
	}
	return User{ID: data.Viewer.ID, Login: data.Viewer.Login}, nil
}

// OwnComments lists the comments of a pull request, oldest first, that author
// wrote and whose first line begins with marker. Both are asked: anybody may write a marker.
func (c *Client) OwnComments(ctx context.Context, number int, marker string, author int64) ([]Comment, error) {
	var own []Comment
	err := c.pages(ctx, "list comments", c.path("issues/%d/comments", number), func(page []byte) (int, bool, error) {
		var all []Comment
		if err := json.Unmarshal(page, &all); err != nil {
			return 0, false, err
		}
		for _, comment := range all {
			if comment.Author.ID == author && strings.HasPrefix(comment.Body, marker) {
				own = append(own, comment)
			}
		}
		return len(all), false, nil
	})
	return own, err
}

// CreateComment writes a comment. When the forge fails, it may have written it
// all the same, so that it is looked for before it is written again.
func (c *Client) CreateComment(ctx context.Context, number int, body, marker string, author int64) (Comment, error) {
	if err := fits(body); err != nil {
		return Comment{}, err
	}
	var made Comment
	r := request{operation: "write a comment", method: http.MethodPost, url: c.path("issues/%d/comments", number), body: map[string]string{"body": body}}
	err := c.creating(ctx, func() error { return c.call(ctx, r, &made) }, func() (bool, error) {
		own, err := c.OwnComments(ctx, number, marker, author)
		for _, comment := range own {
			if comment.Body == body {
				made = comment
				return true, nil
			}
		}
		return false, err
	})
	return made, err
}

// creating makes something that must be there once.
func (c *Client) creating(ctx context.Context, make func() error, look func() (bool, error)) error {
	var err error
	for try := 1; try <= 3; try++ {
		if err = make(); err == nil || !doubtful(err) {
			return err
		}
		if err := c.clock.Sleep(ctx, firstWait<<(try-1)); err != nil {
			return err
		}
		if there, failed := look(); failed != nil || there {
			return failed
		}
	}
	return err
}

// doubtful reports that nobody knows whether a write happened.
func doubtful(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Status >= 500
}

// EditComment writes a comment's text anew. Nobody is notified of that.
func (c *Client) EditComment(ctx context.Context, id int64, body string) error {
	if err := fits(body); err != nil {
		return err
	}
	return c.call(ctx, request{operation: "edit a comment", method: http.MethodPatch, url: c.path("issues/comments/%d", id), body: map[string]string{"body": body}, repeatable: true}, nil)
}

// mostNodes is how many ids one question may have.
const mostNodes = 100

// Open lists those of some comments, by their Node, that nobody minimised yet.
func (c *Client) Open(ctx context.Context, nodes []string) ([]string, error) {
	const query = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on IssueComment { id isMinimized } } }`
	var open []string
	for some := range slices.Chunk(nodes, mostNodes) {
		var data struct {
			Nodes []struct {
				ID string `json:"id"`
				Is bool   `json:"isMinimized"`
			} `json:"nodes"`
		}
		if err := c.graphql(ctx, "which comments are minimised", query, map[string]any{"ids": some}, &data); err != nil {
			return nil, err
		}
		for _, n := range data.Nodes {
			if slices.Contains(some, n.ID) && !n.Is {
				open = append(open, n.ID)
			}
		}
	}
	return open, nil
}

// MinimizeComment folds a comment away as outdated; it stays readable.
func (c *Client) MinimizeComment(ctx context.Context, node string) error {
	const query = `mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { minimizedComment { isMinimized } } }`
	var data struct {
		Minimize struct {
			Comment struct {
				Is bool `json:"isMinimized"`
			} `json:"minimizedComment"`
		} `json:"minimizeComment"`
	}
	if err := c.graphql(ctx, "minimise a comment", query, map[string]any{"id": node}, &data); err != nil {
		return err
	}
	if !data.Minimize.Comment.Is {
		return &Error{"minimise a comment", 0, "the forge did not do it"}
	}
	return nil
}

func fits(body string) error {
	if n := len([]rune(body)); n > MaxBodyChars {
		return fmt.Errorf("forge: the text has %d characters, at most %d are taken", n, MaxBodyChars)
	}
	return nil
}
