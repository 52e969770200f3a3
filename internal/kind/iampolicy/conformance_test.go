package iampolicy_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	"github.com/crosschain-ops/reconcile/internal/kind/iampolicy"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
	ourPath = "/reconcile/staging/"
	zero    = "validator-0-signer"
	one     = "validator-1-signer"
)

// admin is IAM in the hands of somebody else.
type admin interface {
	iampolicy.API
	cloud.DirectoryAPI
	CreateUser(context.Context, *iam.CreateUserInput, ...func(*iam.Options)) (*iam.CreateUserOutput, error)
	AttachUserPolicy(context.Context, *iam.AttachUserPolicyInput, ...func(*iam.Options)) (*iam.AttachUserPolicyOutput, error)
	DetachUserPolicy(context.Context, *iam.DetachUserPolicyInput, ...func(*iam.Options)) (*iam.DetachUserPolicyOutput, error)
	UntagPolicy(context.Context, *iam.UntagPolicyInput, ...func(*iam.Options)) (*iam.UntagPolicyOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	api interface {
		iampolicy.API
		cloud.DirectoryAPI
	}
	admin  admin
	faults *cloudtest.Switch
}

// environment declares a signer policy for each name, on a key of that name.
func environment(names ...string) *config.Environment {
	env := &config.Environment{
		Name: "staging", AWS: config.AWS{Account: account, Region: oregon},
		Access: &config.Access{Path: ourPath, Boundary: "arn:aws:iam::" + account + ":policy/reconcile-boundary-staging"},
	}
	for _, name := range names {
		env.Keys = append(env.Keys, config.Key{Name: name, Holder: "kms", Region: oregon, OperatedBy: "us"})
		env.Access.Policies = append(env.Access.Policies, config.Policy{
			Name: name, Path: ourPath, Description: "signs for " + name,
			Statements: []config.Statement{{Sid: "Sign", Actions: []string{"kms:GetPublicKey", "kms:Sign"}, Keys: []string{name}}},
		})
	}
	return env
}

// arnOf is the ARN of a key, as the key's own kind would put it out.
func arnOf(ref resource.Ref) (string, bool) {
	return "arn:aws:kms:" + ref.ID.Scope + ":" + account + ":key/" + ref.ID.Name, ref.Output == "arn" && ref.ID.Kind == "kms-key"
}

func policyARN(path, name string) string { return "arn:aws:iam::" + account + ":policy" + path + name }

// instantly is a clock on which waiting takes no time.
func instantly() cloud.Clock {
	return cloud.Clock{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// open makes the kind over a directory of its own.
func (p place) open(t *testing.T) kind.Kind {
	t.Helper()
	k, err := iampolicy.New(iampolicy.Options{IAM: p.api, Directory: cloud.NewDirectory(p.api, instantly(), nil)})
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

func onFake(*testing.T) place {
	fake := cloudtest.NewFake(account)
	return place{api: fake.IAM(), admin: fake.IAM(), faults: &fake.Switch}
}

// onEmulator gives each test the same emulator, emptied, behind a new proxy.
func onEmulator(moto *cloudtest.Moto) func(*testing.T) place {
	return func(t *testing.T) place {
		t.Helper()
		if err := moto.Reset(); err != nil {
			t.Fatal(err)
		}
		proxy, err := cloudtest.NewProxy(moto.Endpoint())
		if err != nil {
			t.Fatal(err)
		}
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
	if err != nil {
		t.Fatal(err)
	}
	return s.IAM()
}

func (p place) world(t *testing.T) *kindtest.World {
	t.Helper()
	return &kindtest.World{
		Kind: p.kind(t), Environment: environment(zero, one), Smaller: environment(zero),
		Lookup: arnOf, Effects: p.versions, Drift: p.drift(), Foreign: p.foreign,
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
		Recode: kindtest.Recode[iampolicy.Spec],
		New:    func(t *testing.T) *kindtest.World { t.Helper(); return open(t).world(t) },
	}
}

// versions counts the versions of all policies of the account's own.
func (p place) versions(t *testing.T) int {
	t.Helper()
	n := 0
	out, err := p.admin.GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{})
	must(t, err)
	for _, policy := range out.Policies {
		n += len(policy.PolicyVersionList)
	}
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	wide      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`
	wider     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey"],"Resource":["*","arn:aws:kms:us-west-2:111122223333:key/other"]}]}`
	less      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:GetPublicKey","Resource":"arn:aws:kms:us-west-2:111122223333:key/validator-0-signer"}]}`
	another   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey"],"Resource":["arn:aws:kms:us-west-2:111122223333:key/other","arn:aws:kms:us-west-2:111122223333:key/validator-0-signer"]}]}`
	signsZero = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:sign","kms:GetPublicKey"],"Resource":"arn:aws:kms:us-west-2:111122223333:key/validator-0-signer"}}`
	extraZero = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Sign","kms:GetPublicKey"],"Resource":"arn:aws:kms:us-west-2:111122223333:key/validator-0-signer"},` +
		`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}]}`
)

// write puts a document in force behind our back.
func (p place) write(t *testing.T, arn, document string) {
	t.Helper()
	_, err := p.admin.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: aws.String(arn), PolicyDocument: aws.String(document), SetAsDefault: true})
	must(t, err)
}

// park adds a version that is not put in force.
func (p place) park(t *testing.T, arn, document string) {
	t.Helper()
	_, err := p.admin.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: aws.String(arn), PolicyDocument: aws.String(document)})
	must(t, err)
}

func (p place) drift() map[string]func(*testing.T) {
	arn := policyARN(ourPath, zero)
	return map[string]func(*testing.T){
		"the document is rewritten":   func(t *testing.T) { t.Helper(); p.write(t, arn, wide) },
		"a statement is added":        func(t *testing.T) { t.Helper(); p.write(t, arn, extraZero) },
		"five versions are used up":   func(t *testing.T) { t.Helper(); p.fill(t, arn) },
		"an old version is set back":  func(t *testing.T) { t.Helper(); p.setBack(t, arn) },
		"a stranger's policy is ours": func(t *testing.T) { t.Helper(); p.make(t, ourPath, "stranger", wide, nil) },
		"a policy is removed": func(t *testing.T) {
			t.Helper()
			_, err := p.admin.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: aws.String(arn)})
			must(t, err)
		},
	}
}

// fill takes all five places for versions, with none like ours among them.
func (p place) fill(t *testing.T, arn string) {
	t.Helper()
	for range 4 {
		p.write(t, arn, wide)
	}
	_, err := p.admin.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: aws.String(arn), VersionId: aws.String("v1")})
	must(t, err)
	p.write(t, arn, wider)
}

// setBack leaves our document among the versions and puts another in force.
func (p place) setBack(t *testing.T, arn string) {
	t.Helper()
	p.park(t, arn, wide)
	_, err := p.admin.SetDefaultPolicyVersion(t.Context(), &iam.SetDefaultPolicyVersionInput{PolicyArn: aws.String(arn), VersionId: aws.String("v2")})
	must(t, err)
}

// make creates a policy as somebody else would.
func (p place) make(t *testing.T, path, name, document string, tags map[string]string) string {
	t.Helper()
	in := &iam.CreatePolicyInput{Path: aws.String(path), PolicyName: aws.String(name), PolicyDocument: aws.String(document)}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	out, err := p.admin.CreatePolicy(t.Context(), in)
	must(t, err)
	return aws.ToString(out.Policy.Arn)
}

// attach gives a policy to a new user.
func (p place) attach(t *testing.T, user, arn string) {
	t.Helper()
	_, err := p.admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(user)})
	must(t, err)
	_, err = p.admin.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String(user), PolicyArn: aws.String(arn)})
	must(t, err)
}

func (p place) foreign(t *testing.T) (resource.ID, func() string) {
	t.Helper()
	arn := p.make(t, "/", zero, wide, map[string]string{"owner": "somebody"})
	return config.PolicyID(zero), func() string { return p.print(t, arn) }
}

// print is all that there is of one policy.
func (p place) print(t *testing.T, arn string) string {
	t.Helper()
	tags, err := p.admin.ListPolicyTags(t.Context(), &iam.ListPolicyTagsInput{PolicyArn: aws.String(arn)})
	if cloud.NotFound(err) {
		return "gone"
	}
	must(t, err)
	text := ""
	for _, tag := range tags.Tags {
		text += *tag.Key + "=" + *tag.Value + " "
	}
	directory, err := cloud.NewDirectory(p.admin, instantly(), nil).All(t.Context())
	must(t, err)
	for _, policy := range directory.Policies {
		if policy.ARN == arn {
			return text + fmt.Sprintf("%+v", policy)
		}
	}
	return text + "gone"
}

func TestTheKindConformsOnTheFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake))
}

func TestTheKindConformsOnTheEmulator(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	kindtest.Run(t, harness(onEmulator(moto)))
}
