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
	// declared are the people's own names, called all other names, as they are written.
	declared, called map[string]bool
}

func keyNode(fingerprint string) string { return "key:" + fingerprint }
func nameNode(name string) string       { return "name:" + strings.ToLower(strings.TrimSpace(name)) }

// knownPeople ties together what the rules say: each person's keys and names, and
// each approvers' line's key and literal principals. An authority's key is nobody's.
func knownPeople(declared []Person, signers Signers) *people {
	p := &people{parent: map[string]string{}, declared: map[string]bool{}, called: map[string]bool{}}
	for _, one := range declared {
		self := nameNode(one.Name)
		p.declared[one.Name] = true
		for _, name := range append(slices.Clone(one.Emails), one.Forge) {
			if name != "" {
				p.called[name] = true
				p.tie(self, nameNode(name))
			}
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
		p.called[name] = true
		p.tie(keyNode(fingerprint), nameNode(name))
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

// names lists all names of whoever holds the key, as they are written, sorted: first
// those of people, then what they are called.
func (p *people) names(fingerprint string) []string {
	var names []string
	root := p.root(keyNode(fingerprint))
	for _, set := range []map[string]bool{p.declared, p.called} {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if p.root(nameNode(name)) == root {
				names = append(names, name)
			}
		}
	}
	return names
}

// who is what to call whoever holds the key: a person of the rules, a principal, or
// the fingerprint itself.
func (p *people) who(fingerprint string) string {
	return append(p.names(fingerprint), fingerprint)[0]
}

// authors are the roots of those who had a hand in the plan, each with what it is
// stated as.
func (p *people) authors(stated []string) map[string]string {
	roots := map[string]string{}
	for _, author := range stated {
		for _, node := range authorNodes(author) {
			root := p.root(node)
			if old, ok := roots[root]; !ok || author < old {
				roots[root] = author
			}
		}
	}
	return roots
}

// authorNodes are what an author of a plan's revision is known by: an e-mail,
// "key:SHA256:…" or "forge:<login>". The address that the forge gives who hides his
// own holds his login: 12345+login@users.noreply.github.com (GitHub Docs, "Setting
// your commit email address").
func authorNodes(author string) []string {
	if strings.HasPrefix(author, "key:") {
		return []string{author}
	}
	if login, ok := strings.CutPrefix(author, "forge:"); ok {
		return []string{nameNode(login)}
	}
	nodes := []string{nameNode(author)}
	if login, ok := strings.CutSuffix(strings.ToLower(strings.TrimSpace(author)), "@users.noreply.github.com"); ok {
		_, after, numbered := strings.Cut(login, "+")
		if numbered {
			login = after
		}
		nodes = append(nodes, nameNode(login))
	}
	return nodes
}
