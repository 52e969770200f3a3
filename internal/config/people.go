package config

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// defaultRemote is where approvals are kept when nothing is said: the default of
// the schema.
const defaultRemote = "origin"

type rawPeople struct{ People map[string]rawPerson }

type rawPerson struct {
	Keys       []string
	Emails     []string
	Forge      string
	Principals []string
	Addresses  []string
}

// people reads what all environments share, and the files that say who approves.
func (l *lowering) people(files []file) {
	g := &l.env.Governance
	g.Policies = policyFiles(files)
	if f := find(files, approversFile); f != nil {
		g.Approvers = f.data
	}
	if f := find(files, revokedFile); f != nil {
		g.Revoked = f.data
	}
	i := slices.IndexFunc(files, func(f file) bool { return f.path == peopleFile })
	if i < 0 {
		return
	}
	people, faults := lowerPeople(files[i])
	g.People = people
	l.list = append(l.list, faults...)
}

// lowerPeople evaluates people.cue by itself: no environment can add to it, and it
// can refer to none.
func lowerPeople(f file) ([]Person, Errors) {
	d, _, unified, err := unify(Folder, resource.Source{File: f.path, Line: 1}, []file{f}, "#People")
	var raw rawPeople
	if err == nil {
		err = decode(unified, &raw)
	}
	if all, ok := err.(Errors); ok {
		return nil, all
	}
	if err != nil {
		return nil, Errors{{Pos: resource.Source{File: f.path}, Msg: fmt.Sprintf("decode: %s", err)}}
	}
	c := census{doc: d, owners: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(raw.People)) {
		c.person(name, raw.People[name])
	}
	return c.list, c.faults.list
}

// census sees that what tells people apart is one person's.
type census struct {
	faults
	doc    *document
	list   []Person
	owners map[string]string
}

func (c *census) fault(at cue.Path, hint, format string, args ...any) {
	c.add(c.doc.at(at), at.String(), hint, format, args...)
}

// person lowers one. Lists are sorted: their order says nothing.
func (c *census) person(name string, raw rawPerson) {
	here := in("people", name)
	p := Person{Name: name, Forge: strings.ToLower(raw.Forge), Source: c.doc.at(here)}
	for i, text := range raw.Keys {
		at := in("people", name, "keys", i)
		key, cause := publicKey(text)
		if cause != "" {
			c.fault(at, "write the line of the .pub file: ssh-ed25519 AAAA…", "%s", cause)
			continue
		}
		c.claim(at, name, "key", shortKey(key), key, &p.Keys)
	}
	for i, email := range raw.Emails {
		email = strings.ToLower(email)
		c.claim(in("people", name, "emails", i), name, "e-mail address", email, email, &p.Emails)
	}
	if p.Forge != "" {
		c.claim(in("people", name, "forge"), name, "login", raw.Forge, p.Forge, new([]string))
	}
	for i, principal := range raw.Principals {
		if slices.Contains(p.Principals, principal) {
			c.fault(in("people", name, "principals", i), "", "%s is listed twice", principal)
			continue
		}
		p.Principals = append(p.Principals, principal) // two people may become one role
	}
	for i, address := range raw.Addresses {
		at := in("people", name, "addresses", i)
		if message, hint := checksum(address); message != "" {
			c.fault(at, hint, "%s", message)
			continue
		}
		c.claim(at, name, "address", address, address, &p.Addresses)
	}
	for _, list := range [][]string{p.Keys, p.Emails, p.Principals, p.Addresses} {
		slices.Sort(list)
	}
	c.list = append(c.list, p)
}

// claim adds what only one person may have.
func (c *census) claim(at cue.Path, name, what, shown, value string, list *[]string) {
	switch other, taken := c.owners[what+" "+value]; {
	case taken && other == name:
		c.fault(at, "", "%s %s is listed twice", what, shown)
	case taken:
		c.fault(at, "one of the two is the wrong person", "%s %s is also that of %s", what, shown, other)
	default:
		c.owners[what+" "+value] = name
		*list = append(*list, value)
	}
}

// keyTypes are the public keys that OpenSSH signs with, DSA left out, each with the
// length of its first field (0: any). RFC 8709, RFC 5656 section 3.1, RFC 4253
// section 6.6, OpenSSH PROTOCOL.u2f.
func keyTypes() map[string]int {
	return map[string]int{
		"ssh-ed25519": 32, "sk-ssh-ed25519@openssh.com": 32, "ssh-rsa": 0,
		"ecdsa-sha2-nistp256": 8, "ecdsa-sha2-nistp384": 8, "ecdsa-sha2-nistp521": 8, "sk-ecdsa-sha2-nistp256@openssh.com": 8,
	}
}

// publicKey checks the form of an OpenSSH public key and leaves its comment out:
// "<type> <base64>", whose bytes begin with the type again (RFC 4253 section 6.6).
// Whether it is a point of its curve is for whoever verifies with it.
func publicKey(text string) (key, cause string) {
	kind, rest, _ := strings.Cut(text, " ")
	encoded, _, _ := strings.Cut(rest, " ")
	length, known := keyTypes()[kind]
	if !known {
		return "", fmt.Sprintf("%q is no type of a public key; known: %s", kind, strings.Join(slices.Sorted(maps.Keys(keyTypes())), ", "))
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", "the key is not base64: it may be cut short"
	}
	fields, ok := wireFields(blob)
	if !ok || len(fields) < 2 {
		return "", "the key is cut short or has something after its end"
	}
	if !bytes.Equal(fields[0], []byte(kind)) {
		return "", fmt.Sprintf("the key says that it is of type %q, the line says %q", fields[0], kind)
	}
	if length > 0 && len(fields[1]) != length {
		return "", fmt.Sprintf("a key of type %s has %d bytes here, not %d", kind, length, len(fields[1]))
	}
	return kind + " " + encoded, ""
}

// wireFields splits strings of SSH (RFC 4251 section 5): a length of four bytes,
// then as many.
func wireFields(blob []byte) (fields [][]byte, ok bool) {
	for len(blob) > 0 {
		if len(blob) < 4 {
			return nil, false
		}
		n := binary.BigEndian.Uint32(blob)
		if blob = blob[4:]; uint64(n) > uint64(len(blob)) {
			return nil, false
		}
		fields, blob = append(fields, blob[:n]), blob[n:]
	}
	return fields, true
}

// shortKey is enough of a key to find it in a file.
func shortKey(key string) string {
	if len(key) <= 40 {
		return key
	}
	return key[:20] + "…" + key[len(key)-12:]
}
