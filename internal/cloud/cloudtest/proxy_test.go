package cloudtest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// proxied is a session whose requests all pass a proxy in front of the emulator.
func proxied(t *testing.T) (*cloudtest.Proxy, *cloud.Session) {
	t.Helper()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	good(t, err)
	t.Cleanup(moto.Close)
	proxy, err := cloudtest.NewProxy(moto.Endpoint())
	good(t, err)
	t.Cleanup(proxy.Close)
	session, err := cloud.Open(t.Context(), cloud.Options{
		Account: account, Region: oregon, Endpoint: proxy.Endpoint(), Unlimited: true, MaxBackoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	good(t, err)
	return proxy, session
}

func TestTheProxyKnowsWhatIsAskedOfIAM(t *testing.T) {
	t.Parallel()
	proxy, session := proxied(t)
	a := iamAccount{session.IAM(), t.Context()}
	if proxy.Calls()["sts.GetCallerIdentity"] != 1 {
		t.Errorf("calls %v", proxy.Calls())
	}
	proxy.Break(cloudtest.Throttled, 2, cloudtest.Is("iam.CreateUser"))
	good(t, a.user("ada", "/"))
	if got := proxy.Calls()["iam.CreateUser"]; got != 3 {
		t.Errorf("throttled twice: sent %d times", got)
	}
	proxy.Break(cloudtest.Denied, 1, cloudtest.Is("iam.CreateUser"))
	if err := a.user("bob", "/"); !cloud.Denied(err) || !cloud.NotAccepted(err) || cloud.Cause(err) != "access denied (AccessDenied): by the proxy" {
		t.Errorf("denied: %v", err)
	}
	proxy.Break(cloudtest.Expired, 1, cloudtest.Is("iam.GetUser"))
	if err := err(a.GetUser(a.ctx, &iam.GetUserInput{UserName: aws.String("ada")})); !cloud.Expired(err) {
		t.Errorf("expired: %v", err)
	}
	proxy.Forget()
	proxy.Break(cloudtest.Lost, 1, cloudtest.Is("iam.CreateUser"))
	if err := a.user("bob", "/"); err == nil || cloud.Exists(err) || cloud.NotAccepted(err) || proxy.Calls()["iam.CreateUser"] != 1 {
		t.Errorf("a lost reply: %v after %v", err, proxy.Calls())
	}
	wantCode(t, "bob", a.user("bob", "/"), exists)
}

func TestTheProxyKnowsWhatIsAskedOfABucket(t *testing.T) {
	t.Parallel()
	proxy, session := proxied(t)
	client, bucket := session.S3(""), aws.String("proofs")
	good(t, err(client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: oregon},
	})))
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::proofs/*"}]}`
	good(t,
		err(client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: &policy})),
		err(client.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: bucket})),
		err(client.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: bucket})),
		err(client.ListBuckets(t.Context(), &s3.ListBucketsInput{})),
	)
	for _, operation := range []string{"s3.CreateBucket", "s3.PutBucketPolicy", "s3.GetBucketPolicy", "s3.GetPublicAccessBlock", "s3.ListBuckets"} {
		if proxy.Calls()[operation] != 1 {
			t.Errorf("%s is counted %d times in %v", operation, proxy.Calls()[operation], proxy.Calls())
		}
	}
	proxy.Break(cloudtest.Denied, 1, cloudtest.Is("s3.PutBucketPolicy"))
	if err := err(client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: &policy})); !cloud.Denied(err) {
		t.Errorf("denied: %v", err)
	}
}

func TestARequestWithoutASignatureIsCountedByItsMethod(t *testing.T) {
	t.Parallel()
	proxy, _ := proxied(t)
	proxy.Forget()
	reply, err := http.Get(proxy.Endpoint() + "/proofs/1.json")
	good(t, err)
	reply.Body.Close()
	if got := proxy.Calls(); len(got) != 1 || got["http.GET"] != 1 {
		t.Errorf("calls %v", got)
	}
}
