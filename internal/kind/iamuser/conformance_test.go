package iamuser_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iamuser"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
	ourPath = "/reconcile/staging/"
	zero    = "staging-validator-0"
	one     = "staging-validator-1"
	signer  = "staging-validator-0-signer"
)

// admin is IAM in the hands of somebody else.
type admin interface {
	iamuser.API
	cloud.DirectoryAPI
	AddUserToGroup(context.Context, *iam.AddUserToGroupInput, ...func(*iam.Options)) (*iam.AddUserToGroupOutput, error)
	CreateAccessKey(context.Context, *iam.CreateAccessKeyInput, ...func(*iam.Options)) (*iam.CreateAccessKeyOutput, error)
	CreateGroup(context.Context, *iam.CreateGroupInput, ...func(*iam.Options)) (*iam.CreateGroupOutput, error)
	CreateLoginProfile(context.Context, *iam.CreateLoginProfileInput, ...func(*iam.Options)) (*iam.CreateLoginProfileOutput, error)
	CreatePolicy(context.Context, *iam.CreatePolicyInput, ...func(*iam.Options)) (*iam.CreatePolicyOutput, error)
	DeleteUserPermissionsBoundary(context.Context, *iam.DeleteUserPermissionsBoundaryInput, ...func(*iam.Options)) (*iam.DeleteUserPermissionsBoundaryOutput, error)
	PutUserPolicy(context.Context, *iam.PutUserPolicyInput, ...func(*iam.Options)) (*iam.PutUserPolicyOutput, error)
	UntagUser(context.Context, *iam.UntagUserInput, ...func(*iam.Options)) (*iam.UntagUserOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	api interface {
		iamuser.API
		cloud.DirectoryAPI
	}
	admin  admin
	caller string
	faults *cloudtest.Switch
}

func policyARN(name string) string { return "arn:aws:iam::" + account + ":policy" + ourPath + name }

// environment declares users that sign and write, each with a boundary. The
// first one is protected.
func environment(names ...string) *config.Environment {
	env := &config.Environment{
		Name: "staging", AWS: config.AWS{Account: account, Region: oregon},
		Access: &config.Access{Path: ourPath, Policies: []config.Policy{{Name: signer, Path: ourPath}}},
	}
	for i, name := range names {
		env.Access.Users = append(env.Access.Users, config.User{
			Name: name, Path: ourPath, Boundary: policyARN("boundary"), Agent: "validator", Operator: "us", Protect: i == 0,
			Policies: []string{signer, policyARN("checkpoints")},
		})
	}
	return env
}

// lookup is the ARN of a policy, as its own kind would put it out.
func lookup(ref resource.Ref) (string, bool) {
	return policyARN(ref.ID.Name), ref.Output == "arn" && ref.ID.Kind == "iam-policy"
}

// instantly is a clock on which waiting takes no time.
func instantly() cloud.Clock {
	return cloud.Clock{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// open makes the kind over a directory of its own.
func (p place) open(t *testing.T) kind.Kind {
	t.Helper()
	k, err := iamuser.New(iamuser.Options{IAM: p.api, Directory: cloud.NewDirectory(p.api, instantly(), nil), Caller: p.caller})
	must(t, err)
	return k
}

// kind reads the world anew on every Observe, as each run of the tool does.
func (p place) kind(t *testing.T) kind.Kind {
	t.Helper()
	k := p.open(t)
	k.Observe = func(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Seen {
		return p.open(t).Observe(ctx, env, lookup)
	}
	return k
}

func onFake(*testing.T) place {
	fake := cloudtest.NewFake(account)
	return place{api: fake.IAM(), admin: fake.IAM(), faults: &fake.Switch}
}

// onEmulator gives each test the same emulator, emptied, behind a new proxy.
func onEmulator(moto *cloudtest.Moto) func(*testing.T) place {
	return func(t *testing.T) place {
		t.Helper()
		must(t, moto.Reset())
		proxy, err := cloudtest.NewProxy(moto.Endpoint())
		must(t, err)
		t.Cleanup(proxy.Close)
		return place{api: client(t, proxy.Endpoint()), admin: client(t, moto.Endpoint()), faults: &proxy.Switch}
	}
}

func client(t *testing.T, endpoint string) *iam.Client {
	t.Helper()
	s, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: endpoint, Unlimited: true, MaxBackoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	must(t, err)
	return s.IAM()
}

const (
	allowing = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}]}`
	denying  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
)

// furnish makes the policies that users are given, and the group of others.
func (p place) furnish(t *testing.T) {
	t.Helper()
	for name, document := range map[string]string{signer: allowing, "checkpoints": allowing, "boundary": allowing, "other": allowing, "quarantine": denying} {
		p.policy(t, name, document)
	}
	_, err := p.admin.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("administrators")})
	must(t, err)
}

func (p place) policy(t *testing.T, name, document string) {
	t.Helper()
	_, err := p.admin.CreatePolicy(t.Context(), &iam.CreatePolicyInput{Path: aws.String(ourPath), PolicyName: aws.String(name), PolicyDocument: aws.String(document)})
	must(t, err)
}

func (p place) world(t *testing.T) *kindtest.World {
	t.Helper()
	return &kindtest.World{
		Kind: p.kind(t), Environment: environment(zero, one), Smaller: environment(zero),
		Lookup: lookup, Effects: p.users, Drift: p.drift(), Foreign: p.foreign,
		Reads: func(_ *testing.T, fault kindtest.Fault) func() {
			return p.faults.Break(cloudtest.Fault(fault), 0, cloudtest.Reads)
		},
		Writes: func(_ *testing.T, fault kindtest.Fault) func() {
			times := 0
			if fault == kindtest.Lost {
				times = 1
			}
			return p.faults.Break(cloudtest.Fault(fault), times, cloudtest.Writes)
		},
	}
}

// users counts them.
func (p place) users(t *testing.T) int {
	t.Helper()
	all, err := cloud.NewDirectory(p.admin, instantly(), nil).All(t.Context())
	must(t, err)
	return len(all.Users)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p place) drift() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"a policy is detached":                  func(t *testing.T) { p.detach(t, zero, signer) },
		"another policy is attached":            func(t *testing.T) { p.attach(t, zero, "other") },
		"a policy that denies is attached":      func(t *testing.T) { p.attach(t, zero, "quarantine") },
		"a document is put inside":              func(t *testing.T) { p.inline(t, zero, allowing) },
		"a document that denies is put inside":  func(t *testing.T) { p.inline(t, zero, denying) },
		"the boundary is removed":               func(t *testing.T) { p.unbound(t, zero) },
		"another boundary is put in its place":  func(t *testing.T) { p.bound(t, zero, "other") },
		"the user is put in a group of others":  func(t *testing.T) { p.join(t, zero, "administrators") },
		"a tag is retyped":                      func(t *testing.T) { p.tag(t, zero, map[string]string{"agent": "relayer"}) },
		"a tag is removed":                      func(t *testing.T) { p.untag(t, zero, "operator") },
		"the protection is taken off":           func(t *testing.T) { p.untag(t, zero, kind.TagProtect) },
		"the user is removed":                   func(t *testing.T) { p.remove(t, one) },
		"power is given and the boundary taken": func(t *testing.T) { p.attach(t, zero, "other"); p.unbound(t, zero); p.inline(t, zero, allowing) },
	}
}

func (p place) attach(t *testing.T, user, policy string) {
	t.Helper()
	_, err := p.admin.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String(user), PolicyArn: aws.String(policyARN(policy))})
	must(t, err)
}

func (p place) detach(t *testing.T, user, policy string) {
	t.Helper()
	_, err := p.admin.DetachUserPolicy(t.Context(), &iam.DetachUserPolicyInput{UserName: aws.String(user), PolicyArn: aws.String(policyARN(policy))})
	must(t, err)
}

func (p place) inline(t *testing.T, user, document string) {
	t.Helper()
	_, err := p.admin.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String(user), PolicyName: aws.String("mine"), PolicyDocument: aws.String(document)})
	must(t, err)
}

func (p place) bound(t *testing.T, user, policy string) {
	t.Helper()
	_, err := p.admin.PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: aws.String(user), PermissionsBoundary: aws.String(policyARN(policy))})
	must(t, err)
}

func (p place) unbound(t *testing.T, user string) {
	t.Helper()
	_, err := p.admin.DeleteUserPermissionsBoundary(t.Context(), &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String(user)})
	must(t, err)
}

func (p place) join(t *testing.T, user, group string) {
	t.Helper()
	_, err := p.admin.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{UserName: aws.String(user), GroupName: aws.String(group)})
	must(t, err)
}

func (p place) tag(t *testing.T, user string, tags map[string]string) {
	t.Helper()
	_, err := p.admin.TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String(user), Tags: cloud.IAMTags(tags)})
	must(t, err)
}

func (p place) untag(t *testing.T, user string, names ...string) {
	t.Helper()
	_, err := p.admin.UntagUser(t.Context(), &iam.UntagUserInput{UserName: aws.String(user), TagKeys: names})
	must(t, err)
}

func (p place) remove(t *testing.T, user string) {
	t.Helper()
	p.detach(t, user, signer)
	p.detach(t, user, "checkpoints")
	_, err := p.admin.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String(user)})
	must(t, err)
}

// make creates a user as somebody else would.
func (p place) make(t *testing.T, path, name string, tags map[string]string) {
	t.Helper()
	in := &iam.CreateUserInput{Path: aws.String(path), UserName: aws.String(name)}
	for key, value := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	_, err := p.admin.CreateUser(t.Context(), in)
	must(t, err)
}

func (p place) foreign(t *testing.T) (resource.ID, func() string) {
	t.Helper()
	p.make(t, "/", zero, map[string]string{"owner": "somebody"})
	p.attach(t, zero, "other")
	return config.UserID(zero), func() string { return p.print(t, zero) }
}

// print is all that there is of one user.
func (p place) print(t *testing.T, name string) string {
	t.Helper()
	all, err := cloud.NewDirectory(p.admin, instantly(), nil).All(t.Context())
	must(t, err)
	if u := all.User(name); u != nil {
		return fmt.Sprintf("%+v", *u)
	}
	return "gone"
}

func harness(open func(*testing.T) place, log *kindtest.CallLog) kindtest.Harness {
	return kindtest.Harness{
		Recode: kindtest.Recode[iamuser.Spec],
		New: func(t *testing.T) *kindtest.World {
			t.Helper()
			p := open(t)
			p.furnish(t)
			p.faults.Forget()
			t.Cleanup(func() { log.Add(p.faults.Calls()) })
			return p.world(t)
		},
	}
}

func TestTheKindConformsOnTheFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake, &kindtest.CallLog{}))
}

func TestTheKindConformsOnTheEmulatorAndCallsWhatItDeclares(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	must(t, err)
	t.Cleanup(moto.Close)
	var log kindtest.CallLog
	kindtest.Run(t, harness(onEmulator(moto), &log))
	// Behind the proxy are the calls of the kind and of nobody else.
	k, err := iamuser.New(iamuser.Options{IAM: client(t, moto.Endpoint()), Directory: cloud.NewDirectory(client(t, moto.Endpoint()), instantly(), nil)})
	must(t, err)
	log.Require(t, k, nil)
}
