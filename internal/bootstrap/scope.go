package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// scope is on what, and under which condition, the tool may do some actions.
type scope struct {
	name       string
	actions    []string
	resources  []string
	conditions map[string]map[string]access.Values
}

// scoped turns actions into statements, one a scope. What AWS lets nobody scope
// stands on "*" (Service Authorization Reference).
func (m *maker) scoped(actions []string) ([]access.Statement, error) {
	var statements []access.Statement
	left := slices.Clone(actions)
	for _, s := range m.scopes() {
		var given []string
		left = slices.DeleteFunc(left, func(action string) bool {
			if !slices.Contains(s.actions, action) {
				return false
			}
			given = append(given, action)
			return true
		})
		if len(given) == 0 || len(s.resources) == 0 {
			continue
		}
		slices.Sort(given)
		statements = append(statements, access.Statement{
			Sid: s.name, Effect: access.Allow, Actions: slices.Compact(given),
			Resources: access.Literals(s.resources...), Conditions: s.conditions,
		})
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("no scope is known for %s", strings.Join(left, ", "))
	}
	return statements, nil
}

// scopes lists every action that any of the tool's roles may have.
func (m *maker) scopes() []scope {
	return slices.Concat(m.readScopes(), m.keyScopes(), m.secretScopes(), m.iamScopes(), m.bucketScopes())
}

func (m *maker) readScopes() []scope {
	return []scope{
		{name: "ReadLists", resources: []string{"*"}, actions: []string{
			"iam:GetAccountAuthorizationDetails", "kms:ListAliases", "kms:ListKeys", "s3:ListAllMyBuckets",
			"secretsmanager:ListSecrets", "sts:GetCallerIdentity", "tag:GetResources",
		}},
		{name: "ReadIAM", resources: []string{"*"}, actions: []string{
			"iam:GetGroup", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetUser", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed",
			"iam:ListPolicyTags", "iam:ListPolicyVersions", "iam:GetLoginProfile",
		}},
		{name: "ReadKeys", resources: m.regional("kms", "key/*"), actions: []string{
			"kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetPublicKey", "kms:ListGrants", "kms:ListResourceTags",
		}},
		{name: "ReadSecretNames", resources: m.regional("secretsmanager", "secret:*"), actions: []string{"secretsmanager:DescribeSecret"}},
		{name: "ReadBuckets", resources: []string{"arn:aws:s3:::*"}, actions: []string{
			"s3:GetBucketLocation", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging",
			"s3:GetBucketVersioning", "s3:GetEncryptionConfiguration",
		}},
		// HeadBucket is allowed by it; on the environment's own buckets only, because
		// it lists objects too.
		{name: "ReadOwnBuckets", resources: m.buckets(), actions: []string{"s3:ListBucket"}},
	}
}

// keyScopes: a key is ours by its tag. What has no mark yet may get one, which
// is how a key is adopted; what carries another mark may not.
func (m *maker) keyScopes() []scope {
	keys := m.regional("kms", "key/*")
	return []scope{
		{name: "CreateKeys", resources: []string{"*"}, conditions: m.requested(), actions: []string{"kms:CreateKey"}},
		{name: "NameKeys", resources: slices.Concat(m.aliases(), keys), actions: []string{"kms:CreateAlias"}},
		{name: "MarkKeys", resources: keys, conditions: m.oursOrUnmarked(), actions: []string{"kms:TagResource"}},
		{name: "WriteKeys", resources: keys, conditions: m.ours(), actions: []string{
			"kms:EnableKey", "kms:PutKeyPolicy", "kms:UntagResource", "kms:UpdateKeyDescription",
		}},
	}
}

func (m *maker) secretScopes() []scope {
	secrets := m.regional("secretsmanager", "secret:*")
	return []scope{
		{name: "CreateSecrets", resources: secrets, conditions: m.requested(), actions: []string{"secretsmanager:CreateSecret"}},
		{name: "MarkSecrets", resources: secrets, conditions: m.oursOrUnmarked(), actions: []string{"secretsmanager:TagResource"}},
		{name: "WriteSecrets", resources: secrets, conditions: m.ours(), actions: []string{
			"secretsmanager:PutSecretValue", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage",
		}},
	}
}

// iamScopes: users and roles may be made and given something only under the
// boundary, and only policies of our own path may be given.
func (m *maker) iamScopes() []scope {
	users, groups, roles, policies := m.entities()
	principals := slices.Concat(users, roles)
	bounded := map[string]map[string]access.Values{"StringEquals": {"iam:PermissionsBoundary": access.Literals(m.boundaryARN())}}
	attach := map[string]map[string]access.Values{
		"StringEquals": {"iam:PermissionsBoundary": access.Literals(m.boundaryARN())},
		"ArnLike":      {"iam:PolicyARN": access.Literals(policies...)},
	}
	attachGroup := map[string]map[string]access.Values{"ArnLike": {"iam:PolicyARN": access.Literals(policies...)}}
	if !m.bounded() {
		bounded, attach = nil, attachGroup
	}
	return []scope{
		{name: "CreatePrincipals", resources: principals, conditions: bounded, actions: []string{
			"iam:CreateRole", "iam:CreateUser", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary",
		}},
		{name: "AttachPolicies", resources: principals, conditions: attach, actions: []string{"iam:AttachRolePolicy", "iam:AttachUserPolicy"}},
		{name: "AttachGroupPolicies", resources: groups, conditions: attachGroup, actions: []string{"iam:AttachGroupPolicy"}},
		{name: "WritePrincipals", resources: principals, actions: []string{
			"iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DeleteUser", "iam:DeleteUserPolicy", "iam:DetachRolePolicy", "iam:DetachUserPolicy",
			"iam:TagRole", "iam:TagUser", "iam:UntagRole", "iam:UntagUser", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
		}},
		{name: "WriteAccessKeys", resources: users, actions: []string{"iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:UpdateAccessKey"}},
		{name: "WriteGroups", resources: groups, actions: []string{
			"iam:AddUserToGroup", "iam:CreateGroup", "iam:DeleteGroup", "iam:DeleteGroupPolicy", "iam:DetachGroupPolicy", "iam:RemoveUserFromGroup", "iam:UpdateGroup",
		}},
		{name: "WritePolicies", resources: policies, actions: []string{
			"iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion",
			"iam:TagPolicy", "iam:UntagPolicy",
		}},
	}
}

func (m *maker) bucketScopes() []scope {
	return []scope{{name: "WriteBuckets", resources: m.buckets(), actions: []string{
		"s3:CreateBucket", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging",
		"s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:TagResource",
	}}}
}

// regional lists a resource in every region that the environment has keys in.
func (m *maker) regional(service, name string) []string {
	regions := map[string]bool{m.env.AWS.Region: true}
	for _, k := range m.env.Keys {
		if k.Region != "" {
			regions[k.Region] = true
		}
	}
	var arns []string
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		arns = append(arns, "arn:aws:"+service+":"+region+":"+m.account+":"+name)
	}
	return arns
}

// aliases are those that the environment's keys have: by their common form, and
// by name where one has another.
func (m *maker) aliases() []string {
	forms := map[string]bool{}
	for _, k := range m.env.Keys {
		if k.Holder != "kms" {
			continue
		}
		alias := k.Alias
		if common := "alias/" + m.env.Name + "-"; strings.HasPrefix(alias, common) {
			alias = common + "*"
		}
		forms["arn:aws:kms:"+k.Region+":"+m.account+":"+alias] = true
	}
	return slices.Sorted(maps.Keys(forms))
}

// entities are the IAM objects that the tool may write: below our path, and by
// exact name where a legacy one was adopted elsewhere.
func (m *maker) entities() (users, groups, roles, policies []string) {
	arn := func(sort, path, name string) string {
		return "arn:aws:iam::" + m.account + ":" + sort + path + name
	}
	path := "/reconcile/" + m.env.Name + "/"
	users, groups = []string{arn("user", path, "*")}, []string{arn("group", path, "*")}
	roles, policies = []string{arn("role", path, "*")}, []string{arn("policy", path, "*")}
	a := m.env.Access
	if a == nil {
		return users, groups, roles, policies
	}
	add := func(list *[]string, sort, at, name string) {
		if at != path {
			*list = append(*list, arn(sort, at, name))
		}
	}
	for _, u := range a.Users {
		add(&users, "user", u.Path, u.Name)
	}
	for _, g := range a.Groups {
		add(&groups, "group", g.Path, g.Name)
		if g.Adopt {
			// A group is adopted by moving it to our path; until then it is elsewhere.
			groups = append(groups, arn("group", "/", g.Name))
		}
	}
	for _, r := range a.Roles {
		add(&roles, "role", r.Path, r.Name)
	}
	for _, p := range a.Policies {
		add(&policies, "policy", p.Path, p.Name)
	}
	for _, list := range []*[]string{&users, &groups, &roles, &policies} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return users, groups, roles, policies
}

func (m *maker) boundaryARN() string {
	return "arn:aws:iam::" + m.account + ":policy/" + BoundaryName(m.env.Name)
}

// bounded reports whether what is created carries the boundary.
func (m *maker) bounded() bool { return m.env.Access == nil || m.env.Access.Boundary != "" }

func tagged(operator, key, environment string) map[string]map[string]access.Values {
	return map[string]map[string]access.Values{operator: {key + kind.TagEnvironment: access.Literals(environment)}}
}

func (m *maker) ours() map[string]map[string]access.Values {
	return tagged("StringEquals", "aws:ResourceTag/", m.env.Name)
}

func (m *maker) oursOrUnmarked() map[string]map[string]access.Values {
	return tagged("StringEqualsIfExists", "aws:ResourceTag/", m.env.Name)
}

func (m *maker) requested() map[string]map[string]access.Values {
	return tagged("StringEquals", "aws:RequestTag/", m.env.Name)
}

// banks are the aliases of the keys that the tool itself signs with.
func (m *maker) banks() (aliases, secrets []string) {
	for _, k := range m.env.Keys {
		if k.Use != "bank" {
			continue
		}
		switch k.Holder {
		case "kms":
			aliases = append(aliases, k.Alias)
		case "hex":
			// Secrets Manager adds a hyphen and six characters to a name (its user
			// guide, "What's in a Secrets Manager secret").
			secrets = append(secrets, "arn:aws:secretsmanager:"+k.Region+":"+m.account+":secret:"+k.Alias+"-??????")
		}
	}
	slices.Sort(aliases)
	return aliases, secrets
}
