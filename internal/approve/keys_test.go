package approve_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// stream is randomness that is the same in each run.
func stream(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func signerOf(t testing.TB, private crypto.Signer) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ed gives the same key for the same seed.
func ed(t testing.TB, seed byte) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(stream(seed))
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, private)
}

func ec(t testing.TB, curve elliptic.Curve) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, stream(1))
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, private)
}

func rsaKey(t testing.TB, bits int) ssh.Signer {
	t.Helper()
	private, err := rsa.GenerateKey(stream(byte(bits/256)), bits)
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, private)
}

// securityKey signs as a security key does, and is touched or not. OpenSSH,
// PROTOCOL.u2f: the hash of the application, flags, counter, the hash of the message.
type securityKey struct {
	private ed25519.PrivateKey
	public  ssh.PublicKey
	flags   byte
}

func touched(t testing.TB, seed, flags byte) *securityKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(stream(seed))
	if err != nil {
		t.Fatal(err)
	}
	wire := ssh.Marshal(struct {
		Kind        string
		Public      []byte
		Application string
	}{ssh.KeyAlgoSKED25519, public, "ssh:"})
	key, err := ssh.ParsePublicKey(wire)
	if err != nil {
		t.Fatal(err)
	}
	return &securityKey{private: private, public: key, flags: flags}
}

func (k *securityKey) PublicKey() ssh.PublicKey { return k.public }

func (k *securityKey) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	rest := binary.BigEndian.AppendUint32([]byte{k.flags}, 7)
	signed := bytes.Join([][]byte{application[:], rest, message[:]}, nil)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.private, signed), Rest: rest}, nil
}

// public is a key as OpenSSH writes it.
func public(s ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func fingerprint(s ssh.Signer) string { return ssh.FingerprintSHA256(s.PublicKey()) }

// sign is ssh-keygen -Y sign.
func sign(t testing.TB, s ssh.Signer, message []byte, namespace string) []byte {
	t.Helper()
	signature, err := sshsig.SignWithRand(bytes.NewReader(message), stream(2), s, sshsig.HashSHA512, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return sshsig.Armor(signature)
}

// certify makes a certificate of the key, signed by the authority.
func certify(t testing.TB, authority, holder ssh.Signer, change func(*ssh.Certificate), principals ...string) ssh.Signer {
	t.Helper()
	c := &ssh.Certificate{Key: holder.PublicKey(), CertType: ssh.UserCert, KeyId: "a", ValidPrincipals: principals, ValidBefore: ssh.CertTimeInfinity}
	if change != nil {
		change(c)
	}
	if err := c.SignCert(stream(3), authority); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewCertSigner(c, holder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signedBy is an approval as its file holds it.
func signedBy(t testing.TB, s ssh.Signer, st approve.Statement, origin string) approve.Signed {
	t.Helper()
	data, err := st.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return approve.Signed{Statement: data, Signature: sign(t, s, data, approve.Namespace), Origin: origin}
}

// armour makes a signature of the message as sshsig does, but by whatever make gives.
func armour(t testing.TB, s ssh.Signer, make func(data []byte) *ssh.Signature, message []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(message)
	signed := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Algorithm, Hash string }{approve.Namespace, "", "sha256", string(hash[:])})...)
	blob := append([]byte("SSHSIG"), ssh.Marshal(struct {
		Version                                            uint32
		Key, Namespace, Reserved, HashAlgorithm, Signature string
	}{1, string(s.PublicKey().Marshal()), approve.Namespace, "", "sha256", string(ssh.Marshal(make(signed)))})...)
	return pem.EncodeToMemory(&pem.Block{Type: sshsig.PEMType, Bytes: blob})
}
