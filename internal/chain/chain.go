// Package chain reads EVM chains and sends plain value transfers to them. It
// asserts the chain id of every endpoint before anything else, pins reads to
// one block, bounds what a hostile endpoint can answer, and prints no endpoint
// beyond its host.
package chain

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// Options of a Network. The zero value of each means its default.
type Options struct {
	// CallTimeout is the deadline of one HTTP request; 10 s.
	CallTimeout time.Duration
	// Rounds is how often the whole pool is tried for a read; 3.
	Rounds int
	// Backoff is the pause before the second round, doubled before the third,
	// with jitter; 250 ms.
	Backoff time.Duration
	// MaxReply bounds one HTTP reply in bytes; 8 MiB, which holds the largest
	// blocks and a full batch of balances.
	MaxReply int64
	// Poll is the longest pause between looks for a receipt; 3 s. The first ones
	// are shorter.
	Poll time.Duration
	// Stuck and StuckBlocks say when AwaitAny gives up on a first receipt: when
	// that much time went by and that many blocks were made without one; 1 minute
	// and 6.
	Stuck       time.Duration
	StuckBlocks uint64
	// Agree demands two independent hosts that agree, on the same block by its
	// hash, about every value of a Look or a Survey and about what became of a
	// transaction. One host is then not enough.
	Agree bool
	// Transport replaces the HTTP transport, for tests.
	Transport http.RoundTripper
}

func (o Options) withDefaults() Options {
	if o.CallTimeout <= 0 {
		o.CallTimeout = 10 * time.Second
	}
	if o.Rounds <= 0 {
		o.Rounds = 3
	}
	if o.Backoff <= 0 {
		o.Backoff = 250 * time.Millisecond
	}
	if o.MaxReply <= 0 {
		o.MaxReply = 8 << 20
	}
	if o.Poll <= 0 {
		o.Poll = 3 * time.Second
	}
	if o.Stuck <= 0 {
		o.Stuck = time.Minute
	}
	if o.StuckBlocks == 0 {
		o.StuckBlocks = 6
	}
	if o.Transport == nil {
		own := &http.Transport{}
		if usual, ok := http.DefaultTransport.(*http.Transport); ok {
			own = usual.Clone()
		}
		own.MaxIdleConnsPerHost = 16
		o.Transport = own
	}
	return o
}

// defaultBatch is how many elements one JSON-RPC batch holds where the network
// does not say: geth's own limit is 1,000, many providers' is 100.
const defaultBatch = 100

// Network is one chain behind a pool of endpoints. It is safe for concurrent use.
type Network struct {
	config    config.Network
	options   Options
	endpoints []*endpoint
	// preferred is the endpoint that answered last.
	preferred atomic.Uint64
	requests  atomic.Uint64
	elements  atomic.Uint64
}

// endpoint is one RPC server.
type endpoint struct {
	// host is all that may ever be printed of the endpoint.
	host string
	// place tells independent endpoints apart, see placeOf.
	place  string
	hidden []string
	client *rpc.Client

	mu sync.Mutex
	// asserted: chain id and genesis are the declared ones.
	asserted bool
	// numbersOnly: it takes no block by its hash as a parameter.
	numbersOnly bool
}

// Open makes a Network without talking to it. Endpoints are http or https URLs;
// names of variables were resolved by the caller.
func Open(network config.Network, endpoints []string, o Options) (*Network, error) {
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("%s: no endpoint is declared", network.Name)
	}
	if network.ChainID == 0 {
		return nil, fmt.Errorf("%s: no chain id is declared", network.Name)
	}
	if network.BatchSize <= 0 {
		network.BatchSize = defaultBatch
	}
	n := &Network{config: network, options: o.withDefaults()}
	client := &http.Client{
		Transport: &meter{network: n, next: n.options.Transport},
		// A redirect could lead to another machine than the declared one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for i, raw := range endpoints {
		e, err := open(raw, client)
		if err != nil {
			n.Close()
			return nil, fmt.Errorf("%s: endpoint %d: %w", network.Name, i+1, err)
		}
		n.endpoints = append(n.endpoints, e)
	}
	return n, nil
}

func open(raw string, client *http.Client) (*endpoint, error) {
	// The errors of url.Parse and of the client quote the whole URL; ours never.
	parsed, err := url.Parse(raw)
	if err != nil || parsed.Host == "" {
		return nil, errors.New("is not a URL")
	}
	if parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, fmt.Errorf("%s: scheme is %q, must be https or http", parsed.Host, parsed.Scheme)
	}
	dialled, err := rpc.DialOptions(bare(), raw, rpc.WithHTTPClient(client))
	if err != nil {
		return nil, fmt.Errorf("%s: is not usable", parsed.Host)
	}
	e := &endpoint{host: parsed.Host, place: placeOf(parsed), client: dialled}
	e.hidden = secretsOf(raw, parsed)
	return e, nil
}

// secretsOf lists the parts of a URL that may be a token, longest first.
func secretsOf(raw string, parsed *url.URL) []string {
	hidden := []string{raw, parsed.String()}
	if password, ok := parsed.User.Password(); ok {
		hidden = append(hidden, parsed.User.String(), password)
	}
	hidden = append(hidden, parsed.RequestURI(), parsed.EscapedPath(), parsed.Path, parsed.RawQuery)
	for _, values := range parsed.Query() {
		hidden = append(hidden, values...)
	}
	return append(hidden, pathParts(parsed.Path)...)
}

// Config is the network as declared, with its batch size filled in.
func (n *Network) Config() config.Network { return n.config }

// Requests counts the HTTP requests sent so far.
func (n *Network) Requests() int { return int(n.requests.Load()) }

// Elements counts the JSON-RPC calls sent so far; one request carries many.
func (n *Network) Elements() int { return int(n.elements.Load()) }

// Close lets go of idle connections.
func (n *Network) Close() {
	for _, e := range n.endpoints {
		e.client.Close()
	}
	if idle, ok := n.options.Transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}
