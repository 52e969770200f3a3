package approve

import "time"

// Writers judges who signed commits, by the rules in force at a time.
type Writers struct {
	signers Signers
	revoked Revoked
	// unread says that the list of revoked keys cannot be read: then nobody is known.
	unread bool
	people *people
	keys   map[string]bool
	now    time.Time
}

// NewWriters reads the rules. Known are the keys of people, and those that a line of
// the approvers admits for the namespace of commits.
func NewWriters(r Rules, now time.Time) Writers {
	signers, _ := ParseSigners(r.Approvers)
	revoked, err := ParseRevoked(r.Revoked)
	w := Writers{signers: signers, revoked: revoked, unread: err != nil, people: knownPeople(r.People, signers), keys: map[string]bool{}, now: now}
	for _, person := range r.People {
		for _, text := range person.Keys {
			if key, _, err := KeyOf(text); err == nil {
				w.keys[key] = true
			}
		}
	}
	return w
}

// Signed says which key signed a commit (SHA256:…), and whether that key is a known
// person's and not revoked. An error is a signature that proves nothing.
func (w Writers) Signed(payload, armoured []byte) (fingerprint string, known bool, err error) {
	s, err := proven(payload, armoured, CommitNamespace)
	if err != nil {
		return "", false, err
	}
	if w.unread || w.revoked.holds(s) {
		return s.key.fingerprint, false, nil
	}
	if w.keys[s.key.text] {
		return s.key.fingerprint, true, nil
	}
	_, reason := w.signers.holders(s, w.people.names(s.key.fingerprint), CommitNamespace, w.now)
	return s.key.fingerprint, reason == "", nil
}
