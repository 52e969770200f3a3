package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Pin is what addresses.json says of one key.
type Pin struct {
	// Address with its EIP-55 checksum.
	Address string
	// ARN of the key in KMS, or of the secret that holds it; empty: not stated.
	ARN string
}

// String is the pin whole, as plans show and compare it.
func (p Pin) String() string { return strings.TrimSpace(p.ARN + " " + p.Address) }

// PinsFile is the path of an environment's addresses.json below the root.
func PinsFile(environment string) string { return path.Join(Folder, environment, addressesFile) }

// ParsePins reads addresses.json by itself: neither whether its keys are declared
// nor whether their ARNs fit is looked at. name is its path, for errors, which
// come back together as Errors.
func ParsePins(name string, data []byte) (map[string]Pin, error) {
	var faults faults
	pins := map[string]Pin{}
	for _, p := range parseAddresses(name, data, &faults) {
		pins[p.key] = p.Pin
	}
	return pins, faults.err()
}

// pin is one entry of addresses.json.
type pin struct {
	Pin
	key  string
	line int
}

// pinForm is how an entry is written.
const pinForm = `write {"<key name>": {"arn": "arn:aws:kms:…", "address": "0x…"}}`

// pinReader reads addresses.json token by token, so that each fault has its line.
type pinReader struct {
	*faults
	path string
	data []byte
	dec  *json.Decoder
}

// parseAddresses reads addresses.json, one object with each name once, addresses
// with their EIP-55 checksum. An entry that is an address alone is an older form
// of the same, without an ARN. Faults are positioned in that file.
func parseAddresses(path string, data []byte, faults *faults) []pin {
	r := &pinReader{faults: faults, path: path, data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	pins, err := r.all()
	if err != nil {
		faults.add(r.at(), "", pinForm, "%s", err)
		return nil
	}
	return pins
}

func (r *pinReader) at() resource.Source {
	return resource.Source{File: r.path, Line: lineOf(r.data, r.dec.InputOffset())}
}

func (r *pinReader) token() (json.Token, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %s", jsonCause(err))
	}
	return token, nil
}

func (r *pinReader) all() ([]pin, error) {
	if token, err := r.dec.Token(); err != nil || token != json.Delim('{') {
		return nil, fmt.Errorf("is not a JSON object")
	}
	var pins []pin
	seen := map[string]bool{}
	for r.dec.More() {
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		p, err := r.entry(name)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			r.add(r.at(), plainName(name), "", "is pinned twice")
		}
		seen[name] = true
		if message, hint := checksum(p.Address); message != "" {
			r.add(r.at(), plainName(name), hint, "%s", message)
			continue
		}
		pins = append(pins, p)
	}
	if _, err := r.token(); err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("holds something after its object")
	}
	return pins, nil
}

// entry reads what is said of one key.
func (r *pinReader) entry(name string) (pin, error) {
	p := pin{key: name}
	token, err := r.token()
	if err != nil {
		return p, err
	}
	p.line = r.at().Line
	switch value := token.(type) {
	case string:
		p.Address = value
		return p, nil
	case json.Delim:
		if value == '{' {
			return p, r.fields(&p)
		}
	}
	return p, fmt.Errorf("the entry of %s is no object", plainName(name))
}

// fields reads an entry's object: address, and arn where one is stated.
func (r *pinReader) fields(p *pin) error {
	into := map[string]*string{"address": &p.Address, "arn": &p.ARN}
	seen := map[string]bool{}
	for r.dec.More() {
		token, err := r.token()
		if err != nil {
			return err
		}
		field, _ := token.(string)
		if token, err = r.token(); err != nil {
			return err
		}
		value, isText := token.(string)
		switch {
		case into[field] == nil:
			return fmt.Errorf("%s: %s: unknown field", plainName(p.key), plainName(field))
		case seen[field]:
			return fmt.Errorf("%s: %s stands twice", plainName(p.key), field)
		case !isText || value == "":
			return fmt.Errorf("%s: %s is no text", plainName(p.key), field)
		}
		seen[field], *into[field] = true, value
	}
	if !seen["address"] {
		return fmt.Errorf("%s: has no address", plainName(p.key))
	}
	_, err := r.token()
	return err
}

func jsonCause(err error) string {
	if err == io.EOF {
		return io.ErrUnexpectedEOF.Error()
	}
	return err.Error()
}

// pins reads addresses.json into the environment.
func (l *lowering) pins(files []file) {
	l.env.Pins, l.env.PinnedARNs = map[string]string{}, map[string]string{}
	f := find(files, addressesFile)
	if f == nil {
		return
	}
	var names []string
	for _, key := range l.env.Keys {
		names = append(names, key.Name)
	}
	taken := map[string]string{}
	for _, p := range parseAddresses(f.path, f.data, &l.faults) {
		at := resource.Source{File: f.path, Line: p.line}
		key, ok := l.env.Key(p.key)
		if !ok {
			hint := meant(p.key, names)
			if !strings.HasPrefix(hint, "did you mean") {
				hint = "take it out: reconcile addresses " + l.env.Name + " --write"
			}
			l.add(at, plainName(p.key), hint, "no key of this name in the environment")
			continue
		}
		for _, id := range []string{p.Address, p.ARN} {
			if other, twice := taken[strings.ToLower(id)]; twice {
				l.add(at, p.key, "", "%s is also pinned for %s", plainARN(id), other)
			} else if id != "" {
				taken[strings.ToLower(id)] = p.key
			}
		}
		l.env.Pins[p.key] = p.Address
		if p.ARN == "" {
			continue
		}
		if message, hint := arnFault(key, l.env.AWS.Account, p.ARN); message != "" {
			l.add(at, p.key, hint, "%s", message)
		}
		l.env.PinnedARNs[p.key] = p.ARN
	}
}

// arnFault says why an ARN cannot be that of a key of this environment (KMS
// Developer Guide, "Key ARN"; Secrets Manager User Guide, "ARN format").
func arnFault(key Key, account, arn string) (message, hint string) {
	service, prefix := "kms", "key/"
	switch key.Holder {
	case "keystore":
		return plainARN(arn) + " is stated for a key in a file, which has none", "leave arn out"
	case "hex":
		service, prefix = "secretsmanager", "secret:"
	}
	hint = fmt.Sprintf("write arn:aws:%s:%s:%s:%s…, as reconcile keys ENV --wide prints it", service, key.Region, account, prefix)
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != service {
		return fmt.Sprintf("%s is not the ARN of a key that %s holds", plainARN(arn), key.Holder), hint
	}
	id, named := strings.CutPrefix(parts[5], prefix)
	if !named || id == "" || plainARN(arn) != arn {
		return fmt.Sprintf("%s names no key", plainARN(arn)), hint
	}
	if parts[3] != key.Region || parts[4] != account {
		return fmt.Sprintf("is in %s of account %s, the key is declared in %s of %s", plainARN(parts[3]), plainARN(parts[4]), key.Region, account), hint
	}
	return "", ""
}

// plainARN prints an ARN from outside: as it is where it holds nothing but what
// names of keys and secrets may, quoted and escaped otherwise.
func plainARN(arn string) string {
	plain := strings.IndexFunc(arn, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(":/_+=.@-", c))
	}) < 0
	if plain && len(arn) <= 2048 {
		return arn
	}
	return shorten(strconv.Quote(arn))
}

// FormatPins writes addresses.json: sorted by key, one line each, so that a
// pull request shows exactly what changes.
func FormatPins(pins map[string]Pin) []byte {
	var b bytes.Buffer
	b.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(pins)) {
		if i > 0 {
			b.WriteString(",")
		}
		arn := ""
		if pins[name].ARN != "" {
			arn = "\"arn\": " + quoted(pins[name].ARN) + ", "
		}
		b.WriteString("\n  " + quoted(name) + ": {" + arn + "\"address\": " + quoted(pins[name].Address) + "}")
	}
	if len(pins) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}

func quoted(text string) string {
	data, _ := json.Marshal(text) // a string is never refused
	return string(data)
}

// withoutPins hides addresses.json of one environment.
type withoutPins struct {
	fs.FS
	path string
}

// ReadDir lists a folder without it.
func (w withoutPins) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return path.Join(name, e.Name()) == w.path }), err
}

// Lstat and ReadLink are those of the tree.
func (w withoutPins) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(w.FS, name) }
func (w withoutPins) ReadLink(name string) (string, error)   { return fs.ReadLink(w.FS, name) }
