package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// An edit is one thing that somebody does behind our back. WHO is user/NAME,
// group/NAME or role/NAME; a policy is the name of one of this account, or an
// ARN; STATEMENT is JSON.
type edit struct {
	usage string
	do    func(w *world, args []string) error
}

func edits() map[string]edit {
	return map[string]edit{
		"add-statement":    {"POLICY STATEMENT", (*world).addStatement},
		"set-version":      {"POLICY VERSION", (*world).setVersion},
		"attach":           {"WHO POLICY", (*world).attach},
		"detach":           {"WHO POLICY", (*world).detach},
		"inline":           {"WHO STATEMENT", (*world).inline},
		"join":             {"USER GROUP", (*world).join},
		"leave":            {"USER GROUP", (*world).leave},
		"trust":            {"ROLE ARN", (*world).trust},
		"unbound":          {"ROLE", (*world).unbound},
		"create-user":      {"USER TAG=VALUE...", (*world).createUser},
		"access-key":       {"USER", (*world).makeAccessKey},
		"unblock":          {"BUCKET", (*world).unblock},
		"bucket-statement": {"BUCKET STATEMENT", (*world).bucketStatement},
		"unversion":        {"BUCKET", (*world).unversion},
		"tag-bucket":       {"BUCKET TAG=VALUE", (*world).tagBucket},
		"key-principal":    {"KEY ARN", (*world).keyPrincipal},
		"grant":            {"KEY ARN", (*world).grant},
	}
}

// tamper does something behind our back: tamper EDIT ARGS...
func (w *world) tamper(_ bool, args []string) {
	if len(args) == 0 {
		w.ts.Fatalf("usage: tamper EDIT ARGS...")
	}
	e, known := edits()[args[0]]
	if !known {
		w.ts.Fatalf("tamper: no edit %q", args[0])
	}
	words := strings.Fields(e.usage)
	open := strings.HasSuffix(e.usage, "...")
	if have := args[1:]; len(have) != len(words) && !(open && len(have) >= len(words)-1) {
		w.ts.Fatalf("usage: tamper %s %s", args[0], e.usage)
	}
	w.ts.Check(e.do(w, args[1:]))
}

func (w *world) policyARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	pages := iam.NewListPoliciesPaginator(w.session().IAM(), &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.ctx())
		w.ts.Check(err)
		for _, p := range page.Policies {
			if aws.ToString(p.PolicyName) == name {
				return aws.ToString(p.Arn)
			}
		}
	}
	w.ts.Fatalf("no policy %q", name)
	return ""
}

// with gives a policy document one more statement.
func with(document, statement string) (string, error) {
	if decoded, err := url.PathUnescape(document); err == nil && strings.HasPrefix(decoded, "{") {
		document = decoded
	}
	var whole map[string]any
	var more any
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		return "", err
	}
	if err := json.Unmarshal([]byte(statement), &more); err != nil {
		return "", fmt.Errorf("%s: %w", statement, err)
	}
	statements, ok := whole["Statement"].([]any)
	if !ok {
		statements = []any{whole["Statement"]}
	}
	whole["Statement"] = append(statements, more)
	text, err := json.Marshal(whole)
	return string(text), err
}

func (w *world) addStatement(args []string) error {
	api, arn := w.session().IAM(), aws.String(w.policyARN(args[0]))
	policy, err := api.GetPolicy(w.ctx(), &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return err
	}
	version, err := api.GetPolicyVersion(w.ctx(), &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: policy.Policy.DefaultVersionId})
	if err != nil {
		return err
	}
	text, err := with(aws.ToString(version.PolicyVersion.Document), args[1])
	if err != nil {
		return err
	}
	_, err = api.CreatePolicyVersion(w.ctx(), &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(text), SetAsDefault: true})
	return err
}

func (w *world) setVersion(args []string) error {
	_, err := w.session().IAM().SetDefaultPolicyVersion(w.ctx(), &iam.SetDefaultPolicyVersionInput{
		PolicyArn: aws.String(w.policyARN(args[0])), VersionId: aws.String(args[1]),
	})
	return err
}

func (w *world) attach(args []string) (err error) {
	what, name, _ := strings.Cut(args[0], "/")
	api, who, arn := w.session().IAM(), aws.String(name), aws.String(w.policyARN(args[1]))
	switch what {
	case "user":
		_, err = api.AttachUserPolicy(w.ctx(), &iam.AttachUserPolicyInput{UserName: who, PolicyArn: arn})
	case "group":
		_, err = api.AttachGroupPolicy(w.ctx(), &iam.AttachGroupPolicyInput{GroupName: who, PolicyArn: arn})
	default:
		_, err = api.AttachRolePolicy(w.ctx(), &iam.AttachRolePolicyInput{RoleName: who, PolicyArn: arn})
	}
	return err
}

func (w *world) detach(args []string) (err error) {
	what, name, _ := strings.Cut(args[0], "/")
	api, who, arn := w.session().IAM(), aws.String(name), aws.String(w.policyARN(args[1]))
	switch what {
	case "user":
		_, err = api.DetachUserPolicy(w.ctx(), &iam.DetachUserPolicyInput{UserName: who, PolicyArn: arn})
	case "group":
		_, err = api.DetachGroupPolicy(w.ctx(), &iam.DetachGroupPolicyInput{GroupName: who, PolicyArn: arn})
	default:
		_, err = api.DetachRolePolicy(w.ctx(), &iam.DetachRolePolicyInput{RoleName: who, PolicyArn: arn})
	}
	return err
}

func (w *world) inline(args []string) error {
	text, err := with(`{"Version":"2012-10-17","Statement":[]}`, args[1])
	if err != nil {
		return err
	}
	what, name, _ := strings.Cut(args[0], "/")
	api, who, as := w.session().IAM(), aws.String(name), aws.String("debug")
	switch what {
	case "user":
		_, err = api.PutUserPolicy(w.ctx(), &iam.PutUserPolicyInput{UserName: who, PolicyName: as, PolicyDocument: aws.String(text)})
	case "group":
		_, err = api.PutGroupPolicy(w.ctx(), &iam.PutGroupPolicyInput{GroupName: who, PolicyName: as, PolicyDocument: aws.String(text)})
	default:
		_, err = api.PutRolePolicy(w.ctx(), &iam.PutRolePolicyInput{RoleName: who, PolicyName: as, PolicyDocument: aws.String(text)})
	}
	return err
}

func (w *world) join(args []string) error {
	_, err := w.session().IAM().AddUserToGroup(w.ctx(), &iam.AddUserToGroupInput{UserName: aws.String(args[0]), GroupName: aws.String(args[1])})
	return err
}

func (w *world) leave(args []string) error {
	_, err := w.session().IAM().RemoveUserFromGroup(w.ctx(), &iam.RemoveUserFromGroupInput{UserName: aws.String(args[0]), GroupName: aws.String(args[1])})
	return err
}

func (w *world) trust(args []string) error {
	api := w.session().IAM()
	role, err := api.GetRole(w.ctx(), &iam.GetRoleInput{RoleName: aws.String(args[0])})
	if err != nil {
		return err
	}
	text, err := with(aws.ToString(role.Role.AssumeRolePolicyDocument), fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole"}`, args[1]))
	if err != nil {
		return err
	}
	_, err = api.UpdateAssumeRolePolicy(w.ctx(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(args[0]), PolicyDocument: aws.String(text)})
	return err
}

func (w *world) unbound(args []string) error {
	_, err := w.session().IAM().DeleteRolePermissionsBoundary(w.ctx(), &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String(args[0])})
	return err
}

func (w *world) createUser(args []string) error {
	in := &iam.CreateUserInput{UserName: aws.String(args[0])}
	for _, tag := range args[1:] {
		name, value, _ := strings.Cut(tag, "=")
		in.Tags = append(in.Tags, iamtypes.Tag{Key: aws.String(name), Value: aws.String(value)})
	}
	_, err := w.session().IAM().CreateUser(w.ctx(), in)
	return err
}

func (w *world) makeAccessKey(args []string) error {
	_, err := w.session().IAM().CreateAccessKey(w.ctx(), &iam.CreateAccessKeyInput{UserName: aws.String(args[0])})
	return err
}

func (w *world) s3() *s3.Client { return w.session().S3(w.environment().AWS.Region) }

func (w *world) unblock(args []string) error {
	_, err := w.s3().DeletePublicAccessBlock(w.ctx(), &s3.DeletePublicAccessBlockInput{Bucket: aws.String(args[0])})
	return err
}

func (w *world) bucketStatement(args []string) error {
	api, bucket := w.s3(), aws.String(args[0])
	policy, err := api.GetBucketPolicy(w.ctx(), &s3.GetBucketPolicyInput{Bucket: bucket})
	if err != nil {
		return err
	}
	text, err := with(aws.ToString(policy.Policy), args[1])
	if err != nil {
		return err
	}
	_, err = api.PutBucketPolicy(w.ctx(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(text)})
	return err
}

func (w *world) unversion(args []string) error {
	_, err := w.s3().PutBucketVersioning(w.ctx(), &s3.PutBucketVersioningInput{
		Bucket: aws.String(args[0]), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusSuspended},
	})
	return err
}

func (w *world) tagBucket(args []string) error {
	api, bucket := w.s3(), aws.String(args[0])
	have, err := api.GetBucketTagging(w.ctx(), &s3.GetBucketTaggingInput{Bucket: bucket})
	if err != nil {
		return err
	}
	name, value, _ := strings.Cut(args[1], "=")
	tags := slices.DeleteFunc(have.TagSet, func(t s3types.Tag) bool { return aws.ToString(t.Key) == name })
	_, err = api.PutBucketTagging(w.ctx(), &s3.PutBucketTaggingInput{Bucket: bucket, Tagging: &s3types.Tagging{
		TagSet: append(tags, s3types.Tag{Key: aws.String(name), Value: aws.String(value)}),
	}})
	return err
}

// keyID is the id behind a declared key's alias.
func (w *world) keyID(name string) (*kms.Client, *string, error) {
	api := w.session().KMS(w.key(name).Region)
	out, err := api.DescribeKey(w.ctx(), &kms.DescribeKeyInput{KeyId: aws.String(w.key(name).Alias)})
	if err != nil {
		return nil, nil, err
	}
	return api, out.KeyMetadata.KeyId, nil
}

func (w *world) keyPrincipal(args []string) error {
	api, id, err := w.keyID(args[0])
	if err != nil {
		return err
	}
	have, err := api.GetKeyPolicy(w.ctx(), &kms.GetKeyPolicyInput{KeyId: id, PolicyName: aws.String("default")})
	if err != nil {
		return err
	}
	text, err := with(aws.ToString(have.Policy), fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":%q},"Action":"kms:Sign","Resource":"*"}`, args[1]))
	if err != nil {
		return err
	}
	_, err = api.PutKeyPolicy(w.ctx(), &kms.PutKeyPolicyInput{KeyId: id, PolicyName: aws.String("default"), Policy: aws.String(text)})
	return err
}

func (w *world) grant(args []string) error {
	api, id, err := w.keyID(args[0])
	if err != nil {
		return err
	}
	_, err = api.CreateGrant(w.ctx(), &kms.CreateGrantInput{
		KeyId: id, GranteePrincipal: aws.String(args[1]), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationSign},
	})
	return err
}

// lives demands that something is there, past reconcile: lives WHAT/NAME, of a
// user, group, role, policy or bucket (!: that it is not).
func (w *world) lives(neg bool, args []string) {
	what, name, _ := strings.Cut(args[0], "/")
	api, it := w.session().IAM(), aws.String(name)
	var err error
	switch what {
	case "user":
		_, err = api.GetUser(w.ctx(), &iam.GetUserInput{UserName: it})
	case "group":
		_, err = api.GetGroup(w.ctx(), &iam.GetGroupInput{GroupName: it})
	case "role":
		_, err = api.GetRole(w.ctx(), &iam.GetRoleInput{RoleName: it})
	case "policy":
		path := "/reconcile/" + w.name + "/"
		_, err = api.GetPolicy(w.ctx(), &iam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::" + w.environment().AWS.Account + ":policy" + path + name)})
	case "bucket":
		_, err = w.s3().HeadBucket(w.ctx(), &s3.HeadBucketInput{Bucket: it})
	default:
		w.ts.Fatalf("lives: %q is no user, group, role, policy or bucket", args[0])
	}
	if (err == nil) == neg {
		w.ts.Fatalf("%s: %v", args[0], err)
	}
}

// accessKeys counts the access keys of a user: accesskeys USER N.
func (w *world) accessKeys(_ bool, args []string) {
	out, err := w.session().IAM().ListAccessKeys(w.ctx(), &iam.ListAccessKeysInput{UserName: aws.String(args[0])})
	w.ts.Check(err)
	w.is("access keys of "+args[0], len(out.AccessKeyMetadata), args[1])
}
