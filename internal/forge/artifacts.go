package forge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Run is one run of a workflow.
type Run struct {
	ID     int64  `json:"id"`
	Number int    `json:"run_number"`
	Try    int    `json:"run_attempt"`
	Event  string `json:"event"`
	Head   string `json:"head_sha"`
	// Path is the workflow's file, Status queued, in_progress or completed.
	Path           string    `json:"path"`
	Status         string    `json:"status"`
	URL            string    `json:"html_url"`
	Made           time.Time `json:"created_at"`
	HeadRepository struct {
		Name string `json:"full_name"`
	} `json:"head_repository"`
}

// NewestRun finds the newest run of a workflow file (".github/workflows/plan.yml")
// for a pull request's head commit. Runs of forks do not count: what they made, a stranger made.
// Nil where there is none.
func (c *Client) NewestRun(ctx context.Context, workflow, head string) (*Run, error) {
	if !commitForm.MatchString(head) {
		return nil, fmt.Errorf("forge: runs of %q: is no commit", head)
	}
	var newest *Run
	query := url.Values{"head_sha": {head}, "event": {"pull_request"}}
	err := c.pages(ctx, "list workflow runs", c.path("actions/runs?%s", query.Encode()), func(page []byte) (int, bool, error) {
		var list struct {
			Runs []Run `json:"workflow_runs"`
		}
		if err := json.Unmarshal(page, &list); err != nil {
			return 0, false, err
		}
		for _, run := range list.Runs {
			file, _, _ := strings.Cut(run.Path, "@")
			ours := file == workflow && run.Head == head && run.Event == "pull_request" && run.HeadRepository.Name == c.repository
			if ours && (newest == nil || run.Number > newest.Number) {
				newest = &run
			}
		}
		return len(list.Runs), false, nil
	})
	return newest, err
}

// Artifact is a zip file that a run left.
type Artifact struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Bytes   int64  `json:"size_in_bytes"`
	Expired bool   `json:"expired"`
	// Digest is "sha256:…" of the zip file, empty where the forge does not say.
	Digest string    `json:"digest"`
	Made   time.Time `json:"created_at"`
}

// Artifacts lists what a run left under names with this prefix, the newest of
// each name.
func (c *Client) Artifacts(ctx context.Context, run int64, prefix string) ([]Artifact, error) {
	byName := map[string]int{}
	var all []Artifact
	err := c.pages(ctx, "list artifacts", c.path("actions/runs/%d/artifacts", run), func(page []byte) (int, bool, error) {
		var list struct {
			Artifacts []Artifact `json:"artifacts"`
		}
		if err := json.Unmarshal(page, &list); err != nil {
			return 0, false, err
		}
		for _, a := range list.Artifacts {
			if !strings.HasPrefix(a.Name, prefix) {
				continue
			}
			if i, seen := byName[a.Name]; !seen {
				byName[a.Name] = len(all)
				all = append(all, a)
			} else if a.ID > all[i].ID {
				all[i] = a
			}
		}
		return len(list.Artifacts), false, nil
	})
	return all, err
}

// Limits bound what a stranger's zip file may become.
type Limits struct {
	// Zip is the most bytes that are downloaded, File what one file in it may have,
	// Total all of them.
	Zip, File, Total int64
	// Files is how many there may be.
	Files int
}

// Download fetches an artifact and gives its files by name. The forge answers
// with an address of its store, which is asked without the token.
func (c *Client) Download(ctx context.Context, a Artifact, limits Limits) (map[string][]byte, error) {
	operation := fmt.Sprintf("download artifact %q", a.Name)
	if a.Expired {
		return nil, &Error{operation, http.StatusGone, "it has expired"}
	}
	if a.Bytes > limits.Zip {
		return nil, fmt.Errorf("forge: %s: has %d bytes, at most %d are read", operation, a.Bytes, limits.Zip)
	}
	r := request{operation: operation, method: http.MethodGet, url: c.path("actions/artifacts/%d/zip", a.ID), repeatable: true}
	reply, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	if reply.status != http.StatusFound {
		return nil, refusal(r, reply)
	}
	data, err := c.fetch(ctx, operation, reply.header.Get("Location"), limits.Zip)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if have := "sha256:" + hex.EncodeToString(sum[:]); a.Digest != "" && a.Digest != have {
		return nil, fmt.Errorf("forge: %s: its digest is %s, the forge says %s", operation, have, cut(a.Digest))
	}
	files, err := Unzip(data, limits)
	if err != nil {
		return nil, fmt.Errorf("forge: %s: %w", operation, err)
	}
	return files, nil
}

// fetch reads what a store holds. Its address carries its own right for some
// minutes, so that it stands in no error.
func (c *Client) fetch(ctx context.Context, operation, address string, most int64) ([]byte, error) {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || (at.Scheme != "https" && (at.Scheme != "http" || !loopback(at.Hostname()) || !strings.HasPrefix(c.rest, "http:"))) {
		return nil, fmt.Errorf("forge: %s: it is not at an https address", operation)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("forge: %s: its address does not read", operation)
	}
	req.Header.Set("User-Agent", "reconcile")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("forge: %s: the store %s does not answer", operation, at.Hostname())
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, &Error{operation, res.StatusCode, "the store " + at.Hostname() + " does not give it"}
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("forge: %s: the store %s ends early", operation, at.Hostname())
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("forge: %s: is longer than %d bytes", operation, most)
	}
	return data, nil
}
