package approve

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// people says which keys and names are one person's: whatever is tied together,
// over however many links, is one. Two people who share a key or a name are one.
type people struct {
	// parent is a forest of keys ("key:" and a fingerprint) and names ("name:" and an
	// e-mail, a principal, a login or a person's name, lower case).
	parent map[string]string
	// display is what to call a root, the first by order of those declared.
	declared, called map[string]string
}

func keyNode(fingerprint string) string { return "key:" + fingerprint }
func nameNode(name string) string       { return "name:" + strings.ToLower(strings.TrimSpace(name)) }

// knownPeople ties together what the rules say: each person's keys and names, and
// each approvers' line's key and literal principals. An authority's key is nobody's.
func knownPeople(declared []Person, signers Signers) *people {
	p := &people{parent: map[string]string{}, declared: map[string]string{}, called: map[string]string{}}
	for _, one := range declared {
		self := nameNode(one.Name)
		p.call(p.declared, self, one.Name)
		for _, email := range one.Emails {
			p.tie(self, nameNode(email))
		}
		if one.Forge != "" {
			p.tie(self, nameNode(one.Forge))
		}
		for _, text := range one.Keys {
			if public, err := readPublic(text); err == nil {
				p.tie(self, keyNode(ssh.FingerprintSHA256(plain(public))))
			}
		}
	}
	for _, l := range signers.lines {
		if !l.authority {
			p.name(l.key.fingerprint, literal(l.principals))
		}
	}
	return p
}

// name ties a key to names.
func (p *people) name(fingerprint string, names []string) {
	for _, name := range names {
		p.call(p.called, nameNode(name), name)
		p.tie(keyNode(fingerprint), nameNode(name))
	}
}

// call keeps how a node is written, the first by order where it is written in ways.
func (p *people) call(how map[string]string, node, name string) {
	if old, ok := how[node]; !ok || name < old {
		how[node] = name
	}
}

func (p *people) root(node string) string {
	for {
		up, ok := p.parent[node]
		if !ok {
			return node
		}
		node = up
	}
}

// tie joins two trees; the first root by order stays, so that the order of ties
// does not matter.
func (p *people) tie(a, b string) {
	a, b = p.root(a), p.root(b)
	if a == b {
		return
	}
	if b < a {
		a, b = b, a
	}
	p.parent[b] = a
}

// nobodys says that no name is tied to the key.
func (p *people) nobodys(fingerprint string) bool { return p.who(fingerprint) == fingerprint }

// who is what to call whoever holds the key: a person of the rules, a principal, or
// the fingerprint itself.
func (p *people) who(fingerprint string) string {
	root := p.root(keyNode(fingerprint))
	for _, how := range []map[string]string{p.declared, p.called} {
		for _, node := range slices.SortedFunc(maps.Keys(how), func(a, b string) int { return strings.Compare(how[a], how[b]) }) {
			if p.root(node) == root {
				return how[node]
			}
		}
	}
	return fingerprint
}

// authors are the roots of those who had a hand in the plan: e-mails, "key:SHA256:…"
// and "forge:<login>" of its revision.
func (p *people) authors(stated []string) map[string]string {
	roots := map[string]string{}
	for _, author := range stated {
		node := nameNode(author)
		if strings.HasPrefix(author, "key:") {
			node = author
		} else if login, ok := strings.CutPrefix(author, "forge:"); ok {
			node = nameNode(login)
		}
		root := p.root(node)
		if old, ok := roots[root]; !ok || author < old {
			roots[root] = author
		}
	}
	return roots
}
