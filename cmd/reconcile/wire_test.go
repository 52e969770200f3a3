package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A wire leads from reconcile to AWS or to one network. It passes everything on
// until a script breaks it.
type wire struct {
	server *httptest.Server
	// arrivals are all calls, since a script asked.
	arrivals atomic.Int64

	mu     sync.Mutex
	target *url.URL
	faults []*fault
	held   chan struct{} // one element per held call
	let    chan struct{} // closed to let held calls end
	guard  *guard        // refuses what a role may not do; nil: everybody may do everything
}

// fault is how one operation goes wrong.
type fault struct {
	operation string // as operationsOf names it; * is any
	how       string
	only      int // the n-th call only; 0 is every call
	seen      int
}

// hows are the ways in which a call goes wrong. denied and expired are answers
// of AWS without effect. dropped never arrives. lost arrives and its reply does
// not come back. held arrives and its reply is kept back.
var hows = []string{"denied", "expired", "throttled", "dropped", "lost", "held"}

func newWire(endpoint string) (*wire, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	w := &wire{target: target, held: make(chan struct{}, 64), let: make(chan struct{})}
	w.server = httptest.NewServer(w)
	return w, nil
}

func (w *wire) close() {
	w.letGo()
	w.server.CloseClientConnections()
	w.server.Close()
}

// letGo lets held calls end.
func (w *wire) letGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.let:
	default:
		close(w.let)
	}
}

func (w *wire) fail(f *fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
}

func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = nil
}

// lead makes the wire end somewhere else.
func (w *wire) lead(other *wire) {
	target, _ := other.pick(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
}

// guarded gives the wire's guard, if it has one.
func (w *wire) guarded() *guard {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.guard
}

// pick says where a call goes and how it goes wrong, if it does.
func (w *wire) pick(operations []string) (*url.URL, *fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		if f.operation != "*" && !slices.Contains(operations, f.operation) {
			continue
		}
		f.seen++
		if f.only == 0 || f.only == f.seen {
			return w.target, f
		}
	}
	return w.target, nil
}

// ServeHTTP passes a call on, or not.
func (w *wire) ServeHTTP(reply http.ResponseWriter, r *http.Request) {
	w.arrivals.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if guard := w.guarded(); guard != nil {
		if !guard.admits(reply, r, body) {
			return
		}
		defer guard.live.passed(r, body)
	}
	operations := operationsOf(r, body)
	target, f := w.pick(operations)
	forward := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target); p.Out.Host = p.In.Host }}
	if f == nil {
		forward.ServeHTTP(reply, r)
		return
	}
	switch f.how {
	case "dropped":
		panic(http.ErrAbortHandler)
	case "lost":
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case "held":
		// The effect happens whatever becomes of the caller.
		kept := httptest.NewRecorder()
		forward.ServeHTTP(kept, r)
		w.held <- struct{}{}
		<-w.let
		for name, values := range kept.Header() {
			reply.Header()[name] = values
		}
		reply.WriteHeader(kept.Code)
		_, _ = reply.Write(kept.Body.Bytes())
	default:
		refuse(reply, f.how, operations[0])
	}
}

// operationsOf are the names of what is called: kms.CreateKey, s3.PUT,
// sts.GetCallerIdentity, iam.CreateUser; of JSON-RPC the methods, as they are.
func operationsOf(r *http.Request, body []byte) []string {
	if service, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		switch {
		case service == "TrentService":
			service = "kms"
		case strings.HasPrefix(service, "ResourceGroupsTagging"):
			service = "tagging"
		}
		return []string{service + "." + operation}
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ := url.ParseQuery(string(body))
		return []string{signedFor(r) + "." + form.Get("Action")}
	}
	type call struct {
		Method string `json:"method"`
	}
	var one call
	var batch []call
	if json.Unmarshal(body, &one) == nil && one.Method != "" {
		return []string{one.Method}
	}
	if json.Unmarshal(body, &batch) == nil && len(batch) > 0 {
		methods := []string{}
		for _, c := range batch {
			methods = append(methods, c.Method)
		}
		return methods
	}
	return []string{"s3." + r.Method}
}

// signedFor is the service in the signature's scope, day/region/service (AWS
// Signature Version 4).
func signedFor(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(scope, "/"); len(parts) > 3 {
		return parts[3]
	}
	return "sts"
}

// refuse answers as AWS does, in the form of the protocol that was asked in.
func refuse(reply http.ResponseWriter, how, operation string) {
	service, name, _ := strings.Cut(operation, ".")
	code := map[string]string{"denied": "AccessDenied", "expired": "ExpiredToken", "throttled": "Throttling"}[how]
	message := map[string]string{
		"denied":    fmt.Sprintf("User: arn:aws:sts::222233334444:assumed-role/plan/ci is not authorized to perform: %s:%s", service, name),
		"expired":   "The security token included in the request is expired",
		"throttled": "Rate exceeded",
	}[how]
	switch service {
	case "sts", "iam":
		reply.Header().Set("Content-Type", "text/xml")
		reply.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(reply, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, message)
	case "s3":
		reply.Header().Set("Content-Type", "application/xml")
		reply.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(reply, `<Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	default:
		reply.Header().Set("Content-Type", "application/x-amz-json-1.1")
		reply.Header().Set("X-Amzn-Errortype", code+"Exception")
		reply.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(reply, `{"__type":%q,"message":%q}`, code+"Exception", message)
	}
}

// patience bounds a wait for something that must come; nothing depends on how
// long it takes.
const patience = 90 * time.Second

// awaitHeld waits until a call is held.
func (w *wire) awaitHeld() error {
	select {
	case <-w.held:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("no call was held within %s", patience)
	}
}
