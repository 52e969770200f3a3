package cloudtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const administrator = "arn:aws:iam::aws:policy/AdministratorAccess"

// fakeAccount is for rules that the emulator does not know.
func fakeAccount(t *testing.T) (*cloudtest.Fake, iamAccount) {
	t.Helper()
	f := cloudtest.NewFake(account)
	return f, iamAccount{f.IAM(), t.Context()}
}

func trusting(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole"}]}`
}

func TestNamesAndPathsHaveAFormAndALength(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	long := strings.Repeat("x", 65)
	good(t, a.user(long[1:], "/"), a.role(long[1:], "/", byECS), a.group(long+long[2:], "/"), a.policy(long+long[2:], "/", signing), a.user("a+=,.@_-1", "/!~/"))
	for what, err := range map[string]error{
		"user of 65": a.user(long, "/"), "role of 65": a.role(long, "/", byECS), "group of 129": a.group(long+long[1:], "/"), "policy of 129": a.policy(long+long[1:], "/", signing),
		"space": a.user("a b", "/"), "slash": a.group("a/b", "/"), "nothing": a.user("", "/"), "letters of other scripts": a.policy("ключ", "/", signing),
		"path without end": a.user("u", "/reconcile"), "path without begin": a.group("g", "reconcile/"), "empty path": a.role("r", "", byECS),
		"path with a space": a.policy("p", "/a b/", signing), "path of 513": a.user("u", "/"+strings.Repeat("x", 511)+"/"),
	} {
		wantCode(t, what, err, "ValidationError")
	}
}

func TestDocumentsHaveALengthInWhichWhiteSpaceIsFree(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	// document has n characters that count, and many that do not.
	document := func(n int) string {
		text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Sign","Resource":"arn:aws:kms:*:*:key/"}}`
		text = strings.Replace(text, "key/", "key/"+strings.Repeat("a", n-len(text)), 1)
		return strings.ReplaceAll(text, ",", ",\n\t        ")
	}
	inline := func(sort, name string, n int) error {
		text := document(n)
		switch sort {
		case "user":
			return err(a.PutUserPolicy(a.ctx, &iam.PutUserPolicyInput{UserName: aws.String("x"), PolicyName: &name, PolicyDocument: &text}))
		case "group":
			return err(a.PutGroupPolicy(a.ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("x"), PolicyName: &name, PolicyDocument: &text}))
		default:
			return err(a.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: aws.String("x"), PolicyName: &name, PolicyDocument: &text}))
		}
	}
	good(t, a.user("x", "/"), a.group("x", "/"), a.role("x", "/", byECS), a.policy("fits", "/", document(6144)), a.version(own("policy/fits"), document(6144)))
	wantCode(t, "a policy", a.policy("large", "/", document(6145)), limit)
	wantCode(t, "a version", a.version(own("policy/fits"), document(6145)), limit)
	for sort, most := range map[string]int{"user": 2048, "group": 5120, "role": 10240} {
		good(t, inline(sort, "a", most-500), inline(sort, "b", 500), inline(sort, "b", 500))
		wantCode(t, "a third of the "+sort, inline(sort, "c", 200), limit)
		wantCode(t, "a larger second of the "+sort, inline(sort, "b", 501), limit)
	}
	trust := func(n int) string {
		return strings.Replace(byECS, `"Effect"`, `"Sid":"`+strings.Repeat("a", n-len(byECS)-len(`"Sid":"",`))+`",   "Effect"`, 1)
	}
	good(t, a.role("trusts", "/", trust(2048)))
	wantCode(t, "a trust", a.role("trusts-more", "/", trust(2049)), limit)
}

func TestATrustNamesPrincipalsThatExist(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	good(t, a.user("ada", ours), a.group("ops", "/"), a.role("first", "/", byECS))
	for i, principal := range []string{
		own("user/reconcile/staging/ada"), own("role/first"), own("root"), account, "*", "arn:aws:iam::999900001111:role/theirs", "arn:aws:sts::111122223333:assumed-role/first/session",
	} {
		if err := a.role(fmt.Sprintf("good-%d", i), "/", trusting(principal)); err != nil {
			t.Errorf("%s: %v", principal, err)
		}
	}
	for _, principal := range []string{own("user/ada"), own("role/none"), own("group/ops"), own("user/*"), own("role/fir?t"), "ada", "arn:aws:s3:::proofs", "AIDA00000000000000099"} {
		err := a.role("bad", "/", trusting(principal))
		wantCode(t, principal, err, bad)
		if !strings.Contains(err.Error(), `Invalid principal in policy: "AWS":"`+principal+`"`) {
			t.Errorf("%s: %v", principal, err)
		}
	}
	wantCode(t, "a service of nobody", a.role("bad", "/", strings.Replace(byECS, "amazonaws.com", "example", 1)), bad)
	wantCode(t, "a policy with a principal", a.policy("bad", "/", strings.Replace(signing, `"Resource"`, `"Principal":"*","Resource"`, 1)), bad)
}

func TestATrustInGitHubNamesItsSubjects(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	trust := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + own("oidc-provider/token.actions.githubusercontent.com") +
			`"},"Action":"sts:AssumeRoleWithWebIdentity"` + condition + `}]}`
	}
	good(t, a.role("good", "/", trust(`,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":"repo:example/config:environment:production"}}`)))
	for what, condition := range map[string]string{
		"no condition": "", "another claim": `,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}`,
		"any subject": `,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"*"}}`,
	} {
		wantCode(t, what, a.role("bad", "/", trust(condition)), bad)
	}
	wantCode(t, "a provider without encryption", err(a.CreateOpenIDConnectProvider(a.ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("http://oidc.example")})), "ValidationError")
}

func TestAPrincipalThatIsGoneLeavesItsUniqueIdBehind(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	good(t, a.user("ada", "/"), a.role("task", "/", trusting(own("user/ada"))))
	trusted := func() string { return a.directory(t).Roles[0].Trust.Statements[0].Principals["AWS"].Texts()[0] }
	good(t, err(a.UpdateUser(a.ctx, &iam.UpdateUserInput{UserName: aws.String("ada"), NewPath: aws.String(ours)})))
	if got := trusted(); got != own("user/reconcile/staging/ada") {
		t.Errorf("moved: trusts %s", got)
	}
	id := a.directory(t).Users[0].ID
	good(t, err(a.DeleteUser(a.ctx, &iam.DeleteUserInput{UserName: aws.String("ada")})), a.user("ada", ours))
	if got := trusted(); got != id {
		t.Errorf("gone: trusts %s, want %s", got, id)
	}
	wantCode(t, "to trust it again", a.role("other", "/", trusting(id)), bad)
}

func TestIAMMayShowAWriteLaterAndKnowAPrincipalLaterStill(t *testing.T) {
	t.Parallel()
	f, a := fakeAccount(t)
	good(t, a.user("old", "/"))
	f.IAM().Lag(2)
	good(t, a.user("ada", "/"))
	for i, want := range []int{1, 1, 2, 2} {
		if got := len(a.directory(t).Users); got != want {
			t.Errorf("reading %d shows %d users, want %d", i+1, got, want)
		}
	}
	for range 2 {
		wantCode(t, "too early", a.role("task", "/", trusting(own("user/ada"))), bad)
	}
	good(t, a.role("task", "/", trusting(own("user/ada"))), a.role("other", "/", trusting(own("user/old"))))
	// Writes see what there is, whatever readings show.
	wantCode(t, "the same again", a.role("task", "/", byECS), exists)
	f.IAM().Lag(0)
	if got := len(a.directory(t).Roles); got != 2 {
		t.Errorf("without lag %d roles, want 2", got)
	}
	good(t, a.user("bob", "/"), a.role("last", "/", trusting(own("user/bob"))))
}

func TestPagesMayBeShorterThanAskedFor(t *testing.T) {
	t.Parallel()
	f, a := fakeAccount(t)
	f.IAM().ShortPages(2)
	for i := range 5 {
		good(t, a.user(fmt.Sprintf("u-%d", i), "/"))
	}
	if got := a.directory(t).Users; len(got) != 5 || f.Calls()["iam.GetAccountAuthorizationDetails"] != 3 {
		t.Errorf("%d users in %v", len(got), f.Calls())
	}
	if _, err := a.GetAccountAuthorizationDetails(a.ctx, &iam.GetAccountAuthorizationDetailsInput{Marker: aws.String("elsewhere")}); code(err) != "ValidationError" {
		t.Errorf("a marker of nobody: %v", err)
	}
}

func iamPoliciesOfAWS(t *testing.T, a iamAccount) {
	good(t, a.user("ada", "/"), a.policy("signer", "/", signing))
	if got := a.directory(t).Policies; len(got) != 1 {
		t.Errorf("nobody has one: %+v", got)
	}
	good(t, a.attach("ada", administrator))
	shown := a.directory(t).Policies
	i := slices.IndexFunc(shown, func(p access.Policy) bool { return p.ARN == administrator })
	if len(shown) != 2 || i < 0 || shown[i].Document.Statements[0].Actions[0] != "*" || shown[i].Attachments != 1 {
		t.Errorf("in use: %+v", shown)
	}
	wantCode(t, "one that AWS does not have", a.attach("ada", "arn:aws:iam::aws:policy/Nothing"), missing)
	good(t, err(a.GetPolicyVersion(a.ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(administrator), VersionId: aws.String("v1")})))
}

func TestAWSsOwnPoliciesAreNobodysToDelete(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	good(t, a.user("ada", "/"), a.policy("signer", "/", signing), a.attach("ada", administrator))
	out, got := a.GetAccountAuthorizationDetails(a.ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeAWSManagedPolicy}})
	if good(t, got); len(out.Policies) != 1 || len(out.UserDetailList) != 0 {
		t.Errorf("filtered: %+v", out)
	}
	wantCode(t, "deleted", err(a.DeletePolicy(a.ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(administrator)})), "AccessDenied")
}

func TestKeysOfTagsDifferByCaseOnPoliciesOnly(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	arn := aws.String(own("policy/signer"))
	good(t, a.user("ada", "/"), a.policy("signer", "/", signing))
	tag := func(list ...types.Tag) error {
		return err(a.TagUser(a.ctx, &iam.TagUserInput{UserName: aws.String("ada"), Tags: list}))
	}
	good(t, tag(tags("Team", "x")...), tag(tags("team", "y")...), err(a.TagPolicy(a.ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: tags("Team", "x", "team", "y")})))
	if got := a.directory(t).Users[0].Tags; len(got) != 1 || got["team"] != "y" {
		t.Errorf("tags of the user %v", got)
	}
	out, got := a.ListPolicyTags(a.ctx, &iam.ListPolicyTagsInput{PolicyArn: arn, MaxItems: aws.Int32(1)})
	if good(t, got); len(out.Tags) != 1 || !out.IsTruncated {
		t.Errorf("tags of the policy %+v", out)
	}
	wantCode(t, "AWS's own", tag(tags("aws:mine", "x")...), "InvalidInput")
	wantCode(t, "twice", tag(tags("a", "x", "A", "y")...), "InvalidInput")
	wantCode(t, "a letter that is none", tag(tags("a*", "x")...), "ValidationError")
	wantCode(t, "257 letters", tag(tags("a", strings.Repeat("x", 257))...), "ValidationError")
	for i := range 49 {
		good(t, tag(tags(fmt.Sprintf("t-%d", i), "x")...))
	}
	wantCode(t, "a 51st", tag(tags("more", "x")...), limit)
	good(t, tag(tags("team", "z")...), err(a.UntagUser(a.ctx, &iam.UntagUserInput{UserName: aws.String("ada"), TagKeys: []string{"TEAM"}})), tag(tags("more", "x")...))
}

func TestAUserIsInTenGroupsAtMost(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	good(t, a.user("ada", "/"))
	for i := range 11 {
		good(t, a.group(fmt.Sprintf("g-%02d", i), "/"))
	}
	for i := range 10 {
		good(t, a.join(fmt.Sprintf("g-%02d", i), "ada"))
	}
	wantCode(t, "an eleventh", a.join("g-10", "ada"), limit)
	good(t, a.join("g-00", "ada"))
}

func TestARoleHasASessionBetweenOneHourAndTwelve(t *testing.T) {
	t.Parallel()
	_, a := fakeAccount(t)
	good(t, a.role("task", "/", byECS))
	session := func(seconds int32) error {
		return err(a.UpdateRole(a.ctx, &iam.UpdateRoleInput{RoleName: aws.String("task"), MaxSessionDuration: &seconds}))
	}
	good(t, session(3600), session(43200))
	wantCode(t, "shorter", session(3599), "ValidationError")
	wantCode(t, "longer", session(43201), "ValidationError")
	out, got := a.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String("task")})
	if good(t, got); *out.Role.MaxSessionDuration != 43200 {
		t.Errorf("longest session %d", *out.Role.MaxSessionDuration)
	}
}

func TestFaultsMeetIAMAsTheyMeetTheRest(t *testing.T) {
	t.Parallel()
	f, a := fakeAccount(t)
	heal := f.Break(cloudtest.Lost, 1, cloudtest.Is("iam.CreateUser"))
	if err := a.user("ada", "/"); err == nil || cloud.NotAccepted(err) {
		t.Errorf("a lost reply: %v", err)
	}
	heal()
	wantCode(t, "it happened", a.user("ada", "/"), exists)
	f.Break(cloudtest.Denied, 0, cloudtest.Writes)
	if err := a.user("bob", "/"); !cloud.Denied(err) || !cloud.NotAccepted(err) {
		t.Errorf("denied: %v", err)
	}
	if got := a.directory(t).Users; len(got) != 1 || f.Calls()["iam.CreateUser"] != 3 {
		t.Errorf("%d users after %v", len(got), f.Calls())
	}
}

func TestOldKeysCanBeMadeForTests(t *testing.T) {
	t.Parallel()
	f, a := fakeAccount(t)
	good(t, a.user("ada", "/"))
	key := a.key(t, "ada")
	made, used := time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2025, 3, 4, 0, 0, 0, 0, time.UTC)
	f.IAM().AgeAccessKey(*key.AccessKeyId, made, used)
	list, errList := a.ListAccessKeys(a.ctx, &iam.ListAccessKeysInput{UserName: aws.String("ada")})
	last, errLast := a.GetAccessKeyLastUsed(a.ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})
	good(t, errList, errLast)
	if !list.AccessKeyMetadata[0].CreateDate.Equal(made) || !last.AccessKeyLastUsed.LastUsedDate.Equal(used) {
		t.Errorf("made %v, used %+v", list.AccessKeyMetadata[0].CreateDate, last.AccessKeyLastUsed)
	}
	if got := f.IAM().AccessSecrets(); !slices.Equal(got, []string{*key.SecretAccessKey}) {
		t.Errorf("%d secrets", len(got))
	}
}
