package iamrole_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iamrole"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func asNotAccepted(err error) bool {
	var refused *kind.NotAcceptedError
	return errors.As(err, &refused)
}

// create is how a declared role is made.
func (b *bench) create(name string) []resource.Step {
	b.Helper()
	for _, want := range b.declare() {
		if want.ID == config.RoleID(name) {
			return b.steps(nil, &want)
		}
	}
	return nil
}

// planOf is plan where something differs, as the plan room would see it.
func (b *bench) planOf(name string) ([]resource.Step, string) {
	b.Helper()
	live := b.live(name)
	for _, want := range b.declare() {
		if want.ID == config.RoleID(name) && iamrole.Traits().Satisfies("trust", want.Attrs, live.Attrs) {
			return nil, ""
		}
	}
	return b.plan(name)
}

func TestARoleIsMadeWithItsTrustBoundaryAndMarkAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	steps := b.create(zero)
	if diff := cmp.Diff([]string{"create-role", "attach-policy", "attach-policy"}, ops(steps)); diff != "" {
		t.Fatal(diff)
	}
	if risk, _ := worst(steps[:1]); risk != resource.Routine {
		t.Errorf("a role without policies is %s", risk)
	}
	b.fake.Forget()
	outputs := b.do(steps[0])
	for operation := range b.fake.Calls() {
		if operation != "iam.CreateRole" && operation != "iam.GetAccountAuthorizationDetails" {
			t.Errorf("it takes %s too", operation)
		}
	}
	live := b.live(zero)
	if diff := cmp.Diff(outputs, live.Outputs); diff != "" || outputs["arn"] != "arn:aws:iam::"+account+":role"+ourPath+zero || !strings.HasPrefix(outputs["roleId"], "AROA") {
		t.Errorf("outputs (-made +read):\n%s", diff)
	}
	if live.Attrs["boundary"] != policyARN("boundary") || live.Attrs["protect"] != true || live.Attrs["mark"] != "staging" {
		t.Errorf("the new role is %v", live.Attrs)
	}
}

func TestNothingIsTakenFromTheRoleThatThisRunsAs(t *testing.T) {
	t.Parallel()
	b := made(t, zero, one)
	b.trust(t, one, anybody)
	steps, _ := b.plan(one)
	b.as("arn:aws:sts::" + account + ":assumed-role/" + one + "/apply-7")
	if again, deferred := b.plan(one); len(again) != 0 || !strings.Contains(deferred, "this runs as arn:aws:sts") {
		t.Errorf("steps %v, deferred %q", ops(again), deferred)
	}
	resolved, prepared := b.attempt(steps[0], "intent")
	if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) {
		t.Errorf("a plan that somebody else made: %v", err)
	}
	b.attach(t, zero, "other")
	if steps, deferred := b.plan(zero); !slices.Equal(ops(steps), []string{"detach-policy"}) || deferred != "" {
		t.Errorf("another role: %v %q", ops(steps), deferred)
	}
}

func TestForgedProtectedAndUnmarkedRolesAreLeftToAPerson(t *testing.T) {
	t.Parallel()
	b := made(t, zero, one)
	b.make(t, "/", "stranger", map[string]string{kind.TagEnvironment: "staging", kind.TagID: config.RoleID("x").String()})
	b.make(t, ourPath, "squatter", nil)
	b.env.Access.Roles = nil
	for name, want := range map[string]resource.Severity{"stranger/forged-mark": resource.Acknowledge, "squatter/unmarked-in-path": resource.Note, zero + "/protected": resource.Note} {
		role, rule, _ := strings.Cut(name, "/")
		if f := b.findings(role)[rule]; f.Severity != want {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if seen := b.observe(); len(seen.Owned) != 2 || len(seen.Foreign) != 0 {
		t.Errorf("owned %d, foreign %d", len(seen.Owned), len(seen.Foreign))
	}
	if _, deferred := b.plan(zero); !strings.Contains(deferred, kind.TagProtect) {
		t.Errorf("deferred %q", deferred)
	}
	steps, _ := b.plan(one)
	if diff := cmp.Diff([]string{"detach-policy", "detach-policy", "delete-role"}, ops(steps)); diff != "" {
		t.Error(diff)
	}
	b.do(steps...)
	if b.print(t, one) != "gone" || b.print(t, "stranger") == "gone" || b.print(t, "squatter") == "gone" {
		t.Error("not the one that was meant")
	}
}

func TestARoleThatSomebodyMadeMeanwhileIsNotOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	resolved, prepared := b.attempt(b.create(zero)[0], "intent-1")
	_, print := b.foreign(t)
	before := print()
	if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) || !strings.Contains(err.Error(), "EntityAlreadyExists") {
		t.Errorf("error %v", err)
	}
	if happened, _, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared}); happened != kind.No || err != nil || print() != before {
		t.Errorf("probe %s %v", happened, err)
	}
}

func TestALostReplyAndASlowIAMMakeOneRole(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	b.fake.IAM().Lag(3)
	resolved, prepared := b.attempt(b.create(zero)[0], "intent-1")
	b.faults.Break(cloudtest.Lost, 1, cloudtest.Is("iam.CreateRole"))
	if _, err := b.kind.Do(t.Context(), resolved, prepared); err == nil || asNotAccepted(err) {
		t.Fatalf("error %v", err)
	}
	happened, outputs, err := b.kind.Probe(t.Context(), resolved, []kind.Prepared{prepared})
	again, errAgain := b.kind.Do(t.Context(), resolved, prepared)
	if happened != kind.Yes || err != nil || errAgain != nil || outputs["roleId"] == "" || again["roleId"] != outputs["roleId"] || b.roles(t) != 1 {
		t.Errorf("%s %v %v; again %v %v", happened, outputs, err, again, errAgain)
	}
	// What somebody changed since is not taken for what was made.
	b.fake.IAM().Lag(0)
	b.trust(t, zero, another)
	if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) {
		t.Errorf("with another trust: %v", err)
	}
}

func TestAStepOfAnotherMakingTouchesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	resolved, prepared := b.attempt(b.create(zero)[0], "intent-1")
	b.fake.Forget()
	ref := map[string]any{"$ref": "iam-role/global/other#arn"}
	for name, step := range map[string]resource.Step{
		"another role":        {Op: "delete-role", ID: config.RoleID(zero), Params: resource.Attrs{"name": one}},
		"unknown operation":   {Op: "delete-key", ID: config.RoleID(zero), Params: resource.Attrs{"name": zero}},
		"a trust without end": {Op: "write-trust", ID: config.RoleID(zero), Params: resource.Attrs{"name": zero, "trust": map[string]any{"Statement": []any{}}}},
		"an unresolved trust": {Op: "write-trust", ID: config.RoleID(zero), Params: resource.Attrs{"name": zero, "trust": map[string]any{
			"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": []any{"sts:AssumeRole"}, "Principal": map[string]any{"AWS": []any{ref}}}},
		}}},
	} {
		other := resolved
		other.Step = step
		if _, err := b.kind.Do(t.Context(), other, prepared); !asNotAccepted(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.fake.Total() != 0 {
		t.Errorf("calls %v", b.fake.Calls())
	}
}

func TestAThousandRolesAreOneWalk(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 900 {
		names = append(names, fmt.Sprintf("staging-validator-%d", i))
	}
	b := newBench(t, names...)
	for i, name := range names {
		b.env.Access.Roles[i].MaxSession = 0
		b.make(t, ourPath, name, kind.MarkTags("staging", config.RoleID(name)))
	}
	b.fake.Forget()
	if seen := b.observe(); len(seen.Owned) != 900 {
		t.Fatalf("owned %d", len(seen.Owned))
	}
	if diff := cmp.Diff(map[string]int{"iam.GetAccountAuthorizationDetails": 1}, b.fake.Calls()); diff != "" {
		t.Error(diff)
	}
	b.fake.Forget()
	b.env.Access = nil
	if seen := b.observe(); len(seen.Owned)+len(seen.Facts)+len(b.declare()) != 0 || b.fake.Total() != 0 {
		t.Errorf("seen %+v with %v", seen, b.fake.Calls())
	}
}

func TestATrustThatCannotBeUnderstoodIsReplacedAndNotTakenForEmpty(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	k := iamrole.Traits()
	live := b.live(zero)
	live.Attrs["trust"] = map[string]any{"Fault": "effect Perhaps"}
	want := b.declare()[0]
	if k.Satisfies("trust", want.Attrs, live.Attrs) {
		t.Error("what nobody understood counts as what is declared")
	}
	steps, err := b.kind.Steps(live, &want, nil)
	must(t, err)
	if !slices.Equal(ops(steps), []string{"lift-trust"}) {
		t.Errorf("steps %v", ops(steps))
	}
}

func TestActionsAndOperationsBelongTogether(t *testing.T) {
	t.Parallel()
	needed := map[string]bool{}
	for _, action := range iamrole.Actions() {
		if action.Writes != (len(action.Ops) > 0) {
			t.Errorf("%s writes: %t, for %v", action.Name, action.Writes, action.Ops)
		}
		for _, op := range action.Ops {
			needed[op] = true
		}
	}
	for op := range iamrole.Traits().Risks {
		if !needed[op] {
			t.Errorf("%s needs no action", op)
		}
	}
	if _, err := iamrole.New(iamrole.Options{IAM: &iam.Client{}}); err == nil {
		t.Error("a kind without a directory is made")
	}
}
