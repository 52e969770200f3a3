package worlds_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

const (
	adminARN  = "arn:aws:iam::aws:policy/AdministratorAccess"
	allowsAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`
	deniesAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:Sign","Resource":"*"}]}`
	stranger  = "mallory"
)

func listKeys(user string) *iam.ListAccessKeysInput {
	return &iam.ListAccessKeysInput{UserName: aws.String(user)}
}

// drifter is somebody who works behind our back.
type drifter struct {
	r    *rand.Rand
	fake *cloudtest.Fake
	look *onlooker
	// undo is what a person does about what is never mended by itself.
	undo []func()
	n    int
}

// settle makes the account as it is before we come.
func (s *drifter) settle() {
	ctx, api := context.Background(), s.fake.IAM()
	for _, name := range []string{stranger, "root-admin", "whoever-applies"} {
		must(api.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(name)}))
	}
	must(api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("root-admin"), PolicyArn: aws.String(adminARN)}))
	must(api.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("strangers")}))
	must(api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("brake"), PolicyDocument: aws.String(deniesAll)}))
	must(api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("strangers-own"), PolicyDocument: aws.String(allowsAll)}))
	// What bootstrap makes: everything but IAM.
	must(api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("reconcile-boundary-" + envName), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:*","s3:*","secretsmanager:*"],"Resource":"*"}]}`)}))
}

func (s *drifter) ours() (users []access.User, groups []access.Group, roles []access.Role, policies []access.Policy, keys []access.Key) {
	w := s.look.look("")
	for _, u := range w.Directory.Users {
		if u.Tags[kind.TagEnvironment] == envName && u.Name != stranger {
			users = append(users, u)
		}
	}
	for _, g := range w.Directory.Groups {
		if strings.HasPrefix(g.Path, ourPath) {
			groups = append(groups, g)
		}
	}
	for _, r := range w.Directory.Roles {
		if r.Tags[kind.TagEnvironment] == envName {
			roles = append(roles, r)
		}
	}
	for _, p := range w.Directory.Policies {
		if strings.HasPrefix(p.Path, ourPath) {
			policies = append(policies, p)
		}
	}
	for _, k := range w.Keys {
		if k.Tags[kind.TagEnvironment] == envName {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b access.Key) int { return a.ID.Compare(b.ID) })
	return users, groups, roles, policies, keys
}

// drift does one thing, and says what; "" where there was nothing to do it to.
func (s *drifter) drift() string {
	s.n++
	users, groups, roles, policies, keys := s.ours()
	all := []func() string{}
	if len(users) > 0 {
		all = append(all, s.onUser(pick(s.r, users...))...)
	}
	if len(groups) > 0 {
		all = append(all, s.onGroup(pick(s.r, groups...))...)
	}
	if len(roles) > 0 {
		all = append(all, s.onRole(pick(s.r, roles...))...)
	}
	if len(policies) > 0 {
		all = append(all, s.onPolicy(pick(s.r, policies...))...)
	}
	if len(keys) > 0 {
		all = append(all, s.onKey(pick(s.r, keys...))...)
	}
	all = append(all, s.onBucket()...)
	return pick(s.r, all...)()
}

// later is what a person does about it in the end, if it could be done at all.
func (s *drifter) later(err error, undo func()) {
	if err == nil {
		s.undo = append(s.undo, undo)
	}
}

// did runs one call and names it.
func did[O any](name, on string, _ O, err error) string {
	if err != nil {
		return "" // he may not: names taken, quotas, nothing there
	}
	return name + " " + on
}

func (s *drifter) onUser(u access.User) []func() string {
	ctx, api, name := context.Background(), s.fake.IAM(), aws.String(u.Name)
	list := []func() string{
		func() string {
			out, err := api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String(adminARN)})
			return did("admin attached to", u.Name, out, err)
		},
		func() string {
			out, err := api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String("arn:aws:iam::" + account + ":policy/brake")})
			return did("brake attached to", u.Name, out, err)
		},
		func() string {
			out, err := api.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("inside"), PolicyDocument: aws.String(pick(s.r, allowsAll, deniesAll))})
			return did("inline policy in", u.Name, out, err)
		},
		func() string {
			out, err := api.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: name, GroupName: aws.String("strangers")})
			return did("strangers' group has", u.Name, out, err)
		},
		func() string {
			if len(u.Attached) == 0 {
				return ""
			}
			out, err := api.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: name, PolicyArn: aws.String(pick(s.r, u.Attached...))})
			return did("policy detached from", u.Name, out, err)
		},
		func() string {
			out, err := api.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: name})
			return did("boundary removed from", u.Name, out, err)
		},
		func() string {
			out, err := api.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
			return did("access key of", u.Name, out, err)
		},
		func() string {
			tags := []iamtypes.Tag{{Key: aws.String(kind.TagEnvironment), Value: aws.String(u.Tags[kind.TagEnvironment])}}
			out, err := api.UntagUser(ctx, &iam.UntagUserInput{UserName: name, TagKeys: []string{kind.TagEnvironment}})
			s.later(err, func() { _, _ = api.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: tags}) })
			return did("mark taken off user", u.Name, out, err)
		},
		func() string {
			tags := []iamtypes.Tag{{Key: aws.String(kind.TagEnvironment), Value: aws.String(envName)}, {Key: aws.String(kind.TagID), Value: aws.String(u.Tags[kind.TagID])}}
			out, err := api.TagUser(ctx, &iam.TagUserInput{UserName: aws.String(stranger), Tags: tags})
			s.later(err, func() {
				_, _ = api.UntagUser(ctx, &iam.UntagUserInput{UserName: aws.String(stranger), TagKeys: []string{kind.TagEnvironment, kind.TagID}})
			})
			return did("a stranger carries the mark of", u.Name, out, err)
		},
	}
	return list
}

func (s *drifter) onGroup(g access.Group) []func() string {
	ctx, api, name := context.Background(), s.fake.IAM(), aws.String(g.Name)
	return []func() string{
		func() string {
			out, err := api.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: aws.String(stranger), GroupName: name})
			return did("a stranger in", g.Name, out, err)
		},
		func() string {
			if len(g.Members) == 0 {
				return ""
			}
			out, err := api.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: aws.String(pick(s.r, g.Members...)), GroupName: name})
			return did("a member removed from", g.Name, out, err)
		},
		func() string {
			if len(g.Attached) == 0 {
				return ""
			}
			out, err := api.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: name, PolicyArn: aws.String(pick(s.r, g.Attached...))})
			return did("policy detached from", g.Name, out, err)
		},
		func() string {
			out, err := api.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: name, PolicyArn: aws.String(adminARN)})
			return did("admin attached to", g.Name, out, err)
		},
		func() string {
			out, err := api.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: name, PolicyName: aws.String("inside"), PolicyDocument: aws.String(pick(s.r, allowsAll, deniesAll))})
			return did("inline policy in", g.Name, out, err)
		},
	}
}

func (s *drifter) onRole(r access.Role) []func() string {
	ctx, api, name := context.Background(), s.fake.IAM(), aws.String(r.Name)
	return []func() string{
		func() string {
			out, err := api.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(pick(s.r,
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`,
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ecs-tasks.amazonaws.com","lambda.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`))})
			return did("trust widened of", r.Name, out, err)
		},
		func() string {
			out, err := api.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String(pick(s.r, adminARN, "arn:aws:iam::"+account+":policy/brake"))})
			return did("something attached to", r.Name, out, err)
		},
		func() string {
			if len(r.Attached) == 0 {
				return ""
			}
			out, err := api.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(pick(s.r, r.Attached...))})
			return did("policy detached from", r.Name, out, err)
		},
		func() string {
			out, err := api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("inside"), PolicyDocument: aws.String(pick(s.r, allowsAll, deniesAll))})
			return did("inline policy in", r.Name, out, err)
		},
		func() string {
			out, err := api.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name})
			return did("boundary removed from", r.Name, out, err)
		},
		func() string {
			for _, arn := range r.Attached {
				_, _ = api.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(arn)})
			}
			for inside := range r.Inline {
				_, _ = api.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String(inside)})
			}
			out, err := api.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
			return did("role deleted:", r.Name, out, err)
		},
	}
}

func (s *drifter) onPolicy(p access.Policy) []func() string {
	ctx, api, arn := context.Background(), s.fake.IAM(), aws.String(p.ARN)
	return []func() string{
		func() string {
			if len(p.Versions) >= 4 {
				return ""
			}
			text := strings.TrimSuffix(must(p.Document.Text()), "]}") + `,{"Sid":"Extra","Effect":"Allow","Action":["kms:*"],"Resource":["*"]}]}`
			if s.n%3 == 0 {
				text = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*"}]}`
			}
			out, err := api.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(text), SetAsDefault: true})
			return did("another version of", p.Name, out, err)
		},
		func() string {
			if len(p.Versions) == 0 {
				return ""
			}
			out, err := api.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String(pick(s.r, p.Versions...))})
			return did("version set back of", p.Name, out, err)
		},
		func() string {
			out, err := api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String(stranger), PolicyArn: arn})
			s.later(err, func() {
				_, _ = api.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String(stranger), PolicyArn: arn})
			})
			return did("a stranger has our policy", p.Name, out, err)
		},
	}
}

func (s *drifter) onKey(k access.Key) []func() string {
	ctx, api, arn := context.Background(), s.fake.KMS(oregon), aws.String(k.ARN)
	put := func(what, text string) string {
		out, err := api.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: arn, Policy: aws.String(text)})
		return did(what, k.ID.Name, out, err)
	}
	const root = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}`
	return []func() string{
		func() string { return put("key policy set back of", `{"Version":"2012-10-17","Statement":[`+root+`]}`) },
		func() string {
			return put("principal added to the policy of", strings.TrimSuffix(must(k.Policy.Text()), "]}")+
				`,{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::`+account+`:user/`+stranger+`"]},"Action":["kms:Sign"],"Resource":["*"]}]}`)
		},
		func() string {
			out, err := api.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: arn, GranteePrincipal: aws.String("arn:aws:iam::" + account + ":user/" + stranger), Operations: []kmstypes.GrantOperation{"Sign"}})
			if err == nil {
				id := out.GrantId
				s.later(err, func() { _, _ = api.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: arn, GrantId: id}) })
			}
			return did("a grant on", k.ID.Name, out, err)
		},
		func() string {
			if len(k.Aliases) == 0 {
				return ""
			}
			out, err := api.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: aws.String(k.Aliases[0])})
			return did("alias deleted of", k.ID.Name, out, err)
		},
		func() string {
			out, err := api.UntagResource(ctx, &kms.UntagResourceInput{KeyId: arn, TagKeys: []string{"agent", kind.TagAddress}})
			return did("tags taken off", k.ID.Name, out, err)
		},
	}
}

func (s *drifter) onBucket() []func() string {
	ctx, api := context.Background(), s.fake.S3(oregon)
	var names []string
	for _, b := range must(api.ListBuckets(ctx, &s3.ListBucketsInput{})).Buckets {
		if strings.HasPrefix(aws.ToString(b.Name), "acme-"+envName) {
			names = append(names, aws.ToString(b.Name))
		}
	}
	if len(names) == 0 {
		return []func() string{func() string { return "" }}
	}
	name := aws.String(pick(s.r, names...))
	return []func() string{
		func() string {
			out, err := api.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: name})
			return did("public access block lifted of", *name, out, err)
		},
		func() string {
			text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"]}]}`, *name)
			out, err := api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: &text})
			return did("bucket policy widened of", *name, out, err)
		},
	}
}

// retire takes their users off the keys that are not declared any more, which is
// never done by itself: a key that nobody declares is only told of.
func (s *drifter) retire(env *config.Environment) {
	for _, key := range s.look.readKeys() {
		if _, declared := env.Key(key.ID.Name); !declared && key.Tags[kind.TagEnvironment] == envName {
			must(s.fake.KMS(oregon).PutKeyPolicy(context.Background(), &kms.PutKeyPolicyInput{KeyId: aws.String(key.ARN), Policy: aws.String(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`)}))
		}
	}
}

// squat makes objects that have the names of what may be declared later.
func (s *drifter) squat(role string) string {
	ctx, api := context.Background(), s.fake.IAM()
	name := envName + "-" + role
	switch s.r.IntN(4) {
	case 0:
		out, err := api.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(name)})
		s.later(err, func() { _, _ = api.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String(name)}) })
		return did("a stranger's user", name, out, err)
	case 1:
		out, err := api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
		s.later(err, func() { _, _ = api.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String(name)}) })
		return did("a stranger's role", name, out, err)
	case 2:
		out, err := api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(name + "-signer"), PolicyDocument: aws.String(allowsAll)})
		if err == nil {
			arn := out.Policy.Arn
			s.later(err, func() { _, _ = api.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}) })
		}
		return did("a stranger's policy", name+"-signer", out, err)
	default:
		out, err := api.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String(envName + "-signer")})
		s.later(err, func() { _, _ = api.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: aws.String(envName + "-signer")}) })
		return did("a stranger's group", envName+"-signer", out, err)
	}
}
