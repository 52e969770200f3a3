package iamuser_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// group makes a group of somebody else's with a document inside.
func (b *bench) group(name, document string) {
	b.Helper()
	_, err := b.fake.IAM().CreateGroup(b.Context(), &iam.CreateGroupInput{GroupName: aws.String(name)})
	must(b.T, err)
	b.rewrite(name, document)
}

func (b *bench) rewrite(group, document string) {
	b.Helper()
	in := &iam.PutGroupPolicyInput{GroupName: aws.String(group), PolicyName: aws.String("inside"), PolicyDocument: aws.String(document)}
	_, err := b.fake.IAM().PutGroupPolicy(b.Context(), in)
	must(b.T, err)
}

// TestAGroupThatDeniesIsABrake: somebody put the user into it to stop him, and to
// take him out asks for a person.
func TestAGroupThatDeniesIsABrake(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	b.group("admins", allowing)
	b.group("all-stop", denying)
	b.join(t, zero, "all-stop")
	b.join(t, zero, "admins")
	steps, _ := b.plan(zero)
	risk, person := worst(steps)
	if diff := cmp.Diff([]string{"leave-group", "leave-denying-group"}, ops(steps)); diff != "" || risk != resource.Sensitive || !person || steps[1].Params["group"] != "all-stop" {
		t.Fatalf("risk %s, person %t, steps (-want +got):\n%s", risk, person, diff)
	}
	b.do(steps...)
	if steps, _ = b.plan(zero); len(steps) != 0 {
		t.Errorf("steps %v", ops(steps))
	}
}

// TestWhatDeniesByNowIsNotTakenOff, although it only gave when it was planned.
func TestWhatDeniesByNowIsNotTakenOff(t *testing.T) {
	t.Parallel()
	for op, test := range map[string]struct{ arrange, then func(*bench) }{
		"leave-group":   {func(b *bench) { b.group("admins", allowing); b.join(b.T, zero, "admins") }, func(b *bench) { b.rewrite("admins", denying) }},
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
		if diff := cmp.Diff([]string{op}, ops(steps)); diff != "" {
			t.Fatal(diff)
		}
		test.then(b)
		before := b.print(t, zero)
		resolved, prepared := b.attempt(steps[0], "intent")
		if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) || !strings.Contains(err.Error(), "to lift it was not planned") || b.print(t, zero) != before {
			t.Errorf("%s: %v", op, err)
		}
		if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil {
			t.Errorf("%s: %s %v", op, happened, err)
		}
	}
}
