package safeservice_test

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
	"github.com/crosschain-ops/reconcile/internal/safeservice/safeservicetest"
)

const (
	chainID = 43113
	secret  = "sk-0123456789abcdef"
)

var (
	account   = common.HexToAddress("0x5a00000000000000000000000000000000000001")
	multiSend = common.HexToAddress("0x9641d764fc13c8B624c04430C7356C1C7C8102e2")
)

func person(t testing.TB, n byte) (*ecdsa.PrivateKey, common.Address) {
	t.Helper()
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte{n}))
	if err != nil {
		t.Fatal(err)
	}
	return key, crypto.PubkeyToAddress(key.PublicKey)
}

func signed(t testing.TB, key *ecdsa.PrivateKey, hash common.Hash) []byte {
	t.Helper()
	signature, err := crypto.Sign(hash[:], key)
	if err != nil {
		t.Fatal(err)
	}
	signature[64] += 27
	return signature
}

// naps records how long a client would have slept.
type naps struct{ all []time.Duration }

func (n *naps) sleep(_ context.Context, d time.Duration) error {
	n.all = append(n.all, d)
	return nil
}

func start(t testing.TB) (*safeservicetest.Server, *safeservice.Client, *naps) {
	t.Helper()
	server := safeservicetest.Start(chainID)
	t.Cleanup(server.Close)
	n := &naps{}
	return server, client(t, server.URL, secret, n), n
}

func client(t testing.TB, url, key string, n *naps) *safeservice.Client {
	t.Helper()
	c, err := safeservice.New(safeservice.Options{URL: url, Key: key, Sleep: n.sleep, Jitter: func() float64 { return 0.5 }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func calls(n int) []evm.Call {
	var all []evm.Call
	for i := range n {
		all = append(all, evm.MustMethod("set(uint32,address)").Call(common.Address{0x15}, uint32(i), common.Address{1}))
	}
	return all
}

func made(t testing.TB, calls []evm.Call, nonce uint64) (safe.Tx, common.Hash) {
	t.Helper()
	tx, err := safe.Batch(multiSend, calls, nonce)
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := safe.HashesOf(chainID, account, tx)
	if err != nil {
		t.Fatal(err)
	}
	return tx, hashes.SafeTx
}

func TestAProposalIsFoundAgainAndRecognised(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"second version": false, "first version": true} {
		server, c, _ := start(t)
		if old {
			server.Old()
		}
		server.Require(secret)
		key, delegate := person(t, 1)
		ownerKey, owner := person(t, 2)
		server.Delegates(account, delegate)
		server.Owners(account, owner)
		for n := range 3 {
			ours := calls(n + 1)
			ours[0].Value = new(big.Int).Lsh(big.NewInt(1), 200)
			tx, hash := made(t, ours, uint64(5+n))
			if err := c.Propose(t.Context(), account, tx, hash, delegate, signed(t, key, hash)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// The same again is no other proposal, and no error.
			if err := c.Propose(t.Context(), account, tx, hash, delegate, signed(t, key, hash)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			server.Confirm(hash, owner, signed(t, ownerKey, hash))
			pending, err := c.Pending(t.Context(), account, uint64(5+n))
			if err != nil || len(pending) != 1 {
				t.Fatalf("%s: %v, %v", name, pending, err)
			}
			p := pending[0]
			if err := safe.Recognise(chainID, account, multiSend, ours, p.Tx); err != nil || p.SafeTxHash != hash || p.Proposer != delegate || p.Tx.Nonce != uint64(5+n) {
				t.Errorf("%s: %+v: %v", name, p, err)
			}
			if len(p.Confirmations) != 1 || p.Confirmations[0].Owner != owner || !p.Confirmations[0].By(hash) || p.Confirmations[0].By(common.Hash{1}) {
				t.Errorf("%s: %+v", name, p.Confirmations)
			}
		}
		if next, err := c.NextNonce(t.Context(), account, 5); err != nil || next != 8 {
			t.Errorf("%s: next nonce %d, %v", name, next, err)
		}
		_, last := made(t, withValue(calls(3)), 7)
		if !server.Execute(last) {
			t.Fatalf("%s: nothing to execute", name)
		}
		if next, err := c.NextNonce(t.Context(), account, 5); err != nil || next != 7 {
			t.Errorf("%s: next nonce %d, %v", name, next, err)
		}
		if next, err := c.NextNonce(t.Context(), account, 9); err != nil || next != 9 {
			t.Errorf("%s: next nonce %d, %v", name, next, err)
		}
	}
}

func withValue(all []evm.Call) []evm.Call {
	all[0].Value = new(big.Int).Lsh(big.NewInt(1), 200)
	return all
}

func TestLookAlikesAreListedAndNotRecognised(t *testing.T) {
	t.Parallel()
	want := map[safeservicetest.Spoof]string{
		safeservicetest.SpoofDelegatecall: "operation is 1 (delegatecall) to 0x", safeservicetest.SpoofRefund: "refund fields are set: gasPrice 1",
		safeservicetest.SpoofMore: "it has one more call: to " + account.Hex(), safeservicetest.SpoofHash: "is not ours: ",
	}
	for _, how := range safeservicetest.Spoofs() {
		for _, n := range []int{1, 3} {
			server, c, _ := start(t)
			tx, hash := made(t, calls(n), 4)
			e, err := server.Spoof(how, account, multiSend, tx)
			if err != nil {
				t.Fatal(err)
			}
			if (e.Hash == hash) != (how == safeservicetest.SpoofHash) {
				t.Errorf("%s: hash %s, the real one is %s", how, e.Hash, hash)
			}
			pending, err := c.Pending(t.Context(), account, 0)
			if err != nil || len(pending) != 1 {
				t.Fatalf("%s: %v, %v", how, pending, err)
			}
			err = safe.Recognise(chainID, account, multiSend, calls(n), pending[0].Tx)
			if err == nil || !strings.Contains(err.Error(), want[how]) {
				t.Errorf("%s of %d: %v, need %q", how, n, err, want[how])
			}
		}
	}
}

func TestALongQueueIsReadPageByPageAndNeverInPart(t *testing.T) {
	t.Parallel()
	server, c, _ := start(t)
	server.Pages(7)
	for n := range 50 {
		tx, hash := made(t, calls(1), uint64(49-n))
		server.Add(safeservicetest.Entry{Safe: account, Tx: tx, Hash: hash, Executed: n == 3})
	}
	server.Add(safeservicetest.Entry{Safe: common.Address{9}, Hash: common.Hash{1}})
	pending, err := c.Pending(t.Context(), account, 10)
	if err != nil || len(pending) != 39 || server.Requests() != 6 {
		t.Fatalf("%d pending in %d requests, %v", len(pending), server.Requests(), err)
	}
	for i, p := range pending[:30] {
		if p.Tx.Nonce != uint64(10+i) {
			t.Errorf("%d has nonce %d", i, p.Tx.Nonce)
		}
	}
	server.Pages(1)
	for n := range 20 {
		tx, hash := made(t, calls(2), uint64(100+n))
		server.Add(safeservicetest.Entry{Safe: account, Tx: tx, Hash: hash})
	}
	if pending, err := c.Pending(t.Context(), account, 0); err == nil || !strings.Contains(err.Error(), "more than 50 pages") {
		t.Errorf("%d pending, %v", len(pending), err)
	}
}

func TestThrottledRequestsAreRepeatedAFewTimes(t *testing.T) {
	t.Parallel()
	key, delegate := person(t, 1)
	tx, hash := made(t, calls(1), 0)
	for name, c := range map[string]struct {
		busy            []int
		reads, proposes bool
		slept           int
	}{
		"never":            {nil, true, true, 0},
		"three times":      {[]int{429, 429, 429}, true, true, 3},
		"for good":         {[]int{429, 429, 429, 429}, false, false, 3},
		"a gateway":        {[]int{502, 503, 504}, true, false, 3},
		"a fault":          {[]int{500}, false, false, 0},
		"a word of no":     {[]int{403}, false, false, 0},
		"gateway for good": {[]int{502, 502, 502, 502}, false, false, 3},
	} {
		server, cl, n := start(t)
		server.Busy(c.busy...)
		if _, err := cl.Pending(t.Context(), account, 0); (err == nil) != c.reads || len(n.all) != c.slept {
			t.Errorf("%s: read: %v after %v", name, err, n.all)
		}
		for i, d := range n.all {
			if d != time.Second<<i {
				t.Errorf("%s: slept %v", name, n.all)
			}
		}
		server, cl, _ = start(t)
		server.Delegates(account, delegate)
		server.Busy(c.busy...)
		if err := cl.Propose(t.Context(), account, tx, hash, delegate, signed(t, key, hash)); (err == nil) != c.proposes || (err == nil) != (len(server.Entries(account)) == 1) {
			t.Errorf("%s: propose: %v", name, err)
		}
	}
	server, cl, n := start(t)
	first := true
	server.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		if !first {
			return false
		}
		first = false
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	if _, err := cl.Pending(t.Context(), account, 0); err != nil || len(n.all) != 1 || n.all[0] != 10*time.Second {
		t.Errorf("%v after %v", err, n.all)
	}
}

func TestWhatTheRealServiceRefusesIsNotPosted(t *testing.T) {
	t.Parallel()
	server, c, _ := start(t)
	key, delegate := person(t, 1)
	_, other := person(t, 2)
	server.Delegates(account, delegate)
	tx, hash := made(t, calls(1), 0)
	good := signed(t, key, hash)
	for name, try := range map[string]func() error{
		"another's signature": func() error { return c.Propose(t.Context(), account, tx, hash, other, good) },
		"another's hash":      func() error { return c.Propose(t.Context(), account, tx, common.Hash{1}, delegate, good) },
		"another Safe":        func() error { return c.Propose(t.Context(), other, tx, hash, delegate, good) },
		"no signature":        func() error { return c.Propose(t.Context(), account, tx, hash, delegate, nil) },
		"another transaction": func() error {
			changed := tx
			changed.Nonce = 9
			return c.Propose(t.Context(), account, changed, hash, delegate, good)
		},
	} {
		if err := try(); err == nil {
			t.Errorf("%s is posted", name)
		}
	}
	var failed *safeservice.StatusError
	// A signature that is not the sender's does not even go out.
	if server.Requests() != 2 {
		t.Errorf("%d requests, need 2", server.Requests())
	}
	if err := c.Propose(t.Context(), other, tx, hash, delegate, good); !errors.As(err, &failed) || failed.Status != 422 {
		t.Errorf("%v", err)
	}
	if len(server.Entries(account)) != 0 {
		t.Error("something is there")
	}
}

func TestTheURLIsTakenAsRegistriesWriteIt(t *testing.T) {
	t.Parallel()
	server, _, n := start(t)
	for _, end := range []string{"", "/", "/txs/", "/txs", "/api", "/api/", "/api/v1", "/api/v2/"} {
		if _, err := client(t, server.URL+end, "", n).Pending(t.Context(), account, 0); err != nil {
			t.Errorf("%q: %v", end, err)
		}
	}
	for text, want := range map[string]string{
		"":                            "is no URL",
		"safe.example":                "is no URL",
		"http://safe.example":         "must be https",
		"http://127.0.0.1.example":    "must be https",
		"ftp://127.0.0.1":             "must be https",
		"https://" + secret + "@x":    "must have no user",
		"https://x/?key=" + secret:    "must have no user",
		"https://x/#" + secret:        "must have no user",
		"https://x/" + secret + "%zz": "is no URL",
	} {
		_, err := safeservice.New(safeservice.Options{URL: text})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v, need %q", text, err, want)
		}
	}
	for _, good := range []string{"https://safe.example/tx-service/eth", "http://localhost:1", "http://[::1]:1/txs/"} {
		if _, err := safeservice.New(safeservice.Options{URL: good}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestTheKeyIsInNoErrorAndLeavesTheHostNever(t *testing.T) {
	t.Parallel()
	if _, err := safeservice.New(safeservice.Options{URL: "https://x", Key: secret + "\r\nX: y"}); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
	reached := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached++
		_, _ = io.WriteString(w, `{"next":null,"results":[]}`)
	}))
	t.Cleanup(elsewhere.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, r.Header.Get("Authorization")+"\x1b[2J")
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"next page": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"next":"%s/?offset=20&%s","results":[]}`, elsewhere.URL, r.Header.Get("Authorization")[7:])
		},
		"hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no JSON": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"next":1,"results":"`+r.Header.Get("Authorization"))
		},
	} {
		server, c, _ := start(t)
		server.Answer(func(w http.ResponseWriter, r *http.Request) bool { answer(w, r); return true })
		_, err := c.Pending(t.Context(), account, 0)
		if err == nil || strings.Contains(err.Error(), secret) || strings.ContainsRune(err.Error(), 0x1b) || !strings.Contains(err.Error(), account.Hex()) {
			t.Errorf("%s: %v", name, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", c, c, *c); strings.Contains(text, secret) {
			t.Errorf("a client prints its key: %s", text)
		}
	}
	if reached != 0 {
		t.Errorf("%d requests went elsewhere", reached)
	}
	if _, err := client(t, gone.URL+"/"+secret, "another", &naps{}).Pending(t.Context(), account, 0); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}
