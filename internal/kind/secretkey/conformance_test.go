package secretkey_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/kind/secretkey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
	zero    = "relayer-signer-fuji"
	one     = "relayer-signer-sepolia"
)

// admin is Secrets Manager in the hands of somebody else.
type admin interface {
	secretkey.API
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	DeleteSecret(context.Context, *secretsmanager.DeleteSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DeleteSecretOutput, error)
	UntagResource(context.Context, *secretsmanager.UntagResourceInput, ...func(*secretsmanager.Options)) (*secretsmanager.UntagResourceOutput, error)
}

// place is one backend as the tests see it.
type place struct {
	options secretkey.Options
	admin   admin
	faults  *cloudtest.Switch
}

func environment(keys ...string) *config.Environment {
	env := &config.Environment{Name: "development", AWS: config.AWS{Account: account, Region: oregon}}
	for _, name := range keys {
		env.Keys = append(env.Keys, config.Key{
			Name: name, Alias: "alias/development-" + name, Holder: "hex", Region: oregon, Agent: "relayer", Role: "relayer",
			Use: "signer", OperatedBy: "us", Networks: []string{"fuji"},
		})
	}
	return env
}

func id(name string) resource.ID {
	return resource.ID{Kind: secretkey.Name, Scope: oregon, Name: name}
}

func instantly() cloud.Clock {
	return cloud.Clock{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func onFake(*testing.T) place {
	fake := cloudtest.NewFake(account)
	return place{
		options: secretkey.Options{Secrets: func(region string) secretkey.API { return fake.SecretsManager(region) }, Clock: instantly()},
		admin:   fake.SecretsManager(oregon), faults: &fake.Switch,
	}
}

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
			options: secretkey.Options{Secrets: func(region string) secretkey.API { return watched.SecretsManager(region) }, Clock: instantly()},
			admin:   direct.SecretsManager(oregon), faults: &proxy.Switch,
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
func harness(open func(*testing.T) place, log *kindtest.CallLog) kindtest.Harness {
	return kindtest.Harness{
		Recode: kindtest.Recode[secretkey.Spec],
		New: func(t *testing.T) *kindtest.World {
			t.Helper()
			p := open(t)
			k, err := secretkey.New(p.options)
			if err != nil {
				t.Fatal(err)
			}
			if log != nil {
				t.Cleanup(func() { log.Add(p.faults.Calls()) })
			}
			return &kindtest.World{
				Kind: k, Environment: environment(zero, one), Smaller: environment(zero),
				Effects: func(t *testing.T) int { t.Helper(); return len(p.all(t)) },
				Drift:   p.drift(), Foreign: p.foreign,
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
				Canaries: func() []string { return p.privateKeys(t) },
			}
		},
	}
}

func (p place) all(t *testing.T) []types.SecretListEntry {
	t.Helper()
	// The world's own context ends before the search for secrets begins.
	out, err := p.admin.ListSecrets(context.Background(), &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	return out.SecretList
}

// privateKeys are what must appear nowhere.
func (p place) privateKeys(t *testing.T) []string {
	t.Helper()
	var keys []string
	for _, entry := range p.all(t) {
		out, err := p.admin.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: entry.ARN})
		if err != nil {
			t.Fatal(err)
		}
		var value struct{ PrivateKey string }
		if err := json.Unmarshal([]byte(*out.SecretString), &value); err != nil || len(value.PrivateKey) != 66 {
			t.Fatalf("the value of %s is no key", *entry.Name)
		}
		keys = append(keys, value.PrivateKey)
	}
	return keys
}

func must(t *testing.T, _ any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const zeroSecret = "development-" + zero

func (p place) drift() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"a tag is retyped": func(t *testing.T) {
			out, err := p.admin.TagResource(t.Context(), &secretsmanager.TagResourceInput{
				SecretId: aws.String(zeroSecret), Tags: []types.Tag{{Key: aws.String("role"), Value: aws.String("watcher")}},
			})
			must(t, out, err)
		},
		"a tag is removed": func(t *testing.T) {
			out, err := p.admin.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String(zeroSecret), TagKeys: []string{"use"}})
			must(t, out, err)
		},
		"the description is rewritten": func(t *testing.T) {
			out, err := p.admin.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String(zeroSecret), Description: aws.String("mine")})
			must(t, out, err)
		},
	}
}

const strangersKey = `{"role":"relayer","address":"0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf","privateKey":"0x0000000000000000000000000000000000000000000000000000000000000001"}`

// store puts a secret in place as somebody else would.
func (p place) store(t *testing.T, name string, tags map[string]string) {
	t.Helper()
	in := &secretsmanager.CreateSecretInput{
		Name: aws.String(name), SecretString: aws.String(strangersKey), ClientRequestToken: aws.String("somebody-else-somebody-else-0001"),
	}
	for key, value := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	out, err := p.admin.CreateSecret(t.Context(), in)
	must(t, out, err)
}

func (p place) foreign(t *testing.T) (resource.ID, func() string) {
	t.Helper()
	p.store(t, zeroSecret, nil)
	return id(zero), func() string {
		s, err := p.admin.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(zeroSecret)})
		must(t, s, err)
		v, err := p.admin.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(zeroSecret)})
		must(t, v, err)
		return fmt.Sprint(*s.ARN, aws.ToString(s.Description), s.Tags, *v.SecretString, *v.VersionId)
	}
}

func TestTheKindConformsOnTheFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake, nil))
}

func TestTheKindConformsOnTheEmulatorAndCallsWhatItDeclares(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	var log kindtest.CallLog
	kindtest.Run(t, harness(onEmulator(moto), &log))
	k, err := secretkey.New(onFake(t).options)
	must(t, nil, err)
	// The tags are asked for only where no hex key is declared.
	log.Require(t, k, nil, "tag:GetResources")
}
