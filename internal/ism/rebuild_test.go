package ism_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/ism"
)

// rebuilt runs the calls of a rebuild and looks again.
func (w *world) rebuilt(origin uint32, want ism.Set) (ism.Repoint, ism.Path) {
	w.t.Helper()
	r, err := ism.Rebuild(w.look(origin)[origin], want, w.factories, w.deployed)
	if err != nil {
		w.t.Fatal(err)
	}
	w.run(r)
	return r, w.look(origin)[origin]
}

func TestASetBelowARoutingModuleIsMadeAnewAndOneRoutePointedToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	top, routing := w.upstream(map[uint32][]common.Address{1: addrs("a", 1), 2: addrs("b", 3)}, 1)
	w.ism = top
	want := set(ism.Either, 2, addrs("new", 3)...)
	r, after := w.rebuilt(1, want)
	wantSet(t, after, want)
	if len(r.Deploys) != 3 || r.OwnedBy != ism.HeldByRouting || r.Final.To != routing || r.Owner != addr("owner of routing") || w.ism != top {
		t.Errorf("%d deploys, then %s of %s by %s", len(r.Deploys), r.OwnedBy, r.Final.To, r.Owner)
	}
	if !slices.IsSortedFunc(r.Deploys[0].Members, common.Address.Cmp) || r.Deploys[0].Threshold != 2 {
		t.Errorf("%+v is not sorted by bytes", r.Deploys[0])
	}
	if shared := r.Sharing(1, w.look(1, 2)); len(shared) > 0 {
		t.Errorf("one route is shared with %v", shared)
	}
	wantSet(t, w.look(2)[2], set(ism.Either, 1, addrs("b", 3)...))
}

func TestAnOriginWithoutARouteGetsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ism, _ = w.upstream(map[uint32][]common.Address{1: addrs("a", 3)}, 2)
	want := set(ism.MerkleRoot, 2, addrs("new", 3)...)
	r, after := w.rebuilt(2, want)
	wantSet(t, after, want)
	if len(r.Deploys) != 1 || r.OwnedBy != ism.HeldByRouting {
		t.Errorf("%+v", r)
	}
}

func TestStaticParentsAreMadeAnewUpToTheMailbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.messageID(1, addr("v"))
	w.ism = w.aggregation(2, w.pausable("outer"), w.aggregation(2, old, w.pausable("inner")))
	want := set(ism.MessageID, 2, addrs("new", 3)...)
	r, after := w.rebuilt(1, want)
	wantSet(t, after, want)
	if len(r.Deploys) != 3 || r.OwnedBy != ism.HeldByMailbox || r.Owner != *w.owner || r.Final.To != w.mailbox {
		t.Errorf("%+v", r)
	}
	var switches int
	for _, n := range after.Modules {
		if n.Paused != nil {
			switches++
		}
	}
	if switches != 2 || after.Trail[0].Threshold != 2 || after.Trail[1].Threshold != 2 {
		t.Errorf("%d switches are left of 2: %+v", switches, after.Trail)
	}
	if shared := r.Sharing(1, w.look(1, 2, 3)); !slices.Equal(shared, []uint32{2, 3}) {
		t.Errorf("the mailbox's default is shared with %v", shared)
	}
}

func TestAStorageChangesItsOwnMembersAndAllWhoMeetItAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.storage("storage", 5, 1, addr("v"))
	w.ism = w.routing("routing", map[uint32]common.Address{1: s, 2: s, 3: w.messageID(1, addr("x"))})
	want := set(ism.MessageID, 2, addrs("new", 3)...)
	r, after := w.rebuilt(1, want)
	wantSet(t, after, want)
	if len(r.Deploys) != 0 || r.OwnedBy != ism.HeldByStorage || r.Owner != addr("owner of storage") || r.Final.To != s {
		t.Errorf("%+v", r)
	}
	if shared := r.Sharing(1, w.look(1, 2, 3)); !slices.Equal(shared, []uint32{2}) {
		t.Errorf("the storage is shared with %v", shared)
	}
	// Another type is another contract.
	want = set(ism.MerkleRoot, 2, addrs("new", 3)...)
	r, after = w.rebuilt(1, want)
	wantSet(t, after, want)
	if r.OwnedBy != ism.HeldByRouting {
		t.Errorf("%+v", r)
	}
	wantSet(t, w.look(2)[2], set(ism.MessageID, 2, addrs("new", 3)...))
}

func TestAnAggregationThatKeepsItsModulesInStorageIsPointedByItsOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ism = w.storage("both", 2, 2, w.aggregation(1, w.messageID(1, addr("v"))), w.pausable("switch"))
	want := set(ism.Either, 2, addrs("new", 3)...)
	r, after := w.rebuilt(1, want)
	wantSet(t, after, want)
	if r.OwnedBy != ism.HeldByStorage || r.Owner != addr("owner of both") || len(r.Deploys) != 4 {
		t.Errorf("%+v", r)
	}
}

func TestWhatExistsAlreadyIsNotDeployedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ism, _ = w.upstream(map[uint32][]common.Address{1: addrs("a", 1)}, 1)
	want := set(ism.Either, 2, addrs("new", 3)...)
	w.messageID(2, ism.Sorted(want.Members)...)
	r, after := w.rebuilt(1, want)
	wantSet(t, after, want)
	if len(r.Deploys) != 2 || len(r.Modules) != 3 {
		t.Errorf("%d deploys of %d modules, need 2 of 3", len(r.Deploys), len(r.Modules))
	}
}

func TestWhatCannotBeRebuiltIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	fine := set(ism.Either, 2, addrs("new", 3)...)
	for name, c := range map[string]struct {
		build func(w *world)
		want  ism.Set
		words string
	}{
		"no factory":     {func(w *world) { w.factories.MerkleRoot = ism.Factory{} }, fine, "no factory of static merkle-root"},
		"no aggregation": {func(w *world) { w.factories.Aggregation.Address = common.Address{} }, fine, "no factory of static aggregation"},
		"no set":         {func(*world) {}, set(ism.Either, 2, addr("a"), addr("a")), "twice"},
		"add only": {func(w *world) {
			w.ism = w.routing("incremental", map[uint32]common.Address{1: w.messageID(1, addr("v"))})
			w.modules[w.ism].code = minimal(addr("incremental implementation"))
			w.factories.AddOnly = []common.Address{addr("incremental implementation")}
		}, fine, "only ever adds"},
		"unproven parent": {func(w *world) {
			w.ism = w.put("stranger", &module{kind: 2, members: []common.Address{w.messageID(1, addr("v"))}, threshold: 1})
		}, fine, "no pinned factory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ism = w.messageID(1, addr("v"))
			c.build(w)
			_, err := ism.Rebuild(w.look(1)[1], c.want, w.factories, w.deployed)
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, need %q", err, c.words)
			}
		})
	}
	if _, err := ism.Rebuild(ism.Path{}, fine, newWorld(t).factories, nil); err == nil {
		t.Error("a path that nobody read is rebuilt")
	}
}

func TestAModuleThatOnlyAddsRoutesStillAddsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ism = w.routing("incremental", map[uint32]common.Address{})
	w.modules[w.ism].code = minimal(addr("incremental implementation"))
	w.factories.AddOnly = []common.Address{addr("incremental implementation")}
	want := set(ism.MessageID, 2, addrs("new", 3)...)
	_, after := w.rebuilt(1, want)
	wantSet(t, after, want)
}

func TestWhatAnEarlierReviewedFactoryMadeIsProvedAndReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	earlier := ism.Factory{Address: addr("earlier"), Implementation: addr("earlier implementation")}
	leaf := w.messageID(1, addr("v"))
	w.ism = w.static(earlier, 2, []common.Address{leaf, w.pausable("switch")}, 2)
	if p := w.look(1)[1]; len(p.Unproven()) != 1 || p.Unproven()[0].Address != w.ism {
		t.Errorf("unproven: %v", p.Unproven())
	}
	w.factories.Aggregation.Earlier = []common.Address{earlier.Implementation}
	if p := w.look(1)[1]; len(p.Unproven()) != 0 {
		t.Errorf("unproven: %v", p.Unproven())
	}
	want := set(ism.MessageID, 2, addrs("new", 3)...)
	_, after := w.rebuilt(1, want)
	wantSet(t, after, want)
	if after.Trail[0].Implementation != w.factories.Aggregation.Implementation {
		t.Error("the new parent is not of the pinned factory")
	}
}

func minimal(implementation common.Address) []byte {
	return slices.Concat(common.FromHex("363d3d373d3d3d363d73"), implementation[:], common.FromHex("5af43d82803e903d91602b57fd5bf3"))
}

// grow makes a random tree that serves origins 1 to 3, mostly understood.
func (w *world) grow(r *rand.Rand, depth int) common.Address {
	name := fmt.Sprint("n", r.Int64())
	n := 1 + r.IntN(4)
	v, t := addrs(name, n), 1+r.IntN(n)
	kinds := []func() common.Address{
		func() common.Address { return w.messageID(t, v...) },
		func() common.Address { return w.merkleRoot(t, v...) },
		func() common.Address { return w.storage(name, uint8(4+r.IntN(2)), t, v...) },
		func() common.Address { return w.aggregation(1, w.merkleRoot(t, v...), w.messageID(t, v...)) },
	}
	if depth > 0 {
		below := func() common.Address { return w.grow(r, depth-1) }
		kinds = append(kinds,
			func() common.Address { return w.aggregation(1, below()) },
			func() common.Address { return w.aggregation(2, below(), w.pausable(name)) },
			func() common.Address { return w.storage(name, 2, 2, w.pausable(name+"p"), below()) },
			func() common.Address {
				routes := map[uint32]common.Address{}
				for origin := range uint32(3) {
					if r.IntN(4) > 0 {
						routes[origin+1] = below()
					}
				}
				return w.routing(name, routes)
			})
	}
	return kinds[r.IntN(len(kinds))]()
}

func TestWhateverTheTreeItsCallsLeadToTheWantedSetAndTouchNoOther(t *testing.T) {
	t.Parallel()
	held := map[ism.Holder]int{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 4))
		w := newWorld(t)
		w.ism = w.grow(r, 4)
		before := w.look(1, 2, 3)
		want := set([]ism.SetType{ism.MessageID, ism.MerkleRoot, ism.Either}[r.IntN(3)], 1+r.IntN(3), addrs(fmt.Sprint("want", seed), 3)...)
		repoint, err := ism.Rebuild(before[1], want, w.factories, w.deployed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		held[repoint.OwnedBy]++
		w.run(repoint)
		after := w.look(1, 2, 3)
		if s := after[1].Set; s == nil || !s.Equal(want) || len(after[1].Problems) > 0 || len(after[1].Unproven()) > 0 {
			t.Fatalf("seed %d: %+v %v, need %+v", seed, s, after[1].Problems, want)
		}
		shared := repoint.Sharing(1, before)
		for _, other := range []uint32{2, 3} {
			was, is := before[other].Set, after[other].Set
			same := was == nil && is == nil || was != nil && is != nil && was.Equal(*is)
			if !same && !slices.Contains(shared, other) {
				t.Fatalf("seed %d: origin %d was %+v and is %+v, and is not named in %v", seed, other, was, is, shared)
			}
		}
		// The next plan is empty: nothing is left to deploy for the same want.
		again, err := ism.Rebuild(after[1], want, w.factories, w.deployed)
		if err != nil || len(again.Deploys) > 0 {
			t.Fatalf("seed %d: again %d deploys, %v", seed, len(again.Deploys), err)
		}
	}
	for _, by := range []ism.Holder{ism.HeldByMailbox, ism.HeldByRouting, ism.HeldByStorage} {
		if held[by] < 20 {
			t.Errorf("only %d trees were changed by %s", held[by], by)
		}
	}
}
