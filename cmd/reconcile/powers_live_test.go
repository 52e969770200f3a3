package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Who acts on a chain is told by the chain: his addresses are found wherever they
// stand, those of keys that he runs too.
func TestAddressesOfAPersonAreFoundInWhatWasRead(t *testing.T) {
	t.Parallel()
	p := powersOf(held(), "ada")
	p.found = nil
	id := func(kind, name string) resource.ID { return resource.ID{Kind: kind, Scope: "fuji", Name: name} }
	treasurer := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: "treasurer"}
	world := &observe.World{
		Owned: resource.Set{
			treasurer:              {ID: treasurer, Outputs: resource.Outputs{"address": others}},
			id("safe", "council"):  {Attrs: resource.Attrs{"owners": []any{resource.Literal(bobs), resource.Literal(adas), resource.Literal(adas)}}},
			id("contract", "home"): {Attrs: resource.Attrs{"parameters": map[string]any{"updater": others, "delay": "7"}}},
			id("funding", "cold"):  {Attrs: resource.Attrs{"to": adas}},
		},
		Foreign: resource.Set{id("validator-set", "sepolia"): {Attrs: resource.Attrs{"path": []any{map[string]any{"validators": []any{adas}}}}}},
	}
	p.holdings(world)
	var got []string
	for _, one := range p.found {
		got = append(got, one.Kind+" | "+one.Where+" | "+one.What)
	}
	if d := cmp.Diff([]string{
		"observed | contract/fuji/home | " + others + ", key treasurer is in its parameters.updater",
		"observed | safe/fuji/council | " + adas + " is in its owners",
		"observed | validator-set/fuji/sepolia | " + adas + " is in its path.validators",
	}, got); d != "" {
		t.Error(d)
	}
}
