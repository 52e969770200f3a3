package bootstrap

import (
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// boundary is the most that a principal made by the tool may ever do, whatever
// is attached to it: use the environment's keys, read its own secrets, write its
// buckets. Nobody leaves it by way of IAM.
func (m *maker) boundary() Policy {
	statements := []access.Statement{
		{Sid: "UseKeys", Effect: access.Allow, Actions: []string{"kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"}, Resources: access.Literals(m.regional("kms", "key/*")...), Conditions: m.ours()},
		{Sid: "ReadSecrets", Effect: access.Allow, Actions: []string{"secretsmanager:GetSecretValue"}, Resources: access.Literals(m.regional("secretsmanager", "secret:*")...), Conditions: m.ours()},
	}
	if buckets := m.objects(); len(buckets) > 0 {
		statements = append(statements, access.Statement{
			Sid: "WriteObjects", Effect: access.Allow, Actions: []string{"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"}, Resources: access.Literals(buckets...),
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

// journalReading and journalWriting are the roles' rights in the store. No role
// may delete from it: the journal is append-only, and so are its writers.
func (m *maker) journalReading() []access.Statement {
	store := m.env.Store
	if store.Kind != "s3" {
		return nil
	}
	bucket := "arn:aws:s3:::" + store.Bucket
	return []access.Statement{
		{Sid: "ListJournal", Effect: access.Allow, Actions: []string{"s3:ListBucket"}, Resources: access.Literals(bucket)},
		{Sid: "ReadJournal", Effect: access.Allow, Actions: []string{"s3:GetObject"}, Resources: access.Literals(bucket + "/" + store.Prefix + "*")},
	}
}

func (m *maker) journalWriting() []access.Statement {
	reading := m.journalReading()
	if reading == nil {
		return nil
	}
	return append(reading, access.Statement{
		Sid: "WriteJournal", Effect: access.Allow, Actions: []string{"s3:PutObject"},
		Resources: access.Literals("arn:aws:s3:::" + m.env.Store.Bucket + "/" + m.env.Store.Prefix + "*"),
	})
}

// signing is what the apply role signs with: banks, and nothing else. A bank is
// known by its alias: the role may name a new key, and may never move or remove
// an alias. What a key policy might say besides is denied here.
func (m *maker) signing() []access.Statement {
	aliases, secrets := m.banks()
	keys := access.Literals(m.regional("kms", "key/*")...)
	var statements []access.Statement
	if len(aliases) > 0 {
		statements = append(statements,
			access.Statement{
				Sid: "SignWithBanks", Effect: access.Allow, Actions: []string{"kms:Sign"}, Resources: keys,
				Conditions: map[string]map[string]access.Values{"ForAnyValue:StringEquals": {"kms:ResourceAliases": access.Literals(aliases...)}},
			},
			access.Statement{
				Sid: "SignWithNothingElse", Effect: access.Deny, Actions: []string{"kms:Sign"}, Resources: access.Literals("*"),
				Conditions: map[string]map[string]access.Values{"ForAllValues:StringNotEquals": {"kms:ResourceAliases": access.Literals(aliases...)}},
			})
	} else {
		statements = append(statements, access.Statement{Sid: "SignWithNothing", Effect: access.Deny, Actions: []string{"kms:Sign"}, Resources: access.Literals("*")})
	}
	if len(secrets) > 0 {
		statements = append(statements, access.Statement{Sid: "ReadBanks", Effect: access.Allow, Actions: []string{"secretsmanager:GetSecretValue"}, Resources: access.Literals(secrets...)})
	}
	return statements
}

// forbidden is what the apply role may not touch whatever else it is given: its
// own roles, the boundary, the trust in the forge, and the store itself.
func (m *maker) forbidden(set *Set) []access.Statement {
	own := []string{
		"arn:aws:iam::" + m.account + ":role" + Path + "*", "arn:aws:iam::" + m.account + ":policy" + Path + "*",
		"arn:aws:iam::" + m.account + ":policy/reconcile-boundary-*", "arn:aws:iam::" + m.account + ":oidc-provider/*",
	}
	statements := []access.Statement{
		{Sid: "LeaveTheToolAlone", Effect: access.Deny, NotActions: []string{"iam:Get*", "iam:List*"}, Resources: access.Literals(own...)},
		{Sid: "KeepBoundaries", Effect: access.Deny, Actions: []string{"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"}, Resources: access.Literals("*")},
		{Sid: "KeepKeys", Effect: access.Deny, Actions: []string{
			"kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:ScheduleKeyDeletion", "kms:UpdateAlias",
		}, Resources: access.Literals("*")},
	}
	if set.Store != nil {
		bucket := "arn:aws:s3:::" + set.Store.Bucket
		statements = append(statements, access.Statement{
			Sid: "KeepTheStore", Effect: access.Deny, Resources: access.Literals(bucket, bucket+"/*"),
			NotActions: slices.Clone([]string{"s3:Get*", "s3:List*", "s3:PutObject"}),
		})
	}
	return statements
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
