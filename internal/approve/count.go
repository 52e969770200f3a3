package approve

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The rules by which an approval does not count.
const (
	RuleFormat      = "format"
	RuleSignature   = "signature"
	RuleNamespace   = "namespace"
	RuleOtherPlan   = "other-plan"
	RuleNotApprover = "not-an-approver"
	RuleRevoked     = "revoked"
	RuleSecurityKey = "security-key"
	RuleExpired     = "expired"
	RuleSpent       = "spent"
	RuleAuthor      = "author"
	RuleTwice       = "twice"
)

// Count says who approved the plan, and whether that is enough. It judges each
// approval by itself and in no order: what strangers add changes nothing for the
// others, and costs one signature check each. The caller bounds how many there are;
// at most MaxApprovals of those that do not count are told, and one more that says
// how many were left out.
//
// Lines of the approvers that are not understood admit nobody (ParseSigners tells
// them). While the list of revoked keys cannot be read, nobody counts.
func Count(rules Rules, ballot Ballot) Tally {
	signers, _ := ParseSigners(rules.Approvers)
	revoked, unread := ParseRevoked(rules.Revoked)
	c := counter{
		rules: rules, ballot: ballot, signers: signers, revoked: revoked, unread: unread,
		people: knownPeople(rules.People, signers),
	}
	for _, s := range distinct(ballot.Signed) {
		c.judge(s)
	}
	return c.tally()
}

// distinct sorts, and leaves out what was found in two places.
func distinct(signed []Signed) []Signed {
	signed = slices.Clone(signed)
	slices.SortFunc(signed, func(a, b Signed) int {
		return cmp.Or(bytes.Compare(a.Statement, b.Statement), bytes.Compare(a.Signature, b.Signature), cmp.Compare(a.Origin, b.Origin))
	})
	return slices.CompactFunc(signed, func(a, b Signed) bool {
		return bytes.Equal(a.Statement, b.Statement) && bytes.Equal(a.Signature, b.Signature)
	})
}

type counter struct {
	rules   Rules
	ballot  Ballot
	signers Signers
	revoked Revoked
	unread  error
	people  *people

	good     []candidate
	rejected []Rejected
}

// candidate is a valid signature of an approver over these changes.
type candidate struct {
	statement Statement
	key       key
	// names are those that a certificate or a line gave the key.
	names  []string
	origin string
}

func (c *counter) reject(who, origin, rule, reason string) {
	c.rejected = append(c.rejected, Rejected{Who: who, Origin: origin, Rule: rule, Reason: reason})
}

// judge asks everything that concerns one approval alone.
func (c *counter) judge(s Signed) {
	statement, err := ParseStatement(s.Statement)
	if err != nil {
		c.reject("", s.Origin, RuleFormat, err.Error())
		return
	}
	sig, err := readSignature(s.Signature)
	if err != nil {
		c.reject("", s.Origin, RuleSignature, err.Error())
		return
	}
	who := sig.key.fingerprint
	if rule, reason := c.about(statement); rule != "" {
		c.reject(who, s.Origin, rule, reason)
		return
	}
	names, reason := c.signers.holders(sig, c.people.names(sig.key.fingerprint), Namespace, c.ballot.Now)
	if reason != "" {
		c.reject(who, s.Origin, RuleNotApprover, reason)
		return
	}
	if err := sig.verify(s.Statement, Namespace); err != nil {
		rule := RuleSignature
		if other := (namespaceError{}); errors.As(err, &other) {
			rule = RuleNamespace
		}
		c.reject(who, s.Origin, rule, err.Error())
		return
	}
	if c.unread != nil {
		c.reject(who, s.Origin, RuleRevoked, "the list of revoked keys cannot be read, so nobody counts: "+c.unread.Error())
		return
	}
	if c.revoked.holds(sig) {
		c.reject(who, s.Origin, RuleRevoked, "key "+sig.key.fingerprint+" is revoked, or the authority that certified it")
		return
	}
	if c.rules.SecurityKeys && !sig.key.hardware() {
		c.reject(who, s.Origin, RuleSecurityKey, "only security keys (sk-) count here, this is a key of kind "+sig.key.public.Type())
		return
	}
	if rule, reason := c.held(statement); rule != "" {
		c.reject(who, s.Origin, rule, reason)
		return
	}
	c.good = append(c.good, candidate{statement: statement, key: sig.key, names: names, origin: s.Origin})
}

// about says whether the statement is about this plan's changes.
func (c *counter) about(s Statement) (rule, reason string) {
	p := c.ballot.Plan
	switch {
	case s.Environment != p.Environment:
		return RuleOtherPlan, fmt.Sprintf("it is for environment %s, the plan is for %s", s.Environment, p.Environment)
	case s.ChangesDigest != p.ChangesDigest:
		return RuleOtherPlan, fmt.Sprintf("it is for changes %s, the plan has %s", s.ChangesDigest, p.ChangesDigest)
	}
	return "", ""
}

// held says whether a statement about this plan still holds: for a plan that was
// made later, the earlier of both ends counts.
func (c *counter) held(s Statement) (rule, reason string) {
	p, now := c.ballot.Plan, c.ballot.Now
	switch plan, spent := c.ballot.Spent[s.ID]; {
	case s.Expires.After(p.Created.Add(longestLife)):
		return RuleExpired, fmt.Sprintf("it would hold until %s, more than 7 days after the plan was made (%s)", s.Expires.Format(time.RFC3339), p.Created.UTC().Format(time.RFC3339))
	case !now.Before(s.Expires):
		return RuleExpired, "it held until " + s.Expires.Format(time.RFC3339)
	case !now.Before(p.Expires):
		return RuleExpired, "the plan held until " + p.Expires.UTC().Format(time.RFC3339)
	case spent && plan != p.Digest:
		return RuleSpent, fmt.Sprintf("approval %s was used for plan %s: one approval, one apply", s.ID, plan)
	}
	return "", ""
}

// tally leaves out authors, and counts each person once.
func (c *counter) tally() Tally {
	for _, g := range c.good {
		c.people.name(g.key.fingerprint, g.names)
	}
	authors := c.people.authors(c.ballot.Plan.Revision.Authors)
	first := map[string]candidate{}
	slices.SortFunc(c.good, better)
	for _, g := range c.good {
		who, root := c.people.who(g.key.fingerprint), c.people.root(keyNode(g.key.fingerprint))
		if author, wrote := authors[root]; wrote {
			c.reject(who, g.origin, RuleAuthor, fmt.Sprintf("%s had a hand in this change, as %s", who, author))
			continue
		}
		if other, twice := first[root]; twice {
			c.reject(who, g.origin, RuleTwice, fmt.Sprintf("%s counts once, by approval %s", who, other.statement.ID))
			continue
		}
		first[root] = g
	}
	t := Tally{Need: c.ballot.Plan.Requires.Approvals, Have: len(first)}
	replanned := false
	for _, g := range first {
		replanned = replanned || g.statement.Replanned
		t.Approvals = append(t.Approvals, Approval{
			Person: c.people.who(g.key.fingerprint), Fingerprint: g.key.fingerprint, Statement: g.statement,
			Carried: g.statement.Digest != c.ballot.Plan.Digest, Hardware: g.key.hardware(), Origin: g.origin,
		})
	}
	slices.SortFunc(t.Approvals, func(a, b Approval) int {
		return cmp.Or(cmp.Compare(a.Person, b.Person), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	t.LacksReplan = c.rules.Replan && t.Need > 0 && t.Have >= t.Need && !replanned
	t.Eligible, t.Authors = c.others(first, authors)
	t.Rejected = c.told()
	return t
}

// better puts first the approval that a person is counted by: who planned again, for
// this very plan, for longest.
func better(a, b candidate) int {
	first := func(yes bool) int {
		if yes {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(first(a.statement.Replanned), first(b.statement.Replanned)),
		b.statement.Expires.Compare(a.statement.Expires),
		cmp.Compare(a.statement.ID, b.statement.ID),
		cmp.Compare(a.key.fingerprint, b.key.fingerprint),
		cmp.Compare(a.origin, b.origin),
	)
}

// others are who may approve and has not, and who may not because they wrote it.
func (c *counter) others(counted map[string]candidate, authors map[string]string) (eligible, wrote []string) {
	may, mayNot := map[string]bool{}, map[string]bool{}
	for _, l := range c.signers.lines {
		if l.admits(Namespace, c.ballot.Now) != "" || c.revoked.keys[l.key.text] || (c.rules.SecurityKeys && !l.authority && !l.key.hardware()) {
			continue
		}
		if l.authority {
			may[fmt.Sprintf("%s (certified by %s)", l.principals, l.key.fingerprint)] = true
			continue
		}
		root := c.people.root(keyNode(l.key.fingerprint))
		if _, has := counted[root]; has {
			continue
		}
		if names, _ := l.held(c.people.names(l.key.fingerprint)); len(names) == 0 {
			continue
		}
		if _, author := authors[root]; author {
			mayNot[c.people.who(l.key.fingerprint)] = true
			continue
		}
		may[c.people.who(l.key.fingerprint)] = true
	}
	return slices.Sorted(maps.Keys(may)), slices.Sorted(maps.Keys(mayNot))
}

// told is what does not count, in an order of its own and within bounds.
func (c *counter) told() []Rejected {
	slices.SortFunc(c.rejected, func(a, b Rejected) int {
		return cmp.Or(cmp.Compare(weight(a.Rule), weight(b.Rule)), cmp.Compare(a.Who, b.Who), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Reason, b.Reason))
	})
	if rest := len(c.rejected) - MaxApprovals; rest > 0 {
		return append(slices.Clip(c.rejected[:MaxApprovals]), Rejected{Rule: RuleFormat, Reason: fmt.Sprintf("%d more do not count", rest)})
	}
	return c.rejected
}

// weight puts what approvers did before what strangers left.
func weight(rule string) int {
	order := []string{RuleAuthor, RuleTwice, RuleExpired, RuleSpent, RuleRevoked, RuleSecurityKey, RuleNamespace, RuleNotApprover, RuleOtherPlan, RuleSignature, RuleFormat}
	return slices.Index(order, rule)
}
