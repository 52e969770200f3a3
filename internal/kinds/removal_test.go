package kinds_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const ourAccount, ourPath = "111122223333", "/reconcile/staging/"

// given is access in which everybody has the one policy that is to go, and one
// that stays.
func given(policies ...string) *config.Environment {
	env := &config.Environment{
		Name: "staging", AWS: config.AWS{Account: ourAccount, Region: "us-west-2"},
		Access: &config.Access{Path: ourPath, Policies: []config.Policy{allowing("stays")}},
	}
	if len(policies) == 0 {
		return env
	}
	env.Access.Roles = []config.Role{{Name: "relayer", Path: ourPath, Policies: policies, Trust: []config.Trust{{Kind: config.TrustECS}}}}
	env.Access.Users = []config.User{{Name: "ada", Path: ourPath, Policies: policies}}
	env.Access.Groups = []config.Group{{Name: "operators", Path: ourPath, Policies: policies, Members: []string{"ada"}}}
	for _, name := range policies {
		env.Access.Policies = append(env.Access.Policies, allowing(name))
	}
	return env
}

func allowing(name string) config.Policy {
	return config.Policy{Name: name, Path: ourPath, Statements: []config.Statement{{Actions: []string{"kms:ListAliases"}, Resources: []string{"*"}}}}
}

// hold makes a role of somebody else's and gives it a policy of ours.
func hold(t *testing.T, f *cloudtest.Fake, policy string) {
	t.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	_, err := f.IAM().CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("theirs"), AssumeRolePolicyDocument: aws.String(trust)})
	must(t, err)
	_, err = f.IAM().AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("theirs"), PolicyArn: aws.String("arn:aws:iam::" + ourAccount + ":policy" + ourPath + policy)})
	must(t, err)
}

// givenUp is an account in which all of it was applied, and the environment
// that declares only what stays.
func givenUp(t *testing.T) *reconciler {
	t.Helper()
	r := &reconciler{fake: cloudtest.NewFake(ourAccount), env: given("goes")}
	r.settle(t)
	r.previous = r.plan(t).desired
	r.env = given()
	return r
}

// TestWhoHasAPolicyAndThePolicyGoInOnePlan, also where no earlier configuration
// is known; and a policy of whoever stays is taken off and removed in one.
func TestWhoHasAPolicyAndThePolicyGoInOnePlan(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*reconciler){
		"all go":                     func(*reconciler) {},
		"nobody knows what was":      func(r *reconciler) { r.previous = nil },
		"they stay and give it back": func(r *reconciler) { r.env = given("other") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := givenUp(t)
			change(r)
			plans := r.settle(t)
			if len(plans) != 1 || !slices.ContainsFunc(plans[0], func(op string) bool { return strings.Contains(op, "delete-policy") }) {
				t.Fatalf("plans %v", plans)
			}
		})
	}
}

// TestAPolicyThatSomebodyElseHasStays, and only it; whoever of ours has it goes.
func TestAPolicyThatSomebodyElseHasStays(t *testing.T) {
	t.Parallel()
	r := givenUp(t)
	hold(t, r.fake, "goes")
	d := r.plan(t)
	if len(d.Deferred) != 1 || d.Deferred[0].ID != config.PolicyID("goes") || d.Deferred[0].Reason != "the policy is still attached to role/theirs" || len(d.Changes) != 3 {
		t.Fatalf("deferred %v, %d changes", d.Deferred, len(d.Changes))
	}
	r.apply(t, d)
	if d = r.plan(t); len(d.Changes) != 0 || len(d.Deferred) != 1 {
		t.Errorf("then deferred %v, changes %v", d.Deferred, d.Changes)
	}
}

// TestAPolicyThatSomebodyTookMeanwhileIsNotTouched: who has it is asked right
// before the effect.
func TestAPolicyThatSomebodyTookMeanwhileIsNotTouched(t *testing.T) {
	t.Parallel()
	r := givenUp(t)
	d := r.plan(t)
	hold(t, r.fake, "goes")
	engine := &apply.Engine{
		Environment: r.env, Plan: &plan.Plan{Environment: r.env.Name, Changes: d.Changes, Resolved: d.Resolved, Facts: d.world.Facts},
		Kinds: r.kinds(t), Desired: d.desired, Previous: r.previous, Log: &memory{}, Outputs: d.world.Lookup,
		NewIntent: r.intent(), Sleep: func(context.Context, time.Duration) {}, CallTimeout: time.Second,
	}
	failed := map[resource.ID]string{}
	for _, outcome := range engine.Run(t.Context(), t.Context()) {
		if outcome.Err != nil {
			failed[outcome.ID] = outcome.Err.Error()
		}
	}
	if why := failed[config.PolicyID("goes")]; len(failed) != 1 || !strings.Contains(why, `attachedTo is there, must be absent`) {
		t.Errorf("failed: %v", failed)
	}
}

// TestAPolicyThatBoundsSomebodyStays: a boundary is put in the place of another
// one and never taken off, so that no plan lets go of it.
func TestAPolicyThatBoundsSomebodyStays(t *testing.T) {
	t.Parallel()
	r := givenUp(t)
	_, err := r.fake.IAM().PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{
		RoleName: aws.String("relayer"), PermissionsBoundary: aws.String("arn:aws:iam::" + ourAccount + ":policy" + ourPath + "goes"),
	})
	must(t, err)
	r.env = given("other")
	if d := r.plan(t); len(d.Deferred) != 1 || d.Deferred[0].Reason != "the policy is still attached to role/relayer (boundary)" {
		t.Errorf("deferred %v", d.Deferred)
	}
}
