package contract_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
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
	"github.com/crosschain-ops/reconcile/internal/kind/contract"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const fuji = "fuji"

// knobs are contracts with parameters, well-behaved and not.
const knobs = `
pragma solidity ^0.8.0;
contract Knob {
    address public owner;
    uint256 public limit;
    address public updater;
    mapping(uint32 => address) public routes;
    event Switched(uint32 indexed domain, address who, bool on);
    constructor() { owner = msg.sender; }
    modifier onlyOwner() { require(msg.sender == owner, "not the owner"); _; }
    function setLimit(uint256 to) external onlyOwner { require(to < 1000, "too high"); limit = to; }
    function setUpdater(address to) external onlyOwner { updater = to; }
    function setRoute(uint32 domain, address to) external onlyOwner { routes[domain] = to; }
    function turn(uint32 domain, address who, bool on) external onlyOwner { emit Switched(domain, who, on); }
    function transferOwnership(address to) external onlyOwner { owner = to; }
}
// Liar is a beacon that stores one address and answers another; Named names it.
contract Liar {
    address private stored = address(1);
    fallback() external { assembly { mstore(0, 2) return(0, 32) } }
}
contract Proxy {
    constructor(address to) { assembly { sstore(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc, to) } }
    fallback() external {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if ok { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}
contract Named {
    address private immutable beacon;
    constructor(address b) { beacon = b; }
    fallback() external { address b = beacon; assembly { mstore(0, b) return(0, 32) } }
}
contract Hostile {
    fallback() external {
        bytes4 s = msg.sig;
        if (s == bytes4(keccak256("flood()"))) { assembly { return(0, 1000000) } }
        if (s == bytes4(keccak256("dirty()"))) { assembly { mstore(0, not(0)) return(0, 32) } }
        if (s == bytes4(keccak256("short()"))) { assembly { return(0, 31) } }
        if (s == bytes4(keccak256("far()"))) { assembly { mstore(0, shl(200, 1)) return(0, 64) } }
        if (s == bytes4(keccak256("text()"))) { assembly { mstore(0, 32) mstore(32, 2) mstore(64, shl(240, 65535)) return(0, 96) } }
        if (s == bytes4(keccak256("dead()"))) { assembly { invalid() } }
        if (s == bytes4(keccak256("fine()"))) { assembly { mstore(0, 7) return(0, 32) } }
        revert("\x1b[31mred");
    }
}`

func keyOf(name string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("test key " + name)))
	if err != nil {
		panic(err)
	}
	return key
}

func addressOf(name string) common.Address { return crypto.PubkeyToAddress(keyOf(name).PublicKey) }

// lookup knows the address of every key but one that is not made yet.
func lookup(ref resource.Ref) (string, bool) {
	return addressOf(ref.ID.Name).Hex(), ref.Output == "address" && ref.ID.Name != "unborn"
}

func environment(contracts ...config.Contract) *config.Environment {
	for i := range contracts {
		contracts[i].Network = fuji
		contracts[i].Source = resource.Source{File: "environments/staging/contracts.cue", Line: 7 + i}
	}
	key := func(name, use string) config.Key {
		return config.Key{Name: name, Holder: "hex", Region: "us-west-2", Use: use, Networks: []string{fuji}}
	}
	return &config.Environment{
		Name: "staging", Class: config.Testnet, Addresses: "observed", Pins: map[string]string{}, Sender: "owner-0",
		Networks:  []config.Network{{Name: fuji, ChainID: 43113, Symbol: "AVAX", Decimals: 18, TxType: "auto", Confirmations: 1}},
		Keys:      []config.Key{key("owner-0", "owner"), key("unborn", "signer"), key("updater-signer", "signer")},
		Contracts: contracts,
		Governance: config.Governance{Calls: map[string]resource.Risk{
			"setLimit(uint256)": resource.Sensitive, "setUpdater(address)": resource.Sensitive, "setRoute(uint32,address)": resource.Sensitive,
			"transferOwnership(address)": resource.Destructive, "upgrade(address,address)": resource.Destructive,
		}},
	}
}

func limit(to string) config.Parameter {
	return config.Parameter{Name: "limit", Read: "limit()(uint256)", Want: config.Want{Literal: to}, Write: "setLimit(uint256)", WriteArgs: []config.Want{{Wanted: true}}}
}

func updater(want config.Want) config.Parameter {
	return config.Parameter{Name: "updater", Read: "updater()(address)", Want: want, Write: "setUpdater(address)", WriteArgs: []config.Want{{Wanted: true}}}
}

func route(domain, to string) config.Parameter {
	return config.Parameter{
		Name: "route-" + domain, Read: "routes(uint32)(address)", Args: []config.Want{{Literal: domain}}, Want: config.Want{Literal: to},
		Write: "setRoute(uint32,address)", WriteArgs: []config.Want{{Literal: domain}, {Wanted: true}},
	}
}

// world is a chain, behind a transport that can break, and the kind over it.
type world struct {
	t       *testing.T
	chain   chaintest.Backend
	network *chain.Network
	wire    *transport
	kind    kind.Kind
	book    *book
	code    map[string][]byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, chaintest.Geth)
}

func newWorldOn(t *testing.T, start chaintest.Starter) *world {
	t.Helper()
	wealth := new(big.Int).Mul(big.NewInt(100), big.NewInt(1e18))
	placed, err := contractstest.SafeGenesis()
	if err != nil {
		t.Fatal(err)
	}
	placed[addressOf("lent")] = append([]byte{0xef, 0x01, 0x00}, make([]byte, 20)...) // an account that delegates
	c, err := start(chaintest.Options{
		ChainID: 43113, Confirmations: 1, Code: placed,
		Alloc: map[common.Address]*big.Int{addressOf("owner-0"): wealth, addressOf("somebody"): wealth},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w := &world{t: t, chain: c, wire: &transport{}, book: &book{}}
	declared, _ := environment().Network(fuji)
	w.network, err = chain.Open(declared, []string{c.URL()}, chain.Options{Backoff: time.Millisecond, Poll: 5 * time.Millisecond, Transport: w.wire})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.network.Close)
	networks := func(string) (*chain.Network, error) { return w.network, nil }
	w.kind, err = contract.New(contract.Options{Networks: networks, Calls: &call.Maker{
		Networks: networks, Digest: digest, Book: w.book, Timeout: 20 * time.Second,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if w.code, err = contractstest.Compile(t.Context(), knobs, contractstest.London); err != nil {
		t.Fatal(err)
	}
	return w
}

func digest(_ context.Context, key config.Key, _ common.Address) (chain.SignDigest, error) {
	return func(_ context.Context, digest [32]byte) (signature [65]byte, err error) {
		signed, err := crypto.Sign(digest[:], keyOf(key.Name))
		copy(signature[:], signed)
		return signature, err
	}, nil
}

// deploy makes a contract as a key, which then owns it.
func (w *world) deploy(as, name string) common.Address {
	w.t.Helper()
	at, err := contractstest.Deploy(w.t.Context(), w.chain.Client(), keyOf(as), w.code[name])
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

// deployWith is deploy of a contract whose constructor takes an address.
func (w *world) deployWith(as, name string, argument common.Address) common.Address {
	w.t.Helper()
	creation, err := contractstest.With(w.code[name], "(address)", argument)
	if err != nil {
		w.t.Fatal(err)
	}
	at, err := contractstest.Deploy(w.t.Context(), w.chain.Client(), keyOf(as), creation)
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

// send makes a call as a key, behind the tool's back.
func (w *world) send(as string, to common.Address, method string, args ...any) {
	w.t.Helper()
	if _, err := contractstest.Send(w.t.Context(), w.chain.Client(), keyOf(as), evm.MustMethod(method).Call(to, args...)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) observe(env *config.Environment) kind.Seen {
	w.t.Helper()
	seen := w.kind.Observe(w.t.Context(), env, lookup)
	for _, u := range seen.Unread {
		w.t.Fatalf("unread: %+v", u)
	}
	return seen
}

// findings are what the kind judges of the chain as it is.
func (w *world) findings(env *config.Environment) []resource.Finding {
	w.t.Helper()
	desired, err := w.kind.Declare(env)
	if err != nil {
		w.t.Fatal(err)
	}
	seen := w.observe(env)
	found, err := w.kind.Check(desired, seen.Owned, seen.Facts)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// rules are findings in short: "refuse owner home".
func rules(found []resource.Finding) []string {
	list := []string{}
	for _, f := range found {
		list = append(list, string(f.Severity)+" "+f.Rule+" "+f.ID.Name)
	}
	slices.Sort(list)
	return list
}

func reasonOf(t *testing.T, found []resource.Finding, rule string) string {
	t.Helper()
	for _, f := range found {
		if f.Rule == rule {
			return f.Reason
		}
	}
	t.Errorf("no finding %s among %v", rule, rules(found))
	return ""
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q\nlacks %q", text, part)
		}
	}
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

// transport breaks requests when it is told to.
type transport struct {
	mu            sync.Mutex
	reads, writes kindtest.Fault
	deaf          string // a method that fails alone
}

func (w *transport) breaking(which *kindtest.Fault) func(*testing.T, kindtest.Fault) func() {
	set := func(fault kindtest.Fault) {
		w.mu.Lock()
		defer w.mu.Unlock()
		*which = fault
	}
	return func(_ *testing.T, fault kindtest.Fault) func() {
		set(fault)
		return func() { set("") }
	}
}

func (w *transport) fault(body []byte) kindtest.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf != "" && bytes.Contains(body, []byte(w.deaf)) {
		return kindtest.Denied
	}
	if !bytes.Contains(body, []byte("eth_sendRawTransaction")) {
		return w.reads
	}
	fault := w.writes
	if fault == kindtest.Lost {
		w.writes = ""
	}
	return fault
}

func (w *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := func(code int) (*http.Response, error) {
		return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{}, Body: io.NopCloser(strings.NewReader("no")), Request: r}, nil
	}
	switch fault := w.fault(body); fault {
	case kindtest.Denied:
		return answer(http.StatusForbidden)
	case kindtest.Throttled:
		return answer(http.StatusTooManyRequests)
	case kindtest.Dropped:
		return nil, errors.New("connection reset")
	default:
		reply, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && fault == kindtest.Lost {
			_ = reply.Body.Close()
			return nil, errors.New("connection reset")
		}
		return reply, err
	}
}

func canaries() []string {
	return []string{hex.EncodeToString(crypto.FromECDSA(keyOf("owner-0"))), hex.EncodeToString(crypto.FromECDSA(keyOf("updater-signer")))}
}
