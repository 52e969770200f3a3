package bootstrap

import "github.com/crosschain-ops/reconcile/internal/access"

// narrowing lets the apply role take itself on once more, with less: see Narrow.
func (m *maker) narrowing() []access.Statement {
	return []access.Statement{{
		Sid: "NarrowItself", Effect: access.Allow, Actions: []string{"sts:AssumeRole"}, Resources: access.Literals(ApplyRoleARN(m.account, m.env.Name)),
	}}
}

// trustItself admits the role to itself and nobody else. A role that does not
// exist yet cannot be named as a principal of its own trust, so that the account
// is, and the condition names the role.
func trustItself(account, role string) access.Statement {
	return access.Statement{
		Sid: "Itself", Effect: access.Allow, Actions: []string{"sts:AssumeRole"},
		Principals: map[string]access.Values{"AWS": access.Literals("arn:aws:iam::" + account + ":root")},
		Conditions: conditions{"ArnEquals": {"aws:PrincipalArn": {role}}}.values(),
	}
}
