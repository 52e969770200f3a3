package multisigsafe_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/multisigsafe"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
)

const (
	fuji    = "fuji"
	chainID = 43113
)

func keyOf(name string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("test key " + name)))
	if err != nil {
		panic(err)
	}
	return key
}

func addressOf(name string) common.Address { return crypto.PubkeyToAddress(keyOf(name).PublicKey) }

func lookup(ref resource.Ref) (string, bool) {
	return addressOf(ref.ID.Name).Hex(), ref.Output == "address" && ref.ID.Name != "unborn"
}

// world is a geth chain with a Safe 1.4.1 of alice, bob and carol, two of whom
// must sign; the environment holds the keys of alice and bob.
type world struct {
	t       *testing.T
	chain   *chaintest.Chain
	network *chain.Network
	at      common.Address
	book    *book
	queue   *queue
	kind    kind.Kind
}

func newWorld(t *testing.T) *world {
	t.Helper()
	code, err := contractstest.SafeGenesis()
	if err != nil {
		t.Fatal(err)
	}
	// One that is nearly Safe's, and one that says another version.
	singleton := code[contractstest.SafeSingleton]
	code[addressOf("nearly")] = append(slices.Clone(singleton), 0)
	code[addressOf("old")] = bytes.Replace(singleton, []byte("1.4.1"), []byte("1.1.1"), 1)
	code[addressOf("pretender")] = common.FromHex("363d3d373d3d3d363d73" + contractstest.SafeSingleton.Hex()[2:] + "5af43d82803e903d91602b57fd5bf3")
	wealth := new(big.Int).Mul(big.NewInt(100), big.NewInt(1e18))
	c, err := chaintest.Start(chaintest.Options{ChainID: chainID, Confirmations: 1, Code: code, Alloc: map[common.Address]*big.Int{addressOf("deployer"): wealth, addressOf("alice"): wealth}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w := &world{t: t, chain: c, book: &book{}, queue: &queue{}}
	w.at, err = contractstest.Safe(t.Context(), c.Client(), keyOf("deployer"), addresses("alice", "bob", "carol"), 2, 7)
	if err != nil {
		t.Fatal(err)
	}
	w.network, err = chain.Open(config.Network{Name: fuji, ChainID: chainID, TxType: "auto", Confirmations: 1}, []string{c.URL()},
		chain.Options{Backoff: time.Millisecond, Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.network.Close)
	networks := func(string) (*chain.Network, error) { return w.network, nil }
	w.kind, err = multisigsafe.New(multisigsafe.Options{
		Networks: networks, Queue: w.queue,
		Calls: &call.Maker{Networks: networks, Digest: digest, Book: w.book, Timeout: 20 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func addresses(names ...string) []common.Address {
	var list []common.Address
	for _, name := range names {
		list = append(list, addressOf(name))
	}
	return list
}

func digest(_ context.Context, key config.Key, _ common.Address) (chain.SignDigest, error) {
	return func(_ context.Context, digest [32]byte) (signature [65]byte, err error) {
		signed, err := crypto.Sign(digest[:], keyOf(key.Name))
		copy(signature[:], signed)
		return signature, err
	}, nil
}

// environment declares the Safe as it is; change makes it otherwise.
func (w *world) environment(change func(*config.Safe)) *config.Environment {
	s := config.Safe{
		Name: "governance", Network: fuji, Address: w.at.Hex(), Managed: true, Threshold: 2,
		Owners: []config.Party{{Key: "alice"}, {Key: "bob"}, {Address: addressOf("carol").Hex()}},
	}
	if change != nil {
		change(&s)
	}
	env := &config.Environment{
		Name: "staging", Class: config.Testnet, Addresses: "observed", Pins: map[string]string{}, Sender: "alice",
		Networks: []config.Network{{Name: fuji, ChainID: chainID, TxType: "auto", Confirmations: 1}},
		Safes:    []config.Safe{s},
	}
	for _, name := range []string{"alice", "bob", "dave", "unborn"} {
		env.Keys = append(env.Keys, config.Key{Name: name, Holder: "hex", Region: "us-west-2", Use: "owner", Networks: []string{fuji}})
	}
	return env
}

// other makes a Safe with another singleton.
func (w *world) other(singleton common.Address) common.Address {
	w.t.Helper()
	receipt, err := contractstest.Send(w.t.Context(), w.chain.Client(), keyOf("deployer"), evm.MustMethod("createProxyWithNonce(address,bytes,uint256)").
		Call(contractstest.SafeProxyFactory, singleton, setup(common.Address{}).Data, big.NewInt(9)))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, log := range receipt.Logs {
		if log.Address == contractstest.SafeProxyFactory {
			return common.BytesToAddress(log.Topics[1][:])
		}
	}
	w.t.Fatal("no proxy")
	return common.Address{}
}

func setup(at common.Address) evm.Call {
	return evm.MustMethod("setup(address[],uint256,address,bytes,address,address,uint256,address)").Call(at,
		addresses("alice", "bob", "carol"), big.NewInt(2), common.Address{}, []byte{}, contractstest.SafeFallbackHandler, common.Address{}, new(big.Int), common.Address{})
}

// by has the Safe make a call, signed by alice and carol, behind our back.
func (w *world) by(c evm.Call) {
	w.t.Helper()
	if _, err := contractstest.ExecuteSafe(w.t.Context(), w.chain.Client(), keyOf("deployer"), w.at, contractstest.SafeTransaction{Call: c}, keyOf("alice"), keyOf("carol")); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) itself(method string, args ...any) evm.Call {
	return evm.MustMethod(method).Call(w.at, args...)
}

func (w *world) observe(env *config.Environment) kind.Seen {
	w.t.Helper()
	seen := w.kind.Observe(w.t.Context(), env, lookup)
	for _, u := range seen.Unread {
		w.t.Fatalf("unread: %+v", u)
	}
	return seen
}

func (w *world) declared(env *config.Environment) []resource.Resource {
	w.t.Helper()
	list, err := w.kind.Declare(env)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range list {
		list[i].Attrs, _ = list[i].Attrs.Resolve(lookup)
	}
	return list
}

func (w *world) findings(env *config.Environment) []resource.Finding {
	w.t.Helper()
	seen := w.observe(env)
	found, err := w.kind.Check(w.declared(env), seen.Owned, seen.Facts)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// rules are findings in short: "refuse unlisted-module".
func rules(found []resource.Finding) []string {
	list := []string{}
	for _, f := range found {
		list = append(list, string(f.Severity)+" "+f.Rule)
	}
	slices.Sort(list)
	return list
}

func (w *world) wants(env *config.Environment, need []string, words ...string) {
	w.t.Helper()
	found := w.findings(env)
	if have := rules(found); !slices.Equal(have, need) {
		w.t.Errorf("findings %v, want %v", have, need)
	}
	var all []string
	for _, f := range found {
		all = append(all, f.Reason)
	}
	text := strings.Join(all, "\n")
	for _, word := range words {
		if !strings.Contains(text, word) {
			w.t.Errorf("%q lacks %q", text, word)
		}
	}
}

// steps plans the Safe from what it is to what is declared.
func (w *world) steps(env *config.Environment) ([]resource.Step, error) {
	w.t.Helper()
	seen := w.observe(env)
	want := w.declared(env)
	return w.kind.Steps(&seen.Owned[0], &want[0], seen.Facts)
}

func (w *world) run(env *config.Environment, steps []resource.Step) error {
	w.t.Helper()
	for _, step := range steps {
		if step.Batch != "" {
			step.Params[resource.BatchParam] = step.Params[resource.CallsParam]
		}
		r := kind.Resolved{Step: step, Environment: env, Intent: "intent"}
		prepared, err := w.kind.Prepare(w.t.Context(), r)
		if err != nil {
			return err
		}
		if _, err := w.kind.Do(w.t.Context(), r, prepared); err != nil {
			return err
		}
	}
	return nil
}

// satisfied compares as the plan does.
func (w *world) satisfied(env *config.Environment) bool {
	w.t.Helper()
	want, have := w.declared(env)[0].Attrs, w.observe(env).Owned[0].Attrs
	return w.kind.Traits.Satisfies("owners", want, have) && same(want["threshold"], have["threshold"])
}

func same(a, b any) bool {
	x, errX := resource.Canonical(a)
	y, errY := resource.Canonical(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// book keeps proposals in memory.
type book struct{ records []call.Record }

func (b *book) Records(_ context.Context, _ string, _ common.Address, from uint64) ([]call.Record, error) {
	return slices.DeleteFunc(slices.Clone(b.records), func(r call.Record) bool { return r.Nonce < from }), nil
}

func (b *book) Keep(_ context.Context, r call.Record) error {
	b.records = append(b.records, r)
	return nil
}

// queue is what a service says.
type queue struct {
	list   []safeservice.Proposal
	broken bool
}

func (q *queue) Pending(context.Context, config.Safe, uint64) ([]safeservice.Proposal, error) {
	if q.broken {
		return nil, errors.New("safe service: 503")
	}
	return q.list, nil
}
