package chain_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
)

func TestHostileAnswersAreErrorsAndNeverPanics(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("f", 10<<20)
	for name, answers := range map[string]map[string]string{
		"a chain id that is a number":         with(honest(), "eth_chainId", `43113`),
		"a chain id of a thousand digits":     with(honest(), "eth_chainId", `"0x`+long[:1000]+`"`),
		"no chain id":                         with(honest(), "eth_chainId", `null`),
		"a block that is null":                with(honest(), "eth_getBlockByNumber", `null`),
		"a block that is a list":              with(honest(), "eth_getBlockByNumber", `[1]`),
		"a block without a hash":              with(honest(), "eth_getBlockByNumber", `{"number":"0x1","timestamp":"0x1"}`),
		"a block of a negative number":        with(honest(), "eth_getBlockByNumber", `{"number":"-0x1","hash":"0x01","timestamp":"0x1"}`),
		"a balance that is an object":         with(honest(), "eth_getBalance", `{"wei":"1"}`),
		"a balance that is null":              with(honest(), "eth_getBalance", `null`),
		"a balance of 257 bits":               with(honest(), "eth_getBalance", `"0x1`+strings.Repeat("0", 64)+`"`),
		"a negative balance":                  with(honest(), "eth_getBalance", `"-0x1"`),
		"a balance in decimals":               with(honest(), "eth_getBalance", `"1000"`),
		"a balance of 10 MB":                  with(honest(), "eth_getBalance", `"0x`+long+`"`),
		"a nonce of 65 bits":                  with(honest(), "eth_getTransactionCount", `"0x1`+strings.Repeat("0", 16)+`"`),
		"a tip of 2^255":                      with(honest(), "eth_maxPriorityFeePerGas", `"0x8`+strings.Repeat("0", 63)+`"`),
		"a tip that is a word":                with(honest(), "eth_maxPriorityFeePerGas", `"much"`),
		"a transfer of no gas":                with(honest(), "eth_estimateGas", `"0x0"`),
		"a transfer of all the gas there is":  with(honest(), "eth_estimateGas", `"0xffffffffffffffff"`),
		"code that is no code":                with(honest(), "eth_getCode", `"0xzz"`),
		"code of an odd length":               with(honest(), "eth_getCode", `"0x123"`),
		"a base fee of 2^255":                 with(honest(), "eth_getBlockByNumber", `{"number":"0x1","hash":"`+common.Hash{1}.Hex()+`","timestamp":"0x1","baseFeePerGas":"0x8`+strings.Repeat("0", 63)+`"}`),
		"an error in place of every answer":   {},
		"an answer that nests without an end": with(honest(), "eth_chainId", strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := tap(t, "", rewrite(answers))
			floor := coins(100)
			_, err := open(t, declared(), server.url).Survey(t.Context(), bankQuery(chain.Wallet{Address: alice, Floor: floor}))
			var ours *chain.Error
			if !errors.As(err, &ours) || ours.Network != "fuji" {
				t.Fatalf("%v, want an error of the endpoint", err)
			}
			if len(err.Error()) > 600 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestTheHonestAnswersOfTheseTestsAreFine(t *testing.T) {
	t.Parallel()
	server := tap(t, "", rewrite(honest()))
	survey, err := open(t, declared(), server.url).Survey(t.Context(), bankQuery(chain.Wallet{Address: alice, Floor: coins(100)}))
	if err != nil || survey.Balances[alice].Cmp(ether) != 0 || survey.Bank.Gas != 21_000 {
		t.Fatal(survey, err)
	}
}

func TestRepliesThatAreNoBatchAreErrors(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]string{
		"nothing":                  ``,
		"a web page":               `<html>welcome</html>`,
		"an empty list":            `[]`,
		"one answer":               `{"jsonrpc":"2.0","id":1,"result":"0xa869"}`,
		"one error":                `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"batch too large"}}`,
		"nulls":                    `[null,null,null]`,
		"answers to somebody else": `[{"jsonrpc":"2.0","id":"x","result":"0x1"},{"jsonrpc":"2.0","id":{},"result":"0x1"}]`,
		"half a list":              `[{"jsonrpc":"2.0","id":1,"result":"0xa869"`,
		"numbers":                  `[1,2,3]`,
		"a very long list":         `[` + strings.Repeat("null,", 4<<20) + `null]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := tap(t, "", func(w http.ResponseWriter, _ []byte) bool {
				_, _ = io.WriteString(w, reply)
				return true
			})
			_, err := open(t, declared(), server.url).Survey(t.Context(), bankQuery())
			if err == nil || len(err.Error()) > 600 {
				t.Fatal(err)
			}
		})
	}
}

func TestAShortBatchLeavesNothingUnansweredUnnoticed(t *testing.T) {
	t.Parallel()
	c := geth(t, chainOptions())
	network := declared()
	network.BatchSize = 2000 // geth answers 1,000 and says so without an error of the batch
	list, _ := wallets(1200)
	_, err := open(t, network, c.URL()).Survey(t.Context(), bankQuery(list...))
	if err == nil || !strings.Contains(err.Error(), "batch too large") {
		t.Fatalf("%v, want geth's own words", err)
	}
}

func TestAReplyWithoutEndIsCutAtItsBound(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `["`)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("a", 1<<16)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	o := quick()
	o.MaxReply = 1 << 20
	client, err := chain.Open(declared(), []string{server.URL}, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.Survey(t.Context(), chain.Query{}); err == nil || !strings.Contains(err.Error(), "the reply is too long") {
		t.Fatal(err)
	}
}

func TestAnEndpointThatNeverAnswersIsLeftAtItsDeadline(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// Only a server that has read the request sees the client leave.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	o := quick()
	o.CallTimeout = 20 * time.Millisecond
	client, err := chain.Open(declared(), []string{server.URL}, o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Survey(t.Context(), chain.Query{})
	if err == nil || !strings.Contains(err.Error(), "no answer in time") || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if client.Requests() != 1 {
		t.Errorf("%d requests, want 1: a deadline was patience enough", client.Requests())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = client.Survey(ctx, chain.Query{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestNoPartOfAnEndpointButItsHostIsEverPrinted(t *testing.T) {
	t.Parallel()
	const token = "s3cr3t-t0k3n-0123456789"
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A server that quotes what it was asked, token and all.
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no access for `+r.URL.String()+`"}}`)
	}))
	t.Cleanup(echo.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/"+token, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(moved.Close)
	for _, server := range []*httptest.Server{echo, closed, moved} {
		for _, form := range []string{"/v3/" + token, "/?key=" + token, "/a/" + token + "/?x=" + token} {
			client := open(t, declared(), strings.Replace(server.URL, "http://", "http://user:"+token+"@", 1)+form)
			_, err := client.Survey(t.Context(), bankQuery())
			if err == nil || strings.Contains(err.Error(), token) {
				t.Errorf("%v", err)
			}
			if err != nil && !strings.Contains(err.Error(), strings.TrimPrefix(server.URL, "http://")) {
				t.Errorf("%v: does not name the host", err)
			}
		}
	}
	for _, bad := range []string{"wss://host.example/" + token, "::" + token, token, "http://host.example:x/" + token} {
		if _, err := chain.Open(declared(), []string{bad}, quick()); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%v", err)
		}
	}
}

func TestOpenNeedsAnEndpointAndAChainID(t *testing.T) {
	t.Parallel()
	if _, err := chain.Open(declared(), nil, chain.Options{}); err == nil {
		t.Error("opened without an endpoint")
	}
	network := declared()
	network.ChainID = 0
	if _, err := chain.Open(network, []string{"http://127.0.0.1:1"}, chain.Options{}); err == nil {
		t.Error("opened without a chain id")
	}
}
