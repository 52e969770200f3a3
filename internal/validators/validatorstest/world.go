// Package validatorstest is a small bridge for tests: Hyperlane's own contracts on
// chains in this process, validators that announce and sign into folders, and the
// environment that declares them.
package validatorstest

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Options of a world.
type Options struct {
	// Networks are their names; two where empty.
	Networks []string
	// Shape and Type of the first modules, which ask for 1 of validator-0.
	Shape contractstest.Shape
	Type  contractstest.Type
	// Owner owns mailboxes and modules; the key "owner" where zero.
	Owner common.Address
	// Strangers are origins besides the networks, which ask for the same.
	Strangers int
	// Start starts the chains; geth in this process where nil.
	Start chaintest.Starter
}

// World is the bridge. Fields may be changed between reads.
type World struct {
	T          testing.TB
	Env        *config.Environment
	Chains     map[string]chaintest.Backend
	Proxies    map[string]*Proxy
	Contracts  map[string]contractstest.Addresses
	Validators map[string]*attestationtest.Validator // by "origin/name"
	Reader     *attestation.Reader
	Maker      *call.Maker
	Book       *Book
	root       string
	networks   map[string]*chain.Network
}

// Key follows from a name.
func Key(name string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("reconcile bridge test key " + name)))
	if err != nil {
		panic(err)
	}
	return key
}

// Address of a named key.
func Address(name string) common.Address { return crypto.PubkeyToAddress(Key(name).PublicKey) }

// AttestationKey is the name of a validator's key.
func AttestationKey(name, origin string) string { return name + "-attestation-" + origin }

const firstDomain = 43113

// Start brings the world up: every network trusts every other one, by the word
// of validator-0 of it. Nothing is declared yet but networks, keys and contracts.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	if len(o.Networks) == 0 {
		o.Networks = []string{"fuji", "sepolia"}
	}
	if o.Owner == (common.Address{}) {
		o.Owner = Address("owner")
	}
	w := &World{
		T: t, root: t.TempDir(), Chains: map[string]chaintest.Backend{}, Proxies: map[string]*Proxy{}, Contracts: map[string]contractstest.Addresses{},
		Validators: map[string]*attestationtest.Validator{}, networks: map[string]*chain.Network{}, Book: &Book{},
		Env: &config.Environment{
			Name: "staging", Class: config.Testnet, Addresses: "observed", Pins: map[string]string{}, Sender: "owner", Floor: ism.DefaultFloor(),
			Keys:       []config.Key{{Name: "owner", Holder: "hex", Region: "us-west-2", Use: "owner"}},
			Deployment: &config.Deployment{ID: "test", Networks: map[string]map[string]config.Deployed{}},
		},
	}
	for i, name := range o.Networks {
		w.Env.Networks = append(w.Env.Networks, config.Network{
			Name: name, ChainID: uint64(firstDomain + i), DomainID: uint32(firstDomain + i), TxType: "auto", Confirmations: 1, State: config.Live,
		})
	}
	var wait sync.WaitGroup
	var mutex sync.Mutex
	for i, name := range o.Networks {
		wait.Go(func() { w.raise(&mutex, name, uint64(firstDomain+i), o) })
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	slices.SortFunc(w.Env.Networks, func(a, b config.Network) int { return strings.Compare(a.Name, b.Name) })
	var err error
	if w.Reader, err = attestation.NewReader(attestation.Options{Rules: attestation.Rules{FileRoot: w.root}}); err != nil {
		t.Fatal(err)
	}
	w.Maker = &call.Maker{Networks: w.Network, Digest: w.digest, Book: w.Book, Timeout: time.Minute}
	return w
}

// raise starts one network with its contracts.
func (w *World) raise(mutex *sync.Mutex, name string, id uint64, o Options) {
	rich := new(big.Int).Mul(big.NewInt(1000), big.NewInt(1e18))
	code, err := contractstest.SafeGenesis()
	if err != nil {
		w.T.Error(err)
		return
	}
	if o.Start == nil {
		o.Start = chaintest.Geth
	}
	c, err := o.Start(chaintest.Options{ChainID: id, Confirmations: 1, Code: code, Alloc: map[common.Address]*big.Int{
		Address("deployer"): rich, Address("owner"): rich, Address("announcer"): rich,
	}})
	if err != nil {
		w.T.Error(err)
		return
	}
	w.T.Cleanup(func() { _ = c.Close() })
	options := contractstest.Options{Domain: uint32(id), Owner: o.Owner, Shape: o.Shape}
	for _, n := range w.Env.Networks {
		if n.Name != name && !(o.Shape == contractstest.ShapeSingle && len(options.Origins) > 0) {
			options.Origins = append(options.Origins, contractstest.Origin{
				Domain: n.DomainID, Threshold: 1, Type: o.Type, Validators: []common.Address{Address(AttestationKey("validator-0", n.Name))},
			})
		}
	}
	for i := range o.Strangers {
		options.Origins = append(options.Origins, contractstest.Origin{
			Domain: uint32(900_000 + i), Threshold: 1, Type: o.Type, Validators: []common.Address{Address(fmt.Sprintf("stranger %d", i))},
		})
	}
	at, err := contractstest.Hyperlane(w.T.Context(), c.Client(), Key("deployer"), options)
	if err != nil {
		w.T.Error(err)
		return
	}
	contracts, err := deployed(w.T.Context(), c, at)
	if err != nil {
		w.T.Error(err)
		return
	}
	proxy := NewProxy(w.T, c.URL())
	mutex.Lock()
	defer mutex.Unlock()
	w.Chains[name], w.Contracts[name], w.Proxies[name], w.Env.Deployment.Networks[name] = c, at, proxy, contracts
	declared, _ := w.Env.Network(name)
	if w.networks[name], err = chain.Open(declared, []string{proxy.URL}, chain.Options{Backoff: time.Millisecond, Poll: 5 * time.Millisecond}); err != nil {
		w.T.Error(err)
		return
	}
	w.T.Cleanup(w.networks[name].Close)
}

func deployed(ctx context.Context, c chaintest.Backend, at contractstest.Addresses) (map[string]config.Deployed, error) {
	contracts := map[string]config.Deployed{
		config.RoleMailbox: {Address: at.Mailbox.Hex()}, config.RoleMerkleTreeHook: {Address: at.MerkleTreeHook.Hex()},
		config.RoleValidatorAnnounce: {Address: at.ValidatorAnnounce.Hex()},
	}
	for role, factory := range map[string]common.Address{
		config.RoleMessageIDFactory: at.StaticMessageIDMultisigISMFactory, config.RoleMerkleRootFactory: at.StaticMerkleRootMultisigISMFactory,
		config.RoleAggregationFactory: at.StaticAggregationISMFactory,
	} {
		values, err := contractstest.Read(ctx, c.Client(), factory, "implementation()(address)")
		if err != nil {
			return nil, err
		}
		contracts[role] = config.Deployed{Address: factory.Hex(), Implementation: values[0].(common.Address).Hex()}
	}
	return contracts, nil
}

// Network opens one of the world's networks.
func (w *World) Network(name string) (*chain.Network, error) {
	if n := w.networks[name]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("%s: no network of this name", name)
}

// Requests counts the HTTP requests to a network so far.
func (w *World) Requests(name string) int { return w.networks[name].Requests() }

// Lookup knows the address of every key.
func (w *World) Lookup(ref resource.Ref) (string, bool) {
	return Address(ref.ID.Name).Hex(), ref.Output == "address"
}

func (w *World) digest(_ context.Context, key config.Key, address common.Address) (chain.SignDigest, error) {
	if key.Use != "owner" || Address(key.Name) != address {
		return nil, fmt.Errorf("key %s signs nothing for %s", key.Name, address)
	}
	return func(_ context.Context, digest [32]byte) (signature [65]byte, err error) {
		signed, err := crypto.Sign(digest[:], Key(key.Name))
		copy(signature[:], signed)
		return signature, err
	}, nil
}

// Declare adds the set of an origin, for all other networks, of validators by
// their names, and gives it back to be changed.
func (w *World) Declare(origin string, threshold int, names ...string) *config.ValidatorSet {
	set := config.ValidatorSet{Origin: origin, Type: config.MessageID, Managed: true, Threshold: threshold}
	for _, n := range w.Env.Networks {
		if n.Name != origin {
			set.Destinations = append(set.Destinations, n.Name)
		}
	}
	for i, name := range names {
		key := AttestationKey(name, origin)
		if _, there := w.Env.Key(key); !there {
			w.Env.Keys = append(w.Env.Keys, config.Key{Name: key, Holder: "hex", Region: "us-west-2", Use: "attestation", Networks: []string{origin}})
		}
		set.Members = append(set.Members, config.Member{
			Name: name, Key: key, Operator: fmt.Sprintf("operator-%d", i), Location: "file://" + w.folder(origin, name),
		})
	}
	for i := range w.Env.ValidatorSets {
		if w.Env.ValidatorSets[i].Origin == origin {
			w.Env.ValidatorSets[i] = set
			return &w.Env.ValidatorSets[i]
		}
	}
	w.Env.ValidatorSets = append(w.Env.ValidatorSets, set)
	return &w.Env.ValidatorSets[len(w.Env.ValidatorSets)-1]
}

func (w *World) folder(origin, name string) string { return filepath.Join(w.root, origin, name) }

// Announce starts validators of an origin, so far that they are announced.
func (w *World) Announce(origin string, names ...string) {
	w.T.Helper()
	network, _ := w.Env.Network(origin)
	at := w.Contracts[origin]
	for _, name := range names {
		folder := w.folder(origin, name)
		v := &attestationtest.Validator{
			Signer: attestationtest.KeySigner(Key(AttestationKey(name, origin))), Sender: attestationtest.KeySigner(Key("announcer")),
			Origin:            attestation.Origin{Domain: network.DomainID, Hook: at.MerkleTreeHook, Mailbox: at.Mailbox},
			ValidatorAnnounce: at.ValidatorAnnounce, Storage: attestationtest.Folder(folder),
			Location: attestation.Location{Storage: attestation.File, Path: folder},
		}
		if _, err := v.Announce(w.T.Context(), w.Chains[origin].Client()); err != nil {
			w.T.Fatal(err)
		}
		w.Validators[origin+"/"+name] = v
	}
}

// Attest lets validators of an origin sign all that there is to sign.
func (w *World) Attest(origin string, names ...string) {
	w.T.Helper()
	for _, name := range names {
		if _, err := w.Validators[origin+"/"+name].Attest(w.T.Context(), w.Chains[origin].Client()); err != nil {
			w.T.Fatal(err)
		}
	}
}

// Dispatch sends a message from an origin to another network, so that it is as
// deep as the network's confirmations.
func (w *World) Dispatch(origin, destination, body string) contractstest.Message {
	w.T.Helper()
	to, _ := w.Env.Network(destination)
	m, err := contractstest.Dispatch(w.T.Context(), w.Chains[origin].Client(), Key("deployer"), w.Contracts[origin], to.DomainID, w.Contracts[destination].TestRecipient, []byte(body))
	if err != nil {
		w.T.Fatal(err)
	}
	w.Chains[origin].Mine(1)
	return m
}

// Send sends a call by a named key.
func (w *World) Send(network, key string, c evm.Call) {
	w.T.Helper()
	if _, err := contractstest.Send(w.T.Context(), w.Chains[network].Client(), Key(key), c); err != nil {
		w.T.Fatal(err)
	}
}

// Book keeps proposals in memory.
type Book struct {
	mutex   sync.Mutex
	records []call.Record
}

// Records lists what was kept.
func (b *Book) Records(_ context.Context, network string, safe common.Address, from uint64) ([]call.Record, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var list []call.Record
	for _, r := range b.records {
		if r.Network == network && r.Safe == safe.Hex() && r.Nonce >= from {
			list = append(list, r)
		}
	}
	return list, nil
}

// Keep adds one.
func (b *Book) Keep(_ context.Context, r call.Record) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if r.Hash == "" {
		return errors.New("a record without hash")
	}
	b.records = append(b.records, r)
	return nil
}
