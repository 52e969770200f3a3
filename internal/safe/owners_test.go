package safe_test

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// model is a Safe's linked list of owners and its rules, as OwnerManager.sol has
// them.
type model struct {
	self      common.Address
	next      map[common.Address]common.Address
	count     uint64
	threshold uint64
}

func newModel(self common.Address, owners []common.Address, threshold uint64) *model {
	m := &model{self: self, next: map[common.Address]common.Address{}, count: uint64(len(owners)), threshold: threshold}
	at := safe.Sentinel()
	for _, o := range owners {
		m.next[at], at = o, o
	}
	m.next[at] = safe.Sentinel()
	return m
}

func (m *model) owners() (all []common.Address) {
	for at := m.next[safe.Sentinel()]; at != safe.Sentinel(); at = m.next[at] {
		all = append(all, at)
	}
	return all
}

func (m *model) fresh(o common.Address) bool {
	return o != (common.Address{}) && o != safe.Sentinel() && o != m.self && m.next[o] == (common.Address{})
}

func (m *model) change(threshold uint64) bool {
	if threshold > m.count || threshold == 0 {
		return false
	}
	m.threshold = threshold
	return true
}

// do makes a call; false is a revert.
func (m *model) do(c evm.Call) bool {
	if c.To != m.self {
		return false
	}
	if args, ok := evm.MustMethod("swapOwner(address,address,address)").Arguments(c.Data); ok {
		prev, old, fresh := args[0].(common.Address), args[1].(common.Address), args[2].(common.Address)
		if !m.fresh(fresh) || m.next[prev] != old || old == safe.Sentinel() {
			return false
		}
		m.next[fresh], m.next[prev] = m.next[old], fresh
		delete(m.next, old)
		return true
	}
	if args, ok := evm.MustMethod("removeOwner(address,address,uint256)").Arguments(c.Data); ok {
		prev, old := args[0].(common.Address), args[1].(common.Address)
		if m.count--; m.count < args[2].(*big.Int).Uint64() || m.next[prev] != old || old == safe.Sentinel() {
			return false
		}
		m.next[prev] = m.next[old]
		delete(m.next, old)
		return m.change(args[2].(*big.Int).Uint64())
	}
	if args, ok := evm.MustMethod("addOwnerWithThreshold(address,uint256)").Arguments(c.Data); ok {
		fresh := args[0].(common.Address)
		if !m.fresh(fresh) {
			return false
		}
		m.next[fresh], m.next[safe.Sentinel()] = m.next[safe.Sentinel()], fresh
		m.count++
		return m.change(args[1].(*big.Int).Uint64())
	}
	args, ok := evm.MustMethod("changeThreshold(uint256)").Arguments(c.Data)
	return ok && m.change(args[0].(*big.Int).Uint64())
}

// change is one random wish for owners, out of a few people so that sets overlap.
func wish(r *rand.Rand, people []common.Address) ([]common.Address, uint64) {
	all := slices.Clone(people)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:1+r.IntN(len(all))]
	return all, 1 + r.Uint64N(uint64(len(all)))
}

func same(a, b []common.Address) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, common.Address.Cmp)
	slices.SortFunc(b, common.Address.Cmp)
	return slices.Equal(a, b)
}

func TestOwnersAreChangedWithoutAMomentThatLocksOrWeakensTheSafe(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	_, all := people(t, 8)
	self := common.Address{0x5a}
	for range 800 {
		owners, threshold := wish(r, all)
		want, need := wish(r, all)
		calls, err := safe.OwnerChanges(owners, threshold, want, need, self)
		if err != nil {
			t.Fatal(err)
		}
		m, floor := newModel(self, owners, threshold), min(threshold, need)
		for i, c := range calls {
			if !m.do(c) {
				t.Fatalf("%d of %v to %d of %v: call %d reverts", threshold, owners, need, want, i+1)
			}
			// Who is about to leave must not profit from a threshold that is lower already.
			early := i < len(calls)-1 && m.threshold < min(threshold, m.count)
			if m.threshold > m.count || m.threshold < floor || early {
				t.Fatalf("%d of %v to %d of %v: %d of %d after call %d", threshold, owners, need, want, m.threshold, m.count, i+1)
			}
		}
		if !same(m.owners(), want) || m.threshold != need {
			t.Fatalf("%d of %v, need %d of %v", m.threshold, m.owners(), need, want)
		}
		// Nobody is asked for more calls than there are owners to exchange.
		gone, come := 0, 0
		for _, o := range owners {
			if !slices.Contains(want, o) {
				gone++
			}
		}
		come = len(want) - (len(owners) - gone)
		if most := max(gone, come); len(calls) > most+1 || (most == 0 && threshold == need && len(calls) > 0) || (gone != come && len(calls) != most) {
			t.Fatalf("%d calls for %d that go and %d that come", len(calls), gone, come)
		}
		// The order in which the owners are declared is nothing.
		slices.Reverse(want)
		again, err := safe.OwnerChanges(owners, threshold, want, need, self)
		if err != nil || !equal(calls, again) {
			t.Fatalf("other calls for the same change: %v", err)
		}
	}
}

func TestTheRealSafeFollowsOwnerChanges(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), rand.New(rand.NewPCG(11, 12))
	keys, all := people(t, 6)
	owners, threshold := wish(r, all)
	at := w.make(owners, threshold, 1)
	for range 40 {
		s := w.read(at)
		want, need := wish(r, all)
		calls, err := safe.OwnerChanges(s.Owners, s.Threshold, want, need, at)
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) == 0 {
			continue
		}
		tx, err := safe.Batch(multiSend, calls, s.Nonce)
		if err != nil {
			t.Fatal(err)
		}
		signers := s.Owners[:s.Threshold]
		by := slices.Clone(keys)[:0]
		for i, o := range all {
			if slices.Contains(signers, o) {
				by = append(by, keys[i])
			}
		}
		hash, logs, err := w.execute(at, tx, by...)
		if err != nil {
			t.Fatalf("%d of %v to %d of %v: %v", s.Threshold, s.Owners, need, want, err)
		}
		if err := safe.Succeeded(at, hash, logs); err != nil {
			t.Fatal(err)
		}
		if now := w.read(at); !same(now.Owners, want) || now.Threshold != need {
			t.Fatalf("%d of %v, need %d of %v", now.Threshold, now.Owners, need, want)
		}
	}
}

func TestOwnersThatNoSafeTakesAreRefused(t *testing.T) {
	t.Parallel()
	_, all := people(t, 4)
	self := common.Address{0x5a}
	many := make([]common.Address, 201)
	for i := range many {
		many[i] = common.Address{1, byte(i)}
	}
	for want, c := range map[string]struct {
		owners    []common.Address
		threshold uint64
	}{
		"the zero address is an owner":      {[]common.Address{all[0], {}}, 1},
		"the head of the list, is an owner": {[]common.Address{all[0], safe.Sentinel()}, 1},
		"the safe is its own owner":         {[]common.Address{all[0], self}, 1},
		"is an owner twice":                 {[]common.Address{all[0], all[1], all[0]}, 1},
		"threshold 0 of 2 owners":           {all[:2], 0},
		"threshold 3 of 2 owners":           {all[:2], 3},
		"there is no owner":                 {nil, 1},
		"201 owners, at most 200":           {many, 1},
	} {
		if calls, err := safe.OwnerChanges(all[:3], 2, c.owners, c.threshold, self); err == nil || !strings.Contains(err.Error(), "as they must be: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; need %q", calls, err, want)
		}
		if calls, err := safe.OwnerChanges(c.owners, c.threshold, all[:3], 2, self); err == nil || !strings.Contains(err.Error(), "as they are: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; need %q", calls, err, want)
		}
	}
}
