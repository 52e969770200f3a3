package sandbox

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestABankIsMadeAsItsKindWouldMakeIt(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"development", "staging"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _, err := config.Load(config.Options{Root: "../..", Name: name})
			if err != nil {
				t.Fatal(err)
			}
			moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: env.AWS.Account})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(moto.Close)
			session, err := openSession(t.Context(), env, moto.Endpoint())
			if err != nil {
				t.Fatal(err)
			}
			key, _ := env.Key("bank")
			bank := &purse{key: key}
			if err := makeKeys(t.Context(), env, session, "../..", []*purse{bank}); err != nil {
				t.Fatal(err)
			}
			makers, err := keyKinds(session)
			if err != nil {
				t.Fatal(err)
			}
			requireConverged(t, env, makers[key.ResourceID().Kind], bank)
		})
	}
}

// requireConverged demands that a plan has nothing to do for one resource.
func requireConverged(t *testing.T, env *config.Environment, k kind.Kind, made *purse) {
	t.Helper()
	id := made.key.ResourceID()
	declared, err := k.Declare(env)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(declared, func(r resource.Resource) bool { return r.ID == id })
	desired, err := resource.NewSet(declared[at])
	if err != nil {
		t.Fatal(err)
	}
	seen := k.Observe(t.Context(), env, func(resource.Ref) (string, bool) { return "", false })
	owned, err := resource.NewSet(seen.Owned...)
	if err != nil {
		t.Fatal(err)
	}
	if have := slices.Collect(maps.Keys(owned)); !cmp.Equal(have, []resource.ID{id}) || len(seen.Foreign)+len(seen.Unread) > 0 {
		t.Fatalf("owned %v, foreign %v, unread %v: need the bank alone", have, seen.Foreign, seen.Unread)
	}
	if have := owned[id].Outputs["address"]; have != made.address.Hex() {
		t.Errorf("address is observed as %s, was made as %s", have, made.address)
	}
	difference, err := plan.Diff(plan.Input{
		Desired: desired, Owned: owned, Facts: seen.Facts, Rules: map[string]plan.Rules{k.Name: {Traits: k.Traits, Steps: k.Steps}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(difference.Changes)+len(difference.Deferred)+len(difference.Findings) > 0 {
		t.Errorf("a plan finds changes %+v, deferred %v, findings %v", difference.Changes, difference.Deferred, difference.Findings)
	}
}
