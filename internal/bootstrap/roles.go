package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// boundary is the most that a principal made by the tool may ever do, whatever
// is attached to it: use the environment's keys, read its own hex keys, write its
// buckets; administer its keys where somebody is declared to. Nobody leaves it by
// way of IAM, and nobody deletes objects.
func (m *maker) boundary() Policy {
	keys := access.Literals(m.regional("kms", "key/*")...)
	ours := m.ours().values()
	statements := []access.Statement{
		{Sid: "UseKeys", Effect: access.Allow, Actions: []string{"kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"}, Resources: keys, Conditions: ours},
	}
	if m.env.Access != nil && m.env.Access.KeyAdmin != "" {
		statements = append(statements,
			access.Statement{Sid: "SeeKeys", Effect: access.Allow, Actions: []string{"kms:ListAliases", "kms:ListKeys"}, Resources: access.Literals("*")},
			access.Statement{Sid: "AdministerKeys", Effect: access.Allow, Actions: []string{
				"kms:CancelKeyDeletion", "kms:DisableKey", "kms:EnableKey", "kms:GetKeyPolicy", "kms:ListGrants", "kms:ListResourceTags", "kms:UpdateKeyDescription",
			}, Resources: keys, Conditions: ours})
	}
	if secrets := m.hexKeys(); len(secrets) > 0 {
		statements = append(statements, access.Statement{
			Sid: "ReadSecrets", Effect: access.Allow, Actions: []string{"secretsmanager:GetSecretValue"}, Resources: access.Literals(secrets...), Conditions: ours,
		})
	}
	if buckets := m.objects(); len(buckets) > 0 {
		statements = append(statements, access.Statement{
			Sid: "WriteObjects", Effect: access.Allow, Actions: []string{"s3:GetObject", "s3:ListBucket", "s3:PutObject"}, Resources: access.Literals(buckets...),
		})
	}
	return Policy{
		Name: BoundaryName(m.env.Name), ARN: m.boundaryARN(),
		Description: "the most that principals of " + m.env.Name + " may do", Document: document(statements...),
	}
}

// objects are the declared buckets and what is in them.
func (m *maker) objects() []string {
	var arns []string
	for _, bucket := range m.buckets() {
		arns = append(arns, bucket)
		if !strings.HasSuffix(bucket, "*") {
			arns = append(arns, bucket+"/*")
		}
	}
	return arns
}

// buckets are the declared buckets; those of one agent, which may be hundreds,
// by the beginning that its name gives them.
func (m *maker) buckets() []string {
	if m.env.Access == nil {
		return nil
	}
	patterns := map[string]bool{}
	for _, b := range m.env.Access.Buckets {
		name := b.Bucket
		if own := "-" + m.env.Name + "-" + b.Agent + "-"; b.Agent != "" && strings.Contains(name, own) {
			before, _, _ := strings.Cut(name, own)
			name = before + own + "*"
		}
		patterns["arn:aws:s3:::"+name] = true
	}
	return slices.Sorted(maps.Keys(patterns))
}

// journalReading and journalWriting are the roles' rights in the store. Nobody
// deletes from it, and an entry is written only where none is: the lease and a stop
// alone are written over (Amazon S3 User Guide, "Enforce conditional writes on
// Amazon S3 buckets").
func (m *maker) journalReading() []access.Statement {
	if m.env.Store.Kind != "s3" {
		return nil
	}
	bucket := "arn:aws:s3:::" + m.env.Store.Bucket
	return []access.Statement{
		{Sid: "ListJournal", Effect: access.Allow, Actions: []string{"s3:ListBucket"}, Resources: access.Literals(bucket)},
		{Sid: "ReadJournal", Effect: access.Allow, Actions: []string{"s3:GetObject"}, Resources: access.Literals(m.journalObject("*"))},
	}
}

func (m *maker) journalWriting() []access.Statement {
	reading := m.journalReading()
	if reading == nil {
		return nil
	}
	under := func(header string) map[string]map[string]access.Values {
		return conditions{"Null": {"s3:" + header: {"false"}}}.values()
	}
	return append(reading,
		access.Statement{Sid: "AppendJournal", Effect: access.Allow, Actions: []string{"s3:PutObject"}, Resources: access.Literals(m.journalObject("*")), Conditions: under("if-none-match")},
		access.Statement{Sid: "MoveLease", Effect: access.Allow, Actions: []string{"s3:PutObject"}, Resources: access.Literals(m.journalObject("lease.json"), m.journalObject("stop.json")), Conditions: under("if-match")})
}

// journalObject is the ARN of an object below the store's prefix, which ends
// with a slash as the journal writes it.
func (m *maker) journalObject(name string) string {
	prefix := strings.Trim(m.env.Store.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	return "arn:aws:s3:::" + m.env.Store.Bucket + "/" + prefix + name
}

// signing is what the apply role signs with: banks, and nothing else. A bank is
// known by its alias in its own region: the role may name a key that has no name
// yet, and may never move or remove an alias.
func (m *maker) signing() []access.Statement {
	banks, secrets := m.banks()
	var statements []access.Statement
	for i, b := range banks {
		number := ""
		if i > 0 {
			number = fmt.Sprint(i + 1)
		}
		sign := func(sid, effect, operator string) access.Statement {
			return access.Statement{
				Sid: sid + number, Effect: effect, Actions: []string{"kms:Sign"}, Resources: access.Literals("arn:aws:kms:" + b.region + ":" + m.account + ":key/*"),
				Conditions: conditions{operator: {"kms:ResourceAliases": b.aliases}}.values(),
			}
		}
		statements = append(statements,
			sign("SignWithBanks", access.Allow, "ForAnyValue:StringEquals"), sign("SignWithNoOtherKey", access.Deny, "ForAllValues:StringNotEquals"))
	}
	if len(secrets) > 0 {
		statements = append(statements, access.Statement{Sid: "ReadBanks", Effect: access.Allow, Actions: []string{"secretsmanager:GetSecretValue"}, Resources: access.Literals(secrets...)})
	}
	return statements
}

// forbidden is what the apply role may not touch whatever else it is given, a
// key's own policy included: its own roles, the boundary, the trust in the forge,
// the store itself, keys and marks of others, and the way back into a key.
func (m *maker) forbidden(set *Set) []access.Statement {
	everywhere := access.Literals("*")
	iam := "arn:aws:iam::" + m.account + ":"
	deny := func(sid string, c conditions, resources access.Values, actions ...string) access.Statement {
		return access.Statement{Sid: sid, Effect: access.Deny, Actions: actions, Resources: resources, Conditions: c.values()}
	}
	other := func(key string) conditions { return conditions{"StringNotEquals": {key: {m.env.Name}}} }
	there := func(key string) conditions { return conditions{"Null": {key: {"false"}}} }
	statements := []access.Statement{
		{
			Sid: "LeaveTheToolAlone", Effect: access.Deny, NotActions: []string{"iam:Get*", "iam:List*", "sts:AssumeRole"},
			Resources: access.Literals(iam+"role"+Path+"*", iam+"policy"+Path+"*", iam+"policy/reconcile-boundary-*", iam+"oidc-provider/*"),
		},
		deny("KeepBoundaries", nil, everywhere, "iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"),
		deny("KeepKeys", nil, everywhere, "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:ImportKeyMaterial", "kms:ReplicateKey", "kms:ScheduleKeyDeletion", "kms:UpdateAlias"),
		deny("KeepAWayBackIn", conditions{"Bool": {"kms:BypassPolicyLockoutSafetyCheck": {"true"}}}, everywhere, "kms:CreateKey", "kms:PutKeyPolicy"),
		deny("KeepNames", there("kms:ResourceAliases"), access.Literals(m.regional("kms", "key/*")...), "kms:CreateAlias"),
		deny("KeepOtherKeys", other(markThere), everywhere, "kms:EnableKey", "kms:PutKeyPolicy", "kms:UpdateKeyDescription"),
		deny("KeepOtherMarks", join(there(markThere), other(markThere)), everywhere, append(tagging(), "kms:CreateAlias")...),
		deny("MarkAsOurs", join(there(markAsked), other(markAsked)), everywhere, tagging()...),
		deny("TagAsKinds", conditions{"ForAnyValue:StringNotEquals": {"aws:TagKeys": tagKeys()}}, everywhere, tagging()...),
	}
	if set.Store != nil {
		bucket := "arn:aws:s3:::" + set.Store.Bucket
		statements = append(statements, access.Statement{
			Sid: "KeepTheStore", Effect: access.Deny, Resources: access.Literals(bucket, bucket+"/*"), NotActions: []string{"s3:Get*", "s3:List*", "s3:PutObject"},
		})
	}
	return statements
}

// hexKeys are the secrets that hold private keys.
func (m *maker) hexKeys() []string {
	all, rotated := m.secrets()
	return slices.DeleteFunc(all, func(arn string) bool { return slices.Contains(rotated, arn) })
}

// store is the journal's bucket: only over TLS, and nobody but a person removes
// what is in it.
func (m *maker) store() *Store {
	declared := m.env.Store
	if declared.Kind != "s3" {
		return nil
	}
	region := declared.Region
	if region == "" {
		region = m.env.AWS.Region
	}
	bucket := "arn:aws:s3:::" + declared.Bucket
	return &Store{Bucket: declared.Bucket, Prefix: declared.Prefix, Region: region, Policy: document(
		access.Statement{
			Sid: "OnlyOverTLS", Effect: access.Deny, Principals: map[string]access.Values{"AWS": access.Literals("*")}, Actions: []string{"s3:*"},
			Resources:  access.Literals(bucket, bucket+"/*"),
			Conditions: map[string]map[string]access.Values{"Bool": {"aws:SecureTransport": access.Literals("false")}},
		})}
}
