package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Attrs are the attributes of a resource or the parameters of a step: a JSON
// object whose leaves are strings, booleans, json.Number or a Ref. Absent means
// not managed, empty means wanted empty. Wei and other big integers travel as
// decimal strings. Attrs never hold a secret.
type Attrs map[string]any

// refKey marks an object as a Ref: {"$ref": "kind/scope/name#output"}.
const refKey = "$ref"

// MarshalJSON writes {"$ref": "kind/scope/name#output"}.
func (r Ref) MarshalJSON() ([]byte, error) {
	return Canonical(map[string]string{refKey: r.String()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Ref) UnmarshalJSON(data []byte) error {
	var object map[string]string
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	text, ok := object[refKey]
	if !ok || len(object) != 1 {
		return fmt.Errorf("not a ref: %s", data)
	}
	parsed, err := ParseRef(text)
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// ParseRef reads kind/scope/name#output.
func ParseRef(s string) (Ref, error) {
	at := strings.LastIndexByte(s, '#')
	if at < 0 || at == len(s)-1 {
		return Ref{}, fmt.Errorf("%q is not a ref (kind/scope/name#output)", s)
	}
	id, err := ParseID(s[:at])
	if err != nil {
		return Ref{}, err
	}
	return Ref{ID: id, Output: s[at+1:]}, nil
}

// Encode turns a kind's own struct into Attrs by way of its JSON form.
func Encode(spec any) (Attrs, error) {
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return ParseAttrs(data)
}

// Decode fills a kind's own struct from Attrs; a field that the struct does
// not have is an error, because it would otherwise be dropped in silence.
func (a Attrs) Decode(into any) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// ParseAttrs reads a JSON object, keeping numbers exact and turning ref
// objects into Ref values.
func ParseAttrs(data []byte) (Attrs, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the end of the attributes")
	}
	lifted, err := liftRefs(object)
	if err != nil {
		return nil, err
	}
	attrs, ok := lifted.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("attributes are a ref, want an object")
	}
	return attrs, nil
}

// UnmarshalJSON reads as ParseAttrs does.
func (a *Attrs) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		*a = nil
		return nil
	}
	parsed, err := ParseAttrs(data)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// Canonical returns the one JSON form of a value: keys sorted, no white space
// beyond what encoding/json writes, no HTML escapes. Equal values have equal
// bytes.
func Canonical(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Refs lists the refs anywhere inside the attributes, sorted, each once.
func (a Attrs) Refs() []Ref {
	var refs []Ref
	walk(map[string]any(a), func(r Ref) { refs = append(refs, r) })
	slices.SortFunc(refs, Ref.Compare)
	return slices.Compact(refs)
}

// Resolve returns a copy in which every ref that lookup knows is replaced by
// its value, and the refs that it does not know, sorted.
func (a Attrs) Resolve(lookup func(Ref) (string, bool)) (Attrs, []Ref) {
	var missing []Ref
	resolved := replace(map[string]any(a), func(r Ref) any {
		if value, ok := lookup(r); ok {
			return value
		}
		missing = append(missing, r)
		return r
	})
	object, _ := resolved.(map[string]any)
	slices.SortFunc(missing, Ref.Compare)
	return object, missing
}

// Plain gives the attributes with nothing in them but what ParseAttrs makes: a
// kind's own structs become objects, so that the same content has the same
// canonical form whether it was just made or read from a file.
func (a Attrs) Plain() (Attrs, error) {
	if a == nil || isPlain(map[string]any(a)) {
		return a, nil
	}
	return Encode(a)
}

func isPlain(v any) bool {
	switch v := v.(type) {
	case nil, string, bool, json.Number, Ref:
		return true
	case map[string]any:
		for _, element := range v {
			if !isPlain(element) {
				return false
			}
		}
		return true
	case []any:
		return !slices.ContainsFunc(v, func(element any) bool { return !isPlain(element) })
	default:
		return false
	}
}

// Clone copies the attributes deeply.
func (a Attrs) Clone() Attrs {
	if a == nil {
		return nil
	}
	copied, _ := replace(map[string]any(a), func(r Ref) any { return r }).(map[string]any)
	return copied
}

func liftRefs(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v[refKey]; ok {
			s, isText := text.(string)
			if !isText || len(v) != 1 {
				return nil, fmt.Errorf("malformed ref object")
			}
			return ParseRef(s)
		}
		for key, element := range v {
			lifted, err := liftRefs(element)
			if err != nil {
				return nil, err
			}
			v[key] = lifted
		}
		return v, nil
	case []any:
		for i, element := range v {
			lifted, err := liftRefs(element)
			if err != nil {
				return nil, err
			}
			v[i] = lifted
		}
		return v, nil
	default:
		return v, nil
	}
}

func walk(v any, visit func(Ref)) {
	switch v := v.(type) {
	case Ref:
		visit(v)
	case Attrs:
		walk(map[string]any(v), visit)
	case map[string]any:
		for _, element := range v {
			walk(element, visit)
		}
	case []any:
		for _, element := range v {
			walk(element, visit)
		}
	}
}

func replace(v any, with func(Ref) any) any {
	switch v := v.(type) {
	case Ref:
		return with(v)
	case Attrs:
		return replace(map[string]any(v), with)
	case map[string]any:
		copied := make(map[string]any, len(v))
		for key, element := range v {
			copied[key] = replace(element, with)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, element := range v {
			copied[i] = replace(element, with)
		}
		return copied
	default:
		return v
	}
}
