package call_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// counter counts how often it was called, so that a second effect shows; every EVM
// runs it.
var counter = common.HexToAddress("0x000000000000000000000000000000000000c047")

const counterCode = "0x60005460010160005500"

// pit is an anvil that makes blocks only when it is told to, behind a wire that can
// be tampered with, and one step of owner-0.
type pit struct {
	*world
	anvil *chaintest.Anvil
	wire  *tampered
	env   *config.Environment
	r     kind.Resolved
	// making is held while blocks are made or unmade.
	making sync.Mutex
	// base is the base fee that blocks are to have; 0: as it comes.
	base uint64
}

func newPit(t *testing.T, hardfork string, confirmations uint64) *pit {
	t.Helper()
	binary, err := chaintest.AnvilBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := chaintest.StartAnvil(ctx, chaintest.AnvilOptions{Binary: binary, ChainID: chainID, Hardfork: hardfork})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	p := &pit{anvil: a, wire: &tampered{}, env: environment()}
	p.env.Networks[0].Confirmations = confirmations
	p.world = &world{t: t, book: &book{}}
	p.maker = &call.Maker{
		Networks: func(string) (*chain.Network, error) { return p.network, nil },
		Digest:   p.digest, Book: p.book, Timeout: 30 * time.Second,
	}
	p.tell("evm_setAutomine", false)
	p.tell("anvil_setCode", counter, counterCode)
	if err := a.Fund(ctx, addressOf("owner-0"), big.NewInt(1e18)); err != nil {
		t.Fatal(err)
	}
	p.network = p.open(chain.Options{Stuck: time.Nanosecond, StuckBlocks: 2, Transport: p.wire}, a.URL())
	id := ismID("counter")
	job := call.Job{ID: id, Terms: terms(p.env), Calls: []evm.Call{{To: counter, Data: []byte("+one")}}, Op: "set", Gas: 200_000}
	p.r = resolved(p.env, plan(t, job, p.facts(p.env, id, addressOf("owner-0")), "set")[0])
	return p
}

func (p *pit) open(o chain.Options, endpoints ...string) *chain.Network {
	p.t.Helper()
	o.Backoff, o.Poll = time.Millisecond, 5*time.Millisecond
	n, err := chain.Open(p.env.Networks[0], endpoints, o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(n.Close)
	return n
}

func (p *pit) tell(method string, args ...any) {
	p.t.Helper()
	if err := p.anvil.Client().CallContext(context.Background(), nil, method, args...); err != nil {
		p.t.Errorf("%s: %v", method, err)
	}
}

func (p *pit) mine(blocks int) {
	p.making.Lock()
	defer p.making.Unlock()
	for range blocks {
		if p.base > 0 {
			_ = p.anvil.Client().CallContext(context.Background(), nil, "anvil_setNextBlockBaseFeePerGas", hexutil.Uint64(p.base))
		}
		_ = p.anvil.Mine(context.Background(), 1)
	}
}

// run makes blocks until the test ends.
func (p *pit) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
			p.mine(1)
		}
	}()
	p.t.Cleanup(func() { cancel(); <-done })
}

func (p *pit) prepare() kind.Prepared {
	p.t.Helper()
	prepared, err := p.maker.Prepare(p.t.Context(), p.r)
	if err != nil {
		p.t.Fatal(err)
	}
	return prepared
}

// do does what was prepared and says how that ended.
func (p *pit) do(prepared kind.Prepared, want string) error {
	p.t.Helper()
	_, err := p.maker.Do(p.t.Context(), p.r, prepared)
	var not *kind.NotAcceptedError
	var stuck *kind.StuckError
	end := "unknown"
	switch {
	case err == nil:
		end = "done"
	case errors.As(err, &not):
		end = "refused"
	case errors.As(err, &stuck):
		end = "stuck"
	}
	if end != want {
		p.t.Fatalf("it ended as %s, want %s: %v", end, want, err)
	}
	return err
}

func (p *pit) probe(want kind.Happened, all ...kind.Prepared) {
	p.t.Helper()
	happened, _, err := p.maker.Probe(p.t.Context(), p.r, all)
	if happened != want || err != nil && want != kind.Unknown {
		p.t.Fatalf("probe says %s, want %s: %v", happened, want, err)
	}
}

// notYet: it did not happen, and may: whether a node still holds it is its own affair.
func (p *pit) notYet(all ...kind.Prepared) {
	p.t.Helper()
	if happened, outputs, err := p.maker.Probe(p.t.Context(), p.r, all); happened == kind.Yes {
		p.t.Fatalf("probe says %s: %v, %v", happened, outputs, err)
	}
}

// effects is how often the step had its effect, so far.
func (p *pit) effects(want int64) {
	p.t.Helper()
	var word common.Hash
	if err := p.anvil.Client().CallContext(p.t.Context(), &word, "eth_getStorageAt", counter, common.Hash{}, "latest"); err != nil {
		p.t.Fatal(err)
	}
	if have := word.Big().Int64(); have != want {
		p.t.Fatalf("the step had its effect %d times, want %d", have, want)
	}
}

// somebody sends another transaction with the key of owner-0, at a nonce.
func (p *pit) somebody(nonce uint64, gwei int64) {
	p.t.Helper()
	to := addressOf("nobody")
	price := new(big.Int).Mul(big.NewInt(gwei), big.NewInt(1e9))
	tx, err := types.SignNewTx(keyOf("owner-0"), types.LatestSignerForChainID(big.NewInt(chainID)), &types.LegacyTx{Nonce: nonce, To: &to, Value: big.NewInt(1), Gas: 21_000, GasPrice: price})
	if err != nil {
		p.t.Error(err)
		return
	}
	data, err := tx.MarshalBinary()
	if err != nil {
		p.t.Error(err)
	}
	p.tell("eth_sendRawTransaction", hexutil.Bytes(data))
}

// resend gives the node bytes that it may have seen, as a peer could at any time.
func (p *pit) resend(prepared ...kind.Prepared) {
	for _, one := range prepared {
		var record struct{ Raw hexutil.Bytes }
		if err := json.Unmarshal(one, &record); err != nil {
			p.t.Fatal(err)
		}
		_ = p.anvil.Client().CallContext(context.Background(), nil, "eth_sendRawTransaction", record.Raw) // refused, or not: what counts is the effect
	}
	p.mine(3)
}

func hashIn(t *testing.T, prepared kind.Prepared) common.Hash {
	t.Helper()
	var record struct{ Hash common.Hash }
	if err := json.Unmarshal(prepared, &record); err != nil {
		t.Fatal(err)
	}
	return record.Hash
}

// tampered is a way to a node on which somebody sits.
type tampered struct {
	mu sync.Mutex
	// sent is called once, when a transaction was given to the node.
	sent func()
	// change may change the answer to one call; nil leaves all as they are.
	change func(method string, answer map[string]json.RawMessage)
	// cut takes the last answer of every batch away.
	cut bool
}

func (w *tampered) set(change func(string, map[string]json.RawMessage), cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.change, w.cut = change, cut
}

// RoundTrip passes a request on and changes the reply.
func (w *tampered) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	reply, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	sent, change, cut := w.sent, w.change, w.cut
	if bytes.Contains(body, []byte("eth_sendRawTransaction")) {
		w.sent = nil
	} else {
		sent = nil
	}
	w.mu.Unlock()
	if sent != nil {
		sent()
	}
	if text, err = bent(body, text, change, cut); err != nil {
		return nil, err
	}
	reply.Body, reply.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	reply.Header.Del("Content-Length")
	return reply, nil
}

func bent(body, text []byte, change func(string, map[string]json.RawMessage), cut bool) ([]byte, error) {
	var asked []struct {
		ID     json.RawMessage
		Method string
	}
	var answers []map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(body, &asked), json.Unmarshal(text, &answers)); err != nil || change == nil && !cut {
		return text, nil //nolint:nilerr // what is no batch is passed on
	}
	for _, a := range asked {
		for _, answer := range answers {
			if change != nil && bytes.Equal(a.ID, answer["id"]) {
				change(a.Method, answer)
			}
		}
	}
	if cut {
		answers = answers[:len(answers)-1]
	}
	return json.Marshal(answers)
}

// saying answers one method with one result.
func saying(method, result string) func(string, map[string]json.RawMessage) {
	return func(asked string, answer map[string]json.RawMessage) {
		if asked == method {
			delete(answer, "error")
			answer["result"] = json.RawMessage(result)
		}
	}
}

// beside is a second endpoint of the node, on which somebody sits.
func (p *pit) beside(wire http.RoundTripper) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, p.anvil.URL(), r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		out.Header.Set("Content-Type", "application/json")
		reply, err := wire.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, reply.Body)
	}))
	p.t.Cleanup(server.Close)
	return server.URL
}
