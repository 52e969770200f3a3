// Package validatorset keeps, for every destination, the set of validators whose
// signatures it asks of the messages of an origin. It repoints a destination only
// to a set of which enough members are shown to sign, and asks them once more
// right before.
package validatorset

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
)

// Name of the kind.
const Name = "validator-set"

// set is the operation of a step that an owner key sends: a route, the
// mailbox's default, or the members of a module that stores them.
const set = "set"

// Spec is what a destination asks of an origin's messages.
type Spec struct {
	// Type is message-id, merkle-root or either; empty where there is no route.
	Type string `json:"type,omitempty"`
	// Threshold of the Members must sign. Members are addresses, or refs to keys.
	Threshold int              `json:"threshold,omitempty"`
	Members   []resource.Value `json:"members,omitzero"`
	// ISM is the module that holds the set, Path how the mailbox comes to it. Only
	// observation fills them in.
	ISM  string    `json:"ism,omitempty"`
	Path *ism.Path `json:"path,omitempty"`
	// Terms are declared and never compared.
	Terms *Terms `json:"terms,omitempty"`
}

// Terms are what a change is judged and made by.
type Terms struct {
	call.Terms
	Factories ism.Factories `json:"factories,omitzero"`
	// Names of the members and those on whom they depend, in the order of Members.
	Names []Named `json:"names,omitempty"`
	// Floor of the environment; Reason is why a set below it, or one that a single
	// party holds, is meant.
	Floor  ism.Floor `json:"floor,omitzero"`
	Reason string    `json:"reason,omitempty"`
	// Mainnet: a single party that can forge is never only a note.
	Mainnet bool `json:"mainnet,omitempty"`
	// Owners are the keys that may sign, so that their addresses are read first.
	Owners map[string]resource.Value `json:"owners,omitempty"`
}

// Named is a member as declared.
type Named struct {
	Name     string `json:"name"`
	Operator string `json:"operator,omitempty"`
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
	// Key of the member, and what addresses.json says of it: an address, PinMissing
	// where one is needed, or nothing.
	Key string `json:"key,omitempty"`
	Pin string `json:"pin,omitempty"`
}

func (t Terms) names() []string {
	list := make([]string, len(t.Names))
	for i, n := range t.Names {
		list[i] = n.Name
	}
	return list
}

// PinMissing stands for the pin that an environment of pinned addresses lacks.
const PinMissing = "missing"

// Options are what the kind works with.
type Options struct {
	Networks    func(name string) (*chain.Network, error)
	Calls       *call.Maker
	Checkpoints *attestation.Reader
	Now         func() time.Time
}

type sets struct {
	Options
	source validators.Source
}

// New makes the kind.
func New(o Options) (kind.Kind, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &sets{Options: o, source: validators.Source{Networks: o.Networks, Checkpoints: o.Checkpoints}}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(),
		Declare: declare, Observe: s.observe, Read: s.read, Check: check, Steps: steps, Accept: kind.AcceptQuorum("validatorSets", "members", "alias"),
		Prepare: s.prepare, Do: o.Calls.Do, Probe: o.Calls.Probe,
	})
}

// Actions are none: the kind asks nothing of AWS.
func Actions() []kind.Action { return nil }

// Traits of the kind. Repointing is sensitive; making a module that nobody is
// pointed to yet gives nobody power.
func Traits() resource.Traits {
	return resource.Traits{
		Accepts:  true,
		Computed: []string{"ism", "path"}, Steering: []string{"terms"},
		Satisfies: satisfies,
		Risks: map[string]resource.Risk{
			call.Deploy: resource.Routine, set: resource.Sensitive, resource.Propose: resource.Sensitive, call.Execute: resource.Sensitive,
		},
		Verbs:     map[string]string{"create": "repoint", "update": "repoint"},
		DeleteOff: true, Facts: validators.FactsAbout,
		Quorum: resource.Quorum{Threshold: "threshold", Members: "members"},
	}
}

// satisfies: order alone is never drift.
func satisfies(path string, desired, observed resource.Attrs) bool {
	if path != "members" {
		return false
	}
	want, all := addressesOf(desired[path])
	have, known := addressesOf(observed[path])
	return all && known && (ism.Set{Members: want}).Equal(ism.Set{Members: have})
}

// addressesOf reads a list of addresses; false where one is not known yet.
func addressesOf(list any) ([]common.Address, bool) {
	values, ok := list.([]any)
	addresses := make([]common.Address, 0, len(values))
	for _, v := range values {
		text, literal := v.(string)
		if !literal || !common.IsHexAddress(text) {
			return nil, false
		}
		addresses = append(addresses, common.HexToAddress(text))
	}
	return addresses, ok
}

// declare makes a resource of every destination that trusts an origin, where
// both have their contracts.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	var objects []kind.Object[Spec]
	for _, s := range env.ValidatorSets {
		for _, destination := range s.Destinations {
			if !validators.Deployed(env, s.Origin, destination) {
				continue
			}
			o := kind.Object[Spec]{
				ID: config.SetID(destination, s.Origin), Group: Name + "/" + s.Origin, Why: []resource.Source{s.Source}, Mode: resource.Managed,
				Spec: Spec{Type: s.Type, Threshold: s.Threshold, Members: membersOf(env, s), Terms: termsOf(env, s, destination)},
			}
			if !s.Managed {
				o.Mode = resource.Observed
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

func membersOf(env *config.Environment, s config.ValidatorSet) []resource.Value {
	members := make([]resource.Value, len(s.Members))
	for i, m := range s.Members {
		members[i] = resource.Literal(m.Address)
		if key, ok := env.Key(m.Key); ok {
			members[i] = addressOf(env, key)
		}
	}
	return members
}

// addressOf a key is its output, or its pin where nothing outputs it.
func addressOf(env *config.Environment, key config.Key) resource.Value {
	if key.Holder == "keystore" && env.Pins[key.Name] != "" {
		return resource.Literal(env.Pins[key.Name])
	}
	return resource.RefTo(key.ResourceID(), "address")
}

func termsOf(env *config.Environment, s config.ValidatorSet, destination string) *Terms {
	t := &Terms{
		Terms: call.TermsOf(env, destination), Factories: validators.Factories(env, destination), Reason: s.Reason, Mainnet: env.Class == config.Mainnet,
		Floor: env.Floor, Owners: map[string]resource.Value{},
	}
	for _, m := range s.Members {
		n := Named{Name: m.Name, Operator: m.Operator, Account: m.Account, Region: m.Region, Key: m.Key}
		if m.Key != "" {
			if n.Pin = env.Pins[m.Key]; n.Pin == "" && env.Addresses == "pinned" {
				n.Pin = PinMissing
			}
		}
		t.Names = append(t.Names, n)
	}
	for _, k := range env.Keys {
		if k.Use == "owner" {
			t.Owners[k.Name] = addressOf(env, k)
		}
	}
	return t
}
