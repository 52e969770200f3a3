// Package multisigsafe keeps the owners and the threshold of Safes, watches what
// could act around them (modules, guards, handlers, code), and knows which
// transactions wait for their signatures. Its facts tell the other kinds how a
// call of a Safe can be made.
package multisigsafe

import (
	"context"
	"maps"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
)

// Name of the kind.
const Name = "safe"

// owners is the operation of a step that would change owners by a key: a Safe
// is its own owner, so it is always proposed or executed.
const owners = "set-owners"

// Spec is who may act for a Safe.
type Spec struct {
	Owners    []resource.Value `json:"owners"`
	Threshold uint64           `json:"threshold"`
	// Version that the contract says; desired only where one is declared.
	Version string `json:"version,omitempty"`
	// Order is the owners' list as the contract keeps it, which is needed to change
	// it. Only observation fills it in.
	Order []string `json:"order,omitempty"`
	// Around is what else could act; only observation fills it in.
	Around *Around `json:"around,omitempty"`
	// Terms are declared and never compared.
	Terms *Terms `json:"terms,omitempty"`
}

// Around is what could act beside the owners, or stop them. Addresses; empty for none.
type Around struct {
	Singleton   string   `json:"singleton"`
	Proxy       string   `json:"proxyCode"`
	Code        string   `json:"singletonCode"`
	Modules     []string `json:"modules"`
	MoreModules bool     `json:"moreModules,omitempty"`
	Guard       string   `json:"guard,omitempty"`
	ModuleGuard string   `json:"moduleGuard,omitempty"`
	Fallback    string   `json:"fallback,omitempty"`
}

// Terms are what a Safe is judged and changed by.
type Terms struct {
	call.Terms
	Address  string   `json:"address"`
	Modules  []string `json:"modules,omitempty"`
	Guard    string   `json:"guard,omitempty"`
	Fallback string   `json:"fallback,omitempty"`
	// Unpinned are the owners' keys that have no pin where one is demanded.
	Unpinned []string `json:"unpinned,omitempty"`
}

// Queue lists what waits in a Safe's service, from a nonce up.
type Queue interface {
	Pending(ctx context.Context, s config.Safe, from uint64) ([]safeservice.Proposal, error)
}

// Options are what the kind works with.
type Options struct {
	Networks func(name string) (*chain.Network, error)
	Calls    *call.Maker
	Queue    Queue
}

type safes struct{ Options }

// New makes the kind.
func New(o Options) (kind.Kind, error) {
	s := &safes{o}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(),
		Declare: declare, Observe: s.observe, Read: s.read, Check: check, Steps: steps, Accept: kind.AcceptQuorum("safes", "owners"),
		Prepare: o.Calls.Prepare, Do: o.Calls.Do, Probe: o.Calls.Probe,
	})
}

// Actions are none: the kind asks nothing of AWS.
func Actions() []kind.Action { return nil }

// Traits of the kind: whoever signs for a Safe holds all that it owns.
func Traits() resource.Traits {
	return resource.Traits{
		Computed: []string{"order", "around"}, Steering: []string{"terms", "version"},
		Satisfies: satisfies, DeleteOff: true, Accepts: true,
		Risks:  map[string]resource.Risk{owners: resource.Destructive, resource.Propose: resource.Destructive, call.Execute: resource.Destructive},
		Person: []string{owners, resource.Propose, call.Execute},
		Quorum: resource.Quorum{Threshold: "threshold", Members: "owners"},
	}
}

// satisfies: owners are a set.
func satisfies(path string, desired, observed resource.Attrs) bool {
	if path != "owners" {
		return false
	}
	want, all := setOf(desired[path])
	have, known := setOf(observed[path])
	return all && known && maps.Equal(want, have)
}

func setOf(list any) (map[common.Address]bool, bool) {
	values, ok := list.([]any)
	set := map[common.Address]bool{}
	for _, v := range values {
		text, literal := v.(string)
		if !literal || !common.IsHexAddress(text) {
			return nil, false
		}
		set[common.HexToAddress(text)] = true
	}
	return set, ok
}

func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	var objects []kind.Object[Spec]
	for _, s := range env.Safes {
		if network, _ := env.Network(s.Network); s.Address == "" || network.State == config.Retired {
			continue
		}
		owners, unpinned := ownersOf(env, s)
		o := kind.Object[Spec]{
			ID: s.ResourceID(), Group: Name + "/" + s.Name, Why: []resource.Source{s.Source},
			Spec: Spec{
				Owners: owners, Threshold: uint64(max(s.Threshold, 0)), Version: s.Version, //nolint:gosec // not negative
				Terms: &Terms{
					Terms: call.TermsOf(env, s.Network), Address: s.Address, Modules: s.Modules, Guard: s.Guard, Fallback: s.Fallback, Unpinned: unpinned,
				},
			},
		}
		objects = append(objects, watched(o, s))
	}
	return objects, nil
}

// watched marks a Safe that is only looked at.
func watched(o kind.Object[Spec], s config.Safe) kind.Object[Spec] {
	if !s.Managed {
		o.Mode = resource.Observed
	}
	return o
}

// ownersOf are the declared owners. Where addresses must be pinned, a key's is
// its pin and nothing else; those without one are named.
func ownersOf(env *config.Environment, s config.Safe) (list []resource.Value, unpinned []string) {
	for _, p := range s.Owners {
		value := call.PartyValue(env, s.Network, p)
		if p.Key != "" && env.Addresses == "pinned" {
			if pin := env.Pins[p.Key]; pin != "" {
				value = resource.Literal(pin)
			} else {
				unpinned = append(unpinned, p.Key)
			}
		}
		list = append(list, value)
	}
	return list, unpinned
}
