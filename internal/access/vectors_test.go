package access_test

import (
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// when is a statement that allows to sign under a condition.
func when(condition string) setting {
	return setting{identity: []string{`{"Sid":"If","Effect":"Allow","Action":"kms:Sign","Resource":"*","Condition":` + condition + `}`}}
}

// unless is one that denies under a condition, beside one that allows all.
func unless(condition string) setting {
	return setting{identity: []string{signAny, `{"Sid":"Unless","Effect":"Deny","Action":"kms:Sign","Resource":"*","Condition":` + condition + `}`}}
}

func (s setting) with(aliases ...string) setting { s.aliases = aliases; return s }

func conditionVectors() []vector {
	const operators, sets, null = "IAM User Guide, IAM JSON policy elements: Condition operators", "IAM User Guide, Set operators for multivalued context keys", "IAM User Guide, Condition operator to check existence of condition keys"
	const aliases, variables = "KMS Developer Guide, Use aliases to control access to KMS keys", "IAM User Guide, IAM policy elements: Variables and tags"
	alice, agent := user("alice"), role("agent")
	given := func(pairs ...string) map[string][]string {
		m := map[string][]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = append(m[pairs[i]], pairs[i+1])
		}
		return m
	}
	absent := func(key string) map[string][]string { return map[string][]string{key: nil} }
	relayer := `{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/staging-relayer*"}}`
	everyAlias := `{"ForAllValues:StringLike":{"kms:ResourceAliases":"alias/staging-relayer*"}}`
	keys := `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`
	return []vector{
		{name: "one alias matches", source: aliases, setting: when(relayer).with("alias/other", "alias/staging-relayer-signer"), principal: alice, want: access.Allowed},
		{name: "no alias matches", source: aliases, setting: when(relayer).with("alias/staging-kovan-relayer-signer"), principal: alice, want: access.NotAllowed, says: "have alias/staging-kovan-relayer-signer"},
		{name: "no alias at all", source: sets, setting: when(relayer), principal: alice, want: access.NotAllowed, says: "has no such value"},
		{name: "the trap: ForAllValues is true of a key without aliases", source: sets, setting: when(everyAlias), principal: alice, want: access.Allowed},
		{name: "ForAllValues needs every alias", source: sets, setting: when(everyAlias).with("alias/staging-relayer-1", "alias/other"), principal: alice, want: access.NotAllowed},
		{name: "the trap closed with Null", source: null, setting: when(`{"ForAllValues:StringLike":{"kms:ResourceAliases":"alias/staging-relayer*"},"Null":{"kms:ResourceAliases":"false"}}`), principal: alice, want: access.NotAllowed},
		{name: "a list without a set operator cannot be told", source: sets, setting: when(`{"StringLike":{"kms:ResourceAliases":"alias/*"}}`).with("alias/a"), principal: alice, want: access.Unknown, says: "holds a list"},
		{name: "the alias in a request cannot be told", source: aliases, setting: when(`{"StringEquals":{"kms:RequestAlias":"alias/a"}}`).with("alias/a"), principal: alice, want: access.Unknown, says: "kms:RequestAlias"},
		{name: "every value of the request is in the list", source: sets, setting: when(keys), context: given("aws:TagKeys", "a", "aws:TagKeys", "b"), principal: alice, want: access.Allowed},
		{name: "one value of the request is not", source: sets, setting: when(keys), context: given("aws:TagKeys", "a", "aws:TagKeys", "c"), principal: alice, want: access.NotAllowed},
		{name: "an empty text is an empty list", source: sets, setting: when(keys), context: given("aws:TagKeys", ""), principal: alice, want: access.Allowed},
		{name: "ForAllValues with a negation under Deny", source: "IAM User Guide, Multivalued context key examples", setting: unless(`{"ForAllValues:StringNotLike":{"aws:TagKeys":"key1*"}}`), context: given("aws:TagKeys", "key1:hr", "aws:TagKeys", "key2:audit"), principal: alice, want: access.Allowed},
		{name: "ForAllValues with a negation, all differ", source: "IAM User Guide, Multivalued context key examples", setting: unless(`{"ForAllValues:StringNotLike":{"aws:TagKeys":"key1*"}}`), context: given("aws:TagKeys", "key2:audit"), principal: alice, want: access.Denied},
		{name: "ForAllValues with a negation, no key", source: "IAM User Guide, Multivalued context key examples", setting: unless(`{"ForAllValues:StringNotLike":{"aws:TagKeys":"key1*"}}`), context: absent("aws:TagKeys"), principal: alice, want: access.Denied},
		{name: "ForAnyValue with a negation, one differs", source: sets, setting: unless(`{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}}`), context: given("aws:TagKeys", "a", "aws:TagKeys", "b"), principal: alice, want: access.Denied},

		{name: "StringEquals knows no wildcard", source: operators, setting: when(`{"StringEquals":{"aws:username":"al*"}}`), principal: alice, want: access.NotAllowed},
		{name: "StringEquals tells case apart", source: operators, setting: when(`{"StringEquals":{"aws:username":"Alice"}}`), principal: alice, want: access.NotAllowed},
		{name: "StringEqualsIgnoreCase does not", source: operators, setting: when(`{"StringEqualsIgnoreCase":{"aws:username":"Alice"}}`), principal: alice, want: access.Allowed},
		{name: "StringLike knows wildcards", source: operators, setting: when(`{"StringLike":{"aws:username":"?li*"}}`), principal: alice, want: access.Allowed},
		{name: "several values are one or the other", source: operators, setting: when(`{"StringEquals":{"aws:username":["bob","alice"]}}`), principal: alice, want: access.Allowed},
		{name: "several values negated are none of them", source: operators, setting: when(`{"StringNotEquals":{"aws:username":["bob","alice"]}}`), principal: alice, want: access.NotAllowed},
		{name: "several keys must all match", source: operators, setting: when(`{"StringEquals":{"aws:username":"alice","aws:PrincipalTag/team":"other"}}`), principal: alice, want: access.NotAllowed},
		{name: "a key that is absent fails", source: operators, setting: when(`{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), context: absent("aws:SourceVpc"), principal: alice, want: access.NotAllowed},
		{name: "a key that is absent holds where negated", source: operators, setting: when(`{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`), context: absent("aws:SourceVpc"), principal: alice, want: access.Allowed},
		{name: "a key that is absent holds with IfExists", source: operators, setting: when(`{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}`), context: absent("aws:SourceVpc"), principal: alice, want: access.Allowed},
		{name: "a key that is there is compared in spite of IfExists", source: operators, setting: when(`{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}`), context: given("aws:SourceVpc", "vpc-2"), principal: alice, want: access.NotAllowed},
		{name: "a key that is not known cannot be told", source: operators, setting: when(`{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), principal: alice, want: access.Unknown, says: "aws:SourceVpc"},
		{name: "nor can it under Deny", source: operators, setting: unless(`{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), principal: alice, want: access.Unknown, says: "whether it is denied"},
		{name: "an operator that is not understood", source: operators, setting: when(`{"StringResembles":{"aws:username":"alice"}}`), principal: alice, want: access.Unknown, says: "operator"},
		{name: "nor is it under Deny", source: operators, setting: unless(`{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}`), principal: alice, want: access.Unknown, says: "DateGreaterThan"},
		{name: "a set operator that is not understood", source: operators, setting: when(`{"ForMostValues:StringEquals":{"aws:username":"alice"}}`), principal: alice, want: access.Unknown},
		{name: "keys do not tell case apart", source: operators, setting: when(`{"StringEquals":{"AWS:UserName":"alice"}}`), principal: alice, want: access.Allowed},
		{name: "Bool", source: operators, setting: when(`{"Bool":{"aws:SecureTransport":true}}`), context: given("aws:SecureTransport", "true"), principal: alice, want: access.Allowed},
		{name: "Bool that is false", source: operators, setting: unless(`{"Bool":{"aws:SecureTransport":"false"}}`), context: given("aws:SecureTransport", "false"), principal: alice, want: access.Denied},
		{name: "BoolIfExists of MFA is not known", source: operators, setting: unless(`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`), principal: alice, want: access.Unknown},
		{name: "Null true of an absent key", source: null, setting: when(`{"Null":{"aws:TokenIssueTime":"true"}}`), context: absent("aws:TokenIssueTime"), principal: alice, want: access.Allowed},
		{name: "Null true of a key that is there", source: null, setting: when(`{"Null":{"aws:username":"true"}}`), principal: alice, want: access.NotAllowed},
		{name: "ArnLike compares part by part", source: operators, setting: when(`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/al*"}}`), principal: alice, want: access.Allowed},
		{name: "ArnLike does not reach over a colon", source: operators, setting: when(`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam:*user/alice"}}`), principal: alice, want: access.Unknown},
		{name: "ArnEquals takes wildcards too", source: operators, setting: when(`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/*"}}`), principal: alice, want: access.Allowed},
		{name: "ArnNotEquals under Deny spares the role", source: operators, setting: unless(`{"ArnNotEquals":{"aws:PrincipalArn":"` + agent + `"}}`), principal: agent, want: access.Allowed},
		{name: "ArnNotEquals under Deny meets the user", source: operators, setting: unless(`{"ArnNotEquals":{"aws:PrincipalArn":"` + agent + `"}}`), principal: alice, want: access.Denied},
		{name: "an address in the range", source: operators, setting: when(`{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]}}`), context: given("aws:SourceIp", "203.0.113.7"), principal: alice, want: access.Allowed},
		{name: "an address out of the range", source: operators, setting: when(`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`), context: given("aws:SourceIp", "203.0.114.7"), principal: alice, want: access.NotAllowed},
		{name: "NotIpAddress", source: operators, setting: unless(`{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`), context: given("aws:SourceIp", "198.51.100.1"), principal: alice, want: access.Denied},
		{name: "a range that is none", source: operators, setting: when(`{"IpAddress":{"aws:SourceIp":"203.0.113"}}`), context: given("aws:SourceIp", "203.0.113.7"), principal: alice, want: access.Unknown},

		{name: "the tag of the key", source: "KMS Developer Guide, Use tags to control access to KMS keys", setting: when(`{"StringEquals":{"aws:ResourceTag/environment":"staging"}}`), principal: alice, want: access.Allowed},
		{name: "the tag of the principal in a variable", source: variables, setting: when(`{"StringEquals":{"aws:PrincipalTag/team":"${aws:PrincipalTag/Team}"}}`), principal: alice, want: access.Allowed},
		{name: "a variable in the resource", source: variables, setting: setting{identity: []string{`{"Effect":"Allow","Action":"kms:Sign","Resource":"arn:aws:kms:*:${aws:PrincipalAccount}:key/*"}`}}, principal: alice, want: access.Allowed},
		{name: "a variable without a value cannot be told", source: variables, setting: setting{identity: []string{`{"Effect":"Allow","Action":"kms:Sign","Resource":"arn:aws:kms:*:111122223333:key/${aws:username}*"}`}}, principal: agent, want: access.Unknown, says: "${aws:username}"},
		{name: "a variable with a default", source: variables, setting: when(`{"StringEquals":{"aws:PrincipalTag/team":"${aws:PrincipalTag/squad, 'bridge'}"}}`), principal: alice, want: access.Allowed},
		{name: "an escaped wildcard is a character", source: variables, setting: when(`{"StringLike":{"aws:username":"ali${*}"}}`), principal: alice, want: access.NotAllowed},
	}
}

func TestConditionsAreDecidedAsAWSDocumentsThem(t *testing.T) {
	t.Parallel()
	for _, v := range conditionVectors() {
		v.run(t)
	}
}

func TestInTheOlderVersionVariablesAreText(t *testing.T) {
	t.Parallel()
	w := setting{}.build()
	for _, version := range []string{"", `"Version":"2008-10-17",`} {
		w.Directory.Users[0].Inline = map[string]access.Document{"own": access.Read(`{` + version + `"Statement":{"Effect":"Allow","Action":"kms:Sign","Resource":"*","Condition":{"StringEquals":{"aws:username":"${aws:username}"}}}}`)}
		if got := w.Decide(access.Request{Principal: user("alice"), Action: "kms:Sign", Resource: keyARN}); got.Verdict != access.NotAllowed {
			t.Errorf("version %q: %q: %s", version, got.Verdict, got.Reason)
		}
	}
}

func boundaryVectors() []vector {
	const boundaries, notPrincipal, elements = "IAM User Guide, Permissions boundaries for IAM entities", "IAM User Guide, AWS JSON policy elements: NotPrincipal", "IAM User Guide, IAM JSON policy elements"
	alice, agent := user("alice"), role("agent")
	s3only := `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	named := func(arn string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"kms:Sign","Resource":"*"}`
	}
	allBut := func(arns ...string) string {
		return `{"Sid":"AllBut","Effect":"Deny","NotPrincipal":{"AWS":["` + strings.Join(arns, `","`) + `"]},"Action":"kms:Sign","Resource":"*"}`
	}
	root := "arn:aws:iam::" + account + ":root"
	return []vector{
		{name: "a boundary that does not allow it", source: boundaries, setting: setting{identity: []string{signAny}, boundary: []string{s3only}}, principal: alice, want: access.NotAllowed, says: "policy limit does not allow kms:sign"},
		{name: "a boundary that allows it", source: boundaries, setting: setting{identity: []string{signAny}, boundary: []string{signAny}}, principal: alice, want: access.Allowed},
		{name: "a boundary gives nothing itself", source: boundaries, setting: setting{boundary: []string{signAny}}, principal: alice, want: access.NotAllowed},
		{name: "a boundary denies", source: boundaries, setting: setting{key: []string{named(alice)}, boundary: []string{`{"Effect":"Deny","Action":"kms:*","Resource":"*"}`}}, principal: alice, want: access.Denied},
		{name: "a user named by the resource is past its boundary", source: boundaries, setting: setting{key: []string{named(alice)}, boundary: []string{s3only}}, principal: alice, want: access.Allowed},
		{name: "a role named by the resource is not", source: boundaries, setting: setting{key: []string{named(agent)}, boundary: []string{s3only}}, principal: agent, want: access.NotAllowed},
		{name: "a session named by the resource is", source: boundaries, setting: setting{key: []string{named("arn:aws:sts::" + account + ":assumed-role/agent/one")}, boundary: []string{s3only}}, principal: "arn:aws:sts::" + account + ":assumed-role/agent/one", want: access.Allowed},
		{name: "a role under a boundary and everybody", source: boundaries, setting: setting{key: []string{named("*")}, boundary: []string{s3only}}, principal: agent, want: access.Unknown},

		{name: "NotPrincipal spares whom it lists with its account", source: notPrincipal, setting: setting{identity: []string{signAny}, key: []string{delegates, allBut(alice, root)}}, principal: alice, want: access.Allowed},
		{name: "NotPrincipal without the account cannot be told", source: notPrincipal, setting: setting{identity: []string{signAny}, key: []string{delegates, allBut(alice)}}, principal: alice, want: access.Unknown, says: "AllBut"},
		{name: "NotPrincipal denies who is not listed", source: notPrincipal, setting: setting{identity: []string{signAny}, key: []string{delegates, allBut(user("bob"))}}, principal: alice, want: access.Denied, says: "AllBut"},
		{name: "NotPrincipal with a role and not its session cannot be told", source: notPrincipal, setting: setting{identity: []string{signAny}, key: []string{delegates, allBut(agent, root)}}, principal: agent, want: access.Unknown},
		{name: "NotPrincipal always denies who has a boundary", source: notPrincipal, setting: setting{identity: []string{signAny}, boundary: []string{signAny}, key: []string{delegates, allBut(alice, root)}}, principal: alice, want: access.Denied},
		{name: "NotPrincipal spares the root user that it lists", source: notPrincipal, setting: setting{key: []string{delegates, allBut(root)}}, principal: root, want: access.Allowed},
		{name: "NotPrincipal with Allow is not supported", source: notPrincipal, setting: setting{key: []string{`{"Effect":"Allow","NotPrincipal":{"AWS":"` + agent + `"},"Action":"kms:Sign","Resource":"*"}`}}, principal: alice, want: access.Unknown},

		{name: "NotAction allows what it does not list", source: elements, setting: setting{identity: []string{`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`}}, principal: alice, want: access.Allowed},
		{name: "NotAction does not allow what it lists", source: elements, setting: setting{identity: []string{`{"Effect":"Allow","NotAction":["iam:*","KMS:Si?n"],"Resource":"*"}`}}, principal: alice, want: access.NotAllowed},
		{name: "NotResource under Deny", source: elements, setting: setting{identity: []string{signAny, `{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::*"}`}}, principal: alice, want: access.Denied},
		{name: "NotResource spares what it lists", source: elements, setting: setting{identity: []string{signAny, `{"Effect":"Deny","Action":"*","NotResource":"` + keyARN + `"}`}}, principal: alice, want: access.Allowed},
		{name: "an alias is no name for its key", source: "KMS Developer Guide, Use aliases to control access to KMS keys", setting: setting{identity: []string{`{"Effect":"Allow","Action":"kms:Sign","Resource":"arn:aws:kms:us-west-2:111122223333:alias/staging-relayer"}`}, aliases: []string{"alias/staging-relayer"}}, principal: alice, want: access.NotAllowed},
		{name: "actions do not tell case apart", source: elements, setting: setting{identity: []string{`{"Effect":"Allow","Action":"KMS:sIGN","Resource":"*"}`}}, principal: alice, want: access.Allowed},

		{name: "another account that the key names", source: "KMS Developer Guide, Allowing users in other accounts to use a KMS key", setting: setting{key: []string{delegates, named("arn:aws:iam::" + other + ":role/validator")}}, principal: "arn:aws:iam::" + other + ":role/validator", want: access.Unknown, says: "the other account's IAM"},
		{name: "another account that the key names as a whole", source: "KMS Developer Guide, Allowing users in other accounts to use a KMS key", setting: setting{key: []string{delegates, named("arn:aws:iam::" + other + ":root")}}, principal: "arn:aws:iam::" + other + ":role/validator", want: access.Unknown, says: "admitted"},
		{name: "another account that nobody names", source: "IAM User Guide, Cross-account policy evaluation logic", principal: "arn:aws:iam::" + other + ":role/validator", want: access.NotAllowed, says: "nothing lets"},
		{name: "everybody, of one account only", source: "KMS Developer Guide, AWS KMS condition keys", setting: setting{key: []string{`{"Effect":"Allow","Principal":"*","Action":"kms:Sign","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"111122223333"}}}`}}, principal: "arn:aws:iam::" + other + ":role/validator", want: access.NotAllowed},
		{name: "everybody, of one account only: its own", source: "KMS Developer Guide, AWS KMS condition keys", setting: setting{key: []string{`{"Effect":"Allow","Principal":"*","Action":"kms:Sign","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"111122223333"}}}`}}, principal: alice, want: access.Allowed},
		{name: "nobody calls KMS without credentials", source: "IAM User Guide, Policy evaluation logic", setting: setting{key: []string{named("*")}}, principal: "", want: access.NotAllowed},
	}
}

func TestBoundariesAndOtherAccountsAreDecidedAsAWSDocumentsThem(t *testing.T) {
	t.Parallel()
	for _, v := range boundaryVectors() {
		v.run(t)
	}
}

func TestWhatWasNotReadIsNeverAllowedOrRuledOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(w *access.World)
		who  string
	}{
		"a managed policy without a document": {func(w *access.World) {
			w.Directory.Users[0].Attached = []string{"arn:aws:iam::aws:policy/Something"}
		}, user("alice")},
		"a document that is not understood": {func(w *access.World) {
			w.Directory.Roles[0].Inline = map[string]access.Document{"own": access.Read(`{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Unless":{}}}`)}
		}, role("agent")},
		"the key's policy": {func(w *access.World) {
			w.Directory.Users[0].Inline = map[string]access.Document{"own": doc(signAny)}
			w.Keys[0].PolicyUnread = true
		}, user("alice")},
		"the key's grants": {func(w *access.World) { w.Keys[0].GrantsUnread = true }, user("alice")},
		"the boundary": {func(w *access.World) {
			w.Directory.Users[0].Inline = map[string]access.Document{"own": doc(signAny)}
			w.Directory.Users[0].Boundary = "arn:aws:iam::" + account + ":policy/lost"
		}, user("alice")},
		"a group": {func(w *access.World) { w.Directory.Users[0].Groups = []string{"lost"} }, user("alice")},
		"a ref": {func(w *access.World) {
			d := doc(signAny)
			d.Statements[0].Resources = access.Values{resource.RefTo(resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: "new"}, "arn")}
			w.Directory.Users[0].Inline = map[string]access.Document{"own": d}
		}, user("alice")},
		"IAM": {func(w *access.World) { w.Directory = access.Directory{} }, user("alice")},
		"the key": {func(w *access.World) {
			w.Directory.Users[0].Inline = map[string]access.Document{"own": doc(signAny)}
			w.Keys = nil
		}, user("alice")},
	} {
		w := setting{}.build()
		c.make(w)
		if got := w.Decide(access.Request{Principal: c.who, Action: "kms:Sign", Resource: keyARN}); got.Verdict != access.Unknown || got.Reason == "" {
			t.Errorf("%s: %q: %s", name, got.Verdict, got.Reason)
		}
	}
}

func TestARefToAKeyThatIsThereIsItsARN(t *testing.T) {
	t.Parallel()
	w := setting{}.build()
	d := doc(signAny)
	d.Statements[0].Resources = access.Values{resource.RefTo(w.Keys[0].ID, "arn")}
	w.Directory.Users[0].Inline = map[string]access.Document{"own": d}
	if got := w.Decide(access.Request{Principal: user("alice"), Action: "kms:Sign", Resource: keyARN}); got.Verdict != access.Allowed {
		t.Errorf("%q: %s", got.Verdict, got.Reason)
	}
}
