package kmskey_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
)

// admin is KMS in the hands of somebody else.
type admin interface {
	kmskey.API
	DisableKey(context.Context, *kms.DisableKeyInput, ...func(*kms.Options)) (*kms.DisableKeyOutput, error)
	ScheduleKeyDeletion(context.Context, *kms.ScheduleKeyDeletionInput, ...func(*kms.Options)) (*kms.ScheduleKeyDeletionOutput, error)
	UpdateAlias(context.Context, *kms.UpdateAliasInput, ...func(*kms.Options)) (*kms.UpdateAliasOutput, error)
	DeleteAlias(context.Context, *kms.DeleteAliasInput, ...func(*kms.Options)) (*kms.DeleteAliasOutput, error)
	UntagResource(context.Context, *kms.UntagResourceInput, ...func(*kms.Options)) (*kms.UntagResourceOutput, error)
	CreateGrant(context.Context, *kms.CreateGrantInput, ...func(*kms.Options)) (*kms.CreateGrantOutput, error)
}

// people is IAM in the hands of somebody else.
type people interface {
	cloud.DirectoryAPI
	CreateUser(context.Context, *iam.CreateUserInput, ...func(*iam.Options)) (*iam.CreateUserOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	options kmskey.Options
	admin   admin
	people  people
	faults  *cloudtest.Switch
	// guarded worlds declare who may do what.
	guarded bool
}

func environment(keys ...string) *config.Environment {
	env := &config.Environment{Name: "staging", AWS: config.AWS{Account: account, Region: oregon}}
	for _, name := range keys {
		env.Keys = append(env.Keys, config.Key{
			Name: name, Alias: "alias/staging-" + name, Holder: "kms", Region: oregon, Agent: "validator", Role: "validator",
			Use: "signer", OperatedBy: "us", Networks: []string{"fuji"},
		})
	}
	return env
}

const (
	signer     = "arn:aws:iam::" + account + ":user/reconcile/staging/staging-validator"
	contractor = "arn:aws:iam::444455556666:role/operator"
)

// guarded declares policies too: the first key lets IAM decide and names a user
// of ours and a contracted party, the others let nobody sign by IAM.
func guarded(keys ...string) *config.Environment {
	env := environment(keys...)
	env.Access = &config.Access{Path: "/reconcile/staging/", Users: []config.User{{Name: "staging-validator", Path: "/reconcile/staging/"}}}
	for i := range env.Keys {
		key := &env.Keys[i]
		key.Policy = &config.KeyPolicy{Delegate: config.DelegateAdmin, Signers: []string{signer}}
		if i == 0 {
			key.Policy = &config.KeyPolicy{Delegate: config.DelegateAll, Signers: []string{signer, contractor}}
		}
		env.Access.Uses = append(env.Access.Uses, config.KeyUse{Key: key.Name, Principals: key.Policy.Signers, By: config.ByKeyPolicy})
	}
	return env
}

// lookup knows the user's ARN.
func lookup(ref resource.Ref) (string, bool) {
	return signer, ref == resource.Ref{ID: config.UserID("staging-validator"), Output: "arn"}
}

// enlist makes the user whom policies name.
func (p place) enlist(t *testing.T) {
	t.Helper()
	out, err := p.people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("staging-validator"), Path: aws.String("/reconcile/staging/")})
	must(t, out, err)
}

func id(name string) resource.ID {
	return resource.ID{Kind: kmskey.Name, Scope: oregon, Name: name}
}

// instantly is a clock on which waiting takes no time.
func instantly() cloud.Clock {
	return cloud.Clock{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func onFake(*testing.T) place {
	fake := cloudtest.NewFake(account)
	return place{
		options: kmskey.Options{
			KMS:       func(region string) kmskey.API { return fake.KMS(region) },
			Tagging:   func(region string) kmskey.TaggingAPI { return fake.Tagging(region) },
			Directory: cloud.NewDirectory(fake.IAM(), instantly(), nil), Clock: instantly(),
		},
		admin: fake.KMS(oregon), people: fake.IAM(), faults: &fake.Switch,
	}
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
		watched, direct := session(t, proxy.Endpoint()), session(t, moto.Endpoint())
		return place{
			options: kmskey.Options{
				KMS:       func(region string) kmskey.API { return watched.KMS(region) },
				Tagging:   func(region string) kmskey.TaggingAPI { return watched.Tagging(region) },
				Directory: cloud.NewDirectory(watched.IAM(), instantly(), nil), Clock: instantly(),
			},
			admin: direct.KMS(oregon), people: direct.IAM(), faults: &proxy.Switch,
		}
	}
}

func session(t *testing.T, endpoint string) *cloud.Session {
	t.Helper()
	s, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: endpoint, Unlimited: true, MaxBackoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// harness makes worlds; a log gathers what the kind calls in them.
func harness(open func(*testing.T) place, gated, guarded bool, log *kindtest.CallLog) kindtest.Harness {
	return kindtest.Harness{
		Recode: kindtest.Recode[kmskey.Spec],
		New: func(t *testing.T) *kindtest.World {
			t.Helper()
			p := open(t)
			p.options.Gated, p.guarded = gated, guarded
			if guarded {
				p.enlist(t)
			}
			if log != nil {
				t.Cleanup(func() { log.Add(p.faults.Calls()) })
			}
			return p.world(t)
		},
	}
}

func (p place) world(t *testing.T) *kindtest.World {
	t.Helper()
	k, err := kmskey.New(p.options)
	if err != nil {
		t.Fatal(err)
	}
	declare := environment
	if p.guarded {
		declare = guarded
	}
	return &kindtest.World{
		Kind:        k,
		Environment: declare("validator-0-signer-fuji", "validator-1-signer-fuji"),
		Smaller:     declare("validator-0-signer-fuji"),
		Lookup:      lookup,
		Effects:     p.countKeys,
		Drift:       p.drift(),
		Foreign:     p.foreign,
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

func (p place) countKeys(t *testing.T) int {
	t.Helper()
	n := 0
	in := &kms.ListKeysInput{}
	for {
		out, err := p.admin.ListKeys(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		n += len(out.Keys)
		if in.Marker = out.NextMarker; !out.Truncated {
			return n
		}
	}
}

const (
	zero      = "validator-0-signer-fuji"
	zeroAlias = "alias/staging-validator-0-signer-fuji"
)

// keyOf is the id of the key behind an alias.
func (p place) keyOf(t *testing.T, alias string) *string {
	t.Helper()
	out, err := p.admin.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(alias)})
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata.KeyId
}

func must(t *testing.T, _ any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p place) drift() map[string]func(*testing.T) {
	tag := func(name, value string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			out, err := p.admin.TagResource(t.Context(), &kms.TagResourceInput{
				KeyId: p.keyOf(t, zeroAlias), Tags: []types.Tag{{TagKey: aws.String(name), TagValue: aws.String(value)}},
			})
			must(t, out, err)
		}
	}
	untag := func(name string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			out, err := p.admin.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: p.keyOf(t, zeroAlias), TagKeys: []string{name}})
			must(t, out, err)
		}
	}
	drift := map[string]func(*testing.T){
		"a tag is retyped":                    tag("role", "relayer"),
		"a tag is removed":                    untag("use"),
		"the address tag is removed":          untag(kind.TagAddress),
		"the address tag is no address":       tag(kind.TagAddress, "0x0000000000000000000000000000000000000abc"),
		"the description is rewritten":        p.redescribe,
		"the alias is removed":                p.unalias,
		"the key is disabled":                 p.disable,
		"the key is disabled and loses a tag": func(t *testing.T) { untag("agent")(t); p.disable(t) },
	}
	if p.guarded {
		drift["a principal is added to the key's policy"] = p.repolicy(func(d *access.Document) {
			d.Statements[1].Principals["AWS"] = append(d.Statements[1].Principals["AWS"], resource.Literal("arn:aws:iam::444455556666:role/thief"))
		})
		drift["a statement is added to the key's policy"] = p.repolicy(func(d *access.Document) {
			d.Statements = append(d.Statements, access.Statement{
				Effect: access.Allow, Actions: []string{"kms:Sign"}, Resources: access.Literals("*"), Principals: map[string]access.Values{"AWS": access.Literals("*")},
			})
		})
		drift["a statement is removed from the key's policy"] = p.repolicy(func(d *access.Document) { d.Statements = d.Statements[:1] })
	}
	return drift
}

// repolicy edits the first key's policy.
func (p place) repolicy(edit func(*access.Document)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		keyID := p.keyOf(t, zeroAlias)
		was, err := p.admin.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: keyID, PolicyName: aws.String("default")})
		must(t, was, err)
		d, err := access.Parse(*was.Policy)
		must(t, nil, err)
		edit(&d)
		text, err := d.Text()
		must(t, nil, err)
		out, err := p.admin.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: keyID, PolicyName: aws.String("default"), Policy: aws.String(text)})
		must(t, out, err)
	}
}

func (p place) redescribe(t *testing.T) {
	t.Helper()
	out, err := p.admin.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: p.keyOf(t, zeroAlias), Description: aws.String("mine")})
	must(t, out, err)
}

func (p place) unalias(t *testing.T) {
	t.Helper()
	out, err := p.admin.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String(zeroAlias)})
	must(t, out, err)
}

func (p place) disable(t *testing.T) {
	t.Helper()
	out, err := p.admin.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: p.keyOf(t, zeroAlias)})
	must(t, out, err)
}

// make creates a key as somebody else would.
func (p place) make(t *testing.T, in *kms.CreateKeyInput) *string {
	t.Helper()
	out, err := p.admin.CreateKey(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata.KeyId
}

func ethereumKey() *kms.CreateKeyInput {
	return &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify}
}

func (p place) foreign(t *testing.T) (resource.ID, func() string) {
	t.Helper()
	keyID := p.make(t, ethereumKey())
	out, err := p.admin.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(zeroAlias), TargetKeyId: keyID})
	must(t, out, err)
	return id(zero), func() string {
		m, err := p.admin.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: keyID})
		must(t, m, err)
		tags, err := p.admin.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: keyID})
		must(t, tags, err)
		return fmt.Sprint(*m.KeyMetadata.KeyId, *m.KeyMetadata.Description, m.KeyMetadata.KeyState, tags.Tags, *p.keyOf(t, zeroAlias))
	}
}

func TestTheKindConformsOnTheFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake, false, false, nil))
}

func TestTheKindConformsOnTheFakeWhenGated(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake, true, false, nil))
}

func TestTheKindConformsOnTheFakeWhereAccessIsDeclared(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake, true, true, nil))
}

func TestTheKindConformsOnTheEmulatorAndCallsWhatItDeclares(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	var log kindtest.CallLog
	kindtest.Run(t, harness(onEmulator(moto), true, true, &log))
	k, err := kmskey.New(onFake(t).options)
	must(t, nil, err)
	// Only a signer who moves from the key's policy to IAM makes the kind ask IAM.
	log.Require(t, k, nil, "iam:GetAccountAuthorizationDetails")
}
