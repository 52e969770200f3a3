package kmskey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation; each uses its own part.
type parameters struct {
	Key         string            `json:"key"`
	Alias       string            `json:"alias"`
	Description string            `json:"description"`
	Spec        string            `json:"spec"`
	Usage       string            `json:"usage"`
	Origin      string            `json:"origin"`
	MultiRegion bool              `json:"multiRegion"`
	Tags        map[string]string `json:"tags"`
	Policy      *access.Document  `json:"policy"`
}

// intent is what the journal holds of an attempt.
type intent struct {
	Intent string `json:"intent"`
}

func prepare(_ context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := decode(resolved.Step); err != nil {
		return nil, err
	}
	data, err := resource.Canonical(intent{resolved.Intent})
	return kind.Prepared(data), err
}

func decode(step resource.Step) (parameters, error) {
	var p parameters
	if err := step.Params.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	if step.Op != opCreateKey && p.Key == "" {
		return p, fmt.Errorf("%s: %s: no key is named", step.ID, step.Op)
	}
	return p, nil
}

// refused marks an error that proves that nothing happened.
func refused(err error) error {
	if cloud.NotAccepted(err) {
		return &kind.NotAcceptedError{Err: err}
	}
	return err
}

func (k *kmsKey) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	api := k.KMS(step.ID.Scope)
	switch step.Op {
	case opCreateKey:
		var attempt intent
		if err := json.Unmarshal(prepared, &attempt); err != nil || attempt.Intent == "" {
			return nil, &kind.NotAcceptedError{Err: errors.New("create-key: the journal's record holds no intent")}
		}
		return k.createKey(ctx, api, p, attempt.Intent)
	case opCreateAlias:
		err = k.createAlias(ctx, api, p)
	case opTag, kind.AdoptOp:
		_, err = api.TagResource(ctx, &kms.TagResourceInput{KeyId: aws.String(p.Key), Tags: tagList(p.Tags)})
		err = refused(cloud.Explain("kms:TagResource", p.Key, err))
	case opDescribe:
		_, err = api.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: aws.String(p.Key), Description: aws.String(p.Description)})
		err = refused(cloud.Explain("kms:UpdateKeyDescription", p.Key, err))
	case opPutPolicy, opNarrow:
		err = k.putPolicy(ctx, api, p)
	case opEnable:
		_, err = api.EnableKey(ctx, &kms.EnableKeyInput{KeyId: aws.String(p.Key)})
		err = refused(cloud.Explain("kms:EnableKey", p.Key, err))
	default:
		err = &kind.NotAcceptedError{Err: fmt.Errorf("no operation %q", step.Op)}
	}
	if err != nil {
		return nil, err
	}
	there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) { return k.holds(ctx, api, step.Op, p) })
	if err != nil {
		return nil, fmt.Errorf("accepted, and then: %w", err)
	}
	if !there {
		return nil, fmt.Errorf("%s was accepted and cannot be seen yet", step.Op)
	}
	return k.outputsAfter(ctx, api, step.Op, p)
}

// outputsAfter gives the address of a key that was just enabled: KMS may have
// kept it back until now.
func (k *kmsKey) outputsAfter(ctx context.Context, api API, op string, p parameters) (resource.Outputs, error) {
	if op != opEnable {
		return nil, nil
	}
	address, err := addressOf(ctx, api, p.Key)
	if err != nil {
		return nil, fmt.Errorf("accepted, and then: %w", err)
	}
	return resource.Outputs{"address": address, "state": enabled}, nil
}

// createKey makes the key with all its tags in one call, so that no key is ever
// without a mark, and derives its address.
func (k *kmsKey) createKey(ctx context.Context, api API, p parameters, attempt string) (resource.Outputs, error) {
	tags := maps.Clone(p.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[kind.TagIntent] = attempt
	in := &kms.CreateKeyInput{
		Description: aws.String(p.Description), KeySpec: types.KeySpec(p.Spec), KeyUsage: types.KeyUsageType(p.Usage),
		Origin: types.OriginType(p.Origin), MultiRegion: aws.Bool(p.MultiRegion), Tags: tagList(tags),
	}
	if p.Policy != nil {
		text, err := p.Policy.Text()
		if err != nil {
			return nil, &kind.NotAcceptedError{Err: err}
		}
		in.Policy = aws.String(text)
	}
	out, err := api.CreateKey(ctx, in)
	if err != nil {
		return nil, refused(cloud.Explain("kms:CreateKey", tags[kind.TagID], err))
	}
	return k.outputs(ctx, api, out.KeyMetadata)
}

// outputs waits until the public key can be read everywhere.
func (k *kmsKey) outputs(ctx context.Context, api API, m *types.KeyMetadata) (resource.Outputs, error) {
	keyID := aws.ToString(m.KeyId)
	var address string
	there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		found, err := addressOf(ctx, api, keyID)
		if cloud.NotFound(err) {
			return false, nil
		}
		address = found
		return err == nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("key %s is made, and then: %w", keyID, err)
	}
	if !there {
		return nil, fmt.Errorf("key %s is made and cannot be seen yet", keyID)
	}
	outputs := resource.Outputs{"address": address, "arn": aws.ToString(m.Arn), "keyId": keyID, "state": string(m.KeyState)}
	if m.CreationDate != nil {
		outputs["created"] = m.CreationDate.UTC().Format(time.RFC3339)
	}
	return outputs, nil
}

// createAlias accepts that the alias is there already, if it is on our key.
func (k *kmsKey) createAlias(ctx context.Context, api API, p parameters) error {
	_, err := api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(p.Alias), TargetKeyId: aws.String(p.Key)})
	if !cloud.Exists(err) {
		return refused(cloud.Explain("kms:CreateAlias", p.Alias, err))
	}
	out, lookErr := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(p.Alias)})
	if lookErr != nil {
		return fmt.Errorf("the alias exists, and then: %w", cloud.Explain("kms:DescribeKey", p.Alias, lookErr))
	}
	if have := aws.ToString(out.KeyMetadata.KeyId); have != p.Key {
		return &kind.NotAcceptedError{Err: fmt.Errorf("kms:CreateAlias on %s: it points to key %s, need %s", p.Alias, have, p.Key)}
	}
	return nil
}

// holds reports whether the effect of an operation can be seen.
func (k *kmsKey) holds(ctx context.Context, api API, op string, p parameters) (bool, error) {
	switch op {
	case opTag, kind.AdoptOp:
		tags, err := k.tagsOf(ctx, api, p.Key)
		for name, value := range p.Tags {
			if tags[name] != value {
				return false, err
			}
		}
		return err == nil, err
	}
	if op == opPutPolicy || op == opNarrow {
		live, err := policyOf(ctx, api, p.Key)
		return err == nil && p.Policy != nil && live.Equivalent(*p.Policy), err
	}
	name := p.Key
	if op == opCreateAlias {
		name = p.Alias
	}
	out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(name)})
	if cloud.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, cloud.Explain("kms:DescribeKey", name, err)
	}
	switch m := out.KeyMetadata; op {
	case opCreateAlias:
		return aws.ToString(m.KeyId) == p.Key, nil
	case opDescribe:
		return aws.ToString(m.Description) == p.Description, nil
	case opEnable:
		return string(m.KeyState) == enabled, nil
	default:
		return false, fmt.Errorf("no operation %q", op)
	}
}

func (k *kmsKey) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	api := k.KMS(step.ID.Scope)
	if step.Op == opCreateKey {
		return k.probeKey(ctx, api, step.ID.Scope, prepared)
	}
	there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) { return k.holds(ctx, api, step.Op, p) })
	switch {
	case err != nil:
		return kind.Unknown, nil, err
	case !there:
		// Each of these may be done twice without harm.
		return kind.No, nil, nil
	}
	outputs, err := k.outputsAfter(ctx, api, step.Op, p)
	if err != nil {
		return kind.Unknown, nil, err
	}
	return kind.Yes, outputs, nil
}

// probeKey looks for the key that carries one of the intents: by tag over the
// settle time, and then by walking all keys, because a second key would be one
// too many. Two keys, or a key whose tags may not be read, stay unknown.
func (k *kmsKey) probeKey(ctx context.Context, api API, region string, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	var intents []string
	for _, one := range prepared {
		var attempt intent
		if err := json.Unmarshal(one, &attempt); err != nil || attempt.Intent == "" {
			return kind.Unknown, nil, errors.New("create-key: the journal's record holds no intent")
		}
		intents = append(intents, attempt.Intent)
	}
	found := map[string]bool{}
	_, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		for chunk := range slices.Chunk(intents, filterValues) {
			filter := tagging.TagFilter{Key: aws.String(kind.TagIntent), Values: chunk}
			byARN, err := cloud.Tagged(ctx, k.Tagging(region), region, []tagging.TagFilter{filter}, kind.TypeKey)
			if err != nil {
				return false, err
			}
			keys := map[string]map[string]string{}
			addKeys(keys, byARN)
			for keyID := range keys {
				found[keyID] = true
			}
		}
		return len(found) > 0, nil
	})
	if err == nil && len(found) == 0 {
		err = k.walk(ctx, api, region, intents, found)
	}
	if err != nil {
		return kind.Unknown, nil, err
	}
	keys := slices.Sorted(maps.Keys(found))
	switch len(keys) {
	case 0:
		return kind.No, nil, nil
	case 1:
		out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(keys[0])})
		if err != nil {
			return kind.Unknown, nil, cloud.Explain("kms:DescribeKey", keys[0], err)
		}
		outputs, err := k.outputs(ctx, api, out.KeyMetadata)
		if err != nil {
			return kind.Unknown, nil, err
		}
		return kind.Yes, outputs, nil
	default:
		return kind.Unknown, nil, fmt.Errorf("keys %v were all made for this step: one is too many", keys)
	}
}

// walk reads the tags of every key of the region.
func (k *kmsKey) walk(ctx context.Context, api API, region string, intents []string, found map[string]bool) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(k.Parallel)
	in := &kms.ListKeysInput{Limit: aws.Int32(1000)}
	for {
		out, err := api.ListKeys(ctx, in)
		if err != nil {
			return errors.Join(cloud.Explain("kms:ListKeys", region, err), group.Wait())
		}
		for _, key := range out.Keys {
			keyID := aws.ToString(key.KeyId)
			group.Go(func() error {
				tags, err := k.tagsOf(ctx, api, keyID)
				if cloud.NotFound(err) {
					return nil
				}
				if err == nil && slices.Contains(intents, tags[kind.TagIntent]) {
					mu.Lock()
					defer mu.Unlock()
					found[keyID] = true
				}
				return err
			})
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			return group.Wait()
		}
	}
}

func tagList(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{TagKey: aws.String(name), TagValue: aws.String(tags[name])})
	}
	return list
}
