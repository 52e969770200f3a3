package approve

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// The armour around a signature. OpenSSH, PROTOCOL.sshsig, "Armored format".
const (
	armourBegin = "-----BEGIN SSH SIGNATURE-----"
	armourEnd   = "-----END SSH SIGNATURE-----"
)

// userPresent is the flag that somebody touched the security key. OpenSSH,
// PROTOCOL.u2f, "signature formats".
const userPresent = 0x01

// signature is one that was read; it proves nothing before verify.
type signature struct {
	parsed *sshsig.Signature
	// key is who signed, without the certificate.
	key key
	// certificate is nil where a plain key signed.
	certificate *ssh.Certificate
}

// readSignature reads an armoured signature and refuses what OpenSSH does not take,
// or what we take for too weak.
func readSignature(armoured []byte) (signature, error) {
	blob, err := unarmour(armoured)
	if err != nil {
		return signature{}, err
	}
	parsed, err := sshsig.ParseSignature(blob)
	if err != nil {
		return signature{}, err
	}
	s := signature{parsed: parsed}
	plain := parsed.PublicKey
	if c, ok := plain.(*ssh.Certificate); ok {
		s.certificate, plain = c, c.Key
	}
	if s.key, err = sound(plain); err != nil {
		return signature{}, err
	}
	return s, algorithm(s.key, parsed.Signature)
}

// algorithm refuses a signature of another algorithm than its key's, SHA-1, and
// bytes that nobody signed behind it.
func algorithm(k key, s *ssh.Signature) error {
	kind := k.public.Type()
	wanted := []string{kind}
	if kind == ssh.KeyAlgoRSA {
		wanted = []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
	}
	if s.Format != wanted[0] && s.Format != wanted[len(wanted)-1] {
		return fmt.Errorf("signed by %q, need %s", s.Format, strings.Join(wanted, " or "))
	}
	after := 0
	if k.hardware() {
		after = 5 // flags, and the counter in four bytes
	}
	if len(s.Rest) != after {
		return fmt.Errorf("has %d bytes behind the signature, need %d", len(s.Rest), after)
	}
	return nil
}

// verify checks that the key signed the message under the namespace, and that
// somebody touched it if it is a security key.
func (s signature) verify(message []byte, namespace string) error {
	if s.parsed.Namespace != namespace {
		return namespaceError{have: s.parsed.Namespace, need: namespace}
	}
	if s.key.hardware() && s.parsed.Signature.Rest[0]&userPresent == 0 {
		return errors.New("nobody touched the security key")
	}
	if err := sshsig.Verify(bytes.NewReader(message), s.parsed, s.parsed.PublicKey, s.parsed.HashAlgorithm, namespace); err != nil {
		return errors.New("does not verify: these are not the bytes that the key signed")
	}
	return nil
}

// namespaceError is a signature made for something else.
type namespaceError struct{ have, need string }

// Error has both names.
func (e namespaceError) Error() string {
	return fmt.Sprintf("signed for namespace %q, need %q", e.have, e.need)
}

// unarmour reads what stands between the two lines of the armour. Nothing may
// stand before or behind them.
func unarmour(armoured []byte) ([]byte, error) {
	text := strings.ReplaceAll(string(armoured), "\r\n", "\n")
	body, begins := strings.CutPrefix(text, armourBegin+"\n")
	body, ends := strings.CutSuffix(strings.TrimSuffix(body, "\n"), "\n"+armourEnd)
	if !begins || !ends {
		return nil, fmt.Errorf("not an SSH signature: need %q, its bytes and %q on lines of their own", armourBegin, armourEnd)
	}
	blob, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil {
		return nil, fmt.Errorf("not an SSH signature: %w", err)
	}
	return blob, nil
}

// proven reads an armoured signature and checks it over the payload. It asks no
// rules: whether that key is anybody's is the caller's to judge.
func proven(payload, armoured []byte, namespace string) (signature, error) {
	s, err := readSignature(armoured)
	if err == nil {
		err = s.verify(payload, namespace)
	}
	if err != nil {
		return signature{}, fmt.Errorf("signature: %w", err)
	}
	return s, nil
}

// Signer says which key signed the payload under the namespace, by its fingerprint
// (SHA256:…) and as text without a comment; of a certificate it is the key in it.
func Signer(payload, armoured []byte, namespace string) (fingerprint, key string, err error) {
	s, err := proven(payload, armoured, namespace)
	if err != nil {
		return "", "", err
	}
	return s.key.fingerprint, s.key.text, nil
}
