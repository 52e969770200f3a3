package cloudtest

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
)

// Proxy stands on loopback in front of the emulator, counts what passes and
// fails on demand. The SDK behind it is the real one, retries included.
type Proxy struct {
	Switch
	server *httptest.Server
}

// NewProxy starts a proxy in front of an endpoint.
func NewProxy(endpoint string) (*Proxy, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &Proxy{}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch fault := p.arrive(operationOf(r)); fault {
		case "":
			forward.ServeHTTP(w, r)
		case Dropped:
			hangUp(w)
		case Lost:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			hangUp(w)
		default:
			refuse(w, r, fault)
		}
	}))
	return p, nil
}

// Endpoint is where the proxy listens.
func (p *Proxy) Endpoint() string { return p.server.URL }

// Close ends the proxy.
func (p *Proxy) Close() { p.server.Close() }

// operationOf is "service.Operation" by the target header of the JSON
// protocols, the form field of the query protocol, what is asked of a bucket, or
// the method.
func operationOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		service, operation, _ := strings.Cut(target, ".")
		switch {
		case service == "TrentService":
			service = "kms"
		case strings.HasPrefix(service, "ResourceGroupsTagging"):
			service = "tagging"
		}
		return service + "." + operation
	}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if form, err := url.ParseQuery(string(body)); err == nil {
			return cmp.Or(signedFor(r), "sts") + "." + form.Get("Action")
		}
	}
	if operation := bucketOperation(r); operation != "" {
		return operation
	}
	return "http." + r.Method
}

// signedFor is the service for which a request is signed, empty when it is not.
func signedFor(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 5 {
		return parts[3]
	}
	return ""
}

func refuse(w http.ResponseWriter, r *http.Request, fault Fault) {
	switch signedFor(r) {
	case "s3":
		refuseS3(w, fault)
		return
	case "iam", "sts":
		refuseQuery(w, fault)
		return
	}
	code, status := "ThrottlingException", http.StatusBadRequest
	switch fault {
	case Denied:
		code = "AccessDeniedException"
	case Expired:
		code = "ExpiredTokenException"
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":%q,"message":"by the proxy"}`, code)
}

// refuseQuery answers as services of the query protocol do, in XML.
func refuseQuery(w http.ResponseWriter, fault Fault) {
	code, status := "Throttling", http.StatusBadRequest
	switch fault {
	case Denied:
		code, status = "AccessDenied", http.StatusForbidden
	case Expired:
		code, status = "ExpiredToken", http.StatusForbidden
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>by the proxy</Message></Error></ErrorResponse>", code)
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if hijacker, ok := w.(http.Hijacker); ok {
		if connection, _, err := hijacker.Hijack(); err == nil {
			connection.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}
