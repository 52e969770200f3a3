package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// sweep reads the buckets of one environment, or some of them.
type sweep struct {
	*buckets
	env *config.Environment
	// only narrows the sweep to some ids; nil means all.
	only     []resource.ID
	declared map[resource.ID]config.Bucket
	found    map[string]cloud.BucketConfig // by name
	seen     kind.Observation[Spec]
	// directory reads IAM, once, and only if somebody asks.
	directory func() (*access.Directory, error)
}

// observe reads what is declared, and what carries our mark.
func (k *buckets) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	return k.look(ctx, env, nil, k.Directory.All)
}

// read is observe narrowed.
func (k *buckets) read(ctx context.Context, env *config.Environment, wanted []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	return k.look(ctx, env, append([]resource.ID{}, wanted...), k.Directory.Fresh)
}

// look reads what is declared by its name, and finds what is not by its mark.
func (k *buckets) look(ctx context.Context, env *config.Environment, only []resource.ID, iam func(context.Context) (*access.Directory, error)) kind.Observation[Spec] {
	s := &sweep{buckets: k, env: env, only: only, declared: declared(env), found: map[string]cloud.BucketConfig{}}
	s.directory = sync.OnceValues(func() (*access.Directory, error) { return iam(ctx) })
	maps.DeleteFunc(s.declared, func(id resource.ID, _ config.Bucket) bool { return !kind.Asked(only, id) })
	named, ids, regions := map[string]string{}, map[string][]resource.ID{}, map[string]bool{}
	for id, b := range s.declared {
		named[b.Bucket], ids[b.Bucket] = id.Scope, append(ids[b.Bucket], id)
		regions[id.Scope] = only == nil
	}
	regions[env.AWS.Region] = only == nil
	for _, id := range only {
		if _, known := s.declared[id]; !known && id.Kind == Name {
			regions[id.Scope] = true
		}
	}
	maps.DeleteFunc(regions, func(_ string, searched bool) bool { return !searched })
	found, unread := s.Buckets.Survey(ctx, cloud.BucketSearch{
		Home: env.AWS.Region, Named: named, Marked: s.Inventory, Regions: slices.Sorted(maps.Keys(regions)),
		Wanted: func(region, name string, tags map[string]string) bool {
			id, ours := kind.MarkedFor(tags, env.Name, Name, region, name)
			wanted := ours && kind.Asked(only, id)
			if wanted && !slices.Contains(ids[name], id) {
				ids[name] = append(ids[name], id)
			}
			return wanted
		},
	})
	for region, err := range unread {
		s.miss(Name+"/"+region, err)
	}
	for name, one := range found {
		s.take(name, one, ids[name])
	}
	s.file()
	slices.SortFunc(s.seen.Facts, resource.Fact.Compare)
	slices.SortFunc(s.seen.Unread, resource.Unread.Compare)
	return s.seen
}

// take sorts what the survey says of a bucket, and of the ids that it may stand
// for.
func (s *sweep) take(name string, one cloud.Surveyed, ids []resource.ID) {
	if one.Err == nil {
		s.found[name] = one.BucketConfig
		return
	}
	for _, id := range ids {
		if errors.As(one.Err, new(*cloud.TakenError)) {
			s.note(id, factTaken, name)
		} else {
			s.miss(id.String(), one.Err)
		}
	}
}

func (s *sweep) miss(scope string, err error) {
	s.seen.Unread = append(s.seen.Unread, cloud.Unread(scope, err))
}

func (s *sweep) note(id resource.ID, name, value string) {
	s.seen.Facts = append(s.seen.Facts, resource.Fact{ID: id, Name: name, Value: value})
}

// file sorts the buckets into ours and others', and notes what is odd about those
// that are declared.
func (s *sweep) file() {
	names, live := map[resource.ID]string{}, map[string]kind.Live{}
	for name, b := range s.found {
		live[name] = kind.Live{Scope: b.Region, Tags: b.Tags}
	}
	for id, c := range s.declared {
		names[id] = c.Bucket
		b, there := s.found[c.Bucket]
		if there && b.Region != id.Scope {
			s.note(id, factRegion, b.Region)
		}
		if lost := s.cutOff(b, c); len(lost) > 0 {
			s.note(id, factCutOff, strings.Join(lost, " "))
		}
	}
	found, facts := kind.Named{Kind: Name, Environment: s.env.Name, Declared: names, Only: s.only}.File(live)
	s.seen.Facts = append(s.seen.Facts, facts...)
	for _, f := range found {
		if object := s.object(f.ID, s.found[f.Name], f.Ours); f.Ours {
			s.seen.Owned = append(s.seen.Owned, object)
		} else {
			s.seen.Foreign = append(s.seen.Foreign, object)
		}
	}
}

func (s *sweep) object(id resource.ID, b cloud.BucketConfig, ours bool) kind.Object[Spec] {
	c, known := s.declared[id]
	spec := Spec{Bucket: b.Name, Region: b.Region, Mark: kind.MarkOf(b.Tags, s.env.Name, ours), Protect: b.Tags[kind.TagProtect] == "true"}
	spec.BucketSettings = cloud.BucketSettings{
		Tags: kind.ShownTags(b.Tags, peopleTags(c), known), PublicAccess: &b.PublicAccess,
		Ownership: b.Ownership, Versioning: b.Versioning, Encryption: b.Encryption,
	}
	if b.Policy != "" {
		policy := access.Read(b.Policy)
		spec.Policy = &policy
	}
	tags, _ := resource.Canonical(b.Tags)
	return kind.Object[Spec]{ID: id, Spec: spec, Outputs: resource.Outputs{
		"arn": cloud.BucketARN(b.Name), "policyDigest": digest(b.Policy), "tagsDigest": digest(string(tags)),
	}}
}

// digest names a text that a step must find as it was planned.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
