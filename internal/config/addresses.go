package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// pin is one line of addresses.json.
type pin struct {
	key, address string
	line         int
}

// parseAddresses reads addresses.json, {"<key name>": "0x…"}: one flat object,
// each name once, addresses with their EIP-55 checksum. Faults are positioned
// in that file.
func parseAddresses(path string, data []byte, faults *faults) []pin {
	at := func(offset int64) resource.Source {
		return resource.Source{File: path, Line: 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	fail := func(format string, args ...any) []pin {
		faults.add(at(dec.InputOffset()), "", "write {\"<key name>\": \"0x…\"}", format, args...)
		return nil
	}
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return fail("is not a JSON object")
	}
	var pins []pin
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return fail("is not JSON: %s", jsonCause(err))
		}
		name, _ := token.(string)
		token, err = dec.Token()
		if err != nil {
			return fail("is not JSON: %s", jsonCause(err))
		}
		address, isText := token.(string)
		here := at(dec.InputOffset())
		if !isText {
			return fail("the address of %q is not a string", name)
		}
		if seen[name] {
			faults.add(here, plainName(name), "", "is pinned twice")
		}
		seen[name] = true
		if message, hint := checksum(address); message != "" {
			faults.add(here, plainName(name), hint, "%s", message)
			continue
		}
		pins = append(pins, pin{key: name, address: address, line: here.Line})
	}
	if _, err := dec.Token(); err != nil {
		return fail("is not JSON: %s", jsonCause(err))
	}
	if _, err := dec.Token(); err != io.EOF {
		return fail("holds something after its object")
	}
	return pins
}

func jsonCause(err error) string {
	if err == io.EOF {
		return io.ErrUnexpectedEOF.Error()
	}
	return err.Error()
}

// pins reads addresses.json into the environment.
func (l *lowering) pins(files []file) {
	l.env.Pins = map[string]string{}
	f := find(files, addressesFile)
	if f == nil {
		return
	}
	var names []string
	for _, key := range l.env.Keys {
		names = append(names, key.Name)
	}
	owners := map[string]string{}
	for _, p := range parseAddresses(f.path, f.data, &l.faults) {
		at := resource.Source{File: f.path, Line: p.line}
		if _, ok := l.env.Key(p.key); !ok {
			l.add(at, plainName(p.key), meant(p.key, names), "no key of this name in the environment")
			continue
		}
		lower := strings.ToLower(p.address)
		if other, twice := owners[lower]; twice {
			l.add(at, p.key, "", "%s is also pinned for %s", p.address, other)
		}
		owners[lower] = p.key
		l.env.Pins[p.key] = p.address
	}
}

// FormatPins writes addresses.json: sorted by key, one line each, so that a
// pull request shows exactly what changes.
func FormatPins(pins map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(pins)) {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n  %q: %q", name, pins[name])
	}
	if len(pins) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}
