package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

func (c *court) judgeKey(key *Key, e *Expectation) {
	c.usable(key, e)
	c.signers(key, e)
	c.lockedOut(key, e)
	for _, g := range key.Grants {
		c.charge(UndeclaredGrant, resource.Refuse, e.Key, "the key has grants, need none",
			fmt.Sprintf("%s gives %s to %s", g.title(), strings.Join(g.Operations, ", "), g.Grantee),
			"find out who made it, then: aws kms revoke-grant --key-id "+key.ARN+" --grant-id "+g.ID)
	}
	for _, p := range c.become(key) {
		c.becomes(e, p)
	}
}

// usable: whoever must be able to sign can read the public key and sign.
func (c *court) usable(key *Key, e *Expectation) {
	for _, arn := range e.Principals {
		who := c.find(arn)
		var cannot, doubtful []string
		var why, doubt string
		for _, action := range []string{"kms:GetPublicKey", "kms:Sign"} {
			lower := strings.ToLower(action)
			d := c.direct(who, lower, key.ARN).decide().explain()
			switch {
			case d.Verdict == Allowed || d.Admitted:
			case d.Verdict == Unknown:
				doubtful, doubt = append(doubtful, action), d.Reason
			default:
				cannot, why = append(cannot, action), d.Reason
			}
		}
		if len(cannot) > 0 {
			c.charge(CannotUseKey, resource.Refuse, e.Key, "its own principals cannot use the key",
				fmt.Sprintf("%s has no %s (%s)", who.title(), strings.Join(cannot, " and "), why),
				strings.Join(strings.Fields("reconcile access "+c.world.Environment+" --principal "+arn), " ")+" shows what it can do")
		}
		if len(doubtful) > 0 {
			c.charge(CannotTell, resource.Acknowledge, e.Key, "whether its own principals can use the key cannot be told",
				fmt.Sprintf("%s, %s (%s)", who.title(), strings.Join(doubtful, " and "), doubt), "")
		}
	}
}

// signers: nobody else can sign.
func (c *court) signers(key *Key, e *Expectation) {
	for _, h := range c.held(sign, key.ARN) {
		if h.who.is(e.Principals, e.Others) {
			continue
		}
		if wide := c.administers(h.who); wide != nil {
			severity := resource.Acknowledge
			if h.who.is(e.Admins) {
				severity = resource.Note
			}
			c.charge(WildcardAdmin, severity, h.who.id(), fmt.Sprintf("%s has every right on every key, by %s, and can sign with", h.who.title(), wide),
				e.Key.Name, "allow what is needed on the keys that are meant, or accept it in the configuration")
			continue
		}
		if h.who.is(e.Admins) {
			continue
		}
		severity, item := resource.Acknowledge, h.who.title()+" ("+h.allow.String()+")"
		if h.verdict == Unknown && !h.admitted {
			item = h.who.title() + " (cannot tell)"
		}
		if h.who.kind == unnamed || h.who.kind == anonymous {
			severity = resource.Refuse
		}
		c.charge(UnexpectedSigner, severity, e.Key, "who is not expected to can sign with it", item,
			"take the right away, or declare it")
	}
}

// administers gives the statement that allows the principal everything on all
// keys, whatever its conditions.
func (c *court) administers(who *caller) *clause {
	wide, known := c.wide[who]
	if known || who.kind > ownRole {
		return wide
	}
	for _, src := range who.sources {
		for i := range src.clauses {
			if s := &src.clauses[i]; wide == nil && s.Effect == Allow && s.covers("kms:sign") && s.covers("kms:putkeypolicy") && s.covers("kms:creategrant") && c.allKeys(s) {
				wide = s
			}
		}
	}
	c.wide[who] = wide
	return wide
}

// allKeys reports whether the statement is about every key of the account in
// some Region at least.
func (c *court) allKeys(s *clause) bool {
	all, known := c.everyKey[s]
	if !known {
		all = s.Resources == nil || slices.ContainsFunc(s.Resources, c.namesAllKeys)
		c.everyKey[s] = all
	}
	return all
}

func (c *court) namesAllKeys(v resource.Value) bool {
	text, known := c.resolve(v)
	if !known || !wild(text) {
		return false
	}
	if glob(text, "arn:aws:kms:us-west-2:"+c.world.Account+":key/any") {
		return true
	}
	return slices.ContainsFunc(c.world.Keys, func(key Key) bool {
		at := strings.LastIndexByte(key.ARN, '/')
		return glob(text, key.ARN) && glob(text, key.ARN[:at+1]+"any")
	})
}

// lockedOut: somebody can change the key's policy.
func (c *court) lockedOut(key *Key, e *Expectation) {
	const action = "kms:putkeypolicy"
	if key.PolicyUnread {
		return
	}
	if c.may(c.find(rootOf(c.world.Account)), action, key.ARN) == yes {
		return // the root user can, and through it whom IAM lets
	}
	doubt := false
	for _, who := range c.candidates(action, key.ARN) {
		switch c.may(who, action, key.ARN) {
		case yes:
			return
		case maybe:
			doubt = true
		}
	}
	if doubt {
		c.charge(LockedOut, resource.Acknowledge, e.Key, "whether anybody in the account can change the key's policy cannot be told", "", "")
		return
	}
	c.charge(LockedOut, resource.Refuse, e.Key, "nobody in the account can change the key's policy (kms:PutKeyPolicy)", "",
		"only AWS Support can give access back, at the word of the account's root user")
}

// becomes: a path to signing is shown with the one who can go it.
func (c *court) becomes(e *Expectation, p Path) {
	who := c.find(p.Principal)
	switch p.Kind {
	case HolderService:
		who = &caller{kind: federated, arn: p.Principal}
	case HolderEveryone:
		who = &caller{kind: unnamed}
	}
	if who.is(e.Principals, e.Others, e.Admins) || c.administers(who) != nil {
		return
	}
	first := p.Hops[0]
	if who.kind > ownRoot && c.isManaged(first.Target) {
		return // a role's trust is declared, and what it can do then is told of the role
	}
	severity := resource.Note
	if p.Sure {
		severity = resource.Acknowledge
	}
	steps := make([]string, len(p.Hops))
	for i, hop := range p.Hops {
		target := short(hop.Target)
		if strings.HasPrefix(target, "key/") {
			target = "the key"
		}
		steps[i] = strings.Join(hop.Actions, " + ") + " on " + target
	}
	c.charge(CanBecome, severity, who.id(), fmt.Sprintf("%s can come to sign (with %s: %s), in all with", who.title(), e.Key.Name, strings.Join(steps, ", then ")), e.Key.Name,
		"take that right away, or name the principal among the administrators")
}
