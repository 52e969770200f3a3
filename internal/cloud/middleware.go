package cloud

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// instrument puts our three steps into the SDK's stack of one call: the record
// of what is known about it, the rate limit before each attempt is signed, and
// the count of what is really sent.
func (s *Session) instrument(stack *middleware.Stack) error {
	if err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ReconcileRecord", recordCall), middleware.Before); err != nil {
		return err
	}
	if _, ok := stack.Finalize.Get("Retry"); !ok {
		return errNoRetryMiddleware
	}
	if slices.Contains(sentOnce(), stack.ID()) {
		onlyRefusals := s.standardRetryer(retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}, busy())
		if _, err := stack.Finalize.Swap("Retry", retry.NewAttemptMiddleware(onlyRefusals, smithyhttp.RequestCloner)); err != nil {
			return err
		}
	}
	limit := middleware.FinalizeMiddlewareFunc("ReconcileLimit", s.limitAttempt)
	if err := stack.Finalize.Insert(limit, "Retry", middleware.After); err != nil {
		return err
	}
	if err := stack.Build.Add(middleware.BuildMiddlewareFunc("ReconcileBody", readOnly), middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("ReconcileCount", s.countAttempt), middleware.After)
}

// sentOnce are the operations that make something, without an idempotency token.
// After a lost reply, a second request makes a second key, access key or policy
// version, or is refused because of what the first one made. Only an answer that
// proves that nothing was made may be tried again; after any other, a kind's
// Probe finds out.
func sentOnce() []string {
	return []string{
		"CreateKey",
		"CreateAccessKey", "CreateGroup", "CreatePolicy", "CreatePolicyVersion", "CreateRole", "CreateUser",
	}
}

// busy are IAM's two refusals of a change while another one is under way, which
// ask to be tried again (IAM API reference, "Common errors" of CreateUser and
// UpdateUser).
func busy() retry.RetryableErrorCode {
	return retry.RetryableErrorCode{Codes: map[string]struct{}{"ConcurrentModification": {}, "EntityTemporarilyUnmodifiable": {}}}
}

// readOnly hides every method of a request's body but Read and Seek. The SDK
// closes the body as soon as the answer's head is there (smithy-go,
// ClientHandler.Handle); net/http may at that moment still look for the body's
// end (transferWriter.writeBody), and where it does so by WriteTo, smithy-go
// answers with io.EOF as an error: net/http then drops the connection in the
// middle of a good answer. By Read the same io.EOF is the end that it is.
func readOnly(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
	if request, ok := in.Request.(*smithyhttp.Request); ok {
		if body, seeks := request.GetStream().(io.ReadSeeker); seeks {
			plain, err := request.SetStream(struct{ io.ReadSeeker }{body})
			if err != nil {
				return middleware.BuildOutput{}, middleware.Metadata{}, err
			}
			in.Request = plain
		}
	}
	return next.HandleBuild(ctx, in)
}

type recordKey struct{}

// callRecord is what is known about one call over all its attempts.
type callRecord struct {
	sent int
	// doubtful is set when an attempt may have taken effect unseen.
	doubtful bool
}

// callError carries the record with the error.
type callError struct {
	record callRecord
	err    error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

func recordCall(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	record := &callRecord{}
	out, metadata, err := next.HandleInitialize(context.WithValue(ctx, recordKey{}, record), in)
	if err != nil {
		err = &callError{record: *record, err: err}
	}
	return out, metadata, err
}

func (s *Session) limitAttempt(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	if err := s.limits.wait(ctx, awsmiddleware.GetRegion(ctx), operationName(ctx)); err != nil {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	return next.HandleFinalize(ctx, in)
}

func (s *Session) countAttempt(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	s.meter.add(operationName(ctx))
	out, metadata, err := next.HandleFinalize(ctx, in)
	if record, ok := ctx.Value(recordKey{}).(*callRecord); ok {
		record.sent++
		if err != nil && !rejected(err) {
			record.doubtful = true
		}
	}
	return out, metadata, err
}

// operationName is "service.Operation" with our short names of services.
func operationName(ctx context.Context) string {
	service := awsmiddleware.GetServiceID(ctx)
	switch service {
	case "Resource Groups Tagging API":
		service = "tagging"
	default:
		service = strings.ToLower(strings.ReplaceAll(service, " ", ""))
	}
	return service + "." + awsmiddleware.GetOperationName(ctx)
}

// meter counts requests.
type meter struct {
	mu    sync.Mutex
	calls map[string]int
}

func newMeter() *meter { return &meter{calls: map[string]int{}} }

func (m *meter) add(operation string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[operation]++
}

func (m *meter) snapshot() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.calls)
}
