package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// judged is a document whose form is judged: what it says concerns us.
type judged struct {
	id   resource.ID
	src  *source
	arn  string
	ours bool
}

// judgePolicies looks at the policies that concern us: those that are managed,
// that an expected principal has, or that speak of the environment's aliases.
func (c *court) judgePolicies() {
	carried := c.carried()
	for i := range c.world.Directory.Policies {
		p := &c.world.Directory.Policies[i]
		src := c.policy[p.ARN]
		if accountOf(p.ARN) != c.world.Account {
			continue
		}
		ours := c.isManaged(p.ARN) || carried[src]
		if !ours && !c.speaksOfUs(src) {
			continue
		}
		j := judged{id: policyID(p.Name), src: src, arn: p.ARN, ours: ours}
		c.aliasPatterns(j)
		c.resourceARNs(j)
		c.attached(j)
	}
	for _, who := range c.only(c.expected) {
		for _, src := range who.sources {
			if strings.HasPrefix(src.label, "inline policy") {
				j := judged{id: who.id(), src: src, ours: true}
				c.aliasPatterns(j)
				c.resourceARNs(j)
			}
		}
	}
}

// carried are the documents that expected principals have.
func (c *court) carried() map[*source]bool {
	carried := map[*source]bool{}
	for who := range c.expected {
		for _, src := range who.sources {
			carried[src] = true
		}
	}
	return carried
}

// speaksOfUs reports whether a policy's conditions name aliases of the
// environment.
func (c *court) speaksOfUs(src *source) bool {
	if c.world.Environment == "" {
		return false
	}
	return slices.ContainsFunc(aliasValues(src), func(text string) bool { return strings.HasPrefix(text, "alias/"+c.world.Environment+"-") })
}

// aliasValues are the alias patterns under which a document lets sign.
func aliasValues(src *source) []string {
	var list []string
	for _, s := range src.about(sign) {
		if s.Effect != Allow {
			continue
		}
		for text, byKey := range s.Conditions {
			o := parseOperator(text)
			if o.negated || o.base != "StringLike" && o.base != "StringEquals" {
				continue
			}
			for key, values := range byKey {
				if strings.EqualFold(key, "kms:ResourceAliases") {
					list = append(list, values.Texts()...)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// aliasPatterns: each pattern admits the keys of one agent, and at least one.
func (c *court) aliasPatterns(j judged) {
	for _, pattern := range aliasValues(j.src) {
		if strings.Contains(pattern, "${") {
			continue
		}
		owners, aliases, complete := c.aliases().admits(pattern)
		severity := resource.Acknowledge
		if j.ours {
			severity = resource.Refuse
		}
		if len(owners) == 0 && complete {
			c.charge(PatternAdmitsNone, severity, j.id, "it lets sign under aliases that no key has",
				fmt.Sprintf("%s (keys have %s)", pattern, c.aliases().some), "write the pattern so that it admits the aliases it is meant for, or name the keys by ARN")
		}
		if len(owners) > 1 {
			c.charge(PrefixAdmitsOther, resource.Acknowledge, j.id, "its alias pattern admits keys of more than one agent",
				fmt.Sprintf("%s admits %s", pattern, shown(aliases)), "end the pattern where the agent's name ends (alias/staging-*-relayer-signer), or name the keys by ARN")
		}
	}
}

// owner is whose key it is: an agent, or the key itself.
func (e *Expectation) owner() string {
	if e.Agent != "" {
		return e.Agent
	}
	return e.Key.String()
}

// attached: somebody has the policy.
func (c *court) attached(j judged) {
	d := &c.world.Directory
	var empty []string
	has := func(e Entity) bool { return slices.Contains(e.Attached, j.arn) || e.Boundary == j.arn }
	if c.had[j.arn] {
		return
	}
	for i := range d.Groups {
		if g := &d.Groups[i]; has(g.Entity) {
			if len(g.Members) > 0 || slices.ContainsFunc(d.Users, func(u User) bool { return slices.Contains(u.Groups, g.Name) }) {
				return
			}
			empty = append(empty, g.Name)
		}
	}
	head := "the policy is attached to nobody"
	if len(empty) > 0 {
		head = "the policy is attached only to groups without members"
	}
	c.charge(AttachedToNobody, resource.Acknowledge, j.id, head, strings.Join(empty, ", "), "attach it to the group or role that it is meant for, or remove it")
}

// resourceARNs: what a policy is about can exist, and is in this account.
func (c *court) resourceARNs(j judged) {
	severity := resource.Acknowledge
	if j.ours {
		severity = resource.Refuse
	}
	for i := range j.src.clauses {
		s := &j.src.clauses[i]
		for _, v := range slices.Concat(s.Resources, s.NotResources) {
			text, known := c.resolve(v)
			if !known || text == "*" {
				continue
			}
			if fault := faultOf(text); fault != "" {
				c.charge(MalformedARN, severity, j.id, "it is about something that cannot exist", text+" ("+fault+")", "write the account's own id, "+c.world.Account)
			} else if a := accountOf(text); isAccount(a) && a != c.world.Account && s.Effect == Allow {
				c.charge(OtherAccount, resource.Note, j.id, fmt.Sprintf("it is about another account than %s", c.world.Account), text, "")
			}
		}
	}
}

// faultOf says why an ARN can be nothing's; empty: it can.
func faultOf(text string) string {
	parts := strings.SplitN(text, ":", arnParts)
	if !strings.HasPrefix(text, "arn:") || len(parts) < arnParts {
		if wild(text) {
			return ""
		}
		return "no ARN"
	}
	digits := parts[4]
	switch {
	case strings.ContainsAny(text, "<>"):
		return "a placeholder stands in it"
	case digits == "" || wild(digits) || strings.Contains(digits, "${") || digits == "aws" || isAccount(digits):
		return ""
	}
	return fmt.Sprintf("account %q has %d characters, need 12 digits", digits, len(digits))
}
