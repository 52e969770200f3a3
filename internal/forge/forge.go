// Package forge talks to GitHub: the comments of a pull request, issues, commit
// statuses, and the artifacts of a workflow run. It believes nothing that it is
// told beyond what it asked for, keeps to GitHub's limits, and writes slowly.
// Nothing that decides about a plan rests on it: whoever holds the forge can
// hide a comment or show a wrong plan, and then no digest and no signature fits.
package forge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// DefaultAPI is where github.com answers. GitHub REST API, "Getting started".
const DefaultAPI = "https://api.github.com"

// Token is what a request is authorised with. It prints as nothing of itself.
type Token string

// String hides the token from every way of printing it.
func (t Token) String() string { return "(a token)" }

// GoString does the same for %#v.
func (t Token) GoString() string { return "(a token)" }

// MarshalText does the same for encoders.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Clock is the time as the client sees it; tests bring their own.
type Clock struct {
	Now func() time.Time
	// Sleep waits, or gives the context's error.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Wall is the clock of this machine.
func Wall() Clock {
	return Clock{Now: time.Now, Sleep: func(ctx context.Context, d time.Duration) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}}
}

// Options is which forge, which repository, and as whom.
type Options struct {
	// API is the base of REST requests (GITHUB_API_URL); empty means DefaultAPI.
	// GraphQL is at the same host (GitHub Enterprise Server: /api/v3 and /api/graphql).
	API string
	// Repository is owner/name.
	Repository string
	Token      Token
	Clock      Clock
	// Transport carries requests; nil means Go's own, with its proxies.
	Transport http.RoundTripper
}

// Client is one repository as one user of the forge. It may be used by several
// goroutines; its writes go one after another.
type Client struct {
	rest, graph, repository string
	token                   Token
	clock                   Clock
	http                    *http.Client

	writing   sync.Mutex
	lastWrite time.Time
}

var repositoryForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}$`)

// requestTimeout bounds one request with its whole answer.
const requestTimeout = 60 * time.Second

// New makes a client and asks nothing. A token goes over TLS only, but to this
// machine.
func New(o Options) (*Client, error) {
	if o.API == "" {
		o.API = DefaultAPI
	}
	base, err := url.Parse(strings.TrimRight(o.API, "/"))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("forge: API address %q: is no address of a host", o.API)
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) {
		return nil, fmt.Errorf("forge: API address %q: a token is sent by https only", o.API)
	}
	if !repositoryForm.MatchString(o.Repository) || strings.HasSuffix(o.Repository, "/.") || strings.HasSuffix(o.Repository, "/..") {
		return nil, fmt.Errorf("forge: repository %q: must be owner/name", o.Repository)
	}
	if o.Token == "" || strings.ContainsFunc(string(o.Token), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("forge: the token is empty or holds characters that no token has")
	}
	graph := *base
	graph.Path = strings.TrimSuffix(base.Path, "/v3") + "/graphql"
	return &Client{
		rest: base.String(), graph: graph.String(), repository: o.Repository, token: o.Token, clock: o.Clock,
		http: &http.Client{Transport: o.Transport, Timeout: requestTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Repository is owner/name of the repository that the client is of.
func (c *Client) Repository() string { return c.repository }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// path is that of something in the repository.
func (c *Client) path(format string, args ...any) string {
	return c.rest + "/repos/" + c.repository + "/" + fmt.Sprintf(format, args...)
}
