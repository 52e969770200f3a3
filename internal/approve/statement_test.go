package approve_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

func TestAStatementIsOneLineThatSSHKeygenCanSign(t *testing.T) {
	t.Parallel()
	data, err := approve.NewStatement(thePlan(), strings.Repeat("0f", 16), true).Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":"reconcile.approval/1","environment":"production","digest":"` + digest("a") + `","changesDigest":"` + digest("b") +
		`","expires":"2026-03-02T11:00:00Z","replanned":true,"id":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"}` + "\n"
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("the statement differs (-want +got):\n%s", diff)
	}
	again, err := approve.ParseStatement(data)
	if err != nil || again != approve.NewStatement(thePlan(), strings.Repeat("0f", 16), true) {
		t.Errorf("read again: %+v, %v", again, err)
	}
}

func TestAnotherSpellingOfAStatementIsRefused(t *testing.T) {
	t.Parallel()
	data, err := statement(1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	for name, test := range map[string]struct{ text, reason string }{
		"no newline":          {strings.TrimSuffix(good, "\n"), "one form"},
		"two newlines":        {good + "\n", "one form"},
		"a space":             {strings.Replace(good, ":", ": ", 1), "one form"},
		"an escape":           {strings.Replace(good, "production", `\u0070roduction`, 1), "one form"},
		"a field twice":       {strings.Replace(good, `"id"`, `"id":"x","id"`, 1), "one form"},
		"another case":        {strings.Replace(good, `"digest"`, `"Digest"`, 1), "one form"},
		"an unknown field":    {strings.Replace(good, `"id"`, `"note":"","id"`, 1), "unknown field"},
		"two statements":      {good + good, "more than one value"},
		"another format":      {strings.Replace(good, "approval/1", "approval/2", 1), `has format "reconcile.approval/2", need "reconcile.approval/1"`},
		"no environment":      {strings.Replace(good, "production", "", 1), "no name of an environment"},
		"another environment": {strings.Replace(good, "production", "../staging", 1), "no name of an environment"},
		"a short digest":      {strings.Replace(good, digest("a"), "sha256:aa", 1), "digest"},
		"an upper digest":     {strings.Replace(good, digest("b"), digest("B"), 1), "changesDigest"},
		"another zone":        {strings.Replace(good, "11:00:00Z", "12:00:00+01:00", 1), "in UTC"},
		"parts of a second":   {strings.Replace(good, "11:00:00Z", "11:00:00.5Z", 1), "to the second"},
		"a short id":          {strings.Replace(good, statement(1).ID, "1", 1), "32 hex digits"},
		"nothing":             {"", "EOF"},
		"too much":            {good + strings.Repeat(" ", approve.MaxApprovalBytes), "may have 8192"},
	} {
		if _, err := approve.ParseStatement([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v, want %q", name, err, test.reason)
		}
	}
	bad := statement(1)
	bad.Expires = bad.Expires.In(time.FixedZone("x", 3600))
	if _, err := bad.Encode(); err == nil {
		t.Error("a statement with a zone is written")
	}
}

func TestAnApprovalIsASmallFile(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	signed := signedBy(t, o.bob, statement(1), "")
	data, err := signed.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := approve.ParseSigned(data)
	if diff := cmp.Diff(signed, again); err != nil || diff != "" {
		t.Errorf("read again (-want +got), %v:\n%s", err, diff)
	}
	if strings.Count(string(data), "\n") != 1 || !strings.HasPrefix(string(data), `{"statement":"{\"format\"`) {
		t.Errorf("the file is %s", data)
	}
	good := string(data)
	for name, test := range map[string]struct{ text, reason string }{
		"a space":           {strings.Replace(good, ":", ": ", 1), "one form"},
		"an unknown field":  {strings.Replace(good, `"signature"`, `"x":1,"signature"`, 1), "unknown field"},
		"no signature":      {good[:strings.Index(good, `,"signature"`)] + "}\n", "needs a statement and a signature"},
		"a list":            {"[]\n", "cannot unmarshal"},
		"more than 8 KiB":   {strings.Replace(good, "AAAA", strings.Repeat("A", approve.MaxApprovalBytes), 1), "may have 8192"},
		"something after":   {good + "{}\n", "more than one value"},
		"no UTF-8 in it":    {strings.Replace(good, "production", "\xff", 1), "one form"},
		"a plan, not this":  {`{"format":"reconcile.plan/1"}` + "\n", "unknown field"},
		"nothing":           {"", "EOF"},
		"no end":            {good[:100], "unexpected EOF"},
		"a field from case": {strings.Replace(good, `"signature"`, `"Signature"`, 1), "one form"},
	} {
		if _, err := approve.ParseSigned([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v, want %q", name, err, test.reason)
		}
	}
	signed.Signature = append(signed.Signature, make([]byte, approve.MaxApprovalBytes)...)
	if _, err := signed.Encode(); err == nil {
		t.Error("a large approval is written")
	}
}
