package cloud

import (
	"context"
	"maps"
	"sync"

	"golang.org/x/time/rate"
)

// DefaultRates are requests per second and region by "service.Operation": the
// default quotas of the KMS developer guide ("Request quotas") and of Secrets
// Manager. They are shared with everybody else in the account and can be
// raised, so they are numbers to configure, not facts. The tagging API's quota
// is not published; 5 is a cautious value. IAM's are in iamRates, those of S3's
// configuration in bucketRates. Operations that are not listed go unlimited and
// rely on the retryer.
func DefaultRates() map[string]float64 {
	rates := map[string]float64{
		"kms.DescribeKey":          2000,
		"kms.GetPublicKey":         2000,
		"kms.ListResourceTags":     2000,
		"kms.ListAliases":          500,
		"kms.ListKeys":             500,
		"kms.Sign":                 1000,
		"kms.CreateKey":            5,
		"kms.CreateAlias":          5,
		"kms.EnableKey":            5,
		"kms.UpdateKeyDescription": 5,
		"kms.TagResource":          10,

		"secretsmanager.CreateSecret":   50,
		"secretsmanager.UpdateSecret":   50,
		"secretsmanager.TagResource":    50,
		"secretsmanager.ListSecrets":    100,
		"secretsmanager.DescribeSecret": 10000,
		"secretsmanager.GetSecretValue": 10000,

		"tagging.GetResources": 5,
	}
	maps.Copy(rates, iamRates())
	maps.Copy(rates, bucketRates())
	return rates
}

// bucketRates are cautious: S3 publishes rates for objects only (S3 User Guide,
// "Best practices design patterns: optimizing Amazon S3 performance") and none
// for what sets buckets up. 450 buckets are read in some 25 seconds.
func bucketRates() map[string]float64 {
	const configuration = 20
	rates := map[string]float64{}
	for _, name := range []string{
		"CreateBucket", "GetBucketEncryption", "GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketTagging", "GetBucketVersioning",
		"GetPublicAccessBlock", "HeadBucket", "ListBuckets", "PutBucketEncryption", "PutBucketOwnershipControls", "PutBucketPolicy",
		"PutBucketTagging", "PutBucketVersioning", "PutPublicAccessBlock",
	} {
		rates["s3."+name] = configuration
	}
	return rates
}

// iamRates are cautious: IAM has one endpoint for the account, whose quotas are
// neither published nor raised. Reading at these rates is known to be borne (the
// limiters of the steampipe AWS plugin: GetPolicy and GetPolicyVersion 35,
// roles 15); writes go as fast as KMS lets keys be made.
func iamRates() map[string]float64 {
	const (
		walks, reads, policies, writes = 5, 15, 35, 5
	)
	rates := map[string]float64{
		"iam.GetAccountAuthorizationDetails": walks,
		"iam.GetPolicy":                      policies,
		"iam.GetPolicyVersion":               policies,
	}
	for _, name := range []string{
		"GetAccessKeyLastUsed", "GetGroup", "GetLoginProfile", "GetOpenIDConnectProvider", "GetRole", "GetUser",
		"ListAccessKeys", "ListOpenIDConnectProviders", "ListPolicyTags", "ListPolicyVersions",
	} {
		rates["iam."+name] = reads
	}
	for _, name := range []string{
		"AddUserToGroup", "AttachGroupPolicy", "AttachRolePolicy", "AttachUserPolicy",
		"CreateAccessKey", "CreateGroup", "CreatePolicy", "CreatePolicyVersion", "CreateRole", "CreateUser",
		"DeleteAccessKey", "DeleteGroup", "DeleteGroupPolicy", "DeleteLoginProfile", "DeletePolicy", "DeletePolicyVersion",
		"DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DeleteUser", "DeleteUserPermissionsBoundary", "DeleteUserPolicy",
		"DetachGroupPolicy", "DetachRolePolicy", "DetachUserPolicy",
		"PutGroupPolicy", "PutRolePermissionsBoundary", "PutRolePolicy", "PutUserPermissionsBoundary", "PutUserPolicy",
		"RemoveUserFromGroup", "SetDefaultPolicyVersion",
		"TagPolicy", "TagRole", "TagUser", "UntagPolicy", "UntagRole", "UntagUser",
		"UpdateAccessKey", "UpdateAssumeRolePolicy", "UpdateGroup", "UpdateRole", "UpdateUser",
	} {
		rates["iam."+name] = writes
	}
	return rates
}

// limits holds the calls of one session to their rates.
type limits struct {
	clock     Clock
	rates     map[string]float64
	unlimited bool
	account   string
	rate      *Rate
}

// Rate holds one token bucket for each account, region and operation: AWS counts
// the requests of an account, whoever sends them. Sessions of one process share it.
type Rate struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// NewRate has sent nothing yet.
func NewRate() *Rate { return &Rate{buckets: map[string]*rate.Limiter{}} }

func newLimits(o Options) *limits {
	shared := o.Rate
	if shared == nil {
		shared = NewRate()
	}
	return &limits{clock: o.Clock, rates: o.Rates, unlimited: o.Unlimited, account: o.Account, rate: shared}
}

// wait holds the caller until the operation may be sent.
func (l *limits) wait(ctx context.Context, region, operation string) error {
	perSecond := l.rates[operation]
	if l.unlimited || perSecond <= 0 {
		return ctx.Err()
	}
	now := l.clock.Now()
	reservation := l.rate.bucket(l.account+"/"+region+"/"+operation, perSecond).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay <= 0 {
		return ctx.Err()
	}
	if err := l.clock.Sleep(ctx, delay); err != nil {
		reservation.CancelAt(l.clock.Now())
		return err
	}
	return nil
}

func (l *Rate) bucket(key string, perSecond float64) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.buckets[key]; ok {
		return known
	}
	// A burst of a tenth of a second: a quota of 5 a second is 5 a second also
	// in the first one.
	made := rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
	l.buckets[key] = made
	return made
}
