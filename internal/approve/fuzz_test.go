package approve_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

func FuzzParseStatement(f *testing.F) {
	good, err := statement(1).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := approve.ParseStatement(data)
		if err != nil {
			return
		}
		again, err := s.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is read and written as %q: %v", data, again, err)
		}
	})
}

func FuzzParseSigned(f *testing.F) {
	good, err := signedBy(f, ed(f, 1), statement(1), "").Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"statement":"a\u2028<","signature":"b"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := approve.ParseSigned(data)
		if err != nil {
			return
		}
		again, err := s.Encode()
		if err != nil || !bytes.Equal(again, data) || len(data) > approve.MaxApprovalBytes {
			t.Errorf("%q is read and written as %q: %v", data, again, err)
		}
	})
}

func FuzzParseSigners(f *testing.F) {
	key := public(ed(f, 1))
	for _, line := range []string{
		"bob " + key, `"a b,*@x,!y" namespaces="a\"b",cert-authority,valid-after="20260101Z" ` + key, "# x\r\n\nbob x=y " + key, "bob ,,, " + key, "bob \"" + key,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := approve.ParseSigners(data)
		var wrong approve.LineErrors
		if err != nil && !errors.As(err, &wrong) {
			t.Fatalf("%q: %v is no LineErrors", data, err)
		}
		for i, w := range wrong {
			if w.Line < 1 || w.Line > bytes.Count(data, []byte("\n"))+1 || i > 0 && wrong[i-1].Line >= w.Line || w.Reason == "" {
				t.Errorf("%q: %v", data, wrong)
			}
		}
		rules := approve.Rules{Approvers: data, Revoked: data}
		if tally := approve.Count(rules, approve.Ballot{Plan: thePlan(), Now: noon()}); tally.Have != 0 {
			t.Errorf("%q: somebody counts without a signature", data)
		}
	})
}

func FuzzSigner(f *testing.F) {
	message := []byte("x")
	signers := map[string]bool{}
	holder, authority := ed(f, 1), ed(f, 2)
	for _, signature := range [][]byte{
		sign(f, holder, message, "git"), sign(f, touched(f, 3, 1), message, "git"), sign(f, certify(f, authority, holder, nil, "bob"), message, "git"),
	} {
		f.Add(signature)
		fingerprint, _, err := approve.Signer(message, signature, "git")
		if err != nil {
			f.Fatal(err)
		}
		signers[fingerprint] = true
	}
	f.Fuzz(func(t *testing.T, armoured []byte) {
		fingerprint, key, err := approve.Signer(message, armoured, "git")
		if err != nil {
			return
		}
		if !signers[fingerprint] || !strings.HasPrefix(key, "ssh-") && !strings.HasPrefix(key, "sk-") {
			t.Errorf("%q is signed by %s %s", armoured, fingerprint, key)
		}
		if _, _, err := approve.Signer([]byte("y"), armoured, "git"); err == nil {
			t.Errorf("%q signs anything", armoured)
		}
		if _, _, err := approve.Signer(message, armoured, approve.Namespace); err == nil {
			t.Errorf("%q is for any namespace", armoured)
		}
	})
}
