package approve_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// crowd is people with several keys and names each, some of them shared, and
// approvals of all sorts by them.
func crowd(t *testing.T, r *rand.Rand) (approve.Rules, approve.Ballot) {
	t.Helper()
	var rules approve.Rules
	var lines []string
	keys := make([]ssh.Signer, 8)
	for i := range keys {
		keys[i] = ed(t, byte(100+i))
		lines = append(lines, fmt.Sprintf("user%d@ops %s", r.IntN(6), public(keys[i])))
	}
	for i := range 4 {
		p := approve.Person{Name: fmt.Sprintf("Person %d", i)}
		for range r.IntN(3) {
			p.Keys = append(p.Keys, public(keys[r.IntN(len(keys))]))
			p.Emails = append(p.Emails, fmt.Sprintf("user%d@ops", r.IntN(6)))
		}
		rules.People = append(rules.People, p)
	}
	rules.Approvers = []byte(strings.Join(lines, "\n"))
	b := approve.Ballot{Plan: thePlan(), Now: noon(), Spent: map[string]string{statement(3).ID: digest("d")}}
	b.Plan.Revision.Authors = []string{fmt.Sprintf("user%d@ops", r.IntN(6))}
	for i := range 2 + r.IntN(10) {
		s := statement(i)
		s.Replanned = r.IntN(3) == 0
		s.Expires = s.Expires.Add(-time.Duration(r.IntN(3)) * 11 * time.Hour)
		b.Signed = append(b.Signed, signedBy(t, keys[r.IntN(len(keys))], s, fmt.Sprintf("ref %d", i)))
	}
	return rules, b
}

// junk is what anybody who may push can leave beside them.
func junk(t *testing.T, r *rand.Rand, from []approve.Signed) []approve.Signed {
	t.Helper()
	all := []approve.Signed{{}, {Statement: []byte("{}\n"), Signature: []byte("x"), Origin: "a"}}
	for i := range 5 {
		all = append(all, signedBy(t, ed(t, byte(200+i)), statement(50+i), "a stranger's"))
	}
	for _, s := range from {
		changed := slices.Clone(s.Signature)
		changed[60+r.IntN(60)] ^= 1
		all = append(all, approve.Signed{Statement: s.Statement, Signature: changed, Origin: "changed"})
		other := statement(90 + r.IntN(5))
		data, err := other.Encode()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, approve.Signed{Statement: data, Signature: s.Signature, Origin: "moved"}, approve.Signed{Statement: s.Statement, Signature: s.Signature, Origin: "zz, a copy"})
	}
	return all
}

func TestNeitherOrderNorJunkChangesWhoCounts(t *testing.T) {
	t.Parallel()
	counted := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		rules, b := crowd(t, r)
		want := approve.Count(rules, b)
		counted += want.Have
		shuffled := b
		shuffled.Signed = slices.Clone(b.Signed)
		r.Shuffle(len(shuffled.Signed), func(i, j int) {
			shuffled.Signed[i], shuffled.Signed[j] = shuffled.Signed[j], shuffled.Signed[i]
		})
		if diff := cmp.Diff(want, approve.Count(rules, shuffled)); diff != "" {
			t.Fatalf("seed %d: in another order (-want +got):\n%s", seed, diff)
		}
		shuffled.Signed = append(junk(t, r, b.Signed), shuffled.Signed...)
		r.Shuffle(len(shuffled.Signed), func(i, j int) {
			shuffled.Signed[i], shuffled.Signed[j] = shuffled.Signed[j], shuffled.Signed[i]
		})
		have := approve.Count(rules, shuffled)
		have.Rejected = want.Rejected
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatalf("seed %d: with junk (-want +got):\n%s", seed, diff)
		}
	}
	if counted < 60 {
		t.Errorf("%d approvals count in all worlds: they say little", counted)
	}
}

func TestMoreJunkThanIsToldIsCounted(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	signed := []approve.Signed{signedBy(t, o.bob, statement(1), "z"), signedBy(t, o.eve, statement(2), "z")}
	for i := range 250 {
		signed = append(signed, approve.Signed{Statement: fmt.Appendf(nil, "%d", i), Origin: "a"})
	}
	tally := approve.Count(o.rules, o.ballot(signed...))
	if who(tally) != "Bob" || len(tally.Rejected) != approve.MaxApprovals+1 {
		t.Fatalf("counts %q, rejects %d", who(tally), len(tally.Rejected))
	}
	if first, last := tally.Rejected[0], tally.Rejected[approve.MaxApprovals]; first.Rule != approve.RuleAuthor || last.Reason != "151 more do not count" {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

// TestOnePersonCountsOnce: however many keys, names and lines somebody has, or
// shares, who is tied together is one.
func TestOnePersonCountsOnce(t *testing.T) {
	t.Parallel()
	a, b, c := ed(t, 120), ed(t, 121), ed(t, 122)
	lines := func(names ...string) []byte {
		return approvers(t, names[0]+" "+public(a), names[1]+" "+public(b), names[2]+" "+public(c))
	}
	for name, test := range map[string]struct {
		rules approve.Rules
		want  string
	}{
		"three strangers": {approve.Rules{Approvers: lines("a@x", "b@x", "c@x")}, "a@x b@x c@x"},
		"three keys of one person": {approve.Rules{
			Approvers: lines("a@x", "b@x", "c@x"), People: []approve.Person{{Name: "Ann", Keys: []string{public(a), public(b), public(c)}}},
		}, "Ann"},
		"three keys under one principal":      {approve.Rules{Approvers: lines("a@x", "a@x", "A@X")}, "A@X"},
		"a line with two principals":          {approve.Rules{Approvers: lines("a@x", "a@x,b@x", "b@x")}, "a@x"},
		"a principal that is a person's mail": {approve.Rules{Approvers: lines("a@x", "b@x", "c@x"), People: []approve.Person{{Name: "Ann", Keys: []string{public(a)}, Emails: []string{"b@x"}}}}, "Ann c@x"},
		"a principal that is a login":         {approve.Rules{Approvers: lines("a@x", "ann-gh", "c@x"), People: []approve.Person{{Name: "Ann", Keys: []string{public(a)}, Forge: "Ann-GH"}}}, "Ann c@x"},
		"a principal that is a person's name": {approve.Rules{Approvers: lines("a@x", "ann", "c@x"), People: []approve.Person{{Name: "Ann", Keys: []string{public(a)}}}}, "Ann c@x"},
		"a key that two people have": {approve.Rules{Approvers: lines("a@x", "b@x", "c@x"), People: []approve.Person{
			{Name: "Ann", Keys: []string{public(a), public(b)}}, {Name: "Ben", Keys: []string{public(b), public(c)}},
		}}, "Ann"},
		"two people with one address": {approve.Rules{Approvers: lines("a@x", "b@x", "c@x"), People: []approve.Person{
			{Name: "Ann", Keys: []string{public(a)}, Emails: []string{"team@x"}}, {Name: "Ben", Keys: []string{public(b)}, Emails: []string{"team@x"}},
		}}, "Ann c@x"},
	} {
		signed := []approve.Signed{signedBy(t, a, statement(1), ""), signedBy(t, b, statement(2), ""), signedBy(t, c, statement(3), ""), signedBy(t, a, statement(4), "")}
		tally := approve.Count(test.rules, approve.Ballot{Plan: thePlan(), Signed: signed, Now: noon()})
		if who(tally) != test.want || len(tally.Approvals)+len(tally.Rejected) != 4 {
			t.Errorf("%s: counts %q, want %q: %+v", name, who(tally), test.want, tally.Rejected)
		}
		for _, r := range tally.Rejected {
			if r.Rule != approve.RuleTwice {
				t.Errorf("%s: rejects by %s, want twice", name, r.Rule)
			}
		}
	}
}

func TestACertificateForTwoNamesIsOnePerson(t *testing.T) {
	t.Parallel()
	authority, first, second := ed(t, 130), ed(t, 131), ed(t, 132)
	rules := approve.Rules{Approvers: approvers(t, "*@x cert-authority "+public(authority))}
	count := func(names ...string) string {
		return who(approve.Count(rules, approve.Ballot{Plan: thePlan(), Now: noon(), Signed: []approve.Signed{
			signedBy(t, certify(t, authority, first, nil, "a@x"), statement(1), ""),
			signedBy(t, certify(t, authority, second, nil, names...), statement(2), ""),
		}}))
	}
	for names, want := range map[string]string{"b@x": "a@x b@x", "a@x": "a@x", "b@x a@x": "a@x", "b@x a@y": "a@x b@x", "*@x": "a@x"} {
		if have := count(strings.Fields(names)...); have != want {
			t.Errorf("a second certificate for %q: counts %q, want %q", names, have, want)
		}
	}
}
