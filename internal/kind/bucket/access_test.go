package bucket_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
)

type accessValues = access.Values

func literals(texts ...string) access.Values { return access.Literals(texts...) }

func TestAnybodyReadsAndOnlyWritersWriteAndOnlyByTLS(t *testing.T) {
	t.Parallel()
	for name, stated := range map[string]config.Bucket{"closed to listing": proofs(), "open to listing": listed()} {
		const own = "arn:aws:iam::" + account + ":user/processor"
		stated.Writers = append(stated.Writers, own)
		b := newBench(t, stated)
		out, err := b.fake.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("processor")})
		must(t, out, err)
		b.create()
		live := b.spec(stated.ResourceID())
		arn := "arn:aws:s3:::" + stated.Bucket
		world := access.World{Account: account, Buckets: []access.Bucket{{
			ID: stated.ResourceID(), ARN: arn, Policy: *live.Policy, RestrictPublic: live.PublicAccess.RestrictBuckets,
		}}}
		world.Directory.Users = []access.User{{Entity: access.Entity{ARN: own, Name: "processor", Path: "/"}}}
		listing := access.NotAllowed
		if stated.Listing {
			listing = access.Allowed
		}
		const stranger = "arn:aws:iam::777788889999:user/mallory"
		for _, c := range []struct {
			who, action, on, tls string
			want                 access.Verdict
		}{
			{"", "s3:GetObject", arn + "/a", "true", access.Allowed},
			{"", "s3:GetObject", arn + "/a", "false", access.Allowed},
			{"", "s3:ListBucket", arn, "true", listing},
			{"", "s3:ListBucket", arn, "false", noTLS(stated)},
			{"", "s3:PutObject", arn + "/a", "true", access.NotAllowed},
			{"", "s3:DeleteObject", arn + "/a", "true", access.NotAllowed},
			{"", "s3:GetObjectVersion", arn + "/a", "true", access.NotAllowed},
			{"", "s3:PutBucketPolicy", arn, "true", access.NotAllowed},
			{stranger, "s3:PutObject", arn + "/a", "true", access.NotAllowed},
			{own, "s3:PutObject", arn + "/a", "true", access.Allowed},
			{own, "s3:PutObject", arn + "/a", "false", access.Denied},
			{own, "s3:GetObject", arn + "/a", "true", access.Allowed},
			{own, "s3:ListBucket", arn, "true", access.Allowed},
			{own, "s3:DeleteObject", arn + "/a", "true", access.NotAllowed},
			{own, "s3:DeleteObjectVersion", arn + "/a", "true", access.NotAllowed},
			{own, "s3:PutBucketPolicy", arn, "true", access.NotAllowed},
			{own, "s3:PutBucketPolicy", arn, "false", access.Denied},
		} {
			d := world.Decide(access.Request{Principal: c.who, Action: c.action, Resource: c.on, Context: map[string][]string{"aws:SecureTransport": {c.tls}}})
			if d.Verdict != c.want {
				t.Errorf("%s: %q %s with TLS %s: %s (%s), want %s", name, c.who, c.action, c.tls, d.Verdict, d.Reason, c.want)
			}
		}
		// A writer of another account is let in, by TLS; its own account decides.
		for tls, want := range map[string]bool{"true": true, "false": false} {
			d := world.Decide(access.Request{Principal: writer, Action: "s3:PutObject", Resource: arn + "/a", Context: map[string][]string{"aws:SecureTransport": {tls}}})
			if d.Admitted != want || d.Verdict == access.Allowed {
				t.Errorf("%s: the external writer with TLS %s: %+v", name, tls, d)
			}
		}
	}
}

func listed() config.Bucket {
	b := proofs()
	b.Listing = true
	return b
}

// noTLS is what listing by plain HTTP gives: what anybody may do needs no TLS,
// everything else does.
func noTLS(b config.Bucket) access.Verdict {
	if b.Listing {
		return access.Allowed
	}
	return access.Denied
}
