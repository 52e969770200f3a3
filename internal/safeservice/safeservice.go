// Package safeservice talks to a Safe Transaction Service, where owners of a Safe
// gather signatures. The service is a notice board and no authority: what it says
// is parsed strictly, and whether a proposal is ours is decided by the hash that
// package safe computes. Paths and fields: Safe Transaction Service API, and
// @safe-global/api-kit 5.0.3.
package safeservice

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/safe"
)

// Bounds on a service.
const (
	// maxBody of one reply, and callTimeout of one request.
	maxBody     = 1 << 20
	callTimeout = 10 * time.Second
	// maxProposals that one Safe may have pending, in at most maxPages pages, which
	// are small because one transaction alone may have 256 KiB of hex.
	maxProposals = 1000
	maxPages     = 50
	pageSize     = 20
	// maxAhead is how far a queue may run before the chain: a nonce beyond it would
	// park our proposals for good.
	maxAhead = 500
	// attempts of one request that is turned away for now.
	attempts = 4
)

// Options of a client.
type Options struct {
	// URL of the service: its root, or with /api or /txs behind it, as registries
	// write them. https, or http on the local machine.
	URL string
	// Key is the API key; empty for none. It is sent as a bearer token and is in no
	// error.
	Key string
	// Transport, Sleep and Jitter replace the machine's network, clock and chance.
	// Jitter is between 0 and 1.
	Transport http.RoundTripper
	Sleep     func(context.Context, time.Duration) error
	Jitter    func() float64
}

// Client of one service. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	http   *http.Client
	sleep  func(context.Context, time.Duration) error
	jitter func() float64
	// authorise and redact know the key, so that printing a client does not.
	authorise func(http.Header)
	redact    func(string) string
}

// New makes a client and asks nothing yet. The error does not quote the URL, which
// may hold a token.
func New(o Options) (*Client, error) {
	base, err := root(o.URL)
	if err != nil {
		return nil, fmt.Errorf("safe service: %w", err)
	}
	if strings.ContainsFunc(o.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("safe service: the API key holds what no header can")
	}
	c := &Client{base: base, sleep: o.Sleep, jitter: o.Jitter}
	if c.sleep == nil {
		c.sleep = sleep
	}
	if c.jitter == nil {
		c.jitter = rand.Float64
	}
	transport := o.Transport
	if transport == nil {
		plain, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("safe service: the default transport was replaced")
		}
		transport = plain.Clone()
	}
	c.http = &http.Client{
		Transport: transport, Timeout: callTimeout,
		// A redirect would carry the key, and what it leads to is not what was declared.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	key := o.Key
	c.authorise = func(h http.Header) {
		if key != "" {
			h.Set("Authorization", "Bearer "+key)
		}
	}
	c.redact = func(text string) string {
		if key == "" {
			return text
		}
		return strings.ReplaceAll(text, key, "(key)")
	}
	return c, nil
}

// root is the URL below which /api/… lies.
func root(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return nil, errors.New("its URL is no URL")
	}
	local := u.Hostname() == "localhost"
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		local = ip.IsLoopback()
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return nil, fmt.Errorf("%s: its URL must be https", u.Host)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s: its URL must have no user, query or fragment", u.Host)
	}
	path := strings.TrimRight(u.Path, "/")
	path = strings.TrimSuffix(path, "/txs")
	for _, end := range []string{"/v1", "/v2"} {
		path = strings.TrimSuffix(path, "/api"+end)
	}
	path = strings.TrimSuffix(path, "/api")
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pending lists what the service has queued for a Safe from a nonce up and not
// executed, by nonce. More than maxProposals, or a reply that does not read, is
// an error: a part of a queue is no queue.
func (c *Client) Pending(ctx context.Context, account common.Address, fromNonce uint64) ([]Proposal, error) {
	all, err := c.pending(ctx, account, fromNonce)
	if err != nil {
		return nil, c.explain("pending transactions", account, err)
	}
	return all, nil
}

// NextNonce is the first nonce that neither the chain nor the queue has used.
func (c *Client) NextNonce(ctx context.Context, account common.Address, onChain uint64) (uint64, error) {
	all, err := c.pending(ctx, account, onChain)
	if err != nil {
		return 0, c.explain("next nonce", account, err)
	}
	next := onChain
	for _, p := range all {
		if p.Tx.Nonce-onChain >= maxAhead { // never below it, see pending
			return 0, c.explain("next nonce", account, fmt.Errorf("its queue holds nonce %d and the chain is at %d; at most %d ahead is believed", p.Tx.Nonce, onChain, maxAhead))
		}
		next = max(next, p.Tx.Nonce+1)
	}
	return next, nil
}

// Propose posts a transaction with its hash and the sender's signature of it. The
// sender is an owner or a delegate that an owner named at the service. An error
// does not say that the proposal is not there: Pending does.
func (c *Client) Propose(ctx context.Context, account common.Address, tx safe.Tx, safeTxHash common.Hash, sender common.Address, signature []byte) error {
	body, err := post(tx, safeTxHash, sender, signature)
	if err == nil {
		_, err = c.versions(ctx, http.MethodPost, account, nil, body)
	}
	if err != nil {
		return c.explain("propose", account, err)
	}
	return nil
}

func (c *Client) explain(operation string, account common.Address, err error) error {
	return fmt.Errorf("safe service %s: %s of %s: %w", c.base.Host, operation, account.Hex(), err)
}
