package approve

// Revoked is a list of public keys that count no more, one a line, as
// ssh-keygen -Y verify -r takes it. The key of an authority revokes all that it
// certified, a certificate the key in it.
type Revoked struct{ keys map[string]bool }

// ParseRevoked reads the list. A line that cannot be read is an error (LineErrors),
// and then nobody's signature may count: it could be the very key that was taken.
func ParseRevoked(data []byte) (Revoked, error) {
	r := Revoked{keys: map[string]bool{}}
	var wrong LineErrors
	for number, text := range lines(data) {
		public, err := readPublic(text)
		if err != nil {
			wrong = append(wrong, LineError{Line: number, Reason: err.Error()})
			continue
		}
		r.keys[textOf(plain(public))] = true
	}
	if wrong != nil {
		return r, wrong
	}
	return r, nil
}

// holds reports whether the key that signed is revoked, or the authority that
// certified it.
func (r Revoked) holds(s signature) bool {
	if r.keys[s.key.text] {
		return true
	}
	if s.certificate == nil {
		return false
	}
	return r.keys[textOf(s.certificate.SignatureKey)]
}
