package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Ways to the code in force of a contract (Contract.Through).
const (
	ThroughEIP1967 = "eip1967"
	ThroughBeacon  = "beacon"
)

// placeContracts finds where each declared contract is, with the code that its
// deployment pins.
func (c *chaining) placeContracts() {
	owners := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.doc.raw.Contracts)) {
		raw, at := c.doc.raw.Contracts[name], in("contracts", name)
		if !c.alive(at.Append(cue.Str("network")), raw.Network) {
			continue
		}
		found := c.place(at.Append(cue.Str("address")), raw.Network, raw.Address)
		c.contracts[name] = found
		place := raw.Network + " " + strings.ToLower(found.Address)
		if other := owners[place]; other != "" && found.Address != "" {
			c.fault(at.Append(cue.Str("address")), "", "%s on %s is also contract %s", found.Address, raw.Network, other)
		}
		owners[place] = name
	}
}

// lowerContracts lowers the contracts, by network and name.
func (c *chaining) lowerContracts() {
	for _, name := range slices.Sorted(maps.Keys(c.doc.raw.Contracts)) {
		found, placed := c.contracts[name]
		if !placed {
			continue
		}
		raw, at := c.doc.raw.Contracts[name], in("contracts", name)
		k := contracting{chaining: c, at: at, raw: raw, out: Contract{
			Name: name, Network: raw.Network, Address: found.Address, CodeHash: cmp.Or(raw.CodeHash, found.CodeHash),
			Through: raw.Through, ImplementationHash: raw.ImplementationHash, Managed: raw.Managed, Source: c.doc.at(at),
		}}
		if raw.Through != "" { // of a factory, it is what clones are made of
			k.out.Implementation, k.out.ImplementationHash = found.Implementation, cmp.Or(raw.ImplementationHash, found.ImplementationHash)
		}
		k.code()
		if raw.Owner != nil {
			if owner, ok := c.party(at.Append(cue.Str("owner")), *raw.Owner, raw.Network); ok {
				k.out.Owner = &owner
			}
		}
		k.parameters()
		k.invariants()
		k.scans()
		c.env.Contracts = append(c.env.Contracts, k.out)
	}
	slices.SortFunc(c.env.Contracts, func(a, b Contract) int {
		return cmp.Or(strings.Compare(a.Network, b.Network), strings.Compare(a.Name, b.Name))
	})
}

// contracting lowers one contract.
type contracting struct {
	*chaining
	at  cue.Path
	raw rawContract
	out Contract
}

func (k *contracting) field(steps ...any) cue.Path {
	return cue.MakePath(slices.Concat(k.at.Selectors(), in(steps...).Selectors())...)
}

// code lowers what is said of the code in force.
func (k *contracting) code() {
	raw := k.raw
	if raw.Beacon != "" {
		k.out.Beacon = k.place(k.field("beacon"), raw.Network, raw.Beacon).Address
	}
	if raw.Implementation != "" {
		k.out.Implementation = k.place(k.field("implementation"), raw.Network, raw.Implementation).Address
	}
	if raw.Through != ThroughBeacon && raw.Beacon != "" {
		k.fault(k.field("beacon"), "through: \"beacon\"", "is for code found through a beacon")
	}
	for name, stated := range map[string]string{"implementation": raw.Implementation, "implementationHash": raw.ImplementationHash} {
		if stated != "" && raw.Through == "" {
			k.fault(k.field(name), "through: \"eip1967\" or \"beacon\"; or codeHash, for the contract's own code", "is for a proxy, and nothing says how its code is found")
		}
	}
	for name, hash := range map[string]string{"codeHash": raw.CodeHash, "implementationHash": raw.ImplementationHash} {
		if hash != "" && !validHash(hash) {
			k.fault(k.field(name), "", "%s stands for no code", hash)
		}
	}
}

// method parses a read: it gives one value.
func (k *contracting) method(at cue.Path, text string) (evm.Method, bool) {
	method, err := evm.ParseMethod(text)
	switch {
	case err != nil:
		k.fault(at, "", "%s", err)
	case len(method.Outputs) != 1:
		k.fault(at, "write its result: owner()(address)", "%s gives %d values, a read gives 1", text, len(method.Outputs))
	default:
		return method, true
	}
	return method, false
}

func (k *contracting) parameters() {
	read := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(k.raw.Parameters)) {
		raw, at := k.raw.Parameters[name], k.field("parameters", name)
		before := len(k.list)
		method, ok := k.method(at.Append(cue.Str("read")), raw.Read)
		if !ok {
			continue
		}
		p := Parameter{Name: name, Read: raw.Read, Write: raw.Write, Source: k.doc.at(at)}
		p.Args = k.values(at.Append(cue.Str("args")), raw.Args, typesOf(method.Inputs))
		p.Want = k.value(at.Append(cue.Str("want")), raw.Want, method.Outputs[0].Type)
		p.WriteArgs = k.write(at, raw, p.Want, method)
		if len(k.list) > before {
			continue
		}
		what := raw.Read + " " + written(p.Args)
		if other := read[what]; other != "" {
			k.fault(at, "", "reads what parameter %s reads", other)
		}
		read[what] = name
		k.out.Parameters = append(k.out.Parameters, p)
	}
}

// written tells lists of values apart.
func written(values []Want) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(v.Key + "\x00" + v.Literal + "\x00")
	}
	return b.String()
}

// write lowers what writes a parameter.
func (k *contracting) write(at cue.Path, raw rawParameter, want Want, read evm.Method) []Want {
	here, list := at.Append(cue.Str("write")), at.Append(cue.Str("writeArgs"))
	if raw.Write == "" {
		if len(raw.WriteArgs) > 0 {
			k.fault(list, "take it out, or say what they are for: write", "are the arguments of nothing")
		}
		return nil
	}
	method, err := evm.ParseMethod(raw.Write)
	switch {
	case err != nil:
		k.fault(here, "", "%s", err)
		return nil
	case len(method.Outputs) > 0 || method.Signature != raw.Write:
		k.fault(here, "write \""+method.Signature+"\"", "is not the signature of a method alone")
		return nil
	case !k.raw.Managed:
		k.fault(here, "take it out, or managed: true", "writes to a contract that is not managed")
	case k.env.Governance.Calls[raw.Write] == "" && Delegates(raw.Write):
		k.fault(here, "", "%s lets a contract run code or calls of its caller's choice: no plan writes by it", raw.Write)
	case k.env.Governance.Calls[raw.Write] == "":
		k.fault(here, "gates: calls: \""+raw.Write+"\": \""+leastRisk(raw.Write)+"\"", "%s is not among the methods that gates.calls lists", raw.Write)
	}
	args := raw.WriteArgs
	if args == nil && len(method.Inputs) == 1 {
		args = []rawValue{{Reference: &rawReference{Want: true}}}
	}
	if args == nil && len(method.Inputs) > 1 {
		k.fault(list, "writeArgs: [{want: true}, …]", "is missing: %s has %d arguments", raw.Write, len(method.Inputs))
		return nil
	}
	return k.arguments(list, args, method, read)
}

// leastRisk is the risk that a method may be listed with.
func leastRisk(signature string) string {
	if heavy(signature) {
		return "destructive"
	}
	return "sensitive"
}

// arguments lowers those of a write, among which the wanted value must be.
func (k *contracting) arguments(at cue.Path, raw []rawValue, method, read evm.Method) []Want {
	wanted := 0
	for i, v := range raw {
		if v.Reference == nil || !v.Reference.Want || i >= len(method.Inputs) {
			continue
		}
		wanted++
		if have, need := method.Inputs[i].Type.String(), read.Outputs[0].Type.String(); have != need {
			k.fault(at.Append(cue.Index(i)), "", "%s takes %s %s here, %s gives %s %s", method.Signature, articleOf(have), have, read.Signature, articleOf(need), need)
		}
	}
	values := k.values(at, raw, typesOf(method.Inputs))
	if wanted == 0 {
		k.fault(at, "write {want: true} where the wanted value goes", "does not hold the wanted value")
	}
	return values
}

func (k *contracting) invariants() {
	for _, name := range slices.Sorted(maps.Keys(k.raw.Invariants)) {
		raw, at := k.raw.Invariants[name], k.field("invariants", name)
		before := len(k.list)
		method, ok := k.method(at.Append(cue.Str("read")), raw.Read)
		if !ok {
			continue
		}
		i := Invariant{Name: name, Read: raw.Read, Reason: raw.Reason, Source: k.doc.at(at)}
		i.Args = k.values(at.Append(cue.Str("args")), raw.Args, typesOf(method.Inputs))
		i.Must = k.must(at.Append(cue.Str("must")), raw.Must, method.Outputs[0].Type)
		if len(k.list) == before {
			k.out.Invariants = append(k.out.Invariants, i)
		}
	}
}

func (k *contracting) scans() {
	for _, name := range slices.Sorted(maps.Keys(k.raw.Scans)) {
		raw, at := k.raw.Scans[name], k.field("scans", name)
		before := len(k.list)
		types, ok := k.event(at.Append(cue.Str("event")), raw.Event)
		if !ok {
			continue
		}
		s := Scan{Name: name, Event: raw.Event, From: raw.From, Source: k.doc.at(at)}
		seen := map[string]int{}
		for i, entry := range raw.Want {
			here := at.Append(cue.Str("want"), cue.Index(i))
			values := k.values(here, entry, types)
			if first, twice := seen[written(values)]; twice && len(values) > 0 {
				k.fault(here, "", "is also want[%d]", first)
			}
			seen[written(values)] = i
			s.Want = append(s.Want, values)
		}
		if len(k.list) == before {
			k.out.Scans = append(k.out.Scans, s)
		}
	}
}
