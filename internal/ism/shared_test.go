package ism_test

import (
	"encoding/json"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/ism"
)

func TestAnOriginThatMeetsKnownModulesLaterThanAnotherIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	members := addrs("validator", 3)
	leaf := w.aggregation(1, w.messageID(2, members...), w.merkleRoot(2, members...))
	shared := w.aggregation(2, w.aggregation(2, leaf, w.pausable("inner")), w.pausable("outer"))
	deep := w.aggregation(2, w.aggregation(2, w.aggregation(2, shared, w.pausable("a")), w.pausable("b")), w.pausable("c"))
	w.ism = w.routing("routing", map[uint32]common.Address{5: shared, 6: deep})
	paths := w.look(5, 6)
	for _, origin := range []uint32{5, 6} {
		if p := paths[origin]; len(p.Problems) > 0 || p.Set == nil || !p.Set.Equal(set(ism.Either, 2, members...)) {
			t.Errorf("origin %d: %+v, problems %v", origin, p.Set, p.Problems)
		}
	}
}

func TestAPathSurvivesJSONAsFarAsARebuildNeedsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	top, _ := w.upstream(map[uint32][]common.Address{5: addrs("validator", 3), 6: addrs("other", 4)}, 2)
	w.ism = top
	path := w.look(5, 6)[5]
	data, err := json.Marshal(path)
	if err != nil {
		t.Fatal(err)
	}
	var again ism.Path
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	want := set(ism.Either, 3, addrs("validator", 5)...)
	first, errFirst := ism.Rebuild(path, want, w.factories, w.deployed)
	second, errSecond := ism.Rebuild(again, want, w.factories, w.deployed)
	if errFirst != nil || errSecond != nil {
		t.Fatal(errFirst, errSecond)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	leaves := w.factories.Leaves(want)
	if diff := cmp.Diff(first.Modules[:len(leaves)], leaves); diff != "" || len(leaves) != 3 {
		t.Errorf("%d leaves: %s", len(leaves), diff)
	}
	if none := w.factories.Leaves(set(ism.Either, 9, addrs("validator", 3)...)); none != nil {
		t.Errorf("what is no set has leaves: %v", none)
	}
}
