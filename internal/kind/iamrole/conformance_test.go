package iamrole_test

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
	"github.com/crosschain-ops/reconcile/internal/kind/iamrole"
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
	// provider of the cluster that the agents run in.
	provider = "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"
)

// admin is IAM in the hands of somebody else.
type admin interface {
	iamrole.API
	cloud.DirectoryAPI
	CreatePolicy(context.Context, *iam.CreatePolicyInput, ...func(*iam.Options)) (*iam.CreatePolicyOutput, error)
	DeleteRolePermissionsBoundary(context.Context, *iam.DeleteRolePermissionsBoundaryInput, ...func(*iam.Options)) (*iam.DeleteRolePermissionsBoundaryOutput, error)
	PutRolePolicy(context.Context, *iam.PutRolePolicyInput, ...func(*iam.Options)) (*iam.PutRolePolicyOutput, error)
	UntagRole(context.Context, *iam.UntagRoleInput, ...func(*iam.Options)) (*iam.UntagRoleOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	api interface {
		iamrole.API
		cloud.DirectoryAPI
	}
	admin  admin
	caller string
	faults *cloudtest.Switch
}

func policyARN(name string) string { return "arn:aws:iam::" + account + ":policy" + ourPath + name }

// environment declares roles that sign and write, each with a boundary. The
// first one is protected.
func environment(names ...string) *config.Environment {
	env := &config.Environment{
		Name: "staging", AWS: config.AWS{Account: account, Region: oregon},
		Access: &config.Access{Path: ourPath, Policies: []config.Policy{{Name: signer, Path: ourPath}}},
	}
	for i, name := range names {
		env.Access.Roles = append(env.Access.Roles, config.Role{
			Name: name, Path: ourPath, Boundary: policyARN("boundary"), Agent: "validator", Operator: "us", Protect: i == 0,
			Policies: []string{signer, policyARN("checkpoints")}, MaxSession: time.Duration(i) * 2 * time.Hour,
			Trust: []config.Trust{{Kind: config.TrustIRSA, Provider: provider, Namespace: "hyperlane", ServiceAccount: name}, {Kind: config.TrustECS}},
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
	k, err := iamrole.New(iamrole.Options{IAM: p.api, Directory: cloud.NewDirectory(p.api, instantly(), nil), Caller: p.caller})
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
	anybody  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`
	another  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"sts:AssumeRole"}]}`
	nobody   = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}`
	denying  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
)

// furnish makes the policies that roles are given.
func (p place) furnish(t *testing.T) {
	t.Helper()
	for name, document := range map[string]string{signer: allowing, "checkpoints": allowing, "boundary": allowing, "other": allowing, "quarantine": denying} {
		_, err := p.admin.CreatePolicy(t.Context(), &iam.CreatePolicyInput{Path: aws.String(ourPath), PolicyName: aws.String(name), PolicyDocument: aws.String(document)})
		must(t, err)
	}
}

func (p place) world(t *testing.T) *kindtest.World {
	t.Helper()
	return &kindtest.World{
		Kind: p.kind(t), Environment: environment(zero, one), Smaller: environment(zero),
		Lookup: lookup, Effects: p.roles, Drift: p.drift(), Foreign: p.foreign,
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

// roles counts them.
func (p place) roles(t *testing.T) int {
	t.Helper()
	all, err := cloud.NewDirectory(p.admin, instantly(), nil).All(t.Context())
	must(t, err)
	return len(all.Roles)
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
		"anybody may assume the role":           func(t *testing.T) { p.trust(t, zero, anybody) },
		"nobody may assume it any more":         func(t *testing.T) { p.trust(t, zero, nobody) },
		"another principal may assume it too":   func(t *testing.T) { p.trust(t, zero, another) },
		"sessions are longer":                   func(t *testing.T) { p.session(t, one, 43200) },
		"sessions are shorter":                  func(t *testing.T) { p.session(t, one, 3600) },
		"a tag is retyped":                      func(t *testing.T) { p.tag(t, zero, map[string]string{"agent": "relayer"}) },
		"a tag is removed":                      func(t *testing.T) { p.untag(t, zero, "operator") },
		"the protection is taken off":           func(t *testing.T) { p.untag(t, zero, kind.TagProtect) },
		"the role is removed":                   func(t *testing.T) { p.remove(t, one) },
		"power is given and the boundary taken": func(t *testing.T) { p.attach(t, zero, "other"); p.unbound(t, zero); p.inline(t, zero, allowing) },
	}
}

func (p place) attach(t *testing.T, role, policy string) {
	t.Helper()
	_, err := p.admin.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String(role), PolicyArn: aws.String(policyARN(policy))})
	must(t, err)
}

func (p place) detach(t *testing.T, role, policy string) {
	t.Helper()
	_, err := p.admin.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: aws.String(role), PolicyArn: aws.String(policyARN(policy))})
	must(t, err)
}

func (p place) inline(t *testing.T, role, document string) {
	t.Helper()
	_, err := p.admin.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String("mine"), PolicyDocument: aws.String(document)})
	must(t, err)
}

func (p place) bound(t *testing.T, role, policy string) {
	t.Helper()
	_, err := p.admin.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String(role), PermissionsBoundary: aws.String(policyARN(policy))})
	must(t, err)
}

func (p place) unbound(t *testing.T, role string) {
	t.Helper()
	_, err := p.admin.DeleteRolePermissionsBoundary(t.Context(), &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String(role)})
	must(t, err)
}

func (p place) tag(t *testing.T, role string, tags map[string]string) {
	t.Helper()
	_, err := p.admin.TagRole(t.Context(), &iam.TagRoleInput{RoleName: aws.String(role), Tags: cloud.IAMTags(tags)})
	must(t, err)
}

func (p place) untag(t *testing.T, role string, names ...string) {
	t.Helper()
	_, err := p.admin.UntagRole(t.Context(), &iam.UntagRoleInput{RoleName: aws.String(role), TagKeys: names})
	must(t, err)
}

func (p place) remove(t *testing.T, role string) {
	t.Helper()
	p.detach(t, role, signer)
	p.detach(t, role, "checkpoints")
	_, err := p.admin.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String(role)})
	must(t, err)
}

// make creates a role as somebody else would.
func (p place) make(t *testing.T, path, name string, tags map[string]string) {
	t.Helper()
	in := &iam.CreateRoleInput{AssumeRolePolicyDocument: aws.String(another), Path: aws.String(path), RoleName: aws.String(name)}
	for key, value := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	_, err := p.admin.CreateRole(t.Context(), in)
	must(t, err)
}

func (p place) trust(t *testing.T, role, document string) {
	t.Helper()
	_, err := p.admin.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(role), PolicyDocument: aws.String(document)})
	must(t, err)
}

func (p place) session(t *testing.T, role string, seconds int32) {
	t.Helper()
	_, err := p.admin.UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: aws.String(role), MaxSessionDuration: aws.Int32(seconds)})
	must(t, err)
}

func (p place) foreign(t *testing.T) (resource.ID, func() string) {
	t.Helper()
	p.make(t, "/", zero, map[string]string{"owner": "somebody"})
	p.attach(t, zero, "other")
	return config.RoleID(zero), func() string { return p.print(t, zero) }
}

// print is all that there is of one role.
func (p place) print(t *testing.T, name string) string {
	t.Helper()
	all, err := cloud.NewDirectory(p.admin, instantly(), nil).All(t.Context())
	must(t, err)
	if r := all.Role(name); r != nil {
		return fmt.Sprintf("%+v", *r)
	}
	return "gone"
}

func harness(open func(*testing.T) place, log *kindtest.CallLog) kindtest.Harness {
	return kindtest.Harness{
		Recode: kindtest.Recode[iamrole.Spec],
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
	k, err := iamrole.New(iamrole.Options{IAM: client(t, moto.Endpoint()), Directory: cloud.NewDirectory(client(t, moto.Endpoint()), instantly(), nil)})
	must(t, err)
	log.Require(t, k, nil)
}
