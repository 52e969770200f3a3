// Package bucket manages the S3 buckets that hold proofs (Nomad, Optics) and
// checkpoints (Hyperlane): anybody may read their objects, declared writers may
// write, and everything else stays shut. It never deletes a bucket, never
// touches an object, and never writes to a bucket without our mark. The public
// access block of the whole account is neither read nor written: where it is on,
// S3 lets nobody read in public, whatever a bucket's own settings say.
package bucket

import (
	"errors"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "bucket"

// Spec is a bucket as it must be and as it is.
type Spec struct {
	// Mark is the environment whose mark the bucket carries; of a bucket that
	// carries somebody else's it is "environment id".
	Mark string `json:"mark,omitempty"`
	// Bucket is the name in S3, Region where it lives.
	Bucket string `json:"bucket,omitempty"`
	Region string `json:"region,omitempty"`
	// Of a live bucket the settings are as it has them: no policy where there is
	// none, all four blocks off where they were deleted, which is how S3 acts on it,
	// and of people's tags those that are declared.
	cloud.BucketSettings
	// Protect is the tag reconcile:protect. It is never taken off here.
	Protect bool `json:"protect,omitempty"`
	// Adopt takes over a bucket without a mark.
	Adopt bool `json:"adopt,omitempty"`
}

// Options are what the kind works with.
type Options struct {
	// Buckets are those of the account.
	Buckets cloud.Buckets
	// Inventory is the walk over what carries the environment's mark that several
	// kinds share; it must list kind.TypeBucket. Buckets that nobody declares any
	// more are found by it.
	Inventory *cloud.Inventory
	// Directory is all of the account's IAM, which tells who writes without the
	// bucket's own policy. Nil: nobody is known to, and a policy that such a one
	// still needs is not taken away.
	Directory *cloud.Directory
}

type buckets struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.Buckets.S3 == nil || o.Inventory == nil || o.Buckets.Account == "" {
		return kind.Kind{}, errors.New("bucket: needs a client for S3, an inventory and an account")
	}
	k := &buckets{o}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: k.observe, Read: k.read,
		Check: kind.CheckEach(refusals), Steps: steps, Prepare: prepare, Do: k.do, Probe: k.probe,
	})
}

// The operations of steps. Opening and closing, and widening and narrowing, are
// operations of their own because their risks differ.
const (
	opCreate       = "create-bucket"
	opOwnership    = "set-ownership"
	opVersioning   = "set-versioning"
	opEncryption   = "set-encryption"
	opTag          = "tag-bucket"
	opPublicAccess = "set-public-access"
	opCloseAccess  = "close-public-access"
	opPolicy       = "put-policy"
	opNarrow       = "narrow-policy"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Steering: []string{"adopt"},
		Satisfies: func(path string, want, have resource.Attrs) bool {
			return path == "policy" && kind.SameDocument(want[path], have[path])
		},
		Risks: map[string]resource.Risk{
			opCreate: resource.Routine, opOwnership: resource.Routine, opVersioning: resource.Routine, opEncryption: resource.Routine,
			opTag: resource.Routine, opPublicAccess: resource.Sensitive, opCloseAccess: resource.Protective,
			opPolicy: resource.Sensitive, opNarrow: resource.Protective, kind.AdoptOp: resource.Sensitive,
		},
		Alone: true, Gives: true, DeleteOff: true,
	}
}

// Actions are all that the kind asks of AWS (Service Authorization Reference,
// "Actions, resources, and condition keys for Amazon S3").
func Actions() []kind.Action {
	list := []kind.Action{
		{Name: "iam:GetAccountAuthorizationDetails"}, {Name: "tag:GetResources"}, {Name: "s3:ListAllMyBuckets"}, {Name: "s3:ListBucket"},
		kind.Writing("s3:CreateBucket", opCreate),
		// For the tags and the ownership inside CreateBucket.
		kind.Writing("s3:TagResource", opCreate),
		kind.Writing("s3:PutBucketOwnershipControls", opCreate, opOwnership),
		kind.Writing("s3:PutBucketTagging", opTag, kind.AdoptOp),
		kind.Writing("s3:PutBucketVersioning", opVersioning),
		kind.Writing("s3:PutEncryptionConfiguration", opEncryption),
		kind.Writing("s3:PutBucketPublicAccessBlock", opPublicAccess, opCloseAccess),
		kind.Writing("s3:PutBucketPolicy", opPolicy, opNarrow),
	}
	for _, part := range cloud.BucketParts() {
		list = append(list, kind.Action{Name: string(part)})
	}
	return list
}

// declared are the environment's buckets by id.
func declared(env *config.Environment) map[resource.ID]config.Bucket {
	all := map[resource.ID]config.Bucket{}
	if env.Access != nil {
		for _, b := range env.Access.Buckets {
			all[b.ResourceID()] = b
		}
	}
	return all
}

func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	var objects []kind.Object[Spec]
	for id, b := range declared(env) {
		objects = append(objects, kind.Object[Spec]{ID: id, Spec: desired(env, b), Why: []resource.Source{b.Source}})
	}
	slices.SortFunc(objects, func(a, b kind.Object[Spec]) int { return a.ID.Compare(b.ID) })
	return objects, nil
}
