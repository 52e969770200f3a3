package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation; each uses its own part.
type parameters struct {
	Bucket string `json:"bucket"`
	cloud.BucketSettings
}

// parts are what operations set.
func parts() map[string]cloud.BucketPart {
	return map[string]cloud.BucketPart{
		opTag: cloud.PartTags, kind.AdoptOp: cloud.PartTags, opPolicy: cloud.PartPolicy, opNarrow: cloud.PartPolicy,
		opPublicAccess: cloud.PartPublicAccess, opCloseAccess: cloud.PartPublicAccess,
		opOwnership: cloud.PartOwnership, opVersioning: cloud.PartVersioning, opEncryption: cloud.PartEncryption,
	}
}

func prepare(ctx context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := write(resolved); err != nil {
		return nil, err
	}
	return kind.PrepareIntent(ctx, resolved)
}

func (k *buckets) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	w, err := write(resolved, prepared)
	return kind.DoWrite(ctx, k.Buckets, w, err)
}

// probe asks the bucket itself: each write says how the bucket is, so that a
// second one makes nothing twice, and a name can be made once only.
func (k *buckets) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	w, err := write(resolved, prepared...)
	return kind.ProbeWrite(ctx, k.Buckets, w, err)
}

// write is the call that a step stands for. It refuses a step that does not say
// what it is about.
func write(resolved kind.Resolved, prepared ...kind.Prepared) (cloud.BucketWrite, error) {
	step := resolved.Step
	var p parameters
	if err := step.Params.Decode(&p); err != nil {
		return cloud.BucketWrite{}, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return cloud.BucketWrite{}, err
	}
	var w cloud.BucketWrite
	part, known := parts()[step.Op]
	switch {
	case !known && step.Op != opCreate:
		err = errors.New("no such operation")
	case p.Bucket == "" || step.Op == opCreate && (p.Ownership == "" || len(p.Tags) == 0):
		err = errors.New("the parameters are not complete")
	case step.Op == opCreate:
		ours := func(have map[string]string) bool { return slices.Contains(attempts, have[kind.TagIntent]) }
		w = cloud.MakeBucket(p.Ownership, kind.WithIntent(p.Tags, attempts), ours)
	default:
		w, err = p.Put(part)
	}
	if err != nil {
		return w, fmt.Errorf("%s: %s: %w", step.ID, step.Op, err)
	}
	w.Region, w.Name, w.Op = step.ID.Scope, p.Bucket, step.Op
	w.Guard = kind.Guard(resolved, "bucket "+p.Bucket)
	return w, nil
}
