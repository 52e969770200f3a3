package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// CallError is one failed AWS call in words for an operator: which action, on
// which resource, and what was wrong. It holds no request id and no endpoint,
// so that the same failure reads the same twice.
type CallError struct {
	// Action is as in an IAM policy, for example kms:DescribeKey.
	Action string
	// Resource is an ARN, an alias, a name.
	Resource string
	Err      error
}

// Error is `<action> on <resource>: <cause>`.
func (e *CallError) Error() string {
	return fmt.Sprintf("%s on %s: %s", e.Action, e.Resource, Cause(e.Err))
}

// Unwrap gives the SDK's error.
func (e *CallError) Unwrap() error { return e.Err }

// Explain wraps an SDK error with the action and the resource; nil stays nil, and
// so does what was explained before.
func Explain(action, resource string, err error) error {
	if _, explained := err.(*CallError); explained || err == nil {
		return err
	}
	return &CallError{Action: action, Resource: resource, Err: err}
}

// Cause is an SDK error in one clean line.
func Cause(err error) string {
	code, message := answer(err)
	var (
		missing *CredentialsError
		late    *PrincipalError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &late):
		return late.Error()
	case errors.As(err, &missing):
		return missing.Error() + ": sign in again"
	case Expired(err):
		return fmt.Sprintf("the AWS credentials are expired or not valid (%s): sign in again", code)
	case Denied(err):
		return join("access denied ("+orText(code, "HTTP 403")+")", message)
	case Throttled(err):
		return join("throttled ("+code+")", message)
	case code != "":
		return join(code, message)
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded) || timedOut(err):
		return "no answer in time"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return closedEarly
	}
	if operation, ok := networkError(err); ok {
		if operation.Op == "dial" && operation.Addr != nil {
			return fmt.Sprintf("dial %s: %v", operation.Addr, bare(operation.Err))
		}
		// Reset, broken pipe or closed: which one it is depends on the moment.
		return closedEarly
	}
	if status := httpStatus(err); status != 0 {
		return fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))
	}
	return bare(err).Error()
}

const closedEarly = "the connection was closed before the answer"

// networkError is the innermost network error; outer ones repeat it with our
// own port numbers.
func networkError(err error) (*net.OpError, bool) {
	var found *net.OpError
	for errors.As(err, &found) {
		err = found.Err
	}
	return found, found != nil
}

func join(head, tail string) string {
	if tail == "" {
		return head
	}
	return head + ": " + tail
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// bare strips the SDK's layers, which carry request ids and URLs.
func bare(err error) error {
	for {
		var (
			operation *smithy.OperationError
			send      *smithyhttp.RequestSendError
			link      *url.Error
			call      *callError
			maximum   *retry.MaxAttemptsError
			response  *smithyhttp.ResponseError
		)
		switch {
		case errors.As(err, &operation):
			err = operation.Err
		case errors.As(err, &call):
			err = call.err
		case errors.As(err, &maximum):
			err = maximum.Err
		case errors.As(err, &send):
			err = send.Err
		case errors.As(err, &response):
			err = response.Err
		case errors.As(err, &link):
			err = link.Err
		default:
			return err
		}
	}
}

// unknownCode is what the SDK says when the reply names no error.
const unknownCode = "UnknownError"

// answer is the code and message that AWS gave, empty when it gave none.
func answer(err error) (code, message string) {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() == unknownCode {
		return "", ""
	}
	return api.ErrorCode(), api.ErrorMessage()
}

func httpStatus(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// HasCode reports whether AWS answered with one of the error codes.
func HasCode(err error, codes ...string) bool {
	code, _ := answer(err)
	return code != "" && slices.Contains(codes, code)
}

// Operation splits an explained error into what was tried on what, and the
// cause, for a report of what could not be read.
func Operation(err error) (operation, cause string) {
	var call *CallError
	if errors.As(err, &call) {
		return call.Action + " on " + call.Resource, Cause(call.Err)
	}
	return "read", Cause(err)
}

// Unread words an error for a report of what could not be read: scope is a kind,
// a region, or the ID of one resource.
func Unread(scope string, err error) resource.Unread {
	operation, cause := Operation(err)
	return resource.Unread{Scope: scope, Operation: operation, Cause: cause}
}

// Expired reports credentials that are expired, unknown or absent: fatal at
// once, because no call can succeed.
func Expired(err error) bool {
	if HasCode(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException", "TokenRefreshRequired", "IDPExpiredToken") {
		return true
	}
	var missing *CredentialsError
	return errors.As(err, &missing)
}

// CredentialsError says that the default chain gave no credentials, or could
// not renew them.
type CredentialsError struct{ Err error }

// Error names the cause.
func (e *CredentialsError) Error() string {
	return fmt.Sprintf("no usable AWS credentials: %v", bare(e.Err))
}

// Unwrap gives the chain's error.
func (e *CredentialsError) Unwrap() error { return e.Err }

// namedCredentials turns any failure of the chain into a CredentialsError.
type namedCredentials struct{ aws.CredentialsProvider }

// Retrieve asks the chain.
func (c namedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return credentials, &CredentialsError{Err: err}
	}
	return credentials, nil
}

// Denied reports that the caller may not do this. A bare HTTP 403 counts: an
// answer whose body the SDK cannot read is still a refusal.
func Denied(err error) bool {
	if err == nil || Expired(err) {
		return false
	}
	return HasCode(err, "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized") || httpStatus(err) == http.StatusForbidden
}

// NotFound reports that the named object does not exist.
func NotFound(err error) bool {
	return HasCode(err, "NotFoundException", "ResourceNotFoundException", "NoSuchEntity", "NoSuchKey", "NoSuchBucket", "NotFound")
}

// Exists reports that the name is taken.
func Exists(err error) bool {
	return HasCode(err, "AlreadyExistsException", "ResourceExistsException", "EntityAlreadyExists", "BucketAlreadyOwnedByYou", "BucketAlreadyExists")
}

// Throttled reports that AWS asked for a slower pace.
func Throttled(err error) bool {
	code, _ := answer(err)
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok
}

// NotAccepted reports that the call is proved to have had no effect: it was
// never sent, or every attempt was answered with a refusal. False does not
// mean that it happened; it means that nobody knows.
func NotAccepted(err error) bool {
	if err == nil {
		return false
	}
	var call *callError
	if errors.As(err, &call) {
		if call.record.sent == 0 {
			return true
		}
		return !call.record.doubtful
	}
	return rejected(err)
}

// rejected judges one attempt.
func rejected(err error) bool {
	if Throttled(err) || Expired(err) || Denied(err) {
		return true
	}
	if operation, ok := networkError(err); ok && operation.Op == "dial" {
		return true
	}
	if status := httpStatus(err); status != 0 {
		return status >= 400 && status < 500 && status != http.StatusRequestTimeout
	}
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorFault() == smithy.FaultClient
}
