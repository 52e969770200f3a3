package kmskey

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// region reads the keys of one region.
type region struct {
	*kmsKey
	kind.KeyRegion
	rights rights
	ring   cloud.Keyring

	mu   sync.Mutex
	seen kind.Observation[Spec]
}

// candidate is a live key to be looked at, under the id it stands for.
type candidate struct {
	id      resource.ID
	keyID   string
	foreign bool
}

func (k *kmsKey) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	return k.look(ctx, env, nil)
}

func (k *kmsKey) read(ctx context.Context, env *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	return k.look(ctx, env, append([]resource.ID{}, ids...))
}

func (k *kmsKey) look(ctx context.Context, env *config.Environment, ids []resource.ID) kind.Observation[Spec] {
	rights := rightsOf(env)
	return kind.ObserveKeys(env, Name, ids, func(part kind.KeyRegion) kind.Observation[Spec] {
		r := &region{kmsKey: k, KeyRegion: part, rights: rights, ring: k.ring(part.Name)}
		if err := r.run(ctx); err != nil {
			// What part of a list is missing cannot be known: all of it is unread.
			return kind.Observation[Spec]{Unread: []resource.Unread{unread(Name+"/"+r.Name, err)}}
		}
		return r.seen
	})
}

func (k *kmsKey) ring(name string) cloud.Keyring {
	return cloud.Keyring{KMS: k.KMS(name), Tagging: k.Tagging(name), Region: name, Parallel: k.Parallel}
}

// unread words a failed call; scope is a region of the kind, or one key.
func unread(scope string, err error) resource.Unread {
	operation, cause := cloud.Operation(err)
	return resource.Unread{Scope: scope, Operation: operation, Cause: cause}
}

// run surveys the region, settles what is odd and reads each key.
func (r *region) run(ctx context.Context) error {
	s, err := r.survey(ctx)
	if err != nil {
		return err
	}
	// Where the lists do not show one key with our mark behind its alias, the alias
	// and the keys themselves are asked.
	var odd []string
	owners := r.owners(s)
	for id, key := range r.Declared {
		if alias := aliasOf(key); !slices.Contains(owners[id], s.Target(alias)) {
			odd = append(odd, alias)
		}
	}
	if err := s.Settle(ctx, odd); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for _, c := range r.candidates(s) {
		group.Go(func() error { r.describe(ctx, s, c); return nil })
	}
	return group.Wait()
}

func (r *region) survey(ctx context.Context) (*cloud.KeySurvey, error) {
	mark := cloud.Tag{Key: kind.TagEnvironment, Value: r.Environment.Name}
	if r.Only == nil {
		return r.ring.Survey(ctx, mark, r.Inventory)
	}
	ids, aliases := make([]string, 0, len(r.Only)), make([]string, 0, len(r.Declared))
	for _, id := range r.Only {
		ids = append(ids, id.String())
	}
	for _, key := range r.Declared {
		aliases = append(aliases, aliasOf(key))
	}
	return r.ring.Look(ctx, mark, kind.TagID, ids, aliases)
}

// owners maps each id to the keys that carry our mark for it.
func (r *region) owners(s *cloud.KeySurvey) map[resource.ID][]string {
	owners := map[resource.ID][]string{}
	for _, keyID := range s.Keys() {
		tags, _ := s.Tags(keyID)
		if id, ok := kind.MarkedFor(tags, r.Environment.Name, Name, r.Name, keyID); ok {
			owners[id] = append(owners[id], keyID)
		}
	}
	return owners
}

// candidates decides which live key stands for which id.
func (r *region) candidates(s *cloud.KeySurvey) []candidate {
	var all []candidate
	owners := r.owners(s)
	for _, id := range slices.SortedFunc(maps.Keys(owners), resource.ID.Compare) {
		keys := owners[id]
		keyID := keys[0]
		if target := s.Target(aliasOf(r.Declared[id])); slices.Contains(keys, target) {
			keyID = target
		}
		if len(keys) > 1 {
			r.note(id, factDuplicate, strings.Join(keys, " "))
		}
		all = append(all, candidate{id: id, keyID: keyID})
	}
	for id, key := range r.Declared {
		target := s.Target(aliasOf(key))
		switch keys, owned := owners[id]; {
		case target == "" || slices.Contains(keys, target):
		case owned:
			r.note(id, factRetargeted, target)
		default:
			all = append(all, candidate{id: id, keyID: target, foreign: true})
		}
	}
	return all
}

func (r *region) note(id resource.ID, name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Facts = append(r.seen.Facts, resource.Fact{ID: id, Name: name, Value: value})
}

// describe reads one key and files it.
func (r *region) describe(ctx context.Context, s *cloud.KeySurvey, c candidate) {
	m, err := r.ring.Describe(ctx, c.keyID)
	if cloud.NotFound(err) && s.Target(aliasOf(r.Declared[c.id])) != c.keyID {
		// Deleted for good; only the tagging API still lists it.
		return
	}
	var object kind.Object[Spec]
	if err == nil {
		object, err = r.object(ctx, s, c, m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.seen.Unread = append(r.seen.Unread, unread(c.id.String(), err))
	case c.foreign:
		r.seen.Foreign = append(r.seen.Foreign, object)
	default:
		r.seen.Owned = append(r.seen.Owned, object)
	}
}

func (r *region) object(ctx context.Context, s *cloud.KeySurvey, c candidate, m *types.KeyMetadata) (o kind.Object[Spec], err error) {
	key, declared := r.Declared[c.id]
	want := desired(r.Environment, key)
	tags, sure := s.Tags(c.keyID)
	multi := aws.ToBool(m.MultiRegion)
	spec := Spec{
		Mark: kind.MarkOf(tags, r.Environment.Name, !c.foreign), Description: aws.ToString(m.Description), KeySpec: string(m.KeySpec),
		Usage: string(m.KeyUsage), Origin: string(m.Origin), MultiRegion: &multi, State: string(m.KeyState),
		Tags: kind.ShownTags(tags, want.Tags, declared),
	}
	if declared && s.Target(want.Alias) == c.keyID {
		spec.Alias = want.Alias
	}
	address, proved, err := r.address(ctx, c, m, tags)
	if err != nil {
		return o, err
	}
	spec.AddressTag = addressTag(tags, address, proved)
	if declared && !c.foreign && (!maps.Equal(spec.Tags, want.Tags) || spec.AddressTag != tagCurrent) && !sure {
		// Drift in a list that lags is asked for once more, at the key.
		if tags, err = r.ring.Tags(ctx, c.keyID); err != nil {
			return o, err
		}
		spec.Tags, spec.AddressTag = kind.ShownTags(tags, want.Tags, true), addressTag(tags, address, proved)
	}
	if r.Environment.Access != nil {
		if err := r.permissions(ctx, s, c, &spec, access.Key{ID: c.id, ARN: aws.ToString(m.Arn), Tags: tags}); err != nil {
			return o, err
		}
	}
	outputs := outputsOf(m)
	if address != "" {
		outputs["address"], spec.Address = address, address
	}
	return kind.Object[Spec]{ID: c.id, Spec: spec, Outputs: outputs}, nil
}

// outputsOf is what a key offers to others, beside its address.
func outputsOf(m *types.KeyMetadata) resource.Outputs {
	outputs := resource.Outputs{"arn": aws.ToString(m.Arn), "keyId": aws.ToString(m.KeyId), "state": string(m.KeyState)}
	if m.CreationDate != nil {
		outputs["created"] = m.CreationDate.UTC().Format(time.RFC3339)
	}
	return outputs
}

// permissions fills in who may do what with the key, and notes which principals
// could do without its own policy: of those whom it names and whom the declared
// access wants to sign by IAM. Where IAM cannot be read nobody is known to.
func (r *region) permissions(ctx context.Context, s *cloud.KeySurvey, c candidate, spec *Spec, key access.Key) error {
	live, err := r.ring.Policy(ctx, c.keyID)
	if err != nil {
		return err
	}
	spec.Policy = &live
	if spec.Grants, err = r.ring.Grants(ctx, c.keyID); err != nil {
		return err
	}
	if spec.Aliases, err = s.Aliases(ctx, c.keyID); err != nil {
		return err
	}
	named := slices.DeleteFunc(slices.Clone(r.rights.byIAM[r.Declared[c.id].Name]), func(who string) bool { return !live.Names(who) })
	if len(named) == 0 || r.Directory == nil {
		return nil
	}
	read := r.Directory.All
	if r.Only != nil {
		read = r.Directory.Fresh
	}
	directory, err := read(ctx)
	if err != nil {
		return nil
	}
	key.Aliases, key.Policy = spec.Aliases, access.NewKeyPolicy(r.Environment.AWS.Account, true, nil)
	world := &access.World{Account: r.Environment.AWS.Account, Directory: *directory, Keys: []access.Key{key}}
	able := slices.DeleteFunc(named, func(who string) bool {
		return world.Decide(access.Request{Principal: who, Action: access.ActSign, Resource: key.ARN}).Verdict != access.Allowed
	})
	if len(able) > 0 {
		r.note(c.id, factByIAM, strings.Join(able, " "))
	}
	return nil
}

// address is the key's address, and whether it was derived from the public key
// or read from a tag. A gated plan believes no tag, and no plan believes the
// tag of a key that is not enabled: it may be part of what happened to it, and
// plan and apply must see the same. An empty address is one that cannot be
// known, which a fact explains.
func (r *region) address(ctx context.Context, c candidate, m *types.KeyMetadata, tags map[string]string) (address string, proved bool, err error) {
	if string(m.KeySpec) != keySpec || string(m.KeyUsage) != keyUsage {
		return "", false, nil
	}
	if tagged, ok := kind.TaggedAddress(tags); ok && !r.Gated && string(m.KeyState) == enabled {
		return tagged, false, nil
	}
	address, err = r.ring.Address(ctx, c.keyID)
	if cloud.HasCode(err, "DisabledException", "KMSInvalidStateException") {
		// KMS gives no public key of a key that is disabled or about to go.
		r.note(c.id, factUnproved, cloud.Cause(err))
		return "", false, nil
	}
	return address, err == nil, err
}

func addressTag(tags map[string]string, address string, proved bool) string {
	tagged, valid := kind.TaggedAddress(tags)
	switch {
	case tags[kind.TagAddress] == "":
		return tagMissing
	case !valid || proved && tagged != address:
		return tagOther
	default:
		return tagCurrent
	}
}
