package kmskey

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
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

// signing is what a program needs that signs with a key: its address, and the
// signature.
func signing() []string { return []string{"kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"} }

// The action that makes a key's policy matter, and the one that changes it.
const (
	actSign      = "kms:Sign"
	actPutPolicy = "kms:PutKeyPolicy"
)

// rights is what the declared access says of an environment's keys.
type rights struct {
	account string
	// ours maps the ARNs of declared users and roles to what will be their ARN:
	// who does not exist yet must be made before a policy can name him.
	ours map[string]resource.Value
	// signers are the ARNs that must be able to sign, by name of the key; byIAM
	// are those of them that have the right from IAM.
	signers, byIAM map[string][]string
}

func rightsOf(env *config.Environment) rights {
	r := rights{account: env.AWS.Account, ours: map[string]resource.Value{}, signers: map[string][]string{}, byIAM: map[string][]string{}}
	if env.Access == nil {
		return r
	}
	for _, user := range env.Access.Users {
		r.ours[user.ARN(r.account)] = resource.RefTo(config.UserID(user.Name), "arn")
	}
	for _, role := range env.Access.Roles {
		r.ours[role.ARN(r.account)] = resource.RefTo(config.RoleID(role.Name), "arn")
	}
	for _, use := range env.Access.Uses {
		r.signers[use.Key] = union(r.signers[use.Key], use.Principals)
		if use.By == config.ByIAM {
			r.byIAM[use.Key] = union(r.byIAM[use.Key], use.Principals)
		}
	}
	return r
}

// union is both lists, sorted and without repetition.
func union(a, b []string) []string {
	both := slices.Concat(a, b)
	slices.Sort(both)
	return slices.Compact(both)
}

// policy is the key's policy as declared: what the account's IAM may decide,
// and who may sign whatever IAM says.
func (r rights) policy(declared *config.KeyPolicy) *access.Document {
	if declared == nil {
		return nil
	}
	account := access.Statement{
		Sid: "Account", Effect: access.Allow, Actions: []string{"kms:*"}, Resources: access.Literals("*"),
		Principals: map[string]access.Values{"AWS": access.Literals("arn:aws:iam::" + r.account + ":root")},
	}
	if declared.Delegate != config.DelegateAll {
		account.Actions = administration()
	}
	d := &access.Document{Version: access.Version, Statements: []access.Statement{account}}
	if len(declared.Signers) == 0 {
		return d
	}
	var who access.Values
	for _, arn := range declared.Signers {
		if value, ours := r.ours[arn]; ours {
			who = append(who, value)
		} else {
			who = append(who, resource.Literal(arn))
		}
	}
	d.Statements = append(d.Statements, access.Statement{
		Sid: "Signers", Effect: access.Allow, Actions: signing(), Resources: access.Literals("*"),
		Principals: map[string]access.Values{"AWS": who},
	})
	return d
}

// accountOnly is the part of a policy that names nobody but accounts: it can be
// written before anybody else exists. Nil when there is none.
func accountOnly(d *access.Document) *access.Document {
	if d == nil {
		return nil
	}
	part := *d
	part.Statements = slices.DeleteFunc(slices.Clone(d.Statements), func(s access.Statement) bool {
		return len(s.Principals) != 1 || slices.ContainsFunc(s.Principals["AWS"], func(v resource.Value) bool { return !isAccount(v.String()) })
	})
	if len(part.Statements) == 0 {
		return nil
	}
	return &part
}

// isAccount reports a principal that stands for a whole account: its root's ARN
// or its id.
func isAccount(principal string) bool {
	return principal == accountOf(principal) || strings.HasSuffix(principal, ":root")
}

// accountOf is the account that a principal is of: of an ARN, or the id itself.
func accountOf(principal string) string {
	if parts := strings.Split(principal, ":"); len(parts) == 6 {
		return parts[4]
	}
	return principal
}

// allows reports whether a statement allows an action to somebody whom who
// accepts. Everybody is "*", and so is everybody but a few.
func allows(s access.Statement, action string, who func(principal string) bool) bool {
	listed := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			matches, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
			return matches || err != nil
		})
	}
	acts := listed(s.Actions) || s.NotActions != nil && !listed(s.NotActions)
	accepted := s.NotPrincipals != nil && who("*") ||
		slices.ContainsFunc(s.Principals["AWS"], func(v resource.Value) bool { return who(v.String()) })
	return s.Effect == access.Allow && acts && accepted
}

// delegates reports whether an account's IAM may decide about an action.
func delegates(d *access.Document, account, action string) bool {
	is := func(principal string) bool { return isAccount(principal) && accountOf(principal) == account }
	return d != nil && slices.ContainsFunc(d.Statements, func(s access.Statement) bool { return allows(s, action, is) })
}

// names reports whether the policy itself lets a principal sign.
func names(d *access.Document, principal string) bool {
	is := func(p string) bool { return p == principal || p == "*" }
	return d != nil && slices.ContainsFunc(d.Statements, func(s access.Statement) bool { return allows(s, actSign, is) })
}

// administered reports whether a policy leaves somebody who can change it: the
// account or a principal that may put another policy, on no condition. A key
// whose policy nobody can change is lost to everybody but AWS's support.
func administered(d *access.Document) bool {
	anybody := func(string) bool { return true }
	return slices.ContainsFunc(d.Statements, func(s access.Statement) bool {
		return len(s.Conditions) == 0 && allows(s, actPutPolicy, anybody)
	})
}

// cutOff lists the expected signers that a new policy would keep from signing:
// those that it does not name and that nothing shows to have the right from IAM.
// Who had the right from IAM before keeps it while IAM may still decide.
func cutOff(before, after *access.Document, expected, byIAM []string) []string {
	return slices.DeleteFunc(slices.Clone(expected), func(who string) bool {
		account := accountOf(who)
		switch {
		case names(after, who):
			return true
		case !names(before, who):
			return !delegates(before, account, actSign) || delegates(after, account, actSign)
		default:
			return delegates(after, account, actSign) && slices.Contains(byIAM, who)
		}
	})
}

// narrows reports that a new policy only takes rights away. Both are compared
// one principal and one action at a time, so that taking one name out of a list
// is seen as what it is.
func narrows(before, after *access.Document) bool {
	return access.Narrows(spread(before), spread(after))
}

// spread is the same policy with a statement for every principal and action.
func spread(d *access.Document) access.Document {
	wide := *d
	wide.Statements = nil
	for _, s := range d.Statements {
		one := []access.Statement{s}
		if s.NotPrincipals == nil {
			one = one[:0]
			for sort, who := range s.Principals {
				for _, principal := range who {
					part := s
					part.Principals = map[string]access.Values{sort: {principal}}
					one = append(one, part)
				}
			}
		}
		for _, part := range one {
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

// satisfies compares policies by what they mean.
func satisfies(attribute string, desired, observed resource.Attrs) bool {
	if attribute != "policy" {
		return false
	}
	want, err := documentIn(desired)
	have, errHave := documentIn(observed)
	return errors.Join(err, errHave) == nil && want.Equivalent(have)
}

func documentIn(attrs resource.Attrs) (d access.Document, err error) {
	data, err := resource.Canonical(attrs["policy"])
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(data, &d)
}

func faultOf(d *access.Document) string {
	if d == nil {
		return ""
	}
	return d.Fault
}
