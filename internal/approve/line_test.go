package approve_test

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// counts says whether one signature counts by one line, and why not.
func counts(t *testing.T, line string, signer ssh.Signer) (bool, string) {
	t.Helper()
	tally := approve.Count(approve.Rules{
		Approvers: approvers(t, line),
		People:    []approve.Person{{Name: "Holder", Keys: []string{public(ed(t, 140))}, Emails: []string{"bob@ops"}}},
	}, approve.Ballot{Plan: thePlan(), Signed: []approve.Signed{signedBy(t, signer, statement(1), "")}, Now: noon()})
	if len(tally.Rejected) > 0 {
		return false, tally.Rejected[0].Reason
	}
	return tally.Have == 1, ""
}

func TestPatternsAreThoseOfOpenSSH(t *testing.T) {
	t.Parallel()
	holder := ed(t, 140)
	for patterns, want := range map[string]bool{
		"bob@ops": true, "?ob@ops": true, "b*s": true, "*": true, "b?b@*": true, "**@o*s": true, "x,bob@*": true,
		"?bob@ops": false, "bob": true, "bob@ops?": false, "Bob@ops": true, "b*x": false, "*@ops,!bob@*": false, "!bob@ops,*@ops": false, "!x": false,
	} {
		have, reason := counts(t, patterns+" "+public(holder), holder)
		if have != want {
			t.Errorf("%s: %v, want %v: %s", patterns, have, want, reason)
		}
	}
}

func TestAnAuthorityCertifiesAndDoesNotSign(t *testing.T) {
	t.Parallel()
	authority, holder := ed(t, 141), ed(t, 140)
	line := "bob@ops cert-authority " + public(authority)
	for name, test := range map[string]struct {
		signer ssh.Signer
		want   string
	}{
		"whom it certified":          {certify(t, authority, holder, nil, "bob@ops"), ""},
		"the authority by itself":    {authority, "not among the approvers"},
		"a certificate of a host":    {certify(t, authority, holder, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, "bob@ops"), "not a user's"},
		"a certificate for nobody":   {certify(t, authority, holder, nil), "its certificate is for"},
		"a certificate of another":   {certify(t, holder, holder, nil, "bob@ops"), "not among the approvers"},
		"the holder, without it":     {holder, "not among the approvers"},
		"a certificate that is over": {certify(t, authority, holder, func(c *ssh.Certificate) { c.ValidBefore = uint64(noon().Unix()) }, "bob@ops"), "expired"},
		"one that is not valid yet":  {certify(t, authority, holder, func(c *ssh.Certificate) { c.ValidAfter = uint64(noon().Unix()) + 1 }, "bob@ops"), "not yet valid"},
	} {
		have, reason := counts(t, line, test.signer)
		if have != (test.want == "") || !strings.Contains(reason, test.want) {
			t.Errorf("%s: %v (%s), want %q", name, have, reason, test.want)
		}
	}
	if have, _ := counts(t, "bob@ops "+public(holder), certify(t, authority, holder, nil, "bob@ops")); have {
		t.Error("a certificate counts by the line of its plain key")
	}
}

func TestThePrincipalsOfAnAuthorityAreNotOnePerson(t *testing.T) {
	t.Parallel()
	authority := ed(t, 142)
	rules := approve.Rules{Approvers: approvers(t, "a@x,b@x cert-authority "+public(authority))}
	tally := approve.Count(rules, approve.Ballot{Plan: thePlan(), Now: noon(), Signed: []approve.Signed{
		signedBy(t, certify(t, authority, ed(t, 143), nil, "a@x"), statement(1), ""),
		signedBy(t, certify(t, authority, ed(t, 144), nil, "b@x"), statement(2), ""),
	}})
	if who(tally) != "a@x b@x" {
		t.Errorf("counts %q: %+v", who(tally), tally.Rejected)
	}
	if want := "a@x,b@x (certified by " + fingerprint(authority) + ")"; !slices.Equal(tally.Eligible, []string{want}) {
		t.Errorf("eligible %q, want %q", tally.Eligible, want)
	}
}

func TestWhoCannotApproveNowIsNotEligible(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.rules.Revoked = []byte(public(o.alice))
	o.rules.Approvers = append(o.rules.Approvers, []byte(
		`old@x valid-before="20260101Z" `+public(ed(t, 145))+"\n"+`git@x namespaces="git" `+public(ed(t, 146))+"\n*@x "+public(ed(t, 147))+"\n")...)
	if tally := approve.Count(o.rules, o.ballot()); !slices.Equal(tally.Eligible, []string{"Bob", "carol@ops.example"}) || !slices.Equal(tally.Authors, []string{"Eve"}) {
		t.Errorf("eligible %q, authors %q", tally.Eligible, tally.Authors)
	}
	o.rules.SecurityKeys = true
	if tally := approve.Count(o.rules, o.ballot()); len(tally.Eligible) != 0 {
		t.Errorf("eligible without a security key: %q", tally.Eligible)
	}
}

func TestSHA1IsRefusedOfACertificateToo(t *testing.T) {
	t.Parallel()
	st, err := statement(1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	long := rsaKey(t, 2048).(ssh.AlgorithmSigner)
	certificate := certify(t, ed(t, 148), long, nil, "bob@ops")
	old := armour(t, certificate, func(data []byte) *ssh.Signature {
		s, err := long.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSA)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, st)
	if _, _, err := approve.Signer(st, old, approve.Namespace); err == nil || !strings.Contains(err.Error(), `signed by "ssh-rsa"`) {
		t.Errorf("a certificate's signature with SHA-1: %v", err)
	}
}
