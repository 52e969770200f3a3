package bucket

import (
	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

func desired(env *config.Environment, b config.Bucket) Spec {
	policy := policyOf(b, kind.PrincipalValues(env, b.Writers))
	return Spec{Mark: env.Name, Bucket: b.Bucket, Region: b.Region, Protect: b.Protect, Adopt: b.Adopt, BucketSettings: cloud.BucketSettings{
		Tags: peopleTags(b), Policy: &policy,
		// ACLs stay blocked; only the two settings that a public policy needs off
		// are off (S3 User Guide, "Blocking public access to your Amazon S3
		// storage").
		PublicAccess: &cloud.PublicAccess{BlockACLs: true, IgnoreACLs: true},
		Ownership:    "BucketOwnerEnforced", Versioning: "Enabled",
		// By S3's own keys and not by KMS: nobody without credentials could read an
		// object that KMS has to decrypt (S3 User Guide, "Using server-side encryption
		// with AWS KMS keys").
		Encryption: "AES256",
	}}
}

func peopleTags(b config.Bucket) map[string]string {
	return kind.Filled(map[string]string{"agent": b.Agent, "use": b.Purpose})
}

// policyOf is who may do what with a bucket, by the bucket's own policy; who are
// its writers by it.
//
// What anybody may do, he may do without TLS: objects are public and carry
// their own proof or signature, and a reader that somewhere asks by plain HTTP
// must not stop a bridge. Everything else needs TLS, named by what it is not, so
// that no way to write is forgotten.
//
// Writers may list the bucket: without that right S3 answers "forbidden" and not
// "no such key" for an object that is not there (GetObject, S3 API reference),
// and Nomad's processor, which looks before it writes, stops.
func policyOf(b config.Bucket, who access.Values) access.Document {
	bucket, objects := cloud.BucketARN(b.Bucket), cloud.BucketARN(b.Bucket)+"/*"
	anybody := map[string]access.Values{"AWS": access.Literals("*")}
	public := []string{"s3:GetObject"}
	list := []access.Statement{{Sid: "AnybodyReads", Effect: access.Allow, Principals: anybody, Actions: []string{"s3:GetObject"}, Resources: access.Literals(objects)}}
	if b.Listing {
		public = append(public, "s3:ListBucket")
		list = append(list, access.Statement{Sid: "AnybodyLists", Effect: access.Allow, Principals: anybody, Actions: []string{"s3:ListBucket"}, Resources: access.Literals(bucket)})
	}
	if len(who) > 0 {
		writers := map[string]access.Values{"AWS": who}
		list = append(list,
			access.Statement{Sid: "WritersWrite", Effect: access.Allow, Principals: writers, Actions: []string{"s3:GetObject", "s3:PutObject"}, Resources: access.Literals(objects)},
			access.Statement{Sid: "WritersList", Effect: access.Allow, Principals: writers, Actions: []string{"s3:ListBucket"}, Resources: access.Literals(bucket)})
	}
	list = append(list, access.Statement{
		Sid: "AllElseNeedsTLS", Effect: access.Deny, Principals: anybody, NotActions: public, Resources: access.Literals(bucket, objects),
		Conditions: map[string]map[string]access.Values{"Bool": {"aws:SecureTransport": access.Literals("false")}},
	})
	return access.Document{Version: access.Version, Statements: list}
}

// cutOff lists who can write to a live bucket, is declared to do so by IAM, and
// could not by the declared policy while IAM is as it is: a validator whose right
// stood in the bucket's own policy until now. Where IAM cannot be read, nobody is
// known to have a right by it.
func (s *sweep) cutOff(b cloud.BucketConfig, declared config.Bucket) []string {
	now := access.Bucket{ARN: cloud.BucketARN(b.Name), Policy: access.Read(b.Policy)}
	want, writers := policyOf(declared, access.Literals(declared.Writers...)), s.env.Access.WritersByIAM(s.Buckets.Account, now.ARN)
	if b.Policy == "" || len(writers) == 0 || now.Policy.Equivalent(want) {
		return nil
	}
	world := access.World{Account: s.Buckets.Account}
	for arn := range writers {
		world.Directory.Users = append(world.Directory.Users, access.User{Entity: access.Entity{ARN: arn}})
	}
	if s.Directory != nil {
		if known, err := s.directory(); err == nil {
			world.Directory = *known
		}
	}
	return access.CutOffFrom(world, now, want, writers)
}
