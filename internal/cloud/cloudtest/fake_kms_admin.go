package cloudtest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
)

// The operations of this file are what other people do: the kinds never call
// them, tests and the emulator's side of a test do.

// DisableKey disables a key.
func (k *KMS) DisableKey(_ context.Context, in *kms.DisableKeyInput, _ ...func(*kms.Options)) (*kms.DisableKeyOutput, error) {
	return answer(k.fake, "kms.DisableKey", func() (*kms.DisableKeyOutput, error) {
		key, err := k.alive(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		key.state = string(types.KeyStateDisabled)
		return &kms.DisableKeyOutput{}, nil
	})
}

// ScheduleKeyDeletion puts a key into the state PendingDeletion.
func (k *KMS) ScheduleKeyDeletion(_ context.Context, in *kms.ScheduleKeyDeletionInput, _ ...func(*kms.Options)) (*kms.ScheduleKeyDeletionOutput, error) {
	return answer(k.fake, "kms.ScheduleKeyDeletion", func() (*kms.ScheduleKeyDeletionOutput, error) {
		key, err := k.alive(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		key.state = string(types.KeyStatePendingDeletion)
		return &kms.ScheduleKeyDeletionOutput{KeyId: aws.String(key.arn)}, nil
	})
}

// UpdateAlias points an alias at another key.
func (k *KMS) UpdateAlias(_ context.Context, in *kms.UpdateAliasInput, _ ...func(*kms.Options)) (*kms.UpdateAliasOutput, error) {
	return answer(k.fake, "kms.UpdateAlias", func() (*kms.UpdateAliasOutput, error) {
		if _, err := k.find(aws.ToString(in.AliasName)); err != nil {
			return nil, err
		}
		key, err := k.alive(aws.ToString(in.TargetKeyId))
		if err != nil {
			return nil, err
		}
		k.region().aliases[aws.ToString(in.AliasName)] = key.id
		return &kms.UpdateAliasOutput{}, nil
	})
}

// DeleteAlias removes an alias and leaves its key.
func (k *KMS) DeleteAlias(_ context.Context, in *kms.DeleteAliasInput, _ ...func(*kms.Options)) (*kms.DeleteAliasOutput, error) {
	return answer(k.fake, "kms.DeleteAlias", func() (*kms.DeleteAliasOutput, error) {
		if _, err := k.find(aws.ToString(in.AliasName)); err != nil {
			return nil, err
		}
		delete(k.region().aliases, aws.ToString(in.AliasName))
		return &kms.DeleteAliasOutput{}, nil
	})
}

// UntagResource removes tags.
func (k *KMS) UntagResource(_ context.Context, in *kms.UntagResourceInput, _ ...func(*kms.Options)) (*kms.UntagResourceOutput, error) {
	return answer(k.fake, "kms.UntagResource", func() (*kms.UntagResourceOutput, error) {
		key, err := k.alive(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		for _, name := range in.TagKeys {
			delete(key.tags, name)
		}
		return &kms.UntagResourceOutput{}, nil
	})
}

// Tagging is the fake's Resource Groups Tagging API in one region.
type Tagging struct {
	fake *Fake
	name string
}

// Tagging is the client of one region.
func (f *Fake) Tagging(region string) *Tagging { return &Tagging{fake: f, name: region} }

// GetResources pages by at most 100. It knows keys, secrets and buckets.
func (t *Tagging) GetResources(_ context.Context, in *resourcegroupstaggingapi.GetResourcesInput, _ ...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error) {
	return answer(t.fake, "tagging.GetResources", func() (*resourcegroupstaggingapi.GetResourcesOutput, error) {
		limit, err := limitOf(in.ResourcesPerPage, 50, 100)
		if err != nil {
			return nil, err
		}
		var all []tagging.ResourceTagMapping
		add := func(kind, arn string, tags map[string]string) {
			if (len(in.ResourceTypeFilters) == 0 || slices.Contains(in.ResourceTypeFilters, kind)) && matchesTags(in.TagFilters, tags) {
				all = append(all, mapping(arn, tags))
			}
		}
		r := t.fake.region(t.name).listed()
		for _, id := range r.order {
			add("kms:key", r.keys[id].arn, r.keys[id].tags)
		}
		for _, name := range slices.Sorted(maps.Keys(r.secrets)) {
			add("secretsmanager:secret", r.secrets[name].arn, r.secrets[name].tags)
		}
		buckets := t.fake.s3.listed()
		for _, name := range slices.Sorted(maps.Keys(buckets)) {
			if b := buckets[name]; b.region == t.name {
				add("s3:bucket", "arn:aws:s3:::"+name, b.tags)
			}
		}
		part, next, err := page(all, aws.ToString(in.PaginationToken), limit)
		if err != nil {
			return nil, err
		}
		return &resourcegroupstaggingapi.GetResourcesOutput{ResourceTagMappingList: part, PaginationToken: aws.String(next)}, nil
	})
}

// matchesTags wants every filter's key, with one of its values where it has
// any. Unlike Secrets Manager's, these filters match whole values.
func matchesTags(filters []tagging.TagFilter, tags map[string]string) bool {
	for _, filter := range filters {
		value, has := tags[aws.ToString(filter.Key)]
		if !has || (len(filter.Values) > 0 && !slices.Contains(filter.Values, value)) {
			return false
		}
	}
	return len(tags) > 0
}

func mapping(arn string, tags map[string]string) tagging.ResourceTagMapping {
	m := tagging.ResourceTagMapping{ResourceARN: aws.String(arn)}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		m.Tags = append(m.Tags, tagging.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return m
}

// hasPrefix reports whether any of the values is a prefix of the text.
func hasPrefix(text string, values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.HasPrefix(text, v) })
}
