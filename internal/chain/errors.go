package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/ethereum/go-ethereum/rpc"
)

// Error is a call that went wrong: which network, which endpoint (its host
// only), which method and why. No part of it holds a token.
type Error struct {
	Network, Host, Operation, Cause string
	// Code of the JSON-RPC error or the HTTP status; 0: neither.
	Code int

	class class
	under error
	// oversize: the reply was cut at its bound.
	oversize bool
}

// Error prints network: endpoint host: operation: cause.
func (e *Error) Error() string {
	if e.Operation == "" {
		return fmt.Sprintf("%s: endpoint %s: %s", e.Network, e.Host, e.Cause)
	}
	return fmt.Sprintf("%s: endpoint %s: %s: %s", e.Network, e.Host, e.Operation, e.Cause)
}

// Unwrap gives context.Canceled or context.DeadlineExceeded, and nothing that
// could print an endpoint.
func (e *Error) Unwrap() error { return e.under }

// class says what may be tried after an error.
type class int

const (
	// transient: the same endpoint may answer in a moment.
	transient class = iota
	// deaf: this endpoint will not answer soon; another one may.
	deaf
	// final: the declaration and the world contradict each other; nobody else
	// is asked.
	final
)

// maxCause bounds what of an endpoint's own words is kept.
const maxCause = 300

// explain turns an error of the RPC client into ours.
func (n *Network) explain(e *endpoint, operation string, err error) *Error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	out := &Error{Network: n.config.Name, Host: e.host, Operation: operation}
	var (
		status  rpc.HTTPError
		answer  rpc.Error
		quoting *url.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		out.class, out.under, out.Cause = final, context.Canceled, "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		out.class, out.under, out.Cause = deaf, context.DeadlineExceeded, "no answer in time"
	case errors.As(err, &status):
		out.Code = status.StatusCode
		out.Cause = fmt.Sprintf("HTTP status %d %s", status.StatusCode, http.StatusText(status.StatusCode))
		if status.StatusCode < 500 && status.StatusCode != http.StatusTooManyRequests {
			out.class = deaf
		}
	case errors.As(err, &answer):
		out.Code, out.Cause = answer.ErrorCode(), e.clean(err.Error())
		out.class = classOf(out.Code, out.Cause)
	case errors.As(err, &quoting):
		out.Cause = e.clean(quoting.Err.Error())
	default:
		out.Cause = e.clean(err.Error())
		var syntax *json.SyntaxError
		var shape *json.UnmarshalTypeError
		out.oversize = errors.Is(err, errOversize)
		if errors.As(err, &syntax) || errors.As(err, &shape) || out.oversize {
			out.class = deaf
		}
	}
	return out
}

// classOf classes an error that the node itself gave. Rate limits and a block
// that a backend has not seen yet pass; anything else will be the same again.
func classOf(code int, text string) class {
	text = strings.ToLower(text)
	passing := []string{
		"rate limit", "too many requests", "limit exceeded", "header not found", "block not found",
		"unknown block", "for hash not found", "resource not found", "not currently canonical", "indexing is in progress", "timeout", "timed out", "try again", "temporarily",
	}
	if code == -32005 || code == http.StatusTooManyRequests || slices.ContainsFunc(passing, func(s string) bool { return strings.Contains(text, s) }) {
		return transient
	}
	return deaf
}

// clean takes the endpoint's address and control characters out of a text and
// bounds it.
func (e *endpoint) clean(text string) string {
	for _, secret := range e.hidden {
		if len(secret) > 3 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "") + "…"
	}
	return text
}
