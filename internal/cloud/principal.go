package cloud

import (
	"context"
	"time"
)

// principalWaits are the pauses before a policy is sent again that names a
// principal made a moment ago: two minutes in all. AWS says of IAM that a new
// identity may not be known everywhere at once and names no longest time (IAM
// User Guide, "Changes that I make are not always immediately visible").
func principalWaits() []time.Duration {
	return []time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second,
	}
}

// AwaitPrincipal sends a policy that names principals, and sends it again while
// AWS calls the document malformed: that is its answer for a principal that it
// does not know yet, and for one that never was, which cannot be told apart. Any
// other error ends it at once; after two minutes the last answer stands.
func AwaitPrincipal(ctx context.Context, clock Clock, send func() error) error {
	clock = clock.orWall()
	err := send()
	for _, wait := range principalWaits() {
		if !Malformed(err) {
			return err
		}
		if asleep := clock.Sleep(ctx, wait); asleep != nil {
			return asleep
		}
		err = send()
	}
	return err
}

// Malformed reports that AWS did not accept a policy document: IAM, KMS and S3
// each have a name for it.
func Malformed(err error) bool {
	return HasCode(err, "MalformedPolicyDocument", "MalformedPolicyDocumentException", "MalformedPolicy")
}
