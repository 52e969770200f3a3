package access

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The rules of Judge: names that people put into acknowledgements.
const (
	// CannotUseKey: a principal that must be able to sign cannot.
	CannotUseKey = "cannot-use-key"
	// CannotTell: whether a principal that must be able to sign can, is not known.
	CannotTell = "access-not-known"
	// UnexpectedSigner: a principal can sign and nobody expects it to.
	UnexpectedSigner = "unexpected-signer"
	// WildcardAdmin: a principal has every right on every key.
	WildcardAdmin = "wildcard-admin"
	// UndeclaredGrant: a key has a grant.
	UndeclaredGrant = "undeclared-grant"
	// PrefixAdmitsOther: an alias pattern admits keys of more than one agent.
	PrefixAdmitsOther = "prefix-admits-other"
	// PatternAdmitsNone: an alias pattern admits no key.
	PatternAdmitsNone = "pattern-admits-none"
	// AttachedToNobody: a policy gives nobody anything.
	AttachedToNobody = "attached-to-nobody"
	// MissingPrincipal: a policy names a principal that does not exist.
	MissingPrincipal = "missing-principal"
	// LockedOut: nobody can change a key's policy.
	LockedOut = "locked-out"
	// ExternalBeyond: a contracted operator can do more than use its keys.
	ExternalBeyond = "external-beyond"
	// SharedPrincipal: one principal uses keys of several agents.
	SharedPrincipal = "shared-principal"
	// CanBecome: a principal can make itself able to sign.
	CanBecome = "can-become"
	// MalformedARN: a policy is about an ARN that can be nothing's.
	MalformedARN = "malformed-arn"
	// OtherAccount: a policy of an identity is about another account's keys.
	OtherAccount = "other-account"
)

// Judge holds the world against what is expected of it: findings sorted, one
// for each rule and resource.
func Judge(w *World, expect []Expectation) []resource.Finding { return w.Inquire().Judge(expect) }

func newCourt(ix *index, expect []Expectation) *court {
	c := &court{
		index: ix, expect: expect, byKey: map[string]*Expectation{}, charges: map[about]*charge{}, expected: map[*caller]bool{},
		wide: map[*caller]*clause{}, everyKey: map[*clause]bool{}, managedARNs: map[string]bool{}, had: map[string]bool{},
	}
	for _, arn := range ix.world.Managed {
		c.managedARNs[arn] = true
	}
	for _, who := range ix.callers {
		c.had[who.entity.Boundary] = true
		for _, arn := range who.entity.Attached {
			c.had[arn] = true
		}
	}
	for i := range expect {
		e := &expect[i]
		if e.KeyARN != "" {
			c.byKey[e.KeyARN] = e
		}
		for _, arn := range e.Principals {
			if p, there := c.byARN[arn]; there {
				c.expected[p] = true
			}
		}
	}
	return c
}

func (c *court) judge() []resource.Finding {
	for i := range c.world.Keys {
		if e, there := c.byKey[c.world.Keys[i].ARN]; there {
			c.judgeKey(&c.world.Keys[i], e)
		}
	}
	c.judgePolicies()
	c.judgePrincipals()
	c.judgeNames()
	return c.findings()
}

// court gathers what there is to say.
type court struct {
	*index
	expect   []Expectation
	byKey    map[string]*Expectation
	expected map[*caller]bool
	// wide are the statements that make somebody an administrator of all keys.
	wide map[*caller]*clause
	// everyKey remembers of statements whether they are about every key.
	everyKey    map[*clause]bool
	managedARNs map[string]bool
	// had are the policies that a user or role has.
	had     map[string]bool
	known   *aliasNames
	charges map[about]*charge
}

type about struct {
	rule string
	id   resource.ID
}

// charge is a finding that is still growing.
type charge struct {
	severity resource.Severity
	// head opens the reason, items complete it.
	head, hint string
	items      []string
}

func (c *court) charge(rule string, severity resource.Severity, id resource.ID, head, item, hint string) {
	known, there := c.charges[about{rule, id}]
	if !there {
		known = &charge{severity: severity, head: head, hint: hint}
		c.charges[about{rule, id}] = known
	}
	if rank(severity) < rank(known.severity) {
		known.severity = severity
	}
	known.items = append(known.items, item)
}

func rank(s resource.Severity) int {
	return slices.Index([]resource.Severity{resource.Refuse, resource.Acknowledge, resource.Note}, s)
}

func (c *court) findings() []resource.Finding {
	list := make([]resource.Finding, 0, len(c.charges))
	for what, made := range c.charges {
		items := slices.DeleteFunc(made.items, func(s string) bool { return s == "" })
		slices.SortFunc(items, func(a, b string) int { return cmp.Or(strings.Compare(a, b)) })
		items = slices.Compact(items)
		reason := made.head
		if len(items) > 0 {
			reason += ": " + shown(items)
		}
		list = append(list, resource.Finding{Rule: what.rule, Severity: made.severity, ID: what.id, Reason: reason, Hint: made.hint})
	}
	slices.SortFunc(list, resource.Finding.Compare)
	return list
}

// id names a principal as the resource that it is, or would be.
func (c *caller) id() resource.ID {
	switch c.kind {
	case ownUser:
		return resource.ID{Kind: "iam-user", Scope: "global", Name: c.entity.Name}
	case ownRole:
		return resource.ID{Kind: "iam-role", Scope: "global", Name: c.entity.Name}
	}
	return resource.ID{Kind: "principal", Scope: "global", Name: c.name()}
}

func policyID(name string) resource.ID {
	return resource.ID{Kind: "iam-policy", Scope: "global", Name: name}
}

// isManaged reports whether the configuration declares the user, group, role or
// policy.
func (c *court) isManaged(arn string) bool { return c.managedARNs[arn] }

// is reports whether the caller is one of those that are listed by ARN.
func (c *caller) is(arns ...[]string) bool {
	return slices.ContainsFunc(arns, func(list []string) bool { return slices.Contains(list, c.arn) })
}
