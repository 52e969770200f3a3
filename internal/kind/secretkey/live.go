package secretkey

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// pageSize is the largest page of ListSecrets (Secrets Manager API reference).
const pageSize = 100

// live is one secret without its value.
type live struct {
	name, arn, description, version string
	tags                            map[string]string
	created                         *time.Time
	deleted                         bool
}

// region reads the secrets of one region.
type region struct {
	env      *config.Environment
	name     string
	api      API
	declared map[resource.ID]config.Key
	// narrow is true when only some ids are asked for: each is then read itself.
	narrow bool

	mu    sync.Mutex
	found map[string]*live // by name
	seen  kind.Observation[Spec]
}

func (k *secretKey) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	var all kind.Observation[Spec]
	declared := kind.KeysOf(env, Name)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if len(declared[name]) == 0 && k.knownEmpty(ctx, name) {
			continue
		}
		r := &region{env: env, name: name, api: k.Secrets(name), declared: declared[name]}
		// The filters match prefixes: "staging" finds "staging2" too.
		join(&all, r.run(ctx, k.Parallel, kind.TagEnvironment, []string{env.Name}))
	}
	return all
}

// knownEmpty reports that nothing in the region carries our mark. A list that
// lags can hide only what was made in these minutes; what cannot be read is not
// known.
func (k *secretKey) knownEmpty(ctx context.Context, name string) bool {
	if k.Inventory == nil {
		return false
	}
	tagged, err := k.Inventory.Of(ctx, name, kind.TypeSecret)
	return err == nil && len(tagged) == 0
}

func (k *secretKey) read(ctx context.Context, env *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	byRegion := map[string][]resource.ID{}
	for _, id := range ids {
		if id.Kind == Name {
			byRegion[id.Scope] = append(byRegion[id.Scope], id)
		}
	}
	var all kind.Observation[Spec]
	for _, name := range slices.Sorted(maps.Keys(byRegion)) {
		wanted := byRegion[name]
		r := &region{env: env, name: name, api: k.Secrets(name), declared: kind.KeysOf(env, Name)[name], narrow: true}
		maps.DeleteFunc(r.declared, func(id resource.ID, _ config.Key) bool { return !slices.Contains(wanted, id) })
		values := make([]string, len(wanted))
		for i, id := range wanted {
			values[i] = id.String()
		}
		found := r.run(ctx, k.Parallel, kind.TagID, values)
		// A prefix finds more than was asked for.
		found.Owned = slices.DeleteFunc(found.Owned, func(o kind.Object[Spec]) bool { return !slices.Contains(wanted, o.ID) })
		found.Facts = slices.DeleteFunc(found.Facts, func(f resource.Fact) bool { return !slices.Contains(wanted, f.ID) })
		join(&all, found)
	}
	return all
}

func join(all *kind.Observation[Spec], more kind.Observation[Spec]) {
	all.Owned = append(all.Owned, more.Owned...)
	all.Foreign = append(all.Foreign, more.Foreign...)
	all.Facts = append(all.Facts, more.Facts...)
	all.Unread = append(all.Unread, more.Unread...)
}

// run lists what carries a tag with one of the values, then asks by name for
// what is declared and was not listed.
func (r *region) run(ctx context.Context, parallel int, tag string, values []string) kind.Observation[Spec] {
	if err := r.list(ctx, tag, values); err != nil {
		operation, cause := cloud.Operation(err)
		return kind.Observation[Spec]{Unread: []resource.Unread{{Scope: Name + "/" + r.name, Operation: operation, Cause: cause}}}
	}
	var odd []resource.ID
	for id, key := range r.declared {
		want := desired(r.env, key)
		have, listed := r.found[want.Secret]
		if r.narrow || !listed || r.idOf(have) != id || differs(want, have) {
			odd = append(odd, id)
		}
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, id := range odd {
		group.Go(func() error { r.ask(ctx, id); return nil })
	}
	_ = group.Wait()
	r.file()
	slices.SortFunc(r.seen.Unread, resource.Unread.Compare)
	return r.seen
}

// filterValues is how many values one filter may have.
const filterValues = 10

func (r *region) list(ctx context.Context, tag string, values []string) error {
	r.found = map[string]*live{}
	for chunk := range slices.Chunk(values, filterValues) {
		in := &secretsmanager.ListSecretsInput{
			MaxResults: aws.Int32(pageSize), IncludePlannedDeletion: aws.Bool(true),
			Filters: []types.Filter{
				{Key: types.FilterNameStringTypeTagKey, Values: []string{tag}},
				{Key: types.FilterNameStringTypeTagValue, Values: chunk},
			},
		}
		for {
			out, err := r.api.ListSecrets(ctx, in)
			if err != nil {
				return cloud.Explain("secretsmanager:ListSecrets", r.name, err)
			}
			for _, s := range out.SecretList {
				r.found[aws.ToString(s.Name)] = &live{
					name: aws.ToString(s.Name), arn: aws.ToString(s.ARN), description: aws.ToString(s.Description),
					tags: tagMap(s.Tags), created: s.CreatedDate, deleted: s.DeletedDate != nil, version: current(s.SecretVersionsToStages),
				}
			}
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				break
			}
		}
	}
	return nil
}

// ask reads one secret itself: lists may lag by five minutes (ListSecrets,
// Secrets Manager API reference).
func (r *region) ask(ctx context.Context, id resource.ID) {
	name := SecretName(r.declared[id])
	fresh, err := describe(ctx, r.api, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.found[name] = fresh
		return
	case !cloud.NotFound(err):
		operation, cause := cloud.Operation(err)
		r.seen.Unread = append(r.seen.Unread, resource.Unread{Scope: id.String(), Operation: operation, Cause: cause})
	}
	delete(r.found, name)
}

// differs reports whether a listed secret is not as declared.
func differs(want Spec, have *live) bool {
	address, ok := checksummed(have.tags[kind.TagAddress])
	return have.description != want.Description || have.deleted || !ok || want.Address != "" && want.Address != address ||
		!maps.Equal(kind.ShownTags(have.tags, want.Tags, true), want.Tags)
}

func describe(ctx context.Context, api API, name string) (*live, error) {
	s, err := api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(name)})
	if err != nil {
		return nil, cloud.Explain("secretsmanager:DescribeSecret", name, err)
	}
	return &live{
		name: aws.ToString(s.Name), arn: aws.ToString(s.ARN), description: aws.ToString(s.Description),
		tags: tagMap(s.Tags), created: s.CreatedDate, deleted: s.DeletedDate != nil, version: current(s.VersionIdsToStages),
	}, nil
}

// idOf is the id that a secret's mark names; the zero ID when it carries no
// mark of this environment.
func (r *region) idOf(s *live) resource.ID {
	id, _ := kind.MarkedFor(s.tags, r.env.Name, Name, r.name, s.name)
	return id
}

// file sorts the secrets into ours and others', one per id.
func (r *region) file() {
	owners := map[resource.ID][]*live{}
	for _, name := range slices.Sorted(maps.Keys(r.found)) {
		if id := r.idOf(r.found[name]); !id.IsZero() {
			owners[id] = append(owners[id], r.found[name])
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(owners), resource.ID.Compare) {
		secrets := owners[id]
		chosen := secrets[0]
		names := make([]string, len(secrets))
		for i, s := range secrets {
			names[i] = s.name
			if key, declared := r.declared[id]; declared && s.name == SecretName(key) {
				chosen = s
			}
		}
		if len(secrets) > 1 {
			r.seen.Facts = append(r.seen.Facts, resource.Fact{ID: id, Name: factDuplicate, Value: strings.Join(names, " ")})
		}
		r.seen.Owned = append(r.seen.Owned, r.object(id, chosen))
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.declared), resource.ID.Compare) {
		if s, there := r.found[SecretName(r.declared[id])]; there && r.idOf(s) != id {
			r.seen.Foreign = append(r.seen.Foreign, r.object(id, s))
		}
	}
}

func (r *region) object(id resource.ID, s *live) kind.Object[Spec] {
	key, declared := r.declared[id]
	spec := Spec{
		Mark: kind.MarkOf(s.tags, r.env.Name, r.idOf(s) == id), Secret: s.name, Description: s.description, State: present,
		Tags: kind.ShownTags(s.tags, kind.KeyTags(key), declared),
	}
	if s.deleted {
		spec.State = pendingDeletion
	}
	outputs := s.outputs()
	spec.Address = outputs["address"]
	return kind.Object[Spec]{ID: id, Spec: spec, Outputs: outputs}
}

// outputs are what a secret offers to others.
func (s *live) outputs() resource.Outputs {
	outputs := resource.Outputs{"arn": s.arn, "state": present}
	if s.deleted {
		outputs["state"] = pendingDeletion
	}
	if s.version != "" {
		outputs["versionId"] = s.version
	}
	if s.created != nil {
		outputs["created"] = s.created.UTC().Format(time.RFC3339)
	}
	if address, ok := checksummed(s.tags[kind.TagAddress]); ok {
		outputs["address"] = address
	}
	return outputs
}

// current is the version that readers get.
func current(stages map[string][]string) string {
	for _, version := range slices.Sorted(maps.Keys(stages)) {
		if slices.Contains(stages[version], "AWSCURRENT") {
			return version
		}
	}
	return ""
}

// checksummed accepts an address in EIP-55 form only.
func checksummed(s string) (string, bool) {
	if !common.IsHexAddress(s) || common.HexToAddress(s).Hex() != s {
		return "", false
	}
	return s, true
}

func tagMap(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, tag := range tags {
		m[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return m
}
