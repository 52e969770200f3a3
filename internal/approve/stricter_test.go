package approve_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// alone is the rules in which one line is all.
func alone(line string) approve.Rules { return approve.Rules{Approvers: []byte(line + "\n")} }

func TestWhatSSHKeygenSignsCounts(t *testing.T) {
	t.Parallel()
	for _, kind := range [][]string{{"ed25519"}, {"ecdsa", "-b", "256"}, {"ecdsa", "-b", "384"}, {"ecdsa", "-b", "521"}, {"rsa", "-b", "2048"}} {
		for _, hash := range []string{"sha256", "sha512"} {
			folder := t.TempDir()
			key, file := filepath.Join(folder, "key"), filepath.Join(folder, "statement.json")
			if out, err := sshKeygen(t, nil, append([]string{"-q", "-N", "", "-C", "bob", "-f", key, "-t"}, kind...)...); err != nil {
				t.Fatalf("%v: %v\n%s", kind, err, out)
			}
			data, err := statement(1).Encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := sshKeygen(t, nil, "-Y", "sign", "-f", key, "-n", approve.Namespace, "-O", "hashalg="+hash, file); err != nil {
				t.Fatalf("%v: %v\n%s", kind, err, out)
			}
			signature, err := os.ReadFile(file + ".sig")
			if err != nil {
				t.Fatal(err)
			}
			public, err := os.ReadFile(key + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			tally := approve.Count(alone("bob@ops "+string(public)), approve.Ballot{Plan: thePlan(), Signed: []approve.Signed{{Statement: data, Signature: signature}}, Now: noon()})
			if who(tally) != "bob@ops" {
				t.Errorf("%v, %s: %+v", kind, hash, tally.Rejected)
			}
			fingerprint, key, err := approve.Signer(data, signature, approve.Namespace)
			if wantKey, want, _ := approve.KeyOf(string(public)); err != nil || fingerprint != want || key != wantKey {
				t.Errorf("%v: signer is %s %q, want %s %q: %v", kind, fingerprint, key, want, wantKey, err)
			}
		}
	}
}

// stricter is what ssh-keygen accepts and we refuse, and why.
func stricter(t *testing.T) map[string]struct {
	rules  approve.Rules
	signer ssh.Signer
	reason string
} {
	t.Helper()
	holder, authority, short := ed(t, 60), ed(t, 61), rsaKey(t, 1024)
	untouched := touched(t, 62, 0)
	critical := certify(t, authority, holder, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"verify-required": ""} }, "bob@ops")
	return map[string]struct {
		rules  approve.Rules
		signer ssh.Signer
		reason string
	}{
		"a time that is another one on each machine": {alone(`bob@ops valid-after="20260101" ` + public(holder)), holder, "not among the approvers"},
		"a short RSA key":                    {alone("bob@ops " + public(short)), short, "1024 bits, need 2048"},
		"a security key that nobody touched": {alone("bob@ops " + public(untouched)), untouched, "nobody touched the security key"},
		"a certificate with a condition":     {alone("bob@ops cert-authority " + public(authority)), critical, "critical option"},
		"a line whose holder has no name":    {alone("*@ops " + public(holder)), holder, "no known name"},
	}
}

func TestWhereWeAreStricterThanSSHKeygenWeSaySo(t *testing.T) {
	t.Parallel()
	for name, s := range stricter(t) {
		signed := signedBy(t, s.signer, statement(1), "")
		if accepted, said := verdict(t, s.rules, signed, noon(), "bob@ops"); accepted == "" {
			t.Errorf("%s: ssh-keygen refuses it too:\n%s", name, said)
		}
		tally := approve.Count(s.rules, approve.Ballot{Plan: thePlan(), Signed: []approve.Signed{signed}, Now: noon()})
		if tally.Have != 0 || !strings.Contains(tally.Rejected[0].Reason, s.reason) {
			t.Errorf("%s: counts %d, %+v, want %q", name, tally.Have, tally.Rejected, s.reason)
		}
	}
}

func TestTextAroundASignatureIsRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	good := signedBy(t, o.bob, statement(1), "")
	text := string(good.Signature)
	for name, changed := range map[string]string{
		"before":          "x\n" + text,
		"behind":          text + "x\n",
		"a header":        strings.Replace(text, "-----\n", "-----\nComment: x\n\n", 1),
		"another armour":  strings.ReplaceAll(text, "SSH SIGNATURE", "PGP SIGNATURE"),
		"bytes behind it": strings.Replace(text, "\n-----END", "AAAA\n-----END", 1),
		"nothing in it":   "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
	} {
		tally := approve.Count(o.rules, o.ballot(approve.Signed{Statement: good.Statement, Signature: []byte(changed)}))
		if tally.Have != 0 || tally.Rejected[0].Rule != approve.RuleSignature {
			t.Errorf("%s: counts %q, %+v", name, who(tally), tally.Rejected)
		}
	}
	windows := approve.Signed{Statement: good.Statement, Signature: []byte(strings.ReplaceAll(text, "\n", "\r\n"))}
	if tally := approve.Count(o.rules, o.ballot(windows)); who(tally) != "Bob" {
		t.Errorf("with CRLF: %+v", tally.Rejected)
	}
}

func TestSHA1IsRefused(t *testing.T) {
	t.Parallel()
	long := rsaKey(t, 2048).(ssh.AlgorithmSigner)
	st, err := statement(1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	old := armour(t, long, func(data []byte) *ssh.Signature {
		s, err := long.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSA)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, st)
	if _, _, err := approve.Signer(st, old, approve.Namespace); err == nil || !strings.Contains(err.Error(), "ssh-rsa") {
		t.Errorf("a signature with SHA-1: %v", err)
	}
	byOld, err := ssh.NewSignerWithAlgorithms(long, []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	certificate := certify(t, byOld, ed(t, 63), nil, "bob@ops")
	tally := approve.Count(alone("bob@ops cert-authority "+public(long)),
		approve.Ballot{Plan: thePlan(), Signed: []approve.Signed{signedBy(t, certificate, statement(1), "")}, Now: noon()})
	if tally.Have != 0 || !strings.Contains(tally.Rejected[0].Reason, "SHA-1") {
		t.Errorf("a certificate signed with SHA-1: %+v", tally)
	}
}

func TestBytesThatNobodySignedAreRefused(t *testing.T) {
	t.Parallel()
	st, err := statement(1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, signer := range map[string]ssh.Signer{"a plain key": ed(t, 64), "a security key": touched(t, 65, 1)} {
		longer := armour(t, signer, func(data []byte) *ssh.Signature {
			s, err := signer.Sign(rand.Reader, data)
			if err != nil {
				t.Fatal(err)
			}
			s.Rest = append(s.Rest, 0)
			return s
		}, st)
		if _, _, err := approve.Signer(st, longer, approve.Namespace); err == nil || !strings.Contains(err.Error(), "bytes behind the signature") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
