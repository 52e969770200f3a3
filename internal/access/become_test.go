package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// may is a statement that allows actions on one resource.
func may(arn string, actions ...string) string {
	return `{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"` + arn + `"}`
}

func trust(principal string) access.Document {
	return doc(`{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}`)
}

// ladder is an account where the role signer can sign, and mallory has what is
// given.
func ladder(mallory ...string) *access.World {
	w := &access.World{Account: account}
	add := func(name string, statements ...string) {
		e := access.Entity{ARN: user(name), Name: name}
		if len(statements) > 0 {
			e.Inline = map[string]access.Document{"own": doc(statements...)}
		}
		w.Directory.Users = append(w.Directory.Users, access.User{Entity: e})
	}
	add("mallory", mallory...)
	add("signing", signAny)
	w.Directory.Roles = []access.Role{
		{Entity: access.Entity{ARN: role("bridge"), Name: "bridge"}, Trust: trust(`{"AWS":"` + account + `"}`)},
		{Entity: access.Entity{ARN: role("signer"), Name: "signer", Inline: map[string]access.Document{"own": doc(signAny)}}, Trust: trust(`{"Service":"ec2.amazonaws.com"}`)},
	}
	k := setting{}.build().Keys[0]
	k.Aliases = []string{"alias/staging-relayer-signer"}
	w.Keys = []access.Key{k}
	return w
}

// path prints mallory's path, or nothing.
func path(w *access.World, who string) string {
	for _, p := range w.Become(keyARN) {
		if p.Principal != who {
			continue
		}
		var hops []string
		for _, h := range p.Hops {
			hops = append(hops, strings.Join(h.Actions, "+")+" "+h.Target[strings.LastIndexByte(h.Target, ':')+1:])
		}
		text := strings.Join(hops, ", ")
		if !p.Sure {
			text += "?"
		}
		return text
	}
	return ""
}

func TestWhoCanBecomeAbleIsFoundByEachWay(t *testing.T) {
	t.Parallel()
	const keyName = "key/11111111-2222-3333-4444-555555555555"
	group := func(w *access.World, name string, statements ...string) {
		w.Directory.Groups = append(w.Directory.Groups, access.Group{Entity: access.Entity{ARN: "arn:aws:iam::" + account + ":group/" + name, Name: name, Inline: map[string]access.Document{"own": doc(statements...)}}})
	}
	policy := func(w *access.World, d access.Document, older map[string]access.Document) {
		w.Directory.Policies = []access.Policy{{ARN: policyARN("mine"), Name: "mine", Document: d, Older: older, DefaultVersion: "v2", Versions: []string{"v1", "v2"}}}
		w.Directory.Users[0].Attached = []string{policyARN("mine")}
	}
	never := func(*access.World) {}
	for _, c := range []struct {
		name    string
		mallory []string
		also    func(w *access.World)
		want    string
	}{
		{"nothing", nil, never, ""},
		{"the key's policy", []string{may("*", "kms:PutKeyPolicy")}, never, "kms:PutKeyPolicy " + keyName},
		{"a grant", []string{may("*", "kms:CreateGrant")}, never, "kms:CreateGrant " + keyName},
		{"a grant for services only", []string{`{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}`}, never, ""},
		{"an alias that its condition looks at", []string{strings.Replace(signByAlias, "staging-relayer", "staging-kathy", 1), may("*", "kms:CreateAlias")}, never, "kms:CreateAlias alias/staging-kathy"},
		{"an alias that it may not make", []string{strings.Replace(signByAlias, "staging-relayer", "staging-kathy", 1), may("arn:aws:kms:*:*:alias/other*", "kms:CreateAlias"), may("arn:aws:kms:*:*:key/*", "kms:CreateAlias")}, never, ""},
		{"an alias and not the key", []string{strings.Replace(signByAlias, "staging-relayer", "staging-kathy", 1), may("arn:aws:kms:*:*:alias/*", "kms:CreateAlias")}, never, ""},
		{"an alias where no condition looks", []string{may("*", "kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias")}, never, ""},
		{"an alias to take away", []string{signAny, `{"Effect":"Deny","Action":"kms:Sign","Resource":"*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/staging-*"}}}`, may("*", "kms:DeleteAlias")}, never, "kms:DeleteAlias alias/staging-relayer-signer"},
		{"a tag", []string{`{"Effect":"Allow","Action":"kms:Sign","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}`, may("*", "kms:TagResource")}, never, "kms:TagResource " + keyName},
		{"a tag to take away", []string{signAny, `{"Effect":"Deny","Action":"kms:Sign","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/environment":"staging"}}}`, may("*", "kms:UntagResource")}, never, "kms:UntagResource " + keyName},
		{"its own policy", []string{may(user("mallory"), "iam:PutUserPolicy")}, never, "iam:PutUserPolicy user/mallory"},
		{"another's policy alone", []string{may(user("other"), "iam:PutUserPolicy")}, never, ""},
		{"attaching to itself", []string{may("*", "iam:AttachUserPolicy")}, never, "iam:AttachUserPolicy user/mallory"},
		{"attaching one policy to itself", []string{`{"Effect":"Allow","Action":"iam:AttachUserPolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}}`}, never, "iam:AttachUserPolicy user/mallory?"},
		{"its group's policy", []string{may("*", "iam:PutGroupPolicy")}, func(w *access.World) {
			group(w, "ops", may("*", "s3:*"))
			w.Directory.Users[0].Groups = []string{"ops"}
		}, "iam:PutGroupPolicy group/ops"},
		{"a new version of what it has", []string{may(policyARN("mine"), "iam:CreatePolicyVersion")}, func(w *access.World) { policy(w, doc(may("*", "s3:*")), nil) }, "iam:CreatePolicyVersion policy/mine"},
		{"a new version of what it has not", []string{may("*", "iam:CreatePolicyVersion")}, func(w *access.World) {
			policy(w, doc(may("*", "s3:*")), nil)
			w.Directory.Users[0].Attached = nil
		}, ""},
		{"an older version that signs", []string{may("*", "iam:SetDefaultPolicyVersion")}, func(w *access.World) {
			policy(w, doc(may("*", "s3:*")), map[string]access.Document{"v1": doc(signAny)})
		}, "iam:SetDefaultPolicyVersion policy/mine"},
		{"an older version that does not", []string{may("*", "iam:SetDefaultPolicyVersion")}, func(w *access.World) {
			policy(w, doc(may("*", "s3:*")), map[string]access.Document{"v1": doc(may("*", "ec2:*"))})
		}, ""},
		{"an older version that was not read", []string{may("*", "iam:SetDefaultPolicyVersion")}, func(w *access.World) { policy(w, doc(may("*", "s3:*")), nil) }, "iam:SetDefaultPolicyVersion policy/mine?"},
		{"joining a group that signs", []string{may("*", "iam:AddUserToGroup")}, func(w *access.World) { group(w, "signers", signAny) }, "iam:AddUserToGroup group/signers"},
		{"joining another group", []string{may("*", "iam:AddUserToGroup")}, func(w *access.World) { group(w, "readers", may("*", "s3:*")) }, ""},
		{"a boundary to take away", []string{signAny, may("*", "iam:DeleteUserPermissionsBoundary")}, func(w *access.World) {
			w.Directory.Policies = []access.Policy{{ARN: policyARN("limit"), Name: "limit", Document: doc(may("*", "iam:*"))}}
			w.Directory.Users[0].Boundary = policyARN("limit")
		}, "iam:DeleteUserPermissionsBoundary user/mallory"},
		{"a boundary that stays", []string{signAny, may("*", "iam:PutUserPolicy")}, func(w *access.World) {
			w.Directory.Policies = []access.Policy{{ARN: policyARN("limit"), Name: "limit", Document: doc(may("*", "iam:*"))}}
			w.Directory.Users[0].Boundary = policyARN("limit")
		}, ""},
		{"a deny that it takes off itself", []string{may("*", "iam:PutUserPolicy", "iam:DeleteUserPolicy"), `{"Effect":"Deny","Action":"kms:Sign","Resource":"*"}`}, never, "iam:PutUserPolicy user/mallory, iam:DeleteUserPolicy user/mallory"},
		{"IAM alone where the key does not ask IAM", []string{may("*", "iam:PutUserPolicy")}, func(w *access.World) {
			w.Keys[0].Policy = doc(`{"Effect":"Allow","Principal":{"AWS":"` + role("signer") + `"},"Action":"kms:Sign","Resource":"*"}`)
		}, ""},
		{"the credentials of who can", []string{may(user("signing"), "iam:CreateAccessKey")}, never, "iam:CreateAccessKey user/signing"},
		{"the password of who can", []string{may("*", "iam:UpdateLoginProfile")}, never, "iam:UpdateLoginProfile user/signing"},
		{"the trust of who can", []string{may("*", "iam:UpdateAssumeRolePolicy")}, never, "iam:UpdateAssumeRolePolicy role/signer"},
		{"passing the role and running with it", []string{may("*", "iam:PassRole", "ec2:RunInstances")}, never, "iam:PassRole+ec2:RunInstances role/signer"},
		{"passing the role and running nothing", []string{may("*", "iam:PassRole", "lambda:CreateFunction")}, never, ""},
		{"passing the role to another service", []string{`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}`, may("*", "ec2:RunInstances")}, never, ""},
		{"running on some machines only", []string{may("*", "iam:PassRole"), may("arn:aws:ec2:*:*:instance/*", "ec2:RunInstances")}, never, "iam:PassRole+ec2:RunInstances role/signer?"},
		{"a chain", []string{may(role("bridge"), "sts:AssumeRole")}, func(w *access.World) {
			w.Directory.Roles[1].Trust = trust(`{"AWS":"` + role("bridge") + `"}`)
		}, "sts:AssumeRole role/bridge, sts:AssumeRole role/signer"},
		{"a chain under MFA", []string{`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`}, func(w *access.World) {
			w.Directory.Roles[1].Trust = trust(`{"AWS":"` + role("bridge") + `"}`)
		}, "sts:AssumeRole role/bridge, sts:AssumeRole role/signer?"},
		{"lifting a role that it can take on", []string{may(role("bridge"), "sts:AssumeRole", "iam:PutRolePolicy")}, never, "iam:PutRolePolicy role/bridge, sts:AssumeRole role/bridge"},
		{"lifting a role that it cannot", []string{may(role("bridge"), "iam:PutRolePolicy")}, never, ""},
	} {
		w := ladder(c.mallory...)
		c.also(w)
		if d := cmp.Diff(c.want, path(w, user("mallory"))); d != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, d)
		}
	}
}

func TestThoseFromOutsideWhomARoleTrustsCanBecomeIt(t *testing.T) {
	t.Parallel()
	w := ladder()
	ops, idp := "arn:aws:iam::"+other+":role/ops", "arn:aws:iam::"+account+":oidc-provider/example.com"
	w.Directory.Roles[1].Trust = doc(
		`{"Effect":"Allow","Principal":{"AWS":"`+ops+`"},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow","Principal":{"Federated":"`+idp+`"},"Action":"sts:AssumeRoleWithWebIdentity"}`)
	if got := path(w, ops); got != "sts:AssumeRole role/signer?" {
		t.Errorf("%q", got)
	}
	if got := path(w, idp); got != "sts:AssumeRoleWithWebIdentity role/signer?" {
		t.Errorf("%q", got)
	}
	if got := path(w, access.Everyone); got != "" {
		t.Errorf("%q", got)
	}
	w.Directory.Roles[1].Trust = trust(`"*"`)
	if got := path(w, access.Everyone); got != "sts:AssumeRole role/signer?" {
		t.Errorf("%q", got)
	}
}

func TestAPathIsNeverLongerThanFourHopsAndNeverRound(t *testing.T) {
	t.Parallel()
	w := ladder()
	w.Directory.Roles[1].Trust = trust(`{"AWS":["` + role("step0") + `"]}`)
	for i := range 8 {
		e := access.Entity{ARN: role(fmt.Sprintf("step%d", i)), Name: fmt.Sprintf("step%d", i)}
		w.Directory.Roles = append(w.Directory.Roles, access.Role{Entity: e, Trust: trust(`{"AWS":["` + role(fmt.Sprintf("step%d", i+1)) + `","` + role("step0") + `"]}`)})
	}
	found := 0
	for _, p := range w.Become(keyARN) {
		if len(p.Hops) > 4 || len(p.Hops) == 0 {
			t.Errorf("%d hops: %v", len(p.Hops), p)
		}
		seen := map[string]bool{p.Principal: true}
		for _, h := range p.Hops {
			if seen[h.Target] {
				t.Errorf("goes round: %v", p)
			}
			seen[h.Target] = true
		}
		found++
	}
	if found != 4 {
		t.Errorf("%d paths, need 4", found)
	}
}
