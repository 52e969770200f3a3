package iamuser_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iamuser"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func asNotAccepted(err error) bool {
	var refused *kind.NotAcceptedError
	return errors.As(err, &refused)
}

// create is the step that makes the first declared user.
func (b *bench) create(intent string) (kind.Resolved, kind.Prepared) {
	b.Helper()
	want := b.declare()[0]
	return b.attempt(b.steps(nil, &want)[0], intent)
}

func TestANameThatSomebodyTookMeanwhileIsNotOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	resolved, prepared := b.create("intent-1")
	_, print := b.foreign(t)
	before := print()
	if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) || !strings.Contains(err.Error(), "iam:CreateUser on user "+zero+": EntityAlreadyExists") {
		t.Errorf("error %v", err)
	}
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil {
		t.Errorf("probe %s %v", happened, err)
	}
	if print() != before {
		t.Error("somebody else's user was written")
	}
}

func TestACreateWhoseReplyWasLostIsOneUserAndGivesItsOutputs(t *testing.T) {
	t.Parallel()
	for _, lag := range []int{0, 3} {
		b := newBench(t, zero)
		b.fake.IAM().Lag(lag)
		resolved, prepared := b.create("intent-1")
		b.faults.Break(cloudtest.Lost, 1, cloudtest.Is("iam.CreateUser"))
		if _, err := b.kind.Do(t.Context(), resolved, prepared); err == nil || asNotAccepted(err) {
			t.Fatalf("error %v", err)
		}
		_, earlier := b.attempt(resolved.Step, "intent-0")
		happened, outputs, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{earlier, prepared})
		if happened != kind.Yes || err != nil || outputs["userId"] == "" {
			t.Errorf("lag %d: %s %v %v", lag, happened, outputs, err)
		}
		again, err := b.kind.Do(t.Context(), resolved, prepared)
		if err != nil || again["userId"] != outputs["userId"] || b.users(t) != 1 {
			t.Errorf("lag %d: again %v %v, %d users", lag, again, err, b.users(t))
		}
	}
}

func TestEveryStepSettlesWhereIAMIsSlow(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero, one)
	b.fake.IAM().Lag(4)
	for _, want := range b.declare() {
		steps, err := b.kind.Steps(nil, &want, nil)
		must(t, err)
		b.do(steps...)
	}
	if steps, deferred := b.plan(one); len(steps) != 0 || deferred != "" {
		t.Fatalf("right after: %v %q", ops(steps), deferred)
	}
	before := b.live(one)
	steps, err := b.kind.Steps(before, nil, nil)
	must(t, err)
	b.do(steps...)
	if b.live(one) != nil {
		t.Error("the user is seen after its removal settled")
	}
}

func TestWhatWasAcceptedAndIsNotSeenIsNeverCalledRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	resolved, prepared := b.create("intent-1")
	heal := b.faults.Break(cloudtest.Denied, 0, cloudtest.Is("iam.GetAccountAuthorizationDetails"))
	_, err := b.kind.Do(t.Context(), resolved, prepared)
	if err == nil || asNotAccepted(err) {
		t.Errorf("error %v", err)
	}
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.Unknown || err == nil {
		t.Errorf("probe %s %v", happened, err)
	}
	heal()
	slow := newBench(t, zero)
	slow.fake.IAM().Lag(1000)
	resolved, prepared = slow.create("intent-1")
	if _, err := slow.kind.Do(t.Context(), resolved, prepared); err == nil || asNotAccepted(err) || !strings.Contains(err.Error(), "create-user of user "+zero) {
		t.Errorf("while nothing is shown: %v", err)
	}
}

func TestABrokenRecordOrStepTouchesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	resolved, prepared := b.create("intent-1")
	b.fake.Forget()
	changed := func(op string, params resource.Attrs) kind.Resolved {
		other := resolved
		other.Step.Op, other.Step.Params = op, params
		return other
	}
	for name, try := range map[string]struct {
		resolved kind.Resolved
		prepared kind.Prepared
	}{
		"no intent":         {resolved, kind.Prepared(`{}`)},
		"no record":         {resolved, nil},
		"unknown operation": {changed("create-key", resource.Attrs{"name": zero}), prepared},
		"another user":      {changed("delete-user", resource.Attrs{"name": one}), prepared},
		"no user":           {changed("delete-user", resource.Attrs{}), prepared},
		"unknown parameter": {changed("delete-user", resource.Attrs{"name": zero, "force": true}), prepared},
	} {
		if _, err := b.kind.Do(t.Context(), try.resolved, try.prepared); !asNotAccepted(err) {
			t.Errorf("%s: %v", name, err)
		}
		if happened, _, err := b.kind.Probe(t.Context(), try.resolved, []kind.Prepared{try.prepared}); happened != kind.Unknown || err == nil {
			t.Errorf("%s: probe %s %v", name, happened, err)
		}
	}
	if b.fake.Total() != 0 {
		t.Errorf("calls %v", b.fake.Calls())
	}
}

func TestAUserWhoseCredentialsCannotBeReadIsUnread(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"iam.ListAccessKeys", "iam.GetLoginProfile"} {
		b := made(t, zero, one)
		b.env.Access.Users = b.env.Access.Users[:1]
		b.faults.Break(cloudtest.Denied, 0, cloudtest.Is(operation))
		seen := b.kind.Observe(t.Context(), b.env, nil)
		if len(seen.Owned) != 1 || len(seen.Unread) != 1 || seen.Unread[0].Scope != "iam-user/global/"+one {
			t.Errorf("%s denied: owned %d, unread %v", operation, len(seen.Owned), seen.Unread)
		}
	}
}

func TestTakingWhatIsGoneAlreadyIsDone(t *testing.T) {
	t.Parallel()
	b := made(t, zero, one)
	b.attach(t, one, "other")
	b.inline(t, one, allowing)
	b.join(t, one, "administrators")
	b.env.Access.Users = b.env.Access.Users[:1]
	steps, _ := b.plan(one)
	for _, step := range steps {
		b.do(step)
		b.do(step)
	}
	if b.print(t, one) != "gone" {
		t.Error("the user is still there")
	}
}

func TestAPolicyThatIAMDoesNotKnowYetIsAttachedWhenItDoes(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	step := resource.Step{Op: kind.OpAttach, ID: config.UserID(zero), Params: resource.Attrs{"name": zero, "policy": policyARN("late")}}
	resolved, prepared := b.attempt(step, "intent-1")
	if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) || !strings.Contains(err.Error(), "iam:AttachUserPolicy on user "+zero+": NoSuchEntity") {
		t.Errorf("a policy that never was: %v", err)
	}
	slept := 0
	clock := instantly()
	clock.Sleep = func(context.Context, time.Duration) error {
		if slept++; slept == 3 {
			b.policy(t, "late", allowing)
		}
		return nil
	}
	k, err := iamuser.New(iamuser.Options{IAM: b.api, Directory: cloud.NewDirectory(b.api, clock, nil)})
	must(t, err)
	if _, err := k.Do(t.Context(), resolved, prepared); err != nil {
		t.Errorf("after %d waits: %v", slept, err)
	}
}
