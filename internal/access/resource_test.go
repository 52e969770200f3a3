package access_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
)

const bucketARN = "arn:aws:s3:::staging-proofs"

func publicRead(action string) string {
	return `{"Sid":"Public","Effect":"Allow","Principal":"*","Action":"` + action + `","Resource":"` + bucketARN + `/*"}`
}

func TestABucketIsDecidedAsAWSDocumentsIt(t *testing.T) {
	t.Parallel()
	put := `{"Sid":"Put","Effect":"Allow","Action":"s3:PutObject","Resource":"` + bucketARN + `/*"}`
	tls := `{"Sid":"TLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["` + bucketARN + `","` + bucketARN + `/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	plain, secure := map[string][]string{"aws:SecureTransport": {"false"}}, map[string][]string{"aws:SecureTransport": {"true"}}
	external := "arn:aws:iam::" + other + ":role/validator"
	for _, c := range []struct {
		name             string
		identity, policy []string
		restrict         bool
		principal        string
		action           string
		context          map[string][]string
		want             access.Verdict
	}{
		{name: "anybody reads what is public", policy: []string{publicRead("s3:GetObject")}, action: "s3:GetObject", want: access.Allowed},
		{name: "and writes nothing", policy: []string{publicRead("s3:GetObject")}, action: "s3:PutObject", want: access.NotAllowed},
		{name: "another account reads what is public without its own IAM", policy: []string{publicRead("s3:GetObject")}, principal: external, action: "s3:GetObject", want: access.Allowed},
		{name: "unless public policies are restricted", policy: []string{publicRead("s3:GetObject")}, restrict: true, action: "s3:GetObject", want: access.Unknown},
		{name: "a policy of the user is enough", identity: []string{put}, principal: user("alice"), action: "s3:PutObject", want: access.Allowed},
		{name: "the bucket's policy is enough", policy: []string{`{"Effect":"Allow","Principal":{"AWS":"` + user("alice") + `"},"Action":"s3:PutObject","Resource":"` + bucketARN + `/*"}`}, principal: user("alice"), action: "s3:PutObject", want: access.Allowed},
		{name: "the account's word alone is not", policy: []string{`{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"s3:PutObject","Resource":"` + bucketARN + `/*"}`}, principal: user("alice"), action: "s3:PutObject", want: access.NotAllowed},
		{name: "writers need TLS", identity: []string{put}, policy: []string{tls}, principal: user("alice"), action: "s3:PutObject", context: plain, want: access.Denied},
		{name: "writers have TLS", identity: []string{put}, policy: []string{tls}, principal: user("alice"), action: "s3:PutObject", context: secure, want: access.Allowed},
		{name: "whether they have is not known", identity: []string{put}, policy: []string{tls}, principal: user("alice"), action: "s3:PutObject", want: access.Unknown},
		{name: "another account writes if it is named, and its IAM agrees", policy: []string{`{"Effect":"Allow","Principal":{"AWS":"` + external + `"},"Action":"s3:PutObject","Resource":"` + bucketARN + `/*"}`}, principal: external, action: "s3:PutObject", want: access.Unknown},
		{name: "a canonical user is not resolved", policy: []string{`{"Effect":"Allow","Principal":{"CanonicalUser":"79a5"},"Action":"s3:PutObject","Resource":"` + bucketARN + `/*"}`}, principal: external, action: "s3:PutObject", want: access.Unknown},
		{name: "objects are not the bucket", policy: []string{publicRead("s3:*")}, action: "s3:ListBucket", want: access.NotAllowed},
	} {
		w := setting{identity: c.identity}.build()
		w.Buckets = []access.Bucket{{ARN: bucketARN, RestrictPublic: c.restrict, Policy: doc(c.policy...)}}
		arn := bucketARN + "/index"
		if c.action == "s3:ListBucket" {
			arn = bucketARN
		}
		if len(c.policy) == 0 {
			w.Buckets[0].Policy = access.Document{}
		}
		if got := w.Decide(access.Request{Principal: c.principal, Action: c.action, Resource: arn, Context: c.context}); got.Verdict != c.want {
			t.Errorf("%s: %q, need %q: %s", c.name, got.Verdict, c.want, got.Reason)
		}
	}
}

func TestARoleIsAssumedAsItsTrustSays(t *testing.T) {
	t.Parallel()
	assume := `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + role("agent") + `"}`
	trusts := func(principal, condition string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + condition + `}`
	}
	external := "arn:aws:iam::" + other + ":role/ops"
	byID := `,"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}`
	for _, c := range []struct {
		name, trust, principal string
		identity               []string
		context                map[string][]string
		want                   access.Verdict
	}{
		{name: "the trust names the user", trust: trusts(`{"AWS":"`+user("alice")+`"}`, ""), principal: user("alice"), want: access.Allowed},
		{name: "the trust names the account, a policy allows it", trust: trusts(`{"AWS":"`+account+`"}`, ""), identity: []string{assume}, principal: user("alice"), want: access.Allowed},
		{name: "the trust names the account, no policy allows it", trust: trusts(`{"AWS":"`+account+`"}`, ""), principal: user("alice"), want: access.NotAllowed},
		{name: "a policy allows it, the trust does not", trust: trusts(`{"Service":"ec2.amazonaws.com"}`, ""), identity: []string{assume}, principal: user("alice"), want: access.NotAllowed},
		{name: "another account with the external id", trust: trusts(`{"AWS":"`+other+`"}`, byID), principal: external, context: map[string][]string{"sts:ExternalId": {"secret"}}, want: access.Unknown},
		{name: "another account with another external id", trust: trusts(`{"AWS":"`+other+`"}`, byID), principal: external, context: map[string][]string{"sts:ExternalId": {"guess"}}, want: access.NotAllowed},
	} {
		w := setting{identity: c.identity}.build()
		w.Directory.Roles[0].Trust = doc(c.trust)
		if got := w.Decide(access.Request{Principal: c.principal, Action: "sts:AssumeRole", Resource: role("agent"), Context: c.context}); got.Verdict != c.want {
			t.Errorf("%s: %q, need %q: %s", c.name, got.Verdict, c.want, got.Reason)
		}
	}
}

func TestASessionMayBringTagsOfItsOwn(t *testing.T) {
	t.Parallel()
	s := when(`{"StringEquals":{"aws:PrincipalTag/team":"bridge"}}`)
	ask := access.Request{Principal: role("agent"), Action: "kms:Sign", Resource: keyARN}
	w := s.build()
	if got := w.Decide(ask); got.Verdict != access.Allowed {
		t.Errorf("%q: %s", got.Verdict, got.Reason)
	}
	w.Directory.Roles[0].Trust = doc(`{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":["sts:AssumeRole","sts:TagSession"]}`)
	if got := w.Decide(ask); got.Verdict != access.Unknown {
		t.Errorf("%q: %s", got.Verdict, got.Reason)
	}
}

// names are holders in short: who, and what is known of them.
func names(holders []access.Holder) []string {
	var list []string
	for _, h := range holders {
		mark := ""
		if h.Decision.Verdict == access.Unknown {
			mark = "?"
		}
		if h.Decision.Admitted {
			mark = "!"
		}
		list = append(list, h.Kind+" "+h.Principal[strings.LastIndexByte(h.Principal, ':')+1:]+mark)
	}
	return list
}

func TestWhoListsEverybodyWhoCan(t *testing.T) {
	t.Parallel()
	external, ours := "arn:aws:iam::"+other+":role/validator", `{"Effect":"Allow","Principal":"*","Action":"kms:Sign","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":["`+account+`","777788889999"]}}}`
	allow := func(principal string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":"kms:Sign","Resource":"*"}`
	}
	for _, c := range []struct {
		name string
		setting
		want []string
	}{
		{"by their own policies", setting{identity: []string{signAny}}, []string{"user user/alice", "role role/agent"}},
		{"the key names one, and one of another account", setting{key: []string{allow(`{"AWS":["` + user("alice") + `","` + external + `"]}`)}}, []string{"user user/alice", "external role/validator!"}},
		{"a service", setting{key: []string{allow(`{"Service":"backup.amazonaws.com"}`)}}, []string{"service backup.amazonaws.com"}},
		{"everybody", setting{key: []string{allow(`"*"`)}}, []string{"user user/alice", "role role/agent", "everyone *!"}},
		{"everybody of two accounts", setting{key: []string{ours}}, []string{"user user/alice", "role role/agent", "external root!"}},
		{"grantees", setting{grants: []access.Grant{{ID: "1", Grantee: external, Operations: []string{"Sign"}}, {ID: "2", Grantee: role("agent"), Operations: []string{"Sign"}}, {ID: "3", Grantee: "rds.amazonaws.com", Operations: []string{"Sign"}}}}, []string{"role role/agent", "external role/validator!", "service rds.amazonaws.com"}},
		{"a deleted user's id is nobody", setting{key: []string{allow(`{"AWS":"AIDAGONEGONEGONEGONE1"}`)}}, nil},
		{"who cannot be told", when(`{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), []string{"user user/alice?", "role role/agent?"}},
	} {
		if d := cmp.Diff(c.want, names(c.build().Who("kms:Sign", keyARN))); d != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, d)
		}
	}
	w := setting{}.build()
	w.Buckets = []access.Bucket{{ARN: bucketARN, Policy: doc(publicRead("s3:GetObject"))}}
	if d := cmp.Diff([]string{"user user/alice", "role role/agent", "everyone *"}, names(w.Who("s3:GetObject", bucketARN+"/index"))); d != "" {
		t.Errorf("a public bucket: (-want +got)\n%s", d)
	}
}

func TestAllowedSaysThroughWhat(t *testing.T) {
	t.Parallel()
	w := setting{identity: []string{signAny}, grants: []access.Grant{{ID: "g1", Name: "old", Grantee: user("alice"), Operations: []string{"Sign"}}}}.build()
	want := []string{`inline policy own of user alice, statement "Sign"`, `grant "old" (g1)`}
	if d := cmp.Diff(want, w.Who("kms:Sign", keyARN)[0].Decision.Through); d != "" {
		t.Error(d)
	}
}
