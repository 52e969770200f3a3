package approve

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// shortestRSA is the least modulus in bits that counts (NIST SP 800-57 part 1).
const shortestRSA = 2048

// key is a public key that may sign, never a certificate.
type key struct {
	public ssh.PublicKey
	// text is "ssh-ed25519 AAAA…", without a comment; two keys are one where it is equal.
	text        string
	fingerprint string
}

// hardware says that it lives on a security key.
func (k key) hardware() bool { return strings.HasPrefix(k.public.Type(), "sk-") }

// KeyOf reads a public key as OpenSSH writes it ("ssh-ed25519 AAAA… comment") and
// gives it without its comment, and its fingerprint (SHA256:…). Certificates, DSA,
// short RSA keys and kinds that OpenSSH does not sign with are refused.
func KeyOf(text string) (string, string, error) {
	k, err := readKey(text)
	return k.text, k.fingerprint, err
}

func readKey(text string) (key, error) {
	public, err := readPublic(text)
	if err != nil {
		return key{}, err
	}
	return sound(public)
}

// readPublic reads a key or a certificate of any kind.
func readPublic(text string) (ssh.PublicKey, error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return nil, errors.New("not a public key: need its kind and its bytes, as in \"ssh-ed25519 AAAA…\"")
	}
	blob, err := base64.StdEncoding.DecodeString(words[1])
	if err != nil {
		return nil, fmt.Errorf("not a public key: %w", err)
	}
	public, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("not a public key: %w", err)
	}
	if public.Type() != words[0] {
		return nil, fmt.Errorf("says %q and holds a key of kind %q", words[0], public.Type())
	}
	return public, nil
}

// sound refuses keys that must not sign, and gives the others in one form.
func sound(public ssh.PublicKey) (key, error) {
	kinds := []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
	}
	if _, certificate := public.(*ssh.Certificate); certificate {
		return key{}, errors.New("is a certificate, need a plain key")
	}
	if !slices.Contains(kinds, public.Type()) {
		return key{}, fmt.Errorf("keys of kind %q do not count, need one of %s", public.Type(), strings.Join(kinds, ", "))
	}
	if bits := modulus(public); bits > 0 && bits < shortestRSA {
		return key{}, fmt.Errorf("RSA key has %d bits, need %d", bits, shortestRSA)
	}
	return key{public: public, text: textOf(public), fingerprint: ssh.FingerprintSHA256(public)}, nil
}

func textOf(public ssh.PublicKey) string {
	return public.Type() + " " + base64.StdEncoding.EncodeToString(public.Marshal())
}

// plain is the key in a certificate, or the key itself.
func plain(public ssh.PublicKey) ssh.PublicKey {
	if c, ok := public.(*ssh.Certificate); ok {
		return c.Key
	}
	return public
}

// modulus is the length of an RSA key in bits, 0 of any other.
func modulus(public ssh.PublicKey) int {
	var wire struct {
		Kind string
		E, N []byte
	}
	if public.Type() != ssh.KeyAlgoRSA || ssh.Unmarshal(public.Marshal(), &wire) != nil {
		return 0
	}
	n := strings.TrimLeft(string(wire.N), "\x00")
	if n == "" {
		return 1
	}
	bits := len(n) * 8
	for mask := byte(0x80); n[0]&mask == 0; mask >>= 1 {
		bits--
	}
	return bits
}
