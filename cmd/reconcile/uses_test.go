package main

import (
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// A contracted party that runs the processor writes to the bucket of proofs,
// which is nobody's in particular: that is no more than it needs. A validator's
// bucket is its own instance's.
func TestWhoUsesAKeyIsExpectedAtEveryBucketThatItWrites(t *testing.T) {
	const account = "111122223333"
	storage := config.Policy{Name: "storage", Path: "/", Statements: []config.Statement{{Actions: []string{"s3:PutObject"}, Resources: []string{"arn:aws:s3:::acme-proofs/*"}}}}
	processor := config.User{Name: "processor", Path: "/", Policies: []string{"storage"}}
	env := &config.Environment{
		AWS:  config.AWS{Account: account, Region: "us-west-2"},
		Keys: []config.Key{{Name: "p", Holder: "kms", Region: "us-west-2"}, {Name: "v", Holder: "kms", Region: "us-west-2"}, {Name: "w", Holder: "kms", Region: "us-west-2"}},
		Access: &config.Access{
			Users: []config.User{processor}, Policies: []config.Policy{storage},
			Buckets: []config.Bucket{
				{Name: "proofs", Bucket: "acme-proofs", Writers: []string{"arn:aws:iam::444455556666:role/acme"}},
				{Name: "v0", Bucket: "acme-v0", Agent: "validator"}, {Name: "v1", Bucket: "acme-v1", Agent: "validator", Instance: 1},
			},
			Uses: []config.KeyUse{
				{Key: "p", Agent: "processor", Principals: []string{processor.ARN(account)}, External: true},
				{Key: "v", Agent: "validator", Principals: []string{"arn:aws:iam::" + account + ":role/v"}},
				{Key: "w", Agent: "watcher", Principals: []string{"arn:aws:iam::444455556666:role/acme"}, External: true},
			},
		},
	}
	want := map[resource.ID][]string{
		env.Keys[0].ResourceID(): {"arn:aws:s3:::acme-proofs"},
		env.Keys[1].ResourceID(): {"arn:aws:s3:::acme-v0"},
		env.Keys[2].ResourceID(): {"arn:aws:s3:::acme-proofs"},
	}
	for _, use := range usesOf(env) {
		if !slices.Equal(use.Buckets, want[use.Key]) {
			t.Errorf("%s: %v, want %v", use.Key, use.Buckets, want[use.Key])
		}
	}
}
