package cloudtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func iamPolicyConflicts(t *testing.T, a iamAccount) {
	t.Helper()
	arn := own("policy/signer")
	good(t, a.policy("signer", "/", signing), a.user("ada", "/"), a.attach("ada", arn))
	remove := func() error { return err(a.DeletePolicy(a.ctx, &iam.DeletePolicyInput{PolicyArn: &arn})) }
	wantCode(t, "attached", remove(), conflict)
	good(t, err(a.DetachUserPolicy(a.ctx, &iam.DetachUserPolicyInput{UserName: aws.String("ada"), PolicyArn: &arn})))
	good(t, err(a.PutUserPermissionsBoundary(a.ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("ada"), PermissionsBoundary: &arn})))
	wantCode(t, "a boundary", remove(), conflict)
	good(t, err(a.DeleteUserPermissionsBoundary(a.ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("ada")})))
	good(t, a.version(arn, reading))
	wantCode(t, "two versions", remove(), conflict)
	wantCode(t, "the version in force", err(a.DeletePolicyVersion(a.ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v2")})), conflict)
	good(t, err(a.DeletePolicyVersion(a.ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v1")})), remove())
	var typed *types.NoSuchEntityException
	if !errors.As(remove(), &typed) {
		t.Error("it is there still")
	}
}

func iamGroupConflicts(t *testing.T, a iamAccount) {
	t.Helper()
	ops, arn := aws.String("ops"), own("policy/signer")
	good(t, a.policy("signer", "/", signing), a.group("ops", "/"), a.user("ada", "/"), a.join("ops", "ada"), a.join("ops", "ada"))
	remove := func() error { return err(a.DeleteGroup(a.ctx, &iam.DeleteGroupInput{GroupName: ops})) }
	wantCode(t, "with a member", remove(), conflict)
	good(t, err(a.RemoveUserFromGroup(a.ctx, &iam.RemoveUserFromGroupInput{GroupName: ops, UserName: aws.String("ada")})))
	good(t, err(a.AttachGroupPolicy(a.ctx, &iam.AttachGroupPolicyInput{GroupName: ops, PolicyArn: &arn})))
	wantCode(t, "with a policy", remove(), conflict)
	good(t, err(a.DetachGroupPolicy(a.ctx, &iam.DetachGroupPolicyInput{GroupName: ops, PolicyArn: &arn})))
	good(t, err(a.PutGroupPolicy(a.ctx, &iam.PutGroupPolicyInput{GroupName: ops, PolicyName: ops, PolicyDocument: aws.String(reading)})))
	wantCode(t, "with an inline policy", remove(), conflict)
	good(t, err(a.DeleteGroupPolicy(a.ctx, &iam.DeleteGroupPolicyInput{GroupName: ops, PolicyName: ops})), remove())
	if all := a.directory(t); len(all.Groups) != 0 || len(all.Users) != 1 {
		t.Errorf("left are %+v", all)
	}
}

func iamUserConflicts(t *testing.T, a iamAccount) {
	t.Helper()
	ada, arn := aws.String("ada"), own("policy/signer")
	good(t, a.policy("signer", "/", signing), a.group("ops", "/"), a.user("ada", "/"))
	remove := func() error { return err(a.DeleteUser(a.ctx, &iam.DeleteUserInput{UserName: ada})) }
	good(t, a.attach("ada", arn))
	wantCode(t, "attached", remove(), conflict)
	good(t, err(a.DetachUserPolicy(a.ctx, &iam.DetachUserPolicyInput{UserName: ada, PolicyArn: &arn})))
	good(t, err(a.PutUserPolicy(a.ctx, &iam.PutUserPolicyInput{UserName: ada, PolicyName: ada, PolicyDocument: aws.String(reading)})))
	wantCode(t, "inline", remove(), conflict)
	good(t, err(a.DeleteUserPolicy(a.ctx, &iam.DeleteUserPolicyInput{UserName: ada, PolicyName: ada})))
	good(t, a.join("ops", "ada"))
	wantCode(t, "in a group", remove(), conflict)
	good(t, err(a.RemoveUserFromGroup(a.ctx, &iam.RemoveUserFromGroupInput{GroupName: aws.String("ops"), UserName: ada})))
	key := a.key(t, "ada")
	wantCode(t, "with a key", remove(), conflict)
	good(t, err(a.DeleteAccessKey(a.ctx, &iam.DeleteAccessKeyInput{UserName: ada, AccessKeyId: key.AccessKeyId})))
	good(t, err(a.CreateLoginProfile(a.ctx, &iam.CreateLoginProfileInput{UserName: ada, Password: aws.String("a good long one")})))
	good(t, err(a.GetLoginProfile(a.ctx, &iam.GetLoginProfileInput{UserName: ada})))
	wantCode(t, "with a password", remove(), conflict)
	good(t, err(a.DeleteLoginProfile(a.ctx, &iam.DeleteLoginProfileInput{UserName: ada})), remove())
	wantCode(t, "again", remove(), missing)
}

func iamRoleConflicts(t *testing.T, a iamAccount) {
	t.Helper()
	task, arn := aws.String("task"), own("policy/signer")
	good(t, a.policy("signer", "/", signing), a.role("task", "/", byECS))
	remove := func() error { return err(a.DeleteRole(a.ctx, &iam.DeleteRoleInput{RoleName: task})) }
	good(t, err(a.AttachRolePolicy(a.ctx, &iam.AttachRolePolicyInput{RoleName: task, PolicyArn: &arn})))
	wantCode(t, "attached", remove(), conflict)
	good(t, err(a.DetachRolePolicy(a.ctx, &iam.DetachRolePolicyInput{RoleName: task, PolicyArn: &arn})))
	good(t, err(a.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: task, PolicyName: task, PolicyDocument: aws.String(reading)})))
	wantCode(t, "inline", remove(), conflict)
	good(t, err(a.DeleteRolePolicy(a.ctx, &iam.DeleteRolePolicyInput{RoleName: task, PolicyName: task})), remove())
	wantCode(t, "again", remove(), missing)
}

func iamVersions(t *testing.T, a iamAccount) {
	t.Helper()
	arn := own("policy/signer")
	good(t, a.policy("signer", "/", signing))
	for range 4 {
		good(t, a.version(arn, reading))
	}
	wantCode(t, "a sixth version", a.version(arn, signing), limit)
	good(t, err(a.DeletePolicyVersion(a.ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v3")})))
	good(t, err(a.CreatePolicyVersion(a.ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: aws.String(signing)})))
	if p := a.directory(t).Policies[0]; p.DefaultVersion != "v5" || !slices.Equal(p.Versions, []string{"v1", "v2", "v4", "v5", "v6"}) {
		t.Errorf("in force %s of %v", p.DefaultVersion, p.Versions)
	}
	good(t, err(a.SetDefaultPolicyVersion(a.ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v1")})))
	out, got := a.ListPolicyVersions(a.ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn})
	good(t, got)
	for _, v := range out.Versions {
		if v.IsDefaultVersion != (*v.VersionId == "v1") {
			t.Errorf("version %s in force: %t", *v.VersionId, v.IsDefaultVersion)
		}
	}
}

func iamAccessKeys(t *testing.T, a iamAccount) {
	t.Helper()
	good(t, a.user("ada", "/"), a.user("bob", "/"))
	ada := aws.String("ada")
	first, second := a.key(t, "ada"), a.key(t, "ada")
	if *first.SecretAccessKey == *second.SecretAccessKey || len(*first.SecretAccessKey) != 40 || first.Status != types.StatusTypeActive {
		t.Error("the keys are not what keys are")
	}
	wantCode(t, "a third key", err(a.CreateAccessKey(a.ctx, &iam.CreateAccessKeyInput{UserName: ada})), limit)
	good(t, err(a.UpdateAccessKey(a.ctx, &iam.UpdateAccessKeyInput{UserName: ada, AccessKeyId: first.AccessKeyId, Status: types.StatusTypeInactive})))
	wantCode(t, "the key of another user", err(a.DeleteAccessKey(a.ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("bob"), AccessKeyId: second.AccessKeyId})), missing)
	used, got := a.GetAccessKeyLastUsed(a.ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: first.AccessKeyId})
	if good(t, got); aws.ToString(used.UserName) != "ada" || used.AccessKeyLastUsed != nil && used.AccessKeyLastUsed.LastUsedDate != nil {
		t.Errorf("last used: %+v", used)
	}
	out, got := a.ListAccessKeys(a.ctx, &iam.ListAccessKeysInput{UserName: ada})
	if good(t, got); len(out.AccessKeyMetadata) != 2 || out.AccessKeyMetadata[0].Status != types.StatusTypeInactive || out.AccessKeyMetadata[0].CreateDate == nil {
		t.Errorf("listed: %+v", out.AccessKeyMetadata)
	}
	good(t, err(a.DeleteAccessKey(a.ctx, &iam.DeleteAccessKeyInput{UserName: ada, AccessKeyId: first.AccessKeyId})))
	a.key(t, "ada")
}

func iamAttachments(t *testing.T, a iamAccount) {
	t.Helper()
	good(t, a.user("ada", "/"))
	for i := range 11 {
		good(t, a.policy(fmt.Sprintf("p-%02d", i), "/", signing))
	}
	for i := range 10 {
		good(t, a.attach("ada", own(fmt.Sprintf("policy/p-%02d", i))))
	}
	wantCode(t, "an eleventh", a.attach("ada", own("policy/p-10")), limit)
	good(t, a.attach("ada", own("policy/p-00")))
	all := a.directory(t)
	if len(all.Users[0].Attached) != 10 || all.Policies[0].Attachments != 1 || all.Policies[10].Attachments != 0 {
		t.Errorf("attached %v, counted %d", all.Users[0].Attached, all.Policies[0].Attachments)
	}
}

func iamGroupMoves(t *testing.T, a iamAccount) {
	t.Helper()
	good(t, a.group("ops", "/"), a.group("taken", "/"), a.user("ada", "/"), a.join("ops", "ada"), a.policy("signer", "/", signing))
	good(t, err(a.AttachGroupPolicy(a.ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("ops"), PolicyArn: aws.String(own("policy/signer"))})))
	good(t, err(a.UpdateGroup(a.ctx, &iam.UpdateGroupInput{GroupName: aws.String("ops"), NewPath: aws.String(ours)})))
	wantCode(t, "to a name that is taken", err(a.UpdateGroup(a.ctx, &iam.UpdateGroupInput{GroupName: aws.String("ops"), NewGroupName: aws.String("taken")})), exists)
	group := a.directory(t).Groups[0]
	if group.ARN != own("group/reconcile/staging/ops") || !slices.Equal(group.Members, []string{"ada"}) || len(group.Attached) != 1 {
		t.Errorf("moved: %+v", group)
	}
	good(t, err(a.UpdateGroup(a.ctx, &iam.UpdateGroupInput{GroupName: aws.String("ops"), NewGroupName: aws.String("signers")})))
	group = a.directory(t).Groups[0]
	if group.ARN != own("group/reconcile/staging/signers") || !slices.Equal(group.Members, []string{"ada"}) || len(group.Attached) != 1 {
		t.Errorf("renamed: %+v", group)
	}
}

func iamUserMoves(t *testing.T, a iamAccount) {
	t.Helper()
	good(t, a.user("ada", "/"), err(a.TagUser(a.ctx, &iam.TagUserInput{UserName: aws.String("ada"), Tags: tags("team", "bridge")})))
	good(t, err(a.UpdateUser(a.ctx, &iam.UpdateUserInput{UserName: aws.String("ada"), NewPath: aws.String(ours)})))
	if ada := a.directory(t).Users[0]; ada.ARN != own("user/reconcile/staging/ada") || ada.Tags["team"] != "bridge" {
		t.Errorf("moved: %+v", ada)
	}
}

func iamTagging(t *testing.T, a iamAccount) {
	t.Helper()
	arn := aws.String(own("policy/signer"))
	good(t, a.user("ada", "/"), a.role("task", "/", byECS), a.policy("signer", "/", signing))
	for range 2 {
		good(t,
			err(a.TagUser(a.ctx, &iam.TagUserInput{UserName: aws.String("ada"), Tags: tags("team", "x", "a", "1")})),
			err(a.TagRole(a.ctx, &iam.TagRoleInput{RoleName: aws.String("task"), Tags: tags("team", "x", "a", "1")})),
			err(a.TagPolicy(a.ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: tags("team", "x", "a", "1")})),
			err(a.TagUser(a.ctx, &iam.TagUserInput{UserName: aws.String("ada"), Tags: tags("team", "bridge")})),
			err(a.TagRole(a.ctx, &iam.TagRoleInput{RoleName: aws.String("task"), Tags: tags("team", "bridge")})),
			err(a.TagPolicy(a.ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: tags("team", "bridge")})),
			err(a.UntagUser(a.ctx, &iam.UntagUserInput{UserName: aws.String("ada"), TagKeys: []string{"a", "none"}})),
			err(a.UntagRole(a.ctx, &iam.UntagRoleInput{RoleName: aws.String("task"), TagKeys: []string{"a", "none"}})),
			err(a.UntagPolicy(a.ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a", "none"}})),
		)
	}
	out, got := a.ListPolicyTags(a.ctx, &iam.ListPolicyTagsInput{PolicyArn: arn})
	good(t, got)
	all := a.directory(t)
	for _, have := range []map[string]string{all.Users[0].Tags, all.Roles[0].Tags, {*out.Tags[0].Key: *out.Tags[0].Value}} {
		if len(have) != 1 || have["team"] != "bridge" {
			t.Errorf("tags %v", have)
		}
	}
	if len(out.Tags) != 1 {
		t.Errorf("tags of the policy %v", out.Tags)
	}
}

func iamDocuments(t *testing.T, a iamAccount) {
	t.Helper()
	good(t, a.role("task", "/", byECS), a.user("ada", "/"))
	for what, document := range map[string]string{
		"no JSON":         `{`,
		"no statement":    `{"Version":"2012-10-17"}`,
		"another version": strings.Replace(signing, "2012", "2013", 1),
		"no effect":       strings.Replace(signing, `"Effect":"Allow",`, "", 1),
		"unknown effect":  strings.Replace(signing, `"Allow"`, `"Permit"`, 1),
		"no action":       strings.Replace(signing, `"Action":["kms:GetPublicKey","kms:Sign"],`, "", 1),
		"no service":      strings.Replace(signing, `kms:Sign`, `Sign`, 1),
		"no resource":     strings.Replace(signing, `,"Resource":"*"`, "", 1),
		"no ARN":          strings.Replace(signing, `"Resource":"*"`, `"Resource":"proofs"`, 1),
		"unknown element": strings.Replace(signing, `"Resource"`, `"Because":"x","Resource"`, 1),
	} {
		wantCode(t, what, a.policy("p", "/", document), bad)
		wantCode(t, what+", inline", err(a.PutUserPolicy(a.ctx, &iam.PutUserPolicyInput{UserName: aws.String("ada"), PolicyName: aws.String("p"), PolicyDocument: &document})), bad)
	}
	for what, document := range map[string]string{
		"no JSON":        `{`,
		"unknown effect": strings.Replace(byECS, `"Allow"`, `"Permit"`, 1),
		"a resource":     strings.Replace(byECS, `"Effect"`, `"Resource":"*","Effect"`, 1),
		"another action": strings.Replace(byECS, `sts:AssumeRole`, `kms:Sign`, 1),
	} {
		wantCode(t, what, a.role("other", "/", document), bad)
		wantCode(t, what+", later", err(a.UpdateAssumeRolePolicy(a.ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("task"), PolicyDocument: &document})), bad)
	}
	if all := a.directory(t); len(all.Policies) != 0 || len(all.Roles) != 1 || len(all.Users[0].Inline) != 0 {
		t.Errorf("what was refused is there: %+v", all)
	}
}

func iamProviders(t *testing.T, a iamAccount) {
	t.Helper()
	create := func(url string) error {
		return err(a.CreateOpenIDConnectProvider(a.ctx, &iam.CreateOpenIDConnectProviderInput{
			Url: &url, ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{strings.Repeat("ab", 20)},
		}))
	}
	good(t, create("https://token.actions.githubusercontent.com"))
	wantCode(t, "again", create("https://token.actions.githubusercontent.com"), exists)
	list, got := a.ListOpenIDConnectProviders(a.ctx, &iam.ListOpenIDConnectProvidersInput{})
	if good(t, got); len(list.OpenIDConnectProviderList) != 1 || *list.OpenIDConnectProviderList[0].Arn != own("oidc-provider/token.actions.githubusercontent.com") {
		t.Fatalf("listed %+v", list.OpenIDConnectProviderList)
	}
	out, got := a.GetOpenIDConnectProvider(a.ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: list.OpenIDConnectProviderList[0].Arn})
	if good(t, got); *out.Url != "token.actions.githubusercontent.com" || !slices.Equal(out.ClientIDList, []string{"sts.amazonaws.com"}) {
		t.Errorf("provider %+v", out)
	}
}
