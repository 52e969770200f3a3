package iamgroup_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/iamgroup"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAGroupPointsAtItsMembersAndPolicies(t *testing.T) {
	t.Parallel()
	env := environment(admins)
	env.Access.Groups[0].Policies = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", sign, sign}
	b := newBench(t, env)
	declared, err := b.k.Declare(env)
	must(t, err)
	have, err := resource.Canonical(declared[0].Attrs)
	must(t, err)
	b.want(string(have), `{"inline":{},"mark":"staging","members":[{"$ref":"iam-user/global/validator-0#arn"},{"$ref":"iam-user/global/validator-1#arn"}],`+
		`"name":"kms-admin","path":"/reconcile/staging/","policies":["arn:aws:iam::aws:policy/ReadOnlyAccess",{"$ref":"iam-policy/global/validator-signer#arn"}]}`)
	env.Access.Groups[0].Path = "/legacy/"
	if declared, _ = b.k.Declare(env); declared[0].Attrs["path"] != ourPath {
		t.Errorf("path %v: a group elsewhere cannot be known as ours", declared[0].Attrs["path"])
	}
}

func TestWhereAccessIsNotManagedNothingIsAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins)).create()
	b.env.Access = nil
	b.fake.Forget()
	seen := b.observe()
	narrow := b.k.Read(t.Context(), b.env, []resource.ID{config.GroupID(admins)}, nil)
	if len(b.declare())+len(seen.Owned)+len(seen.Foreign)+len(narrow.Owned)+len(narrow.Unread)+b.fake.Total() != 0 {
		t.Errorf("%+v %+v, %v", seen, narrow, b.fake.Calls())
	}
}

func TestListsHaveNoOrder(t *testing.T) {
	t.Parallel()
	satisfies := iamgroup.Traits().Satisfies
	list := func(path string, texts ...any) resource.Attrs { return resource.Attrs{path: texts} }
	for _, path := range []string{"members", "policies"} {
		if !satisfies(path, list(path, "a", "b"), list(path, "b", "a", "a")) || satisfies(path, list(path, "a"), list(path, "a", "b")) ||
			satisfies(path, list(path, "a", "b"), list(path, "a")) || satisfies(path, list(path), list(path, "a")) {
			t.Errorf("%s is no set", path)
		}
	}
	if satisfies("path", list("path", "a", "b"), list("path", "b", "a")) {
		t.Error("other attributes are no sets")
	}
}

// TestHowAGroupIsMended: what is given comes before what is taken, and what
// lifts a denial is neither protective nor done without a person.
func TestHowAGroupIsMended(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		drift func(*bench)
		ops   string
		risk  resource.Risk
	}{
		"a stranger and his policies": {func(b *bench) {
			b.join(b.T, admins, mallory)
			b.attach(b.T, admins, extra)
			b.inline(b.T, admins, "more", allows)
		}, "remove-member mallory, detach-policy extra, delete-inline more", resource.Protective},
		"one for another": {func(b *bench) {
			b.join(b.T, admins, mallory)
			b.leave(admins, alice)
			b.attach(b.T, admins, extra)
			b.detach(admins, sign)
		}, "attach-policy validator-signer, add-member validator-0, remove-member mallory, detach-policy extra", resource.Sensitive},
		"a policy that denies": {func(b *bench) { b.attach(b.T, admins, "brake") }, "detach-deny brake", resource.Sensitive},
		"a member under a brake": {func(b *bench) { b.inline(b.T, admins, "stop", denies); b.join(b.T, admins, mallory) },
			"remove-member-from-deny mallory, delete-inline-deny stop", resource.Sensitive},
		"AWS's own quarantine": {func(b *bench) { b.attachARN(admins, "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3") },
			"detach-deny AWSCompromisedKeyQuarantineV3", resource.Sensitive},
		"moved below our path": {func(b *bench) { b.move(b.T, admins, ourPath+"below/"); b.join(b.T, admins, mallory) }, "remove-member mallory, move-group", resource.Sensitive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, environment(admins)).create()
			test.drift(b)
			list, deferred := b.plan(admins)
			b.want(text(ops(list)), test.ops)
			b.want(deferred, "")
			worst := resource.Protective
			for _, step := range list {
				risk := b.k.Traits.Risks[step.Op]
				if risk.Rank() > worst.Rank() {
					worst = risk
				}
				if strings.HasSuffix(step.Op, "-deny") && !slices.Contains(b.k.Traits.Person, step.Op) {
					t.Errorf("%s asks for no person", step.Op)
				}
				if len(step.Pre) != 2 || step.Pre[0].Path != "path" || step.Pre[1].Path != "outputs.groupId" || step.Pre[1].Value == "" {
					t.Errorf("%s claims %+v", step.Op, step.Pre)
				}
			}
			b.want(string(worst), string(test.risk))
			b.apply(admins)
			b.want(text(b.apply(admins)), "")
		})
	}
}

// odd is IAM that shows a document which nobody here understands.
type odd struct{ *cloudtest.FakeIAM }

func (o odd) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput, options ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	out, err := o.FakeIAM.GetAccountAuthorizationDetails(ctx, in, options...)
	if err == nil {
		out.GroupDetailList[0].GroupPolicyList = []types.PolicyDetail{{PolicyName: aws.String("odd"), PolicyDocument: aws.String("what is this")}}
	}
	return out, err
}

func TestWhatIsNotUnderstoodMayDeny(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins)).create()
	b.place.api = odd{b.fake.IAM()}
	b.k = b.place.kind(t)
	list, _ := b.plan(admins)
	b.want(text(ops(list)), "delete-inline-deny odd")
}

func (b *bench) leave(group, user string) {
	b.Helper()
	_, err := b.admin.RemoveUserFromGroup(b.Context(), &iam.RemoveUserFromGroupInput{GroupName: aws.String(group), UserName: aws.String(user)})
	must(b.T, err)
}

func (b *bench) detach(group, policy string) {
	b.Helper()
	_, err := b.admin.DetachGroupPolicy(b.Context(), &iam.DetachGroupPolicyInput{GroupName: aws.String(group), PolicyArn: aws.String(policyARN(policy))})
	must(b.T, err)
}

func (b *bench) attachARN(group, arn string) {
	b.Helper()
	_, err := b.admin.AttachGroupPolicy(b.Context(), &iam.AttachGroupPolicyInput{GroupName: aws.String(group), PolicyArn: aws.String(arn)})
	must(b.T, err)
}

func TestAGroupIsEmptiedCallByCallBeforeItGoes(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins)).create()
	b.inline(t, admins, "more", allows)
	b.env = environment()
	list, _ := b.plan(admins)
	b.want(text(ops(list)), "remove-member validator-0, remove-member validator-1, detach-policy validator-signer, delete-inline more, delete-group")
	b.want(string(b.k.Traits.Risks[list[4].Op]), string(resource.Destructive))
	b.apply(admins)
	b.want(b.print(t, admins), "gone")
	b.want(text(b.apply(admins)), "")
}

func TestALegacyGroupIsAdoptedByItsPathAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	env := environment(admins)
	b := newBench(t, env)
	b.make(t, "/", admins)
	b.join(t, admins, alice)
	b.attach(t, admins, extra)
	if _, deferred := b.plan(admins); deferred != "the group does not have our path" {
		t.Errorf("deferred %q", deferred)
	}
	env.Access.Groups[0].Adopt = true
	list, _ := b.plan(admins)
	b.want(text(ops(list)), kind.AdoptOp)
	outputs, err := b.do(list[0])
	must(t, err)
	b.want(outputs["arn"], "arn:aws:iam::"+account+":group"+ourPath+admins)
	b.want(text(b.apply(admins)), "attach-policy validator-signer, add-member validator-1, detach-policy extra")
	b.want(text(b.apply(admins)), "")
}

func TestWhoseAGroupIs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ path, name, want, deferred string }{
		"declared, at our path":           {ourPath, admins, "owned iam-group/global/kms-admin", ""},
		"undeclared, below our path":      {ourPath + "below/", "other", "owned iam-group/global/other", ""},
		"undeclared, path like ours":      {"/reconcile/staging2/", "other", "", ""},
		"undeclared, elsewhere":           {"/", "other", "", ""},
		"our name elsewhere":              {"/", admins, "foreign iam-group/global/kms-admin", "the group does not have our path"},
		"our name in another environment": {"/reconcile/production/", admins, "foreign iam-group/global/kms-admin", "the group has the path /reconcile/production/"},
		"our name in another case":        {ourPath, "KMS-Admin", "owned iam-group/global/kms-admin", "the group is named KMS-Admin, declared is kms-admin, and IAM does not tell case apart"},
	} {
		b := newBench(t, environment(admins))
		b.make(t, test.path, test.name)
		seen := b.observe()
		var have string
		for _, r := range seen.Owned {
			have += "owned " + r.ID.String()
		}
		for _, r := range seen.Foreign {
			have += "foreign " + r.ID.String()
		}
		if have != test.want {
			t.Errorf("%s: have %q, want %q", name, have, test.want)
		}
		if _, deferred := b.plan(admins); deferred != test.deferred {
			t.Errorf("%s: deferred %q", name, deferred)
		}
	}
}

func TestWhatIsNotRightAndNoStepMendsIsSaid(t *testing.T) {
	t.Parallel()
	env := environment(admins, signers)
	env.Access.Groups[0].Protect = true
	b := newBench(t, env)
	b.make(t, ourPath, strings.ToUpper(signers))
	declared, err := b.k.Declare(env)
	must(t, err)
	findings, err := b.k.Check(declared, b.observe().Owned, nil)
	must(t, err)
	var have []string
	for _, f := range findings {
		have = append(have, string(f.Severity)+" "+f.Rule+" "+f.ID.Name)
	}
	b.want(text(have), "refuse misplaced-group nomad-signer-staging, note cannot-protect kms-admin")
}

// TestEveryCallIsDeclaredAndEveryDeclaredCallIsMade in one life of a group.
func TestEveryCallIsDeclaredAndEveryDeclaredCallIsMade(t *testing.T) {
	t.Parallel()
	b := newBench(t, environment(admins))
	b.fake.Forget()
	b.create()
	b.inline(t, admins, "more", allows)
	b.move(t, admins, ourPath+"below/")
	b.apply(admins)
	b.env = environment()
	b.apply(admins)
	declared := map[string]bool{}
	for _, action := range b.k.Actions {
		declared[action.Name] = true
		if action.Writes && len(action.Ops) == 0 {
			t.Errorf("%s: for which operation?", action.Name)
		}
		for _, op := range action.Ops {
			if _, ok := b.k.Traits.Risks[op]; !ok || !action.Writes {
				t.Errorf("%s: %s is no operation of a write", action.Name, op)
			}
		}
		if b.fake.Calls()[strings.Replace(action.Name, ":", ".", 1)] == 0 {
			t.Errorf("%s is declared and never called", action.Name)
		}
	}
	for call := range b.fake.Calls() {
		if call != "iam.PutGroupPolicy" && !declared[strings.Replace(call, ".", ":", 1)] {
			t.Errorf("%s is called and not declared", call)
		}
	}
}

func TestAllGroupsCostThePagesOfOneWalk(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 30 {
		names = append(names, "group-"+strings.Repeat("x", i+1))
	}
	env := environment(names...)
	for i := range env.Access.Groups {
		env.Access.Groups[i].Members = nil
	}
	b := newBench(t, env).create()
	b.fake.IAM().ShortPages(10)
	b.fake.Forget()
	// 3 users, 3 policies and 30 groups.
	if seen := b.observe(); len(seen.Owned) != 30 || b.fake.Calls()["iam.GetAccountAuthorizationDetails"] != 4 || b.fake.Total() != 4 {
		t.Errorf("%d owned, calls %v", len(seen.Owned), b.fake.Calls())
	}
	b.fake.Forget()
	if narrow := b.k.Read(t.Context(), b.env, []resource.ID{config.UserID("x")}, nil); len(narrow.Unread) != 0 || b.fake.Total() != 0 {
		t.Errorf("other kinds: calls %v", b.fake.Calls())
	}
}

func TestTheKindNeedsItsClients(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	for _, o := range []iamgroup.Options{{}, {IAM: fake.IAM()}, {Directory: cloud.NewDirectory(fake.IAM(), instantly(), nil)}} {
		if _, err := iamgroup.New(o); err == nil {
			t.Errorf("%+v is enough", o)
		}
	}
}
