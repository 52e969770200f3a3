package call_test

import (
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
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
	"github.com/crosschain-ops/reconcile/internal/safeservice/safeservicetest"
)

const (
	fuji    = "fuji"
	chainID = 43113
	origin  = uint32(7)
)

// keyOf makes the key of a name, the same in each run.
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

// environment has two owner keys, and Safes as given.
func environment(safes ...config.Safe) *config.Environment {
	env := &config.Environment{
		Name: "staging", Class: config.Testnet, Pins: map[string]string{}, Sender: "owner-0",
		Networks: []config.Network{{Name: fuji, ChainID: chainID, TxType: "auto", Confirmations: 1}},
		Safes:    safes,
	}
	for name, use := range map[string]string{"owner-0": "owner", "owner-1": "owner", "delegate": "owner", "bank": "bank", "validator": "signer"} {
		env.Keys = append(env.Keys, config.Key{Name: name, Holder: "hex", Region: "us-west-2", Use: use, Networks: []string{fuji}})
	}
	slices.SortFunc(env.Keys, func(a, b config.Key) int { return strings.Compare(a.Name, b.Name) })
	return env
}

// world is a chain with Safe's contracts, a service for it, and a Maker.
type world struct {
	t       *testing.T
	chain   chaintest.Backend
	network *chain.Network
	service *safeservicetest.Server
	book    *book
	maker   *call.Maker
	signed  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, chaintest.Geth)
}

func newWorldOn(t *testing.T, start chaintest.Starter) *world {
	t.Helper()
	code, err := contractstest.SafeGenesis()
	if err != nil {
		t.Fatal(err)
	}
	wealth := new(big.Int).Mul(big.NewInt(100), big.NewInt(1e18))
	alloc := map[common.Address]*big.Int{}
	for _, name := range []string{"owner-0", "owner-1", "deployer", "bank"} {
		alloc[addressOf(name)] = wealth
	}
	c, err := start(chaintest.Options{ChainID: chainID, Confirmations: 1, Code: code, Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w := &world{t: t, chain: c, service: safeservicetest.Start(chainID), book: &book{}}
	t.Cleanup(w.service.Close)
	w.network = w.open(chain.Options{})
	w.maker = &call.Maker{
		Networks: func(string) (*chain.Network, error) { return w.network, nil },
		Digest:   w.digest, Book: w.book, Desk: desk{w}, Timeout: 30 * time.Second,
	}
	return w
}

func (w *world) open(o chain.Options) *chain.Network {
	w.t.Helper()
	o.Backoff, o.Poll = time.Millisecond, 5*time.Millisecond
	declared, _ := environment().Network(fuji)
	n, err := chain.Open(declared, []string{w.chain.URL()}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(n.Close)
	return n
}

func (w *world) digest(_ context.Context, key config.Key, _ common.Address) (chain.SignDigest, error) {
	return func(_ context.Context, digest [32]byte) (signature [65]byte, err error) {
		w.signed++
		signed, err := crypto.Sign(digest[:], keyOf(key.Name))
		copy(signature[:], signed)
		return signature, err
	}, nil
}

// book keeps proposals in memory, and proves them as the real one does.
type book struct{ records []call.Record }

func (b *book) Records(_ context.Context, network string, at common.Address, from uint64) ([]call.Record, error) {
	var list []call.Record
	for _, r := range b.records {
		if r.Network == network && r.Safe == at.Hex() && r.Nonce >= from {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b call.Record) int { return int(a.Nonce) - int(b.Nonce) })
	return list, nil
}

func (b *book) Keep(_ context.Context, r call.Record) error {
	if _, _, _, err := r.Batch(); err != nil {
		return err
	}
	if !slices.ContainsFunc(b.records, func(have call.Record) bool { return have.Hash == r.Hash }) {
		b.records = append(b.records, r)
	}
	return nil
}

// desk speaks to the service of the test.
type desk struct{ w *world }

func (d desk) client() *safeservice.Client {
	c, err := safeservice.New(safeservice.Options{URL: d.w.service.URL})
	if err != nil {
		d.w.t.Fatal(err)
	}
	return c
}

func (d desk) NextNonce(ctx context.Context, s config.Safe, onChain uint64) (uint64, error) {
	return d.client().NextNonce(ctx, common.HexToAddress(s.Address), onChain)
}

func (d desk) Propose(ctx context.Context, s config.Safe, tx safe.Tx, hash common.Hash, by common.Address, signature []byte) error {
	return d.client().Propose(ctx, common.HexToAddress(s.Address), tx, hash, by, signature)
}

// hyperlane is a deployment whose routing ISM has an owner.
func (w *world) hyperlane(owner common.Address) contractstest.Addresses {
	w.t.Helper()
	at, err := contractstest.Hyperlane(w.t.Context(), w.chain.Client(), keyOf("deployer"), contractstest.Options{
		Domain: chainID, RoutingOwner: owner,
		Origins: []contractstest.Origin{{Domain: origin, Validators: []common.Address{addressOf("old")}, Threshold: 1}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

// safe makes a Safe of owner-0, owner-1 and a stranger, of whom two must sign.
func (w *world) safe(change func(*config.Safe)) config.Safe {
	w.t.Helper()
	at, err := contractstest.Safe(w.t.Context(), w.chain.Client(), keyOf("deployer"),
		[]common.Address{addressOf("owner-0"), addressOf("owner-1"), addressOf("stranger")}, 2, 7)
	if err != nil {
		w.t.Fatal(err)
	}
	s := config.Safe{Name: "governance", Network: fuji, Address: at.Hex(), Managed: true, Threshold: 2}
	if change != nil {
		change(&s)
	}
	return s
}

func serviced(w *world) func(*config.Safe) {
	return func(s *config.Safe) {
		s.Service, s.Delegate = w.service.URL, "delegate"
		w.service.Delegates(common.HexToAddress(s.Address), addressOf("delegate"))
	}
}

// set is the call that repoints an origin, and make the ISM that it goes to.
func repoint(at contractstest.Addresses, to common.Address) evm.Call {
	return evm.MustMethod("set(uint32,address)").Call(at.RoutingISM, origin, to)
}

func (w *world) build(at contractstest.Addresses, names ...string) call.Make {
	w.t.Helper()
	var members []common.Address
	for _, name := range names {
		members = append(members, addressOf(name))
	}
	slices.SortFunc(members, common.Address.Cmp)
	factory := at.StaticMessageIDMultisigISMFactory
	there, err := contractstest.Read(w.t.Context(), w.chain.Client(), factory, "getAddress(address[],uint8)(address)", members, uint8(2))
	if err != nil {
		w.t.Fatal(err)
	}
	return call.Make{Call: evm.MustMethod("deploy(address[],uint8)").Call(factory, members, uint8(2)), Address: there[0].(common.Address), Gas: 400_000}
}

func ismID(name string) resource.ID {
	return resource.ID{Kind: "validator-set", Scope: fuji, Name: name}
}

// facts are what a resource's kind would tell: its owner and what gas costs.
func (w *world) facts(env *config.Environment, id resource.ID, owner common.Address) []resource.Fact {
	w.t.Helper()
	var facts []resource.Fact
	err := w.network.Look(w.t.Context(), func(ctx context.Context, l *chain.Look) error {
		owners, err := call.Known(env, fuji, lookup).Resolve(ctx, l, []common.Address{owner})
		if err != nil {
			return err
		}
		account, err := l.Account(ctx, addressOf("owner-0"))
		facts = append(call.Fees(id, account.Fees.PerGas(), account.Fees.L1), resource.Fact{ID: id, Name: call.FactOwner, Value: owners[owner].String()})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return facts
}

// safeFacts are what the kind of the Safe would tell.
func (w *world) safeFacts(s config.Safe, held ...string) []resource.Fact {
	w.t.Helper()
	id := call.SafeID(fuji, s.Name)
	var keys []call.HeldKey
	for _, name := range held {
		keys = append(keys, call.HeldKey{Key: name, Address: addressOf(name)})
	}
	facts := []resource.Fact{call.HeldFact(id, keys), {ID: id, Name: call.FactThreshold, Value: "2"}}
	if s.Delegate != "" {
		facts = append(facts, resource.Fact{ID: id, Name: call.FactDelegate, Value: call.HeldKey{Key: s.Delegate, Address: addressOf(s.Delegate)}.String()})
	}
	records, err := w.book.Records(w.t.Context(), fuji, common.HexToAddress(s.Address), w.nonceOf(s))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range records {
		fact, err := call.ProposalFact(id, call.Proposed{Hash: common.HexToHash(r.Hash), Nonce: r.Nonce, Calls: r.Calls})
		if err != nil {
			w.t.Fatal(err)
		}
		facts = append(facts, fact)
	}
	return facts
}

func (w *world) read(to common.Address, method string, args ...any) any {
	w.t.Helper()
	values, err := contractstest.Read(w.t.Context(), w.chain.Client(), to, method, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return values[0]
}

func (w *world) nonceOf(s config.Safe) uint64 {
	return w.read(common.HexToAddress(s.Address), "nonce()(uint256)").(*big.Int).Uint64()
}

func (w *world) ism(at contractstest.Addresses) common.Address {
	return w.read(at.RoutingISM, "module(uint32)(address)", origin).(common.Address)
}

// resolved is a step with its refs filled in, as apply hands it over.
func resolved(env *config.Environment, step resource.Step) kind.Resolved {
	return kind.Resolved{Step: step, Environment: env, Intent: "intent"}
}

// do performs a step whole.
func (w *world) do(env *config.Environment, step resource.Step) resource.Outputs {
	w.t.Helper()
	r := resolved(env, step)
	prepared, err := w.maker.Prepare(w.t.Context(), r)
	if err != nil {
		w.t.Fatalf("prepare %s: %v", step.Op, err)
	}
	if prepared.IsNothing() {
		return nil
	}
	outputs, err := w.maker.Do(w.t.Context(), r, prepared)
	if err != nil {
		w.t.Fatalf("do %s: %v", step.Op, err)
	}
	return outputs
}

func plan(t *testing.T, job call.Job, facts []resource.Fact, need ...string) []resource.Step {
	t.Helper()
	steps, err := call.Steps(job, facts)
	if err != nil {
		t.Fatal(err)
	}
	ops := []string{}
	for _, s := range steps {
		ops = append(ops, s.Op)
	}
	if !slices.Equal(ops, need) {
		t.Fatalf("steps %v, need %v", ops, need)
	}
	return steps
}

// refused wants an error that proves that nothing happened, in these words.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	var not *kind.NotAcceptedError
	if !errors.As(err, &not) {
		t.Errorf("%v, want a refusal", err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q lacks %q", err, word)
		}
	}
}

// joined fills in what the plan joins of the steps of one batch.
func joined(steps ...resource.Step) {
	var all []any
	for _, s := range steps {
		if s.Batch != "" {
			all = append(all, s.Params[resource.CallsParam].([]any)...)
		}
	}
	for _, s := range steps {
		if s.Batch != "" {
			s.Params[resource.BatchParam] = all
		}
	}
}
