package main

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// duty plays an environment in an emulated account in which the tool has its own
// roles only: what a plan reads is read as reconcile-plan-…, what is applied is
// applied as reconcile-apply-…, and whatever these roles may not do is refused,
// as a real account would. Chains are left out.
type duty struct {
	t      *testing.T
	env    *config.Environment
	live   *lookout
	guards map[string]*guard
	wires  map[string]*wire
	// asked are all actions that were ever asked for.
	asked map[string]bool
}

func onDuty(t *testing.T, env *config.Environment, lent *emulators) *duty {
	t.Helper()
	moto, err := lent.borrow(env.AWS.Account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lent.giveBack(moto) })
	d := &duty{t: t, live: newLookout(sessionAt(t, env, moto.Endpoint())), guards: map[string]*guard{}, wires: map[string]*wire{}, asked: map[string]bool{}}
	for _, which := range []string{"plan", "apply"} {
		if d.wires[which], err = newWire(moto.Endpoint()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.wires[which].close)
	}
	d.declares(env)
	document, err := d.bootstrap().Boundary.Document.Text()
	if err != nil {
		t.Fatal(err)
	}
	boundary := &iam.CreatePolicyInput{PolicyName: aws.String(bootstrap.BoundaryName(env.Name)), PolicyDocument: aws.String(document)}
	if _, err := d.live.direct.IAM().CreatePolicy(t.Context(), boundary); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *duty) bootstrap() *bootstrap.Set {
	d.t.Helper()
	set, err := bootstrap.Make(d.env, kinds.Actions())
	if err != nil {
		d.t.Fatal(err)
	}
	return set
}

// declares changes what is declared; a person runs bootstrap again for it.
func (d *duty) declares(env *config.Environment) {
	d.t.Helper()
	d.env = env
	for which, wire := range d.wires {
		guard, err := newGuard(d.bootstrap(), which, d.live)
		if err != nil {
			d.t.Fatal(err)
		}
		wire.mu.Lock()
		wire.guard, d.guards[which] = guard, guard
		wire.mu.Unlock()
	}
}

func sessionAt(t *testing.T, env *config.Environment, endpoint string) *cloud.Session {
	t.Helper()
	session, err := cloud.Open(t.Context(), cloud.Options{
		Account: env.AWS.Account, Region: env.AWS.Region, Endpoint: endpoint, Unlimited: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "duty", SecretAccessKey: "duty"}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// kindsAs are the kinds of AWS, working as one of the tool's roles.
func (d *duty) kindsAs(which string) []kind.Kind {
	d.t.Helper()
	session := sessionAt(d.t, d.env, d.wires[which].server.URL)
	tagging := func(region string) cloud.TaggingAPI { return session.Tagging(region) }
	all, err := kinds.Open(kinds.Clients{
		Environment: d.env, AWS: session, Directory: cloud.NewDirectory(session.IAM(), cloud.Clock{}, nil), Gated: which == "apply",
		Marked: cloud.NewInventory(tagging, kind.TagEnvironment, d.env.Name, kind.TypeKey, kind.TypeSecret, kind.TypeBucket),
		Funding: funding.Options{
			Networks: func(string) (funding.Network, error) { return nil, errors.New("no chain here") },
			Signer: func(context.Context, config.Key, common.Address) (funding.Signer, error) {
				return nil, errors.New("nothing is signed here")
			},
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(k kind.Kind) bool { return k.Name == funding.Name })
}

// plan reads the world as the plan role and compares.
func (d *duty) plan(previous resource.Set) (plan.Difference, resource.Set, *observe.World) {
	d.t.Helper()
	kinds := d.kindsAs("plan")
	desired, err := observe.Declare(d.env, kinds)
	if err != nil {
		d.t.Fatal(err)
	}
	world, err := observe.All(d.t.Context(), d.env, kinds, desired, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, u := range world.Unread {
		d.t.Errorf("plan does not read %s: %s: %s", u.Scope, u.Operation, u.Cause)
	}
	difference, err := plan.Diff(plan.Input{
		Desired: desired, Owned: world.Owned, Foreign: world.Foreign, Facts: world.Facts, Unread: world.Unread, Rules: rulesOf(kinds), Previous: previous,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.refusals()
	return difference, desired, world
}

// apply does one plan as the apply role and gives the steps that it did, as
// "kind operation".
func (d *duty) apply(difference plan.Difference, desired, previous resource.Set, world *observe.World) (done []string) {
	d.t.Helper()
	engine := &apply.Engine{
		Environment: d.env, Plan: &plan.Plan{Environment: d.env.Name, Changes: difference.Changes, Resolved: difference.Resolved},
		Kinds: d.kindsAs("apply"), Desired: desired, Previous: previous, Log: unwritten{}, Outputs: world.Lookup, NewIntent: newIntent, Sleep: sleep,
	}
	for _, outcome := range engine.Run(d.t.Context(), d.t.Context()) {
		if outcome.Err != nil || outcome.Result == apply.Skipped {
			d.t.Errorf("apply: %s: %s %s %v", outcome.ID, outcome.Result, outcome.Detail, outcome.Err)
		}
	}
	d.refusals()
	for _, c := range difference.Changes {
		for _, s := range c.Steps {
			done = append(done, s.ID.Kind+" "+s.Op)
		}
	}
	if d.t.Failed() {
		d.t.FailNow()
	}
	return done
}

// converge plans and applies until nothing is left.
func (d *duty) converge(previous resource.Set) (done []string) {
	d.t.Helper()
	for range 4 {
		difference, desired, world := d.plan(previous)
		if len(difference.Changes) > 0 {
			done = append(done, d.apply(difference, desired, previous, world)...)
			continue
		}
		for _, left := range difference.Deferred {
			d.t.Errorf("deferred: %s: %s", left.ID, left.Reason)
		}
		slices.Sort(done)
		return slices.Compact(done)
	}
	d.t.Fatal("four plans, and there is still something to do")
	return nil
}

// refusals fails the test for whatever a role was refused.
func (d *duty) refusals() {
	d.t.Helper()
	for which, g := range d.guards {
		maps.Copy(d.asked, g.asked)
		for _, text := range g.refusals() {
			d.t.Errorf("reconcile-%s-%s: %s", which, d.env.Name, text)
		}
	}
}

// unwritten is a journal that nobody reads again.
type unwritten struct{}

func (unwritten) Attempts(string) []apply.Attempt { return nil }

func (unwritten) Intent(context.Context, resource.Step, string, string, kind.Prepared) error {
	return nil
}

func (unwritten) Outcome(context.Context, resource.Step, string, string, kind.Happened, resource.Outputs, error) error {
	return nil
}

func (unwritten) Remaining() time.Duration { return time.Hour }

// withTool loads an environment; one that says nothing of the tool gets a
// repository for its roles.
func withTool(t *testing.T, root, name string) *config.Environment {
	t.Helper()
	env, _, err := config.Load(config.Options{Root: root, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if env.Tool == nil {
		env.Tool = &config.Tool{
			Repository: "acme/environments", PlanSubjects: []string{"repo:acme/environments:pull_request"},
			ApplySubjects: []string{"repo:acme/environments:environment:" + name}, WatchSubjects: []string{"repo:acme/environments:ref:refs/heads/main"},
		}
	}
	return env
}

// TestTheToolsRolesCanMakeEnvironmentsOfThisRepository plays the largest one and two
// of other shapes; make soak plays all.
func TestTheToolsRolesCanMakeEnvironmentsOfThisRepository(t *testing.T) {
	t.Parallel()
	makeEnvironments(t, "hyperlane/production", "nomad/staging", "nomad/development")
}

// makeEnvironments converges those that are named, or all without a name.
func makeEnvironments(t *testing.T, only ...string) {
	played := 0
	lent := newEmulators()
	t.Cleanup(lent.close)
	for label, root := range map[string]string{"hyperlane": checkout, "nomad": filepath.Join(checkout, "examples", "nomad")} {
		names, err := config.Environments(config.Options{Root: root})
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			if len(only) > 0 && !slices.Contains(only, label+"/"+name) {
				continue
			}
			played++
			t.Run(label+"/"+name, func(t *testing.T) {
				env := withTool(t, root, name)
				d := onDuty(t, env, lent)
				if done := d.converge(nil); len(done) == 0 {
					t.Error("nothing was made")
				}
				d.onlyBanksSign()
			})
		}
	}
	if len(only) > 0 && played != len(only) {
		t.Errorf("%d environments were played, want %q", played, only)
	}
}

// onlyBanksSign: the apply role signs with the banks and with nothing else.
func (d *duty) onlyBanksSign() {
	d.t.Helper()
	for _, key := range d.env.Keys {
		if key.Holder != "kms" {
			continue
		}
		live, spec, err := d.live.key(d.t.Context(), key.Region, key.Alias)
		if err != nil {
			d.t.Fatal(err)
		}
		decision := d.guards["apply"].decide(wanted{action: "kms:Sign", arn: live.ARN, key: live, given: map[string][]string{"kms:KeySpec": {spec}}})
		if signs := decision.Verdict == access.Allowed; signs != (key.Use == "bank" || key.Use == "owner") {
			d.t.Errorf("the apply role, %s key %s: %s (%s)", key.Use, key.Name, decision.Verdict, decision.Reason)
		}
	}
}
