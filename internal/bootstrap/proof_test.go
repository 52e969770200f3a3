package bootstrap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kinds"
)

// readers are the roles that a stranger may hold.
func readers() []string { return []string{"plan", "watch"} }

// acts lists every action that a kind ever asks for, and those that somebody
// would try who stole a role.
func acts() []string {
	list := strings.Fields(`
		iam:AddClientIDToOpenIDConnectProvider iam:AddUserToGroup iam:CreateLoginProfile iam:CreateOpenIDConnectProvider iam:CreatePolicyVersion
		iam:DeleteOpenIDConnectProvider iam:DeleteRolePermissionsBoundary iam:DeleteUserPermissionsBoundary iam:PassRole iam:PutGroupPolicy iam:PutRolePolicy
		iam:PutUserPolicy iam:UntagPolicy iam:UntagRole iam:UntagUser iam:UpdateLoginProfile iam:UpdateOpenIDConnectProviderThumbprint
		kms:CreateGrant kms:Decrypt kms:DeleteAlias kms:DisableKey kms:GenerateDataKey kms:ImportKeyMaterial kms:ReplicateKey kms:RevokeGrant
		kms:ScheduleKeyDeletion kms:UntagResource kms:UpdateAlias
		s3:BypassGovernanceRetention s3:DeleteBucket s3:DeleteBucketPolicy s3:DeleteObject s3:DeleteObjectVersion s3:GetObject s3:PutBucketAcl s3:PutObject
		s3:PutLifecycleConfiguration s3:PutReplicationConfiguration
		secretsmanager:DeleteSecret secretsmanager:PutResourcePolicy secretsmanager:UpdateSecretVersionStage
		sts:AssumeRole ec2:RunInstances lambda:CreateFunction cloudformation:CreateStack`)
	for _, a := range kinds.Actions() {
		list = append(list, a.Name)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// harmless reports actions that give nothing away: what exists, and its public
// part.
func harmless(action string) bool {
	_, verb, _ := strings.Cut(action, ":")
	return action != "secretsmanager:GetSecretValue" && (strings.HasPrefix(verb, "Get") || strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Describe"))
}

func TestPlanAndWatchWriteNothingAndOpenNothingWhateverTheyAreGiven(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	given := newStanding(t)
	for i := range given.Directory.Roles {
		if strings.HasPrefix(given.Directory.Roles[i].Name, "reconcile-") {
			given.Directory.Roles[i].Attached = append(given.Directory.Roles[i].Attached, admin)
		}
	}
	for _, which := range readers() {
		for _, action := range acts() {
			for _, o := range s.objects {
				if !harmless(action) && s.can(s.roleOf(which), action, o, nil) {
					t.Errorf("%s may %s on %s", which, action, o.name)
				}
			}
			if o := s.named(t, "*"); !harmless(action) && given.can(s.roleOf(which), action, o, nil) {
				t.Errorf("%s with AdministratorAccess may %s", which, action)
			}
		}
		if !s.can(s.roleOf(which), "kms:GetKeyPolicy", s.named(t, "key relayer"), nil) {
			t.Errorf("%s cannot read a key's policy", which)
		}
	}
}

func TestApplySignsWithBanksOnlyWhateverKeyPoliciesSay(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	for _, o := range s.objects {
		if strings.HasPrefix(o.name, "key ") && s.can(s.roleOf("apply"), "kms:Sign", o, nil) != (o.name == "key bank") {
			t.Errorf("kms:Sign on %s: %t", o.name, o.name != "key bank")
		}
	}
	for _, o := range s.objects {
		if s.can(s.roleOf("apply"), "secretsmanager:GetSecretValue", o, nil) != (o.name == "secret harbour-hexbank") && strings.HasPrefix(o.name, "secret ") {
			t.Errorf("secretsmanager:GetSecretValue on %s", o.name)
		}
	}
}

// TestNoNameMakesABankOfAnotherKey: whoever holds the role cannot give an
// agent's key a bank's alias; and were it there, by an administrator's mistake in
// another region, it would be none.
func TestNoNameMakesABankOfAnotherKey(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	for _, name := range []string{"key relayer", "key attestation", "key marina", "key unmarked-agent", "key application-data"} {
		if s.can(s.roleOf("apply"), "kms:CreateAlias", s.named(t, name), nil) {
			t.Errorf("%s has a name already and may get another one", name)
		}
	}
	for name, may := range map[string]bool{"key fresh": true, "key nameless": true, "key nameless-data": false} {
		if s.can(s.roleOf("apply"), "kms:CreateAlias", s.named(t, name), nil) != may {
			t.Errorf("%s gets its first name: %t", name, !may)
		}
	}
	for i := range s.Keys {
		if s.Keys[i].ID.Name == "attestation" {
			s.Keys[i].Aliases = append(s.Keys[i].Aliases, "alias/harbour-bank")
		}
	}
	if s.can(s.roleOf("apply"), "kms:Sign", s.named(t, "key attestation"), nil) {
		t.Error("a bank's alias in another region makes a bank")
	}
}

func TestNoMarkIsPutOnSomebodyElsesKey(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	for name, may := range map[string]bool{
		"key bank": true, "key relayer": true, "key to-adopt": true, "key marina": false, "key unmarked-agent": false, "key application-data": false, "key nameless-data": false,
		"key fresh": true, "key nameless": true, "secret harbour-hexed": true, "secret marina-hexed": false, "secret database-password": false,
	} {
		action := "kms:TagResource"
		if strings.HasPrefix(name, "secret") {
			action = "secretsmanager:TagResource"
		}
		if have := s.can(s.roleOf("apply"), action, s.named(t, name), nil); have != may {
			t.Errorf("%s on %s: %t", action, name, have)
		}
		for key, wish := range map[string]string{"aws:RequestTag/reconcile:environment": "marina", "aws:TagKeys": "team"} {
			if s.can(s.roleOf("apply"), action, s.named(t, name), map[string][]string{key: {wish}}) {
				t.Errorf("%s writes %s=%s on %s", action, key, wish, name)
			}
		}
	}
	if s.can(s.roleOf("apply"), "kms:CreateKey", s.named(t, "*"), map[string][]string{"kms:KeySpec": {"SYMMETRIC_DEFAULT"}}) {
		t.Error("apply makes keys of another sort")
	}
}

func TestApplyCannotTouchWhatHoldsIt(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	for _, name := range []string{
		"role reconcile-plan-harbour", "role reconcile-apply-harbour", "role reconcile-watch-harbour", "policy reconcile-apply-harbour", "boundary", "identity provider",
		"bucket acme-harbour-journal", "policy stranger-policy", "policy marina-signer", "role marina-relayer", "role stranger-role", "user stranger", "group admins",
		"alias eu-west-1:marina-bank", "secret marina-hexed", "secret database-password", "bucket acme-marina-proofs", "bucket acme-application", "object acme-application/anything",
		"key marina", "key unmarked-agent", "key application-data",
	} {
		for _, action := range acts() {
			itself := action == "sts:AssumeRole" && name == "role reconcile-apply-harbour"
			if !harmless(action) && !itself && s.can(s.roleOf("apply"), action, s.named(t, name), nil) {
				t.Errorf("%s on %s", action, name)
			}
		}
	}
}

func TestTheJournalIsAppendedAndNeverWrittenOver(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	apply := s.roleOf("apply")
	entry, lease := s.named(t, "object acme-harbour-journal/harbour/journal/1.json"), s.named(t, "object acme-harbour-journal/harbour/lease.json")
	stop := s.named(t, "object acme-harbour-journal/harbour/stop.json")
	blind := map[string][]string{"s3:if-none-match": nil, "s3:if-match": nil}
	over := map[string][]string{"s3:if-none-match": nil, "s3:if-match": {"etag"}}
	fresh := map[string][]string{"s3:if-none-match": {"*"}, "s3:if-match": nil}
	for _, test := range []struct {
		what   string
		o      object
		chosen map[string][]string
		may    bool
	}{
		{"an entry is made", entry, fresh, true}, {"an entry is written over", entry, over, false}, {"an entry is written blindly", entry, blind, false},
		{"the lease is taken", lease, fresh, true}, {"the lease is moved", lease, over, true}, {"the lease is written blindly", lease, blind, false},
		{"an environment is stopped", stop, fresh, true}, {"it is resumed", stop, over, true}, {"a stop is written blindly", stop, blind, false},
	} {
		if have := s.can(apply, "s3:PutObject", test.o, test.chosen); have != test.may {
			t.Errorf("%s: %t", test.what, have)
		}
	}
	for _, action := range []string{"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"} {
		for _, o := range []object{entry, lease, stop, s.named(t, "bucket acme-harbour-journal")} {
			if s.can(apply, action, o, nil) {
				t.Errorf("%s on %s", action, o.name)
			}
		}
	}
}

// TestWhoPlansSeesAStopAndCannotEndIt: what is read is read from forks' pull
// requests too.
func TestWhoPlansSeesAStopAndCannotEndIt(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	stop := s.named(t, "object acme-harbour-journal/harbour/stop.json")
	for _, role := range []string{"plan", "watch"} {
		if !s.can(s.roleOf(role), "s3:GetObject", stop, nil) {
			t.Errorf("%s cannot read it", role)
		}
		for _, chosen := range []map[string][]string{nil, {"s3:if-none-match": nil, "s3:if-match": {"etag"}}, {"s3:if-none-match": {"*"}, "s3:if-match": nil}} {
			if s.can(s.roleOf(role), "s3:PutObject", stop, chosen) || s.can(s.roleOf(role), "s3:DeleteObject", stop, chosen) {
				t.Errorf("%s can end it", role)
			}
		}
	}
}

func TestWhatApplyMakesIsBoundedAndStaysSo(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	apply := s.roleOf("apply")
	relayer, boat := s.named(t, "role relayer"), s.named(t, "user boat")
	for _, test := range []struct {
		what, action string
		o            object
		chosen       map[string][]string
		may          bool
	}{
		{"a role with the boundary", "iam:CreateRole", relayer, map[string][]string{"iam:PermissionsBoundary": {boundary}}, true},
		{"a role without", "iam:CreateRole", relayer, map[string][]string{"iam:PermissionsBoundary": nil}, false},
		{"a user without", "iam:CreateUser", boat, map[string][]string{"iam:PermissionsBoundary": nil}, false},
		{"another boundary", "iam:PutUserPermissionsBoundary", boat, map[string][]string{"iam:PermissionsBoundary": {inIAM + "policy/stranger-policy"}}, false},
		{"no boundary for a user", "iam:DeleteUserPermissionsBoundary", boat, nil, false},
		{"no boundary for a role", "iam:DeleteRolePermissionsBoundary", relayer, nil, false},
		{"one of our policies", "iam:AttachRolePolicy", relayer, map[string][]string{"iam:PolicyARN": {inIAM + "policy" + ownPath + "crew-signer"}}, true},
		{"AdministratorAccess", "iam:AttachRolePolicy", relayer, map[string][]string{"iam:PolicyARN": {admin}}, false},
		{"AdministratorAccess for a group", "iam:AttachGroupPolicy", s.named(t, "group crew"), map[string][]string{"iam:PolicyARN": {admin}}, false},
		{"a policy of ours for one that is not bounded", "iam:AttachUserPolicy", s.named(t, "user legacy"), nil, false},
		{"an inline policy", "iam:PutUserPolicy", boat, nil, false},
		{"a password", "iam:CreateLoginProfile", boat, nil, false},
		{"a key where one is declared", "iam:CreateAccessKey", boat, nil, true},
		{"a key where none is declared", "iam:CreateAccessKey", s.named(t, "user minted"), nil, false},
		{"a key of one that is not bounded", "iam:CreateAccessKey", s.named(t, "user legacy"), nil, false},
		{"the value of an access key's secret", "secretsmanager:PutSecretValue", s.named(t, "secret boat-access-key"), nil, true},
		{"the value of a hex key", "secretsmanager:PutSecretValue", s.named(t, "secret harbour-hexed"), nil, false},
		{"a tag that others may trust", "iam:TagRole", relayer, map[string][]string{"aws:TagKeys": {"team"}}, false},
		{"a key policy that locks everybody out", "kms:PutKeyPolicy", s.named(t, "key relayer"), map[string][]string{"kms:BypassPolicyLockoutSafetyCheck": {"true"}}, false},
	} {
		if have := s.can(apply, test.action, test.o, test.chosen); have != test.may {
			t.Errorf("%s: %s on %s: %t", test.what, test.action, test.o.name, have)
		}
	}
}

// TestWhoeverApplyMakesNeverLeavesTheBoundary: minted has a policy that allows
// everything, and is left with the use of this environment's keys, hex keys and
// buckets. That much a stolen apply role can do, by way of somebody it makes.
func TestWhoeverApplyMakesNeverLeavesTheBoundary(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	for _, who := range []string{"user minted", "role relayer"} {
		for _, action := range acts() {
			for _, o := range s.objects {
				// What a secret's own policy says was not read, and is its owner's to say.
				verdict := s.ask(s.named(t, who).arn, action, o, nil)
				if harmless(action) || verdict != access.Allowed && (verdict != access.Unknown || strings.HasPrefix(o.name, "secret ")) {
					continue
				}
				allowed := action == "kms:Sign" && o.mark == "harbour" || action == "secretsmanager:GetSecretValue" && o.mark == "harbour" ||
					action == "s3:PutObject" && o.name == "object acme-harbour-proofs/proof"
				if !allowed {
					t.Errorf("%s may %s on %s", who, action, o.name)
				}
			}
		}
	}
	if !s.can(s.named(t, "user minted").arn, "kms:Sign", s.named(t, "key relayer"), nil) {
		t.Error("a bounded agent cannot sign with its key")
	}
}

// TestNobodyOfTheToolBecomesASignerUnseen: plan and watch have no way at all to
// an agent's key. Apply has, by the key's policy or somebody it makes; and none
// to another environment's.
func TestNobodyOfTheToolBecomesASignerUnseen(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	for _, k := range s.Keys {
		for _, p := range s.Become(k.ARN) {
			for _, which := range readers() {
				if p.Principal == s.roleOf(which) {
					t.Errorf("%s comes to sign with %s: %v", which, k.ID.Name, p.Hops)
				}
			}
			ours := k.Tags["reconcile:environment"] == "harbour"
			if p.Principal == s.roleOf("apply") && p.Sure && !ours && k.ID.Name != "nameless" && !throughAdopted(p) {
				t.Errorf("apply comes to sign with %s: %v", k.ID.Name, p.Hops)
			}
		}
	}
}

// throughAdopted is a way that stays open, as that to a key of our sort without
// mark and name does: a principal without the boundary that was taken over as it
// is (docs/threat-model.md).
func throughAdopted(p access.Path) bool {
	return slices.ContainsFunc(p.Hops, func(h access.Hop) bool { return strings.HasSuffix(h.Target, "/legacy-role") })
}

// takes is what removes the last users and groups that are ours, where none is
// declared any more.
func takes(action, name string) bool {
	_, verb, _ := strings.Cut(action, ":")
	removes := strings.HasPrefix(verb, "Delete") || strings.HasPrefix(verb, "Detach") || strings.HasPrefix(verb, "Remove") || verb == "UpdateAccessKey"
	return removes && name != "user legacy"
}

func TestWithoutUsersAndGroupsApplyMakesNone(t *testing.T) {
	t.Parallel()
	s := newStanding(t)
	env := harbour()
	env.Access.Users, env.Access.Groups = nil, nil
	s.rebuild(t, env)
	for _, name := range []string{"user boat", "user minted", "user legacy", "group crew"} {
		for _, action := range acts() {
			if !harmless(action) && !takes(action, name) && s.can(s.roleOf("apply"), action, s.named(t, name), nil) {
				t.Errorf("%s on %s", action, name)
			}
		}
	}
	env.Access = nil
	s.rebuild(t, env)
	for _, o := range s.objects {
		for _, action := range acts() {
			if strings.HasPrefix(action, "iam:") && !harmless(action) && s.can(s.roleOf("apply"), action, o, nil) {
				t.Errorf("access is not managed, and apply may %s on %s", action, o.name)
			}
		}
	}
}

// TestEachWallStandsWithoutTheOthers: what is denied by name holds even where
// somebody attached AdministratorAccess and took the fences away; and what is
// allowed reaches nobody else where nothing is denied.
func TestEachWallStandsWithoutTheOthers(t *testing.T) {
	t.Parallel()
	named, allowed := newStanding(t), newStanding(t)
	named.keepOnly(func(s access.Statement) bool {
		return s.Sid != "NothingElse" && !strings.HasPrefix(s.Sid, "NowhereElse")
	})
	allowed.keepOnly(func(s access.Statement) bool { return s.Effect == access.Allow })
	for i := range named.Directory.Roles {
		if named.Directory.Roles[i].Name == "reconcile-apply-harbour" {
			named.Directory.Roles[i].Attached = append(named.Directory.Roles[i].Attached, admin)
		}
	}
	for _, test := range []struct{ action, on string }{
		{"iam:DeleteUserPermissionsBoundary", "user boat"}, {"iam:DeleteRolePermissionsBoundary", "role relayer"},
		{"kms:ScheduleKeyDeletion", "key relayer"}, {"kms:CreateGrant", "key relayer"}, {"kms:Decrypt", "key application-data"}, {"kms:UpdateAlias", "alias eu-west-1:harbour-bank"},
		{"kms:DeleteAlias", "alias eu-west-1:harbour-bank"}, {"kms:Sign", "key relayer"}, {"kms:PutKeyPolicy", "key marina"}, {"kms:PutKeyPolicy", "key application-data"},
		{"kms:TagResource", "key marina"}, {"kms:CreateAlias", "key application-data"}, {"iam:AttachRolePolicy", "role reconcile-apply-harbour"},
		{"iam:CreatePolicyVersion", "policy reconcile-apply-harbour"}, {"iam:CreatePolicyVersion", "boundary"}, {"iam:DeleteOpenIDConnectProvider", "identity provider"},
		{"s3:DeleteObjectVersion", "object acme-harbour-journal/harbour/journal/1.json"}, {"s3:PutBucketPolicy", "bucket acme-harbour-journal"}, {"s3:PutBucketVersioning", "bucket acme-harbour-journal"},
	} {
		if named.can(named.roleOf("apply"), test.action, named.named(t, test.on), nil) {
			t.Errorf("with AdministratorAccess: %s on %s", test.action, test.on)
		}
	}
	for _, test := range []struct{ action, on string }{
		{"kms:PutKeyPolicy", "key marina"}, {"kms:EnableKey", "key to-adopt"}, {"kms:TagResource", "key marina"}, {"kms:PutKeyPolicy", "key unmarked-agent"},
		{"iam:UpdateAssumeRolePolicy", "role marina-relayer"}, {"iam:CreatePolicyVersion", "policy marina-signer"}, {"s3:PutBucketPolicy", "bucket acme-marina-proofs"},
	} {
		if allowed.can(allowed.roleOf("apply"), test.action, allowed.named(t, test.on), nil) {
			t.Errorf("with nothing denied: %s on %s", test.action, test.on)
		}
	}
}
