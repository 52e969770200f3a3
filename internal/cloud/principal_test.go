package cloud_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/crosschain-ops/reconcile/internal/cloud"
)

func TestAPrincipalMadeAMomentAgoIsWaitedForTwoMinutes(t *testing.T) {
	t.Parallel()
	malformed := &smithy.GenericAPIError{Code: "MalformedPolicyDocument"}
	denied := &smithy.GenericAPIError{Code: "AccessDenied"}
	for name, test := range map[string]struct {
		answers []error
		want    error
		sent    int
		slept   time.Duration
	}{
		"known at once":      {[]error{nil}, nil, 1, 0},
		"known later":        {[]error{malformed, malformed, nil}, nil, 3, 3 * time.Second},
		"never known":        {[]error{malformed}, malformed, 9, 2 * time.Minute},
		"refused is refused": {[]error{malformed, denied}, denied, 2, time.Second},
	} {
		sent, slept := 0, time.Duration(0)
		clock := cloud.Clock{Sleep: func(_ context.Context, d time.Duration) error { slept += d; return nil }}
		err := cloud.AwaitPrincipal(t.Context(), clock, func() error {
			sent++
			return test.answers[min(sent, len(test.answers))-1]
		})
		if !errors.Is(err, test.want) || sent != test.sent || slept != test.slept {
			t.Errorf("%s: %v after %d calls and %s, want %v, %d, %s", name, err, sent, slept, test.want, test.sent, test.slept)
		}
	}
}

func TestAnApplyThatIsStoppedWaitsForNoPrincipal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := cloud.AwaitPrincipal(ctx, cloud.Clock{}, func() error { return &smithy.GenericAPIError{Code: "MalformedPolicy"} })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
