// Package contract holds any contract to what configuration alone says of it: its
// code, also behind a proxy or an upgrade beacon, its owner, its parameters, sets
// that it tells by events only, and what must hold whatever changes. It writes a
// parameter by the declared method and nothing else: neither code nor ownership,
// unless that is the declared method, and never by one that runs calls of its
// caller's choice.
package contract

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "contract"

// Operations of steps that a key sends: a parameter is written; ownership, tokens
// or another right are given away; code is replaced.
const (
	write     = "write"
	surrender = "surrender"
	upgrade   = "upgrade"
)

// None stands for the hash of no code at all.
const None = "none"

// Spec is a contract as it must be and as it is. Values are texts as evm.Format
// writes them.
type Spec struct {
	Address string `json:"address,omitempty"`
	// CodeHash is of the runtime code, or None.
	CodeHash string `json:"codeHash,omitempty"`
	// Beacon is the upgrade beacon that the code names, Implementation the code in
	// force of a proxy, ImplementationHash its hash.
	Beacon             string                    `json:"beacon,omitempty"`
	Implementation     string                    `json:"implementation,omitempty"`
	ImplementationHash string                    `json:"implementationHash,omitempty"`
	Owner              resource.Value            `json:"owner,omitzero"`
	Parameters         map[string]resource.Value `json:"parameters,omitempty"`
	// Scans are lists of entries, each its values in order.
	Scans map[string][][]resource.Value `json:"scans,omitempty"`
	// Readings are what invariants read, and Unreadable why something has no value:
	// the contract reverts, or answers in another shape. Only observation fills them in.
	Readings   map[string]Reading `json:"readings,omitempty"`
	Unreadable map[string]string  `json:"unreadable,omitempty"`
	// Terms are declared and never compared.
	Terms *Terms `json:"terms,omitempty"`
}

// Reading is the value that an invariant read, and what stands at that address
// where it asks for code: "code", "no code", or an account that delegates.
type Reading struct {
	Value string `json:"value"`
	Code  string `json:"code,omitempty"`
}

// Terms say how a contract is judged and written.
type Terms struct {
	call.Terms
	// Through is how the code in force is found: empty, eip1967 or beacon.
	Through string `json:"through,omitempty"`
	// Ways are how each parameter is read and written, Invariants what must hold.
	Ways       map[string]Way  `json:"ways,omitempty"`
	Invariants map[string]Must `json:"invariants,omitempty"`
	// Keys are addresses that must be known before the contract is read: those it is
	// asked about, and those of keys that may turn out to own it.
	Keys map[string]resource.Value `json:"keys,omitempty"`
	// Pins are what addresses.json says of the keys named here, or PinMissing where
	// one is required.
	Pins map[string]string `json:"pins,omitempty"`
}

// PinMissing stands for a pin that the environment demands and does not have.
const PinMissing = "missing"

// Way is how a parameter is read and written; without Write it is read only.
type Way struct {
	Read  string        `json:"read"`
	Write string        `json:"write,omitempty"`
	Args  []Argument    `json:"args,omitempty"`
	Risk  resource.Risk `json:"risk,omitempty"`
	// Keys are those whose addresses it takes.
	Keys []string `json:"keys,omitempty"`
}

// Argument of a write: a value, or the wanted one.
type Argument struct {
	Wanted bool           `json:"wanted,omitempty"`
	Value  resource.Value `json:"value,omitzero"`
}

// Must is what an invariant demands, and why.
type Must struct {
	Read   string `json:"read"`
	Must   string `json:"must"`
	Reason string `json:"reason,omitempty"`
}

// Options are what the kind works with.
type Options struct {
	// Networks opens a declared network, Calls makes the owners' calls.
	Networks func(name string) (*chain.Network, error)
	Calls    *call.Maker
}

type contracts struct{ Options }

// New makes the kind.
func New(o Options) (kind.Kind, error) {
	c := &contracts{o}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(),
		Declare: declare, Observe: c.observe, Read: c.read, Check: check, Steps: steps, Accept: kind.AcceptValues,
		Prepare: c.prepare, Do: declaredOnly(o.Calls.Do), Probe: o.Calls.Probe,
	})
}

// Actions are none: the kind asks nothing of AWS but a signature, which is the
// keys' own affair.
func Actions() []kind.Action { return nil }

// Traits of the kind. What a proposed or executed call does beyond a parameter is
// said by the step's own risk.
func Traits() resource.Traits {
	return resource.Traits{
		Accepts:  true,
		Computed: []string{"readings", "unreadable"}, Moving: []string{"readings", "unreadable"}, Steering: []string{"terms"},
		Satisfies: satisfies,
		Risks: map[string]resource.Risk{
			write: resource.Sensitive, surrender: resource.Destructive, upgrade: resource.Destructive,
			resource.Propose: resource.Sensitive, call.Execute: resource.Sensitive,
		},
		Person:    []string{upgrade},
		Verbs:     map[string]string{"update": "write"},
		DeleteOff: true,
	}
}

// satisfies: only what a write can mend is a difference. Everything else is judged
// by Check, and no change waits for it.
func satisfies(path string, desired, observed resource.Attrs) bool {
	if path != "parameters" {
		return true
	}
	var want, have Spec
	if desired.Decode(&want) != nil || observed.Decode(&have) != nil {
		return false
	}
	return len(differing(want, have)) == 0
}

// same compares values as texts; addresses in whatever case.
func same(a, b string) bool {
	return a == b || common.IsHexAddress(a) && common.IsHexAddress(b) && strings.EqualFold(strings.TrimPrefix(a, "0x"), strings.TrimPrefix(b, "0x"))
}
