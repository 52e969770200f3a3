package chain_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// element is one call and its answer on the wire.
type element struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

// bend stands before a chain and may change the answer of any element; asked
// has the method and its parameters.
func bend(behind string, change func(asked element, answer *element)) func(http.ResponseWriter, []byte) bool {
	return func(w http.ResponseWriter, body []byte) bool {
		var asked, answers []element
		if json.Unmarshal(body, &asked) != nil || json.Unmarshal(relay(behind, body), &answers) != nil {
			panic(http.ErrAbortHandler)
		}
		out := make([]map[string]any, 0, len(answers))
		for _, answer := range answers {
			for _, a := range asked {
				if string(a.ID) == string(answer.ID) {
					change(a, &answer)
				}
			}
			wired := map[string]any{"jsonrpc": "2.0", "id": answer.ID}
			if answer.Error != nil {
				wired["error"] = answer.Error
			} else {
				wired["result"] = answer.Result
			}
			out = append(out, wired)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
		return true
	}
}

// lie answers one method with one result, and is honest otherwise.
func lie(behind, method, result string) func(http.ResponseWriter, []byte) bool {
	return bend(behind, func(asked element, answer *element) {
		if asked.Method == method {
			answer.Result, answer.Error = json.RawMessage(result), nil
		}
	})
}

// refuse answers one method with an error.
func refuse(behind, method, failure string) func(http.ResponseWriter, []byte) bool {
	return bend(behind, func(asked element, answer *element) {
		if asked.Method == method {
			answer.Result, answer.Error = nil, json.RawMessage(failure)
		}
	})
}

// tapAt is tap on another loopback address, which makes it another host.
func tapAt(t testing.TB, address, behind string, answer func(http.ResponseWriter, []byte) bool) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	p := &wire{behind: behind, answer: answer}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: p}} //nolint:gosec // loopback
	server.Start()
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// saying is code that returns data, or reverts with it.
func saying(data []byte, reverting bool) []byte {
	size := []byte{byte(len(data) >> 8), byte(len(data))}
	end := byte(0xf3)
	if reverting {
		end = 0xfd
	}
	// PUSH2 size PUSH2 13 PUSH0 CODECOPY PUSH2 size PUSH0 RETURN|REVERT data
	code := append([]byte{0x61}, size...)
	code = append(code, 0x61, 0, 13, 0x5f, 0x39, 0x61)
	code = append(append(code, size...), 0x5f, end)
	return append(code, data...)
}

func hex(text string) []byte { return common.FromHex(text) }

// relay passes a request on and returns the reply.
func relay(behind string, body []byte) []byte {
	reply, err := http.Post(behind, "application/json", bytes.NewReader(body)) //nolint:noctx // loopback
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer reply.Body.Close()
	all, err := io.ReadAll(reply.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return all
}
