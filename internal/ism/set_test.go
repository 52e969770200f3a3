package ism_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/ism"
)

func TestWhatIsNoSetIsRefusedWithHaveAndNeed(t *testing.T) {
	t.Parallel()
	v := addrs("v", 300)
	for _, c := range []struct {
		s     ism.Set
		words string
	}{
		{set(ism.Either, 2, v[:3]...), ""},
		{set(ism.MessageID, 1, v[0]), ""},
		{set(ism.MerkleRoot, 255, v...), ""},
		{set(ism.MerkleRoot, 256, v...), "threshold 256, at most 255"},
		{set(ism.Either, 0, v[:3]...), "need at least 1"},
		{set(ism.Either, -1, v[:3]...), "need at least 1"},
		{set(ism.Either, 4, v[:3]...), "threshold 4 of 3"},
		{set(ism.Either, 1), "threshold 1 of 0"},
		{set(ism.Either, 2, v[0], v[1], v[0]), v[0].Hex() + " is a member twice"},
		{set(ism.Either, 2, v[0], v[1], common.Address{}), "zero address"},
		{set("legacy", 2, v[:3]...), "no type of set"},
		{set(ism.Either, 2, addrs("w", 1025)...), "1025 members, at most 1024"},
	} {
		err := c.s.Check()
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s %d of %d: %v, need %q", c.s.Type, c.s.Threshold, len(c.s.Members), err, c.words)
		}
	}
}

func TestTheFloorIsTwoThirdsRoundedUpOfAtLeastThree(t *testing.T) {
	t.Parallel()
	floor := ism.DefaultFloor()
	for n, least := range map[int]int{3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 9: 6, 10: 7} {
		for threshold := 1; threshold <= n; threshold++ {
			err := floor.Check(set(ism.Either, threshold, addrs("v", n)...))
			if (err == nil) != (threshold >= least) {
				t.Errorf("%d of %d: %v", threshold, n, err)
			}
		}
	}
	if err := floor.Check(set(ism.Either, 2, addrs("v", 2)...)); err == nil || !strings.Contains(err.Error(), "2 members, the environment's floor is 3") {
		t.Errorf("two members: %v", err)
	}
	if err := floor.Check(set(ism.Either, 2, addrs("v", 4)...)); err == nil || !strings.Contains(err.Error(), "threshold 2 of 4 members, the environment's floor is 3") {
		t.Errorf("2 of 4: %v", err)
	}
	if err := (ism.Floor{}).Check(set(ism.Either, 1, addr("v"))); err != nil {
		t.Errorf("no floor refuses: %v", err)
	}
}

func TestSetsAreEqualWhateverTheirOrderAndInNothingElse(t *testing.T) {
	t.Parallel()
	v := addrs("v", 3)
	s := set(ism.Either, 2, v...)
	if !s.Equal(set(ism.Either, 2, v[2], v[0], v[1])) {
		t.Error("order is taken for a difference")
	}
	for _, other := range []ism.Set{
		set(ism.MessageID, 2, v...), set(ism.Either, 1, v...), set(ism.Either, 2, v[:2]...),
		set(ism.Either, 2, v[0], v[1], v[1]), set(ism.Either, 2, addrs("w", 3)...),
	} {
		if s.Equal(other) {
			t.Errorf("%+v is taken for %+v", other, s)
		}
	}
}

func TestWhoCanForgeOrHaltAloneIsNamed(t *testing.T) {
	t.Parallel()
	member := func(i int, operator, account, region string) ism.Member {
		return ism.Member{Address: addr("v %d", i), Operator: operator, Account: account, Region: region}
	}
	list := []ism.Member{
		member(0, "ada", "1", "eu"), member(1, "ada", "2", "us"), member(2, "ada", "3", ""), member(3, "bob", "4", "us"), member(4, "cyd", "4", ""),
	}
	// 3 of 5: three forge and three halt.
	found := ism.Concentration(list, 3)
	if len(found) != 1 || found[0].Of != "operator" || found[0].Name != "ada" || !found[0].Forges() || len(found[0].Members) != 3 {
		t.Errorf("3 of 5: %v", found)
	}
	// 4 of 5: four forge, two halt.
	var said []string
	for _, c := range ism.Concentration(list, 4) {
		said = append(said, fmt.Sprint(c))
		if c.Forges() || !c.Halts() {
			t.Errorf("%s can forge", c.Name)
		}
	}
	want := []string{
		"operator ada holds 3 members, and without 2 no message is signed: it alone can halt",
		"account 4 holds 2 members, and without 2 no message is signed: it alone can halt",
		"region us holds 2 members, and without 2 no message is signed: it alone can halt",
	}
	if !slices.Equal(said, want) {
		t.Errorf("4 of 5: %q", said)
	}
	// 2 of 5: two forge.
	said = nil
	for _, c := range ism.Concentration(list, 2) {
		said = append(said, fmt.Sprint(c))
	}
	if len(said) != 3 || said[1] != "account 4 holds 2 members and 2 sign any message: it alone can forge" {
		t.Errorf("2 of 5: %q", said)
	}
}

func TestOnlyThoseKnownToSignCount(t *testing.T) {
	t.Parallel()
	v := addrs("v", 4)
	live := map[common.Address]bool{v[0]: true, v[1]: true, v[2]: false}
	q, ok := ism.SafeToRepoint(set(ism.Either, 3, v...), live)
	if ok || q.Have != 2 || q.Need != 3 || !slices.Equal(q.Silent, ism.Sorted(v[2:])) {
		t.Errorf("%+v %v", q, ok)
	}
	live[v[3]] = true
	if q, ok := ism.SafeToRepoint(set(ism.Either, 3, v...), live); !ok {
		t.Errorf("%+v", q)
	}
	if q := set(ism.Either, 2, v[0], v[0]).Quorum(live); q.Have != 1 || q.Met() {
		t.Errorf("one who is a member twice counts as %d", q.Have)
	}
	if q := set(ism.Either, 0, v...).Quorum(live); q.Met() {
		t.Error("nobody is a quorum")
	}
}

// rotation is a bridge of several destinations whose members come and go, as
// the tool and the operators move it: every act is asked for first.
type rotation struct {
	r       *rand.Rand
	live    map[common.Address]bool
	inForce map[uint32][]ism.Set
	acts    int
}

func (x *rotation) subset(n int) ism.Set {
	v := addrs("v", 8)
	x.r.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
	return set(ism.Either, 1+x.r.IntN(n), v[:n]...)
}

// toward repoints all destinations to a set, in any order, members starting and
// stopping meanwhile.
func (x *rotation) toward(to ism.Set, check func(string)) {
	waiting := slices.Collect(maps.Keys(x.inForce))
	for tries := 0; len(waiting) > 0 && tries < 1000; tries++ {
		switch i := x.r.IntN(len(waiting)); x.r.IntN(3) {
		case 0:
			x.live[to.Members[x.r.IntN(len(to.Members))]] = true
		case 1:
			x.stopOne()
		default:
			if _, ok := ism.SafeToRepoint(to, x.live); ok {
				x.inForce[waiting[i]] = []ism.Set{to}
				waiting = slices.Delete(waiting, i, i+1)
				x.acts++
			}
		}
		check(fmt.Sprintf("on the way to %d of %d", to.Threshold, len(to.Members)))
	}
	if len(waiting) > 0 {
		check("stuck")
	}
}

func (x *rotation) stopOne() {
	all := slices.SortedFunc(maps.Keys(x.live), common.Address.Cmp)
	if m := all[x.r.IntN(len(all))]; x.live[m] {
		if !x.asked(m) {
			x.live[m] = false
			x.acts++
		}
	}
}

// asked reports that a destination still asks for the member's signature.
func (x *rotation) asked(m common.Address) bool {
	for _, sets := range x.inForce {
		if slices.ContainsFunc(sets, func(s ism.Set) bool { return s.Has(m) }) {
			return true
		}
	}
	return false
}

func TestInNoRotationAreThereEverFewerLiveSignersThanTheThresholdInForce(t *testing.T) {
	t.Parallel()
	acts := 0
	for seed := range uint64(300) {
		x := &rotation{r: rand.New(rand.NewPCG(seed, 9)), live: map[common.Address]bool{}, inForce: map[uint32][]ism.Set{}}
		first := x.subset(1 + x.r.IntN(5))
		for d := range uint32(1 + x.r.IntN(6)) {
			x.inForce[d+1] = []ism.Set{first}
		}
		for _, m := range first.Members {
			x.live[m] = true
		}
		check := func(when string) {
			for d, sets := range x.inForce {
				// Counted here by hand: what is proved must not be its own judge.
				have := 0
				for _, m := range sets[0].Members {
					if x.live[m] {
						have++
					}
				}
				if have < sets[0].Threshold || when == "stuck" {
					t.Fatalf("seed %d, %s: destination %d has %d live signers, need %d", seed, when, d, have, sets[0].Threshold)
				}
				if q := sets[0].Quorum(x.live); !q.Met() || q.Have != have {
					t.Fatalf("seed %d: %+v is told, %d are live", seed, q, have)
				}
			}
		}
		for range 4 {
			x.toward(x.subset(1+x.r.IntN(6)), check)
		}
		acts += x.acts
	}
	if acts < 1000 {
		t.Errorf("only %d repoints and stops in all rotations", acts)
	}
}
