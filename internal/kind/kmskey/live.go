package kmskey

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	// aliasPage is the largest page of ListAliases (KMS API reference).
	aliasPage = 100
	// filterValues is how many values one tag filter may have (Resource Groups
	// Tagging API reference).
	filterValues = 20
)

// survey is what the listings of one region say before any key is looked at.
type survey struct {
	mu sync.Mutex
	// target maps an alias to the key id it points to.
	target map[string]string
	// tags maps a key id to its tags.
	tags map[string]map[string]string
	// pointing maps a key id to all aliases that point to it, in order.
	pointing map[string][]string
	// sure holds the key ids whose tags were read from the key itself; the
	// tagging API lags behind.
	sure map[string]bool
}

func newSurvey() *survey {
	return &survey{target: map[string]string{}, tags: map[string]map[string]string{}, sure: map[string]bool{}}
}

func (s *survey) pointsTo(alias string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target[alias]
}

// region reads the keys of one region.
type region struct {
	*kmsKey
	env      *config.Environment
	rights   rights
	name     string
	kms      API
	declared map[resource.ID]config.Key
	// narrow is true when only some ids are asked for: aliases are then looked up
	// one by one instead of all being listed.
	narrow bool

	mu   sync.Mutex
	seen kind.Observation[Spec]
}

func (k *kmsKey) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	var all kind.Observation[Spec]
	declared, rights := kind.KeysOf(env, Name), rightsOf(env)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		r := &region{kmsKey: k, env: env, rights: rights, name: name, kms: k.KMS(name), declared: declared[name]}
		join(&all, r.run(ctx, r.list))
	}
	return all
}

func (k *kmsKey) read(ctx context.Context, env *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	byRegion := map[string][]resource.ID{}
	for _, id := range ids {
		if id.Kind == Name {
			byRegion[id.Scope] = append(byRegion[id.Scope], id)
		}
	}
	var all kind.Observation[Spec]
	rights := rightsOf(env)
	for _, name := range slices.Sorted(maps.Keys(byRegion)) {
		wanted := byRegion[name]
		declared := kind.KeysOf(env, Name)[name]
		maps.DeleteFunc(declared, func(id resource.ID, _ config.Key) bool { return !slices.Contains(wanted, id) })
		r := &region{kmsKey: k, env: env, rights: rights, name: name, kms: k.KMS(name), declared: declared, narrow: true}
		join(&all, r.run(ctx, func(ctx context.Context) (*survey, error) { return r.look(ctx, wanted) }))
	}
	return all
}

func join(all *kind.Observation[Spec], more kind.Observation[Spec]) {
	all.Owned = append(all.Owned, more.Owned...)
	all.Foreign = append(all.Foreign, more.Foreign...)
	all.Facts = append(all.Facts, more.Facts...)
	all.Unread = append(all.Unread, more.Unread...)
}

func (r *region) run(ctx context.Context, find func(context.Context) (*survey, error)) kind.Observation[Spec] {
	found, err := find(ctx)
	if err == nil {
		err = r.sort(ctx, found)
	}
	if err != nil {
		// What part of a list is missing cannot be known: all of it is unread.
		return kind.Observation[Spec]{Unread: []resource.Unread{unread(Name+"/"+r.name, err)}}
	}
	byID := func(a, b kind.Object[Spec]) int { return a.ID.Compare(b.ID) }
	slices.SortFunc(r.seen.Owned, byID)
	slices.SortFunc(r.seen.Foreign, byID)
	slices.SortFunc(r.seen.Facts, resource.Fact.Compare)
	slices.SortFunc(r.seen.Unread, resource.Unread.Compare)
	return r.seen
}

// list reads all aliases and all keys with our mark, page by page.
func (r *region) list(ctx context.Context) (*survey, error) {
	s := newSurvey()
	// The two lists are independent; a plan waits for the slower one only.
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		in := &kms.ListAliasesInput{Limit: aws.Int32(aliasPage)}
		for {
			out, err := r.kms.ListAliases(ctx, in)
			if err != nil {
				return cloud.Explain("kms:ListAliases", r.name, err)
			}
			for _, alias := range out.Aliases {
				// AWS's own aliases may have no key yet.
				if target := aws.ToString(alias.TargetKeyId); target != "" {
					s.target[aws.ToString(alias.AliasName)] = target
				}
			}
			if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
				return nil
			}
		}
	})
	group.Go(func() error { return r.tagged(ctx, s, nil) })
	return s, group.Wait()
}

// tagged adds the keys that carry our environment's mark; with ids only those,
// read anew.
func (r *region) tagged(ctx context.Context, s *survey, ids []string) error {
	if r.Inventory != nil && len(ids) == 0 {
		found, err := r.Inventory.Of(ctx, r.name, kind.TypeKey)
		addKeys(s.tags, found)
		return err
	}
	filters := []tagging.TagFilter{{Key: aws.String(kind.TagEnvironment), Values: []string{r.env.Name}}}
	if len(ids) > 0 {
		filters = append(filters, tagging.TagFilter{Key: aws.String(kind.TagID), Values: ids})
	}
	found, err := cloud.Tagged(ctx, r.Tagging(r.name), r.name, filters, kind.TypeKey)
	addKeys(s.tags, found)
	return err
}

// addKeys files tags by key id.
func addKeys(tags, byARN map[string]map[string]string) {
	for arn, of := range byARN {
		if _, keyID, ok := strings.Cut(arn, ":key/"); ok {
			tags[keyID] = of
		}
	}
}

// look finds the wanted keys by their tags and their aliases, without listing
// anything else.
func (r *region) look(ctx context.Context, wanted []resource.ID) (*survey, error) {
	s := newSurvey()
	for chunk := range slices.Chunk(wanted, filterValues) {
		names := make([]string, len(chunk))
		for i, id := range chunk {
			names[i] = id.String()
		}
		if err := r.tagged(ctx, s, names); err != nil {
			return nil, err
		}
	}
	aliases := make([]string, 0, len(r.declared))
	for _, key := range r.declared {
		aliases = append(aliases, aliasOf(key))
	}
	if err := r.each(ctx, aliases, func(ctx context.Context, alias string) error { return r.resolve(ctx, s, alias) }); err != nil {
		return nil, err
	}
	// The tagging API may still show a tag that was removed.
	return s, r.each(ctx, slices.Collect(maps.Keys(s.tags)), func(ctx context.Context, keyID string) error { return r.confirm(ctx, s, keyID) })
}

// each works on many names at once and stops at the first error.
func (k *kmsKey) each(ctx context.Context, names []string, work func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(k.Parallel)
	for _, name := range names {
		group.Go(func() error { return work(ctx, name) })
	}
	return group.Wait()
}

// resolve asks where one alias points to.
func (r *region) resolve(ctx context.Context, s *survey, alias string) error {
	out, err := r.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(alias)})
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case cloud.NotFound(err):
		delete(s.target, alias)
		return nil
	case err != nil:
		return cloud.Explain("kms:DescribeKey", alias, err)
	}
	s.target[alias] = aws.ToString(out.KeyMetadata.KeyId)
	return nil
}

// confirm reads a key's tags from the key itself.
func (r *region) confirm(ctx context.Context, s *survey, keyID string) error {
	tags, err := r.tagsOf(ctx, r.kms, keyID)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case cloud.NotFound(err):
		// The tagging API lists what is long deleted.
		delete(s.tags, keyID)
		return nil
	case err != nil:
		return err
	}
	s.tags[keyID], s.sure[keyID] = tags, true
	return nil
}

func (k *kmsKey) tagsOf(ctx context.Context, api API, keyID string) (map[string]string, error) {
	tags := map[string]string{}
	in := &kms.ListResourceTagsInput{KeyId: aws.String(keyID)}
	for {
		out, err := api.ListResourceTags(ctx, in)
		if err != nil {
			return nil, cloud.Explain("kms:ListResourceTags", keyID, err)
		}
		for _, tag := range out.Tags {
			tags[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			return tags, nil
		}
	}
}

// unread words a failed call; scope is a region of the kind, or one key.
func unread(scope string, err error) resource.Unread {
	operation, cause := cloud.Operation(err)
	return resource.Unread{Scope: scope, Operation: operation, Cause: cause}
}
