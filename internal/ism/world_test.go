package ism_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// world is a chain of one mailbox and modules that do what upstream's do, as far
// as this package asks and calls them.
type world struct {
	t         *testing.T
	mailbox   common.Address
	owner     *common.Address
	ism       common.Address
	factories ism.Factories
	modules   map[common.Address]*module
	rounds    int
	asked     map[string]int
}

type module struct {
	kind      uint8
	code      []byte
	owner     *common.Address
	members   []common.Address
	threshold uint8
	routes    map[uint32]common.Address
	fallback  bool
	paused    *bool
	// odd answers by signature, in the place of what the module would answer.
	odd map[string]evm.Result
}

func addr(name string, args ...any) common.Address {
	return common.BytesToAddress(crypto.Keccak256(fmt.Appendf(nil, name, args...))[12:])
}

func addrs(prefix string, n int) []common.Address {
	list := make([]common.Address, n)
	for i := range list {
		list[i] = addr("%s %d", prefix, i)
	}
	return list
}

func newWorld(t *testing.T) *world {
	t.Helper()
	owner := addr("mailbox owner")
	factory := func(name string) ism.Factory {
		return ism.Factory{Address: addr("%s factory", name), Implementation: addr("%s implementation", name)}
	}
	return &world{
		t: t, mailbox: addr("mailbox"), owner: &owner, modules: map[common.Address]*module{}, asked: map[string]int{},
		factories: ism.Factories{MessageID: factory("message id"), MerkleRoot: factory("merkle root"), Aggregation: factory("aggregation")},
	}
}

func (w *world) put(name string, m *module) common.Address {
	if m.code == nil {
		m.code = []byte("code of " + name)
	}
	w.modules[addr("%s", name)] = m
	return addr("%s", name)
}

func (w *world) static(f ism.Factory, kind uint8, members []common.Address, threshold int) common.Address {
	at := f.Predict(members, threshold)
	w.modules[at] = &module{kind: kind, code: ism.Code(f.Implementation, members, threshold), members: members, threshold: uint8(threshold)}
	return at
}

func (w *world) messageID(threshold int, members ...common.Address) common.Address {
	return w.static(w.factories.MessageID, 5, members, threshold)
}

func (w *world) merkleRoot(threshold int, members ...common.Address) common.Address {
	return w.static(w.factories.MerkleRoot, 4, members, threshold)
}

func (w *world) aggregation(threshold int, modules ...common.Address) common.Address {
	return w.static(w.factories.Aggregation, 2, modules, threshold)
}

func (w *world) routing(name string, routes map[uint32]common.Address) common.Address {
	owner := addr("owner of %s", name)
	return w.put(name, &module{kind: 1, owner: &owner, routes: routes})
}

func (w *world) pausable(name string) common.Address {
	owner, paused := addr("owner of %s", name), false
	return w.put(name, &module{kind: 6, owner: &owner, paused: &paused})
}

func (w *world) storage(name string, kind uint8, threshold int, members ...common.Address) common.Address {
	owner := addr("owner of %s", name)
	return w.put(name, &module{kind: kind, owner: &owner, members: members, threshold: uint8(threshold)})
}

// upstream is the default module that upstream deploys: 2 of routing and a
// switch; per origin 1 of both types of multisig.
func (w *world) upstream(sets map[uint32][]common.Address, threshold int) (top, routing common.Address) {
	routes := map[uint32]common.Address{}
	for origin, members := range sets {
		routes[origin] = w.aggregation(1, w.messageID(threshold, members...), w.merkleRoot(threshold, members...))
	}
	routing = w.routing("routing", routes)
	return w.aggregation(2, routing, w.pausable("switch")), routing
}

func (w *world) look(origins ...uint32) map[uint32]ism.Path {
	w.t.Helper()
	walk := ism.NewWalk(w.mailbox, origins, w.factories)
	w.rounds = 0
	clear(w.asked)
	for questions := walk.Ask(); len(questions) > 0; questions = walk.Ask() {
		results := make([]evm.Result, len(questions))
		for i, q := range questions {
			w.asked[fmt.Sprintf("%s %s %x", q.About, q.To.Hex(), q.Data)]++
			results[i] = w.answer(q)
		}
		if err := walk.Answer(results); err != nil {
			w.t.Fatal(err)
		}
		if w.rounds++; w.rounds > 20 {
			w.t.Fatal("the walk does not end")
		}
	}
	return walk.Paths()
}

func revert(reason string) evm.Result {
	text, _ := abi.NewType("string", "", nil)
	data, _ := abi.Arguments{{Type: text}}.Pack(reason)
	return evm.Result{Reverted: true, Data: append([]byte{0x08, 0xc3, 0x79, 0xa0}, data...)}
}

func returns(types string, values ...any) evm.Result {
	m := evm.MustMethod("f(" + types + ")")
	data, err := m.Inputs.Pack(values...)
	if err != nil {
		panic(err)
	}
	return evm.Result{Data: data}
}

func (w *world) answer(q evm.Question) evm.Result {
	if q.To == w.mailbox {
		return w.ofMailbox(q)
	}
	m := w.modules[q.To]
	switch {
	case m == nil:
		return evm.Result{}
	case q.About == evm.AboutCode:
		return evm.Result{Data: m.code}
	}
	for signature, r := range m.odd {
		if called(q.Data, signature) {
			return r
		}
	}
	switch {
	case called(q.Data, "moduleType()"):
		return returns("uint8", m.kind)
	case called(q.Data, "owner()") && m.owner != nil:
		return returns("address", *m.owner)
	case called(q.Data, "paused()") && m.paused != nil:
		return returns("bool", *m.paused)
	case called(q.Data, "validatorsAndThreshold(bytes)") && (m.kind == 4 || m.kind == 5), called(q.Data, "modulesAndThreshold(bytes)") && m.kind == 2:
		return returns("address[],uint8", m.members, m.threshold)
	case m.kind == 1:
		return w.ofRouting(m, q)
	}
	return evm.Result{Reverted: true}
}

func (w *world) ofMailbox(q evm.Question) evm.Result {
	switch {
	case q.About == evm.AboutCode:
		return evm.Result{Data: []byte("a mailbox")}
	case called(q.Data, "defaultIsm()"):
		return returns("address", w.ism)
	case called(q.Data, "owner()") && w.owner != nil:
		return returns("address", *w.owner)
	}
	return evm.Result{Reverted: true}
}

func (w *world) ofRouting(m *module, q evm.Question) evm.Result {
	if called(q.Data, "domains()") {
		list := []*big.Int{}
		for d := range m.routes {
			list = append(list, big.NewInt(int64(d)))
		}
		return returns("uint256[]", list)
	}
	args, ok := evm.MustMethod("module(uint32)").Arguments(q.Data)
	if !ok {
		return evm.Result{Reverted: true}
	}
	domain := args[0].(uint32)
	switch to, ok := m.routes[domain]; {
	case ok:
		return returns("address", to)
	case m.fallback:
		return returns("address", w.ism)
	}
	return revert(fmt.Sprintf("No ISM found for origin: %d", domain))
}

func called(data []byte, signature string) bool {
	return len(data) >= 4 && string(data[:4]) == string(crypto.Keccak256([]byte(signature))[:4])
}

// execute does what the contracts do with a call.
func (w *world) execute(from common.Address, call evm.Call) {
	w.t.Helper()
	args := func(signature string) []any {
		values, _ := evm.MustMethod(signature).Arguments(call.Data)
		return values
	}
	for kind, f := range map[uint8]ism.Factory{5: w.factories.MessageID, 4: w.factories.MerkleRoot, 2: w.factories.Aggregation} {
		if a := args("deploy(address[],uint8)"); f.Address == call.To && a != nil {
			w.static(f, kind, a[0].([]common.Address), int(a[1].(uint8)))
			return
		}
	}
	m := w.modules[call.To]
	owns := func(owner *common.Address) {
		w.t.Helper()
		if owner == nil || *owner != from {
			w.t.Fatalf("%s is called by %s, who does not own it", call.To, from)
		}
	}
	if a := args("setDefaultIsm(address)"); call.To == w.mailbox && a != nil {
		owns(w.owner)
		w.ism = w.there(a[0].(common.Address))
	} else if a := args("set(uint32,address)"); a != nil && m.kind == 1 {
		owns(m.owner)
		m.routes[a[0].(uint32)] = w.there(a[1].(common.Address))
	} else if a := slices.Concat(args("setValidatorsAndThreshold(address[],uint8)"), args("setModulesAndThreshold(address[],uint8)")); len(a) > 0 {
		owns(m.owner)
		m.members, m.threshold = a[0].([]common.Address), a[1].(uint8)
	} else {
		w.t.Fatalf("nobody understands %x to %s", call.Data, call.To)
	}
}

// there refuses modules without code, as the contracts do.
func (w *world) there(at common.Address) common.Address {
	w.t.Helper()
	if w.modules[at] == nil {
		w.t.Fatalf("%s is no contract", at)
	}
	return at
}

func (w *world) deployed(at common.Address) bool { return w.modules[at] != nil }

func (w *world) run(r ism.Repoint) {
	w.t.Helper()
	for _, d := range r.Deploys {
		w.execute(addr("anybody"), d.Call)
		if !w.deployed(d.Address) {
			w.t.Fatalf("%s is not where it was predicted", d.Address)
		}
	}
	w.execute(r.Owner, r.Final)
}
