package iamgroup_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iamgroup"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
	ourPath = "/reconcile/staging/"
	admins  = "kms-admin"
	signers = "nomad-signer-staging"
	alice   = "validator-0"
	bob     = "validator-1"
	mallory = "mallory"
	sign    = "validator-signer"
	extra   = "extra"

	allows = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}]}`
	denies = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
)

// admin is IAM in the hands of somebody else.
type admin interface {
	iamgroup.API
	cloud.DirectoryAPI
	CreatePolicy(context.Context, *iam.CreatePolicyInput, ...func(*iam.Options)) (*iam.CreatePolicyOutput, error)
	CreateUser(context.Context, *iam.CreateUserInput, ...func(*iam.Options)) (*iam.CreateUserOutput, error)
	PutGroupPolicy(context.Context, *iam.PutGroupPolicyInput, ...func(*iam.Options)) (*iam.PutGroupPolicyOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	api interface {
		iamgroup.API
		cloud.DirectoryAPI
	}
	admin  admin
	faults *cloudtest.Switch
}

// environment declares groups of the seeds' shape, each with a policy and one
// member, and the first with two.
func environment(names ...string) *config.Environment {
	env := &config.Environment{
		Name: "staging", AWS: config.AWS{Account: account, Region: oregon},
		Access: &config.Access{
			Path:     ourPath,
			Users:    []config.User{{Name: alice, Path: ourPath}, {Name: bob, Path: ourPath}},
			Policies: []config.Policy{{Name: sign, Path: ourPath}},
		},
	}
	for i, name := range names {
		members := []string{alice, bob}
		env.Access.Groups = append(env.Access.Groups, config.Group{Name: name, Path: ourPath, Members: members[:2-min(i, 1)], Policies: []string{sign}})
	}
	return env
}

// arnOf is the ARN of a user or policy, as its own kind would put it out.
func arnOf(ref resource.Ref) (string, bool) {
	switch ref.ID.Kind {
	case "iam-user":
		return userARN(ref.ID.Name), ref.Output == "arn"
	case "iam-policy":
		return policyARN(ref.ID.Name), ref.Output == "arn"
	default:
		return "", false
	}
}

func userARN(name string) string   { return "arn:aws:iam::" + account + ":user" + ourPath + name }
func policyARN(name string) string { return "arn:aws:iam::" + account + ":policy" + ourPath + name }

// instantly is a clock on which waiting takes no time.
func instantly() cloud.Clock {
	return cloud.Clock{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// open makes the kind over a directory of its own.
func (p place) open(t *testing.T) kind.Kind {
	t.Helper()
	k, err := iamgroup.New(iamgroup.Options{IAM: p.api, Directory: cloud.NewDirectory(p.api, instantly(), nil)})
	if err != nil {
		t.Fatal(err)
	}
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

func onFake(t *testing.T) place {
	t.Helper()
	fake := cloudtest.NewFake(account)
	p := place{api: fake.IAM(), admin: fake.IAM(), faults: &fake.Switch}
	p.furnish(t)
	return p
}

// onEmulator gives each test the same emulator, emptied, behind a new proxy.
func onEmulator(moto *cloudtest.Moto) func(*testing.T) place {
	return func(t *testing.T) place {
		t.Helper()
		must(t, moto.Reset())
		proxy, err := cloudtest.NewProxy(moto.Endpoint())
		must(t, err)
		t.Cleanup(proxy.Close)
		p := place{api: client(t, proxy.Endpoint()), admin: client(t, moto.Endpoint()), faults: &proxy.Switch}
		p.furnish(t)
		return p
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// furnish makes the users and policies that groups point at.
func (p place) furnish(t *testing.T) {
	t.Helper()
	for _, name := range []string{alice, bob, mallory} {
		_, err := p.admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(name), Path: aws.String(ourPath)})
		must(t, err)
	}
	for name, document := range map[string]string{sign: allows, extra: allows, "brake": denies} {
		_, err := p.admin.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String(name), Path: aws.String(ourPath), PolicyDocument: aws.String(document)})
		must(t, err)
	}
}

func (p place) world(t *testing.T) *kindtest.World {
	t.Helper()
	return &kindtest.World{
		Kind: p.kind(t), Environment: environment(admins, signers), Smaller: environment(admins),
		Lookup: arnOf, Effects: p.groups, Drift: p.drift(), Foreign: p.foreign,
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

func harness(open func(*testing.T) place) kindtest.Harness {
	return kindtest.Harness{
		Recode: kindtest.Recode[iamgroup.Spec],
		New:    func(t *testing.T) *kindtest.World { t.Helper(); return open(t).world(t) },
	}
}

// groups counts the groups.
func (p place) groups(t *testing.T) int {
	t.Helper()
	out, err := p.admin.GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{})
	must(t, err)
	return len(out.GroupDetailList)
}

func (p place) join(t *testing.T, group, user string) {
	t.Helper()
	_, err := p.admin.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: aws.String(group), UserName: aws.String(user)})
	must(t, err)
}

func (p place) attach(t *testing.T, group, policy string) {
	t.Helper()
	_, err := p.admin.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: aws.String(group), PolicyArn: aws.String(policyARN(policy))})
	must(t, err)
}

func (p place) inline(t *testing.T, group, name, document string) {
	t.Helper()
	_, err := p.admin.PutGroupPolicy(t.Context(), &iam.PutGroupPolicyInput{GroupName: aws.String(group), PolicyName: aws.String(name), PolicyDocument: aws.String(document)})
	must(t, err)
}

func (p place) move(t *testing.T, group, path string) {
	t.Helper()
	_, err := p.admin.UpdateGroup(t.Context(), &iam.UpdateGroupInput{GroupName: aws.String(group), NewPath: aws.String(path)})
	must(t, err)
}

// make creates a group as somebody else would.
func (p place) make(t *testing.T, path, name string) {
	t.Helper()
	_, err := p.admin.CreateGroup(t.Context(), &iam.CreateGroupInput{Path: aws.String(path), GroupName: aws.String(name)})
	must(t, err)
}

func (p place) drift() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"a member is added": func(t *testing.T) { t.Helper(); p.join(t, admins, mallory) },
		"a member is removed": func(t *testing.T) {
			t.Helper()
			_, err := p.admin.RemoveUserFromGroup(t.Context(), &iam.RemoveUserFromGroupInput{GroupName: aws.String(admins), UserName: aws.String(alice)})
			must(t, err)
		},
		"a policy is attached": func(t *testing.T) { t.Helper(); p.attach(t, admins, extra) },
		"a policy is detached": func(t *testing.T) {
			t.Helper()
			_, err := p.admin.DetachGroupPolicy(t.Context(), &iam.DetachGroupPolicyInput{GroupName: aws.String(admins), PolicyArn: aws.String(policyARN(sign))})
			must(t, err)
		},
		"an inline policy is put in":     func(t *testing.T) { t.Helper(); p.inline(t, admins, "more", allows) },
		"an inline policy denies all":    func(t *testing.T) { t.Helper(); p.inline(t, admins, "brake", denies) },
		"a denying policy is attached":   func(t *testing.T) { t.Helper(); p.attach(t, admins, "brake"); p.join(t, admins, mallory) },
		"the group is moved below":       func(t *testing.T) { t.Helper(); p.move(t, admins, ourPath+"below/"); p.join(t, admins, mallory) },
		"a stranger's group is at home":  func(t *testing.T) { t.Helper(); p.make(t, ourPath, "stranger"); p.join(t, "stranger", mallory) },
		"the member is in another group": func(t *testing.T) { t.Helper(); p.join(t, signers, bob) },
	}
}

func (p place) foreign(t *testing.T) (resource.ID, func() string) {
	t.Helper()
	p.make(t, "/", admins)
	p.join(t, admins, mallory)
	return config.GroupID(admins), func() string { return p.print(t, admins) }
}

// print is all that there is of one group.
func (p place) print(t *testing.T, name string) string {
	t.Helper()
	directory, err := cloud.NewDirectory(p.admin, instantly(), nil).All(t.Context())
	must(t, err)
	for _, group := range directory.Groups {
		if group.Name == name {
			return fmt.Sprintf("%+v", group)
		}
	}
	return "gone"
}

func TestTheKindConformsOnTheFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake))
}

func TestTheKindConformsOnTheEmulator(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	must(t, err)
	t.Cleanup(moto.Close)
	kindtest.Run(t, harness(onEmulator(moto)))
}
