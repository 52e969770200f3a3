package chain_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

const chainID = 43113

var (
	ether = big.NewInt(1e18)
	alice = common.HexToAddress("0x00000000000000000000000000000000000a11ce")
)

func keyOf(name string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("test key " + name)))
	if err != nil {
		panic(err)
	}
	return key
}

func addressOf(name string) common.Address { return crypto.PubkeyToAddress(keyOf(name).PublicKey) }

func coins(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), ether) }

func declared() config.Network {
	return config.Network{Name: "fuji", ChainID: chainID, TxType: "auto", Confirmations: 2}
}

// quick keeps pauses short; no test waits for a clock.
func quick() chain.Options {
	return chain.Options{Backoff: time.Millisecond, Poll: 2 * time.Millisecond}
}

func geth(t testing.TB, o chaintest.Options) *chaintest.Chain {
	t.Helper()
	if o.ChainID == 0 {
		o.ChainID = chainID
	}
	if o.Alloc == nil {
		o.Alloc = map[common.Address]*big.Int{addressOf("bank"): coins(100)}
	}
	c, err := chaintest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func open(t testing.TB, network config.Network, endpoints ...string) *chain.Network {
	t.Helper()
	n, err := chain.Open(network, endpoints, quick())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func bankQuery(wallets ...chain.Wallet) chain.Query {
	bank := addressOf("bank")
	return chain.Query{Bank: &bank, Wallets: wallets}
}

func bankSigner(t testing.TB) *chain.TransferSigner {
	t.Helper()
	s, err := chain.NewTransferSigner(addressOf("bank"), sign(keyOf("bank")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(key *ecdsa.PrivateKey) chain.SignDigest {
	return func(_ context.Context, digest [32]byte) (signature [65]byte, err error) {
		signed, err := crypto.Sign(digest[:], key)
		copy(signature[:], signed)
		return signature, err
	}
}

// transferOf is a transfer at the fees of now.
func transferOf(t testing.TB, n *chain.Network, nonce uint64, to common.Address, wei *big.Int) chain.Transfer {
	t.Helper()
	survey, err := n.Survey(t.Context(), bankQuery())
	if err != nil {
		t.Fatal(err)
	}
	return chain.Transfer{ChainID: chainID, To: to, Value: wei, Nonce: nonce, Gas: 21_000, Fees: survey.Bank.Fees}
}

func signed(t testing.TB, transfer chain.Transfer) chain.SignedTransfer {
	t.Helper()
	tx, err := bankSigner(t).Sign(t.Context(), transfer)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// wire stands between client and chain: it counts, and may answer by itself.
type wire struct {
	url, behind string
	mu          sync.Mutex
	requests    int
	longest     int
	answer      func(w http.ResponseWriter, body []byte) bool
}

// tap makes a wire. answer may be nil; it returns false to let a request pass.
func tap(t testing.TB, behind string, answer func(w http.ResponseWriter, body []byte) bool) *wire {
	t.Helper()
	p := &wire{behind: behind, answer: answer}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *wire) count() (requests, longest int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests, p.longest
}

// ServeHTTP counts a request and answers or passes it on.
func (p *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var elements []json.RawMessage
	_ = json.Unmarshal(body, &elements)
	p.mu.Lock()
	p.requests++
	p.longest = max(p.longest, len(elements))
	p.mu.Unlock()
	if p.answer != nil && p.answer(w, body) {
		return
	}
	reply, err := http.Post(p.behind, "application/json", bytes.NewReader(body)) //nolint:noctx // loopback
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer reply.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(reply.StatusCode)
	_, _ = io.Copy(w, reply.Body)
}

// rewrite answers each element of a batch by itself: results by method, as
// JSON; a method without one gets an error.
func rewrite(results map[string]string) func(http.ResponseWriter, []byte) bool {
	return func(w http.ResponseWriter, body []byte) bool {
		var elements []struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
		}
		if json.Unmarshal(body, &elements) != nil {
			return false
		}
		var out []string
		for _, e := range elements {
			result, known := results[e.Method]
			if !known {
				out = append(out, `{"jsonrpc":"2.0","id":`+string(e.ID)+`,"error":{"code":-32601,"message":"no such method"}}`)
				continue
			}
			out = append(out, `{"jsonrpc":"2.0","id":`+string(e.ID)+`,"result":`+result+`}`)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "["+strings.Join(out, ",")+"]")
		return true
	}
}

// honest are answers of a chain that is as declared.
func honest() map[string]string {
	return map[string]string{
		"eth_chainId": `"0xa869"`,
		"eth_getBlockByNumber": `{"number":"0x10","hash":"0x00000000000000000000000000000000000000000000000000000000000000aa",
			"timestamp":"0x6", "baseFeePerGas":"0x3b9aca00"}`,
		"eth_getTransactionCount":  `"0x0"`,
		"eth_maxPriorityFeePerGas": `"0x1"`,
		"eth_gasPrice":             `"0x3b9aca01"`,
		"eth_getBalance":           `"0xde0b6b3a7640000"`,
		"eth_estimateGas":          `"0x5208"`,
		"eth_getCode":              `"0x"`,
		"eth_blockNumber":          `"0x10"`,
	}
}

func with(answers map[string]string, method, result string) map[string]string {
	answers[method] = result
	return answers
}

func chainOptions() chaintest.Options { return chaintest.Options{} }
