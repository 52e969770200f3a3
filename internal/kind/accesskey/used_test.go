package accesskey_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// legacyKey makes a key by somebody else's hand, last used at a time.
func (p place) legacyKey(t *testing.T, used time.Time) string {
	t.Helper()
	out, err := p.admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(zero)})
	must(t, err)
	id := aws.ToString(out.AccessKey.AccessKeyId)
	p.fake.IAM().AgeAccessKey(id, p.base().Add(-400*day), used)
	return id
}

// TestAnAgentThatRunsOnAKeyOfBeforeKeepsItUntilItRunsOnTheDeclaredOne: the
// declared key is made beside the old one, which goes when nobody has used it
// for the overlap.
func TestAnAgentThatRunsOnAKeyOfBeforeKeepsItUntilItRunsOnTheDeclaredOne(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	env := environment(user(zero, true))
	old := p.legacyKey(t, p.base().Add(-6*day))
	p.play(t, env, 0, "create-access-key")
	p.play(t, env, 0)
	if keys := p.keys(t, zero); len(keys) != 2 || keys[0] != old {
		t.Fatalf("keys %v", keys)
	}
	p.play(t, env, 2*day, "remove-stray-access-key")
	if keys := p.keys(t, zero); len(keys) != 1 || keys[0] == old {
		t.Fatalf("keys %v", keys)
	}
}

func TestTwoKeysInUseLeaveNoRoomForAThird(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	p.legacyKey(t, p.base().Add(-day))
	p.legacyKey(t, p.base().Add(-3*day))
	env := environment(user(zero, true))
	p.play(t, env, 0)
	// One of them rests: it makes room for the declared one.
	p.play(t, env, 5*day, "remove-stray-access-key", "create-access-key")
	p.play(t, env, 5*day)
}

// TestAKeyInUseOfAUserWithoutOneIsAFindingAndStays, while one that nobody
// uses, or whose user is not declared any more, goes.
func TestAKeyInUseOfAUserWithoutOneIsAFindingAndStays(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	env := environment(user(zero, false))
	id := p.legacyKey(t, p.base().Add(-day))
	remove := func() error {
		k := p.kind(t)
		seen := k.Observe(t.Context(), env, nil)
		steps, err := k.Steps(&seen.Owned[0], nil, seen.Facts)
		if err == nil && (len(steps) != 1 || steps[0].Op != "remove-access-key") {
			t.Errorf("steps %+v", steps)
		}
		return err
	}
	if later := new(kind.DeferredError); !errors.As(remove(), &later) || !strings.Contains(later.Reason, id) {
		t.Errorf("somebody signs in with it: %v", later)
	}
	k := p.kind(t)
	findings, err := k.Check(nil, k.Observe(t.Context(), env, nil).Owned, nil)
	must(t, err)
	if len(findings) != 1 || findings[0].Rule != "access-key-in-use" || !strings.Contains(findings[0].Reason, id) {
		t.Errorf("findings %v", findings)
	}
	users := env.Access.Users
	env.Access.Users = nil
	if err := remove(); err != nil {
		t.Errorf("the user is not declared any more: %v", err)
	}
	env.Access.Users = users
	p.fake.IAM().AgeAccessKey(id, p.base().Add(-400*day), p.base().Add(-8*day))
	if err := remove(); err != nil {
		t.Errorf("nobody has used it for a week: %v", err)
	}
}

func TestAStrayKeyThatIsUsedAfterThePlanStays(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	env, id := environment(user(zero, true)), p.legacyKey(t, time.Time{})
	k := p.kind(t)
	step := resource.Step{Op: "remove-stray-access-key", ID: k.Observe(t.Context(), env, nil).Owned[0].ID, Params: resource.Attrs{"user": zero, "key": id}}
	try := func() error {
		_, err := k.Do(t.Context(), kind.Resolved{Step: step, Environment: env, Intent: "intent"}, kind.Prepared(`{"intent":"intent","before":[]}`))
		return err
	}
	p.fake.IAM().AgeAccessKey(id, p.base(), p.base().Add(-time.Hour))
	refused := new(kind.NotAcceptedError)
	if err := try(); !errors.As(err, &refused) || !strings.Contains(err.Error(), "has been used") {
		t.Errorf("%v", err)
	}
	heal := p.faults.Break(cloudtest.Denied, 0, cloudtest.Is("iam.GetAccessKeyLastUsed"))
	if err := try(); !errors.As(err, &refused) {
		t.Errorf("whether it is used cannot be read: %v", err)
	}
	if seen := k.Observe(t.Context(), env, nil); len(seen.Unread) != 1 || len(seen.Owned) != 0 {
		t.Errorf("whether it is used cannot be read: %+v", seen)
	}
	heal()
	if keys := p.keys(t, zero); len(keys) != 1 {
		t.Errorf("keys %v", keys)
	}
}

func TestAUserThatIsNotOursYetGetsNoKeyAndIsAskedForNone(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	_, err := p.admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(zero)})
	must(t, err)
	env, k := environment(user(zero, true)), p.kind(t)
	desired, err := k.Declare(env)
	must(t, err)
	for name, seen := range map[string]kind.Seen{
		"observed": k.Observe(t.Context(), env, nil), "read": k.Read(t.Context(), env, []resource.ID{id(zero)}, nil),
	} {
		if len(seen.Owned)+len(seen.Foreign)+len(seen.Unread) != 0 {
			t.Errorf("%s: %+v", name, seen)
		}
		if later := new(kind.DeferredError); !errors.As(second(k.Steps(nil, &desired[0], seen.Facts)), &later) {
			t.Errorf("%s: not deferred", name)
		}
	}
	if diff := cmp.Diff(0, p.faults.Calls()["iam.ListAccessKeys"]); diff != "" {
		t.Errorf("its keys were asked for: %s", diff)
	}
}

func second[T any](_ T, err error) error { return err }

// TestABrokenStepIsRefusedBeforeAnyCall: one that is no operation, or that names
// too little, is neither done nor taken for a removal.
func TestABrokenStepIsRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	k, env := p.kind(t), environment(user(zero, true))
	p.fake.Forget()
	for name, step := range map[string]resource.Step{
		"no operation":     {Op: "lend-access-key", ID: id(zero), Params: resource.Attrs{"user": zero, "key": "AKIAIOSFODNN7EXAMPLE"}},
		"no key":           {Op: "remove-access-key", ID: id(zero), Params: resource.Attrs{"user": zero}},
		"no secret":        {Op: "create-access-key", ID: id(zero), Params: resource.Attrs{"user": zero, "region": oregon}},
		"no region":        {Op: "rotate-access-key", ID: id(zero), Params: resource.Attrs{"user": zero, "secret": "x"}},
		"somebody else":    {Op: "remove-access-key", ID: id(zero), Params: resource.Attrs{"user": one, "key": "AKIAIOSFODNN7EXAMPLE"}},
		"what is not ours": {Op: "remove-access-key", ID: id(zero), Params: resource.Attrs{"user": zero, "key": "x", "what": "else"}},
	} {
		resolved := kind.Resolved{Step: step, Environment: env}
		refused := new(kind.NotAcceptedError)
		if _, err := k.Do(t.Context(), resolved, kind.Prepared(`{"intent":"i","before":[]}`)); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
		if happened, _, err := k.Probe(t.Context(), resolved, nil); happened != kind.Unknown || err == nil {
			t.Errorf("%s: probed: %s %v", name, happened, err)
		}
	}
	create := kind.Resolved{Step: resource.Step{Op: "create-access-key", ID: id(zero), Params: resource.Attrs{"user": zero, "secret": "x", "region": oregon}}, Environment: env}
	refused := new(kind.NotAcceptedError)
	if _, err := k.Do(t.Context(), create, kind.Prepared(`{}`)); !errors.As(err, &refused) {
		t.Errorf("without an intent: %v", err)
	}
	if n := p.fake.Total(); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// TestAKeyThatWasMadeAndNotStoredIsNotCalledRefused: the same attempt finds it
// again, removes it and makes another.
func TestAKeyThatWasMadeAndNotStoredIsNotCalledRefused(t *testing.T) {
	t.Parallel()
	p := onFake(t)
	p.people(t)
	k, env := p.kind(t), environment(user(zero, true))
	resolved := kind.Resolved{Intent: "intent", Environment: env, Step: resource.Step{
		Op: "create-access-key", ID: id(zero), Params: resource.Attrs{"user": zero, "secret": zero + "-access-key", "region": oregon},
	}}
	prepared, err := k.Prepare(t.Context(), resolved)
	must(t, err)
	p.faults.Break(cloudtest.Denied, 1, cloudtest.Is("secretsmanager.CreateSecret"))
	_, err = k.Do(t.Context(), resolved, prepared)
	if refused := new(kind.NotAcceptedError); err == nil || errors.As(err, &refused) || !strings.Contains(err.Error(), "was made and is not stored") {
		t.Fatalf("%v", err)
	}
	lost := p.keys(t, zero)
	if happened, _, err := k.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil || len(lost) != 1 {
		t.Fatalf("%s %v, keys %v", happened, err, lost)
	}
	outputs, err := k.Do(t.Context(), resolved, prepared)
	must(t, err)
	if keys := p.keys(t, zero); len(keys) != 1 || keys[0] == lost[0] || outputs["accessKeyId"] != keys[0] || !strings.Contains(p.stored(t, zero), keys[0]) {
		t.Errorf("keys %v after %v, outputs %v", keys, lost, outputs)
	}
}
