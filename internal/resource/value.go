package resource

import (
	"bytes"
	"encoding/json"
)

// Value is a text that may not be known yet: either a literal or a Ref. Kinds
// use it in their specs for an address or an ARN that another resource will
// output. In JSON it is the plain string or the ref object.
type Value struct {
	Literal string
	Ref     *Ref
}

// Literal makes a known Value.
func Literal(s string) Value { return Value{Literal: s} }

// RefTo makes a Value that an output will fill.
func RefTo(id ID, output string) Value { return Value{Ref: &Ref{ID: id, Output: output}} }

// Known reports whether the value is a literal.
func (v Value) Known() bool { return v.Ref == nil }

// String prints the literal, or the ref.
func (v Value) String() string {
	if v.Ref != nil {
		return v.Ref.String()
	}
	return v.Literal
}

// MarshalJSON writes the string or the ref object.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.Ref != nil {
		return v.Ref.MarshalJSON()
	}
	return Canonical(v.Literal)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		var ref Ref
		if err := ref.UnmarshalJSON(data); err != nil {
			return err
		}
		*v = Value{Ref: &ref}
		return nil
	}
	*v = Value{}
	return json.Unmarshal(data, &v.Literal)
}
