package safeservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// StatusError is a reply that is no success. Text is the service's own and at
// most 300 bytes of it.
type StatusError struct {
	Status int
	Text   string
}

// Error quotes the text, which is a stranger's.
func (e *StatusError) Error() string {
	switch {
	case e.Status >= 300 && e.Status < 400:
		return fmt.Sprintf("status %d: it redirects, which is not followed", e.Status)
	case e.Text == "":
		return fmt.Sprintf("status %d", e.Status)
	}
	return fmt.Sprintf("status %d: %q", e.Status, e.Text)
}

// versions asks the second version of the API and, where a service does not have
// it, the first one.
func (c *Client) versions(ctx context.Context, method string, account common.Address, query url.Values, body []byte) ([]byte, error) {
	reply, err := c.patiently(ctx, method, "v2", account, query, body)
	var failed *StatusError
	if errors.As(err, &failed) && failed.Status == http.StatusNotFound {
		reply, err = c.patiently(ctx, method, "v1", account, query, body)
	}
	return reply, err
}

// patiently repeats what was turned away for now. A proposal is repeated only
// where the service says that it did not look at it.
func (c *Client) patiently(ctx context.Context, method, version string, account common.Address, query url.Values, body []byte) ([]byte, error) {
	for i := 1; ; i++ {
		reply, wait, err := c.once(ctx, method, version, account, query, body)
		var failed *StatusError
		if err == nil || i == attempts || !errors.As(err, &failed) {
			return reply, err
		}
		busy := failed.Status == http.StatusBadGateway || failed.Status == http.StatusServiceUnavailable || failed.Status == http.StatusGatewayTimeout
		if failed.Status != http.StatusTooManyRequests && (!busy || method != http.MethodGet) {
			return nil, err
		}
		// Several of us were turned away at once: chance keeps us apart.
		chance := time.Duration((0.5 + c.jitter()) * float64(time.Second<<(i-1)))
		if err := c.sleep(ctx, max(wait, chance)); err != nil {
			return nil, err
		}
	}
}

// maxWait is the longest Retry-After that is kept to.
const maxWait = 10 * time.Second

func (c *Client) once(ctx context.Context, method, version string, account common.Address, query url.Values, body []byte) (reply []byte, wait time.Duration, err error) {
	target := *c.base
	target.Path += "/api/" + version + "/safes/" + account.Hex() + "/multisig-transactions/"
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, 0, errors.New("the request cannot be made")
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	c.authorise(request.Header)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, 0, c.plain(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, 0, c.plain(err)
	case len(data) > maxBody:
		return nil, 0, fmt.Errorf("the reply is longer than %d bytes", maxBody)
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 16)
		if err == nil {
			wait = min(time.Duration(seconds)*time.Second, maxWait)
		}
		text := c.redact(string(data))
		return nil, wait, &StatusError{Status: response.StatusCode, Text: text[:min(len(text), 300)]}
	}
	return data, 0, nil
}

// plain is an error without the URL, which may hold a token.
func (c *Client) plain(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.New(c.redact(err.Error()))
}

// pending gathers all pages.
func (c *Client) pending(ctx context.Context, account common.Address, fromNonce uint64) ([]Proposal, error) {
	var all []Proposal
	seen := map[common.Hash]bool{}
	offset := 0
	for range maxPages {
		data, err := c.versions(ctx, http.MethodGet, account, url.Values{
			"executed": {"false"}, "nonce__gte": {strconv.FormatUint(fromNonce, 10)}, "ordering": {"nonce"},
			"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(offset)},
		}, nil)
		if err != nil {
			return nil, err
		}
		p, err := c.page(data, account)
		if err != nil {
			return nil, err
		}
		for _, proposal := range p.proposals {
			// What is below the nonce or executed was asked for by nobody; what came
			// twice moved from one page to the next meanwhile.
			if proposal.executed || proposal.Tx.Nonce < fromNonce || seen[proposal.SafeTxHash] {
				continue
			}
			seen[proposal.SafeTxHash] = true
			all = append(all, proposal.Proposal)
		}
		switch {
		case len(all) > maxProposals:
			return nil, fmt.Errorf("it lists more than %d pending transactions", maxProposals)
		case p.next == 0:
			return sorted(all), nil
		case p.next <= offset:
			return nil, fmt.Errorf("its next page begins at %d, and this one at %d", p.next, offset)
		}
		offset = p.next
	}
	return nil, fmt.Errorf("it lists pending transactions on more than %d pages", maxPages)
}

// page reads one page. Of the address of the next one only the offset is taken,
// and only if it leads to the same host.
func (c *Client) page(data []byte, account common.Address) (page, error) {
	var w wirePage
	if err := json.Unmarshal(data, &w); err != nil {
		return page{}, fmt.Errorf("the reply is no list of transactions: %s", c.redact(err.Error()))
	}
	if w.Results == nil {
		return page{}, errors.New("the reply is no list of transactions: it has no results")
	}
	var out page
	for i, t := range w.Results {
		p, err := t.read(account)
		if err != nil {
			return page{}, fmt.Errorf("transaction %d of the list: %w", i+1, err)
		}
		out.proposals = append(out.proposals, p)
	}
	if w.Next == nil || *w.Next == "" {
		return out, nil
	}
	next, err := url.Parse(*w.Next)
	if err != nil || (next.Host != "" && next.Host != c.base.Host) {
		return page{}, fmt.Errorf("its next page is elsewhere: %.120q", c.redact(*w.Next))
	}
	offset, err := strconv.ParseUint(next.Query().Get("offset"), 10, 20)
	if err != nil || offset == 0 {
		return page{}, errors.New("its next page has no offset")
	}
	out.next = int(offset)
	return out, nil
}
