package cloud

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"golang.org/x/sync/errgroup"
)

// KeyringAPI is what reading keys needs of KMS in one region.
type KeyringAPI interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error)
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	ListAliases(context.Context, *kms.ListAliasesInput, ...func(*kms.Options)) (*kms.ListAliasesOutput, error)
	ListGrants(context.Context, *kms.ListGrantsInput, ...func(*kms.Options)) (*kms.ListGrantsOutput, error)
	ListKeys(context.Context, *kms.ListKeysInput, ...func(*kms.Options)) (*kms.ListKeysOutput, error)
	ListResourceTags(context.Context, *kms.ListResourceTagsInput, ...func(*kms.Options)) (*kms.ListResourceTagsOutput, error)
}

// Keyring reads the keys of one region. Its methods may be called from many
// goroutines.
type Keyring struct {
	KMS     KeyringAPI
	Tagging TaggingAPI
	Region  string
	// Parallel bounds concurrent calls.
	Parallel int
}

const (
	// aliasPage and keyPage are the largest pages of ListAliases and ListKeys (KMS
	// API reference).
	aliasPage = 100
	keyPage   = 1000
	// tagValues is how many values one tag filter may have (Resource Groups
	// Tagging API reference).
	tagValues = 20
)

// typeKey is a KMS key as the tagging API calls it.
const typeKey = "kms:key"

// Tag is one tag that resources are looked for by.
type Tag struct{ Key, Value string }

// filter finds a tag with one of some values.
func filter(key string, values ...string) tagging.TagFilter {
	return tagging.TagFilter{Key: aws.String(key), Values: values}
}

// tagged finds keys by their tags: key id to tags. The list lags behind.
func (k Keyring) tagged(ctx context.Context, filters ...tagging.TagFilter) (map[string]map[string]string, error) {
	found, err := Tagged(ctx, k.Tagging, k.Region, filters, typeKey)
	return byKeyID(found), err
}

// byKeyID files tags by key id instead of ARN.
func byKeyID(byARN map[string]map[string]string) map[string]map[string]string {
	tags := make(map[string]map[string]string, len(byARN))
	for arn, of := range byARN {
		if _, keyID, ok := strings.Cut(arn, ":key/"); ok {
			tags[keyID] = of
		}
	}
	return tags
}

// each works on many names at once and stops at the first error.
func (k Keyring) each(ctx context.Context, names []string, work func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(k.Parallel)
	for _, name := range names {
		group.Go(func() error { return work(ctx, name) })
	}
	return group.Wait()
}

// Aliases lists the aliases of one key, or with an empty key all of the region:
// alias to key id. AWS's own that have no key yet are left out.
func (k Keyring) Aliases(ctx context.Context, keyID string) (map[string]string, error) {
	in, about := &kms.ListAliasesInput{Limit: aws.Int32(aliasPage)}, k.Region
	if keyID != "" {
		in.KeyId, about = aws.String(keyID), keyID
	}
	target := map[string]string{}
	for {
		out, err := k.KMS.ListAliases(ctx, in)
		if err != nil {
			return nil, Explain("kms:ListAliases", about, err)
		}
		for _, alias := range out.Aliases {
			if id := aws.ToString(alias.TargetKeyId); id != "" {
				target[aws.ToString(alias.AliasName)] = id
			}
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			return target, nil
		}
	}
}

// Made finds the keys that carry one of the values of a tag: by the tagging API
// over the time that it may lag, and then by the tags of every key of the
// region, because a key that is overlooked is made a second time.
func (k Keyring) Made(ctx context.Context, clock Clock, waits []time.Duration, key string, values []string) ([]string, error) {
	found := map[string]bool{}
	_, err := clock.Await(ctx, waits, func() (bool, error) {
		for chunk := range slices.Chunk(values, tagValues) {
			keys, err := k.tagged(ctx, filter(key, chunk...))
			if err != nil {
				return false, err
			}
			for id := range keys {
				found[id] = true
			}
		}
		return len(found) > 0, nil
	})
	if err == nil && len(found) == 0 {
		err = k.walk(ctx, func(id string, tags map[string]string) {
			if slices.Contains(values, tags[key]) {
				found[id] = true
			}
		})
	}
	return slices.Sorted(maps.Keys(found)), err
}

// walk reads the tags of every key of the region; visit is called by one at a
// time.
func (k Keyring) walk(ctx context.Context, visit func(keyID string, tags map[string]string)) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(k.Parallel)
	in := &kms.ListKeysInput{Limit: aws.Int32(keyPage)}
	for {
		out, err := k.KMS.ListKeys(ctx, in)
		if err != nil {
			return errors.Join(Explain("kms:ListKeys", k.Region, err), group.Wait())
		}
		for _, key := range out.Keys {
			keyID := aws.ToString(key.KeyId)
			group.Go(func() error {
				tags, err := k.Tags(ctx, keyID)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					visit(keyID, tags)
				}
				if NotFound(err) {
					return nil
				}
				return err
			})
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			return group.Wait()
		}
	}
}
