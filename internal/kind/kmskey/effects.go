package kmskey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

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

func prepare(ctx context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := decode(resolved.Step); err != nil {
		return nil, err
	}
	return kind.PrepareIntent(ctx, resolved)
}

// refused marks an error that proves that nothing happened.
func refused(action, about string, err error) error {
	if cloud.NotAccepted(err) {
		return &kind.NotAcceptedError{Err: cloud.Explain(action, about, err)}
	}
	return cloud.Explain(action, about, err)
}

func (k *kmsKey) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	op, region := resolved.Step.Op, resolved.Step.ID.Scope
	p, err := decode(resolved.Step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if op == opCreateKey {
		attempts, err := kind.Intents(prepared)
		if err != nil {
			return nil, &kind.NotAcceptedError{Err: err}
		}
		return k.createKey(ctx, region, p, attempts[0])
	}
	if err := k.send(ctx, region, op, p); err != nil {
		return nil, err
	}
	seen, err := k.holds(ctx, region, op, p)
	if err := kind.Accepted(op, seen, err); err != nil {
		return nil, err
	}
	return k.outputsAfter(ctx, region, op, p)
}

func (k *kmsKey) send(ctx context.Context, region, op string, p parameters) error {
	api, key := k.KMS(region), aws.String(p.Key)
	switch op {
	case opCreateAlias:
		return k.createAlias(ctx, region, p)
	case opTag, kind.AdoptOp:
		_, err := api.TagResource(ctx, &kms.TagResourceInput{KeyId: key, Tags: tagList(p.Tags)})
		return refused("kms:TagResource", p.Key, err)
	case opDescribe:
		_, err := api.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: key, Description: aws.String(p.Description)})
		return refused("kms:UpdateKeyDescription", p.Key, err)
	case opEnable:
		_, err := api.EnableKey(ctx, &kms.EnableKeyInput{KeyId: key})
		return refused("kms:EnableKey", p.Key, err)
	case opPutPolicy, opNarrow:
		return k.putPolicy(ctx, api, p)
	default:
		return &kind.NotAcceptedError{Err: fmt.Errorf("no operation %q", op)}
	}
}

// outputsAfter gives the address of a key that was just enabled: KMS may have
// kept it back until now.
func (k *kmsKey) outputsAfter(ctx context.Context, region, op string, p parameters) (resource.Outputs, error) {
	if op != opEnable {
		return nil, nil
	}
	address, err := k.ring(region).Address(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("accepted, and then: %w", err)
	}
	return resource.Outputs{"address": address, "state": enabled}, nil
}

// createKey makes the key with all its tags in one call, so that no key is ever
// without a mark, and derives its address.
func (k *kmsKey) createKey(ctx context.Context, region string, p parameters, attempt string) (resource.Outputs, error) {
	tags := map[string]string{}
	maps.Copy(tags, p.Tags)
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
	out, err := k.KMS(region).CreateKey(ctx, in)
	if err != nil {
		return nil, refused("kms:CreateKey", tags[kind.TagID], err)
	}
	return k.outputs(ctx, region, out.KeyMetadata)
}

// outputs waits until the public key can be read everywhere.
func (k *kmsKey) outputs(ctx context.Context, region string, m *types.KeyMetadata) (resource.Outputs, error) {
	outputs := outputsOf(m)
	there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		found, err := k.ring(region).Address(ctx, outputs["keyId"])
		if cloud.NotFound(err) {
			return false, nil
		}
		outputs["address"] = found
		return err == nil, err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("key %s is made, and then: %w", outputs["keyId"], err)
	case !there:
		return nil, fmt.Errorf("key %s is made and cannot be seen yet", outputs["keyId"])
	}
	return outputs, nil
}

// createAlias accepts that the alias is there already, if it is on our key.
func (k *kmsKey) createAlias(ctx context.Context, region string, p parameters) error {
	_, err := k.KMS(region).CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(p.Alias), TargetKeyId: aws.String(p.Key)})
	if !cloud.Exists(err) {
		return refused("kms:CreateAlias", p.Alias, err)
	}
	m, err := k.ring(region).Describe(ctx, p.Alias)
	if err != nil {
		return fmt.Errorf("the alias exists, and then: %w", err)
	}
	if have := aws.ToString(m.KeyId); have != p.Key {
		return &kind.NotAcceptedError{Err: fmt.Errorf("kms:CreateAlias on %s: it points to key %s, need %s", p.Alias, have, p.Key)}
	}
	return nil
}

// putPolicy replaces a key's policy. A principal that was made a moment ago may
// not be known everywhere yet, which KMS reports as a malformed document.
// BypassPolicyLockoutSafetyCheck is never set, and what would lock everybody
// out is not even sent.
func (k *kmsKey) putPolicy(ctx context.Context, api API, p parameters) error {
	if p.Policy == nil || !p.Policy.Administered() {
		return &kind.NotAcceptedError{Err: errors.New("the policy leaves nobody who could change it again")}
	}
	text, err := p.Policy.Text()
	if err != nil {
		return &kind.NotAcceptedError{Err: err}
	}
	in := &kms.PutKeyPolicyInput{KeyId: aws.String(p.Key), PolicyName: aws.String(cloud.KeyPolicyName), Policy: aws.String(text)}
	return refused("kms:PutKeyPolicy", p.Key, cloud.AwaitPrincipal(ctx, k.Clock, func() error {
		_, err := api.PutKeyPolicy(ctx, in)
		return err
	}))
}

// holds waits until the effect of an operation can be seen.
func (k *kmsKey) holds(ctx context.Context, region, op string, p parameters) (bool, error) {
	ring := k.ring(region)
	return k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		switch op {
		case opTag, kind.AdoptOp:
			tags, err := ring.Tags(ctx, p.Key)
			for name, value := range p.Tags {
				if tags[name] != value {
					return false, err
				}
			}
			return err == nil, err
		case opPutPolicy, opNarrow:
			live, err := ring.Policy(ctx, p.Key)
			return err == nil && p.Policy != nil && live.Equivalent(*p.Policy), err
		}
		name := p.Key
		if op == opCreateAlias {
			name = p.Alias
		}
		m, err := ring.Describe(ctx, name)
		switch {
		case cloud.NotFound(err):
			return false, nil
		case err != nil:
			return false, err
		case op == opCreateAlias:
			return aws.ToString(m.KeyId) == p.Key, nil
		case op == opDescribe:
			return aws.ToString(m.Description) == p.Description, nil
		case op == opEnable:
			return string(m.KeyState) == enabled, nil
		}
		return false, fmt.Errorf("no operation %q", op)
	})
}

func (k *kmsKey) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	op, region := resolved.Step.Op, resolved.Step.ID.Scope
	p, err := decode(resolved.Step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	var outputs resource.Outputs
	var happened kind.Happened
	if op == opCreateKey {
		happened, outputs, err = k.probeKey(ctx, region, prepared)
	} else if happened, err = kind.Sighted(k.holds(ctx, region, op, p)); happened == kind.Yes {
		outputs, err = k.outputsAfter(ctx, region, op, p)
	}
	if err != nil {
		return kind.Unknown, nil, err
	}
	return happened, outputs, nil
}

// probeKey looks for the key that carries one of the intents. Two keys, or a key
// whose tags may not be read, stay unknown.
func (k *kmsKey) probeKey(ctx context.Context, region string, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return kind.Unknown, nil, err
	}
	keys, err := k.ring(region).Made(ctx, k.Clock, k.Waits, kind.TagIntent, attempts)
	switch {
	case err != nil:
		return kind.Unknown, nil, err
	case len(keys) == 0:
		return kind.No, nil, nil
	case len(keys) > 1:
		return kind.Unknown, nil, fmt.Errorf("keys %v were all made for this step: one is too many", keys)
	}
	m, err := k.ring(region).Describe(ctx, keys[0])
	if err != nil {
		return kind.Unknown, nil, err
	}
	outputs, err := k.outputs(ctx, region, m)
	return kind.Yes, outputs, err
}

func tagList(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{TagKey: aws.String(name), TagValue: aws.String(tags[name])})
	}
	return list
}
