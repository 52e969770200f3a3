package chain_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// say answers every request with the same bytes.
type say string

// RoundTrip answers without a network.
func (s say) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(string(s))),
	}, nil
}

func FuzzNoReplyMakesAReadPanicOrItsErrorUnprintable(f *testing.F) {
	for _, seed := range []string{
		``, `[]`, `{}`, `null`, `[null]`, `[{}]`, `[{"jsonrpc":"2.0","id":1,"result":"0xa869"}]`,
		`[{"jsonrpc":"2.0","id":1,"error":null}]`, `[{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}]`,
		`[{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"","data":[1]}}]`,
		`[{"id":1,"result":{}},{"id":2,"result":[]},{"id":3,"result":1e999}]`, `{"jsonrpc":"2.0","method":"x","params":[]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		o := quick()
		o.Transport, o.Rounds = say(reply), 1
		n, err := chain.Open(declared(), []string{"http://node.example"}, o)
		if err != nil {
			t.Fatal(err)
		}
		_, surveyed := n.Survey(t.Context(), bankQuery(chain.Wallet{Address: alice}))
		_, _, fated := n.Fate(t.Context(), alice, 0, common.Hash{})
		_, looked := asked(t, n, evm.AskCode(alice))
		for _, err := range []error{surveyed, fated, looked, n.Send(t.Context(), []byte(reply))} {
			if err != nil && (len(err.Error()) > 600 || strings.ContainsFunc(err.Error(), unicode.IsControl)) {
				t.Fatalf("%q became the error %q", reply, err)
			}
		}
	})
}

func FuzzNoBytesMakeAReaderOfTransactionsPanic(f *testing.F) {
	zero, err := chainZero().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(zero)
	f.Add(signed(f, plain()).Raw)
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if from, tx, hash, err := chain.ReadTransaction(raw); err == nil && (tx.ChainID == 0 || from == common.Address{} || hash == common.Hash{} || tx.Fees.PerGas() == nil) {
			t.Fatalf("read %+v from %s", tx, from)
		}
		if from, tx, _, err := chain.ReadTransfer(raw); err == nil && (tx.ChainID == 0 || from == common.Address{}) {
			t.Fatalf("read %+v from %s", tx, from)
		}
	})
}
