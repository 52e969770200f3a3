package safeservice_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
)

const plain = `{"safe":"0x5a00000000000000000000000000000000000001","to":"0x1500000000000000000000000000000000000000","value":"7","data":"0x0102","operation":0,
"gasToken":"0x0000000000000000000000000000000000000000","safeTxGas":0,"baseGas":"0","gasPrice":"0","refundReceiver":null,"nonce":"3",
"safeTxHash":"0x0000000000000000000000000000000000000000000000000000000000000001","proposer":null,"isExecuted":false,"confirmations":[]}`

// answering makes the service say one thing.
func answering(t testing.TB, text string) *safeservice.Client {
	t.Helper()
	server, c, _ := start(t)
	server.Answer(func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, text); return true })
	return c
}

func TestAReplyThatDoesNotReadIsNoQueue(t *testing.T) {
	t.Parallel()
	list := func(one string) string { return `{"next":null,"results":[` + one + `]}` }
	if all, err := answering(t, list(plain)).Pending(t.Context(), account, 0); err != nil || len(all) != 1 || all[0].Tx.Nonce != 3 || all[0].Tx.Value.Int64() != 7 {
		t.Fatalf("%+v, %v", all, err)
	}
	with := func(old, fresh string) string {
		if !strings.Contains(plain, old) {
			t.Fatalf("%q is not there", old)
		}
		return list(strings.Replace(plain, old, fresh, 1))
	}
	many := strings.Repeat(`{"owner":"0x1500000000000000000000000000000000000000","signature":null},`, 201)
	for name, c := range map[string]struct{ reply, want string }{
		"nothing":             {"", "no list of transactions"},
		"null":                {"null", "it has no results"},
		"another list":        {`{"results":null}`, "it has no results"},
		"a page":              {"<html>", "no list of transactions"},
		"another's Safe":      {with("5a00000000000000000000000000000000000001", "5a00000000000000000000000000000000000002"), "safe: it is of"},
		"no Safe":             {with(`"safe":`, `"x":`), "safe: "},
		"no target":           {with(`"to":`, `"x":`), "to: "},
		"checksum":            {with(`"0x1500000000000000000000000000000000000000"`, `"0x5450447aeE7B544c462C9352bEF7cAD049B0C2DC"`), "wrong checksum"},
		"no value":            {with(`"value":`, `"x":`), "value: it is missing"},
		"negative value":      {with(`"7"`, `"-7"`), "is no amount"},
		"fraction":            {with(`"7"`, `7.5`), "is no amount"},
		"exponent":            {with(`"7"`, `7e3`), "is no amount"},
		"hex":                 {with(`"7"`, `"0x7"`), "is no amount"},
		"leading zero":        {with(`"7"`, `"07"`), "is no amount"},
		"beyond 256 bits":     {with(`"7"`, `"`+strings.Repeat("9", 78)+`"`), "is no amount"},
		"long":                {with(`"7"`, `"`+strings.Repeat("9", 900)+`"`), "is no amount"},
		"null value":          {with(`"7"`, `null`), "is no amount"},
		"no nonce":            {with(`"nonce":`, `"x":`), "nonce: it is missing"},
		"nonce of 64 bits":    {with(`"3"`, `"9223372036854775808"`), "nonce: it is missing or too large"},
		"no gas":              {with(`"safeTxGas":`, `"x":`), "safeTxGas: it is missing"},
		"no operation":        {with(`"operation":`, `"x":`), "operation: it is missing"},
		"operation 256":       {with(`"operation":0`, `"operation":256`), "no list of transactions"},
		"operation -1":        {with(`"operation":0`, `"operation":-1`), "no list of transactions"},
		"odd data":            {with(`0x0102`, `0x01021`), "data: "},
		"data without 0x":     {with(`0x0102`, `0102`), "data: "},
		"short hash":          {with(`"safeTxHash":"0x00`, `"safeTxHash":"0x`), "safeTxHash: "},
		"confirmation":        {with(`[]`, `[{"owner":"x"}]`), "owner of a confirmation"},
		"signature":           {with(`[]`, `[{"owner":"0x1500000000000000000000000000000000000000","signature":"0xzz"}]`), "signature of a confirmation"},
		"confirmations":       {with(`[]`, `[`+many[:len(many)-1]+`]`), "there are 201"},
		"elsewhere":           {`{"next":"https://evil.example/?offset=20","results":[]}`, "its next page is elsewhere"},
		"no offset":           {`{"next":"/?limit=5","results":[]}`, "has no offset"},
		"offset is huge":      {`{"next":"/?offset=99999999999","results":[]}`, "has no offset"},
		"in circles":          {`{"next":"/?offset=20","results":[]}`, "its next page begins at 20, and this one at 20"},
		"too much":            {list(plain) + strings.Repeat(" ", 1<<20), "longer than 1048576 bytes"},
		"attacker's own text": {with(`"7"`, "\"\\u001b[2J\""), `"\x1b[2J" is no amount`},
	} {
		all, err := answering(t, c.reply).Pending(t.Context(), account, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "safe service 127.0.0.1:") {
			t.Errorf("%s: %+v, %v; need %q", name, all, err, c.want)
		}
	}
}

func TestASmallBombCountsInFull(t *testing.T) {
	t.Parallel()
	server, c, _ := start(t)
	server.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, strings.Repeat(" ", 8<<20))
		_ = z.Close()
		return true
	})
	if _, err := c.Pending(t.Context(), account, 0); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

func TestAQueueFarAheadOfTheChainIsNotBelieved(t *testing.T) {
	t.Parallel()
	far := strings.Replace(plain, `"nonce":"3"`, `"nonce":"9223372036854775807"`, 1)
	c := answering(t, `{"next":null,"results":[`+far+`]}`)
	if n, err := c.NextNonce(t.Context(), account, 3); err == nil || !strings.Contains(err.Error(), "holds nonce 9223372036854775807 and the chain is at 3") {
		t.Errorf("%d, %v", n, err)
	}
	// What is below is the past, and executed ones are not asked for.
	c = answering(t, `{"next":null,"results":[`+plain+`,`+strings.Replace(strings.Replace(plain, `"3"`, `"90"`, 1), "false", "true", 1)+`]}`)
	if n, err := c.NextNonce(t.Context(), account, 10); err != nil || n != 10 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAnEndOfTheCallersOwnIsToldAsSuch(t *testing.T) {
	t.Parallel()
	server, _, _ := start(t)
	server.Busy(429, 429)
	ctx, cancel := context.WithCancel(t.Context())
	c, err := safeservice.New(safeservice.Options{URL: server.URL, Jitter: func() float64 { cancel(); return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pending(ctx, account, 0); !errors.Is(err, context.Canceled) || server.Requests() != 1 {
		t.Errorf("%v after %d requests", err, server.Requests())
	}
}

func TestAConfirmationCountsOnlyIfItRecoversToItsOwner(t *testing.T) {
	t.Parallel()
	key, owner := person(t, 1)
	_, other := person(t, 2)
	hash := common.Hash{7}
	good := signed(t, key, hash)
	wrapped := signed(t, key, common.Hash(accounts.TextHash(hash[:])))
	wrapped[64] += 4
	bad := append([]byte(nil), good...)
	bad[64] = 1
	for name, c := range map[string]struct {
		c    safeservice.Confirmation
		want bool
	}{
		"plain":     {safeservice.Confirmation{Owner: owner, Signature: good}, true},
		"eth_sign":  {safeservice.Confirmation{Owner: owner, Signature: wrapped}, true},
		"another's": {safeservice.Confirmation{Owner: other, Signature: good}, false},
		"approved":  {safeservice.Confirmation{Owner: owner, Signature: bad}, false},
		"empty":     {safeservice.Confirmation{Owner: owner}, false},
		"zero":      {safeservice.Confirmation{Signature: append(make([]byte, 64), 27)}, false},
	} {
		if have := c.c.By(hash); have != c.want {
			t.Errorf("%s: %v", name, have)
		}
	}
}

func FuzzPendingNeverTrustsAReply(f *testing.F) {
	f.Add([]byte(`{"next":null,"results":[` + plain + `]}`))
	f.Add([]byte(`{"next":"/?offset=20","results":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := safeservice.New(safeservice.Options{URL: "https://safe.example", Transport: fixed(data), Sleep: (&naps{}).sleep})
		if err != nil {
			t.Fatal(err)
		}
		all, err := c.Pending(t.Context(), account, 2)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
				t.Fatalf("%q prints control bytes", err)
			}
			return
		}
		for i, p := range all {
			if _, err := safe.HashesOf(chainID, account, p.Tx); err != nil || p.Tx.Nonce < 2 || i > 0 && p.Tx.Nonce < all[i-1].Tx.Nonce {
				t.Fatalf("%+v: %v", p, err)
			}
		}
		if _, err := json.Marshal(all); err != nil {
			t.Fatal(err)
		}
	})
}

// fixed answers every request with the same bytes.
type fixed []byte

// RoundTrip makes no connection.
func (f fixed) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(f)))}, nil
}
