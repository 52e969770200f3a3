package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// sweep reads the buckets of one environment, or some of them.
type sweep struct {
	*buckets
	env      *config.Environment
	declared map[resource.ID]config.Bucket
	// directory reads IAM.
	directory func(*cloud.Directory, context.Context) (*access.Directory, error)

	mu    sync.Mutex
	found map[string]*live // by name
	seen  kind.Observation[Spec]
}

// observe reads what is declared, and what carries our mark.
func (k *buckets) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	s := &sweep{buckets: k, env: env, declared: declared(env), found: map[string]*live{}, directory: (*cloud.Directory).All}
	ids := map[string][]resource.ID{}
	for id, b := range s.declared {
		ids[b.Bucket] = append(ids[b.Bucket], id)
	}
	regions := map[string]bool{env.AWS.Region: true}
	for id := range s.declared {
		regions[id.Scope] = true
	}
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		s.marked(ctx, region, ids, nil)
	}
	return s.run(ctx, ids)
}

// read is observe narrowed. What is not declared any more is looked for by its
// mark; what is declared has a name.
func (k *buckets) read(ctx context.Context, env *config.Environment, wanted []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	s := &sweep{buckets: k, env: env, declared: declared(env), found: map[string]*live{}, directory: (*cloud.Directory).Fresh}
	maps.DeleteFunc(s.declared, func(id resource.ID, _ config.Bucket) bool { return !slices.Contains(wanted, id) })
	ids := map[string][]resource.ID{}
	regions := map[string]bool{}
	for _, id := range wanted {
		if b, known := s.declared[id]; known {
			ids[b.Bucket] = append(ids[b.Bucket], id)
		} else if id.Kind == Name {
			regions[id.Scope] = true
		}
	}
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		s.marked(ctx, region, ids, wanted)
	}
	seen := s.run(ctx, ids)
	unwanted := func(id resource.ID) bool { return !slices.Contains(wanted, id) }
	seen.Owned = slices.DeleteFunc(seen.Owned, func(o kind.Object[Spec]) bool { return unwanted(o.ID) })
	return seen
}

// marked adds the buckets of one region that carry our mark, and stand for one
// of the wanted ids where some are given.
func (s *sweep) marked(ctx context.Context, region string, ids map[string][]resource.ID, wanted []resource.ID) {
	tagged, err := s.Inventory.Of(ctx, region, kind.TypeBucket)
	if err != nil {
		s.miss(Name+"/"+region, err)
		return
	}
	for arn, tags := range tagged {
		name := strings.TrimPrefix(arn, arnOf(""))
		id, ours := kind.MarkedFor(tags, s.env.Name, Name, region, name)
		if ours && (wanted == nil || slices.Contains(wanted, id)) && !slices.Contains(ids[name], id) {
			ids[name] = append(ids[name], id)
		}
	}
}

func (s *sweep) miss(scope string, err error) {
	operation, cause := cloud.Operation(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Unread = append(s.seen.Unread, resource.Unread{Scope: scope, Operation: operation, Cause: cause})
}

func (s *sweep) note(id resource.ID, name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Facts = append(s.seen.Facts, resource.Fact{ID: id, Name: name, Value: value})
}

// run reads the named buckets, each with the ids that it may stand for.
func (s *sweep) run(ctx context.Context, ids map[string][]resource.ID) kind.Observation[Spec] {
	names := slices.Sorted(maps.Keys(ids))
	if len(names) > 0 {
		regions, err := s.list(ctx, names)
		if err != nil {
			s.unread(slices.Concat(slices.Collect(maps.Values(ids))...), err)
			names = nil
		}
		var group errgroup.Group
		group.SetLimit(s.Parallel)
		for _, name := range names {
			group.Go(func() error { s.visit(ctx, name, regions[name], ids[name]); return nil })
		}
		_ = group.Wait()
	}
	s.file()
	slices.SortFunc(s.seen.Facts, resource.Fact.Compare)
	slices.SortFunc(s.seen.Unread, resource.Unread.Compare)
	return s.seen
}

// pageSize is the largest page of ListBuckets (S3 API reference). A list with a
// size also tells the Region of each bucket.
const pageSize = 10000

// list maps the account's buckets to their regions.
func (s *sweep) list(ctx context.Context, names []string) (map[string]string, error) {
	in := &s3.ListBucketsInput{MaxBuckets: aws.Int32(pageSize)}
	if len(names) == 1 {
		in.Prefix = aws.String(names[0])
	}
	regions := map[string]string{}
	for {
		out, err := s.S3(s.env.AWS.Region).ListBuckets(ctx, in)
		if err != nil {
			return nil, cloud.Explain("s3:ListAllMyBuckets", "account "+s.Account, err)
		}
		for _, b := range out.Buckets {
			regions[aws.ToString(b.Name)] = aws.ToString(b.BucketRegion)
		}
		if in.ContinuationToken = out.ContinuationToken; aws.ToString(in.ContinuationToken) == "" {
			return regions, nil
		}
	}
}

// visit reads one bucket. One that is declared and not in the account's list is
// asked for by name: the list may lag, and the name may be somebody else's.
func (s *sweep) visit(ctx context.Context, name, region string, ids []resource.ID) {
	if region == "" {
		region = ids[0].Scope
		out, err := s.S3(region).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name, ExpectedBucketOwner: &s.Account})
		switch {
		case err == nil && aws.ToString(out.BucketRegion) != "":
			region = *out.BucketRegion
		case cloud.NotFound(err):
			return
		case elsewhere(err):
			for _, id := range ids {
				s.note(id, factTaken, name)
			}
			return
		case err != nil:
			s.unread(ids, cloud.Explain("s3:ListBucket", name, err))
			return
		}
	}
	b, err := s.fetch(ctx, name, region)
	if cloud.NotFound(err) {
		return
	}
	if err != nil {
		s.unread(ids, err)
		return
	}
	for _, id := range ids {
		if c, known := s.declared[id]; known && c.Bucket == name {
			if lost := s.cutOff(ctx, b, c); len(lost) > 0 {
				s.note(id, factCutOff, strings.Join(lost, " "))
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found[name] = b
}

func (s *sweep) unread(ids []resource.ID, err error) {
	for _, id := range ids {
		s.miss(id.String(), err)
	}
}

// elsewhere reports the answers that S3 gives for a bucket that exists and is
// not the account's, or not where it was asked for. They have no body, so that
// their codes are those of HTTP.
func elsewhere(err error) bool {
	return cloud.Denied(err) || cloud.HasCode(err, "Forbidden", "MovedPermanently", "PermanentRedirect")
}

// file sorts the buckets into ours and others', one per id.
func (s *sweep) file() {
	owners := map[resource.ID][]*live{}
	for _, name := range slices.Sorted(maps.Keys(s.found)) {
		b := s.found[name]
		if id, ours := kind.MarkedFor(b.tags, s.env.Name, Name, b.region, name); ours {
			owners[id] = append(owners[id], b)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(owners), resource.ID.Compare) {
		chosen, names := owners[id][0], []string{}
		for _, b := range owners[id] {
			names = append(names, b.name)
			if b.name == s.declared[id].Bucket {
				chosen = b
			}
		}
		if len(names) > 1 {
			s.note(id, factDuplicate, strings.Join(names, " "))
		}
		s.seen.Owned = append(s.seen.Owned, s.object(id, chosen, true))
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.declared), resource.ID.Compare) {
		b := s.found[s.declared[id].Bucket]
		if b == nil {
			continue
		}
		if b.region != id.Scope {
			s.note(id, factRegion, b.region)
		}
		if !slices.Contains(owners[id], b) {
			s.seen.Foreign = append(s.seen.Foreign, s.object(id, b, false))
		}
	}
}

func (s *sweep) object(id resource.ID, b *live, ours bool) kind.Object[Spec] {
	c, known := s.declared[id]
	spec := Spec{
		Mark: kind.MarkOf(b.tags, s.env.Name, ours), Bucket: b.name, Region: b.region, PublicAccess: &b.public,
		Ownership: b.ownership, Versioning: b.versioning, Encryption: b.encryption,
		Tags: kind.ShownTags(b.tags, peopleTags(c), known), Protect: b.tags[kind.TagProtect] == "true",
	}
	if b.policy != "" {
		policy := access.Read(b.policy)
		spec.Policy = &policy
	}
	return kind.Object[Spec]{ID: id, Spec: spec, Outputs: resource.Outputs{
		"arn": arnOf(b.name), "policyDigest": digest(b.policy), "tagsDigest": tagsDigest(b.tags),
	}}
}

// digest names a text that a step must find as it was planned.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

func tagsDigest(tags map[string]string) string {
	text, _ := resource.Canonical(tags)
	return digest(string(text))
}
