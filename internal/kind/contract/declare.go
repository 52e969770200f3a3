package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// declare makes one resource per contract that is deployed.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	var objects []kind.Object[Spec]
	for _, c := range env.Contracts {
		network, known := env.Network(c.Network)
		if !known || network.State == config.Retired || c.Address == "" {
			continue
		}
		d := declaring{env: env, network: network, contract: c}
		object := kind.Object[Spec]{ID: c.ResourceID(), Mode: resource.Managed, Spec: d.spec(), Why: []resource.Source{c.Source}}
		if !c.Managed {
			object.Mode = resource.Observed
		}
		if d.fault != nil {
			return nil, fmt.Errorf("%s: %w", object.ID, d.fault)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// declaring turns one contract into its resource, and keeps the first fault.
type declaring struct {
	env      *config.Environment
	network  config.Network
	contract config.Contract
	pins     map[string]string
	fault    error
}

func (d *declaring) spec() Spec {
	c := d.contract
	d.pins = map[string]string{}
	s := Spec{
		Address: c.Address, CodeHash: c.CodeHash, Beacon: c.Beacon, Implementation: c.Implementation, ImplementationHash: c.ImplementationHash,
		Parameters: map[string]resource.Value{}, Scans: map[string][][]resource.Value{},
		Terms: &Terms{Terms: call.TermsOf(d.env, d.network.Name), Through: c.Through, Ways: map[string]Way{}, Invariants: map[string]Must{}},
	}
	if c.Owner != nil {
		s.Owner = d.party(*c.Owner)
	}
	for _, p := range c.Parameters {
		s.Parameters[p.Name], s.Terms.Ways[p.Name] = d.value(p.Want), d.way(p)
	}
	for _, scan := range c.Scans {
		s.Scans[scan.Name] = d.entries(scan)
	}
	for _, i := range c.Invariants {
		s.Terms.Invariants[i.Name] = Must{Read: called(i.Read, i.Args), Must: i.Must, Reason: i.Reason}
	}
	s.Terms.Keys = d.keys(s.writable())
	s.Terms.Pins = d.pins
	return s
}

// writable reports whether any parameter has a write.
func (s Spec) writable() bool {
	if s.Terms == nil {
		return false
	}
	for _, w := range s.Terms.Ways {
		if w.Write != "" {
			return true
		}
	}
	return false
}

// keys are those whose addresses must be known before the contract is read: what it
// is asked about, and, where it is written, who may turn out to own it.
func (d *declaring) keys(written bool) map[string]resource.Value {
	keys := map[string]resource.Value{}
	for _, k := range d.env.Keys {
		if written && k.Use == "owner" {
			keys[k.Name] = d.key(k.Name)
		}
	}
	add := func(args []config.Want) {
		for _, a := range args {
			if a.Key != "" {
				keys[a.Key] = d.key(a.Key)
			}
		}
	}
	for _, p := range d.contract.Parameters {
		add(p.Args)
	}
	for _, i := range d.contract.Invariants {
		add(i.Args)
	}
	return keys
}

// key is the address of a key: its output, or its pin where nothing outputs it.
func (d *declaring) key(name string) resource.Value {
	key, known := d.env.Key(name)
	pin := d.env.Pins[name]
	switch {
	case !known:
		d.fault = cmp.Or(d.fault, fmt.Errorf("no key %q", name))
	case pin != "":
		d.pins[name] = pin
	case d.env.Addresses == "pinned":
		d.pins[name] = PinMissing
	}
	if known && key.Holder == "keystore" {
		if pin == "" {
			d.fault = cmp.Or(d.fault, fmt.Errorf("key %s is in a file: its address must stand in addresses.json", name))
		}
		return resource.Literal(pin)
	}
	return resource.RefTo(key.ResourceID(), "address")
}

func (d *declaring) value(w config.Want) resource.Value {
	if w.Key != "" {
		return d.key(w.Key)
	}
	return resource.Literal(w.Literal)
}

// party is the address of an owner; empty where it has none yet.
func (d *declaring) party(p config.Party) resource.Value {
	if p.Key != "" {
		return d.key(p.Key)
	}
	return call.PartyValue(d.env, d.network.Name, p)
}

func (d *declaring) way(p config.Parameter) Way {
	w := Way{Read: called(p.Read, p.Args), Write: p.Write}
	for _, a := range slices.Concat([]config.Want{p.Want}, p.WriteArgs) {
		if a.Key != "" && !slices.Contains(w.Keys, a.Key) {
			w.Keys = append(w.Keys, a.Key)
		}
	}
	if p.Write == "" {
		return w
	}
	w.Risk = d.env.Governance.Calls[p.Write]
	for _, a := range p.WriteArgs {
		if a.Wanted {
			w.Args = append(w.Args, Argument{Wanted: true})
		} else {
			w.Args = append(w.Args, Argument{Value: d.value(a)})
		}
	}
	return w
}

// entries of a scan, in one order.
func (d *declaring) entries(s config.Scan) [][]resource.Value {
	entries := [][]resource.Value{}
	for _, e := range s.Want {
		var entry []resource.Value
		for _, w := range e {
			entry = append(entry, d.value(w))
		}
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b []resource.Value) int { return strings.Compare(joined(a), joined(b)) })
	return entries
}

// joined is an entry as one text.
func joined(entry []resource.Value) string {
	texts := make([]string, len(entry))
	for i, v := range entry {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

// called is a read with its arguments, for people.
func called(signature string, args []config.Want) string {
	if len(args) == 0 {
		return signature
	}
	texts := make([]string, len(args))
	for i, a := range args {
		if texts[i] = a.Literal; a.Key != "" {
			texts[i] = "key " + a.Key
		}
	}
	if m, err := evm.ParseMethod(signature); err == nil {
		name, _, _ := strings.Cut(m.Signature, "(")
		return name + "(" + strings.Join(texts, ", ") + ")"
	}
	return signature
}
