package accesskey_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/accesskey"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
	zero    = "staging-relayer"
	one     = "staging-watcher"
	day     = 24 * time.Hour
)

// admin is the account in the hands of somebody else.
type admin interface {
	accesskey.API
	cloud.DirectoryAPI
	CreateUser(context.Context, *iam.CreateUserInput, ...func(*iam.Options)) (*iam.CreateUserOutput, error)
}

type secretsAdmin interface {
	accesskey.SecretsAPI
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	options accesskey.Options
	admin   admin
	secrets secretsAdmin
	faults  *cloudtest.Switch
	// base is the day of the backend's clock; fake is the backend where it is one.
	base func() time.Time
	fake *cloudtest.Fake
}

func user(name string, static bool) config.User {
	u := config.User{Name: name, Path: "/reconcile/staging/"}
	if static {
		u.AccessKey = &config.AccessKey{Secret: name + "-access-key", Region: oregon, MaxAge: 90 * day, Overlap: 7 * day}
	}
	return u
}

func environment(users ...config.User) *config.Environment {
	return &config.Environment{
		Name: "staging", AWS: config.AWS{Account: account, Region: oregon},
		Access: &config.Access{Path: "/reconcile/staging/", Users: users},
	}
}

func id(name string) resource.ID {
	return resource.ID{Kind: accesskey.Name, Scope: "global", Name: name}
}

// settling is a clock on which waiting takes no time, ahead of the backend's.
func (p place) settling(ahead time.Duration) cloud.Clock {
	return cloud.Clock{
		Now:   func() time.Time { return p.base().Add(ahead) },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func onFake(*testing.T) place {
	fake := cloudtest.NewFake(account)
	return place{
		options: accesskey.Options{IAM: fake.IAM(), Secrets: func(region string) accesskey.SecretsAPI { return fake.SecretsManager(region) }},
		admin:   fake.IAM(), secrets: fake.SecretsManager(oregon), faults: &fake.Switch, fake: fake,
		base: func() time.Time { return time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC) }, // fakes live on that day
	}
}

func onEmulator(moto *cloudtest.Moto) func(*testing.T) place {
	return func(t *testing.T) place {
		t.Helper()
		must(t, moto.Reset())
		proxy, err := cloudtest.NewProxy(moto.Endpoint())
		must(t, err)
		t.Cleanup(proxy.Close)
		watched, direct := session(t, proxy.Endpoint()), session(t, moto.Endpoint())
		return place{
			options: accesskey.Options{IAM: watched.IAM(), Secrets: func(region string) accesskey.SecretsAPI { return watched.SecretsManager(region) }},
			admin:   direct.IAM(), secrets: direct.SecretsManager(oregon), faults: &proxy.Switch, base: time.Now,
		}
	}
}

func session(t *testing.T, endpoint string) *cloud.Session {
	t.Helper()
	s, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: endpoint, Unlimited: true, MaxBackoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	must(t, err)
	return s
}

// kind reads the world anew on every Observe, as each run of the tool does.
func (p place) kind(t *testing.T) kind.Kind {
	t.Helper()
	open := func() kind.Kind {
		o := p.options
		if o.Clock.Now == nil {
			o.Clock = p.settling(0)
		}
		o.Directory = cloud.NewDirectory(o.IAM.(cloud.DirectoryAPI), o.Clock, nil)
		k, err := accesskey.New(o)
		must(t, err)
		return k
	}
	k := open()
	k.Observe = func(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Seen {
		return open().Observe(ctx, env, lookup)
	}
	return k
}

// people makes the users, which are another kind's business.
func (p place) people(t *testing.T) {
	t.Helper()
	for _, name := range []string{zero, one} {
		in := &iam.CreateUserInput{UserName: aws.String(name), Path: aws.String("/reconcile/staging/")}
		for key, value := range kind.MarkTags("staging", config.UserID(name)) {
			in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
		}
		_, err := p.admin.CreateUser(t.Context(), in)
		must(t, err)
	}
}

func named(ref resource.Ref) (string, bool) {
	return ref.ID.Name, ref.ID.Kind == "iam-user" && ref.Output == "name"
}

func (p place) keys(t *testing.T, user string) []string {
	t.Helper()
	out, err := p.admin.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String(user)})
	must(t, err)
	var ids []string
	for _, m := range out.AccessKeyMetadata {
		ids = append(ids, aws.ToString(m.AccessKeyId))
	}
	return ids
}

func (p place) stored(t *testing.T, user string) string {
	t.Helper()
	out, err := p.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(user + "-access-key")})
	must(t, err)
	return aws.ToString(out.SecretString)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func harness(open func(*testing.T) place) kindtest.Harness {
	return kindtest.Harness{Recode: kindtest.Recode[accesskey.Spec], New: func(t *testing.T) *kindtest.World {
		t.Helper()
		p := open(t)
		p.people(t)
		stray := func(t *testing.T) {
			t.Helper()
			_, err := p.admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(zero)})
			must(t, err)
		}
		return &kindtest.World{
			Kind: p.kind(t), Environment: environment(user(zero, true), user(one, true)), Smaller: environment(user(zero, true), user(one, false)),
			Lookup: named, Halves: true,
			Effects: func(t *testing.T) int { t.Helper(); return len(p.keys(t, zero)) + len(p.keys(t, one)) },
			Drift: map[string]func(*testing.T){
				"a key is made behind our back": stray,
				"the key is switched off": func(t *testing.T) {
					t.Helper()
					_, err := p.admin.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String(zero), AccessKeyId: aws.String(p.keys(t, zero)[0]), Status: types.StatusTypeInactive})
					must(t, err)
				},
				"the key is removed": func(t *testing.T) {
					t.Helper()
					_, err := p.admin.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String(zero), AccessKeyId: aws.String(p.keys(t, zero)[0])})
					must(t, err)
				},
			},
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
			Canaries: func() []string { return p.canaries(t) },
		}
	}}
}

// canaries are the secrets that were stored.
func (p place) canaries(t *testing.T) []string {
	t.Helper()
	var secrets []string
	for _, name := range []string{zero, one} {
		out, err := p.secrets.GetSecretValue(context.WithoutCancel(t.Context()), &secretsmanager.GetSecretValueInput{SecretId: aws.String(name + "-access-key")})
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(aws.ToString(out.SecretString), `"SecretAccessKey":"`)
		secret, _, _ := strings.Cut(rest, `"`)
		secrets = append(secrets, secret)
	}
	return secrets
}

func TestConformanceOnTheFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake))
}

func TestConformanceOnTheEmulator(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	must(t, err)
	t.Cleanup(moto.Close)
	kindtest.Run(t, harness(onEmulator(moto)))
}

// TestRotationIsTwoPlansWithAnOverlap: a key that is due gets a successor and
// stays usable; when the overlap is over it goes.
func TestRotationIsTwoPlansWithAnOverlap(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	env := environment(user(zero, true))
	p.play(t, env, 0, "create-access-key")
	first := p.keys(t, zero)
	if len(first) != 1 || !strings.Contains(p.stored(t, zero), first[0]) {
		t.Fatalf("keys %v, stored %d characters", first, len(p.stored(t, zero)))
	}
	p.play(t, env, 89*day)
	p.play(t, env, 91*day, "rotate-access-key")
	if both := p.keys(t, zero); len(both) != 2 || !slices.Contains(both, first[0]) || strings.Contains(p.stored(t, zero), first[0]) {
		t.Fatalf("keys %v after %v: both must be usable, and the new one stored", both, first)
	}
	p.fake.IAM().AgeAccessKey(p.keys(t, zero)[1], p.base().Add(91*day), time.Time{})
	p.play(t, env, 97*day)
	p.play(t, env, 99*day, "remove-old-access-key")
	if last := p.keys(t, zero); len(last) != 1 || last[0] == first[0] || !strings.Contains(p.stored(t, zero), last[0]) {
		t.Fatalf("keys %v are left", last)
	}
	p.play(t, env, 100*day)
}

// TestASecondSuccessorWaitsForTheOverlap: a user has two keys at most.
func TestASecondSuccessorWaitsForTheOverlap(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	env := environment(user(zero, true))
	p.play(t, env, 0, "create-access-key")
	p.play(t, env, 91*day, "rotate-access-key")
	p.fake.IAM().AgeAccessKey(p.keys(t, zero)[1], p.base().Add(91*day), time.Time{})
	env.Access.Users[0].AccessKey.MaxAge = day
	p.play(t, env, 93*day)
}

// TestAKeyThatSomebodyUsesIsNotSweptAway: what appeared between the journal's
// record and the effect may be somebody else's.
func TestAKeyThatSomebodyUsesIsNotSweptAway(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	k, env := p.kind(t), environment(user(zero, true))
	desired, err := k.Declare(env)
	must(t, err)
	after := desired[0]
	after.Attrs, _ = after.Attrs.Resolve(named)
	steps, err := k.Steps(nil, &after, nil)
	must(t, err)
	resolved := kind.Resolved{Step: steps[0], Environment: env, Intent: "intent"}
	prepared, err := k.Prepare(t.Context(), resolved)
	must(t, err)
	out, err := p.admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(zero)})
	must(t, err)
	p.fake.IAM().AgeAccessKey(aws.ToString(out.AccessKey.AccessKeyId), p.base(), p.base().Add(time.Minute))
	if _, err := k.Do(t.Context(), resolved, prepared); err == nil || !strings.Contains(err.Error(), "somebody else made it") {
		t.Errorf("error %v", err)
	}
	if keys := p.keys(t, zero); len(keys) != 1 {
		t.Errorf("keys %v are left", keys)
	}
}

func TestTheKindAsksForNothingThatItDoesNotDeclare(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	env := environment(user(zero, true))
	p.play(t, env, 0, "create-access-key")
	p.play(t, env, 91*day, "rotate-access-key")
	p.fake.IAM().AgeAccessKey(p.keys(t, zero)[1], p.base().Add(91*day), time.Time{})
	p.play(t, env, 99*day, "remove-old-access-key")
	declared := map[string]bool{"iam:CreateUser": true} // the scene's own
	for _, a := range accesskey.Actions() {
		declared[a.Name] = true
	}
	for operation := range p.faults.Calls() {
		if action := strings.Replace(operation, ".", ":", 1); !declared[action] && operation != "secretsmanager.GetSecretValue" {
			t.Errorf("it calls %s", action)
		}
	}
}

// play plans and performs at a time, and says which operations were needed.
func (p place) play(t *testing.T, env *config.Environment, ahead time.Duration, want ...string) {
	t.Helper()
	p.options.Clock = p.settling(ahead)
	k := p.kind(t)
	desired, err := k.Declare(env)
	must(t, err)
	seen := k.Observe(t.Context(), env, nil)
	if len(seen.Unread) > 0 {
		t.Fatal(seen.Unread)
	}
	var before *resource.Resource
	for i := range seen.Owned {
		before = &seen.Owned[i]
	}
	after := desired[0]
	attrs, _ := after.Attrs.Resolve(named)
	after.Attrs = attrs
	steps, err := k.Steps(before, &after, nil)
	var ops []string
	for i, step := range steps {
		ops = append(ops, step.Op)
		resolved := kind.Resolved{Step: step, Environment: env, Intent: "intent-" + step.Op + "-" + string(rune('a'+i))}
		prepared, err := k.Prepare(t.Context(), resolved)
		must(t, err)
		_, err = k.Do(t.Context(), resolved, prepared)
		must(t, err)
	}
	if !slices.Equal(ops, want) {
		t.Fatalf("%s ahead: did %v (%v), want %v", ahead, ops, err, want)
	}
}
