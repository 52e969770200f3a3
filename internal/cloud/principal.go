package cloud

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// PrincipalError says that AWS did not come to know a principal that a policy
// names. Nothing was changed.
type PrincipalError struct {
	// Took is how long it was waited for.
	Took time.Duration
	// Err is AWS's last answer.
	Err error
}

// Error is AWS's answer and how long it stood.
func (e *PrincipalError) Error() string {
	return fmt.Sprintf("%s: still so after %s, the principal is not known or was never made", Cause(e.Err), e.Took.Round(time.Second))
}

// Unwrap gives AWS's answer.
func (e *PrincipalError) Unwrap() error { return e.Err }

// AwaitPrincipal sends a policy that names principals, and sends it again while
// AWS does not know one of them: one that was made a moment ago and one that
// never was cannot be told apart. Any other error ends it at once, one about the
// rest of the document too. After two minutes, or when the context ends, it is a
// *PrincipalError.
func AwaitPrincipal(ctx context.Context, clock Clock, send func() error) error {
	clock = clock.orWall()
	took := time.Duration(0)
	for _, wait := range principalWaits() {
		err := send()
		if !unknownPrincipal(err) {
			return err
		}
		if asleep := clock.Sleep(ctx, wait); asleep != nil {
			return &PrincipalError{Took: took, Err: errors.Join(err, asleep)}
		}
		took += wait
	}
	err := send()
	if unknownPrincipal(err) {
		return &PrincipalError{Took: took, Err: err}
	}
	return err
}

// unknownPrincipal reports that a document was refused for a principal, or
// without a reason: the services have one code for all that may be wrong with a
// document and name an invalid principal in the message.
func unknownPrincipal(err error) bool {
	_, message := answer(err)
	return Malformed(err) && (message == "" || strings.Contains(strings.ToLower(message), "invalid principal"))
}

// Malformed reports that AWS did not accept a policy document: IAM, KMS and S3
// each have a name for it.
func Malformed(err error) bool {
	return HasCode(err, "MalformedPolicyDocument", "MalformedPolicyDocumentException", "MalformedPolicy")
}
