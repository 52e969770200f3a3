package iamgroup_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// first is the first step for a group.
func (b *bench) first(name, op string) resource.Step {
	b.Helper()
	list, deferred := b.plan(name)
	if len(list) == 0 || list[0].Op != op {
		b.Fatalf("steps %v, deferred %q, want %s first", ops(list), deferred, op)
	}
	return list[0]
}

func (b *bench) remove(group string) {
	b.Helper()
	_, err := b.admin.DeleteGroup(b.Context(), &iam.DeleteGroupInput{GroupName: aws.String(group)})
	must(b.T, err)
}

// TestALostReplyIsFoundAgain for every operation: it is known to have happened,
// and doing it once more changes nothing.
func TestALostReplyIsFoundAgain(t *testing.T) {
	t.Parallel()
	for op, arrange := range map[string]func(*bench){
		"create-group":            func(b *bench) { b.empty(); b.remove(admins) },
		"attach-policy":           func(b *bench) { b.detach(admins, sign) },
		"detach-policy":           func(b *bench) { b.attach(b.T, admins, extra) },
		"detach-deny":             func(b *bench) { b.attach(b.T, admins, "brake") },
		"add-member":              func(b *bench) { b.leave(admins, bob) },
		"remove-member":           func(b *bench) { b.join(b.T, admins, mallory) },
		"remove-member-from-deny": func(b *bench) { b.join(b.T, admins, mallory); b.inline(b.T, admins, "stop", denies) },
		"delete-inline":           func(b *bench) { b.inline(b.T, admins, "more", allows) },
		"delete-inline-deny":      func(b *bench) { b.inline(b.T, admins, "stop", denies) },
		"move-group":              func(b *bench) { b.move(b.T, admins, ourPath+"below/") },
		"adopt":                   func(b *bench) { b.move(b.T, admins, "/"); b.env.Access.Groups[0].Adopt = true },
		"delete-group":            func(b *bench) { b.empty(); b.env = environment() },
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(admins)).create()
			arrange(b)
			resolved, prepared := b.prepared(b.first(admins, op))
			if happened, _, err := b.k.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil {
				t.Fatalf("before it was done: %s %v", happened, err)
			}
			b.faults.Break(cloudtest.Lost, 1, cloudtest.Writes)
			if _, err := b.k.Do(t.Context(), resolved, prepared); err == nil || refused(err) {
				t.Fatalf("the reply was lost, and: %v", err)
			}
			after := b.print(t, admins)
			happened, outputs, err := b.k.Probe(t.Context(), resolved, []kind.Prepared{prepared})
			if happened != kind.Yes || err != nil {
				t.Fatalf("%s %v", happened, err)
			}
			again, err := b.k.Do(t.Context(), resolved, prepared)
			if err != nil || b.print(t, admins) != after || again["arn"] != outputs["arn"] {
				t.Errorf("again: %v, %v and %v\nbefore %s\nafter  %s", err, outputs, again, after, b.print(t, admins))
			}
			if moved := op == "create-group" || op == "move-group" || op == "adopt"; moved != (outputs["arn"] != "") {
				t.Errorf("outputs %v: only what was made or moved gives its ARN out", outputs)
			}
		})
	}
}

// empty takes everything out of the group.
func (b *bench) empty() {
	b.Helper()
	b.leave(admins, alice)
	b.leave(admins, bob)
	b.detach(admins, sign)
}

// TestThatNothingHappenedIsProved where the world is not as planned.
func TestThatNothingHappenedIsProved(t *testing.T) {
	t.Parallel()
	detached := func(b *bench) { b.detach(admins, sign) }
	for name, test := range map[string]struct {
		op      string
		arrange func(*bench)
		then    func(*bench)
		want    string
	}{
		"the name was taken elsewhere": {"create-group", func(b *bench) { b.empty(); b.remove(admins) }, func(b *bench) { b.make(b.T, "/", admins) },
			"group kms-admin has path /, ours is /reconcile/staging/"},
		"the name was taken at our path": {"create-group", func(b *bench) { b.empty(); b.remove(admins) }, func(b *bench) { b.make(b.T, ourPath, admins); b.join(b.T, admins, mallory) },
			"iam:CreateGroup on kms-admin: EntityAlreadyExists"},
		"it was moved away":      {"attach-policy", detached, func(b *bench) { b.move(b.T, admins, "/") }, "group kms-admin has path /, ours is /reconcile/staging/"},
		"it is gone":             {"attach-policy", detached, func(b *bench) { b.leave(admins, alice); b.leave(admins, bob); b.remove(admins) }, "iam:AttachGroupPolicy on kms-admin"},
		"AWS refuses":            {"attach-policy", detached, func(b *bench) { b.faults.Break(cloudtest.Denied, 0, cloudtest.Writes) }, "access denied"},
		"nothing can be read":    {"attach-policy", detached, func(b *bench) { b.faults.Break(cloudtest.Throttled, 0, cloudtest.Reads) }, "iam:GetAccountAuthorizationDetails on account: throttled"},
		"adopted by another":     {"adopt", func(b *bench) { b.move(b.T, admins, "/"); b.env.Access.Groups[0].Adopt = true }, func(b *bench) { b.move(b.T, admins, "/reconcile/production/") }, "has path /reconcile/production/"},
		"the policy denies now":  {"detach-policy", func(b *bench) { b.attach(b.T, admins, extra) }, func(b *bench) { b.rewrite(extra, denies) }, "to lift it was not planned"},
		"the inline denies now":  {"delete-inline", func(b *bench) { b.inline(b.T, admins, "more", allows) }, func(b *bench) { b.inline(b.T, admins, "more", denies) }, "to lift it was not planned"},
		"the group denies now":   {"remove-member", func(b *bench) { b.join(b.T, admins, mallory) }, func(b *bench) { b.inline(b.T, admins, "more", denies) }, "to lift it was not planned"},
		"somebody joined":        {"delete-group", func(b *bench) { b.empty(); b.env = environment() }, func(b *bench) { b.join(b.T, admins, mallory) }, "has 1 members and 0 policies, needs none"},
		"somebody gave it power": {"delete-group", func(b *bench) { b.empty(); b.env = environment() }, func(b *bench) { b.attach(b.T, admins, extra) }, "has 0 members and 1 policies, needs none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(admins)).create()
			test.arrange(b)
			step := b.first(admins, test.op)
			test.then(b)
			if _, err := b.do(step); !refused(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %v\nwant %s", err, test.want)
			}
		})
	}
}

// rewrite puts another document of a policy in force.
func (b *bench) rewrite(policy, document string) {
	b.Helper()
	_, err := b.fake.IAM().CreatePolicyVersion(b.Context(), &iam.CreatePolicyVersionInput{PolicyArn: aws.String(policyARN(policy)), PolicyDocument: aws.String(document), SetAsDefault: true})
	must(b.T, err)
}

// TestARemovalMeansThatVeryUser: another user of the name stays.
func TestARemovalMeansThatVeryUser(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins)).create()
	b.join(t, admins, mallory)
	step := b.first(admins, "remove-member")
	step.Params = resource.Attrs{"group": admins, "user": "arn:aws:iam::" + account + ":user/elsewhere/" + alice}
	before := b.print(t, admins)
	if _, err := b.do(step); err != nil || b.print(t, admins) != before {
		t.Errorf("%v\nbefore %s\nafter  %s", err, before, b.print(t, admins))
	}
}

// TestIAMThatLagsIsWaitedFor: what was written is seen before the step ends, and
// what is not known yet is asked for again.
func TestIAMThatLagsIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins))
	b.fake.IAM().Lag(3)
	b.create()
	b.want(text(b.apply(admins)), "")
	b.env = environment()
	b.apply(admins)
	b.fake.IAM().Lag(0)
	b.want(b.print(t, admins), "gone")
}

func TestAPolicyMadeAMomentAgoIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins)).create()
	b.detach(admins, sign)
	step := b.first(admins, "attach-policy")
	step.Params["policy"] = policyARN("later")
	b.fake.Forget()
	if _, err := b.do(step); !refused(err) || !strings.Contains(err.Error(), "NoSuchEntity") || b.fake.Calls()["iam.AttachGroupPolicy"] < 5 {
		t.Errorf("%v, calls %v", err, b.fake.Calls())
	}
}

func TestABrokenStepIsRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins)).create()
	b.fake.Forget()
	for _, params := range []resource.Attrs{{}, {"group": signers}, {"group": admins, "what": "else"}} {
		resolved := kind.Resolved{Step: resource.Step{Op: "delete-group", ID: config.GroupID(admins), Params: params}, Environment: b.env}
		if _, err := b.k.Prepare(t.Context(), resolved); err == nil {
			t.Errorf("prepared: %v", params)
		}
		if _, err := b.k.Do(t.Context(), resolved, nil); !refused(err) {
			t.Errorf("done: %v: %v", params, err)
		}
		if happened, _, err := b.k.Probe(t.Context(), resolved, nil); happened != kind.Unknown || err == nil {
			t.Errorf("probed: %v: %s %v", params, happened, err)
		}
	}
	unknown := resource.Step{Op: "rename-group", ID: config.GroupID(admins), Params: resource.Attrs{"group": admins}}
	if _, err := b.do(unknown); !refused(err) {
		t.Errorf("unknown operation: %v", err)
	}
	if n := b.fake.Total(); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}
