package kinds_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
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
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// reconciler plans and applies one environment on an account in memory, by all
// kinds of AWS, the real diff and the real engine.
type reconciler struct {
	fake *cloudtest.Fake
	env  *config.Environment
	// later is how far the clock is ahead of the account's own.
	later time.Duration
	// previous is what was applied last.
	previous resource.Set
	intents  int
}

// environment loads one of a txtar archive, each edit of "old => new" made once.
func environment(t *testing.T, archive, name string, edits ...string) *config.Environment {
	t.Helper()
	files, err := txtar.ParseFile(filepath.Join("testdata", archive))
	must(t, err)
	root, made := t.TempDir(), 0
	for _, f := range files.Files {
		text := string(f.Data)
		for _, edit := range edits {
			before, after, _ := strings.Cut(edit, " => ")
			made += strings.Count(text, before)
			text = strings.ReplaceAll(text, before, after)
		}
		path := filepath.Join(root, filepath.FromSlash(f.Name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	if made != len(edits) {
		t.Fatalf("%d edits made, want %d", made, len(edits))
	}
	env, _, err := config.Load(config.Options{Root: root, Name: name})
	must(t, err)
	return env
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// now is the account's day, on which waiting takes no time.
func (r *reconciler) clock() cloud.Clock {
	return cloud.Clock{
		Now:   func() time.Time { return day().Add(r.later) },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// day is when accounts in memory begin.
func day() time.Time { return time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC) }

// kinds are made anew for every reading of the world.
func (r *reconciler) kinds(t *testing.T) []kind.Kind {
	t.Helper()
	f, clock := r.fake, r.clock()
	tagging := func(region string) cloud.TaggingAPI { return f.Tagging(region) }
	directory := cloud.NewDirectory(f.IAM(), clock, nil)
	marked := cloud.NewInventory(tagging, kind.TagEnvironment, r.env.Name, kind.TypeKey, kind.TypeSecret, kind.TypeBucket)
	caller := "arn:aws:iam::" + r.env.AWS.Account + ":user/whoever-applies"
	var all []kind.Kind
	add := func(k kind.Kind, err error) {
		t.Helper()
		must(t, err)
		all = append(all, k)
	}
	add(kmskey.New(kmskey.Options{
		KMS: func(region string) kmskey.API { return f.KMS(region) }, Tagging: tagging, Inventory: marked, Directory: directory, Gated: true, Clock: clock,
	}))
	add(secretkey.New(secretkey.Options{Secrets: func(region string) secretkey.API { return f.SecretsManager(region) }, Inventory: marked, Clock: clock}))
	add(iampolicy.New(iampolicy.Options{IAM: f.IAM(), Directory: directory}))
	add(iamuser.New(iamuser.Options{IAM: f.IAM(), Directory: directory, Caller: caller}))
	add(iamgroup.New(iamgroup.Options{IAM: f.IAM(), Directory: directory}))
	add(iamrole.New(iamrole.Options{IAM: f.IAM(), Directory: directory, Caller: caller}))
	add(accesskey.New(accesskey.Options{
		IAM: f.IAM(), Secrets: func(region string) accesskey.SecretsAPI { return f.SecretsManager(region) }, Directory: directory, Clock: clock,
	}))
	add(bucket.New(bucket.Options{
		Buckets:   cloud.Buckets{S3: func(region string) cloud.BucketAPI { return f.S3(region) }, Account: r.env.AWS.Account, Clock: clock},
		Inventory: marked, Directory: directory,
	}))
	return all
}

// draft is one plan, and the world that it was made from.
type draft struct {
	plan.Difference
	world   *observe.World
	kinds   []kind.Kind
	desired resource.Set
}

func (r *reconciler) plan(t *testing.T) draft {
	t.Helper()
	d := draft{kinds: r.kinds(t)}
	var err error
	d.desired, err = observe.Declare(r.env, d.kinds)
	must(t, err)
	d.world, err = observe.All(t.Context(), r.env, d.kinds, d.desired, nil)
	must(t, err)
	if len(d.world.Unread) > 0 {
		t.Fatalf("unread: %v", d.world.Unread)
	}
	rules := map[string]plan.Rules{}
	for _, k := range d.kinds {
		rules[k.Name] = plan.Rules{Traits: k.Traits, Steps: k.Steps}
	}
	d.Difference, err = plan.Diff(plan.Input{
		Desired: d.desired, Owned: d.world.Owned, Foreign: d.world.Foreign, Facts: d.world.Facts, Rules: rules, Previous: r.previous,
	})
	must(t, err)
	for _, k := range d.kinds {
		found, err := k.Check(of(k, d.desired), of(k, d.world.Owned), d.world.Facts)
		must(t, err)
		d.Findings = append(d.Findings, found...)
	}
	return d
}

// of gives the resources of one kind, in order.
func of(k kind.Kind, set resource.Set) []resource.Resource {
	var list []resource.Resource
	for _, id := range set.IDs() {
		if id.Kind == k.Name {
			list = append(list, set[id])
		}
	}
	return list
}

// settle plans and applies until there is nothing to do, and gives what each
// plan did.
func (r *reconciler) settle(t *testing.T) [][]string {
	t.Helper()
	var plans [][]string
	for range 6 {
		d := r.plan(t)
		if len(d.Changes) == 0 {
			if len(d.Deferred) > 0 {
				t.Fatalf("nothing more can be done, and there is left: %s", strings.Join(d.rest(), "\n"))
			}
			return plans
		}
		r.apply(t, d)
		plans = append(plans, d.ops())
	}
	t.Fatalf("plans without end: %v", plans)
	return nil
}

// apply performs a plan, many steps at once, and demands that each succeeds.
func (r *reconciler) apply(t *testing.T, d draft) {
	t.Helper()
	// Apply reads anew, and so do the kinds that it is given.
	engine := &apply.Engine{
		Environment: r.env, Plan: &plan.Plan{Environment: r.env.Name, Changes: d.Changes, Resolved: d.Resolved, Facts: d.world.Facts},
		Kinds: r.kinds(t), Desired: d.desired, Previous: r.previous, Log: &memory{}, Outputs: d.world.Lookup,
		NewIntent: r.intent(), Sleep: func(context.Context, time.Duration) {},
	}
	for _, outcome := range engine.Run(t.Context(), t.Context()) {
		if outcome.Err != nil || outcome.Result == apply.Skipped {
			t.Errorf("%s: %s %s: %v", outcome.ID, outcome.Result, outcome.Detail, outcome.Err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	r.previous = d.desired
}

func (r *reconciler) intent() func() string {
	var mu sync.Mutex
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		r.intents++
		return fmt.Sprintf("intent-%d", r.intents)
	}
}

// ops are what the plan does, one line a change: "update iam-user x: adopt".
func (d draft) ops() []string {
	lines := make([]string, 0, len(d.Changes))
	for _, c := range d.Changes {
		var ops []string
		for _, s := range c.Steps {
			ops = append(ops, s.Op)
		}
		lines = append(lines, fmt.Sprintf("%s %s/%s: %s", c.Action, c.ID.Kind, c.ID.Name, strings.Join(ops, " ")))
	}
	slices.Sort(lines)
	return lines
}

// rest is what the plan could not plan yet.
func (d draft) rest() []string {
	lines := make([]string, 0, len(d.Deferred))
	for _, later := range d.Deferred {
		lines = append(lines, fmt.Sprintf("%s/%s: %s", later.ID.Kind, later.ID.Name, later.Reason))
	}
	return lines
}

// memory is a journal that nobody reads.
type memory struct{}

func (*memory) Attempts(string) []apply.Attempt { return nil }

func (*memory) Intent(context.Context, resource.Step, string, string, kind.Prepared) error {
	return nil
}

func (*memory) Outcome(context.Context, resource.Step, string, string, kind.Happened, resource.Outputs, error) error {
	return nil
}

func (*memory) Remaining() time.Duration { return time.Hour }
