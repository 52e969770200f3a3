package access_test

import (
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	other   = "444455556666"
	keyARN  = "arn:aws:kms:us-west-2:111122223333:key/11111111-2222-3333-4444-555555555555"
)

func user(name string) string { return "arn:aws:iam::" + account + ":user/" + name }
func role(name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// doc is a document of one or more statements, given as JSON.
func doc(statements ...string) access.Document {
	return access.Read(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)
}

const (
	delegates   = `{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}`
	signAny     = `{"Sid":"Sign","Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey"],"Resource":"*"}`
	signByAlias = `{"Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey"],"Resource":"arn:aws:kms:*:111122223333:key/*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/staging-relayer*"}}}`
)

// setting is a small account: one key, one user "alice" and one role "agent".
type setting struct {
	world    access.World
	identity []string // of both
	boundary []string // of both, where there are any
	key      []string
	grants   []access.Grant
	aliases  []string
}

func (s setting) build() *access.World {
	w := s.world
	w.Account = account
	inline := map[string]access.Document{}
	if len(s.identity) > 0 {
		inline["own"] = doc(s.identity...)
	}
	boundary := ""
	if len(s.boundary) > 0 {
		boundary = "arn:aws:iam::" + account + ":policy/limit"
		w.Directory.Policies = append(w.Directory.Policies, access.Policy{ARN: boundary, Name: "limit", Document: doc(s.boundary...)})
	}
	w.Directory.Users = append(w.Directory.Users, access.User{Entity: access.Entity{ARN: user("alice"), Name: "alice", ID: "AIDAALICEALICEALICE1", Boundary: boundary, Inline: inline, Tags: map[string]string{"team": "bridge"}}})
	w.Directory.Roles = append(w.Directory.Roles, access.Role{Entity: access.Entity{ARN: role("agent"), Name: "agent", ID: "AROAAGENTAGENTAGENT1", Boundary: boundary, Inline: inline, Tags: map[string]string{"team": "bridge"}}, Trust: doc(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`)})
	policy := s.key
	if policy == nil {
		policy = []string{delegates}
	}
	w.Keys = append(w.Keys, access.Key{
		ID: resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: "relayer-signer-sepolia"}, ARN: keyARN, Aliases: s.aliases,
		Tags: map[string]string{"environment": "staging"}, Policy: doc(policy...), Grants: s.grants,
	})
	return &w
}

// vector is one documented case.
type vector struct {
	name   string
	source string
	setting
	principal string
	action    string
	context   map[string][]string
	want      access.Verdict
	says      string
}

func (v vector) run(t *testing.T) {
	t.Helper()
	if v.action == "" {
		v.action = "kms:Sign"
	}
	got := v.build().Decide(access.Request{Principal: v.principal, Action: v.action, Resource: keyARN, Context: v.context})
	if got.Verdict != v.want || !strings.Contains(got.Reason, v.says) {
		t.Errorf("%s\n(%s)\nis %q: %s\nneed %q with %q", v.name, v.source, got.Verdict, got.Reason, v.want, v.says)
	}
}

func keyVectors() []vector {
	const evaluation, keyPolicies, grants = "IAM User Guide, Policy evaluation logic", "KMS Developer Guide, Key policies in AWS KMS", "KMS Developer Guide, Grants in AWS KMS"
	named := func(arn string) string {
		return `{"Sid":"Named","Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"kms:Sign","Resource":"*"}`
	}
	denies := `{"Sid":"Never","Effect":"Deny","Action":"kms:*","Resource":"*"}`
	return []vector{
		{name: "nothing is allowed by default", source: evaluation, principal: user("alice"), want: access.NotAllowed, says: "no policy of user alice allows kms:sign"},
		{name: "the key leaves it to the account, and a policy allows it", source: keyPolicies, setting: setting{identity: []string{signAny}}, principal: user("alice"), want: access.Allowed, says: `inline policy own of user alice, statement "Sign"`},
		{name: "the key does not leave it to the account", source: keyPolicies, setting: setting{identity: []string{signAny}, key: []string{named(role("agent"))}}, principal: user("alice"), want: access.NotAllowed, says: "neither names user alice nor leaves kms:sign to the account's IAM"},
		{name: "the key leaves only administration to the account", source: keyPolicies, setting: setting{identity: []string{signAny}, key: []string{strings.Replace(delegates, "kms:*", "kms:Put*", 1)}}, principal: user("alice"), want: access.NotAllowed, says: "neither names"},
		{name: "the account id delegates as its root does", source: keyPolicies, setting: setting{identity: []string{signAny}, key: []string{strings.Replace(delegates, "arn:aws:iam::111122223333:root", account, 1)}}, principal: user("alice"), want: access.Allowed},
		{name: "the key names the user itself", source: keyPolicies, setting: setting{key: []string{named(user("alice"))}}, principal: user("alice"), want: access.Allowed, says: `"Named"`},
		{name: "an explicit deny wins over the key's own word", source: evaluation, setting: setting{identity: []string{denies}, key: []string{named(user("alice"))}}, principal: user("alice"), want: access.Denied, says: `"Never"`},
		{name: "a deny in the key's policy wins", source: evaluation, setting: setting{identity: []string{signAny}, key: []string{delegates, `{"Effect":"Deny","Principal":"*","Action":"kms:Sign","Resource":"*"}`}}, principal: role("agent"), want: access.Denied, says: "key policy of relayer-signer-sepolia, statement 2"},
		{name: "a grant gives its operations", source: grants, setting: setting{grants: []access.Grant{{ID: "g1", Grantee: role("agent"), Operations: []string{"Sign"}}}}, principal: role("agent"), want: access.Allowed, says: "grant g1"},
		{name: "a grant gives no other operation", source: grants, setting: setting{grants: []access.Grant{{ID: "g1", Grantee: role("agent"), Operations: []string{"Sign"}}}}, principal: role("agent"), action: "kms:GetPublicKey", want: access.NotAllowed},
		{name: "a grant is no way around a deny", source: grants, setting: setting{identity: []string{denies}, grants: []access.Grant{{ID: "g1", Grantee: role("agent"), Operations: []string{"Sign"}}}}, principal: role("agent"), want: access.Denied},
		{name: "a grant for some encryption contexts cannot be told", source: grants, setting: setting{grants: []access.Grant{{ID: "g1", Grantee: role("agent"), Operations: []string{"Sign"}, Constrained: true}}}, principal: role("agent"), want: access.Unknown, says: "encryption contexts"},
		{name: "nor can a grant to a role under a boundary", source: grants, setting: setting{boundary: []string{`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`}, grants: []access.Grant{{ID: "g1", Grantee: role("agent"), Operations: []string{"Sign"}}}}, principal: role("agent"), want: access.Unknown, says: "boundary"},
		{name: "a session of the role has the role's rights", source: evaluation, setting: setting{identity: []string{signAny}}, principal: "arn:aws:sts::" + account + ":assumed-role/agent/pod-1", want: access.Allowed},
		{name: "a session named by the key is only that session", source: evaluation, setting: setting{key: []string{named("arn:aws:sts::" + account + ":assumed-role/agent/pod-1")}}, principal: role("agent"), want: access.Unknown, says: `session "pod-1"`},
		{name: "the unique id of a deleted user is nobody", source: "IAM User Guide, IAM identifiers", setting: setting{key: []string{named("AIDAGONEGONEGONEGONE1")}}, principal: user("alice"), want: access.NotAllowed},
		{name: "a principal that is not there can do nothing", source: evaluation, setting: setting{key: []string{named(user("bob"))}}, principal: user("bob"), want: access.NotAllowed, says: "there is no"},
		{name: "the account's root user needs the key's word", source: "KMS Developer Guide, Default key policy", setting: setting{key: []string{named(user("alice"))}}, principal: "arn:aws:iam::" + account + ":root", want: access.NotAllowed},
		{name: "the account's root user by the default policy", source: "KMS Developer Guide, Default key policy", principal: "arn:aws:iam::" + account + ":root", want: access.Allowed},
	}
}

func TestAKeyIsDecidedAsAWSDocumentsIt(t *testing.T) {
	t.Parallel()
	for _, v := range keyVectors() {
		v.run(t)
	}
}
