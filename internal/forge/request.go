package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Bounds on talking to the forge. GitHub REST API, "Best practices" and "Rate
// limits": one second between writes; after a secondary limit without
// Retry-After at least a minute.
const (
	writePace     = time.Second
	secondaryWait = time.Minute
	tries         = 5
	firstWait     = time.Second
	// longestWait is the most that one request waits in all: a job that waits for an
	// hour's quota holds a runner and tells nobody.
	longestWait = 5 * time.Minute
	answerBytes = 8 << 20
	pageSize    = 100
	mostPages   = 30
)

// Error is what the forge answered instead of what was asked.
type Error struct {
	Operation string
	// Status of HTTP; 0 where GraphQL answered with errors.
	Status  int
	Message string
}

// Error says what was asked and what came back.
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("forge: %s: %s", e.Operation, e.Message)
	}
	return fmt.Sprintf("forge: %s: %d %s: %s", e.Operation, e.Status, http.StatusText(e.Status), e.Message)
}

// request is one call. Those that only read, or that do the same when done
// twice, are repeated when the forge fails; others only when it refused them
// unheard.
type request struct {
	operation, method, url string
	body                   any
	repeatable             bool
	// asks says that a POST changes nothing: a question in GraphQL.
	asks bool
}

func (r request) writes() bool { return r.method != http.MethodGet && !r.asks }

// answer is what came back, the body read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call makes a request and reads its JSON answer into out, if that is not nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	a, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	if a.status < 200 || a.status > 299 {
		return refusal(r, a)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		return &Error{r.operation, a.status, "its answer does not read: " + cut(err.Error())}
	}
	return nil
}

// send makes a request as often as it takes, and gives the last answer.
func (c *Client) send(ctx context.Context, r request) (*answer, error) {
	if r.writes() {
		c.writing.Lock()
		defer c.writing.Unlock()
	}
	var waited time.Duration
	for try := 1; ; try++ {
		if err := c.pace(ctx, r); err != nil {
			return nil, err
		}
		a, err := c.once(ctx, r)
		wait, again := c.again(r, a, err, try)
		if !again || try == tries || waited+wait > longestWait {
			if err != nil {
				return nil, fmt.Errorf("forge: %s: %w", r.operation, err)
			}
			return a, nil
		}
		waited += wait
		if err := c.clock.Sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("forge: %s: %w", r.operation, err)
		}
	}
}

// pace keeps a second between writes.
func (c *Client) pace(ctx context.Context, r request) error {
	if !r.writes() {
		return nil
	}
	if rest := writePace - c.clock.Now().Sub(c.lastWrite); !c.lastWrite.IsZero() && rest > 0 {
		if err := c.clock.Sleep(ctx, rest); err != nil {
			return fmt.Errorf("forge: %s: %w", r.operation, err)
		}
	}
	c.lastWrite = c.clock.Now()
	return nil
}

// again says whether a request is made once more, and after how long.
func (c *Client) again(r request, a *answer, err error, try int) (time.Duration, bool) {
	backoff := firstWait << (try - 1)
	if err != nil {
		return backoff, r.repeatable && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	if wait, limited := c.limited(a, backoff); limited {
		return wait, true
	}
	return backoff, r.repeatable && a.status >= 500
}

// limited recognises both of GitHub's limits. A request that is refused by one
// was not carried out, so that writes may be repeated too.
func (c *Client) limited(a *answer, backoff time.Duration) (time.Duration, bool) {
	if a.status != http.StatusForbidden && a.status != http.StatusTooManyRequests {
		return 0, false
	}
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil && seconds >= 0 {
		return max(time.Duration(min(seconds, 1<<20))*time.Second, backoff), true
	}
	if a.header.Get("X-Ratelimit-Remaining") == "0" {
		reset, err := strconv.ParseInt(a.header.Get("X-Ratelimit-Reset"), 10, 64)
		if err != nil {
			return secondaryWait, true
		}
		return max(time.Unix(reset, 0).Sub(c.clock.Now())+time.Second, backoff), true
	}
	if a.status == http.StatusTooManyRequests || strings.Contains(strings.ToLower(message(a.body)), "secondary rate limit") {
		return max(secondaryWait, backoff), true
	}
	return 0, false
}

func (c *Client) once(ctx context.Context, r request) (*answer, error) {
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	req.Header.Set("User-Agent", "reconcile")
	req.Header.Set("Authorization", "Bearer "+string(c.token))
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, answerBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > answerBytes {
		return nil, fmt.Errorf("the answer is longer than %d bytes", answerBytes)
	}
	return &answer{status: res.StatusCode, header: res.Header, body: data}, nil
}

// pages walks through a list, a hundred at a time, until it ends or use has
// what it wants. Page numbers are ours: no address that the forge names is followed.
func (c *Client) pages(ctx context.Context, operation, url string, use func(page []byte) (items int, done bool, err error)) error {
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	for page := 1; page <= mostPages; page++ {
		r := request{operation: operation, method: http.MethodGet, repeatable: true, url: fmt.Sprintf("%s%sper_page=%d&page=%d", url, separator, pageSize, page)}
		a, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return refusal(r, a)
		}
		items, done, err := use(a.body)
		if err != nil {
			return &Error{operation, a.status, "its answer does not read: " + cut(err.Error())}
		}
		if done || items < pageSize {
			return nil
		}
	}
	return &Error{operation, http.StatusOK, fmt.Sprintf("there are more than %d", mostPages*pageSize)}
}

// graphql asks, or does what is the same when done twice, and reads the data of
// the answer into out.
func (c *Client) graphql(ctx context.Context, operation, query string, variables map[string]any, out any) error {
	var reply struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	r := request{operation: operation, method: http.MethodPost, url: c.graph, repeatable: true,
		asks: strings.HasPrefix(query, "query "), body: map[string]any{"query": query, "variables": variables}}
	if err := c.call(ctx, r, &reply); err != nil {
		return err
	}
	if len(reply.Errors) > 0 {
		return &Error{operation, 0, cut(reply.Errors[0].Message)}
	}
	if err := json.Unmarshal(reply.Data, out); err != nil {
		return &Error{operation, 0, "its answer does not read: " + cut(err.Error())}
	}
	return nil
}

func refusal(r request, a *answer) error { return &Error{r.operation, a.status, message(a.body)} }

// message is what an error says of itself, in one short line.
func message(body []byte) string {
	var said struct {
		Message string `json:"message"`
		Errors  []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil || said.Message == "" {
		return "without a reason"
	}
	text := said.Message
	for _, e := range said.Errors {
		if e.Message != "" {
			text += ": " + e.Message
		}
	}
	return cut(text)
}

// longestMessage is how much of an answer's own words is repeated.
const longestMessage = 300

func cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longestMessage {
		text = strings.ToValidUTF8(text[:longestMessage], "") + "…"
	}
	return text
}
