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
	conditions conditions
}

// scoped turns actions into statements, one a scope. What AWS lets nobody scope
// stands on "*" (Service Authorization Reference). An action may have several
// scopes: any of them allows it.
func (m *maker) scoped(actions []string) ([]access.Statement, error) {
	var statements []access.Statement
	known := map[string]bool{}
	for _, s := range m.scopes() {
		var given []string
		for _, action := range s.actions {
			known[action] = true
			if slices.Contains(actions, action) {
				given = append(given, action)
			}
		}
		if len(given) == 0 || len(s.resources) == 0 {
			continue
		}
		slices.Sort(given)
		statements = append(statements, access.Statement{
			Sid: s.name, Effect: access.Allow, Actions: given, Resources: access.Literals(s.resources...), Conditions: s.conditions.values(),
		})
	}
	if left := slices.DeleteFunc(slices.Clone(actions), func(action string) bool { return known[action] }); len(left) > 0 {
		return nil, fmt.Errorf("no scope is known for %s", strings.Join(left, ", "))
	}
	return statements, nil
}

// scopes lists every action that any of the tool's roles may have. An action
// that no kind asks for is not here: whoever needs it first says on what.
func (m *maker) scopes() []scope {
	return slices.Concat(m.readScopes(), m.keyScopes(), m.secretScopes(), m.iamScopes(), m.bucketScopes())
}

func (m *maker) readScopes() []scope {
	return []scope{
		{name: "ReadLists", resources: []string{"*"}, actions: []string{
			"iam:GetAccountAuthorizationDetails", "kms:ListAliases", "kms:ListKeys", "s3:ListAllMyBuckets", "secretsmanager:ListSecrets", "tag:GetResources",
		}},
		{name: "ReadIAM", resources: []string{"*"}, actions: []string{
			"iam:GetAccessKeyLastUsed", "iam:GetLoginProfile", "iam:GetRole", "iam:ListAccessKeys", "iam:ListPolicyTags",
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

// keySpec is the only sort of key that the tool makes or takes over.
const keySpec = "ECC_SECG_P256K1"

// keyScopes: a key is ours by its tag. A key without a mark may get ours only if
// it has an alias of ours or none at all; one with an alias gets no second one
// (forbidden). So neither a mark nor an alias can be carried to somebody else's
// key, and no agent's key can be called a bank. What condition keys there are:
// KMS Developer Guide, "AWS KMS condition keys".
func (m *maker) keyScopes() []scope {
	keys := m.regional("kms", "key/*")
	curve := conditions{"StringEquals": {"kms:KeySpec": {keySpec}}}
	return []scope{
		{name: "CreateKeys", resources: []string{"*"}, actions: []string{"kms:CreateKey"}, conditions: join(m.requested(), curve)},
		{name: "GiveAliases", resources: m.aliases(), actions: []string{"kms:CreateAlias"}},
		{name: "NameKeys", resources: keys, actions: []string{"kms:CreateAlias"}, conditions: join(m.unlessMarked(), curve)},
		// A tag in CreateKey is allowed by this one too.
		{name: "MarkNewKeys", resources: keys, actions: []string{"kms:TagResource"}, conditions: join(m.unlessMarked(),
			conditions{"Null": {"kms:ResourceAliases": {"true"}}, "StringEqualsIfExists": {"kms:KeySpec": {keySpec}}})},
		{name: "MarkNamedKeys", resources: keys, actions: []string{"kms:TagResource"}, conditions: join(m.unlessMarked(),
			conditions{"ForAnyValue:StringLike": {"kms:ResourceAliases": m.aliasNames()}})},
		{name: "WriteKeys", resources: keys, conditions: m.ours(), actions: []string{"kms:EnableKey", "kms:PutKeyPolicy", "kms:UpdateKeyDescription"}},
	}
}

// secretScopes: secrets are the environment's by name and by tag. The value of
// one is written once; only that of a declared access key is written again.
func (m *maker) secretScopes() []scope {
	own, rotated := m.secrets()
	return []scope{
		{name: "CreateSecrets", resources: own, conditions: m.requested(), actions: []string{"secretsmanager:CreateSecret"}},
		{name: "MarkSecrets", resources: own, conditions: m.unlessMarked(), actions: []string{"secretsmanager:TagResource"}},
		{name: "DescribeSecrets", resources: own, conditions: m.ours(), actions: []string{"secretsmanager:UpdateSecret"}},
		{name: "RotateSecrets", resources: rotated, conditions: m.ours(), actions: []string{"secretsmanager:PutSecretValue"}},
	}
}

func (m *maker) bucketScopes() []scope {
	return []scope{{name: "WriteBuckets", resources: m.buckets(), actions: []string{
		"s3:CreateBucket", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging",
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
		if k.Holder == "kms" {
			forms["arn:aws:kms:"+k.Region+":"+m.account+":"+m.common("alias/", k.Alias)] = true
		}
	}
	return slices.Sorted(maps.Keys(forms))
}

// aliasNames are the same without region and account.
func (m *maker) aliasNames() []string {
	names := map[string]bool{}
	for _, arn := range m.aliases() {
		names[arn[strings.LastIndexByte(arn, ':')+1:]] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// common is a name, or the form that the environment's names have in common.
func (m *maker) common(before, name string) string {
	if form := before + m.env.Name + "-"; strings.HasPrefix(name, form) {
		return form + "*"
	}
	return name
}

// secrets are the ARNs of the environment's secrets, and of those whose value is
// written again. Secrets Manager adds a hyphen and six characters to a name (its
// user guide, "What's in a Secrets Manager secret").
func (m *maker) secrets() (all, rotated []string) {
	own, again := map[string]bool{}, map[string]bool{}
	arn := func(region, name string) string {
		if !strings.HasSuffix(name, "*") {
			name += "-??????"
		}
		return "arn:aws:secretsmanager:" + region + ":" + m.account + ":secret:" + name
	}
	for _, k := range m.env.Keys {
		if k.Holder == "hex" {
			own[arn(k.Region, m.common("", strings.TrimPrefix(k.Alias, "alias/")))] = true
		}
	}
	for _, u := range m.users() {
		if key := u.AccessKey; key != nil {
			own[arn(key.Region, key.Secret)], again[arn(key.Region, key.Secret)] = true, true
		}
	}
	return slices.Sorted(maps.Keys(own)), slices.Sorted(maps.Keys(again))
}

// conditions are a statement's: operator, key, values.
type conditions map[string]map[string][]string

// join gives conditions that all must hold.
func join(parts ...conditions) conditions {
	all := conditions{}
	for _, part := range parts {
		for operator, keys := range part {
			if all[operator] == nil {
				all[operator] = map[string][]string{}
			}
			maps.Copy(all[operator], keys)
		}
	}
	return all
}

func (c conditions) values() map[string]map[string]access.Values {
	if len(c) == 0 {
		return nil
	}
	all := make(map[string]map[string]access.Values, len(c))
	for operator, keys := range c {
		all[operator] = make(map[string]access.Values, len(keys))
		for key, values := range keys {
			all[operator][key] = access.Literals(values...)
		}
	}
	return all
}

// The keys of conditions on marks.
const (
	markThere = "aws:ResourceTag/" + kind.TagEnvironment
	markAsked = "aws:RequestTag/" + kind.TagEnvironment
)

// ours: the object carries the environment's mark.
func (m *maker) ours() conditions { return conditions{"StringEquals": {markThere: {m.env.Name}}} }

// requested: the object that is made gets it.
func (m *maker) requested() conditions { return conditions{"StringEquals": {markAsked: {m.env.Name}}} }

// unlessMarked: the object carries no other environment's mark.
func (m *maker) unlessMarked() conditions {
	return conditions{"StringEqualsIfExists": {markThere: {m.env.Name}}}
}

// tagging are the actions that write tags, and tagKeys all tags that the kinds
// write: somebody else's policies may look at others.
func tagging() []string {
	return []string{"iam:TagPolicy", "iam:TagRole", "iam:TagUser", "kms:TagResource", "secretsmanager:TagResource"}
}

func tagKeys() []string {
	return []string{
		"agent", "network", "operator", "reconcile:access-key", kind.TagAddress, kind.TagEnvironment, kind.TagID, kind.TagIntent, kind.TagProtect, "role", "use",
	}
}

// bank is where the tool signs: the aliases of one region's banks and owners.
type bank struct {
	region  string
	aliases []string
}

// banks are the keys that the tool itself signs with, and the secrets of those
// whose key is one.
func (m *maker) banks() (signed []bank, secrets []string) {
	aliases := map[string][]string{}
	for _, k := range m.env.Keys {
		switch {
		case k.Use != "bank" && k.Use != "owner":
		case k.Holder == "kms":
			aliases[k.Region] = append(aliases[k.Region], k.Alias)
		case k.Holder == "hex":
			secrets = append(secrets, "arn:aws:secretsmanager:"+k.Region+":"+m.account+":secret:"+strings.TrimPrefix(k.Alias, "alias/")+"-??????")
		}
	}
	for _, region := range slices.Sorted(maps.Keys(aliases)) {
		slices.Sort(aliases[region])
		signed = append(signed, bank{region: region, aliases: aliases[region]})
	}
	slices.Sort(secrets)
	return signed, secrets
}
