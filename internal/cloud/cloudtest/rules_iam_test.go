package cloudtest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// Documents that are good, and where they point.
const (
	signing  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:GetPublicKey","kms:Sign"],"Resource":"*"}]}`
	reading  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::proofs/*"}]}`
	byECS    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	nowhere  = "arn:aws:iam::111122223333:policy/nowhere"
	ours     = "/reconcile/staging/"
	exists   = "EntityAlreadyExists"
	missing  = "NoSuchEntity"
	conflict = "DeleteConflict"
	limit    = "LimitExceeded"
	bad      = "MalformedPolicyDocument"
)

// iamAccount is one account's IAM with short ways to say things.
type iamAccount struct {
	iamAPI
	ctx context.Context
}

func err[O any](_ O, err error) error { return err }

func (a iamAccount) user(name, path string) error {
	return err(a.CreateUser(a.ctx, &iam.CreateUserInput{UserName: &name, Path: &path}))
}

func (a iamAccount) group(name, path string) error {
	return err(a.CreateGroup(a.ctx, &iam.CreateGroupInput{GroupName: &name, Path: &path}))
}

func (a iamAccount) role(name, path, trust string) error {
	return err(a.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: &trust}))
}

func (a iamAccount) policy(name, path, document string) error {
	return err(a.CreatePolicy(a.ctx, &iam.CreatePolicyInput{PolicyName: &name, Path: &path, PolicyDocument: &document}))
}

func (a iamAccount) join(group, user string) error {
	return err(a.AddUserToGroup(a.ctx, &iam.AddUserToGroupInput{GroupName: &group, UserName: &user}))
}

func (a iamAccount) attach(user, arn string) error {
	return err(a.AttachUserPolicy(a.ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: &arn}))
}

func (a iamAccount) version(arn, document string) error {
	return err(a.CreatePolicyVersion(a.ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: &document, SetAsDefault: true}))
}

func (a iamAccount) key(t *testing.T, user string) *types.AccessKey {
	t.Helper()
	out, err := a.CreateAccessKey(a.ctx, &iam.CreateAccessKeyInput{UserName: &user})
	good(t, err)
	return out.AccessKey
}

func (a iamAccount) directory(t *testing.T) *access.Directory {
	t.Helper()
	all, err := cloud.NewDirectory(a, cloud.Clock{}, nil).All(a.ctx)
	good(t, err)
	return all
}

// own is the ARN of something of this account.
func own(what string) string { return "arn:aws:iam::" + account + ":" + what }

func good(t *testing.T, errs ...error) {
	t.Helper()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
	}
}

// scene has one of everything.
func (a iamAccount) scene(t *testing.T) {
	t.Helper()
	good(t,
		a.policy("signer", ours, signing), a.policy("edge", ours, reading),
		a.user("ada", ours), a.user("bob", "/"), a.group("signers", ours), a.role("task", ours, byECS),
		a.join("signers", "ada"),
		a.attach("ada", own("policy/reconcile/staging/signer")),
		err(a.AttachGroupPolicy(a.ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("signers"), PolicyArn: aws.String(own("policy/reconcile/staging/signer"))})),
		err(a.AttachRolePolicy(a.ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("task"), PolicyArn: aws.String(own("policy/reconcile/staging/signer"))})),
		err(a.PutUserPolicy(a.ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("own"), PolicyDocument: aws.String(reading)})),
		err(a.PutGroupPolicy(a.ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("signers"), PolicyName: aws.String("own"), PolicyDocument: aws.String(reading)})),
		err(a.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: aws.String("task"), PolicyName: aws.String("own"), PolicyDocument: aws.String(reading)})),
		err(a.TagUser(a.ctx, &iam.TagUserInput{UserName: aws.String("ada"), Tags: tags("reconcile:environment", "staging")})),
		err(a.TagRole(a.ctx, &iam.TagRoleInput{RoleName: aws.String("task"), Tags: tags("reconcile:environment", "staging")})),
		err(a.PutUserPermissionsBoundary(a.ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("ada"), PermissionsBoundary: aws.String(own("policy/reconcile/staging/edge"))})),
		err(a.PutRolePermissionsBoundary(a.ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("task"), PermissionsBoundary: aws.String(own("policy/reconcile/staging/edge"))})),
	)
}

func tags(pairs ...string) []types.Tag {
	var list []types.Tag
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, types.Tag{Key: &pair[0], Value: &pair[1]})
	}
	return list
}

// onBothIAM runs each rule on the fake and on the emulator.
func onBothIAM(t *testing.T, rules map[string]func(*testing.T, iamAccount)) {
	t.Helper()
	moto, session := emulator(t)
	for name, rule := range rules {
		t.Run("fake: "+name, func(t *testing.T) { rule(t, iamAccount{cloudtest.NewFake(account).IAM(), t.Context()}) })
		t.Run("emulator: "+name, func(t *testing.T) {
			good(t, moto.Reset())
			rule(t, iamAccount{session.IAM(), t.Context()})
		})
	}
}

func emulator(t *testing.T) (*cloudtest.Moto, *cloud.Session) {
	t.Helper()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	good(t, err)
	t.Cleanup(moto.Close)
	session, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: moto.Endpoint(), Unlimited: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	good(t, err)
	return moto, session
}

func TestFakeAndEmulatorShowOneAccountAlike(t *testing.T) {
	t.Parallel()
	_, session := emulator(t)
	both := []iamAccount{{cloudtest.NewFake(account).IAM(), t.Context()}, {session.IAM(), t.Context()}}
	var seen []*access.Directory
	for _, a := range both {
		a.scene(t)
		seen = append(seen, a.directory(t))
	}
	if diff := cmp.Diff(seen[0], seen[1], cmpopts.IgnoreFields(access.Entity{}, "ID"), cmpopts.EquateEmpty(), cmp.Comparer(access.Document.Equivalent)); diff != "" {
		t.Errorf("fake and emulator (-fake +emulator):\n%s", diff)
	}
	task, edge := seen[0].Roles[0], own("policy/reconcile/staging/edge")
	if want := access.Read(byECS); !task.Trust.Equivalent(want) || task.Boundary != edge || task.Tags["reconcile:environment"] != "staging" || len(task.Inline) != 1 {
		t.Errorf("the role is %+v", task)
	}
	if ada := seen[0].Users[1]; ada.Name != "ada" || !slices.Equal(ada.Groups, []string{"signers"}) || ada.Boundary != edge || len(ada.Attached) != 1 {
		t.Errorf("the user is %+v", ada)
	}
	if signer := seen[0].Policies[1]; signer.Name != "signer" || signer.Attachments != 3 || !signer.Document.Equivalent(access.Read(signing)) {
		t.Errorf("the policy is %+v", signer)
	}
}

func TestFakeAndEmulatorKeepTheRulesOfIAM(t *testing.T) {
	t.Parallel()
	onBothIAM(t, map[string]func(*testing.T, iamAccount){
		"a name is taken in any case and under any path":                     iamNamesAreTaken,
		"what is not there is NoSuchEntity":                                  iamMissing,
		"a boundary must be there, is shown, and can be lifted":              iamBoundaries,
		"details come in pages, users before groups before roles":            iamPages,
		"a policy in use, or with older versions, is not deleted":            iamPolicyConflicts,
		"a group with members or policies is not deleted":                    iamGroupConflicts,
		"a user with groups, keys, password or policies is not deleted":      iamUserConflicts,
		"a role with policies is not deleted":                                iamRoleConflicts,
		"five versions at most, and their numbers are never used again":      iamVersions,
		"two access keys at most, whose secrets are shown once":              iamAccessKeys,
		"ten attached policies at most, and the same one twice is one":       iamAttachments,
		"a group moves to another path with its members and policies":        iamGroupMoves,
		"a user moves to another path with its tags":                         iamUserMoves,
		"tags are added, replaced and removed, and a policy's are on demand": iamTagging,
		"a document that IAM could not evaluate is refused":                  iamDocuments,
		"one OpenID Connect provider for one address":                        iamProviders,
		"AWS's own policies are shown where they are in use":                 iamPoliciesOfAWS,
	})
}

func iamNamesAreTaken(t *testing.T, a iamAccount) {
	t.Helper()
	good(t, a.user("Ada", "/"), a.group("Ops", "/"), a.role("Task", "/", byECS), a.policy("Signer", "/", signing))
	for what, err := range map[string]error{
		"user": a.user("Ada", "/"), "user elsewhere": a.user("Ada", ours), "user in lower case": a.user("ada", "/"),
		"group": a.group("Ops", ours), "group in lower case": a.group("ops", "/"),
		"role": a.role("Task", ours, byECS), "role in lower case": a.role("task", "/", byECS),
		"policy": a.policy("Signer", "/", signing), "policy elsewhere": a.policy("Signer", ours, signing), "policy in lower case": a.policy("signer", "/", signing),
	} {
		wantCode(t, what, err, exists)
	}
	// Names are taken within one sort only.
	good(t, a.user("Ops", "/"), a.role("Ada", "/", byECS))
}

func iamMissing(t *testing.T, a iamAccount) {
	t.Helper()
	good(t, a.user("ada", "/"), a.group("ops", "/"), a.role("task", "/", byECS), a.policy("signer", "/", signing))
	no, ada, ops, task, signer := aws.String("no"), aws.String("ada"), aws.String("ops"), aws.String("task"), aws.String(own("policy/signer"))
	for what, got := range map[string]error{
		"get user":          err(a.GetUser(a.ctx, &iam.GetUserInput{UserName: no})),
		"delete user":       err(a.DeleteUser(a.ctx, &iam.DeleteUserInput{UserName: no})),
		"get group":         err(a.GetGroup(a.ctx, &iam.GetGroupInput{GroupName: no})),
		"delete group":      err(a.DeleteGroup(a.ctx, &iam.DeleteGroupInput{GroupName: no})),
		"get role":          err(a.GetRole(a.ctx, &iam.GetRoleInput{RoleName: no})),
		"delete role":       err(a.DeleteRole(a.ctx, &iam.DeleteRoleInput{RoleName: no})),
		"trust of a role":   err(a.UpdateAssumeRolePolicy(a.ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: no, PolicyDocument: aws.String(byECS)})),
		"get policy":        err(a.GetPolicy(a.ctx, &iam.GetPolicyInput{PolicyArn: aws.String(nowhere)})),
		"delete policy":     err(a.DeletePolicy(a.ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(nowhere)})),
		"version of policy": err(a.GetPolicyVersion(a.ctx, &iam.GetPolicyVersionInput{PolicyArn: signer, VersionId: aws.String("v9")})),
		"member":            a.join("ops", "no"),
		"group of member":   a.join("no", "ada"),
		"no member":         err(a.RemoveUserFromGroup(a.ctx, &iam.RemoveUserFromGroupInput{GroupName: ops, UserName: ada})),
		"attach to nobody":  a.attach("no", *signer),
		"attach nothing":    a.attach("ada", nowhere),
		"not attached":      err(a.DetachUserPolicy(a.ctx, &iam.DetachUserPolicyInput{UserName: ada, PolicyArn: signer})),
		"not on the group":  err(a.DetachGroupPolicy(a.ctx, &iam.DetachGroupPolicyInput{GroupName: ops, PolicyArn: signer})),
		"not on the role":   err(a.DetachRolePolicy(a.ctx, &iam.DetachRolePolicyInput{RoleName: task, PolicyArn: signer})),
		"inline of user":    err(a.DeleteUserPolicy(a.ctx, &iam.DeleteUserPolicyInput{UserName: ada, PolicyName: no})),
		"inline of role":    err(a.DeleteRolePolicy(a.ctx, &iam.DeleteRolePolicyInput{RoleName: task, PolicyName: no})),
		"inline of group":   err(a.DeleteGroupPolicy(a.ctx, &iam.DeleteGroupPolicyInput{GroupName: ops, PolicyName: no})),
		"access key":        err(a.DeleteAccessKey(a.ctx, &iam.DeleteAccessKeyInput{UserName: ada, AccessKeyId: aws.String("AKIA0000000000000000")})),
		"key of nobody":     err(a.CreateAccessKey(a.ctx, &iam.CreateAccessKeyInput{UserName: no})),
		"login profile":     err(a.GetLoginProfile(a.ctx, &iam.GetLoginProfileInput{UserName: ada})),
		"password":          err(a.DeleteLoginProfile(a.ctx, &iam.DeleteLoginProfileInput{UserName: ada})),
		"provider":          err(a.GetOpenIDConnectProvider(a.ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(own("oidc-provider/no.example"))})),
	} {
		wantCode(t, what, got, missing)
	}
}

func iamBoundaries(t *testing.T, a iamAccount) {
	t.Helper()
	edge := own("policy/edge")
	good(t, a.policy("edge", "/", reading), a.user("ada", "/"))
	with := func(name, arn string) error {
		return err(a.CreateUser(a.ctx, &iam.CreateUserInput{UserName: &name, PermissionsBoundary: &arn}))
	}
	wantCode(t, "a new user", with("bob", nowhere), missing)
	wantCode(t, "a new role", err(a.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: aws.String("task"), AssumeRolePolicyDocument: aws.String(byECS), PermissionsBoundary: aws.String(nowhere)})), missing)
	wantCode(t, "a user", err(a.PutUserPermissionsBoundary(a.ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("ada"), PermissionsBoundary: aws.String(nowhere)})), missing)
	wantCode(t, "what was refused", err(a.GetUser(a.ctx, &iam.GetUserInput{UserName: aws.String("bob")})), missing)
	good(t, with("bob", edge))
	out, got := a.GetUser(a.ctx, &iam.GetUserInput{UserName: aws.String("bob")})
	if good(t, got); aws.ToString(out.User.PermissionsBoundary.PermissionsBoundaryArn) != edge {
		t.Errorf("bob is %+v", out.User)
	}
	good(t, err(a.DeleteUserPermissionsBoundary(a.ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("bob")})))
	good(t, err(a.PutUserPermissionsBoundary(a.ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("ada"), PermissionsBoundary: &edge})))
	if all := a.directory(t); all.Users[0].Boundary != edge || all.Users[1].Boundary != "" {
		t.Errorf("users are %+v", all.Users)
	}
}

func iamPages(t *testing.T, a iamAccount) {
	t.Helper()
	for i := range 4 {
		name := fmt.Sprintf("x-%d", i)
		good(t, a.user(name, "/"), a.group(name, "/"), a.role(name, "/", byECS), a.policy(name, "/", signing))
	}
	var order []string
	pages := 0
	in := &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(3)}
	for {
		out, err := a.GetAccountAuthorizationDetails(a.ctx, in)
		good(t, err)
		pages++
		for sort, n := range []int{len(out.UserDetailList), len(out.GroupDetailList), len(out.RoleDetailList), len(out.Policies)} {
			for range n {
				order = append(order, fmt.Sprint(sort))
			}
		}
		if in.Marker = out.Marker; !out.IsTruncated {
			break
		}
	}
	if want := []string{"0", "0", "0", "0", "1", "1", "1", "1", "2", "2", "2", "2", "3", "3", "3", "3"}; pages != 6 || !slices.Equal(order, want) {
		t.Errorf("%d pages in the order %v", pages, order)
	}
	for _, wrong := range []int32{0, 1001} {
		_, err := a.GetAccountAuthorizationDetails(a.ctx, &iam.GetAccountAuthorizationDetailsInput{MaxItems: &wrong})
		wantCode(t, fmt.Sprintf("a page of %d", wrong), err, "ValidationError")
	}
	out, err := a.GetAccountAuthorizationDetails(a.ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeGroup, types.EntityTypeLocalManagedPolicy}})
	if good(t, err); len(out.UserDetailList)+len(out.RoleDetailList) != 0 || len(out.GroupDetailList) != 4 || len(out.Policies) != 4 || aws.ToString(out.Policies[0].PolicyName) == "" {
		t.Errorf("filtered: %+v", out)
	}
}
