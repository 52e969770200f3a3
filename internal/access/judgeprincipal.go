package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// judgePrincipals looks at each principal over all keys: whether it serves more
// than one agent, and whether an external one has more than it needs.
func (c *court) judgePrincipals() {
	agents := map[string]map[string]bool{}
	outer := map[string][]*Expectation{}
	for i := range c.expect {
		e := &c.expect[i]
		for _, arn := range e.Principals {
			if agents[arn] == nil {
				agents[arn] = map[string]bool{}
			}
			agents[arn][e.owner()] = true
			if e.External {
				outer[arn] = append(outer[arn], e)
			}
		}
	}
	for arn, served := range agents {
		if len(served) < 2 {
			continue
		}
		who := c.find(arn)
		for agent := range served {
			c.charge(SharedPrincipal, resource.Acknowledge, who.id(), fmt.Sprintf("%s uses keys of %d agents", who.title(), len(served)), agent,
				"give each agent a principal of its own, or accept it in the configuration")
		}
	}
	for arn, list := range outer {
		c.beyond(c.find(arn), list)
	}
}

// beyond: a contracted operator's principal can use its keys and buckets, and
// nothing else.
func (c *court) beyond(who *caller, list []*Expectation) {
	own := map[string]bool{}
	for _, e := range list {
		if e.KeyARN != "" {
			own[e.KeyARN] = true
		}
		for _, bucket := range e.Buckets {
			own[bucket] = true
		}
	}
	say := func(item string) {
		c.charge(ExternalBeyond, resource.Refuse, who.id(), fmt.Sprintf("%s belongs to a contracted operator and has more than the use of its own keys", who.title()), item,
			"take it away: an external principal signs with its own keys and writes to its declared buckets")
	}
	for _, src := range who.sources {
		c.beyondOwn(who, src, own, say)
	}
	for i := range c.world.Keys {
		key := &c.world.Keys[i]
		src, _, _ := c.keyPolicy(key.ARN)
		for j := range src.clauses {
			if s := &src.clauses[j]; c.lets(who, s) && (!own[key.ARN] || !onlyUses(s)) {
				say(s.String())
			}
		}
		for _, g := range key.Grants {
			if g.Grantee == who.arn {
				say("grant " + g.title() + " of key " + key.ID.Name)
			}
		}
	}
	for i := range c.world.Buckets {
		bucket := &c.world.Buckets[i]
		src, _, _ := c.bucketPolicy(bucket.ARN)
		for j := range src.clauses {
			if s := &src.clauses[j]; c.lets(who, s) && !own[bucket.ARN] {
				say(s.String())
			}
		}
	}
	c.beyondTrust(who, say)
}

// beyondTrust: the role of somebody else does not let the principal in.
func (c *court) beyondTrust(who *caller, say func(string)) {
	for _, role := range c.roles {
		if c.expected[role] {
			continue
		}
		for i := range role.trust.clauses {
			if s := &role.trust.clauses[i]; c.lets(who, s) {
				say(s.String())
			}
		}
	}
}

// lets reports whether the statement of a resource's policy lets the principal
// in by its name or by its account's. Of our own account's word nothing follows.
func (c *court) lets(who *caller, s *clause) bool {
	if s.Effect != Allow {
		return false
	}
	taken, _ := c.situation(who, "", "", nil).principals(s)
	if who.kind <= ownRoot {
		taken[asAccount] = no
	}
	return taken[asItself] > no || taken[asRole] > no || taken[asAccount] > no
}

// beyondOwn judges the statements of the principal's own policies: each must be
// about its own keys and buckets, or let it use no key but its own.
func (c *court) beyondOwn(who *caller, src *source, own map[string]bool, say func(string)) {
	if src.fault != "" {
		say(src.label + " (" + src.fault + ")")
	}
	for i := range src.clauses {
		s := &src.clauses[i]
		if s.Effect != Allow || c.aboutOwn(s, own) {
			continue
		}
		if !onlyUses(s) || c.usesOther(who, own) {
			say(s.String())
		}
	}
}

func (c *court) aboutOwn(s *clause, own map[string]bool) bool {
	if s.Resources == nil {
		return false
	}
	return !slices.ContainsFunc(s.Resources, func(v resource.Value) bool {
		text, known := c.resolve(v)
		bucket, _, object := strings.Cut(text, "/")
		switch {
		case !known:
			return true
		case strings.HasPrefix(text, "arn:aws:s3:::"):
			return !own[bucket]
		}
		return !own[text] || object && !onlyUses(s)
	})
}

// onlyUses reports whether the statement allows nothing but to use a key.
func onlyUses(s *clause) bool {
	return len(s.actions) > 0 && !slices.ContainsFunc(s.actions, func(action string) bool {
		return !slices.Contains([]string{"kms:sign", "kms:getpublickey", "kms:describekey", "kms:verify"}, action)
	})
}

// usesOther reports whether the principal may be able to sign with a key that is
// not its own.
func (c *court) usesOther(who *caller, own map[string]bool) bool {
	for i := range c.world.Keys {
		if arn := c.world.Keys[i].ARN; !own[arn] && c.may(who, "kms:Sign", arn) > no {
			return true
		}
	}
	return false
}

// judgeNames looks for principals that do not exist in the policies of keys and
// buckets and in the trust of managed roles.
func (c *court) judgeNames() {
	if d := &c.world.Directory; len(d.Users)+len(d.Roles) == 0 {
		return
	}
	for i := range c.world.Keys {
		if key := &c.world.Keys[i]; c.byKey[key.ARN] != nil {
			src, _, _ := c.keyPolicy(key.ARN)
			c.names(c.byKey[key.ARN].Key, src)
		}
	}
	for i := range c.world.Buckets {
		src, _, _ := c.bucketPolicy(c.world.Buckets[i].ARN)
		c.names(c.world.Buckets[i].ID, src)
	}
	for _, role := range c.roles {
		if c.isManaged(role.arn) || c.expected[role] {
			c.names(role.id(), role.trust)
		}
	}
}

func (c *court) names(id resource.ID, src *source) {
	for i := range src.clauses {
		s := &src.clauses[i]
		for _, values := range []Values{s.Principals["AWS"], s.NotPrincipals["AWS"]} {
			for _, v := range values {
				if text, known := c.resolve(v); known && c.isNobody(text) {
					c.charge(MissingPrincipal, resource.Refuse, id, "its policy names principals that do not exist", fmt.Sprintf("%s (%s)", text, s),
						"name an existing principal, or take the name out")
				}
			}
		}
	}
}

// isNobody reports whether a principal that a policy names is none: an ARN of
// this account that is not there, or the unique id that AWS shows in place of a
// deleted one.
func (c *court) isNobody(text string) bool {
	if uniqueID(text) {
		return c.byID[text] == nil
	}
	if accountOf(text) != c.world.Account || wild(text) {
		return false
	}
	who := c.find(text)
	return who.kind == missing && (strings.Contains(text, ":user/") || strings.Contains(text, ":role/") || strings.Contains(text, ":assumed-role/"))
}
