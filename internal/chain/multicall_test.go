package chain_test

import (
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
)

// holds compares a survey with what wallets gave out.
func holds(t *testing.T, s chain.Survey, list []chain.Wallet) {
	t.Helper()
	for i, w := range list {
		if got := s.Balances[w.Address]; got == nil || got.Cmp(big.NewInt(int64(10+i))) != 0 {
			t.Fatalf("%s holds %v, want %d", w.Address, got, 10+i)
		}
	}
}

func TestAThousandBalancesTakeTwoRequestsWhereMulticall3Stands(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(1000)
	c := geth(t, chaintest.Options{Alloc: alloc})
	for n, want := range map[int]int{100: 3, 101: 2, 1000: 2} {
		proxy := tap(t, c.URL(), nil)
		survey, err := open(t, declared(), proxy.url).Survey(t.Context(), bankQuery(append(list[:n:n], list[0])...))
		if err != nil {
			t.Fatal(err)
		}
		holds(t, survey, list[:n])
		if len(survey.Balances) != n {
			t.Errorf("%d balances, want %d", len(survey.Balances), n)
		}
		if requests, _ := proxy.count(); requests > want {
			t.Errorf("%d addresses: %d requests, want %d", n, requests, want)
		}
	}
	a, b := tap(t, c.URL(), nil), tap(t, c.URL(), nil)
	survey, err := openAgreeing(t, a.url, b.url).Survey(t.Context(), bankQuery(list...))
	if err != nil {
		t.Fatal(err)
	}
	holds(t, survey, list)
	for _, w := range []*wire{a, b} {
		if requests, _ := w.count(); requests > 5 {
			t.Errorf("two hosts that agree: %d requests to one, want at most 5", requests)
		}
	}
}

// What stands at the address may be anything: only the published code is asked.
func TestAnotherContractInMulticall3sPlaceIsAskedNothing(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(150)
	// It answers everything with one word.
	c := geth(t, chaintest.Options{Alloc: alloc, Code: map[common.Address][]byte{chaintest.Multicall3: common.FromHex("0x602060005260206000f3")}})
	proxy := tap(t, c.URL(), func(_ http.ResponseWriter, body []byte) bool {
		if strings.Contains(string(body), "eth_call") {
			t.Error("it was called")
		}
		return false
	})
	survey, err := open(t, declared(), proxy.url).Survey(t.Context(), bankQuery(list...))
	if err != nil {
		t.Fatal(err)
	}
	holds(t, survey, list)
	if requests, _ := proxy.count(); requests != 3 {
		t.Errorf("%d requests, want 3", requests)
	}
	survey, err = openAgreeing(t, c.URL(), tap(t, c.URL(), nil).url).Survey(t.Context(), bankQuery(list...))
	if err != nil {
		t.Fatal(err)
	}
	holds(t, survey, list)
}

// piece is one call of a batch, or its answer.
type piece struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method,omitempty"`
	Params []json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage   `json:"result,omitempty"`
	Error  json.RawMessage   `json:"error,omitempty"`
}

// twisting passes requests on, and lets what comes back of calls be changed.
func twisting(t *testing.T, behind string, twist func(*piece)) *wire {
	return tap(t, behind, func(w http.ResponseWriter, body []byte) bool {
		var asked, answered []piece
		if !strings.Contains(string(body), "eth_call") || json.Unmarshal(body, &asked) != nil {
			return false
		}
		reply, err := http.Post(behind, "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Error(err)
			return false
		}
		defer func() { _ = reply.Body.Close() }()
		text, _ := io.ReadAll(reply.Body)
		if err := json.Unmarshal(text, &answered); err != nil {
			t.Error(err)
		}
		for i := range answered {
			if asked[i].Method == "eth_call" {
				twist(&answered[i])
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "[")
		for i := range answered {
			data := map[string]json.RawMessage{"jsonrpc": json.RawMessage(`"2.0"`), "id": answered[i].ID}
			if answered[i].Error != nil {
				data["error"] = answered[i].Error
			} else {
				data["result"] = answered[i].Result
			}
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_ = json.NewEncoder(w).Encode(data)
		}
		_, _ = io.WriteString(w, "]")
		return true
	})
}

func TestAnEndpointThatRefusesLargeCallsIsAskedOneByOne(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(250)
	c := geth(t, chaintest.Options{Alloc: alloc})
	for _, refusal := range []string{`{"code":-32000,"message":"out of gas"}`, `{"code":3,"message":"execution reverted"}`, `{"code":-32005,"message":"call too large"}`} {
		proxy := twisting(t, c.URL(), func(e *piece) { e.Error = json.RawMessage(refusal) })
		survey, err := open(t, declared(), proxy.url).Survey(t.Context(), bankQuery(list...))
		if err != nil {
			t.Fatalf("%s: %v", refusal, err)
		}
		holds(t, survey, list)
		survey, err = openAgreeing(t, proxy.url, tap(t, c.URL(), nil).url).Survey(t.Context(), bankQuery(list...))
		if err != nil {
			t.Fatalf("%s, with two hosts: %v", refusal, err)
		}
		holds(t, survey, list)
	}
}

func TestAListOfBalancesOfAnotherShapeIsNotBelieved(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(150)
	c := geth(t, chaintest.Options{Alloc: alloc})
	word := func(n int64) string { return common.BigToHash(big.NewInt(n)).Hex()[2:] }
	// many are 150 answers that are alike, each of four words.
	many := func(words ...int64) string {
		text := "0x" + word(32) + word(150)
		for i := range int64(150) {
			text += word(150*32 + i*4*32)
		}
		for range 150 {
			for _, n := range words {
				text += word(n)
			}
		}
		return text
	}
	for name, result := range map[string]string{
		"calls that failed":     many(0, 64, 32, 7),
		"balances of no bytes":  many(1, 64, 0, 7),
		"balances of 31 bytes":  many(1, 64, 31, 0),
		"nothing":               "0x",
		"no balances":           "0x" + word(32) + word(0),
		"one balance":           "0x" + word(32) + word(1) + word(32) + word(1) + word(64) + word(32) + word(7),
		"a length without end":  "0x" + word(32) + word(1<<62),
		"an offset without end": "0x" + word(1<<62) + word(150),
		"zeros":                 "0x" + strings.Repeat("0", 64*1000),
		"megabytes":             "0x" + strings.Repeat("0", 4<<20),
	} {
		proxy := twisting(t, c.URL(), func(e *piece) { e.Result = json.RawMessage(`"` + result + `"`) })
		if survey, err := open(t, declared(), proxy.url).Survey(t.Context(), bankQuery(list...)); err == nil {
			holds(t, survey, list)
			t.Errorf("%s: believed", name)
		}
		// Another endpoint is there, and tells the truth.
		survey, err := open(t, declared(), proxy.url, c.URL()).Survey(t.Context(), bankQuery(list...))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		holds(t, survey, list)
	}
}

// Of two hosts that differ about many balances each is asked about every one,
// so that the wallet is named.
func TestALiarAboutOneOfManyBalancesIsNamedWithTheWallet(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(150)
	c := geth(t, chaintest.Options{Alloc: alloc})
	true77 := strings.ToLower(common.BigToHash(big.NewInt(10 + 77)).Hex()[2:])
	forged := strings.Replace(true77, "00000057", "7fffff57", 1)
	liar := tap(t, c.URL(), nil)
	liar.answer = func(w http.ResponseWriter, body []byte) bool {
		reply, err := http.Post(c.URL(), "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Error(err)
			return false
		}
		defer func() { _ = reply.Body.Close() }()
		text, _ := io.ReadAll(reply.Body)
		said := strings.ReplaceAll(string(text), true77, forged)
		said = strings.ReplaceAll(said, `"result":"0x57"`, `"result":"0x7fffff57"`)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, said)
		return true
	}
	_, err := openAgreeing(t, liar.url, tap(t, c.URL(), nil).url).Survey(t.Context(), bankQuery(list...))
	if err == nil || !strings.Contains(err.Error(), "balance of "+list[77].Address.Hex()) {
		t.Errorf("got %v", err)
	}
}
