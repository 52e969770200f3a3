package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

// maxEventBytes bounds the forge's description of what started the job. GitHub
// Docs, "Events that trigger workflows": a payload is at most 25 MB.
const maxEventBytes = 25 << 20

// hands is who had a hand in what a plan is about.
type hands struct {
	// authors are as in plan.Revision.
	authors []string
	// unsigned counts commits that change the environment and that no known key signed.
	unsigned int
}

// hands reads the commits that nothing whole was made of yet, by the rules in force
// at a time. Who signed one had a hand in it too, whatever name it gives.
func (s *session) hands(at time.Time) (hands, error) {
	if s.revision.Commit == "" {
		return hands{}, nil
	}
	commits, err := s.commits()
	if err != nil {
		return hands{}, withHint(fmt.Errorf("%s: who wrote this change: %w", s.env.Name, err), "fetch the whole history: git fetch --unshallow")
	}
	writers := approve.NewWriters(s.approvalRules(), at)
	var h hands
	for _, c := range commits {
		h.authors = append(h.authors, c.Emails...)
		known := false
		if len(c.Signature) > 0 {
			var key string
			if key, known, err = writers.Signed(c.Payload, c.Signature); err == nil {
				h.authors = append(h.authors, "key:"+key)
			}
		}
		if c.Changes && !known {
			h.unsigned++
		}
	}
	opened, err := s.app.opener()
	if err != nil {
		return hands{}, err
	}
	if opened != "" {
		h.authors = append(h.authors, "forge:"+opened)
	}
	slices.Sort(h.authors)
	h.authors = slices.Compact(h.authors)
	return h, nil
}

// commits are those of the plan's commit that the rules in force do not hold yet, or
// of which something was never made: both can still be applied.
func (s *session) commits() ([]config.Commit, error) {
	commits, err := config.History(s.options, s.anchor, s.revision.Commit)
	if err != nil {
		return nil, err
	}
	// Without the store nobody knows what was made: then those since the rules in
	// force, of which apply may find more.
	made := madeWhole(s.entries)
	if made == s.anchor || s.offline {
		return commits, nil
	}
	older, err := config.History(s.options, made, s.revision.Commit)
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for _, c := range commits {
		listed[c.Hash] = true
	}
	for _, c := range older {
		if !listed[c.Hash] {
			commits = append(commits, c)
		}
	}
	return commits, nil
}

// madeWhole is the newest commit of which everything was made. Before there is one
// it is the first whose rules came into force: what was written after that, and
// not made, is still somebody's change, also when rules alone have moved on.
func madeWhole(entries []journal.Entry) string {
	first := ""
	for _, e := range slices.Backward(entries) {
		switch {
		case e.Kind == journal.Close && (e.Advances && !e.RulesOnly || e.Settles && len(e.Owed) == 0):
			return e.Commit
		case e.Kind == journal.Anchor || e.Kind == journal.Close && e.Advances:
			first = e.Commit
		}
	}
	return first
}

// checkAuthors refuses a plan that names fewer authors, or counts fewer commits that
// no known key signed, than its history does now. More are no forgery: who opened
// the pull request is known to the job that planned alone.
func (s *session) checkAuthors(p *plan.Plan) error {
	h, err := s.hands(p.Created)
	if err != nil {
		return err
	}
	for _, author := range h.authors {
		if !slices.Contains(p.Revision.Authors, author) {
			return &exitError{code: exitRefused, err: fmt.Errorf("%s: refused: the plan leaves out %q, who had a hand in %s", s.env.Name, author, short(p.Revision.Commit))}
		}
	}
	if p.Revision.Unsigned < h.unsigned {
		return &exitError{code: exitRefused, err: fmt.Errorf("%s: refused: the plan counts %d commits that no known key signed, there are %d", s.env.Name, p.Revision.Unsigned, h.unsigned)}
	}
	return nil
}

// opener is who opened the pull request that the job runs for, by login; empty
// where no pull request started it. GitHub Docs, "Variables reference":
// GITHUB_EVENT_PATH.
func (a *app) opener() (string, error) {
	path := a.getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return "", nil
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("GITHUB_EVENT_PATH: %w", err)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxEventBytes))
	if err != nil {
		return "", fmt.Errorf("GITHUB_EVENT_PATH: %w", err)
	}
	var event struct {
		PullRequest struct {
			User struct {
				Login string `json:"login"`
			} `json:"user"`
		} `json:"pull_request"`
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return "", fmt.Errorf("GITHUB_EVENT_PATH: %w", err)
	}
	return strings.ToLower(strings.TrimSpace(event.PullRequest.User.Login)), nil
}
