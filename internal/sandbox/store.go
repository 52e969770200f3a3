package sandbox

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
)

// bootstrapStore does what an administrator does once per environment: make
// the store, and write the first anchor, the commit whose rules judge the
// first plan.
func bootstrapStore(ctx context.Context, env *config.Environment, overlay *config.Overlay, session *cloud.Session, commit string) error {
	var store journal.Store
	if overlay.Store != nil {
		files, err := journal.NewFileStore(overlay.Store.Path)
		if err != nil {
			return err
		}
		store = files
	} else {
		client := session.S3(env.Store.Region)
		if err := makeBucket(ctx, client, env.Store.Bucket, env.Store.Region); err != nil {
			return err
		}
		store = journal.NewS3Store(client, env.Store.Bucket, env.Store.Prefix)
	}
	record := journal.New(store, env.Name, time.Now)
	// Term 0 is before any lease.
	if err := record.Append(ctx, 0, journal.Entry{Kind: journal.Anchor, Commit: commit, Why: "bootstrap of the sandbox"}); err != nil {
		return fmt.Errorf("%s: first anchor: %w", store.Name(), err)
	}
	return nil
}

// makeBucket makes a versioned bucket: a journal entry that was overwritten
// can be found again.
func makeBucket(ctx context.Context, client *s3.Client, bucket, region string) error {
	in := &s3.CreateBucketInput{Bucket: aws.String(bucket)}
	// S3 has no LocationConstraint for its first region (CreateBucket, API reference).
	if region != "us-east-1" {
		in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}
	}
	if _, err := client.CreateBucket(ctx, in); err != nil {
		return fmt.Errorf("store: %w", cloud.Explain("s3:CreateBucket", bucket, err))
	}
	if _, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  aws.String(bucket),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		return fmt.Errorf("store: %w", cloud.Explain("s3:PutBucketVersioning", bucket, err))
	}
	return nil
}
