package approve_test

import (
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

func TestALineThatIsNotUnderstoodIsToldByNumber(t *testing.T) {
	t.Parallel()
	key := public(ed(t, 70))
	for text, want := range map[string]string{
		"bob " + key: "",
		"  # bob\n\n \t\r\nbob " + key + " a comment\r\n":             "",
		`"bob@ops,alice@ops" ` + key:                                  "",
		`bob namespaces="a\"b",CERT-authority ` + key:                 "",
		"bob touch-required " + key:                                   `line 1: option "touch-required" is not known: the line admits nobody`,
		"\n#\nbob verify-required,cert-authority " + key:              `line 3: option "verify-required" is not known: the line admits nobody`,
		`bob valid-until="20260101Z" ` + key:                          `line 1: option "valid-until" is not known: the line admits nobody`,
		`bob cert-authority="" ` + key:                                `line 1: option "cert-authority" is not known: the line admits nobody`,
		`bob namespaces ` + key:                                       `line 1: option "namespaces" is not known: the line admits nobody`,
		`bob namespaces=x ` + key:                                     `line 1: option namespaces: need a value in quotes`,
		`bob namespaces="x ` + key:                                    `line 1: option namespaces: its quote does not end`,
		`bob namespaces="x",namespaces="y" ` + key:                    `line 1: option namespaces: stands twice`,
		`bob namespaces="x"y ` + key:                                  `line 1: option namespaces: need a comma or a space behind it, have "y"`,
		`bob namespaces="x", ` + key:                                  `line 1: option "" is not known: the line admits nobody`,
		`bob valid-after="20260101" ` + key:                           `line 1: option valid-after: "20260101" is another instant on each machine, write 20260101Z for UTC`,
		`bob valid-after="20261301Z" ` + key:                          `line 1: option valid-after: "20261301Z" is no time, need YYYYMMDDZ or YYYYMMDDHHMMSSZ`,
		`bob valid-before="2026Z" ` + key:                             `line 1: option valid-before: "2026Z" is no time, need YYYYMMDDZ or YYYYMMDDHHMMSSZ`,
		`bob valid-after="20260101Z",valid-after="20260101Z" x`:       `line 1: option valid-after: stands twice`,
		`bob valid-after="20260102Z",valid-before="20260102Z" ` + key: `line 1: valid-before is not later than valid-after`,
		"bob":                     "line 1: has principals and no key",
		`bob cert-authority`:      `line 1: has no key, or an option "cert-authority" that is not known`,
		`"bob ` + key:             "line 1: the quote of the principals does not end",
		`"bob"x ` + key:           "line 1: need a space behind the quoted principals",
		`b"ob" ` + key:            `line 1: "b\"ob\"" is no list of principals`,
		"bob ssh-ed25519":         `line 1: not a public key: need its kind and its bytes, as in "ssh-ed25519 AAAA…"`,
		"bob ssh-ed25519 !":       "line 1: not a public key: illegal base64 data at input byte 0",
		"bob ssh-rsa " + key[12:]: `line 1: says "ssh-rsa" and holds a key of kind "ssh-ed25519"`,
		"bob " + dsa():            `line 1: keys of kind "ssh-dss" do not count, need one of ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ecdsa-sha2-nistp521, sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com`,
		"b\x1bob " + key:          `line 1: holds '\x1b', which is no text`,
		"b\xffob " + key:          `line 1: holds '�', which is no text`,
		"bob " + public(certify(t, ed(t, 71), ed(t, 72), nil, "bob")): "line 1: is a certificate, need a plain key",
	} {
		_, err := approve.ParseSigners([]byte(text))
		have := ""
		if err != nil {
			have = err.Error()
		}
		if have != want {
			t.Errorf("%q:\nhave %s\nwant %s", text, have, want)
		}
	}
}

// dsa is a key of a kind that OpenSSH signs with no more.
func dsa() string {
	p := new(big.Int).SetBit(big.NewInt(1), 1023, 1)
	wire := ssh.Marshal(struct {
		Kind       string
		P, Q, G, Y *big.Int
	}{"ssh-dss", p, new(big.Int).SetBit(big.NewInt(1), 159, 1), big.NewInt(2), big.NewInt(4)})
	return "ssh-dss" + " " + base64.StdEncoding.EncodeToString(wire)
}

func TestOtherLinesStandBesideOneThatIsRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.rules.Approvers = []byte("alice@ops.example touch-required " + public(o.alice) + "\nbob@ops.example " + public(o.bob) + "\nx\n")
	_, err := approve.ParseSigners(o.rules.Approvers)
	var wrong approve.LineErrors
	if !errors.As(err, &wrong) || len(wrong) != 2 || wrong[0].Line != 1 || wrong[1].Line != 3 {
		t.Errorf("the errors are %v", err)
	}
	tally := approve.Count(o.rules, o.ballot(signedBy(t, o.alice, statement(1), ""), signedBy(t, o.bob, statement(2), "")))
	if who(tally) != "Bob" || tally.Rejected[0].Rule != approve.RuleNotApprover {
		t.Errorf("counts %q: %+v", who(tally), tally.Rejected)
	}
	if diff := cmp.Diff([]string(nil), tally.Eligible); diff != "" {
		t.Errorf("eligible differ (-want +got):\n%s", diff)
	}
}

func TestAKeyIsReadWithoutItsComment(t *testing.T) {
	t.Parallel()
	k := ed(t, 73)
	key, print, err := approve.KeyOf("  " + public(k) + " bob@laptop (old)\n")
	if err != nil || key != public(k) || print != fingerprint(k) {
		t.Errorf("%q %q, %v", key, print, err)
	}
	for _, text := range []string{"", "ssh-ed25519", "no-touch-required " + public(k), dsa(), public(rsaKey(t, 1024)), strings.Replace(public(k), "A", "B", 3)} {
		if key, _, err := approve.KeyOf(text); err == nil {
			t.Errorf("%q is read as %q", text, key)
		}
	}
}

func TestWhoSignedACommitIsKnownByPeopleAndApprovers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	dev, authority, stranger := ed(t, 74), ed(t, 75), ed(t, 76)
	o.rules.People = append(o.rules.People, approve.Person{Name: "Dev", Keys: []string{public(dev)}})
	o.rules.Approvers = append(o.rules.Approvers, []byte(`*@ops.example cert-authority `+public(authority)+"\n"+
		`old@ops.example valid-before="20260301115959Z" `+public(ed(t, 77))+"\n"+
		`plans@ops.example namespaces="reconcile-plan@v1" `+public(ed(t, 78))+"\n")...)
	payload := []byte("tree x\n")
	certificate := certify(t, authority, stranger, nil, "x@ops.example")
	writers := approve.NewWriters(o.rules, noon())
	for name, test := range map[string]struct {
		signer ssh.Signer
		known  bool
	}{
		"a person who does not approve":        {dev, true},
		"an approver":                          {o.carol, true},
		"whom an authority certified":          {certificate, true},
		"a stranger":                           {stranger, false},
		"an approver whose time is over":       {ed(t, 77), false},
		"an approver whose key is for plans":   {ed(t, 78), false},
		"the key of an authority, by itself":   {authority, false},
		"whom another authority had certified": {certify(t, stranger, dev, nil, "x@ops.example"), true},
	} {
		print, known, err := writers.Signed(payload, sign(t, test.signer, payload, approve.CommitNamespace))
		if err != nil || known != test.known || print == "" {
			t.Errorf("%s: known is %v, want %v: %v", name, known, test.known, err)
		}
	}
	if print, _, err := writers.Signed(payload, sign(t, certificate, payload, approve.CommitNamespace)); err != nil || print != fingerprint(stranger) {
		t.Errorf("a certificate's key is %s, want %s: %v", print, fingerprint(stranger), err)
	}
	if _, known, err := writers.Signed(payload, sign(t, dev, payload, approve.Namespace)); err == nil || known {
		t.Errorf("a signature over a plan signs a commit: %v", known)
	}
	if _, known, err := writers.Signed([]byte("tree y\n"), sign(t, dev, payload, approve.CommitNamespace)); err == nil || known {
		t.Errorf("a signature over another commit: %v", known)
	}
	for name, revoked := range map[string]string{"revoked": public(dev), "unreadable": "x"} {
		o.rules.Revoked = []byte(revoked)
		if print, known, err := approve.NewWriters(o.rules, noon()).Signed(payload, sign(t, dev, payload, approve.CommitNamespace)); err != nil || known || print != fingerprint(dev) {
			t.Errorf("%s: known is %v: %v", name, known, err)
		}
	}
}
