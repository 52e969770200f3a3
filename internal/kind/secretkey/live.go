package secretkey

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// region reads the secrets of one region.
type region struct {
	kind.KeyRegion
	api   API
	mu    sync.Mutex
	found map[string]cloud.Secret // by name
	seen  kind.Observation[Spec]
}

func (k *secretKey) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	return k.look(ctx, env, nil)
}

func (k *secretKey) read(ctx context.Context, env *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	return k.look(ctx, env, append([]resource.ID{}, ids...))
}

func (k *secretKey) look(ctx context.Context, env *config.Environment, ids []resource.ID) kind.Observation[Spec] {
	return kind.ObserveKeys(env, Name, ids, func(part kind.KeyRegion) kind.Observation[Spec] {
		if part.Only == nil && len(part.Declared) == 0 && k.knownEmpty(ctx, part.Name) {
			return kind.Observation[Spec]{}
		}
		r := &region{KeyRegion: part, api: k.Secrets(part.Name)}
		if err := r.run(ctx, k.Parallel); err != nil {
			return kind.Observation[Spec]{Unread: []resource.Unread{unread(Name+"/"+part.Name, err)}}
		}
		return r.seen
	})
}

// unread words a failed call; scope is a region of the kind, or one secret.
func unread(scope string, err error) resource.Unread {
	operation, cause := cloud.Operation(err)
	return resource.Unread{Scope: scope, Operation: operation, Cause: cause}
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

// run lists what carries our mark, then asks by name for what is declared and
// was not listed as declared. The filters match prefixes: "staging" finds
// "staging2" too, and more ids than were asked for.
func (r *region) run(ctx context.Context, parallel int) error {
	tag, values := kind.TagEnvironment, []string{r.Environment.Name}
	if r.Only != nil {
		tag, values = kind.TagID, nil
		for _, id := range r.Only {
			values = append(values, id.String())
		}
	}
	var err error
	if r.found, err = cloud.Secrets(ctx, r.api, r.Name, tag, values); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for id, want := range r.odd() {
		group.Go(func() error { r.ask(ctx, id, want); return nil })
	}
	_ = group.Wait()
	r.file()
	return nil
}

// odd are the declared secrets that were not listed as declared, by name; of a
// narrowed look all.
func (r *region) odd() map[resource.ID]string {
	odd := map[resource.ID]string{}
	for id, key := range r.Declared {
		want := desired(r.Environment, key)
		have, listed := r.found[want.Secret]
		if r.Only != nil || !listed || r.idOf(have) != id || differs(want, have) {
			odd[id] = want.Secret
		}
	}
	return odd
}

// ask reads one secret itself: lists may lag by five minutes (ListSecrets,
// Secrets Manager API reference).
func (r *region) ask(ctx context.Context, id resource.ID, name string) {
	fresh, err := cloud.DescribeSecret(ctx, r.api, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.found[name] = fresh
		return
	case !cloud.NotFound(err):
		r.seen.Unread = append(r.seen.Unread, unread(id.String(), err))
	}
	delete(r.found, name)
}

// differs reports whether a listed secret is not as declared.
func differs(want Spec, have cloud.Secret) bool {
	address, ok := kind.TaggedAddress(have.Tags)
	return have.Description != want.Description || have.Deleted || !ok || want.Address != "" && want.Address != address ||
		!maps.Equal(kind.ShownTags(have.Tags, want.Tags, true), want.Tags)
}

// idOf is the id that a secret's mark names; the zero ID when it carries no
// mark of this environment, or is where a declared access key lies.
func (r *region) idOf(s cloud.Secret) resource.ID {
	if r.holdsAccessKey(s.Name) {
		return resource.ID{}
	}
	id, _ := kind.MarkedFor(s.Tags, r.Environment.Name, Name, r.Name, s.Name)
	return id
}

// holdsAccessKey reports a secret that is declared for a user's access key.
func (r *region) holdsAccessKey(name string) bool {
	return r.Environment.Access != nil && slices.ContainsFunc(r.Environment.Access.Users, func(u config.User) bool {
		return u.AccessKey != nil && u.AccessKey.Secret == name && u.AccessKey.Region == r.Name
	})
}

// file sorts the secrets into ours and others', one per id.
func (r *region) file() {
	names, live := map[resource.ID]string{}, map[string]kind.Live{}
	for id, key := range r.Declared {
		names[id] = SecretName(key)
	}
	for name, s := range r.found {
		live[name] = kind.Live{Scope: r.Name}
		if !r.holdsAccessKey(name) {
			live[name] = kind.Live{Scope: r.Name, Tags: s.Tags}
		}
	}
	found, facts := kind.Named{Kind: Name, Environment: r.Environment.Name, Declared: names, Only: r.Only}.File(live)
	r.seen.Facts = append(r.seen.Facts, facts...)
	for _, f := range found {
		if object := r.object(f.ID, r.found[f.Name]); f.Ours {
			r.seen.Owned = append(r.seen.Owned, object)
		} else {
			r.seen.Foreign = append(r.seen.Foreign, object)
		}
	}
}

func (r *region) object(id resource.ID, s cloud.Secret) kind.Object[Spec] {
	key, declared := r.Declared[id]
	spec := Spec{
		Mark: kind.MarkOf(s.Tags, r.Environment.Name, r.idOf(s) == id), Secret: s.Name, Description: s.Description, State: present,
		Tags: kind.ShownTags(s.Tags, kind.KeyTags(key), declared),
	}
	if s.Deleted {
		spec.State = pendingDeletion
	}
	outputs := outputsOf(s)
	spec.Address = outputs["address"]
	return kind.Object[Spec]{ID: id, Spec: spec, Outputs: outputs}
}

// outputsOf is what a secret offers to others.
func outputsOf(s cloud.Secret) resource.Outputs {
	outputs := resource.Outputs{"arn": s.ARN, "state": present}
	if s.Deleted {
		outputs["state"] = pendingDeletion
	}
	if s.Version != "" {
		outputs["versionId"] = s.Version
	}
	if s.Created != nil {
		outputs["created"] = s.Created.UTC().Format(time.RFC3339)
	}
	if address, ok := kind.TaggedAddress(s.Tags); ok {
		outputs["address"] = address
	}
	return outputs
}
