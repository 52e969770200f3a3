package worlds_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/accesskey"
	"github.com/crosschain-ops/reconcile/internal/kind/bucket"
	"github.com/crosschain-ops/reconcile/internal/kind/iamgroup"
	"github.com/crosschain-ops/reconcile/internal/kind/iampolicy"
	"github.com/crosschain-ops/reconcile/internal/kind/iamrole"
	"github.com/crosschain-ops/reconcile/internal/kind/iamuser"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/kind/secretkey"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// operator plans and applies one environment, as cmd/reconcile does, and answers
// the gate's questions with yes.
type operator struct {
	t        testing.TB
	fake     *cloudtest.Fake
	env      *config.Environment
	parallel int
	// previous is what was declared when a plan was last done whole.
	previous resource.Set
	made     inventory
	// refused counts the findings that stopped a change, by rule.
	refused map[string]int
}

func caller() string { return "arn:aws:iam::" + account + ":user/whoever-applies" }

func instantly() cloud.Clock {
	return cloud.Clock{
		Now:   func() time.Time { return time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC) },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// kinds are made anew for every reading of the world.
func (o *operator) kinds() []kind.Kind {
	f, clock := o.fake, instantly()
	tagging := func(region string) cloud.TaggingAPI { return f.Tagging(region) }
	directory := cloud.NewDirectory(f.IAM(), clock, nil)
	marked := cloud.NewInventory(tagging, kind.TagEnvironment, o.env.Name, kind.TypeKey, kind.TypeSecret, kind.TypeBucket)
	return []kind.Kind{
		must(kmskey.New(kmskey.Options{
			KMS: func(region string) kmskey.API { return f.KMS(region) }, Tagging: tagging, Inventory: marked, Directory: directory, Clock: clock,
		})),
		must(secretkey.New(secretkey.Options{Secrets: func(region string) secretkey.API { return f.SecretsManager(region) }, Inventory: marked, Clock: clock})),
		must(iampolicy.New(iampolicy.Options{IAM: f.IAM(), Directory: directory})),
		must(iamuser.New(iamuser.Options{IAM: f.IAM(), Directory: directory, Caller: caller()})),
		must(iamgroup.New(iamgroup.Options{IAM: f.IAM(), Directory: directory})),
		must(iamrole.New(iamrole.Options{IAM: f.IAM(), Directory: directory, Caller: caller()})),
		must(accesskey.New(accesskey.Options{
			IAM: f.IAM(), Secrets: func(region string) accesskey.SecretsAPI { return f.SecretsManager(region) }, Directory: directory, Clock: clock,
		})),
		must(bucket.New(bucket.Options{
			Buckets:   cloud.Buckets{S3: func(region string) cloud.BucketAPI { return f.S3(region) }, Account: account, Clock: clock},
			Inventory: marked, Directory: directory,
		})),
	}
}

// draft is a judged plan and what it was made from.
type draft struct {
	*plan.Plan
	desired resource.Set
	kinds   []kind.Kind
	// refused are the findings that a change was left out for.
	refused []resource.Finding
}

func rulesOf(kinds []kind.Kind) (rules map[string]plan.Rules, traits map[string]resource.Traits, moving map[string][]string) {
	rules, traits, moving = map[string]plan.Rules{}, map[string]resource.Traits{}, map[string][]string{}
	for _, k := range kinds {
		rules[k.Name], traits[k.Name], moving[k.Name] = plan.Rules{Traits: k.Traits, Steps: k.Steps}, k.Traits, k.Traits.Moving
	}
	return rules, traits, moving
}

// draft plans, and leaves out what is refused and what waits for it, as an
// operator does with --only.
func (o *operator) draft() draft {
	o.t.Helper()
	d := draft{kinds: o.kinds()}
	rules, traits, moving := rulesOf(d.kinds)
	d.desired = must(observe.Declare(o.env, d.kinds))
	world := must(observe.All(context.Background(), o.env, d.kinds, d.desired, nil))
	difference := must(plan.Diff(plan.Input{
		Desired: d.desired, Owned: world.Owned, Foreign: world.Foreign, Facts: world.Facts, Unread: world.Unread, Rules: rules, Previous: o.previous,
	}))
	difference.Findings = append(difference.Findings, world.Findings...)
	for _, k := range d.kinds {
		difference.Findings = append(difference.Findings, must(k.Check(ofKind(d.desired, k.Name), ofKind(world.Owned, k.Name), world.Facts))...)
	}
	found := difference.Findings
	for partial := false; ; partial = true {
		p := o.assemble(difference, world, append(slices.Clone(found), o.prove(world, difference)...), partial)
		o.judge(p, traits, len(d.desired))
		stopping := p.Refused()
		if len(stopping) == 0 || len(p.Changes) == 0 {
			d.refused = append(d.refused, stopping...)
			d.Plan = p
			if err := p.Seal(moving); err != nil {
				o.t.Fatal(err)
			}
			return d
		}
		d.refused = append(d.refused, stopping...)
		difference, found = o.without(difference, found, stopping)
	}
}

// without cuts the difference down to what no refusal is about.
func (o *operator) without(d plan.Difference, found, stopping []resource.Finding) (plan.Difference, []resource.Finding) {
	bad := map[resource.ID]bool{}
	for _, f := range stopping {
		o.refused[f.Rule]++
		bad[f.ID] = true
	}
	for more := true; more; {
		more = false
		before := plan.Dependencies(d.Changes, o.previous)
		for _, c := range d.Changes {
			spoilt := func(id resource.ID) bool { return bad[id] }
			refs := c.After.Refs()
			onBad := slices.ContainsFunc(before[c.ID], spoilt) || slices.ContainsFunc(refs, func(r resource.Ref) bool { return bad[r.ID] })
			if !bad[c.ID] && (onBad || bad[resource.ID{}]) {
				bad[c.ID], more = true, true
			}
		}
	}
	d.Changes = slices.DeleteFunc(slices.Clone(d.Changes), func(c plan.Change) bool { return bad[c.ID] })
	concerned := map[resource.ID]bool{{}: true}
	for _, c := range d.Changes {
		concerned[c.ID] = true
	}
	found = slices.Clone(found)
	for i, f := range found {
		if !concerned[f.ID] {
			found[i].Severity = resource.Note
		}
	}
	return d, found
}

func (o *operator) assemble(d plan.Difference, world *observe.World, found []resource.Finding, partial bool) *plan.Plan {
	slices.SortFunc(found, resource.Finding.Compare)
	found = slices.CompactFunc(found, func(a, b resource.Finding) bool { return a.Rule == b.Rule && a.ID == b.ID && a.Severity == b.Severity })
	created := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
	return &plan.Plan{
		Format: plan.Format, Tool: "test", Environment: envName, Class: "testnet", Partial: partial,
		Identity: plan.Identity{Account: account, Region: oregon},
		Observed: must(plan.ObservedDigest(world.Owned, world.Foreign, world.Facts, world.Unread)),
		Created:  created, Expires: created.Add(time.Hour), Changes: d.Changes, Resolved: d.Resolved, Facts: world.Facts,
		Deferred: d.Deferred, Unread: world.Unread, Findings: found, Summary: plan.Summary{Unchanged: d.Unchanged},
	}
}

// judge asks the gate. A person agrees to whatever may be agreed to.
func (o *operator) judge(p *plan.Plan, traits map[string]resource.Traits, total int) {
	auto := gate.Requirement{Auto: true}
	in := gate.Input{
		Plan: p, Traits: traits, HasAnchor: true, Mode: resource.Managed, Total: total, Now: p.Created,
		AppliedGovernance: "sha256:same", PlannedGovernance: "sha256:same", Ledger: gate.Ledger{Made: o.made.all()},
		Governance: gate.Governance{
			Belts:        gate.Belts{UpdateShare: 100, DeleteShare: 100},
			Requirements: map[resource.Risk]gate.Requirement{resource.Protective: auto, resource.Routine: auto, resource.Sensitive: auto, resource.Destructive: auto},
		},
	}
	for _, f := range p.Findings {
		if f.Severity == resource.Acknowledge {
			in.Governance.Acknowledged = append(in.Governance.Acknowledged, gate.Acknowledgement{Rule: f.Rule, ID: f.ID.String(), Reason: "a person looked"})
		}
	}
	gate.Check(in).Apply(p)
}

func ofKind(set resource.Set, name string) []resource.Resource {
	var list []resource.Resource
	for _, id := range set.IDs() {
		if id.Kind == name {
			list = append(list, set[id])
		}
	}
	return list
}

// prove plays the changes through, as cmd/reconcile/proof.go does.
func (o *operator) prove(world *observe.World, d plan.Difference) []resource.Finding {
	live := must(cloud.NewDirectory(o.fake.Aside().IAM(), instantly(), nil).All(context.Background()))
	in := proof.Input{
		Environment: envName, Account: account, Live: live, Observed: resource.Set{}, Changes: d.Changes, Resolved: d.Resolved,
		Previous: o.previous, Uses: usesOf(o.env), Unread: world.Unread,
	}
	maps.Copy(in.Observed, world.Foreign)
	maps.Copy(in.Observed, world.Owned)
	for id, r := range world.Owned {
		if strings.HasPrefix(id.Kind, "iam-") && r.Outputs["arn"] != "" {
			in.Managed = append(in.Managed, r.Outputs["arn"])
		}
	}
	slices.Sort(in.Managed)
	found := proof.Of(in).Findings
	for i, f := range found {
		touched := slices.ContainsFunc(d.Changes, func(c plan.Change) bool { return c.ID == f.ID })
		if f.Severity == resource.Refuse && !touched {
			found[i].Severity = resource.Acknowledge
		}
	}
	return found
}

func usesOf(env *config.Environment) []proof.Use {
	byKey := map[string]*proof.Use{}
	var uses []proof.Use
	for _, declared := range env.Access.Uses {
		use := byKey[declared.Key]
		if use == nil {
			use = &proof.Use{Agent: declared.Agent}
			byKey[declared.Key] = use
		}
		use.External = use.External || declared.External
		use.Principals = append(use.Principals, declared.Principals...)
		for _, b := range env.Access.Buckets {
			own := declared.Agent != "" && b.Agent == declared.Agent && b.Instance == declared.Instance
			if own || b.Agent == "" {
				use.Buckets = append(use.Buckets, "arn:aws:s3:::"+b.Bucket)
			}
		}
	}
	for _, key := range env.Keys {
		if use := byKey[key.Name]; use != nil && key.Holder == "kms" {
			use.Key, use.Alias = key.ResourceID(), key.Alias
			slices.Sort(use.Principals)
			use.Principals = slices.Compact(use.Principals)
			uses = append(uses, *use)
		}
	}
	return uses
}

// apply does the plan as it is read back from its file, and tells what failed.
func (o *operator) apply(d draft) []apply.Outcome {
	o.t.Helper()
	p := must(plan.Decode(must(d.Plan.Encode())))
	rules, _, _ := rulesOf(d.kinds)
	if err := plan.Derive(p, d.desired, rules); err != nil {
		o.t.Errorf("the plan does not follow from itself: %v", err)
		return nil
	}
	kinds := o.kinds()
	world, err := apply.Reread(context.Background(), o.env, kinds, d.desired, p, nil)
	if err != nil {
		o.t.Errorf("reread: %v", err)
		return nil
	}
	var mu sync.Mutex
	intents := 0
	engine := &apply.Engine{
		Environment: o.env, Plan: p, Kinds: kinds, Desired: d.desired, Previous: o.previous, Log: &o.made, Outputs: world.Lookup, Parallel: o.parallel,
		Sleep: func(context.Context, time.Duration) {},
		NewIntent: func() string {
			mu.Lock()
			defer mu.Unlock()
			intents++
			return fmt.Sprintf("intent-%s-%d", p.Digest[7:15], intents)
		},
	}
	return engine.Run(context.Background(), context.Background())
}

// inventory is a journal that remembers what was made.
type inventory struct {
	mu   sync.Mutex
	arns map[string]bool
}

var _ apply.Log = (*inventory)(nil)

func (i *inventory) all() map[string]bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.arns)
}

func (*inventory) Attempts(string) []apply.Attempt { return nil }

func (*inventory) Remaining() time.Duration { return time.Hour }

func (*inventory) Intent(context.Context, resource.Step, string, string, kind.Prepared) error {
	return nil
}

func (i *inventory) Outcome(_ context.Context, _ resource.Step, _, _ string, happened kind.Happened, outputs resource.Outputs, _ error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if arn := outputs["arn"]; happened == kind.Yes && arn != "" {
		if i.arns == nil {
			i.arns = map[string]bool{}
		}
		i.arns[arn] = true
	}
	return nil
}
