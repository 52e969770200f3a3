package ism_test

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

func set(kind ism.SetType, threshold int, members ...common.Address) ism.Set {
	return ism.Set{Type: kind, Members: members, Threshold: threshold}
}

func wantSet(t *testing.T, p ism.Path, want ism.Set) {
	t.Helper()
	if len(p.Problems) > 0 || p.Set == nil || !p.Set.Equal(want) {
		t.Errorf("origin %d: %+v with %v, need %+v", p.Origin, p.Set, p.Problems, want)
	}
}

// wantProblem asks for one problem of a rule, at a module, with words in its reason.
func wantProblem(t *testing.T, p ism.Path, rule string, at common.Address, words string) {
	t.Helper()
	if len(p.Problems) != 1 || p.Problems[0].Rule != rule || p.Problems[0].At != at || !strings.Contains(p.Problems[0].Reason, words) {
		t.Errorf("origin %d: %v, need one %s at %s saying %q", p.Origin, p.Problems, rule, at, words)
	}
	if _, err := ism.Rebuild(p, set(ism.MessageID, 2, addrs("new", 3)...), newWorld(t).factories, func(common.Address) bool { return false }); err == nil {
		t.Errorf("origin %d: it would be rewritten", p.Origin)
	}
}

func TestUpstreamsDefaultModuleIsReadDownToTheSetOfEveryOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	top, routing := w.upstream(map[uint32][]common.Address{1: addrs("a", 3), 2: addrs("b", 4)}, 2)
	w.ism = top
	paths := w.look(1, 2, 3)
	wantSet(t, paths[1], set(ism.Either, 2, addrs("a", 3)...))
	wantSet(t, paths[2], set(ism.Either, 2, addrs("b", 4)...))
	if p := paths[3]; !p.Absent || p.Set != nil || len(p.Problems) > 0 || p.Trail[len(p.Trail)-1].Address != routing {
		t.Errorf("an origin without a route: %+v", p)
	}
	trail := paths[1].Trail
	if len(trail) != 3 || trail[0].Address != top || trail[1].Address != routing || *trail[1].Owner != addr("owner of routing") || *paths[1].Owner != *w.owner {
		t.Errorf("the trail does not lead from the mailbox to the set: %+v", trail)
	}
	if trail[0].Keeping != ism.Static || trail[2].Keeping != ism.Static || len(paths[1].Unproven()) > 0 {
		t.Error("what the pinned factories made is not proved")
	}
	i := slices.IndexFunc(paths[1].Modules, func(n *ism.Node) bool { return n.Address == addr("switch") })
	if i < 0 || paths[1].Modules[i].Paused == nil || *paths[1].Modules[i].Paused {
		t.Error("the switch that pauses is not told")
	}
	if len(paths[1].Modules) != 6 {
		t.Errorf("%d modules on the way, need 6", len(paths[1].Modules))
	}
}

func TestAllOriginsAreReadTogetherInOneRoundPerLevelAndNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sets := map[uint32][]common.Address{}
	var origins []uint32
	for i := range uint32(149) {
		sets[i+1] = addrs(fmt.Sprint("v", i), 3)
		origins = append(origins, i+1, i+1)
	}
	w.ism, _ = w.upstream(sets, 2)
	for origin, p := range w.look(origins...) {
		wantSet(t, p, set(ism.Either, 2, sets[origin]...))
	}
	if w.rounds != 5 {
		t.Errorf("%d rounds for four levels, need 5", w.rounds)
	}
	for q, n := range w.asked {
		if n > 1 {
			t.Errorf("%s is asked %d times", q, n)
		}
	}
}

func TestPlainRoutingAndASingleMultisigAreReadToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ism = w.routing("plain", map[uint32]common.Address{1: w.messageID(1, addr("v")), 2: w.merkleRoot(2, addrs("m", 2)...)})
	paths := w.look(1, 2)
	wantSet(t, paths[1], set(ism.MessageID, 1, addr("v")))
	wantSet(t, paths[2], set(ism.MerkleRoot, 2, addrs("m", 2)...))
	w.ism = w.storage("shared", 5, 2, addrs("s", 3)...)
	for _, p := range w.look(1, 2) {
		wantSet(t, p, set(ism.MessageID, 2, addrs("s", 3)...))
		if p.Leaf().Keeping != ism.Storage || *p.Leaf().Owner != addr("owner of shared") {
			t.Errorf("%+v is no storage of an owner", p.Leaf())
		}
	}
}

func TestAStoragesOwnerIsEnoughWhereTheMailboxsIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owner, w.ism = nil, w.storage("storage", 5, 2, addrs("s", 3)...)
	wantSet(t, w.look(1)[1], set(ism.MessageID, 2, addrs("s", 3)...))
}

func TestWithoutPinnedFactoriesEverythingIsReadAndNothingProved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ism = w.routing("plain", map[uint32]common.Address{
		1: w.messageID(2, addrs("v", 3)...), 2: w.put("stranger", &module{kind: 5, members: addrs("v", 3), threshold: 2}),
	})
	w.factories = ism.Factories{}
	for origin, p := range w.look(1, 2) {
		wantSet(t, p, set(ism.MessageID, 2, addrs("v", 3)...))
		if len(p.Unproven()) != 1 {
			t.Errorf("origin %d: %d modules are unproven, need 1", origin, len(p.Unproven()))
		}
	}
}

func TestWhereARoutingModuleListsItsDomainsTheyAreToldInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leaf := w.messageID(1, addr("v"))
	w.ism = w.routing("plain", map[uint32]common.Address{9: leaf, 1: leaf, 5: leaf, 7: leaf, 3: leaf})
	if d := w.look(1)[1].Trail[0].Domains; !slices.Equal(d, []uint32{1, 3, 5, 7, 9}) {
		t.Errorf("domains %v", d)
	}
	w.modules[w.ism].odd = map[string]evm.Result{"domains()": returns("uint256[]", []*big.Int{new(big.Int).Lsh(big.NewInt(1), 32)})}
	if d := w.look(1)[1].Trail[0].Domains; d != nil {
		t.Errorf("what is no domain is told as %v", d)
	}
}

func TestTheOrderOfMembersIsOfNoMeaning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	members := addrs("v", 5)
	slices.Reverse(members)
	w.ism = w.messageID(3, members...)
	p := w.look(1)[1]
	wantSet(t, p, set(ism.MessageID, 3, addrs("v", 5)...))
	if p.Leaf().Keeping != ism.Static {
		t.Error("a live set in another order is not proved by its code")
	}
	if !slices.IsSortedFunc(p.Set.Members, common.Address.Cmp) {
		t.Error("members are not told in the order of their bytes")
	}
}

func TestAModuleThatFallsBackToTheMailboxsDefaultHasNoRouteAndIsNoCycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	routing := w.routing("fallback", map[uint32]common.Address{1: w.messageID(1, addr("v"))})
	w.modules[routing].fallback = true
	for name, top := range map[string]common.Address{"itself": routing, "below": w.aggregation(2, routing, w.pausable("switch"))} {
		w.ism = top
		paths := w.look(1, 2)
		wantSet(t, paths[1], set(ism.MessageID, 1, addr("v")))
		if p := paths[2]; !p.Absent || len(p.Problems) > 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	// A route that is declared to lead there is a cycle all the same.
	w.ism = routing
	w.modules[routing].routes[2] = routing
	wantProblem(t, w.look(2)[2], ism.RuleCycle, routing, "leads back")
}

func TestAModuleThatListsNoDomainsAndLeadsBackIsTakenForACycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ism = w.routing("fallback", nil)
	w.modules[w.ism].fallback = true
	w.modules[w.ism].odd = map[string]evm.Result{"domains()": {Reverted: true}}
	wantProblem(t, w.look(1)[1], ism.RuleCycle, w.ism, "leads back")
}

func TestARoutingModuleThatSomeOriginsMeetLaterIsAskedForThemToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inner := w.routing("inner", map[uint32]common.Address{1: w.messageID(1, addr("one")), 2: w.messageID(1, addr("two"))})
	w.ism = w.routing("outer", map[uint32]common.Address{1: inner, 2: w.aggregation(2, inner, w.pausable("switch"))})
	paths := w.look(1, 2)
	wantSet(t, paths[1], set(ism.MessageID, 1, addr("one")))
	wantSet(t, paths[2], set(ism.MessageID, 1, addr("two")))
	if w.rounds != 5 {
		t.Errorf("%d rounds, need 5", w.rounds)
	}
}

func TestAllOriginsTogetherAreReadWithinABoundToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	routes, hurt := map[uint32]common.Address{}, 0
	for origin := range uint32(3) {
		list := []common.Address{w.messageID(1, addr("v %d", origin))}
		for i := range 199 {
			list = append(list, w.pausable(fmt.Sprint("switch ", origin, i)))
		}
		routes[origin] = w.put(fmt.Sprint("wide ", origin), &module{kind: 2, members: list, threshold: 200})
	}
	w.ism = w.routing("routing", routes)
	for _, p := range w.look(0, 1, 2) {
		if len(p.Problems) > 0 && p.Problems[0].Rule == ism.RuleBounds && strings.Contains(p.Problems[0].Reason, "more than 352 modules, and no more are read of 3 origins") {
			hurt++
		}
	}
	if hurt != 2 || len(w.asked) > 352*9 {
		t.Errorf("%d origins are not read to their end, need 2; %d questions", hurt, len(w.asked))
	}
}

func TestACycleIsNamedWithItsModulesAndOnlyItsOriginsAreHurt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inner := w.routing("inner", map[uint32]common.Address{})
	outer := w.routing("outer", map[uint32]common.Address{1: inner, 2: w.messageID(1, addr("v"))})
	w.modules[inner].routes[1] = w.aggregation(1, outer)
	w.ism = outer
	paths := w.look(1, 2)
	wantProblem(t, paths[1], ism.RuleCycle, outer, outer.Hex()+", "+inner.Hex())
	wantSet(t, paths[2], set(ism.MessageID, 1, addr("v")))
}

func TestWhatIsNotUnderstoodIsReportedAndNeverRewritten(t *testing.T) {
	t.Parallel()
	v := addrs("v", 3)
	for name, c := range map[string]struct {
		build func(w *world) (at common.Address)
		rule  string
		words string
	}{
		"no code": {func(*world) common.Address { return addr("nothing") }, ism.RuleUnknown, "no code"},
		"no type": {func(w *world) common.Address {
			return w.put("x", &module{odd: map[string]evm.Result{"moduleType()": {}}})
		}, ism.RuleUnknown, "moduleType"},
		"ccip read":     {func(w *world) common.Address { return w.put("x", &module{kind: 7}) }, ism.RuleUnknown, "type ccip-read"},
		"legacy":        {func(w *world) common.Address { return w.put("x", &module{kind: 3}) }, ism.RuleUnknown, "type legacy-multisig"},
		"from tomorrow": {func(w *world) common.Address { return w.put("x", &module{kind: 99}) }, ism.RuleUnknown, "type 99"},
		"noop":          {func(w *world) common.Address { return w.put("x", &module{kind: 6}) }, ism.RuleNoSet, "no signature"},
		"no members": {func(w *world) common.Address {
			return w.put("x", &module{kind: 5, odd: map[string]evm.Result{"validatorsAndThreshold(bytes)": revert("not for you")}})
		}, ism.RuleUnread, "not for you"},
		"by amount": {func(w *world) common.Address {
			return w.put("x", &module{kind: 1, odd: map[string]evm.Result{"module(uint32)": {Reverted: true}}})
		}, ism.RuleUnread, "not by the origin alone"},
		"no owner": {func(w *world) common.Address {
			return w.put("x", &module{kind: 1, routes: map[uint32]common.Address{1: w.messageID(2, v...)}})
		}, ism.RuleNoOwner, "owner()"},
		"renounced": {func(w *world) common.Address {
			return w.put("x", &module{kind: 1, owner: &common.Address{}, routes: map[uint32]common.Address{1: w.messageID(2, v...)}})
		}, ism.RuleNoOwner, "zero address"},
		"a switch is enough": {func(w *world) common.Address { return w.aggregation(1, w.messageID(2, v...), w.pausable("switch")) }, ism.RuleNoSet, "1 of 2 modules, and 1 of them"},
		"nobody must agree":  {func(w *world) common.Address { return w.aggregation(0, w.messageID(2, v...)) }, ism.RuleUnread, "0 of 1"},
		"too many must":      {func(w *world) common.Address { return w.aggregation(3, w.messageID(2, v...), w.pausable("switch")) }, ism.RuleUnread, "3 of 2"},
		"both must":          {func(w *world) common.Address { return w.aggregation(2, w.messageID(2, v...), w.merkleRoot(2, v...)) }, ism.RuleSeveralSets, "2 of 2"},
		"other thresholds":   {func(w *world) common.Address { return w.aggregation(1, w.messageID(2, v...), w.merkleRoot(1, v...)) }, ism.RuleSeveralSets, "no one set"},
		"other members": {func(w *world) common.Address {
			return w.aggregation(1, w.messageID(2, v...), w.merkleRoot(2, addrs("o", 3)...))
		}, ism.RuleSeveralSets, "no one set"},
		"the same type twice": {func(w *world) common.Address {
			return w.aggregation(1, w.messageID(2, v...), w.messageID(2, v[1], v[0], v[2]))
		}, ism.RuleSeveralSets, "no one set"},
		"two of three": {func(w *world) common.Address {
			return w.aggregation(2, w.messageID(2, v...), w.merkleRoot(2, v...), w.pausable("switch"))
		}, ism.RuleSeveralSets, "2 of 3"},
		"two storages": {func(w *world) common.Address {
			return w.aggregation(1, w.storage("a", 5, 2, v...), w.storage("b", 4, 2, v...))
		}, ism.RuleSeveralSets, "no one set"},
		"a storage of both": {func(w *world) common.Address {
			return w.storage("both", 2, 1, w.messageID(2, v...), w.merkleRoot(2, v...))
		}, ism.RuleSeveralSets, "no one set"},
		"one of both for some origins only": {func(w *world) common.Address {
			return w.aggregation(1, w.routing("routing", map[uint32]common.Address{1: w.messageID(2, v...)}), w.merkleRoot(2, v...))
		}, ism.RuleSeveralSets, "no one set"},
		"a storage of nobody": {func(w *world) common.Address {
			at := w.storage("storage", 5, 2, v...)
			w.modules[at].owner = &common.Address{}
			return at
		}, ism.RuleNoOwner, "zero address"},
		"its code says another": {func(w *world) common.Address {
			at := w.messageID(2, v...)
			w.modules[at].members = addrs("other", 3)
			return at
		}, ism.RuleContradiction, "its own code"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ism = c.build(w)
			at := w.ism
			wantProblem(t, w.look(1)[1], c.rule, at, c.words)
		})
	}
}

func TestAMailboxThatIsNoneOrHasNoDefaultIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wantProblem(t, w.look(1)[1], ism.RuleNoSet, w.mailbox, "no default module")
	walk := ism.NewWalk(w.mailbox, []uint32{1}, w.factories)
	wantProblem(t, walk.Paths()[1], ism.RuleUnread, w.mailbox, "not read")
	if err := walk.Answer(make([]evm.Result, 1)); err == nil {
		t.Error("an answer to no question is taken")
	}
	if err := walk.Answer(make([]evm.Result, len(walk.Ask()))); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, walk.Paths()[1], ism.RuleUnknown, w.mailbox, "no code")
	if len(walk.Ask()) > 0 {
		t.Error("more is asked of what is no mailbox")
	}
	w.owner, w.ism = nil, w.messageID(1, addr("v"))
	wantProblem(t, w.look(1)[1], ism.RuleNoOwner, w.mailbox, "owner()")
	half := ism.NewWalk(w.mailbox, []uint32{1}, w.factories)
	var results []evm.Result
	for _, q := range half.Ask() {
		results = append(results, w.answer(q))
	}
	if err := half.Answer(results); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, half.Paths()[1], ism.RuleUnread, w.ism, "not read")
}

func TestATreeIsReadWithinItsBounds(t *testing.T) {
	t.Parallel()
	deep := func(levels int) (*world, ism.Path) {
		w := newWorld(t)
		w.ism = w.messageID(1, addr("v"))
		for range levels - 1 {
			w.ism = w.aggregation(1, w.ism)
		}
		return w, w.look(1)[1]
	}
	_, p := deep(ism.MaxDepth)
	wantSet(t, p, set(ism.MessageID, 1, addr("v")))
	w, p := deep(ism.MaxDepth + 1)
	wantProblem(t, p, ism.RuleBounds, w.messageID(1, addr("v")), "below 8 other")

	wide := func(modules int) ism.Path {
		w := newWorld(t)
		list := []common.Address{w.messageID(1, addr("v"))}
		for i := range modules - 2 {
			list = append(list, w.pausable(fmt.Sprint("switch ", i)))
		}
		at := w.put("wide", &module{kind: 2, members: list, threshold: uint8(len(list))})
		w.ism = at
		return w.look(1)[1]
	}
	wantSet(t, wide(256), set(ism.MessageID, 1, addr("v")))
	if p := wide(257); p.Problems == nil || p.Problems[0].Rule != ism.RuleBounds || !strings.Contains(p.Problems[0].Reason, "more than 256") {
		t.Errorf("257 modules: %v", p.Problems)
	}
	w = newWorld(t)
	w.ism = w.messageID(1, addrs("v", ism.MaxMembers)...)
	wantSet(t, w.look(1)[1], set(ism.MessageID, 1, addrs("v", ism.MaxMembers)...))
	w.ism = w.messageID(1, addrs("v", ism.MaxMembers+1)...)
	wantProblem(t, w.look(1)[1], ism.RuleBounds, w.ism, "1025 members, at most 1024")
}

func TestTreesThatShareBranchesAtEveryLevelAreReadAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Seven levels, each of which leads to the next in thirty ways: 30⁷ ways down.
	level := []common.Address{w.messageID(1, addr("v"))}
	for l := range 6 {
		var next []common.Address
		for i := range 30 {
			next = append(next, w.put(fmt.Sprint(l, " ", i), &module{kind: 2, members: level, threshold: 1}))
		}
		level = next
	}
	w.ism = w.put("top", &module{kind: 2, members: level, threshold: 1})
	p := w.look(1)[1]
	if len(p.Problems) == 0 || p.Problems[0].Rule != ism.RuleSeveralSets || len(p.Modules) != 182 {
		t.Errorf("%d modules, %v", len(p.Modules), p.Problems)
	}
}

func TestTheSwitchesOfATreeDoNotHideItsSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leaf := w.aggregation(1, w.messageID(2, addrs("v", 3)...), w.merkleRoot(2, addrs("v", 3)...))
	switches := w.aggregation(1, w.pausable("one"), w.pausable("two"))
	w.ism = w.aggregation(3, w.pausable("three"), w.aggregation(2, leaf, switches), w.put("noop", &module{kind: 6}))
	p := w.look(1)[1]
	wantSet(t, p, set(ism.Either, 2, addrs("v", 3)...))
	if p.Leaf().Address != leaf {
		t.Errorf("the set is told to be at %s, need %s", p.Leaf().Address, leaf)
	}
}

// FuzzAnswer lets a stranger's chain answer whatever it likes.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0}, uint8(1))
	f.Add([]byte("\x05\x01\x02\x03\x04\x05\x06\x07\x08"), uint8(3))
	f.Fuzz(func(t *testing.T, seed []byte, origins uint8) {
		stranger := &stranger{seed: seed}
		var list []uint32
		for i := range uint32(origins % 5) {
			list = append(list, i)
		}
		factories := newWorld(t).factories
		walk := ism.NewWalk(addr("mailbox"), list, factories)
		rounds := 0
		for questions := walk.Ask(); len(questions) > 0; questions = walk.Ask() {
			var results []evm.Result
			for range questions {
				results = append(results, stranger.answer())
			}
			if err := walk.Answer(results); err != nil {
				t.Fatal(err)
			}
			if rounds++; rounds > ism.MaxDepth+1 {
				t.Fatalf("%d rounds", rounds)
			}
		}
		for origin, p := range walk.Paths() {
			if len(p.Problems) == 0 && p.Set == nil && !p.Absent {
				t.Errorf("origin %d: neither set, absent nor a problem", origin)
			}
			r, err := ism.Rebuild(p, set(ism.Either, 2, addrs("new", 3)...), factories, func(common.Address) bool { return false })
			if err == nil {
				r.Sharing(origin, walk.Paths())
			}
		}
	})
}

type stranger struct {
	seed []byte
	at   int
}

func (s *stranger) next() byte {
	if len(s.seed) == 0 {
		return 0
	}
	s.at++
	return s.seed[s.at%len(s.seed)] + byte(s.at/len(s.seed))
}

func (s *stranger) answer() evm.Result {
	few := func() common.Address { return addr("stranger %d", s.next()%6) }
	switch s.next() % 9 {
	case 0:
		return evm.Result{}
	case 1:
		return revert("No ISM found for origin: 7")
	case 2:
		return evm.Result{Reverted: true, Data: []byte{s.next()}}
	case 3, 4:
		return returns("uint8", s.next()%8)
	case 5:
		return returns("address", few())
	case 6:
		return returns("address[],uint8", []common.Address{few(), few()}, s.next()%4)
	case 7:
		return evm.Result{Data: binary.BigEndian.AppendUint64(make([]byte, int(s.next())), uint64(s.next()))}
	default:
		return returns("address[],uint8", []common.Address{few()}, uint8(1))
	}
}
