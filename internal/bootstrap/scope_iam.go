package bootstrap

import (
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// iamScopes: what the environment declares no user, group or role of, the tool
// may not make; it may only remove what is left of it below our path. Users and roles are made and given something only under the
// boundary, and only declared policies are given. Not every action can be held
// to the boundary: which ones can, says the Service Authorization Reference
// ("Actions, resources, and condition keys for AWS Identity and Access
// Management"). UpdateAssumeRolePolicy, CreateAccessKey and AddUserToGroup
// cannot; docs/threat-model.md says what follows.
func (m *maker) iamScopes() []scope {
	users, groups, roles, policies := m.entities()
	principals := slices.Concat(users, roles)
	goneUsers, goneGroups, goneRoles := m.below("user", users), m.below("group", groups), m.below("role", roles)
	gonePrincipals := slices.Concat(goneUsers, goneRoles)
	bounded := m.bounded()
	return []scope{
		{name: "CreatePrincipals", resources: principals, conditions: bounded, actions: []string{
			"iam:CreateRole", "iam:CreateUser", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary",
		}},
		{name: "AttachPolicies", resources: principals, actions: []string{"iam:AttachRolePolicy", "iam:AttachUserPolicy"},
			conditions: join(bounded, conditions{"ArnLike": {"iam:PolicyARN": slices.Concat(policies, m.foreignPolicies(false))}})},
		{name: "AttachGroupPolicies", resources: groups, actions: []string{"iam:AttachGroupPolicy"},
			conditions: conditions{"ArnLike": {"iam:PolicyARN": slices.Concat(policies, m.foreignPolicies(true))}}},
		{name: "MarkPrincipals", resources: principals, conditions: m.unlessMarked(), actions: []string{"iam:TagRole", "iam:TagUser"}},
		{name: "TakePrincipals", resources: gonePrincipals, conditions: m.ours(), actions: []string{"iam:DeleteRole", "iam:DeleteUser"}},
		{name: "WriteTrust", resources: roles, conditions: m.ours(), actions: []string{"iam:UpdateAssumeRolePolicy", "iam:UpdateRole"}},
		{name: "TakePolicies", resources: gonePrincipals, actions: []string{
			"iam:DeleteRolePolicy", "iam:DeleteUserPolicy", "iam:DetachRolePolicy", "iam:DetachUserPolicy",
		}},
		{name: "MakeAccessKeys", resources: m.keyHolders(), actions: []string{"iam:CreateAccessKey"}},
		{name: "TakeAccessKeys", resources: goneUsers, actions: []string{"iam:DeleteAccessKey", "iam:UpdateAccessKey"}},
		{name: "WriteGroups", resources: groups, actions: []string{"iam:AddUserToGroup", "iam:CreateGroup", "iam:UpdateGroup"}},
		{name: "TakeGroups", resources: goneGroups, actions: []string{
			"iam:DeleteGroup", "iam:DeleteGroupPolicy", "iam:DetachGroupPolicy", "iam:RemoveUserFromGroup",
		}},
		{name: "WritePolicies", resources: policies, actions: []string{
			"iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion",
		}},
		{name: "MarkPolicies", resources: policies, actions: []string{"iam:TagPolicy"}},
	}
}

// below adds to declared objects of one sort whatever lies below our path: the
// last one of a sort is removed when none is declared any more.
func (m *maker) below(sort string, declared []string) []string {
	if m.env.Access == nil {
		return nil
	}
	all := append(slices.Clone(declared), "arn:aws:iam::"+m.account+":"+sort+"/reconcile/"+m.env.Name+"/*")
	slices.Sort(all)
	return slices.Compact(all)
}

// entities are the IAM objects that the tool may write: below our path the sorts
// that are declared, and by exact name where a legacy one was adopted elsewhere.
func (m *maker) entities() (users, groups, roles, policies []string) {
	a := m.env.Access
	if a == nil {
		return nil, nil, nil, nil
	}
	path := "/reconcile/" + m.env.Name + "/"
	add := func(list *[]string, sort, at, name string) {
		if at == path {
			name = "*"
		}
		*list = append(*list, "arn:aws:iam::"+m.account+":"+sort+at+name)
	}
	for _, u := range a.Users {
		add(&users, "user", u.Path, u.Name)
	}
	for _, g := range a.Groups {
		add(&groups, "group", g.Path, g.Name)
		if g.Adopt {
			// A group is adopted by moving it to our path; until then it is elsewhere,
			// under its own name.
			add(&groups, "group", "/", g.Name)
			add(&groups, "group", "/*/", g.Name)
			add(&groups, "group", path, g.Name)
		}
	}
	for _, r := range a.Roles {
		add(&roles, "role", r.Path, r.Name)
	}
	add(&policies, "policy", path, "*")
	for _, p := range a.Policies {
		add(&policies, "policy", p.Path, p.Name)
	}
	for _, list := range []*[]string{&users, &groups, &roles, &policies} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return users, groups, roles, policies
}

// foreignPolicies are the managed policies of others that are declared to be
// attached, to users and roles or to groups.
func (m *maker) foreignPolicies(toGroups bool) []string {
	a := m.env.Access
	if a == nil {
		return nil
	}
	var named []string
	for _, g := range a.Groups {
		if toGroups {
			named = append(named, g.Policies...)
		}
	}
	for _, u := range m.users() {
		if !toGroups {
			named = append(named, u.Policies...)
		}
	}
	for _, r := range a.Roles {
		if !toGroups {
			named = append(named, r.Policies...)
		}
	}
	named = slices.DeleteFunc(named, func(name string) bool { return !strings.HasPrefix(name, "arn:") })
	slices.Sort(named)
	return slices.Compact(named)
}

// users are the declared ones.
func (m *maker) users() []config.User {
	if m.env.Access == nil {
		return nil
	}
	return m.env.Access.Users
}

// keyHolders are the users of whom a static key is declared: no other gets one.
func (m *maker) keyHolders() []string {
	var arns []string
	for _, u := range m.users() {
		if u.AccessKey != nil {
			arns = append(arns, u.ARN(m.account))
		}
	}
	slices.Sort(arns)
	return arns
}

func (m *maker) boundaryARN() string {
	return "arn:aws:iam::" + m.account + ":policy/" + BoundaryName(m.env.Name)
}

// bounded: the principal carries the boundary, or gets it, unless the
// environment does without.
func (m *maker) bounded() conditions {
	if m.env.Access == nil || m.env.Access.Boundary == "" {
		return nil
	}
	return conditions{"StringEquals": {"iam:PermissionsBoundary": {m.boundaryARN()}}}
}
