package contract

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// reading is one contract while it is read.
type reading struct {
	config.Contract
	address common.Address
	spec    Spec
	code    []byte
}

// written reports whether the contract is managed and has a parameter that is written.
func (r *reading) written() bool {
	return r.Managed && slices.ContainsFunc(r.Contract.Parameters, func(p config.Parameter) bool { return p.Write != "" })
}

func (r *reading) fault(what, format string, args ...any) {
	r.spec.Unreadable[what] = fmt.Sprintf(format, args...)
}

// begin asks everything of the contract; what follows from an answer goes into the
// second round.
func (r *reading) begin(v *view, first, second *round) {
	first.ask(evm.AskCode(r.address), func(a evm.Result) {
		r.code, r.spec.CodeHash = a.Data, hashOf(a.Data)
	})
	switch r.Through {
	case config.ThroughEIP1967:
		first.ask(evm.AskSlot(r.address, common.HexToHash(evm.ImplementationSlot)), func(a evm.Result) {
			r.implementation(second, "its EIP-1967 slot", a)
		})
	case config.ThroughBeacon:
		r.beacon(first, second)
	}
	if r.Owner != nil || r.written() {
		r.value(v, first, "owner()(address)", nil, "owner", func(text string) { r.spec.Owner = resource.Literal(text) })
	}
	for _, p := range r.Contract.Parameters {
		r.value(v, first, p.Read, p.Args, "parameters."+p.Name, func(text string) { r.spec.Parameters[p.Name] = resource.Literal(text) })
	}
	for _, i := range r.Invariants {
		r.value(v, first, i.Read, i.Args, "invariants."+i.Name, func(text string) {
			r.spec.Readings[i.Name] = Reading{Value: text}
			if (i.Must == mustCode || i.Must == mustNoCode) && common.IsHexAddress(text) {
				second.ask(evm.AskCode(common.HexToAddress(text)), func(a evm.Result) { r.spec.Readings[i.Name] = Reading{Value: text, Code: codeOf(a.Data)} })
			}
		})
	}
}

// value asks one read and takes its value as text.
func (r *reading) value(v *view, ask *round, signature string, args []config.Want, what string, take func(string)) {
	method, err := evm.ParseMethod(signature)
	if err != nil {
		r.fault(what, "%s", err)
		return
	}
	var texts []string
	for _, a := range args {
		text, known := v.text(a)
		if !known {
			r.fault(what, "waits for the address of key %s", a.Key)
			return
		}
		texts = append(texts, text)
	}
	data, err := method.PackTexts(texts)
	if err != nil {
		r.fault(what, "%s", err)
		return
	}
	ask.ask(evm.Ask(evm.Call{To: r.address, Data: data}), func(a evm.Result) {
		if text, err := method.Text(a); err != nil {
			r.fault(what, "%s", err)
		} else {
			take(text)
		}
	})
}

// implementation takes the address of the code in force and asks for that code.
func (r *reading) implementation(second *round, where string, a evm.Result) {
	address, err := word(a)
	if err != nil {
		r.fault("implementation", "%s %s", where, err)
		return
	}
	r.spec.Implementation = address.Hex()
	second.ask(evm.AskCode(address), func(a evm.Result) { r.spec.ImplementationHash = hashOf(a.Data) })
}

// beacon asks an upgrade beacon twice, for its storage and as a proxy does, and
// follows it only where both say the same. That the proxy asks this beacon is seen
// from its code, which holds the beacon's address.
func (r *reading) beacon(first, second *round) {
	if r.Beacon == "" {
		r.fault("implementation", "no beacon is declared to follow")
		return
	}
	beacon := common.HexToAddress(r.Beacon)
	var stored evm.Result
	first.ask(evm.AskSlot(beacon, common.Hash{}), func(a evm.Result) { stored = a })
	first.ask(evm.Ask(evm.Call{To: beacon}), func(a evm.Result) {
		said, err := word(a)
		kept, _ := stored.Word()
		switch {
		case !bytes.Contains(r.code, beacon[:]):
			r.fault("beacon", "its code does not hold the beacon %s", beacon)
			return
		case err != nil:
			r.spec.Beacon = beacon.Hex()
			r.fault("implementation", "what the beacon %s answers %s", beacon, err)
			return
		}
		if r.spec.Beacon = beacon.Hex(); kept != common.BytesToHash(said[:]) {
			r.fault("implementation", "the beacon %s answers %s and stores %s", beacon, said, kept)
			return
		}
		r.implementation(second, "slot 0 of the beacon", stored)
	})
}

func hashOf(code []byte) string {
	if len(code) == 0 {
		return None
	}
	return evm.CodeHash(code).Hex()
}

// What stands at an address. An account that delegates (EIP-7702) has code and is
// still signed for by one key: it is neither.
const (
	mustCode   = "code"
	mustNoCode = "no code"
	delegating = "code that its key has lent (EIP-7702)"
)

func codeOf(code []byte) string {
	switch {
	case len(code) == 0:
		return mustNoCode
	case evm.Delegates(code):
		return delegating
	default:
		return mustCode
	}
}
