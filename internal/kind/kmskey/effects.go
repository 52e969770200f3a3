package kmskey

import (
	"context"
	"errors"
	"fmt"
	"maps"

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

func (k *kmsKey) smith(region string) cloud.Keysmith {
	return cloud.Keysmith{Keyring: k.ring(region), API: k.KMS(region), Clock: k.Clock, Waits: k.Waits}
}

// write is a step on a key that is there already.
func write(smith cloud.Keysmith, op string, p parameters) (cloud.KeyWrite, error) {
	switch op {
	case opCreateAlias:
		return smith.Alias(p.Alias, p.Key), nil
	case opTag, kind.AdoptOp:
		return smith.Tag(p.Key, p.Tags), nil
	case opDescribe:
		return smith.Redescribe(p.Key, p.Description), nil
	case opEnable:
		return smith.Enable(p.Key), nil
	case opPutPolicy, opNarrow:
		if p.Policy != nil {
			return smith.PutPolicy(p.Key, *p.Policy), nil
		}
	}
	return cloud.KeyWrite{}, fmt.Errorf("no operation %q", op)
}

// accepted turns what proves that nothing happened into the kind's own word.
func accepted(err error) error {
	if refusal := (*cloud.Refusal)(nil); errors.As(err, &refusal) {
		return &kind.NotAcceptedError{Err: refusal.Err}
	}
	return err
}

func (k *kmsKey) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	op, smith := resolved.Step.Op, k.smith(resolved.Step.ID.Scope)
	p, err := decode(resolved.Step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if op == opCreateKey {
		return create(ctx, smith, p, prepared)
	}
	w, err := write(smith, op, p)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if err := smith.Perform(ctx, w); err != nil {
		return nil, accepted(err)
	}
	seen, err := smith.Seen(ctx, w)
	if err := kind.Accepted(op, seen, err); err != nil {
		return nil, err
	}
	return outputsAfter(ctx, smith, op, p)
}

// outputsAfter gives the address of a key that was just enabled: KMS may have
// kept it back until now.
func outputsAfter(ctx context.Context, smith cloud.Keysmith, op string, p parameters) (resource.Outputs, error) {
	if op != opEnable {
		return nil, nil
	}
	address, err := smith.Address(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("accepted, and then: %w", err)
	}
	return resource.Outputs{"address": address, "state": enabled}, nil
}

func create(ctx context.Context, smith cloud.Keysmith, p parameters, prepared kind.Prepared) (resource.Outputs, error) {
	attempts, err := kind.Intents(prepared)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	tags := map[string]string{}
	maps.Copy(tags, p.Tags)
	tags[kind.TagIntent] = attempts[0]
	m, err := smith.Make(ctx, tags[kind.TagID], cloud.NewKey{
		Description: p.Description, Spec: p.Spec, Usage: p.Usage, Origin: p.Origin, MultiRegion: p.MultiRegion, Tags: tags, Policy: p.Policy,
	})
	if err != nil {
		return nil, accepted(err)
	}
	return outputs(ctx, smith, m)
}

// outputs are those of a key that was made a moment ago.
func outputs(ctx context.Context, smith cloud.Keysmith, m *types.KeyMetadata) (resource.Outputs, error) {
	outputs := outputsOf(m)
	address, err := smith.AwaitAddress(ctx, outputs["keyId"])
	if err != nil {
		return nil, err
	}
	outputs["address"] = address
	return outputs, nil
}

func (k *kmsKey) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	op, smith := resolved.Step.Op, k.smith(resolved.Step.ID.Scope)
	p, err := decode(resolved.Step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	if op == opCreateKey {
		return probeKey(ctx, smith, prepared)
	}
	w, err := write(smith, op, p)
	if err != nil {
		return kind.Unknown, nil, err
	}
	happened, err := kind.Sighted(smith.Seen(ctx, w))
	if happened != kind.Yes {
		return happened, nil, err
	}
	outputs, err := outputsAfter(ctx, smith, op, p)
	if err != nil {
		return kind.Unknown, nil, err
	}
	return kind.Yes, outputs, nil
}

// probeKey looks for the key that carries one of the intents. Two keys, or a key
// whose tags may not be read, stay unknown.
func probeKey(ctx context.Context, smith cloud.Keysmith, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return kind.Unknown, nil, err
	}
	keys, err := smith.Made(ctx, smith.Clock, smith.Waits, kind.TagIntent, attempts)
	switch {
	case err != nil:
		return kind.Unknown, nil, err
	case len(keys) == 0:
		return kind.No, nil, nil
	case len(keys) > 1:
		return kind.Unknown, nil, fmt.Errorf("keys %v were all made for this step: one is too many", keys)
	}
	m, err := smith.Describe(ctx, keys[0])
	if err != nil {
		return kind.Unknown, nil, err
	}
	outputs, err := outputs(ctx, smith, m)
	if err != nil {
		return kind.Unknown, nil, err
	}
	return kind.Yes, outputs, nil
}
