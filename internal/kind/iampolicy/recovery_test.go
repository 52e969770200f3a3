package iampolicy_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// first is the first step for a policy.
func (b *bench) first(name, op string) resource.Step {
	b.Helper()
	list, deferred := b.plan(name)
	if len(list) == 0 || list[0].Op != op {
		b.Fatalf("steps %v, deferred %q, want %s first", ops(list), deferred, op)
	}
	return list[0]
}

// TestALostReplyIsFoundAgain for every operation on a live policy: it is known
// to have happened, and doing it once more changes nothing.
func TestALostReplyIsFoundAgain(t *testing.T) {
	t.Parallel()
	arn := policyARN(ourPath, zero)
	for op, arrange := range map[string]func(*bench){
		"create-policy":     func(b *bench) { b.remove(arn) },
		"write-version":     func(b *bench) { b.write(b.T, arn, wide); b.drop(arn, "v1") },
		"narrow":            func(b *bench) { b.write(b.T, arn, extraZero); b.drop(arn, "v1") },
		"return-to-version": func(b *bench) { b.setBack(b.T, arn) },
		"narrow-to-version": func(b *bench) { b.write(b.T, arn, extraZero) },
		"prune-version":     func(b *bench) { b.fill(b.T, arn) },
		"protect-policy":    func(b *bench) { b.env.Access.Policies[0].Protect = true },
		"delete-policy":     func(b *bench) { b.env = environment(one) },
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(zero)).create()
			arrange(b)
			step := b.first(zero, op)
			resolved, prepared := b.prepared(step)
			if happened, _, err := b.k.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil {
				t.Fatalf("before it was done: %s %v", happened, err)
			}
			b.faults.Break(cloudtest.Lost, 1, cloudtest.Writes)
			if _, err := b.k.Do(t.Context(), resolved, prepared); err == nil || refused(err) {
				t.Fatalf("the reply was lost, and: %v", err)
			}
			after := b.print(t, arn)
			_, other := b.prepared(step)
			happened, outputs, err := b.k.Probe(t.Context(), resolved, []kind.Prepared{other, prepared})
			if happened != kind.Yes || err != nil {
				t.Fatalf("%s %v", happened, err)
			}
			again, err := b.k.Do(t.Context(), resolved, prepared)
			if err != nil || b.print(t, arn) != after || again["arn"] != outputs["arn"] || again["version"] != outputs["version"] {
				t.Errorf("again: %v, %v and %v\nbefore %s\nafter  %s", err, outputs, again, after, b.print(t, arn))
			}
			if op == "create-policy" && outputs["arn"] != arn || op != "create-policy" && outputs["arn"] != "" {
				t.Errorf("outputs %v: only what was made here is ours to remove later", outputs)
			}
		})
	}
}

func (b *bench) remove(arn string) {
	b.Helper()
	_, err := b.admin.DeletePolicy(b.Context(), &iam.DeletePolicyInput{PolicyArn: aws.String(arn)})
	must(b.T, err)
}

// TestThatNothingHappenedIsProved where the world is not as planned: each of
// these is refused before or by AWS, and says why.
func TestThatNothingHappenedIsProved(t *testing.T) {
	t.Parallel()
	arn := policyARN(ourPath, zero)
	drifted := func(b *bench) { b.write(b.T, arn, extraZero); b.drop(arn, "v1") }
	removed := func(b *bench) { b.env = environment(one) }
	for name, test := range map[string]struct {
		op      string
		arrange func(*bench)
		then    func(*bench)
		want    string
	}{
		"the name was taken": {"create-policy", func(b *bench) { b.remove(arn) }, func(b *bench) { b.make(b.T, "/", zero, wide, nil) },
			"the name is taken by arn:aws:iam::111122223333:policy/validator-0-signer"},
		"another version is in force": {"narrow", drifted, func(b *bench) { b.write(b.T, arn, wide) }, "version v3 is in force, planned was from v2"},
		"another policy of the name": {"narrow", drifted, func(b *bench) {
			b.remove(arn)
			b.make(b.T, ourPath, zero, less, nil)
			b.write(b.T, arn, less)
			b.drop(arn, "v1")
		}, "it gives something that the document in force does not"},
		"another version of the number": {"return-to-version", func(b *bench) { b.setBack(b.T, arn) }, func(b *bench) {
			b.drop(arn, "v1")
			b.remove(arn)
			b.make(b.T, ourPath, zero, wider, nil)
			b.write(b.T, arn, wide)
		}, "version v1 does not mean what was planned"},
		"it is gone": {"narrow", drifted, func(b *bench) { b.remove(arn) }, arn + " is not there"},
		"it was attached since": {"delete-policy", removed, func(b *bench) { b.attach(b.T, "somebody", arn) },
			"is attached to user/somebody"},
		"the version is in force by now": {"prune-version", func(b *bench) { b.fill(b.T, arn) }, func(b *bench) { b.setDefault(arn, "v2") }, "version v2 of " + arn + " is in force"},
		"AWS refuses":                    {"narrow", drifted, func(b *bench) { b.faults.Break(cloudtest.Denied, 0, cloudtest.Writes) }, "iam:CreatePolicyVersion on " + arn + ": access denied"},
		"five versions by now":           {"narrow", drifted, func(b *bench) { b.more(arn) }, "iam:CreatePolicyVersion on " + arn + ": LimitExceeded"},
		"nothing can be read":            {"narrow", drifted, func(b *bench) { b.faults.Break(cloudtest.Throttled, 0, cloudtest.Reads) }, "iam:GetAccountAuthorizationDetails on account: throttled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(zero)).create()
			test.arrange(b)
			step := b.first(zero, test.op)
			test.then(b)
			if _, err := b.do(step); !refused(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %v\nwant %s", err, test.want)
			}
		})
	}
}

// more uses up the places for versions.
func (b *bench) more(arn string) {
	b.Helper()
	for range 4 {
		b.park(b.T, arn, wide)
	}
}

func TestAPolicyThatLostOurMarkIsNotWritten(t *testing.T) {
	t.Parallel()
	env := environment(zero)
	env.Access.Policies[0].Path = "/"
	b := newBench(t, env).create()
	arn := policyARN("/", zero)
	b.write(t, arn, wide)
	step := b.first(zero, "return-to-version")
	_, err := b.admin.UntagPolicy(t.Context(), &iam.UntagPolicyInput{PolicyArn: aws.String(arn), TagKeys: []string{kind.TagEnvironment, kind.TagID}})
	must(t, err)
	before := b.print(t, arn)
	if _, err := b.do(step); !refused(err) || !strings.Contains(err.Error(), "does not carry the mark of iam-policy/global/"+zero) || b.print(t, arn) != before {
		t.Errorf("%v", err)
	}
	// What is adopted must be nobody's until then.
	env.Access.Policies[0].Adopt = true
	adopt := b.first(zero, kind.AdoptOp)
	_, err = b.admin.TagPolicy(t.Context(), &iam.TagPolicyInput{PolicyArn: aws.String(arn), Tags: cloud.IAMTags(kind.MarkTags("production", step.ID))})
	must(t, err)
	if _, err := b.do(adopt); !refused(err) {
		t.Errorf("%v", err)
	}
}

// TestIAMThatLagsIsWaitedFor: what was written is seen before the step ends.
func TestIAMThatLagsIsWaitedFor(t *testing.T) {
	t.Parallel()
	arn := policyARN(ourPath, zero)
	b := newBench(t, environment(zero))
	b.fake.IAM().Lag(3)
	b.create()
	b.fake.IAM().Lag(0)
	b.fill(t, arn)
	b.fake.IAM().Lag(3)
	b.want(text(b.apply(zero)), "prune-version v2, write-version")
	b.want(text(b.apply(zero)), "")
	b.env = environment(one)
	b.apply(zero)
	b.fake.IAM().Lag(0)
	b.want(b.print(t, arn), "gone")
}

// TestIAMThatNeverShowsItIsNotCalledRefused: what was accepted may still come.
func TestIAMThatNeverShowsItIsNotCalledRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero)).create()
	arn := policyARN(ourPath, zero)
	b.write(t, arn, wide)
	step := b.first(zero, "return-to-version")
	b.fake.IAM().Lag(100)
	if _, err := b.do(step); err == nil || refused(err) || !strings.Contains(err.Error(), "IAM accepted it, and does not show it") {
		t.Errorf("%v", err)
	}
}

func TestABrokenStepOrRecordIsRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(zero)).create()
	arn := policyARN(ourPath, zero)
	b.fake.Forget()
	for _, step := range []resource.Step{
		{Op: "create-policy", Params: resource.Attrs{"name": zero}},
		{Op: "delete-policy", Params: resource.Attrs{}},
		{Op: "delete-policy", Params: resource.Attrs{"arn": arn, "what": "else"}},
	} {
		if _, err := b.k.Prepare(t.Context(), kind.Resolved{Step: step, Environment: b.env}); err == nil {
			t.Errorf("prepared: %+v", step)
		}
		if _, err := b.k.Do(t.Context(), kind.Resolved{Step: step, Environment: b.env}, nil); !refused(err) {
			t.Errorf("done: %+v: %v", step, err)
		}
	}
	b.remove(arn)
	create := kind.Resolved{Step: b.first(zero, "create-policy"), Environment: b.env}
	if _, err := b.k.Do(t.Context(), create, kind.Prepared(`{}`)); !refused(err) {
		t.Errorf("without an intent: %v", err)
	}
	if happened, _, err := b.k.Probe(t.Context(), create, []kind.Prepared{kind.Prepared(`{}`)}); happened != kind.Unknown || err == nil {
		t.Errorf("probe without an intent: %s %v", happened, err)
	}
	b.create()
	unknown := resource.Step{Op: "rename-policy", ID: create.Step.ID, Params: resource.Attrs{"arn": arn}}
	if _, err := b.do(unknown); !refused(err) {
		t.Errorf("unknown operation: %v", err)
	}
	if calls := b.fake.Calls(); calls["iam.CreatePolicy"] != 1 || calls["iam.DeletePolicy"] != 1 {
		t.Errorf("calls %v", calls)
	}
}
