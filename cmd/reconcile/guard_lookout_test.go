package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
)

// A lookout tells guards what the conditions of policies see of an account. It
// looks past the guards, and remembers until something is written through them.
type lookout struct {
	direct *cloud.Session

	mu       sync.Mutex
	keys     map[string]seenKey
	walked   *access.Directory
	policies map[string]access.Document
}

type seenKey struct {
	key  *access.Key
	spec string
}

func newLookout(direct *cloud.Session) *lookout {
	l := &lookout{direct: direct}
	l.forget()
	return l
}

// passed forgets what a call that went through may have changed.
func (l *lookout) passed(r *http.Request, body []byte) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if form, err := url.ParseQuery(string(body)); err == nil && operation == "" {
		operation = form.Get("Action")
	}
	for _, reads := range []string{"Get", "List", "Describe"} {
		if strings.HasPrefix(operation, reads) || operation == "" && r.Method != http.MethodPut {
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch serviceOf(r) {
	case "iam":
		l.walked = nil
	case "kms":
		l.keys = map[string]seenKey{}
	case "s3":
		l.policies = map[string]access.Document{}
	}
}

// forget forgets everything: somebody wrote past the guards.
func (l *lookout) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys, l.walked, l.policies = map[string]seenKey{}, nil, map[string]access.Document{}
}

func (l *lookout) directory(ctx context.Context) (*access.Directory, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.walked != nil {
		return l.walked, nil
	}
	live, err := cloud.NewDirectory(l.direct.IAM(), cloud.Clock{}, nil).All(ctx)
	l.walked = live
	return live, err
}

func (l *lookout) bucketPolicy(ctx context.Context, region, bucket string) access.Document {
	l.mu.Lock()
	defer l.mu.Unlock()
	policy, known := l.policies[bucket]
	if !known {
		if out, err := l.direct.S3(region).GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String(bucket)}); err == nil {
			policy = access.Read(aws.ToString(out.Policy))
		}
		l.policies[bucket] = policy
	}
	return policy
}

// key is a live key as conditions and its own policy see it, with its spec.
func (l *lookout) key(ctx context.Context, region, id string) (*access.Key, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen, known := l.keys[region+id]; known {
		return seen.key, seen.spec, nil
	}
	key, spec, err := l.readKey(ctx, region, id)
	if err != nil {
		return nil, "", err
	}
	l.keys[region+id] = seenKey{key, spec}
	return key, spec, nil
}

func (l *lookout) readKey(ctx context.Context, region, id string) (*access.Key, string, error) {
	api := l.direct.KMS(region)
	described, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
	if err != nil {
		return nil, "", err
	}
	arn := described.KeyMetadata.Arn
	key := &access.Key{ARN: aws.ToString(arn), Tags: map[string]string{}}
	aliases, err := api.ListAliases(ctx, &kms.ListAliasesInput{KeyId: arn})
	if err != nil {
		return nil, "", err
	}
	for _, a := range aliases.Aliases {
		key.Aliases = append(key.Aliases, aws.ToString(a.AliasName))
	}
	tags, err := api.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: arn})
	if err != nil {
		return nil, "", err
	}
	for _, t := range tags.Tags {
		key.Tags[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
	}
	policy, err := api.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: arn, PolicyName: aws.String("default")})
	if err != nil {
		return nil, "", err
	}
	key.Policy = access.Read(aws.ToString(policy.Policy))
	return key, string(described.KeyMetadata.KeySpec), nil
}
