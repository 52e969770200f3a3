package iamuser_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iamuser"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAUserIsBoundedAndMarkedFromItsFirstMoment(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	want, err := b.kind.Declare(b.env)
	must(t, err)
	steps := b.steps(nil, &want[0])
	if diff := cmp.Diff([]string{"create-user", "attach-policy", "attach-policy"}, ops(steps)); diff != "" {
		t.Fatal(diff)
	}
	if risk, _ := worst(steps[:1]); risk != resource.Routine {
		t.Errorf("a bare user is %s", risk)
	}
	// The policy that another kind makes is a ref, the other one is as stated.
	if refs := steps[2].Params.Refs(); len(refs) != 1 || refs[0].String() != "iam-policy/global/"+signer+"#arn" || steps[1].Params["policy"] != policyARN("checkpoints") {
		t.Errorf("attached are %v and %v", steps[1].Params, steps[2].Params)
	}
	outputs := b.do(steps[0])
	live := b.live(zero)
	if live == nil || len(b.observe().Owned) != 1 {
		t.Fatal("the new user is not ours")
	}
	if diff := cmp.Diff(outputs, live.Outputs); diff != "" || outputs["arn"] != "arn:aws:iam::"+account+":user"+ourPath+zero || !strings.HasPrefix(outputs["userId"], "AIDA") {
		t.Errorf("outputs (-made +read):\n%s", diff)
	}
	if live.Attrs["boundary"] != policyARN("boundary") || live.Attrs["protect"] != true {
		t.Errorf("the new user is %v", live.Attrs)
	}
	if b.fake.Calls()["iam.TagUser"]+b.fake.Calls()["iam.PutUserPermissionsBoundary"] != 0 {
		t.Error("tags or boundary came after the user")
	}
}

func TestWhatGivesPowerAsksForMoreThanWhatTakesIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		happen func(*bench)
		ops    []string
		risk   resource.Risk
		person bool
	}{
		{"a policy is missing", func(b *bench) { b.detach(b.T, zero, signer) }, []string{"attach-policy"}, resource.Sensitive, false},
		{"a policy too many", func(b *bench) { b.attach(b.T, zero, "other") }, []string{"detach-policy"}, resource.Protective, false},
		{"a brake is on it", func(b *bench) { b.attach(b.T, zero, "quarantine") }, []string{"lift-policy"}, resource.Sensitive, true},
		{"a document inside", func(b *bench) { b.inline(b.T, zero, allowing) }, []string{"delete-inline"}, resource.Protective, false},
		{"a brake inside", func(b *bench) { b.inline(b.T, zero, denying) }, []string{"lift-inline"}, resource.Sensitive, true},
		{"no boundary", func(b *bench) { b.unbound(b.T, zero) }, []string{"put-boundary"}, resource.Protective, false},
		{"another boundary", func(b *bench) { b.bound(b.T, zero, "other") }, []string{"change-boundary"}, resource.Sensitive, false},
		{"a group of others", func(b *bench) { b.join(b.T, zero, "administrators") }, []string{"leave-group"}, resource.Protective, false},
		{"a tag", func(b *bench) { b.untag(b.T, zero, "agent", kind.TagProtect) }, []string{"tag-user"}, resource.Routine, false},
		{"all of it", func(b *bench) {
			b.unbound(b.T, zero)
			b.detach(b.T, zero, signer)
			b.attach(b.T, zero, "other")
			b.inline(b.T, zero, denying)
			b.untag(b.T, zero, "agent")
		}, []string{"put-boundary", "attach-policy", "detach-policy", "lift-inline", "tag-user"}, resource.Sensitive, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := made(t, zero)
			test.happen(b)
			steps, deferred := b.plan(zero)
			risk, person := worst(steps)
			if diff := cmp.Diff(test.ops, ops(steps)); diff != "" || risk != test.risk || person != test.person || deferred != "" {
				t.Errorf("risk %s, person %t, deferred %q, steps (-want +got):\n%s", risk, person, deferred, diff)
			}
			for _, s := range steps {
				if len(s.Pre) != 2 || s.Pre[0].Value != "staging" || s.Pre[1].Path != "outputs.userId" || !strings.HasPrefix(s.Pre[1].Value, "AIDA") {
					t.Errorf("%s is bound to %v", s.Op, s.Pre)
				}
			}
		})
	}
}

func TestABoundaryThatIsNotDeclaredIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	b.env.Access.Users[0].Boundary = ""
	if steps, deferred := b.plan(zero); len(steps) != 0 || deferred != "" {
		t.Errorf("steps %v, %q", ops(steps), deferred)
	}
}

func TestOurOwnGroupsAreTheGroupsBusiness(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	b.env.Access.Groups = []config.Group{{Name: "legacy-signers", Path: "/"}}
	for path, group := range map[string]string{"/": "legacy-signers", ourPath: "ours", "/reconcile/production/": "theirs"} {
		_, err := b.admin.CreateGroup(t.Context(), &iam.CreateGroupInput{Path: aws.String(path), GroupName: aws.String(group)})
		must(t, err)
		b.join(t, zero, group)
	}
	steps, _ := b.plan(zero)
	if len(steps) != 1 || steps[0].Params["group"] != "theirs" {
		t.Errorf("steps %v", steps)
	}
}

func TestAProtectedUserStaysAndSaysSo(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	b.env.Access.Users = nil
	steps, deferred := b.plan(zero)
	f := b.findings(zero)["protected"]
	if len(steps) != 0 || !strings.Contains(deferred, "reconcile:protect") || f.Severity != resource.Note || !strings.Contains(f.Hint, "untag-user --user-name "+zero) {
		t.Errorf("steps %v, deferred %q, finding %+v", ops(steps), deferred, f)
	}
	// Nobody takes the protection off by leaving it out of the configuration.
	b.env = environment(zero)
	b.env.Access.Users[0].Protect = false
	if steps, _ := b.plan(zero); len(steps) != 0 {
		t.Errorf("steps %v", ops(steps))
	}
	b.untag(t, zero, kind.TagProtect)
	b.env.Access.Users = nil
	if steps, _ := b.plan(zero); !slices.Contains(ops(steps), "delete-user") {
		t.Errorf("steps %v", ops(steps))
	}
}

func TestAForgedMarkIsRefusedAndAimsNothing(t *testing.T) {
	t.Parallel()
	for name, mark := range map[string]string{
		"another user's id":  config.UserID(zero).String(),
		"a role's id":        config.RoleID("stranger").String(),
		"nobody's id":        config.UserID("nobody").String(),
		"no id of ours":      "whatever",
		"the name elsewhere": "iam-user/us-west-2/stranger",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := made(t, zero)
			b.make(t, "/", "stranger", map[string]string{kind.TagEnvironment: "staging", kind.TagID: mark})
			before := b.print(t, "stranger")
			seen := b.observe()
			if len(seen.Owned) != 1 || len(seen.Foreign) != 0 {
				t.Errorf("owned %d, foreign %d", len(seen.Owned), len(seen.Foreign))
			}
			if f := b.findings("stranger")["forged-mark"]; f.Severity != resource.Acknowledge || !strings.Contains(f.Reason, mark) {
				t.Errorf("finding %+v", f)
			}
			_, duplicate := b.findings(zero)["duplicate-id"]
			noted := slices.ContainsFunc(seen.Facts, func(f resource.Fact) bool { return f.Name == "duplicate" })
			if _, deferred := b.plan(zero); noted != duplicate || duplicate != (mark == config.UserID(zero).String()) || duplicate != (deferred != "") {
				t.Errorf("%s is a duplicate: %t, deferred: %q", zero, duplicate, deferred)
			}
			declared := b.env.Access.Users
			b.env.Access.Users = nil
			b.untag(t, zero, kind.TagProtect)
			if steps, deferred := b.plan(zero); duplicate != (len(steps) == 0) || duplicate != strings.Contains(deferred, "stranger") {
				t.Errorf("its removal is %v, %q", ops(steps), deferred)
			}
			b.env.Access.Users = declared
			// Not even when the configuration asks for its adoption.
			b.env.Access.Users = append(b.env.Access.Users, config.User{Name: "stranger", Path: "/", Adopt: true})
			if steps, deferred := b.plan("stranger"); len(steps) != 0 || deferred == "" {
				t.Errorf("steps %v", ops(steps))
			}
			if after := b.print(t, "stranger"); after != before {
				t.Errorf("before %s\nafter  %s", before, after)
			}
		})
	}
}

func TestNothingIsTakenFromThePrincipalThatThisRunsAs(t *testing.T) {
	t.Parallel()
	b := made(t, zero, one)
	b.attach(t, one, "other")
	steps, _ := b.plan(one)
	b.as("arn:aws:iam::" + account + ":user" + ourPath + one)
	if again, deferred := b.plan(one); len(again) != 0 || !strings.Contains(deferred, "this runs as arn:aws:iam") {
		t.Errorf("steps %v, deferred %q", ops(again), deferred)
	}
	resolved, prepared := b.attempt(steps[0], "intent")
	if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) || !strings.Contains(err.Error(), "this runs as") {
		t.Errorf("a plan that somebody else made: %v", err)
	}
	b.detach(t, one, "other")
	b.detach(t, one, signer)
	if steps, _ := b.plan(one); !slices.Equal(ops(steps), []string{"attach-policy"}) {
		t.Errorf("what only gives: %v", ops(steps))
	}
	b.env.Access.Users = b.env.Access.Users[:1]
	if steps, deferred := b.plan(one); len(steps) != 0 || deferred == "" {
		t.Errorf("it would remove itself: %v", ops(steps))
	}
}

func TestAUserThatCanSignInIsNotRemoved(t *testing.T) {
	t.Parallel()
	b := made(t, zero, one)
	b.env.Access.Users = b.env.Access.Users[:1]
	_, err := b.admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(one)})
	must(t, err)
	_, err = b.admin.CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{UserName: aws.String(one), Password: aws.String("not-used-anywhere")})
	must(t, err)
	steps, deferred := b.plan(one)
	if len(steps) != 0 || !strings.Contains(deferred, "1 access keys") || !strings.Contains(deferred, "a password") {
		t.Errorf("steps %v, deferred %q", ops(steps), deferred)
	}
}

func TestAnUndeclaredUserIsStrippedAndThenRemoved(t *testing.T) {
	t.Parallel()
	b := made(t, zero, one)
	b.inline(t, one, allowing)
	b.attach(t, one, "quarantine")
	b.join(t, one, "administrators")
	b.env.Access.Users = b.env.Access.Users[:1]
	steps, _ := b.plan(one)
	want := []string{"detach-policy", "detach-policy", "delete-inline", "lift-policy", "leave-group", "delete-user"}
	if diff := cmp.Diff(want, ops(steps)); diff != "" {
		t.Fatal(diff)
	}
	if risk, _ := worst(steps); risk != resource.Destructive {
		t.Errorf("risk %s", risk)
	}
	b.do(steps...)
	if b.print(t, one) != "gone" || b.print(t, zero) == "gone" {
		t.Error("not the one that was meant")
	}
}

func TestAdoptionWritesTheMarkAndNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero)
	b.foreign(t)
	b.env.Access.Users[0].Path = "/"
	if steps, deferred := b.plan(zero); len(steps) != 0 || deferred != "the user does not carry our mark" {
		t.Errorf("without a word in the configuration: %v, %q", ops(steps), deferred)
	}
	b.env.Access.Users[0].Adopt = true
	steps, _ := b.plan(zero)
	if !slices.Equal(ops(steps), []string{kind.AdoptOp}) || len(steps[0].Pre) != 2 || steps[0].Pre[0].Op != resource.Absent {
		t.Fatalf("steps %+v", steps)
	}
	b.fake.Forget()
	b.do(steps...)
	for operation := range b.fake.Calls() {
		if operation != "iam.TagUser" && operation != "iam.GetAccountAuthorizationDetails" {
			t.Errorf("an adoption calls %s", operation)
		}
	}
	if steps, _ := b.plan(zero); !slices.Contains(ops(steps), "detach-policy") || !slices.Contains(ops(steps), "put-boundary") {
		t.Errorf("the next plan has %v", ops(steps))
	}
}

func TestAnotherPathOrSpellingIsForAPerson(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	b.env.Access.Users[0].Path = "/elsewhere/"
	if f := b.findings(zero)["wrong-path"]; f.Severity != resource.Refuse || !strings.Contains(f.Reason, ourPath) {
		t.Errorf("finding %+v", f)
	}
	if steps, deferred := b.plan(zero); len(steps) != 0 || !strings.Contains(deferred, "wrong-path") {
		t.Errorf("steps %v", ops(steps))
	}
	b = made(t, zero)
	b.env.Access.Users[0].Name, b.env.Access.Users[0].Path = strings.ToUpper(zero), ourPath
	seen := b.observe()
	if len(seen.Owned) != 0 || len(seen.Foreign) != 1 || seen.Foreign[0].ID != config.UserID(strings.ToUpper(zero)) {
		t.Errorf("owned %d, foreign %v", len(seen.Owned), seen.Foreign)
	}
	if steps, deferred := b.plan(strings.ToUpper(zero)); len(steps) != 0 || !strings.Contains(deferred, "wrong-name") {
		t.Errorf("steps %v", ops(steps))
	}
	b.tag(t, zero, map[string]string{kind.TagID: config.UserID(strings.ToUpper(zero)).String()})
	if seen := b.observe(); len(seen.Owned) != 0 {
		t.Errorf("a mark for another spelling makes it ours: %v", seen.Owned)
	}
}

func TestWhatLiesUnderOurPathWithoutAMarkIsNotedAndLeftAlone(t *testing.T) {
	t.Parallel()
	b := made(t, zero)
	b.make(t, ourPath, "squatter", nil)
	b.make(t, "/reconcile/production/", "theirs", nil)
	if f := b.findings("squatter")["unmarked-in-path"]; f.Severity != resource.Note {
		t.Errorf("finding %+v", f)
	}
	if seen := b.observe(); len(seen.Owned)+len(seen.Foreign) != 1 || len(b.findings("theirs")) != 0 {
		t.Errorf("seen %+v", seen)
	}
	// One that is declared is foreign, which the plan refuses by itself.
	b.env.Access.Users = append(b.env.Access.Users, config.User{Name: "squatter", Path: ourPath})
	if len(b.findings("squatter")) != 0 || len(b.observe().Foreign) != 1 {
		t.Errorf("findings %v", b.findings("squatter"))
	}
}

func TestAPolicyThatNobodyDeclaresIsAnErrorOfTheConfiguration(t *testing.T) {
	t.Parallel()
	env := environment(zero)
	env.Access.Users[0].Policies = []string{"missing"}
	k := place{api: newBench(t).api}.open(t)
	if _, err := k.Declare(env); err == nil || err.Error() != `iam-user/global/`+zero+`: policy "missing" is neither declared nor an ARN` {
		t.Errorf("error %v", err)
	}
}

func TestOneWalkReadsAThousandUsersAndWithoutAccessNothingIsRead(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("staging-validator-%d", i))
	}
	b := newBench(t, names...)
	for _, name := range names {
		b.make(t, ourPath, name, kind.MarkTags("staging", config.UserID(name)))
	}
	b.fake.Forget()
	if seen := b.observe(); len(seen.Owned) != 1000 {
		t.Fatalf("owned %d", len(seen.Owned))
	}
	// Beside the users are the policies and a group: two pages of 1,000.
	if diff := cmp.Diff(map[string]int{"iam.GetAccountAuthorizationDetails": 2}, b.fake.Calls()); diff != "" {
		t.Error(diff)
	}
	b.fake.Forget()
	ids := []resource.ID{config.UserID(names[7]), config.UserID(names[8])}
	if seen := b.kind.Read(t.Context(), b.env, ids, nil); len(seen.Owned) != 2 || b.fake.Total() != 2 {
		t.Errorf("owned %d with %d calls", len(seen.Owned), b.fake.Total())
	}
	b.fake.Forget()
	b.env.Access = nil
	if seen := b.observe(); len(seen.Owned)+len(seen.Foreign)+len(seen.Facts)+len(b.declare())+len(b.kind.Read(t.Context(), b.env, ids, nil).Owned) != 0 || b.fake.Total() != 0 {
		t.Errorf("seen %+v with %v", seen, b.fake.Calls())
	}
}

func TestTheTraitsNameEveryOperationOnce(t *testing.T) {
	t.Parallel()
	traits := iamuser.Traits()
	for _, op := range traits.Person {
		if traits.Risks[op] != resource.Sensitive {
			t.Errorf("%s asks for a person and is %s", op, traits.Risks[op])
		}
	}
	needed := map[string]bool{}
	for _, action := range iamuser.Actions() {
		if action.Writes != (len(action.Ops) > 0) {
			t.Errorf("%s writes: %t, for %v", action.Name, action.Writes, action.Ops)
		}
		for _, op := range action.Ops {
			needed[op] = true
		}
	}
	for op := range traits.Risks {
		if !needed[op] {
			t.Errorf("%s needs no action", op)
		}
	}
}
