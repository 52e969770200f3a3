package kind

import (
	"encoding/json"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// SameDocument reports whether two attributes hold policy documents that mean
// the same.
func SameDocument(a, b any) bool {
	left, okLeft := documentOf(a)
	right, okRight := documentOf(b)
	return okLeft && okRight && left.Equivalent(right)
}

func documentOf(attribute any) (d access.Document, ok bool) {
	data, err := resource.Canonical(attribute)
	return d, attribute != nil && err == nil && json.Unmarshal(data, &d) == nil
}

// PrincipalRefs maps the ARNs of the declared users and roles to what will be
// their ARN: who does not exist yet must be made before a policy can name him.
func PrincipalRefs(env *config.Environment) map[string]resource.Value {
	refs := map[string]resource.Value{}
	if env.Access == nil {
		return refs
	}
	for _, user := range env.Access.Users {
		refs[user.ARN(env.AWS.Account)] = resource.RefTo(config.UserID(user.Name), "arn")
	}
	for _, role := range env.Access.Roles {
		refs[role.ARN(env.AWS.Account)] = resource.RefTo(config.RoleID(role.Name), "arn")
	}
	return refs
}

// PrincipalValues are principals as a policy names them, those that the same
// environment makes as refs: AWS refuses a principal that does not exist.
func PrincipalValues(env *config.Environment, arns []string) access.Values {
	ours := PrincipalRefs(env)
	var values access.Values
	for _, arn := range arns {
		value, known := ours[arn]
		if !known {
			value = resource.Literal(arn)
		}
		values = append(values, value)
	}
	return values
}
