package access

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Who lists every principal that can do the action on the resource, or of whom
// that cannot be told: users and roles first, then those from outside whom the
// resource itself names. The account's root user is not among them: it can
// always give itself what the resource's policy leaves to the account.
func (w *World) Who(action, arn string) []Holder { return w.Inquire().Who(action, arn) }

func (ix *index) who(action, arn string) []Holder {
	var holders []Holder
	for _, h := range ix.held(action, arn) {
		holders = append(holders, Holder{Principal: h.name(), Kind: h.who.holder(), Decision: h.explain()})
	}
	return holders
}

// held is somebody who can, or of whom it cannot be told, with the outcome.
type held struct {
	who *caller
	outcome
}

func (h held) name() string { return h.who.name() }

// name is how answers name a caller.
func (c *caller) name() string {
	if c.kind == anonymous || c.kind == unnamed {
		return Everyone
	}
	return c.arn
}

func (ix *index) held(action, arn string) []held {
	action = strings.ToLower(action)
	if last := ix.lastHeld; last.action == action && last.arn == arn {
		return last.list
	}
	var list []held
	ask := func(c *caller) {
		if o := ix.direct(c, action, arn).decide(); o.answer() > no {
			list = append(list, held{c, o})
		}
	}
	for _, c := range ix.candidates(action, arn) {
		ask(c)
	}
	for _, c := range ix.named(action, arn) {
		ask(c)
	}
	if strings.HasPrefix(action, "s3:") {
		ask(&caller{kind: anonymous})
	} else {
		ask(&caller{kind: unnamed, arn: stranger, account: stranger})
	}
	ix.lastHeld.action, ix.lastHeld.arn, ix.lastHeld.list = action, arn, list
	return list
}

// holder is the caller's kind in words.
func (c *caller) holder() string {
	switch c.kind {
	case ownUser:
		return HolderUser
	case ownRole:
		return HolderRole
	case service, federated:
		return HolderService
	case anonymous, unnamed:
		return HolderEveryone
	}
	return HolderExternal
}

// mayAllow reports whether the source has an Allow for the action, or is not
// understood.
func (s *source) mayAllow(action string) bool {
	return s.fault != "" || slices.ContainsFunc(s.about(action), func(c *clause) bool { return c.Effect == Allow })
}

// mayAllowOn is mayAllow for one resource and a direct call, as far as that can
// be told without knowing who asks.
func (ix *index) mayAllowOn(s *source, action, arn string) bool {
	if s.impersonal(action) {
		allow, _ := ix.direct(&caller{kind: missing}, action, arn).weigh(s)
		return allow.answer > no
	}
	return s.fault != "" || slices.ContainsFunc(s.about(action), func(c *clause) bool {
		return c.Effect == Allow && (c.Resources == nil || slices.ContainsFunc(c.Resources, func(v resource.Value) bool {
			text, known := ix.resolve(v)
			return !known || strings.Contains(text, "${") || strings.IndexByte(text, literally) >= 0 || glob(text, arn)
		}))
	})
}

// candidates are the users and roles for whom the answer may be more than no:
// those who act, and those whom the resource itself lets in, in the order of
// their ARNs.
func (ix *index) candidates(action, arn string) []*caller {
	in := map[*caller]bool{}
	acting := ix.acting(action)
	for _, c := range acting.on[arn] {
		in[c] = true
	}
	for _, open := range acting.open {
		if ix.mayAllowOn(open.src, action, arn) {
			for _, c := range open.with {
				in[c] = true
			}
		}
	}
	if src, _, _ := ix.policyOf(action, arn); src != nil && ix.letIn(src, action, in) {
		return ix.callers
	}
	if key := ix.keys[arn]; key != nil {
		for _, g := range key.Grants {
			ix.letPrincipalIn(g.Grantee, in)
		}
		if key.GrantsUnread {
			return ix.callers
		}
	}
	list := make([]*caller, 0, len(in))
	for c := range in {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *caller) int { return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.arn, b.arn)) })
	return list
}

// letIn adds the users and roles that a resource's policy names, and reports
// whether it may mean just anybody.
func (ix *index) letIn(src *source, action string, in map[*caller]bool) bool {
	if src.fault != "" {
		return true
	}
	for _, c := range src.about(action) {
		if c.Effect != Allow {
			continue
		}
		if c.Principals == nil {
			return true
		}
		for _, values := range c.Principals {
			for _, v := range values {
				text, known := ix.resolve(v)
				if !known || strings.ContainsAny(text, "*?") {
					return true
				}
				ix.letPrincipalIn(text, in)
			}
		}
	}
	return false
}

func (ix *index) letPrincipalIn(text string, in map[*caller]bool) {
	for _, c := range []*caller{ix.byARN[text], ix.byID[text]} {
		if c != nil {
			in[c] = true
		}
	}
	if account, name, _, ok := sessionOf(text); ok && account == ix.world.Account && ix.roles[name] != nil {
		in[ix.roles[name]] = true
	}
}

// usual is the context of a call that a principal makes itself, over TLS, to
// sign a transaction. Keys and the action are in lower case.
func usual(action string) map[string][]string {
	given := map[string][]string{"aws:securetransport": {"true"}}
	switch action {
	case sign:
		given["kms:signingalgorithm"] = []string{"ECDSA_SHA_256"}
		given["kms:messagetype"] = []string{"DIGEST"}
	case "kms:creategrant":
		given["kms:grantisforawsresource"] = []string{"false"}
	case "kms:putkeypolicy":
		given["kms:bypasspolicylockoutsafetycheck"] = []string{"false"}
	}
	return given
}

// direct is the situation of such a call; the action is in lower case.
func (ix *index) direct(who *caller, action, arn string) *situation {
	given, known := ix.usually[action]
	if !known {
		given = usual(action)
		ix.usually[action] = given
	}
	return &situation{index: ix, who: who, action: action, resource: arn, key: ix.keys[arn], given: given, weighed: ix.weighedOn(arn)}
}

// named lists those from outside that the resource's policy or grants may let
// in, by ARN: principals of Allow statements, and accounts and ARNs that the
// conditions of a statement for everybody speak of.
func (ix *index) named(action, arn string) []*caller {
	found := map[string]*caller{}
	add := func(kind callerKind, text string) {
		c := &caller{kind: kind, arn: text}
		if kind == outside {
			c = ix.find(text)
			if c.kind != outside && c.kind != outsideAccount {
				return
			}
		}
		found[c.arn] = c
	}
	if src, _, _ := ix.policyOf(action, arn); src != nil {
		for _, c := range src.about(action) {
			if c.Effect == Allow {
				ix.namedIn(c, add)
			}
		}
	}
	if key := ix.keys[arn]; key != nil {
		for _, g := range key.Grants {
			if strings.HasPrefix(g.Grantee, "arn:") || isAccount(g.Grantee) {
				add(outside, g.Grantee)
			} else if g.Grantee != "" {
				add(service, g.Grantee)
			}
		}
	}
	list := make([]*caller, 0, len(found))
	for _, c := range found {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *caller) int { return strings.Compare(a.arn, b.arn) })
	return list
}

func (ix *index) namedIn(c *clause, add func(callerKind, string)) {
	for kind, values := range c.Principals {
		for _, v := range values {
			text, known := ix.resolve(v)
			switch {
			case !known || text == "" || text == Everyone:
			case kind == "Service":
				add(service, text)
			case kind == "Federated":
				add(federated, text)
			case kind == "AWS":
				add(outside, text)
			}
		}
	}
	for _, byKey := range c.Conditions {
		for _, values := range byKey {
			for _, text := range values.Texts() {
				if accountOf(text) != "" && !strings.ContainsAny(text, "*?$") {
					add(outside, text)
				}
			}
		}
	}
}
