package ism_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

const local = 43113

func signer(name string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("ism test key " + name)))
	if err != nil {
		panic(err)
	}
	return key
}

func signers(names ...string) []common.Address {
	var list []common.Address
	for _, name := range names {
		list = append(list, crypto.PubkeyToAddress(signer(name).PublicKey))
	}
	return list
}

// bridge is Hyperlane's own contracts on a chain in this process.
type bridge struct {
	t         *testing.T
	client    *ethclient.Client
	network   *chain.Network
	key       *ecdsa.PrivateKey
	at        contractstest.Addresses
	factories ism.Factories
	requests  int
}

func stand(t *testing.T, o contractstest.Options) *bridge {
	t.Helper()
	key := signer("deployer")
	c, err := chaintest.Start(chaintest.Options{ChainID: local, Alloc: map[common.Address]*big.Int{crypto.PubkeyToAddress(key.PublicKey): big.NewInt(1e18)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	b := &bridge{t: t, client: c.Client(), key: key}
	if b.network, err = chain.Open(config.Network{Name: "fuji", ChainID: local}, []string{c.URL()}, chain.Options{Backoff: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.network.Close)
	o.Domain = local
	if b.at, err = contractstest.Hyperlane(t.Context(), b.client, key, o); err != nil {
		t.Fatal(err)
	}
	for factory, address := range map[*ism.Factory]common.Address{
		&b.factories.MessageID: b.at.StaticMessageIDMultisigISMFactory, &b.factories.MerkleRoot: b.at.StaticMerkleRootMultisigISMFactory,
		&b.factories.Aggregation: b.at.StaticAggregationISMFactory,
	} {
		*factory = ism.Factory{Address: address, Implementation: b.read(address, "implementation()(address)").(common.Address)}
	}
	return b
}

func (b *bridge) read(to common.Address, method string, args ...any) any {
	b.t.Helper()
	values, err := contractstest.Read(b.t.Context(), b.client, to, method, args...)
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	return values[0]
}

func (b *bridge) send(call evm.Call) {
	b.t.Helper()
	if _, err := contractstest.Send(b.t.Context(), b.client, b.key, call); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bridge) deploy(name, types string, args ...any) common.Address {
	b.t.Helper()
	code, err := contractstest.Creation("hyperlane/" + name)
	if err == nil {
		code, err = contractstest.With(code, types, args...)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	at, err := contractstest.Deploy(b.t.Context(), b.client, b.key, code)
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}

func (b *bridge) code(at common.Address) []byte {
	b.t.Helper()
	code, err := b.client.CodeAt(b.t.Context(), at, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

func (b *bridge) look(origins ...uint32) map[uint32]ism.Path {
	b.t.Helper()
	var walk *ism.Walk
	before := b.network.Requests()
	err := b.network.Look(b.t.Context(), func(ctx context.Context, l *chain.Look) error {
		walk = ism.NewWalk(b.at.Mailbox, origins, b.factories)
		for questions := walk.Ask(); len(questions) > 0; questions = walk.Ask() {
			results, err := l.Ask(ctx, questions)
			if err == nil {
				err = walk.Answer(results)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.requests = b.network.Requests() - before
	return walk.Paths()
}

// repoint does what a plan says, and looks whether it came true.
func (b *bridge) repoint(origin uint32, want ism.Set) ism.Repoint {
	b.t.Helper()
	r, err := ism.Rebuild(b.look(origin)[origin], want, b.factories, func(at common.Address) bool { return len(b.code(at)) > 0 })
	if err != nil {
		b.t.Fatal(err)
	}
	for _, d := range r.Deploys {
		b.send(d.Call)
		if len(b.code(d.Address)) == 0 {
			b.t.Fatalf("there is nothing at the predicted %s", d.Address)
		}
	}
	b.send(r.Final)
	after := b.look(origin)[origin]
	wantSet(b.t, after, want)
	if odd := after.Unproven(); len(odd) > 0 {
		b.t.Errorf("%s is not proved", odd[0].Address)
	}
	return r
}

func TestThePredictedModulesAreWhereTheFactoriesMakeThem(t *testing.T) {
	t.Parallel()
	b := stand(t, contractstest.Options{})
	for name, f := range map[string]ism.Factory{"message id": b.factories.MessageID, "merkle root": b.factories.MerkleRoot, "aggregation": b.factories.Aggregation} {
		for n := 1; n <= 12; n += 3 {
			members, threshold := addrs(name, n), 1+n/2
			at := f.Predict(members, threshold)
			if have := b.read(f.Address, "getAddress(address[],uint8)(address)", members, uint8(threshold)); have != at {
				t.Errorf("%s, %d of %d: predicted %s, the factory says %s", name, threshold, n, at, have)
			}
			b.send(evm.MustMethod("deploy(address[],uint8)").Call(f.Address, members, uint8(threshold)))
			if !bytes.Equal(b.code(at), ism.Code(f.Implementation, members, threshold)) {
				t.Errorf("%s, %d of %d: its code is not the predicted one", name, threshold, n)
			}
		}
	}
}

func TestBothShapesOfRealContractsAreReadAndRepointed(t *testing.T) {
	t.Parallel()
	for _, shape := range []contractstest.Shape{contractstest.ShapeRouting, contractstest.ShapeAggregation} {
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()
			b := stand(t, contractstest.Options{Shape: shape, Origins: []contractstest.Origin{
				{Domain: 5, Validators: signers("a"), Threshold: 1},
				{Domain: 6, Validators: signers("b", "c", "d"), Threshold: 2, Type: contractstest.MerkleRoot},
				{Domain: 7, Validators: signers("e", "f", "g"), Threshold: 2, Type: contractstest.Either},
			}})
			owner := crypto.PubkeyToAddress(b.key.PublicKey)
			before := b.look(5, 6, 7, 8)
			wantSet(t, before[5], set(ism.MessageID, 1, signers("a")...))
			wantSet(t, before[6], set(ism.MerkleRoot, 2, signers("b", "c", "d")...))
			wantSet(t, before[7], set(ism.Either, 2, signers("e", "f", "g")...))
			if p := before[8]; !p.Absent || len(p.Problems) > 0 || *p.Owner != owner || *p.Trail[len(p.Trail)-1].Owner != owner {
				t.Errorf("an origin without a route: %+v", p)
			}
			if b.requests > 7 {
				t.Errorf("%d requests for four origins, need at most 7", b.requests)
			}
			for _, p := range before {
				if len(p.Unproven()) > 0 {
					t.Errorf("origin %d: %s is not proved", p.Origin, p.Unproven()[0].Address)
				}
			}
			three := signers("x", "y", "z")
			if r := b.repoint(5, set(ism.Either, 2, three...)); len(r.Deploys) != 3 || r.OwnedBy != ism.HeldByRouting || r.Owner != owner {
				t.Errorf("%+v", r)
			}
			b.repoint(8, set(ism.MessageID, 2, three...))
			if r := b.repoint(7, set(ism.Either, 2, three...)); len(r.Deploys) != 0 {
				t.Errorf("%d modules are deployed that exist", len(r.Deploys))
			}
			after := b.look(6)[6]
			wantSet(t, after, *before[6].Set)
		})
	}
}

func TestADefaultModuleWithoutRoutesIsReplacedAtTheMailbox(t *testing.T) {
	t.Parallel()
	b := stand(t, contractstest.Options{})
	storage := b.deployStorage()
	b.send(evm.MustMethod("setDefaultIsm(address)").Call(b.at.Mailbox, storage))
	want := set(ism.MessageID, 2, signers("x", "y", "z")...)
	r, err := ism.Rebuild(b.look(5)[5], want, b.factories, func(common.Address) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	b.send(r.Final)
	wantSet(t, b.look(5)[5], want)
	if r.OwnedBy != ism.HeldByStorage || len(r.Deploys) > 0 {
		t.Errorf("%+v", r)
	}
	if r := b.repoint(5, set(ism.Either, 1, signers("x")...)); r.OwnedBy != ism.HeldByMailbox || r.Owner != crypto.PubkeyToAddress(b.key.PublicKey) {
		t.Errorf("%+v", r)
	}
	// Now it stands below a switch, which stays when the set changes.
	both := []common.Address{b.at.PausableISM, b.read(b.at.Mailbox, "defaultIsm()(address)").(common.Address)}
	b.send(evm.MustMethod("deploy(address[],uint8)").Call(b.at.StaticAggregationISMFactory, both, uint8(2)))
	b.send(evm.MustMethod("setDefaultIsm(address)").Call(b.at.Mailbox, b.factories.Aggregation.Predict(both, 2)))
	if r := b.repoint(5, set(ism.Either, 2, signers("x", "y", "z")...)); len(r.Deploys) != 4 {
		t.Errorf("%d deploys", len(r.Deploys))
	}
	if p := b.look(5)[5]; !slices.ContainsFunc(p.Modules, func(n *ism.Node) bool { return n.Address == b.at.PausableISM }) {
		t.Error("the switch is gone")
	}
	noop := b.deploy("NoopIsm", "()")
	b.send(evm.MustMethod("setDefaultIsm(address)").Call(b.at.Mailbox, noop))
	wantProblem(t, b.look(5)[5], ism.RuleNoSet, noop, "no signature")
}

// deployStorage makes a module of one member that its owner, the deployer, can change.
func (b *bridge) deployStorage() common.Address {
	b.t.Helper()
	factory := b.deploy("StorageMessageIdMultisigIsmFactory", "()")
	receipt, err := contractstest.Send(b.t.Context(), b.client, b.key, evm.MustMethod("deploy(address[],uint8)").Call(factory, signers("a"), uint8(1)))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, log := range receipt.Logs {
		if log.Topics[0] == crypto.Keccak256Hash([]byte("ModuleDeployed(address)")) {
			return common.BytesToAddress(log.Data)
		}
	}
	b.t.Fatal("no event tells where the storage is")
	return common.Address{}
}

func TestARealModuleThatFallsBackIsNoCycle(t *testing.T) {
	t.Parallel()
	b := stand(t, contractstest.Options{Origins: []contractstest.Origin{{Domain: 5, Validators: signers("a"), Threshold: 1}}})
	fallback := b.deploy("DefaultFallbackRoutingIsm", "(address)", b.at.Mailbox)
	b.send(evm.MustMethod("initialize(address)").Call(fallback, crypto.PubkeyToAddress(b.key.PublicKey)))
	b.send(evm.MustMethod("set(uint32,address)").Call(fallback, uint32(5), b.at.OriginISMs[5]))
	b.send(evm.MustMethod("setDefaultIsm(address)").Call(b.at.Mailbox, fallback))
	paths := b.look(5, 6)
	wantSet(t, paths[5], set(ism.MessageID, 1, signers("a")...))
	if p := paths[6]; !p.Absent || len(p.Problems) > 0 {
		t.Errorf("%+v", p)
	}
	b.repoint(6, set(ism.Either, 2, signers("x", "y", "z")...))
}

func TestMessagesAreVerifiedBeforeAndAfterARepointByTheChainItself(t *testing.T) {
	t.Parallel()
	b := stand(t, contractstest.Options{Origins: []contractstest.Origin{{Domain: local, Validators: signers("a", "b", "c"), Threshold: 2}}})
	m, err := contractstest.Dispatch(t.Context(), b.client, b.key, b.at, local, b.at.TestRecipient, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	verified := func(names ...string) bool {
		var keys []*ecdsa.PrivateKey
		for _, name := range names {
			keys = append(keys, signer(name))
		}
		slices.SortFunc(keys, func(a, b *ecdsa.PrivateKey) int {
			return crypto.PubkeyToAddress(a.PublicKey).Cmp(crypto.PubkeyToAddress(b.PublicKey))
		})
		signatures, err := m.Checkpoint.Signatures(keys...)
		if err != nil {
			t.Fatal(err)
		}
		top := b.read(b.at.Mailbox, "defaultIsm()(address)").(common.Address)
		ok, _ := contractstest.Verify(t.Context(), b.client, top, m.Checkpoint.MessageIDMetadata(signatures), m.Bytes)
		return ok
	}
	both := func(when string, old, now bool) {
		t.Helper()
		if verified("a", "b") != old || verified("c", "d") != now {
			t.Errorf("%s: the old set's signatures are taken: %v, the new one's: %v", when, !old, !now)
		}
	}
	both("before", true, false)
	want := set(ism.MessageID, 2, signers("c", "d", "e")...)
	if q, ok := ism.SafeToRepoint(want, map[common.Address]bool{signers("c")[0]: true}); ok {
		t.Errorf("with one live signer: %+v", q)
	}
	r, err := ism.Rebuild(b.look(local)[local], want, b.factories, func(common.Address) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	b.send(r.Deploys[0].Call)
	both("deployed and not repointed", true, false)
	b.send(r.Final)
	both("after", false, true)
}
