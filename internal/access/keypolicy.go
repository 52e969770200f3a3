package access

import (
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The action that a key is for, and the one that changes who may do what.
const (
	ActSign      = "kms:Sign"
	actPutPolicy = "kms:PutKeyPolicy"
)

// administration is what IAM may decide about a key that it lets nobody sign
// with: the administrative actions of the KMS Developer Guide ("Allow key
// administrators to administer the KMS key"), each by its name, because the
// guide's kms:Create* and kms:Get* would let through what comes later.
// CreateGrant is not among them, since a grant hands out the right to sign; nor
// are ReplicateKey and ImportKeyMaterial, which make a second key. GetPublicKey
// is: a public key is no secret, and every address is derived from it.
func administration() []string {
	return []string{
		"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
		"kms:GetKeyPolicy", "kms:GetPublicKey", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
		"kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
	}
}

// NewKeyPolicy is a key's policy: what the account's IAM may decide, all of it
// or all but the use of the key (KMS Developer Guide, "Default key policy"), and
// who may sign whatever IAM says.
func NewKeyPolicy(account string, all bool, signers Values) Document {
	statement := func(sid string, actions []string, who Values) Statement {
		return Statement{Sid: sid, Effect: Allow, Actions: actions, Resources: Literals("*"), Principals: map[string]Values{"AWS": who}}
	}
	actions := administration()
	if all {
		actions = []string{"kms:*"}
	}
	d := Document{Version: Version, Statements: []Statement{statement("Account", actions, Literals(rootOf(account)))}}
	if len(signers) > 0 {
		d.Statements = append(d.Statements, statement("Signers", []string{"kms:DescribeKey", "kms:GetPublicKey", ActSign}, signers))
	}
	return d
}

// AccountsOnly is the part of a policy that names nobody but accounts: it can be
// written before anybody else exists.
func (d Document) AccountsOnly() Document {
	d.Statements = slices.DeleteFunc(slices.Clone(d.Statements), func(s Statement) bool {
		return len(s.Principals) != 1 || slices.ContainsFunc(s.Principals["AWS"], func(v resource.Value) bool {
			_, account := accountPrincipal(v.String())
			return !account
		})
	})
	return d
}

// Administered reports whether a key's policy leaves somebody who can change it:
// an account or a principal that may put another one, on no condition. A key
// whose policy nobody can change is lost to everybody but AWS's support.
func (d Document) Administered() bool {
	anybody := func(string) bool { return true }
	return slices.ContainsFunc(d.Statements, func(s Statement) bool { return len(s.Conditions) == 0 && s.admits(actPutPolicy, anybody) })
}

// Names reports whether a key's policy itself may let a principal sign,
// conditions aside.
func (d Document) Names(principal string) bool {
	is := func(p string) bool { return p == principal || p == Everyone }
	return slices.ContainsFunc(d.Statements, func(s Statement) bool { return s.admits(ActSign, is) })
}

// delegates reports whether a key's policy leaves signing to the account's IAM.
func (d Document) delegates(account string) bool {
	is := func(principal string) bool {
		whole, ok := accountPrincipal(principal)
		return ok && whole == account
	}
	return slices.ContainsFunc(d.Statements, func(s Statement) bool { return s.admits(ActSign, is) })
}

// admits reports whether a statement allows an action to somebody whom who
// accepts. Everybody but a few is as good as everybody.
func (s Statement) admits(action string, who func(principal string) bool) bool {
	listed := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return glob(strings.ToLower(pattern), strings.ToLower(action)) })
	}
	acts := listed(s.Actions) || s.NotActions != nil && !listed(s.NotActions)
	accepted := s.NotPrincipals != nil && who(Everyone) ||
		slices.ContainsFunc(s.Principals["AWS"], func(v resource.Value) bool { return who(v.String()) })
	return s.Effect == Allow && acts && accepted
}

// CutOff lists the expected signers whom a new key policy would keep from
// signing: those that it does not name and that nothing shows to have the right
// from IAM. Who had the right from IAM before keeps it while IAM may still
// decide. What cannot be told of the old policy counts as a right that would be
// lost.
func CutOff(before, after Document, expected, byIAM []string) []string {
	return slices.DeleteFunc(slices.Clone(expected), func(who string) bool {
		account := accountOf(who)
		switch {
		case after.Names(who):
			return true
		case !before.Names(who):
			return !before.delegates(account) || after.delegates(account)
		default:
			return after.delegates(account) && slices.Contains(byIAM, who)
		}
	})
}

// Spread is the same policy with a statement for every principal and action, so
// that one name taken out of a list is seen by Narrows as what it is.
func (d Document) Spread() Document {
	wide := d
	wide.Statements = nil
	for _, s := range d.Statements {
		parts := []Statement{s}
		if s.NotPrincipals == nil && s.Principals != nil {
			parts = nil
			for sort, who := range s.Principals {
				for _, principal := range who {
					part := s
					part.Principals = map[string]Values{sort: {principal}}
					parts = append(parts, part)
				}
			}
		}
		for _, part := range parts {
			if part.NotActions != nil {
				wide.Statements = append(wide.Statements, part)
			}
			for _, action := range part.Actions {
				part.Actions = []string{action}
				wide.Statements = append(wide.Statements, part)
			}
		}
	}
	return wide
}
