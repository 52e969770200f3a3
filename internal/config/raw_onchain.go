package config

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// The raw types of the chain side, field by field as in the schema.

type rawValidatorSet struct {
	Type         string
	Managed      bool
	Threshold    int
	Members      []rawMember
	Destinations *rawNames
	Grace        string
	Reason       string
	Unproven     []rawUnproven
}

type rawMember struct{ Agent, Address, Alias, Operator, Account, Region string }

type rawUnproven struct{ Member, Reason, Expires string }

type rawValidators struct{ Floor rawFloor }

type rawFloor struct {
	Members   int
	Threshold string
}

// rawNames is the word all or a list of names.
type rawNames struct {
	All  bool
	List []string
}

// UnmarshalJSON reads "all" or a list; the schema admits nothing else.
func (n *rawNames) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		n.All = true
		return nil
	}
	return json.Unmarshal(data, &n.List)
}

type rawSafe struct {
	Networks        rawAddresses
	Owners          []rawParty
	Threshold       int
	Version         string
	Modules         []string
	Guard           string
	FallbackHandler string
	Services        map[string]string
	ServiceKey      string
	Delegate        string
	Managed         bool
	Execute         bool
}

// rawAddresses is the word all, or an address or the word deployment by network.
type rawAddresses struct {
	All bool
	On  map[string]string
}

// UnmarshalJSON reads "all" or an object; the schema admits nothing else.
func (a *rawAddresses) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		a.All = true
		return nil
	}
	return json.Unmarshal(data, &a.On)
}

type rawParty struct{ Key, Safe, Contract, Address string }

type rawContract struct {
	Network            string
	Address            string
	CodeHash           string
	Through            string
	Beacon             string
	Implementation     string
	ImplementationHash string
	Owner              *rawParty
	Managed            bool
	Parameters         map[string]rawParameter
	Invariants         map[string]rawInvariant
	Scans              map[string]rawScan
}

type rawParameter struct {
	Read      string
	Args      []rawValue
	Want      rawValue
	Write     string
	WriteArgs []rawValue
}

type rawInvariant struct {
	Read   string
	Args   []rawValue
	Must   rawValue
	Reason string
}

type rawScan struct {
	Event string
	From  uint64
	Want  [][]rawValue
}

// rawValue is a literal as text, or a reference.
type rawValue struct {
	Literal   string
	Quoted    bool // the literal was written as a string
	Reference *rawReference
}

type rawReference struct {
	Key, Safe, Contract, Domain string
	Want                        bool
}

// UnmarshalJSON reads a string, a number, a boolean or an object; the schema
// admits nothing else.
func (v *rawValue) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '{':
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		return dec.Decode(&v.Reference)
	case '"':
		v.Quoted = true
		return json.Unmarshal(data, &v.Literal)
	default:
		v.Literal = string(data)
		return nil
	}
}

// String is the value as its owner wrote it.
func (v rawValue) String() string {
	switch r := v.Reference; {
	case r == nil && v.Quoted:
		return strconv.Quote(shorten(v.Literal))
	case r == nil:
		return shorten(v.Literal)
	case r.Want:
		return "{want: true}"
	default:
		for _, f := range []struct{ field, name string }{{"key", r.Key}, {"safe", r.Safe}, {"contract", r.Contract}, {"domain", r.Domain}} {
			if f.name != "" {
				return "{" + f.field + ": " + strconv.Quote(f.name) + "}"
			}
		}
		return "{}"
	}
}
