package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Loose is a plan file of another version of the tool, as far as this one
// understands it: to be shown, never to be applied or signed.
type Loose struct {
	Plan *Plan
	// Format is what the file calls itself.
	Format string
	// Intact says that the file is, byte for byte, what its digest was made of. Only
	// a file of our own format must be.
	Intact bool
	// Lost names what is in the file and not in Plan, in the file's order.
	Lost []string
}

// DecodeLoosely reads a plan file for people to look at where Decode refuses it
// for its format or for fields that it does not know. It refuses what is no plan
// file at all, and, as Decode does, a file of our own format that was edited.
func DecodeLoosely(data []byte) (Loose, error) {
	if len(data) > MaxFileBytes {
		return Loose{}, fmt.Errorf("plan file has %d bytes, at most %d are read", len(data), MaxFileBytes)
	}
	_, strict := Decode(data)
	if strict == nil {
		return Loose{}, errors.New("this plan needs no guessing")
	}
	keys, values, err := members(data)
	if err != nil {
		return Loose{}, strict
	}
	l := Loose{Plan: new(Plan)}
	if json.Unmarshal(values["format"], &l.Format) != nil || !strings.HasPrefix(l.Format, "reconcile.plan/") {
		return Loose{}, strict
	}
	if l.Intact = intact(data, values["digest"]); l.Format == Format && !l.Intact {
		return Loose{}, strict
	}
	fields := fieldsOf(reflect.ValueOf(l.Plan).Elem())
	for _, key := range keys {
		field, known := fields[key]
		if !known {
			l.Lost = append(l.Lost, key)
			continue
		}
		l.Lost = append(l.Lost, fill(field, key, values[key])...)
	}
	l.Plan.normalise()
	return l, nil
}

// members are the top-level values of an object, by key, and the keys in order.
func members(data []byte) (keys []string, values map[string]json.RawMessage, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, nil, errors.Join(err, errors.New("no object"))
	}
	values = map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, nil, err
		}
		if _, twice := values[name]; twice {
			return nil, nil, fmt.Errorf("key %q stands there twice", name)
		}
		keys, values[name] = append(keys, name), value
	}
	_, err = dec.Token()
	return keys, values, err
}

// intact reports whether a file has the digest that it states, whatever its
// fields mean: the digest is one of the compact file with an empty digest.
func intact(data []byte, stated json.RawMessage) bool {
	var digest string
	if json.Unmarshal(stated, &digest) != nil || digest == "" {
		return false
	}
	key := []byte(`"digest":`)
	var compact bytes.Buffer
	if json.Compact(&compact, data) != nil {
		return false
	}
	with := append(slices.Clone(key), stated...)
	bare := bytes.Replace(compact.Bytes(), with, append(key, `""`...), 1)
	sum := sha256.Sum256(bare)
	return digest == "sha256:"+hex.EncodeToString(sum[:])
}

// fieldsOf are the fields of a struct by their names in JSON.
func fieldsOf(object reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range object.NumField() {
		name, _, _ := strings.Cut(object.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = object.Field(i)
	}
	return fields
}

// fill decodes a value into a field, a list element by element, and names what
// of it did not fit. What fits in part is kept, and named too.
func fill(field reflect.Value, name string, value json.RawMessage) (lost []string) {
	var elements []json.RawMessage
	if field.Kind() != reflect.Slice || json.Unmarshal(value, &elements) != nil {
		kept, whole := read(field.Type(), value)
		field.Set(kept)
		if !whole {
			lost = append(lost, name)
		}
		return lost
	}
	for i, element := range elements {
		kept, whole := read(field.Type().Elem(), element)
		field.Set(reflect.Append(field, kept))
		if !whole {
			lost = append(lost, fmt.Sprintf("%s[%d]", name, i))
		}
	}
	return lost
}

// read decodes as much of a value as a type can hold, and says if that was all.
func read(t reflect.Type, value json.RawMessage) (kept reflect.Value, whole bool) {
	strict := reflect.New(t)
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if dec.Decode(strict.Interface()) == nil {
		return strict.Elem(), true
	}
	loose := reflect.New(t)
	if err := json.Unmarshal(value, loose.Interface()); err != nil && loose.Elem().Kind() != reflect.Struct {
		return reflect.Zero(t), false
	}
	return loose.Elem(), false
}
