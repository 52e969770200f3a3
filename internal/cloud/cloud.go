// Package cloud opens AWS sessions whose account is asserted before anything
// else, holds every call to a rate, counts it and gives it a time limit, tells
// what an error proves, and signs with keys that live in KMS or Secrets Manager.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
)

// Limits of one call where Options name none.
const (
	// DefaultTimeout bounds one attempt of one call, its body included.
	DefaultTimeout = 15 * time.Second
	// DefaultAttempts bounds how often one call is sent.
	DefaultAttempts = 5
	// DefaultMaxBackoff bounds the wait between two attempts (the SDK's own
	// default, with full jitter).
	DefaultMaxBackoff = 20 * time.Second
)

// Options say which account is meant and how to speak to it.
type Options struct {
	// Account is the declared account id; another one is an error.
	Account string
	// Region is where clients go that name no region.
	Region string
	// Endpoint replaces AWS's own (a sandbox); it can come from an overlay only.
	// An endpoint from the process's environment or a profile is refused, because
	// no plan would name it.
	Endpoint string
	// Unlimited lifts our own request rates; the sandbox has no quotas.
	Unlimited bool
	// Rates are requests per second by "service.Operation"; nil means
	// DefaultRates.
	Rates map[string]float64
	// Timeout, Attempts and MaxBackoff replace the defaults where not zero.
	Timeout    time.Duration
	Attempts   int
	MaxBackoff time.Duration
	// Credentials replace the SDK's default chain; nil keeps it.
	Credentials aws.CredentialsProvider
	// Profile names a profile of the AWS configuration files, for a process that
	// works in several accounts; empty: the default chain.
	Profile string
	// Rate holds the requests of several sessions to the rates together, those of one
	// account; nil: this session has its own.
	Rate *Rate
	// Clock replaces the wall clock; the zero value is the wall clock.
	Clock Clock
}

// Identity is who the session is, by STS.
type Identity struct {
	Account string
	ARN     string
}

// Session is one asserted AWS account. Its methods may be called from many
// goroutines.
type Session struct {
	options  Options
	base     aws.Config
	meter    *meter
	limits   *limits
	identity Identity

	mu      sync.Mutex
	clients map[string]any
}

// Open loads the default credential chain and asserts the account. There is no
// session that was not asserted.
func Open(ctx context.Context, options Options) (*Session, error) {
	if options.Account == "" || options.Region == "" {
		return nil, fmt.Errorf("aws: session needs an account and a region, have account %q and region %q", options.Account, options.Region)
	}
	options = withDefaults(options)
	s := &Session{options: options, meter: newMeter(), limits: newLimits(options), clients: map[string]any{}}
	base, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	s.base = base
	if err := s.refuseHiddenEndpoint(); err != nil {
		return nil, err
	}
	if s.identity, err = s.Assert(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func withDefaults(o Options) Options {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Attempts == 0 {
		o.Attempts = DefaultAttempts
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = DefaultMaxBackoff
	}
	if o.Rates == nil {
		o.Rates = DefaultRates()
	}
	o.Clock = o.Clock.orWall()
	return o
}

func (s *Session) load(ctx context.Context) (aws.Config, error) {
	// The client's own time limit covers the body too, and is per attempt.
	client := awshttp.NewBuildableClient().WithTimeout(s.options.Timeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
	})
	load := []func(*config.LoadOptions) error{
		config.WithRegion(s.options.Region),
		config.WithHTTPClient(client),
		// The SDK prints warnings by itself otherwise; only cmd prints.
		config.WithLogger(logging.Nop{}),
		config.WithRetryer(func() aws.Retryer { return s.standardRetryer() }),
	}
	if s.options.Credentials != nil {
		load = append(load, config.WithCredentialsProvider(s.options.Credentials))
	}
	if s.options.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(s.options.Profile))
	}
	base, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("aws: load configuration: %w", err)
	}
	base.Credentials = namedCredentials{base.Credentials}
	base.APIOptions = append(base.APIOptions, s.instrument)
	return base, nil
}

func (s *Session) standardRetryer(only ...retry.IsErrorRetryable) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = s.options.Attempts
		o.MaxBackoff = s.options.MaxBackoff
		o.Retryables = append(o.Retryables, busy())
		if len(only) > 0 {
			o.Retryables = only
		}
	})
}

// refuseHiddenEndpoint looks at what the SDK took from variables and profiles
// (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_KMS, endpoint_url).
func (s *Session) refuseHiddenEndpoint() error {
	if s.options.Endpoint != "" {
		return nil
	}
	for _, hidden := range []*string{
		s.base.BaseEndpoint,
		sts.NewFromConfig(s.base).Options().BaseEndpoint,
		kms.NewFromConfig(s.base).Options().BaseEndpoint,
		iam.NewFromConfig(s.base).Options().BaseEndpoint,
		secretsmanager.NewFromConfig(s.base).Options().BaseEndpoint,
		resourcegroupstaggingapi.NewFromConfig(s.base).Options().BaseEndpoint,
		s3.NewFromConfig(s.base).Options().BaseEndpoint,
	} {
		if hidden != nil {
			return fmt.Errorf("aws: the process's environment or profile points AWS at %q, which no plan would name\nhint: give the endpoint in an overlay (--overlay FILE), or unset AWS_ENDPOINT_URL", host(*hidden))
		}
	}
	return nil
}

// host is the part of an endpoint that may be printed.
func host(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return "an endpoint"
}

// Assert asks STS who we are and compares with the declared account.
func (s *Session) Assert(ctx context.Context) (Identity, error) {
	client := sts.NewFromConfig(s.base, func(o *sts.Options) { o.BaseEndpoint = s.endpoint() })
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, fmt.Errorf("aws: who am i: %w", Explain("sts:GetCallerIdentity", "account "+s.options.Account, err))
	}
	have := Identity{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn)}
	if have.Account != s.options.Account {
		return Identity{}, &AccountError{Have: have.Account, Need: s.options.Account}
	}
	return have, nil
}

// AccountError says that the credentials are of another account than the one
// the environment declares.
type AccountError struct{ Have, Need string }

// Error gives both accounts.
func (e *AccountError) Error() string {
	return fmt.Sprintf("aws: the credentials are of account %s, the environment declares account %s\nhint: choose the profile of account %s (AWS_PROFILE), or correct aws.account", e.Have, e.Need, e.Need)
}

// Identity is what STS answered when the session was opened.
func (s *Session) Identity() Identity { return s.identity }

// CredentialsExpire is when the credentials in use end; ok is false when they
// do not, or cannot be read.
func (s *Session) CredentialsExpire(ctx context.Context) (end time.Time, ok bool) {
	credentials, err := s.base.Credentials.Retrieve(ctx)
	if err != nil || !credentials.CanExpire {
		return time.Time{}, false
	}
	return credentials.Expires, true
}

// Calls counts the requests sent so far, by "service.Operation"; each attempt
// counts.
func (s *Session) Calls() map[string]int { return s.meter.snapshot() }

func (s *Session) endpoint() *string {
	if s.options.Endpoint == "" {
		return nil
	}
	return aws.String(s.options.Endpoint)
}

// KMS is the client of one region; empty means the session's own.
func (s *Session) KMS(region string) *kms.Client {
	return client(s, "kms", region, func(cfg aws.Config) *kms.Client {
		return kms.NewFromConfig(cfg, func(o *kms.Options) { o.BaseEndpoint = s.endpoint() })
	})
}

// IAM is the client of the account's one IAM.
func (s *Session) IAM() *iam.Client {
	return client(s, "iam", "", func(cfg aws.Config) *iam.Client {
		return iam.NewFromConfig(cfg, func(o *iam.Options) { o.BaseEndpoint = s.endpoint() })
	})
}

// Tagging is the Resource Groups Tagging API of one region.
func (s *Session) Tagging(region string) *resourcegroupstaggingapi.Client {
	return client(s, "tagging", region, func(cfg aws.Config) *resourcegroupstaggingapi.Client {
		return resourcegroupstaggingapi.NewFromConfig(cfg, func(o *resourcegroupstaggingapi.Options) { o.BaseEndpoint = s.endpoint() })
	})
}

// SecretsManager is the client of one region.
func (s *Session) SecretsManager(region string) *secretsmanager.Client {
	return client(s, "secretsmanager", region, func(cfg aws.Config) *secretsmanager.Client {
		return secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.BaseEndpoint = s.endpoint() })
	})
}

// S3 is the client of one region. An overlay's endpoint gets path-style
// requests, because a loopback address has no host per bucket.
func (s *Session) S3(region string) *s3.Client {
	return client(s, "s3", region, func(cfg aws.Config) *s3.Client {
		return s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.BaseEndpoint = s.endpoint()
			o.UsePathStyle = s.options.Endpoint != ""
		})
	})
}

func client[C any](s *Session, service, region string, build func(aws.Config) C) C {
	if region == "" {
		region = s.options.Region
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.clients[service+"/"+region].(C); ok {
		return known
	}
	cfg := s.base.Copy()
	cfg.Region = region
	built := build(cfg)
	s.clients[service+"/"+region] = built
	return built
}

var errNoRetryMiddleware = errors.New("the SDK's stack has no Retry step")
