package access

import (
	"maps"
	"slices"
)

// CutOffFrom lists who can write to a bucket by the account as it is, by ARN, and
// could not any more with another bucket policy: of the principals asked about,
// each with the objects that it must stay able to write. What cannot be told of
// the present counts as a right that would be lost, and what cannot be told of
// the time after is none.
func CutOffFrom(now World, bucket Bucket, after Document, objects map[string][]string) []string {
	then := now
	now.Buckets = []Bucket{bucket}
	bucket.Policy = after
	then.Buckets = []Bucket{bucket}
	before, later := newIndex(&now), newIndex(&then)
	puts := func(ix *index, who, object string) answer {
		tls := map[string][]string{"aws:SecureTransport": {"true"}}
		return ix.situation(ix.find(who), "s3:PutObject", object, tls).decide().answer()
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(objects)), func(who string) bool {
		return !slices.ContainsFunc(objects[who], func(object string) bool {
			return puts(before, who, object) != no && puts(later, who, object) != yes
		})
	})
}
