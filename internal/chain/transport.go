package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// bare is the context of a dial that opens no connection.
func bare() context.Context { return context.Background() }

// meter counts requests and bounds replies.
type meter struct {
	network *Network
	next    http.RoundTripper
}

// errOversize is what a reply beyond Options.MaxReply ends with.
var errOversize = errors.New("the reply is too long")

// RoundTrip sends one request.
func (m *meter) RoundTrip(request *http.Request) (*http.Response, error) {
	m.network.requests.Add(1)
	response, err := m.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	// The body is already decompressed here, so a small bomb counts in full.
	response.Body = &bounded{ReadCloser: response.Body, left: m.network.options.MaxReply}
	return response, nil
}

type bounded struct {
	io.ReadCloser
	left int64
}

// Read fails once the bound is passed.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("%w (bound %d bytes)", errOversize, b.left+int64(n))
	}
	return n, err
}

// pathParts are the segments of a URL's path that are long enough to be a
// token and not a word.
func pathParts(path string) []string {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if len(part) >= 12 {
			parts = append(parts, part)
		}
	}
	return parts
}
