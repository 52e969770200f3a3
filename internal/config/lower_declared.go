package config

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// Values of access.keyAdmin.
const (
	keyAdminKeys  = "keys"
	keyAdminSeeds = "seeds"
)

// keyAdmin makes a user, its group and their policy, where one is declared.
func (a *accessing) keyAdmin() {
	at := in("access", "keyAdmin")
	var name string
	var statements []Statement
	switch a.raw.KeyAdmin {
	case keyAdminKeys:
		name, statements = a.env.Name+"-kms-admin", a.adminOfKeys()
		if len(statements) == 0 {
			a.fault(at, "take it out", "this environment has no key in KMS")
		}
	case keyAdminSeeds:
		name, statements = "kms-admin", a.adminOfSeeds()
		if a.out.Boundary != "" {
			a.fault(at, "keyAdmin: \"keys\"; or boundary: false, which takes it off every user and role", "is every right on every key of the account, and %s would carry reconcile-boundary-%s, which leaves the keys of this environment only", name, a.env.Name)
		}
	default:
		return
	}
	policy := Policy{Name: name, Path: a.out.Path, Description: "Administers keys of " + a.env.Name, Source: a.doc.at(at)}
	a.out.Groups = append(a.out.Groups, Group{Name: name, Path: a.out.Path, Members: []string{name}, Policies: a.policies(policy, statements, at), Source: a.doc.at(at)})
	a.out.Users = append(a.out.Users, User{Name: name, Path: a.out.Path, Boundary: a.out.Boundary, Operator: a.doc.raw.Operator, Source: a.doc.at(at)})
	a.stated[GroupID(name)], a.stated[UserID(name)] = at, at
}

// adminOfKeys stops and starts the environment's keys and saves them from
// deletion. It neither signs nor can become able to: it has no key policy, grant,
// alias or tag call.
func (a *accessing) adminOfKeys() []Statement {
	see := Statement{Sid: "SeeKeys", Actions: []string{"kms:ListAliases", "kms:ListKeys"}, Resources: []string{"*"}}
	admin := Statement{Sid: "AdministerKeys", Actions: []string{
		"kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey", "kms:GetKeyPolicy", "kms:GetPublicKey",
		"kms:ListGrants", "kms:ListResourceTags", "kms:UpdateKeyDescription",
	}}
	for _, key := range a.env.Keys {
		if key.Holder == "kms" {
			admin.Keys = append(admin.Keys, key.Name)
		}
	}
	if len(admin.Keys) == 0 {
		return nil
	}
	return []Statement{see, admin}
}

// adminOfSeeds is the kms-admin policy of the Nomad and Optics runbooks: key
// stores, and everything on every key of the account, signing included.
func (a *accessing) adminOfSeeds() []Statement {
	account := "arn:aws:kms:*:" + a.env.AWS.Account
	return []Statement{
		{Sid: "KeyStores", Actions: []string{
			"kms:ConnectCustomKeyStore", "kms:CreateCustomKeyStore", "kms:CreateKey", "kms:DeleteCustomKeyStore", "kms:DescribeCustomKeyStores",
			"kms:DisconnectCustomKeyStore", "kms:GenerateRandom", "kms:ListAliases", "kms:ListKeys", "kms:UpdateCustomKeyStore",
		}, Resources: []string{"*"}},
		{Sid: "Keys", Actions: []string{"kms:*"}, Resources: []string{account + ":alias/*", account + ":key/*"}},
	}
}

// declaredRoles adds the roles that are no agent's.
func (a *accessing) declaredRoles() {
	for _, name := range slices.Sorted(maps.Keys(a.raw.Roles)) {
		raw, at := a.raw.Roles[name], in("access", "roles", name)
		role := Role{
			Name: name, Path: a.pathOr(raw.Path), Policies: slices.Sorted(slices.Values(raw.Policies)), Boundary: a.boundary(raw.Adopt),
			Trust:      a.ways(&raw.Trust, at.Append(cue.Str("trust")), map[string]string{"environment": a.env.Name, "name": name}),
			MaxSession: session(raw.MaxSession), Operator: raw.Operator, Adopt: raw.Adopt, Protect: raw.Protect, Source: a.doc.at(at),
		}
		if len(role.Trust) == 0 {
			a.fault(at.Append(cue.Str("trust")), "write irsa, ecs, account or github", "names no way into the role")
		}
		a.claim(RoleID(name), at)
		a.out.Roles = append(a.out.Roles, role)
	}
}

// declared adds the users, roles, groups and policies that are no agent's.
func (a *accessing) declared() {
	for _, name := range slices.Sorted(maps.Keys(a.raw.Policies)) {
		raw, at := a.raw.Policies[name], in("access", "policies", name)
		policy := Policy{
			Name: name, Path: a.pathOr(raw.Path), Description: raw.Description, Statements: a.statements(raw.Statements, at.Append(cue.Str("statements"))),
			Adopt: raw.Adopt, Protect: raw.Protect, Source: a.doc.at(at),
		}
		if have := a.characters(policy.Statements); have > maxPolicyCharacters {
			a.fault(at, "make two of it", "has about %d characters, a managed policy may have %d", have, maxPolicyCharacters)
		}
		a.claim(PolicyID(name), at)
		a.out.Policies = append(a.out.Policies, policy)
	}
	for _, name := range slices.Sorted(maps.Keys(a.raw.Users)) {
		raw, at := a.raw.Users[name], in("access", "users", name)
		user := User{
			Name: name, Path: a.pathOr(raw.Path), Policies: slices.Sorted(slices.Values(raw.Policies)), Boundary: a.boundary(raw.Adopt),
			AccessKey: a.accessKey(raw.AccessKey, at.Append(cue.Str("accessKey")), name, map[string]string{"environment": a.env.Name, "name": name}),
			Operator:  raw.Operator, Adopt: raw.Adopt, Protect: raw.Protect, Source: a.doc.at(at),
		}
		a.claim(UserID(name), at)
		a.out.Users = append(a.out.Users, user)
	}
	a.declaredRoles()
	for _, name := range slices.Sorted(maps.Keys(a.raw.Groups)) {
		raw, at := a.raw.Groups[name], in("access", "groups", name)
		a.claim(GroupID(name), at)
		a.out.Groups = append(a.out.Groups, Group{
			Name: name, Path: a.pathOr(raw.Path), Members: slices.Sorted(slices.Values(raw.Members)), Policies: slices.Sorted(slices.Values(raw.Policies)),
			Adopt: raw.Adopt, Protect: raw.Protect, Source: a.doc.at(at),
		})
	}
	slices.SortFunc(a.out.Policies, func(x, y Policy) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Users, func(x, y User) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Groups, func(x, y Group) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Roles, func(x, y Role) int { return strings.Compare(x.Name, y.Name) })
}

func (a *accessing) pathOr(stated string) string {
	if stated == "" {
		return a.out.Path
	}
	return stated
}

// statements checks and reads those of a declared policy.
func (a *accessing) statements(raw []rawStatement, at cue.Path) []Statement {
	if len(raw) == 0 {
		a.fault(at, "", "is empty, a policy has 1 statement at least")
	}
	var statements []Statement
	for i, r := range raw {
		here := at.Append(cue.Index(i))
		switch {
		case len(r.Actions) == 0:
			a.fault(here.Append(cue.Str("actions")), "", "is empty, a statement has 1 action at least")
		case len(r.Keys)+len(r.Resources) == 0:
			a.fault(here, "name keys, or resources by ARN", "is about nothing")
		}
		for j, name := range r.Keys {
			key, known := a.env.Key(name)
			switch {
			case !known:
				a.fault(here.Append(cue.Str("keys"), cue.Index(j)), meant(name, a.keyNames()), "no key %q in this environment", name)
			case key.Holder == "keystore":
				a.fault(here.Append(cue.Str("keys"), cue.Index(j)), "", "key %s is a file, AWS admits nobody to it", name)
			}
		}
		statements = append(statements, Statement{
			Sid:     "Statement" + itoa(i),
			Actions: sortedOnce(r.Actions), Keys: sortedOnce(r.Keys), Resources: sortedOnce(r.Resources),
		})
	}
	return statements
}

func sortedOnce(texts []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(texts)))
}

func (a *accessing) keyNames() []string {
	names := make([]string, len(a.env.Keys))
	for i, key := range a.env.Keys {
		names[i] = key.Name
	}
	return names
}
