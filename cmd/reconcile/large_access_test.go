package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/bucket"
	"github.com/crosschain-ops/reconcile/internal/kind/iamgroup"
	"github.com/crosschain-ops/reconcile/internal/kind/iampolicy"
	"github.com/crosschain-ops/reconcile/internal/kind/iamrole"
	"github.com/crosschain-ops/reconcile/internal/kind/iamuser"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// agents is how many principals the shape has.
func (s shape) agents() int {
	if s.access == "" {
		return 0
	}
	return s.validators + 1
}

// buckets is how many the shape has.
func (s shape) buckets() int {
	if s.access == "" {
		return 0
	}
	return s.validators
}

// declareAccess is who may do what, in CUE.
func (l *large) declareAccess() string {
	switch l.access {
	case "":
		return ""
	case "users":
		return `access: {organization: "large", shape: "users", accessKey: {maxAge: "9999d"}}
`
	}
	session := ""
	if l.sessions {
		session = `maxSession: "2h"`
	}
	return fmt.Sprintf("access: {\n\torganization: \"large\", shape: %q\n\ttrust: ecs: {}\n\t%s\n}\n", l.access, session)
}

// declared is what must be in the account, as the kinds say it.
func (l *large) declared(tb testing.TB) resource.Set {
	tb.Helper()
	api := l.fake.IAM()
	directory := cloud.NewDirectory(api, cloud.Clock{}, nil)
	marked := cloud.NewInventory(func(region string) cloud.TaggingAPI { return l.fake.Tagging(region) }, kind.TagEnvironment, l.env.Name, kind.TypeBucket)
	var all []kind.Kind
	for _, open := range []func() (kind.Kind, error){
		func() (kind.Kind, error) {
			return kmskey.New(kmskey.Options{KMS: func(region string) kmskey.API { return l.fake.KMS(region) }, Tagging: func(region string) kmskey.TaggingAPI { return l.fake.Tagging(region) }})
		},
		func() (kind.Kind, error) {
			return iampolicy.New(iampolicy.Options{IAM: api, Directory: directory})
		},
		func() (kind.Kind, error) { return iamuser.New(iamuser.Options{IAM: api, Directory: directory}) },
		func() (kind.Kind, error) { return iamgroup.New(iamgroup.Options{IAM: api, Directory: directory}) },
		func() (kind.Kind, error) { return iamrole.New(iamrole.Options{IAM: api, Directory: directory}) },
		func() (kind.Kind, error) {
			return bucket.New(bucket.Options{
				Buckets:   cloud.Buckets{S3: func(region string) cloud.BucketAPI { return l.fake.S3(region) }, Account: l.env.AWS.Account},
				Inventory: marked,
			})
		},
	} {
		k, err := open()
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, k)
	}
	desired, err := observe.Declare(l.env, all)
	if err != nil {
		tb.Fatal(err)
	}
	return desired
}

// made is what the kinds' attributes say of one thing that is made.
type made struct {
	Name       string            `json:"name"`
	Path       string            `json:"path"`
	Document   access.Document   `json:"document"`
	Trust      access.Document   `json:"trust"`
	Policy     access.Document   `json:"policy"`
	Policies   []string          `json:"policies"`
	Members    []string          `json:"members"`
	MaxSession *int32            `json:"maxSession"`
	Bucket     string            `json:"bucket"`
	Tags       map[string]string `json:"tags"`
}

// admit makes what access declares, each thing after what it points at, and
// then the strangers.
func (l *large) admit(tb testing.TB) {
	tb.Helper()
	desired := l.declared(tb)
	for _, sort := range []string{iampolicy.Name, iamuser.Name, iamrole.Name, iamgroup.Name, bucket.Name, kmskey.Name} {
		for _, id := range desired.IDs() {
			if id.Kind == sort {
				l.make(tb, id, desired[id].Attrs)
			}
		}
	}
	for _, u := range l.env.Access.Users {
		if u.AccessKey != nil {
			l.makeAccessKey(tb, u.Name, u.AccessKey.Secret)
		}
	}
	l.estrange(tb)
}

func (l *large) make(tb testing.TB, id resource.ID, attrs resource.Attrs) {
	tb.Helper()
	known, missing := attrs.Resolve(func(ref resource.Ref) (string, bool) { return l.arns[ref.ID], l.arns[ref.ID] != "" })
	if len(missing) > 0 {
		tb.Fatalf("%s: nothing is there yet of %v", id, missing)
	}
	var m made
	data, err := json.Marshal(known)
	done(tb, err)
	done(tb, json.Unmarshal(data, &m))
	if m.Tags == nil {
		m.Tags = map[string]string{}
	}
	for name, value := range kind.MarkTags(l.env.Name, id) {
		m.Tags[name] = value
	}
	switch id.Kind {
	case iampolicy.Name, iamuser.Name, iamrole.Name, iamgroup.Name:
		l.arns[id] = l.makeIAM(tb, id.Kind, m)
	case bucket.Name:
		l.makeBucket(tb, m)
	case kmskey.Name:
		_, err := l.fake.KMS(id.Scope).PutKeyPolicy(tb.Context(), &kms.PutKeyPolicyInput{KeyId: aws.String(l.arns[id]), Policy: text(tb, m.Policy)})
		done(tb, err)
	}
}

func done(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func text(tb testing.TB, d access.Document) *string {
	tb.Helper()
	text, err := d.Text()
	done(tb, err)
	return &text
}

func (l *large) makeIAM(tb testing.TB, sort string, m made) (arn string) {
	tb.Helper()
	api, ctx, name, path := l.fake.IAM(), tb.Context(), aws.String(m.Name), aws.String(cmp.Or(m.Path, "/"))
	tags := cloud.IAMTags(m.Tags)
	attach := func(string) error { return nil }
	switch sort {
	case iampolicy.Name:
		out, err := api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name, Path: path, PolicyDocument: text(tb, m.Document), Tags: tags})
		done(tb, err)
		arn = *out.Policy.Arn
	case iamuser.Name:
		out, err := api.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Path: path, Tags: tags})
		done(tb, err)
		arn = *out.User.Arn
		attach = func(policy string) error {
			_, err := api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: &policy})
			return err
		}
	case iamrole.Name:
		out, err := api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: path, AssumeRolePolicyDocument: text(tb, m.Trust), MaxSessionDuration: m.MaxSession, Tags: tags})
		done(tb, err)
		arn = *out.Role.Arn
		attach = func(policy string) error {
			_, err := api.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: &policy})
			return err
		}
	case iamgroup.Name:
		out, err := api.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name, Path: path})
		done(tb, err)
		arn = *out.Group.Arn
		attach = func(policy string) error {
			_, err := api.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: name, PolicyArn: &policy})
			return err
		}
		for _, member := range m.Members {
			_, err := api.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: name, UserName: aws.String(member[strings.LastIndexByte(member, '/')+1:])})
			done(tb, err)
		}
	}
	for _, policy := range m.Policies {
		done(tb, attach(policy))
	}
	return arn
}

func (l *large) makeBucket(tb testing.TB, m made) {
	tb.Helper()
	api, ctx, name := l.fake.S3(l.env.AWS.Region), tb.Context(), aws.String(m.Bucket)
	where := &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(l.env.AWS.Region)}
	for tag, value := range m.Tags {
		where.Tags = append(where.Tags, s3types.Tag{Key: aws.String(tag), Value: aws.String(value)})
	}
	_, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: where})
	done(tb, err)
	_, err = api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
	done(tb, err)
	_, err = api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: name, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true),
	}})
	done(tb, err)
	_, err = api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: text(tb, m.Policy)})
	done(tb, err)
}

func (l *large) makeAccessKey(tb testing.TB, user, secret string) {
	tb.Helper()
	out, err := l.fake.IAM().CreateAccessKey(tb.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(user)})
	done(tb, err)
	id := resource.ID{Kind: "access-key", Scope: "global", Name: user}
	in := &secretsmanager.CreateSecretInput{
		Name: aws.String(secret), ClientRequestToken: aws.String(fmt.Sprintf("%032d", time.Now().UnixNano())), SecretString: aws.String("not read by any plan"),
		Tags: []secrettypes.Tag{{Key: aws.String("reconcile:access-key"), Value: out.AccessKey.AccessKeyId}},
	}
	for name, value := range kind.MarkTags(l.env.Name, id) {
		in.Tags = append(in.Tags, secrettypes.Tag{Key: aws.String(name), Value: aws.String(value)})
	}
	_, err = l.fake.SecretsManager(l.env.AWS.Region).CreateSecret(tb.Context(), in)
	done(tb, err)
}

// estrange fills the account with what is not ours: users, roles with a policy
// each, and as many groups as an account may have, with a member each.
func (l *large) estrange(tb testing.TB) {
	tb.Helper()
	reading := access.Document{Version: access.Version, Statements: []access.Statement{{
		Effect: access.Allow, Actions: []string{"s3:GetObject", "s3:ListBucket"}, Resources: access.Literals("*"),
	}}}
	trust := access.Document{Version: access.Version, Statements: []access.Statement{{
		Effect: access.Allow, Actions: []string{"sts:AssumeRole"}, Principals: map[string]access.Values{"Service": access.Literals("lambda.amazonaws.com")},
	}}}
	const groups = 250
	user := ""
	for i := 0; i < l.strangers; i++ {
		m := made{Name: fmt.Sprintf("stranger-%d", i), Document: reading, Trust: trust, Tags: map[string]string{"team": "other"}}
		switch {
		case i%4 == 1 && i < 4*groups:
			m.Members = []string{user}
			l.makeIAM(tb, iamgroup.Name, m)
		case i%4 == 2:
			m.Policies = []string{l.makeIAM(tb, iampolicy.Name, m)}
			l.makeIAM(tb, iamrole.Name, m)
			i++
		default:
			user = l.makeIAM(tb, iamuser.Name, m)
		}
	}
}

// inIAM counts the users, groups, roles and policies of the account.
func (l *large) inIAM(tb testing.TB) int {
	tb.Helper()
	out, err := l.fake.IAM().GetAccountAuthorizationDetails(tb.Context(), &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1000)})
	n := 0
	for ; ; out, err = l.fake.IAM().GetAccountAuthorizationDetails(tb.Context(), &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1000), Marker: out.Marker}) {
		done(tb, err)
		n += len(out.UserDetailList) + len(out.GroupDetailList) + len(out.RoleDetailList) + len(out.Policies)
		if !out.IsTruncated {
			return n
		}
	}
}
