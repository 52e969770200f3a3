package validatorstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Fault is how a proxy breaks; the words are those of kindtest.
type Fault string

// Proxy stands in front of a chain and breaks when told to.
type Proxy struct {
	URL, behind   string
	mutex         sync.Mutex
	reads, writes Fault
}

// NewProxy starts one.
func NewProxy(t testing.TB, behind string) *Proxy {
	t.Helper()
	p := &Proxy{behind: behind}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// BreakReads makes every read fail, BreakWrites every transaction; "" heals.
func (p *Proxy) BreakReads(f Fault) { p.set(&p.reads, f) }

// BreakWrites makes every transaction fail; a lost reply is lost once.
func (p *Proxy) BreakWrites(f Fault) { p.set(&p.writes, f) }

func (p *Proxy) set(which *Fault, f Fault) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	*which = f
}

func (p *Proxy) fault(body []byte) Fault {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !bytes.Contains(body, []byte("eth_sendRawTransaction")) {
		return p.reads
	}
	f := p.writes
	if f == "lost" {
		p.writes = ""
	}
	return f
}

// ServeHTTP passes a request on, or not.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fault := p.fault(body)
	switch fault {
	case "denied":
		http.Error(w, "denied", http.StatusForbidden)
		return
	case "throttled":
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	case "dropped":
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	reply, err := http.Post(p.behind, "application/json", bytes.NewReader(body)) //nolint:noctx // a test's own loopback
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = reply.Body.Close() }() // it was read whole, or is of no use
	answer, err := io.ReadAll(reply.Body)
	if err != nil || fault == "lost" {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(reply.StatusCode)
	_, _ = w.Write(answer) // who has gone needs no answer
}
