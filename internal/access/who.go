package access

import (
	"slices"
	"strings"
)

// Who lists every principal that can do the action on the resource, or of whom
// that cannot be told: users and roles first, then those from outside whom the
// resource itself names. The account's root user is not among them: it can
// always give itself what the resource's policy leaves to the account.
func (w *World) Who(action, arn string) []Holder { return newIndex(w).who(action, arn) }

func (ix *index) who(action, arn string) []Holder {
	var holders []Holder
	given := usual(action)
	ask := func(c *caller, name, kind string) {
		if o := ix.situation(c, action, arn, given).decide(); o.verdict == Allowed || o.verdict == Unknown {
			holders = append(holders, Holder{Principal: name, Kind: kind, Decision: o.explain()})
		}
	}
	for _, c := range ix.callers {
		kind := HolderUser
		if c.kind == ownRole {
			kind = HolderRole
		}
		ask(c, c.arn, kind)
	}
	for _, c := range ix.named(action, arn) {
		kind := HolderExternal
		if c.kind == service || c.kind == federated {
			kind = HolderService
		}
		ask(c, c.arn, kind)
	}
	everybody := &caller{kind: unnamed, arn: stranger, account: stranger}
	if strings.HasPrefix(action, "s3:") {
		everybody = &caller{kind: anonymous}
	}
	ask(everybody, Everyone, HolderEveryone)
	return holders
}

// usual is the context of a call that a principal makes itself, over TLS, to
// sign a transaction.
func usual(action string) map[string][]string {
	given := map[string][]string{"aws:SecureTransport": {"true"}}
	switch strings.ToLower(action) {
	case "kms:sign":
		given["kms:SigningAlgorithm"] = []string{"ECDSA_SHA_256"}
		given["kms:MessageType"] = []string{"DIGEST"}
	case "kms:creategrant":
		given["kms:GrantIsForAWSResource"] = []string{"false"}
	case "kms:putkeypolicy":
		given["kms:BypassPolicyLockoutSafetyCheck"] = []string{"false"}
	}
	return given
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
	if src, _, _ := ix.policyOf(strings.ToLower(action), arn); src != nil {
		for _, c := range src.about(strings.ToLower(action)) {
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
