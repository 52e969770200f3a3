package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation; each uses its own part.
type parameters struct {
	Bucket       string              `json:"bucket"`
	Tags         map[string]string   `json:"tags"`
	Policy       *access.Document    `json:"policy"`
	PublicAccess *cloud.PublicAccess `json:"publicAccess"`
	Ownership    string              `json:"ownership"`
	Versioning   string              `json:"versioning"`
	Encryption   string              `json:"encryption"`
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
	w, err := p.write(step.Op, attempts)
	if err != nil {
		return w, fmt.Errorf("%s: %s: %w", step.ID, step.Op, err)
	}
	w.Region, w.Name, w.Op = step.ID.Scope, p.Bucket, step.Op
	w.Guard = func(tags map[string]string) error { return guard(resolved, p.Bucket, tags) }
	return w, nil
}

func (p parameters) write(op string, attempts []string) (cloud.BucketWrite, error) {
	switch {
	case p.Bucket == "":
	case op == opCreate && p.Ownership != "" && len(p.Tags) > 0:
		ours := func(have map[string]string) bool { return slices.Contains(attempts, have[kind.TagIntent]) }
		return cloud.MakeBucket(p.Ownership, kind.WithIntent(p.Tags, attempts), ours), nil
	case (op == opTag || op == kind.AdoptOp) && len(p.Tags) > 0:
		return cloud.TagBucket(p.Tags), nil
	case (op == opPolicy || op == opNarrow) && p.Policy != nil:
		return cloud.PutBucketPolicy(*p.Policy)
	case (op == opPublicAccess || op == opCloseAccess) && p.PublicAccess != nil:
		return cloud.BlockBucket(*p.PublicAccess), nil
	case op == opOwnership && p.Ownership != "":
		return cloud.OwnBucket(p.Ownership), nil
	case op == opVersioning && p.Versioning != "":
		return cloud.VersionBucket(p.Versioning), nil
	case op == opEncryption && p.Encryption != "":
		return cloud.EncryptBucket(p.Encryption), nil
	}
	return cloud.BucketWrite{}, errors.New("no such operation, or its parameters are not complete")
}

// guard lets a step write to a bucket that carries our mark for its resource, and
// an adoption to one that carries none.
func guard(resolved kind.Resolved, name string, tags map[string]string) error {
	environment, id := resolved.Environment.Name, resolved.Step.ID
	unmarked := tags[kind.TagEnvironment] == "" && tags[kind.TagID] == ""
	if kind.Marked(tags, environment, id) || resolved.Step.Op == kind.AdoptOp && unmarked {
		return nil
	}
	return fmt.Errorf("bucket %s carries the mark %q, need that of %s %s", name, kind.MarkOf(tags, "", false), environment, id)
}
