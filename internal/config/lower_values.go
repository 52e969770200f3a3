package config

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

func typesOf(arguments abi.Arguments) []abi.Type {
	types := make([]abi.Type, len(arguments))
	for i, a := range arguments {
		types[i] = a.Type
	}
	return types
}

// articleOf is the article of a type: an address, an int256, a uint8.
func articleOf(name string) string {
	if strings.HasPrefix(name, "address") || strings.HasPrefix(name, "int") {
		return "an"
	}
	return "a"
}

// values lowers a list of values, one for each type.
func (k *contracting) values(at cue.Path, raw []rawValue, types []abi.Type) []Want {
	if len(raw) != len(types) {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = t.String()
		}
		k.fault(at, "", "has %d, needs %d values: (%s)", len(raw), len(types), strings.Join(names, ", "))
		return nil
	}
	var values []Want
	for i, v := range raw {
		values = append(values, k.value(at.Append(cue.Index(i)), v, types[i]))
	}
	return values
}

// value lowers one value of a type: a literal, or a reference.
func (k *contracting) value(at cue.Path, raw rawValue, t abi.Type) Want {
	r := raw.Reference
	if r == nil {
		return Want{Literal: k.literal(at, raw.Literal, t)}
	}
	stated := 0
	for _, set := range []bool{r.Key != "", r.Safe != "", r.Contract != "", r.Domain != "", r.Want} {
		if set {
			stated++
		}
	}
	if stated != 1 {
		k.fault(at, "write {key: \"…\"}, {safe: \"…\"}, {contract: \"…\"} or {domain: \"…\"}", "a reference is one of key, safe, contract and domain, this states %d", stated)
		return Want{}
	}
	switch {
	case r.Want:
		return Want{Wanted: true}
	case r.Key != "":
		return k.keyValue(at, r.Key, t)
	case r.Domain != "":
		if !k.known(at.Append(cue.Str("domain")), r.Domain) {
			return Want{}
		}
		network, _ := k.env.Network(r.Domain)
		return Want{Literal: k.literal(at, itoa(int(network.DomainID)), t)}
	default:
		return k.placeValue(at, *r, t)
	}
}

// literal reads a value as its contract would and writes it as results are
// written, so that the two can be compared. Addresses carry their checksum; the
// zero address is a value like others here.
func (k *contracting) literal(at cue.Path, text string, t abi.Type) string {
	if t.T == abi.AddressTy && text != (common.Address{}).Hex() {
		k.address(at, text)
		return text
	}
	value, err := evm.Parse(t, text)
	if err != nil {
		k.fault(at, "", "%s", err)
		return ""
	}
	return evm.Format(value)
}

// keyValue is the address of a key, known once the key is there.
func (k *contracting) keyValue(at cue.Path, name string, t abi.Type) Want {
	at = at.Append(cue.Str("key"))
	var names []string
	for _, key := range k.env.Keys {
		names = append(names, key.Name)
	}
	if _, known := k.env.Key(name); !known {
		k.fault(at, meant(name, names), "no key %q in this environment", name)
	}
	if t.T != abi.AddressTy {
		k.fault(at, "", "the address of a key is an address, this is %s %s", articleOf(t.String()), t.String())
	}
	return Want{Key: name}
}

// placeValue is the address of a Safe or contract: one on the same network, or one
// of any network where a word of 32 bytes is meant, as messages between networks
// hold addresses. It is empty while this contract is not deployed either.
func (k *contracting) placeValue(at cue.Path, r rawReference, t abi.Type) Want {
	network := k.raw.Network
	word := t.T == abi.FixedBytesTy && t.Size == 32
	if t.T != abi.AddressTy && !word {
		k.fault(at, "", "is an address, this is %s %s", articleOf(t.String()), t.String())
		return Want{}
	}
	name, address, ok := r.Contract, "", false
	if r.Safe != "" {
		name = r.Safe
		address, ok = k.safeOn(at.Append(cue.Str("safe")), r.Safe, network)
	} else {
		if word {
			network = ""
		}
		address, ok = k.contractOn(at.Append(cue.Str("contract")), r.Contract, network)
	}
	switch {
	case !ok:
	case address == "" && k.out.Address != "":
		k.fault(at, "state its address, or take this out until it is deployed", "%s is not deployed, and %s is, at %s", name, k.out.Name, k.out.Address)
	case address != "" && word:
		return Want{Literal: strings.ToLower(common.HexToHash(address).Hex())}
	}
	return Want{Literal: address}
}

// must lowers what an invariant demands: a value, a comparison, or code.
func (k *contracting) must(at cue.Path, raw rawValue, t abi.Type) string {
	if raw.Reference != nil {
		v := k.value(at, raw, t)
		if v.Key != "" || v.Wanted {
			k.fault(at, "make it a parameter without write: {read, want}", "an invariant holds whatever the keys are, this is %s", raw)
		}
		return v.Literal
	}
	text := raw.Literal
	if text == "code" || text == "no code" {
		if t.T != abi.AddressTy {
			k.fault(at, "", "%q is about an address, this is %s %s", text, articleOf(t.String()), t.String())
		}
		return text
	}
	for _, operator := range []string{">= ", "<= ", "!= "} {
		value, compares := strings.CutPrefix(text, operator)
		if !compares {
			continue
		}
		if operator != "!= " && t.T != abi.UintTy && t.T != abi.IntTy {
			k.fault(at, "", "%q compares numbers, this is %s %s", text, articleOf(t.String()), t.String())
			return ""
		}
		return operator + k.literal(at, value, t)
	}
	return k.literal(at, text, t)
}

// event reads an event whose last argument switches the others on and off, and
// gives the types of those others. Only what a log holds as it is can be read
// back: an indexed string is its hash.
func (k *contracting) event(at cue.Path, text string) ([]abi.Type, bool) {
	const hint = "such as WatcherPermissionSet(uint32 indexed,address,bool)"
	plain := strings.ReplaceAll(text, " indexed", "")
	method, err := evm.ParseMethod(plain)
	types := typesOf(method.Inputs)
	switch {
	case err != nil:
		k.fault(at, hint, "%s is not an event: %s", text, strings.TrimPrefix(err.Error(), `"`+plain+`" is not a method: `))
	case len(method.Outputs) > 0:
		k.fault(at, hint, "%s is not an event", text)
	case strings.Count(text, " indexed") > 3:
		k.fault(at, hint, "has %d indexed arguments, a log has 3 at most", strings.Count(text, " indexed"))
	case len(types) < 2 || types[len(types)-1].T != abi.BoolTy || strings.HasSuffix(text, " indexed)"):
		k.fault(at, hint, "does not end with a bool that switches the others on and off")
	case slices.ContainsFunc(types, func(t abi.Type) bool {
		return !slices.Contains([]byte{abi.AddressTy, abi.BoolTy, abi.UintTy, abi.IntTy, abi.FixedBytesTy}, t.T)
	}):
		k.fault(at, hint, "holds a list, a tuple, a string or bytes, which a log does not tell apart")
	default:
		return types[:len(types)-1], true
	}
	return nil, false
}
