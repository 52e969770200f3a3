package approve_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

func TestTwoPeopleWhoDidNotWriteItAreEnough(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one := approve.Count(o.rules, o.ballot(signedBy(t, o.alice, statement(1), "a file")))
	if one.Enough() || one.Have != 1 || one.Need != 2 {
		t.Errorf("with one approval: have %d, need %d, enough %v", one.Have, one.Need, one.Enough())
	}
	if diff := cmp.Diff([]string{"Bob", "carol@ops.example"}, one.Eligible); diff != "" {
		t.Errorf("eligible differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Eve"}, one.Authors); diff != "" {
		t.Errorf("authors differ (-want +got):\n%s", diff)
	}
	two := approve.Count(o.rules, o.ballot(signedBy(t, o.alice, statement(1), "a file"), signedBy(t, o.carol, statement(2), "a ref")))
	if !two.Enough() || who(two) != "Alice carol@ops.example" || len(two.Rejected) != 0 {
		t.Errorf("with two approvals: enough %v, %q, rejected %v", two.Enough(), who(two), two.Rejected)
	}
	if diff := cmp.Diff([]string{statement(1).ID, statement(2).ID}, two.IDs()); diff != "" {
		t.Errorf("ids differ (-want +got):\n%s", diff)
	}
	if a := two.Approvals[0]; a.Fingerprint != fingerprint(o.alice) || a.Carried || a.Hardware || a.Origin != "a file" || a.Statement != statement(1) {
		t.Errorf("Alice's approval is %+v", a)
	}
}

// way is one way to cheat, or to be wrong, and the rule that it meets.
type way struct {
	rule, reason string
	signed       func(t *testing.T, o office) approve.Signed
	change       func(o *office, b *approve.Ballot)
}

func with(change func(s *approve.Statement)) func(*testing.T, office) approve.Signed {
	return func(t *testing.T, o office) approve.Signed {
		t.Helper()
		s := statement(1)
		change(&s)
		return signedBy(t, o.bob, s, "a file")
	}
}

func same(t *testing.T, o office) approve.Signed {
	t.Helper()
	return signedBy(t, o.bob, statement(1), "a file")
}

func ways() map[string]way {
	return map[string]way{
		"not a statement": {rule: "format", reason: "unknown field", signed: func(t *testing.T, o office) approve.Signed {
			t.Helper()
			return approve.Signed{Statement: []byte("{\"formt\":\"x\"}\n"), Signature: sign(t, o.bob, []byte("{\"formt\":\"x\"}\n"), approve.Namespace)}
		}},
		"not a signature": {rule: "signature", reason: "not an SSH signature", signed: func(t *testing.T, o office) approve.Signed {
			t.Helper()
			return approve.Signed{Statement: same(t, o).Statement, Signature: []byte("yes")}
		}},
		"a signature over something else": {rule: "signature", reason: "does not verify", signed: func(t *testing.T, o office) approve.Signed {
			t.Helper()
			return approve.Signed{Statement: same(t, o).Statement, Signature: signedBy(t, o.bob, statement(2), "").Signature}
		}},
		"a signature made for something else": {rule: "namespace", reason: `signed for namespace "git", need "reconcile-plan@v1"`, signed: func(t *testing.T, o office) approve.Signed {
			t.Helper()
			s := same(t, o)
			s.Signature = sign(t, o.bob, s.Statement, approve.CommitNamespace)
			return s
		}},
		"a key of nobody": {rule: "not-an-approver", reason: "is not among the approvers", signed: func(t *testing.T, _ office) approve.Signed {
			t.Helper()
			return signedBy(t, ed(t, 99), statement(1), "")
		}},
		"a key that is revoked":                  {rule: "revoked", reason: "is revoked", signed: same, change: func(o *office, _ *approve.Ballot) { o.rules.Revoked = []byte("# lost\n" + public(o.bob) + " bob\n") }},
		"revoked keys that cannot be read":       {rule: "revoked", reason: "nobody counts: line 2", signed: same, change: func(o *office, _ *approve.Ballot) { o.rules.Revoked = []byte("\nssh-ed25519 AAAB\n") }},
		"another environment's":                  {rule: "other-plan", reason: "for environment staging", signed: with(func(s *approve.Statement) { s.Environment = "staging" })},
		"other changes":                          {rule: "other-plan", reason: "for changes sha256:cc", signed: with(func(s *approve.Statement) { s.ChangesDigest = digest("c") })},
		"a statement that held until now":        {rule: "expired", reason: "it held until 2026-03-01T12:00:00Z", signed: with(func(s *approve.Statement) { s.Expires = noon() })},
		"a statement that holds for ever":        {rule: "expired", reason: "more than 7 days", signed: with(func(s *approve.Statement) { s.Expires = noon().Add(7*24*time.Hour - time.Hour + time.Second) })},
		"a plan that is over":                    {rule: "expired", reason: "the plan held until", signed: same, change: func(_ *office, b *approve.Ballot) { b.Plan.Expires = noon() }},
		"one that was used for another plan":     {rule: "spent", reason: "was used for plan sha256:dd", signed: same, change: func(_ *office, b *approve.Ballot) { b.Spent = map[string]string{statement(1).ID: digest("d")} }},
		"his own change":                         {rule: "author", reason: "Bob had a hand in this change, as bob@ops.example", signed: same, change: wrote("bob@ops.example")},
		"his own change under another name":      {rule: "author", reason: "as Bob@Home.example", signed: same, change: wrote("Bob@Home.example")},
		"his own change by its commit's key":     {rule: "author", reason: "as key:SHA256:", signed: same, change: func(o *office, b *approve.Ballot) { wrote("key:"+fingerprint(o.bob))(o, b) }},
		"a pull request that he opened":          {rule: "author", reason: "as forge:Bob-GH", signed: same, change: wrote("forge:Bob-GH")},
		"his own change by the forge's address":  {rule: "author", reason: "as 12+bob-gh@users.noreply.github.com", signed: same, change: wrote("12+bob-gh@users.noreply.github.com")},
		"a plain key where security keys count":  {rule: "security-key", reason: "only security keys", signed: same, change: func(o *office, _ *approve.Ballot) { o.rules.SecurityKeys = true }},
		"a line for another namespace":           {rule: "not-an-approver", reason: `for namespaces "git"`, signed: same, change: onlyLine(`bob@ops.example namespaces="git" `)},
		"a line that begins later":               {rule: "not-an-approver", reason: "from 2026-03-01T12:00:01Z", signed: same, change: onlyLine(`bob@ops.example valid-after="20260301120001Z" `)},
		"a line that ended":                      {rule: "not-an-approver", reason: "until 2026-03-01T11:59:59Z", signed: same, change: onlyLine(`bob@ops.example valid-before="20260301115959Z" `)},
		"a line that is not understood":          {rule: "not-an-approver", reason: "not among the approvers", signed: same, change: onlyLine(`bob@ops.example touch-required `)},
		"a line of patterns about somebody else": {rule: "not-an-approver", reason: "no known name of the key's holder", signed: same, change: onlyLine(`*@dev.example `)},
	}
}

func wrote(author string) func(*office, *approve.Ballot) {
	return func(_ *office, b *approve.Ballot) { b.Plan.Revision.Authors = append(b.Plan.Revision.Authors, author) }
}

func onlyLine(before string) func(*office, *approve.Ballot) {
	return func(o *office, _ *approve.Ballot) { o.rules.Approvers = []byte(before + public(o.bob)) }
}

func TestEachWayNotToCountIsNamed(t *testing.T) {
	t.Parallel()
	for name, w := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			ballot := o.ballot(w.signed(t, o))
			if w.change != nil {
				w.change(&o, &ballot)
			}
			tally := approve.Count(o.rules, ballot)
			if tally.Have != 0 || len(tally.Rejected) != 1 {
				t.Fatalf("counts %q, rejects %+v", who(tally), tally.Rejected)
			}
			if r := tally.Rejected[0]; r.Rule != w.rule || !strings.Contains(r.Reason, w.reason) {
				t.Errorf("rejected by %s (%s), want %s (%s)", r.Rule, r.Reason, w.rule, w.reason)
			}
		})
	}
}

func TestTheLastMomentStillCounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := statement(1)
	s.Expires = noon().Add(time.Second)
	o.rules.Approvers = []byte(`bob@ops.example valid-after="20260301120000Z",valid-before="20260301120000Z" ` + public(o.bob) +
		"\n" + `bob@ops.example valid-after="202603011200Z",namespaces="git,reconcile-*" ` + public(o.bob))
	if tally := approve.Count(o.rules, o.ballot(signedBy(t, o.bob, s, ""))); who(tally) != "Bob" {
		t.Errorf("counts %q: %+v", who(tally), tally.Rejected)
	}
}

func TestAResumedApplyFindsItsApprovalsUsedForItself(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ballot := o.ballot(signedBy(t, o.bob, statement(1), ""))
	ballot.Spent = map[string]string{statement(1).ID: ballot.Plan.Digest}
	if tally := approve.Count(o.rules, ballot); who(tally) != "Bob" {
		t.Errorf("counts %q: %+v", who(tally), tally.Rejected)
	}
}

func TestAnApprovalCarriesOverToTheSameChangesWithTheEarlierExpiry(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ballot := o.ballot(signedBy(t, o.bob, statement(1), ""))
	ballot.Plan.Digest = digest("e") // planned again after the merge
	if tally := approve.Count(o.rules, ballot); who(tally) != "Bob" || !tally.Approvals[0].Carried {
		t.Errorf("counts %q: %+v", who(tally), tally)
	}
	ballot.Plan.Created, ballot.Plan.Expires = noon(), noon().Add(24*time.Hour)
	ballot.Now = statement(1).Expires
	if tally := approve.Count(o.rules, ballot); tally.Have != 0 || tally.Rejected[0].Rule != approve.RuleExpired {
		t.Errorf("after the first plan expired it counts %q: %+v", who(tally), tally.Rejected)
	}
}

func TestOneApproverMustHavePlannedAgainWhereTheRulesAsk(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.rules.Replan = true
	plain, again := statement(1), approve.NewStatement(thePlan(), statement(2).ID, true)
	bob := signedBy(t, o.bob, plain, "")
	tally := approve.Count(o.rules, o.ballot(bob, signedBy(t, o.carol, statement(3), "")))
	if tally.Have != 2 || tally.Enough() || !tally.LacksReplan {
		t.Errorf("nobody planned again: %+v", tally)
	}
	tally = approve.Count(o.rules, o.ballot(bob, signedBy(t, o.bob, again, ""), signedBy(t, o.carol, statement(3), "")))
	if !tally.Enough() || !tally.Approvals[0].Statement.Replanned {
		t.Errorf("Bob planned again in his second approval: %+v", tally)
	}
	none := o.ballot()
	none.Plan.Requires = plan.Requires{}
	if tally := approve.Count(o.rules, none); !tally.Enough() {
		t.Errorf("a plan that needs nobody lacks somebody: %+v", tally)
	}
}

func TestASecurityKeyCountsOnlyWhenTouched(t *testing.T) {
	t.Parallel()
	for flags, want := range map[byte]string{0x01: "Bob", 0x05: "Bob", 0x00: "", 0x04: ""} {
		o := newOffice(t)
		o.rules.SecurityKeys = true
		k := touched(t, 20, flags)
		o.rules.People[1].Keys = append(o.rules.People[1].Keys, public(k))
		o.rules.Approvers = approvers(t, "bob@ops.example "+public(k))
		tally := approve.Count(o.rules, o.ballot(signedBy(t, k, statement(1), "")))
		if who(tally) != want {
			t.Errorf("with flags %#x counts %q: %+v", flags, who(tally), tally.Rejected)
		}
		if want != "" && !tally.Approvals[0].Hardware {
			t.Errorf("with flags %#x is not told to be hardware", flags)
		}
		if want == "" && !strings.Contains(tally.Rejected[0].Reason, "nobody touched") {
			t.Errorf("with flags %#x: %+v", flags, tally.Rejected)
		}
	}
}

func TestTheKeyOfAnAuthorityRevokesAllThatItCertified(t *testing.T) {
	t.Parallel()
	authority, holder := ed(t, 30), ed(t, 31)
	certificate := certify(t, authority, holder, nil, "dan@ops.example")
	o := newOffice(t)
	o.rules.Approvers = approvers(t, "*@ops.example cert-authority "+public(authority))
	ballot := o.ballot(signedBy(t, certificate, statement(1), ""))
	if tally := approve.Count(o.rules, ballot); who(tally) != "dan@ops.example" {
		t.Fatalf("counts %q: %+v", who(tally), tally.Rejected)
	}
	for name, key := range map[string]ssh.Signer{"the authority": authority, "the holder": holder, "the certificate": certificate} {
		o.rules.Revoked = []byte(public(key))
		if tally := approve.Count(o.rules, ballot); tally.Have != 0 || tally.Rejected[0].Rule != approve.RuleRevoked {
			t.Errorf("with %s revoked counts %q: %+v", name, who(tally), tally.Rejected)
		}
	}
}
