package iamrole_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/kind"
)

// TestWhatDeniesByNowIsNotTakenOff, although it only gave when it was planned.
func TestWhatDeniesByNowIsNotTakenOff(t *testing.T) {
	t.Parallel()
	for op, test := range map[string]struct{ arrange, then func(*bench) }{
		"delete-inline": {func(b *bench) { b.inline(b.T, zero, allowing) }, func(b *bench) { b.inline(b.T, zero, denying) }},
		"detach-policy": {func(b *bench) { b.attach(b.T, zero, "other") }, func(b *bench) {
			in := &iam.CreatePolicyVersionInput{PolicyArn: aws.String(policyARN("other")), PolicyDocument: aws.String(denying), SetAsDefault: true}
			_, err := b.fake.IAM().CreatePolicyVersion(b.Context(), in)
			must(b.T, err)
		}},
	} {
		b := made(t, zero)
		test.arrange(b)
		steps, _ := b.plan(zero)
		if !slices.Equal([]string{op}, ops(steps)) {
			t.Fatalf("steps %v, want %s", ops(steps), op)
		}
		test.then(b)
		before := b.print(t, zero)
		resolved, prepared := b.attempt(steps[0], "intent")
		_, err := b.kind.Do(t.Context(), resolved, prepared)
		if refused := new(kind.NotAcceptedError); !errors.As(err, &refused) || !strings.Contains(err.Error(), "to lift it was not planned") || b.print(t, zero) != before {
			t.Errorf("%s: %v", op, err)
		}
	}
}
