package sandbox

import (
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

// requireConverged demands that a plan has nothing to do for the keys that were
// made, all of one kind.
func requireConverged(t *testing.T, env *config.Environment, k kind.Kind, made ...*purse) {
	t.Helper()
	declared, err := k.Declare(env)
	if err != nil {
		t.Fatal(err)
	}
	addresses := map[resource.ID]string{}
	for _, p := range made {
		addresses[p.key.ResourceID()] = p.address.Hex()
	}
	desired, err := resource.NewSet(slices.DeleteFunc(declared, func(r resource.Resource) bool { return addresses[r.ID] == "" })...)
	if err != nil {
		t.Fatal(err)
	}
	seen := k.Observe(t.Context(), env, func(resource.Ref) (string, bool) { return "", false })
	owned, err := resource.NewSet(seen.Owned...)
	if err != nil {
		t.Fatal(err)
	}
	have := map[resource.ID]string{}
	for id, r := range owned {
		have[id] = r.Outputs["address"]
	}
	if diff := cmp.Diff(addresses, have); diff != "" || len(seen.Foreign)+len(seen.Unread) > 0 {
		t.Fatalf("owned addresses (-made +observed):\n%sforeign %v, unread %v: need none", diff, seen.Foreign, seen.Unread)
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
