package kmskey

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// candidate is a live key to be looked at, under the id it stands for.
type candidate struct {
	id      resource.ID
	keyID   string
	foreign bool
}

// sort decides which live key stands for which id, and then reads each.
func (r *region) sort(ctx context.Context, s *survey) error {
	if err := r.settle(ctx, s); err != nil {
		return err
	}
	s.pointing = map[string][]string{}
	for _, alias := range slices.Sorted(maps.Keys(s.target)) {
		s.pointing[s.target[alias]] = append(s.pointing[s.target[alias]], alias)
	}
	owners := r.owners(s)
	var all []candidate
	for _, id := range slices.SortedFunc(maps.Keys(owners), resource.ID.Compare) {
		keys := owners[id]
		keyID := keys[0]
		if target := s.target[aliasOf(r.declared[id])]; slices.Contains(keys, target) {
			keyID = target
		}
		if len(keys) > 1 {
			r.note(id, factDuplicate, strings.Join(keys, " "))
		}
		all = append(all, candidate{id: id, keyID: keyID})
	}
	for id, key := range r.declared {
		target := s.target[aliasOf(key)]
		switch keys, owned := owners[id]; {
		case target == "" || slices.Contains(keys, target):
		case owned:
			r.note(id, factRetargeted, target)
		default:
			all = append(all, candidate{id: id, keyID: target, foreign: true})
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for _, c := range all {
		group.Go(func() error { r.describe(ctx, s, c); return nil })
	}
	return group.Wait()
}

// settle asks the aliases and the keys themselves wherever the lists do not
// show one key with our mark behind its alias: lists lag behind, and nothing is
// planned on a stale one.
func (r *region) settle(ctx context.Context, s *survey) error {
	owners := r.owners(s)
	var odd []string
	for id, key := range r.declared {
		if alias := aliasOf(key); !slices.Contains(owners[id], s.target[alias]) {
			odd = append(odd, alias)
		}
	}
	return r.each(ctx, odd, func(ctx context.Context, alias string) error {
		if !r.narrow {
			if err := r.resolve(ctx, s, alias); err != nil {
				return err
			}
		}
		if target := s.pointsTo(alias); target != "" {
			return r.confirm(ctx, s, target)
		}
		return nil
	})
}

// owners maps each id to the keys that carry our mark for it.
func (r *region) owners(s *survey) map[resource.ID][]string {
	owners := map[resource.ID][]string{}
	for keyID, tags := range s.tags {
		if id, ok := kind.MarkedFor(tags, r.env.Name, Name, r.name, keyID); ok {
			owners[id] = append(owners[id], keyID)
		}
	}
	for _, keys := range owners {
		slices.Sort(keys)
	}
	return owners
}

func (r *region) note(id resource.ID, name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Facts = append(r.seen.Facts, resource.Fact{ID: id, Name: name, Value: value})
}

func (r *region) miss(id resource.ID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Unread = append(r.seen.Unread, unread(id.String(), err))
}

// describe reads one key and files it.
func (r *region) describe(ctx context.Context, s *survey, c candidate) {
	out, err := r.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(c.keyID)})
	switch {
	case cloud.NotFound(err) && s.target[aliasOf(r.declared[c.id])] != c.keyID:
		// Deleted for good; only the tagging API still lists it.
		return
	case err != nil:
		r.miss(c.id, cloud.Explain("kms:DescribeKey", c.keyID, err))
		return
	}
	object, err := r.object(ctx, s, c, out.KeyMetadata)
	if err != nil {
		r.miss(c.id, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.foreign {
		r.seen.Foreign = append(r.seen.Foreign, object)
	} else {
		r.seen.Owned = append(r.seen.Owned, object)
	}
}

func (r *region) object(ctx context.Context, s *survey, c candidate, m *types.KeyMetadata) (kind.Object[Spec], error) {
	key, declared := r.declared[c.id]
	want := desired(r.env, key)
	tags := s.tags[c.keyID]
	multi := aws.ToBool(m.MultiRegion)
	spec := Spec{
		Mark: kind.MarkOf(tags, r.env.Name, !c.foreign), Description: aws.ToString(m.Description), KeySpec: string(m.KeySpec),
		Usage: string(m.KeyUsage), Origin: string(m.Origin), MultiRegion: &multi, State: string(m.KeyState),
		Tags: kind.ShownTags(tags, want.Tags, declared),
	}
	if declared && s.target[want.Alias] == c.keyID {
		spec.Alias = want.Alias
	}
	address, proved, err := r.address(ctx, c, m, tags)
	if err != nil {
		return kind.Object[Spec]{}, err
	}
	spec.AddressTag = addressTag(tags, address, proved)
	if declared && !c.foreign && (!maps.Equal(spec.Tags, want.Tags) || spec.AddressTag != tagCurrent) && !s.sure[c.keyID] {
		// Drift in a list that lags is asked for once more, at the key.
		fresh, err := r.tagsOf(ctx, r.kms, c.keyID)
		if err != nil {
			return kind.Object[Spec]{}, err
		}
		tags = fresh
		spec.Tags, spec.AddressTag = kind.ShownTags(tags, want.Tags, true), addressTag(tags, address, proved)
	}
	if err := r.permissions(ctx, s, c, &spec, m); err != nil {
		return kind.Object[Spec]{}, err
	}
	outputs := resource.Outputs{"arn": aws.ToString(m.Arn), "keyId": c.keyID, "state": spec.State}
	if m.CreationDate != nil {
		outputs["created"] = m.CreationDate.UTC().Format(time.RFC3339)
	}
	if address != "" {
		outputs["address"], spec.Address = address, address
	}
	return kind.Object[Spec]{ID: c.id, Spec: spec, Outputs: outputs}, nil
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
	tagged, ok := checksummed(tags[kind.TagAddress])
	if ok && !r.Gated && string(m.KeyState) == enabled {
		return tagged, false, nil
	}
	address, err = addressOf(ctx, r.kms, c.keyID)
	if unusable(err) {
		// KMS gives no public key of a key that is disabled or about to go.
		r.note(c.id, factUnproved, cloud.Cause(err))
		return "", false, nil
	}
	return address, err == nil, err
}

// unusable reports an answer that is about the key's state.
func unusable(err error) bool {
	return cloud.HasCode(err, "DisabledException", "KMSInvalidStateException")
}

func addressOf(ctx context.Context, api API, keyID string) (string, error) {
	out, err := api.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(keyID)})
	if err != nil {
		return "", cloud.Explain("kms:GetPublicKey", keyID, err)
	}
	address, err := cloud.AddressFromSPKI(out.PublicKey)
	if err != nil {
		return "", cloud.Explain("kms:GetPublicKey", keyID, err)
	}
	return address.Hex(), nil
}

// checksummed accepts an address in EIP-55 form only: a tag that somebody typed
// is not good enough.
func checksummed(s string) (string, bool) {
	if !common.IsHexAddress(s) || common.HexToAddress(s).Hex() != s {
		return "", false
	}
	return s, true
}

func addressTag(tags map[string]string, address string, proved bool) string {
	tagged, ok := tags[kind.TagAddress]
	_, valid := checksummed(tagged)
	switch {
	case !ok:
		return tagMissing
	case !valid || proved && tagged != address:
		return tagOther
	default:
		return tagCurrent
	}
}
