package approve_test

import (
	"crypto/elliptic"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// sshKeygen runs the real one, which the reviewer of a plan has too.
func sshKeygen(t testing.TB, input []byte, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// verdict asks ssh-keygen -Y verify for the first name that it accepts; empty: none.
func verdict(t testing.TB, rules approve.Rules, s approve.Signed, at time.Time, names ...string) (accepted, said string) {
	t.Helper()
	folder := t.TempDir()
	allowed, signature, revoked := filepath.Join(folder, "allowed"), filepath.Join(folder, "signature"), filepath.Join(folder, "revoked")
	for path, data := range map[string][]byte{allowed: rules.Approvers, signature: s.Signature, revoked: rules.Revoked} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		args := []string{"-Y", "verify", "-f", allowed, "-I", name, "-n", approve.Namespace, "-s", signature, "-O", "verify-time=" + at.UTC().Format("20060102150405Z")}
		if len(rules.Revoked) > 0 {
			args = append(args, "-r", revoked)
		}
		out, err := sshKeygen(t, s.Statement, args...)
		if said += out; err == nil {
			return name, said
		}
	}
	return "", said
}

// everybody is all names that the generated lines may be about.
func everybody() []string { return []string{"alice@ops", "bob@ops", "carol@dev", "dan"} }

// lottery generates worlds in which about half of the signatures count.
type lottery struct {
	*rand.Rand
	keys, authorities []ssh.Signer
}

func pick[T any](l lottery, from ...T) T { return from[l.IntN(len(from))] }

func newLottery(t testing.TB) lottery {
	t.Helper()
	return lottery{
		keys: []ssh.Signer{
			ed(t, 40), ed(t, 41), ec(t, elliptic.P256()), ec(t, elliptic.P384()), ec(t, elliptic.P521()),
			rsaKey(t, 2048), touched(t, 42, 1), touched(t, 43, 5),
		},
		authorities: []ssh.Signer{ed(t, 50), ec(t, elliptic.P384())},
	}
}

func (l lottery) principals() string {
	one := func() string {
		return pick(l, "alice@ops", "bob@ops", "*@ops", "?ob@ops", "*", "!bob@ops", "!*@dev", "carol@dev", "dan", "d*n", "d?", "ALICE@ops", "zoe")
	}
	list := one()
	for l.IntN(3) == 0 {
		list += "," + one()
	}
	if l.IntN(6) == 0 {
		return `"` + list + `"`
	}
	return list
}

func (l lottery) options() string {
	var options []string
	add := func(chance int, option string) {
		if l.IntN(chance) == 0 {
			options = append(options, option)
		}
	}
	add(4, pick(l, `namespaces="*"`, `namespaces="git"`, `namespaces="git,reconcile-plan@v1"`, `Namespaces="reconcile-*,!*v2"`, `namespaces="*,!reconcile-plan@v1"`, `namespaces=""`))
	after := pick(l, "20250101Z", "20260301115959Z", "20260301120000Z", "20260301120001Z", "202603011200Z", "20270101z")
	before := pick(l, "20250102Z", "20260301115959Z", "20260301120000Z", "20260301120001Z", "202603011200Z", "20280101Z")
	add(5, `valid-after="`+after+`"`)
	add(5, `VALID-before="`+before+`"`)
	add(40, pick(l, "touch-required", `namespaces`, `namespaces="git`, `valid-after="2026"`, `cert-authority=""`, `,`, "x=y"))
	return strings.Join(options, ",")
}

func (l lottery) line(key ssh.Signer, authority bool) string {
	options := l.options()
	if authority {
		options = strings.Trim(pick(l, "cert-authority", "CERT-Authority")+","+options, ",")
	}
	if l.IntN(8) == 0 {
		key = pick(l, l.keys...)
	}
	space := pick(l, " ", " ", "\t", "   ")
	line := pick(l, "", "", "  ") + l.principals() + space
	if options != "" {
		line += options + space
	}
	return line + public(key) + pick(l, "", " a comment", " # x")
}

// world is lines, a signature and the name of whose key it is.
func (l lottery) world(t testing.TB) (approve.Rules, approve.Signed, ssh.Signer) {
	t.Helper()
	holder := pick(l, l.keys...)
	signer, authority := holder, false
	if l.IntN(3) == 0 {
		authority = true
		signer = certify(t, pick(l, l.authorities...), holder, func(c *ssh.Certificate) {
			c.ValidAfter = uint64(noon().Add(pick(l, -time.Hour, -time.Hour, 0, time.Second)).Unix())
			c.ValidBefore = uint64(noon().Add(pick(l, time.Hour, time.Hour, 0, time.Second)).Unix())
			c.CertType = pick[uint32](l, ssh.UserCert, ssh.UserCert, ssh.UserCert, ssh.HostCert)
			if l.IntN(10) == 0 {
				c.ValidPrincipals = nil
			}
		}, pick(l, []string{"alice@ops"}, []string{"bob@ops", "dan"}, []string{"eve@x"})...)
	}
	var lines []string
	for range 1 + l.IntN(3) {
		lines = append(lines, pick(l, "", "# a comment", l.line(pick(l, l.authorities...), true), l.line(holder, authority && l.IntN(4) == 0)))
	}
	lines = append(lines, l.line(holder, false))
	if authority {
		lines = append(lines, l.line(pick(l, l.authorities...), true))
	}
	l.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	rules := approve.Rules{
		Approvers: []byte(strings.Join(lines, pick(l, "\n", "\r\n")) + "\n"),
		People:    []approve.Person{{Name: "holder", Keys: []string{public(holder)}, Emails: everybody()}},
	}
	if l.IntN(5) == 0 {
		rules.Revoked = []byte("# taken\n" + public(pick(l, holder, l.keys[0], l.authorities[0])) + " x\n")
	}
	signed := signedBy(t, signer, statement(l.IntN(1000)), "")
	switch l.IntN(12) {
	case 0:
		signed.Signature = sign(t, signer, signed.Statement, pick(l, "git", "file", "reconcile-plan@v2"))
	case 1:
		signed.Statement = signedBy(t, signer, statement(2000), "").Statement
	}
	return rules, signed, signer
}

func TestWeAndSSHKeygenAcceptTheSame(t *testing.T) {
	t.Parallel()
	yes, no := 0, 0
	l := newLottery(t)
	for seed := range uint64(100) {
		l.Rand = rand.New(rand.NewPCG(seed, 0))
		rules, signed, signer := l.world(t)
		tally := approve.Count(rules, approve.Ballot{Plan: thePlan(), Signed: []approve.Signed{signed}, Now: noon()})
		accepted, said := verdict(t, rules, signed, noon(), append(everybody(), "zoe", "ALICE@ops", "eve@x")...)
		if (tally.Have == 1) != (accepted != "") {
			t.Fatalf("seed %d, a key of kind %s: we count %d (%+v), ssh-keygen accepts %q and says\n%s\napprovers:\n%s\nrevoked:\n%s",
				seed, signer.PublicKey().Type(), tally.Have, tally.Rejected, accepted, said, rules.Approvers, rules.Revoked)
		}
		if yes++; tally.Have == 0 {
			yes, no = yes-1, no+1
		}
	}
	if yes < 20 || no < 20 {
		t.Errorf("%d accepted, %d refused: the generator says little", yes, no)
	}
}
