package worlds_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// onlooker reads the account as it is, by other code than the kinds'.
type onlooker struct {
	fake *cloudtest.Fake
	live *access.Directory
	keys []access.Key
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// look reads anew what an operation may have changed; "" is everything.
func (o *onlooker) look(operation string) *access.World {
	if o.live == nil || operation == "" || strings.HasPrefix(operation, "iam.") {
		o.live = must(cloud.NewDirectory(o.fake.IAM(), cloud.Clock{}, nil).All(context.Background()))
	}
	// Who is removed is named by another text in the policies of keys.
	if o.keys == nil || operation == "" || strings.HasPrefix(operation, "kms.") || strings.HasPrefix(operation, "iam.Delete") {
		o.keys = o.readKeys()
	}
	return &access.World{Account: account, Environment: envName, Directory: *o.live, Keys: o.keys}
}

func (o *onlooker) readKeys() []access.Key {
	ctx, api := context.Background(), o.fake.KMS(oregon)
	keys := []access.Key{}
	for _, entry := range must(api.ListKeys(ctx, &kms.ListKeysInput{Limit: aws.Int32(1000)})).Keys {
		key := access.Key{ARN: aws.ToString(entry.KeyArn), Tags: map[string]string{}}
		for _, tag := range must(api.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: entry.KeyId})).Tags {
			key.Tags[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
		}
		key.ID, _ = resource.ParseID(key.Tags[kind.TagID])
		for _, alias := range must(api.ListAliases(ctx, &kms.ListAliasesInput{KeyId: entry.KeyId, Limit: aws.Int32(100)})).Aliases {
			key.Aliases = append(key.Aliases, aws.ToString(alias.AliasName))
		}
		key.Policy = access.Read(aws.ToString(must(api.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: entry.KeyId})).Policy))
		for _, g := range must(api.ListGrants(ctx, &kms.ListGrantsInput{KeyId: entry.KeyId})).Grants {
			grant := access.Grant{ID: aws.ToString(g.GrantId), Grantee: aws.ToString(g.GranteePrincipal)}
			for _, op := range g.Operations {
				grant.Operations = append(grant.Operations, string(op))
			}
			key.Grants = append(key.Grants, grant)
		}
		keys = append(keys, key)
	}
	return keys
}

// signs reports whether the account lets a principal sign, whatever its own
// account says of it.
func signs(ix interface {
	Decide(access.Request) access.Decision
}, principal, keyARN string) bool {
	d := ix.Decide(access.Request{Principal: principal, Action: "kms:Sign", Resource: keyARN})
	return d.Verdict == access.Allowed || d.Verdict == access.Unknown && d.Admitted
}

// objects is every object of the account in full, by ARN or name: what is
// compared byte for byte.
func (o *onlooker) objects() map[string]string {
	all := map[string]string{}
	put := func(name string, v any) { all[name] = string(must(json.Marshal(v))) }
	live := must(cloud.NewDirectory(o.fake.IAM(), cloud.Clock{}, nil).All(context.Background()))
	for _, u := range live.Users {
		keys := must(o.fake.IAM().ListAccessKeys(context.Background(), listKeys(u.Name))).AccessKeyMetadata
		put(u.ARN, []any{u.Entity, len(keys)})
	}
	for _, g := range live.Groups {
		// Whether our own users are in a stranger's group is our business.
		g.Members = slices.DeleteFunc(append([]string{}, g.Members...), func(name string) bool { return name != stranger })
		put(g.ARN, g)
	}
	for _, r := range live.Roles {
		put(r.ARN, r)
	}
	for _, p := range live.Policies {
		p.Attachments = 0
		put(p.ARN, p)
	}
	for _, k := range o.readKeys() {
		put(k.ARN, k)
	}
	o.buckets(put)
	o.secrets(put)
	return all
}

func (o *onlooker) buckets(put func(string, any)) {
	ctx, api := context.Background(), o.fake.S3(oregon)
	for _, b := range must(api.ListBuckets(ctx, &s3.ListBucketsInput{})).Buckets {
		var parts []any
		if policy, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b.Name}); err == nil {
			parts = append(parts, aws.ToString(policy.Policy))
		}
		if block, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b.Name}); err == nil {
			parts = append(parts, block.PublicAccessBlockConfiguration)
		}
		if tags, err := api.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b.Name}); err == nil {
			parts = append(parts, tags.TagSet)
		}
		put("arn:aws:s3:::"+aws.ToString(b.Name), parts)
	}
}

func (o *onlooker) secrets(put func(string, any)) {
	out := must(o.fake.SecretsManager(oregon).ListSecrets(context.Background(), &secretsmanager.ListSecretsInput{}))
	for _, s := range out.SecretList {
		put(aws.ToString(s.ARN), []any{s.Name, s.Tags, s.Description})
	}
}

// end is what the account means in the end: ids and ARNs of keys, which depend on
// who came first, stand under the names of the keys.
func (o *onlooker) end() string {
	world := o.look("")
	names := []string{}
	for _, k := range world.Keys {
		names = append(names, k.ARN, k.ID.String())
	}
	text := strings.NewReplacer(names...)
	var lines []string
	add := func(v ...any) {
		// Lists in a document stand in the order of ARNs.
		words := strings.Split(text.Replace(string(must(json.Marshal(v)))), `"`)
		slices.Sort(words)
		lines = append(lines, strings.Join(words, " "))
	}
	plainTags := func(tags map[string]string) map[string]string {
		tags = maps.Clone(tags)
		delete(tags, kind.TagIntent)
		delete(tags, kind.TagAddress)
		return tags
	}
	for _, u := range world.Directory.Users {
		add(u.ARN, u.Attached, u.Inline, u.Boundary, u.Groups, plainTags(u.Tags))
	}
	for _, g := range world.Directory.Groups {
		add(g.ARN, g.Attached, g.Inline, g.Members)
	}
	for _, r := range world.Directory.Roles {
		add(r.ARN, r.Attached, r.Inline, r.Boundary, plainTags(r.Tags), r.Trust.Canonical())
	}
	for _, p := range world.Directory.Policies {
		add(p.ARN, p.Document.Canonical())
	}
	for _, k := range world.Keys {
		add(k.ID, k.Aliases, k.Policy.Canonical(), len(k.Grants), plainTags(k.Tags))
	}
	o.buckets(func(name string, v any) {
		if _, tags, ok := strings.Cut(string(must(json.Marshal(v))), kind.TagIntent); !ok || tags != "" {
			add(name)
		}
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
