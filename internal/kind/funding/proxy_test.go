package funding_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
)

// proxy stands in front of a chain and breaks when told to.
type proxy struct {
	url, behind string
	mu          sync.Mutex
	reads       kindtest.Fault
	writes      kindtest.Fault
	// requests counts what passed or broke.
	requests int
}

func newProxy(t *testing.T, behind string) *proxy {
	t.Helper()
	p := &proxy{behind: behind}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *proxy) breakReads(_ *testing.T, fault kindtest.Fault) func() {
	p.set(&p.reads, fault)
	return func() { p.set(&p.reads, "") }
}

func (p *proxy) breakWrites(_ *testing.T, fault kindtest.Fault) func() {
	p.set(&p.writes, fault)
	return func() { p.set(&p.writes, "") }
}

func (p *proxy) set(which *kindtest.Fault, fault kindtest.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*which = fault
}

// fault takes the fault for a request; a lost reply is lost once.
func (p *proxy) fault(body []byte) kindtest.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if !bytes.Contains(body, []byte("eth_sendRawTransaction")) {
		return p.reads
	}
	fault := p.writes
	if fault == kindtest.Lost {
		p.writes = ""
	}
	return fault
}

// ServeHTTP passes a request on, or not.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fault := p.fault(body)
	switch fault {
	case kindtest.Denied:
		http.Error(w, "denied", http.StatusForbidden)
		return
	case kindtest.Throttled:
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	case kindtest.Dropped:
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	reply, err := http.Post(p.behind, "application/json", bytes.NewReader(body)) //nolint:noctx // a test's own loopback
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(reply.Body)
	if err != nil || fault == kindtest.Lost {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(reply.StatusCode)
	_, _ = w.Write(answer)
}
