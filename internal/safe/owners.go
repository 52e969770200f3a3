package safe

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// OwnerChanges are the calls of a Safe to itself that lead from its owners, in
// the order of its list (State.Owners), and its threshold to those wanted. The
// same change always gives the same calls: swaps, as many as an owner leaves for
// one that comes, then removals or additions, then the threshold. Between any two
// calls the threshold is neither above the number of owners nor below the lower
// of the old and the new one. Nothing to change is no call.
func OwnerChanges(owners []common.Address, threshold uint64, wantOwners []common.Address, wantThreshold uint64, safe common.Address) ([]evm.Call, error) {
	if err := checkOwners(owners, threshold, safe); err != nil {
		return nil, fmt.Errorf("owners of safe %s: as they are: %w", safe.Hex(), err)
	}
	if err := checkOwners(wantOwners, wantThreshold, safe); err != nil {
		return nil, fmt.Errorf("owners of safe %s: as they must be: %w", safe.Hex(), err)
	}
	leaving, coming := without(owners, wantOwners), without(wantOwners, owners)
	slices.SortFunc(coming, func(a, b common.Address) int { return bytes.Compare(a[:], b[:]) })
	l := ownerList{safe: safe, owners: slices.Clone(owners), threshold: threshold}
	for len(leaving) > 0 && len(coming) > 0 {
		l.swap(leaving[0], coming[0])
		leaving, coming = leaving[1:], coming[1:]
	}
	for i, owner := range leaving {
		next := min(l.threshold, uint64(len(l.owners)-1))
		if i == len(leaving)-1 {
			next = wantThreshold
		}
		l.remove(owner, next)
	}
	for i, owner := range coming {
		next := l.threshold
		if i == len(coming)-1 {
			next = wantThreshold
		}
		l.add(owner, next)
	}
	if l.threshold != wantThreshold {
		l.setThreshold(wantThreshold)
	}
	return l.calls, nil
}

// checkOwners is what the contract checks of owners and threshold when it is set
// up (OwnerManager.sol, setupOwners).
func checkOwners(owners []common.Address, threshold uint64, safe common.Address) error {
	switch n := len(owners); {
	case n == 0:
		return errors.New("there is no owner")
	case n > maxOwners:
		return fmt.Errorf("%d owners, at most %d are believed", n, maxOwners)
	case threshold == 0 || threshold > uint64(n):
		return fmt.Errorf("threshold %d of %d owners, need 1 to %d", threshold, n, n)
	}
	for i, owner := range owners {
		switch {
		case owner == (common.Address{}):
			return errors.New("the zero address is an owner")
		case owner == Sentinel():
			return fmt.Errorf("%s, the head of the list, is an owner", owner.Hex())
		case safe != (common.Address{}) && owner == safe:
			return errors.New("the safe is its own owner")
		case slices.Contains(owners[:i], owner):
			return fmt.Errorf("%s is an owner twice", owner.Hex())
		}
	}
	return nil
}

func without(all, these []common.Address) []common.Address {
	return slices.DeleteFunc(slices.Clone(all), func(a common.Address) bool { return slices.Contains(these, a) })
}

// ownerList follows the Safe's own linked list through the calls, because each
// needs the owner before the one it concerns at that moment.
type ownerList struct {
	safe      common.Address
	owners    []common.Address
	threshold uint64
	calls     []evm.Call
}

func (l *ownerList) before(at int) common.Address {
	if at == 0 {
		return Sentinel()
	}
	return l.owners[at-1]
}

func (l *ownerList) swap(old, fresh common.Address) {
	at := slices.Index(l.owners, old)
	l.calls = append(l.calls, evm.MustMethod("swapOwner(address,address,address)").Call(l.safe, l.before(at), old, fresh))
	l.owners[at] = fresh
}

func (l *ownerList) remove(owner common.Address, threshold uint64) {
	at := slices.Index(l.owners, owner)
	l.calls = append(l.calls, evm.MustMethod("removeOwner(address,address,uint256)").Call(l.safe, l.before(at), owner, whole(threshold)))
	l.owners, l.threshold = slices.Delete(l.owners, at, at+1), threshold
}

func (l *ownerList) add(owner common.Address, threshold uint64) {
	l.calls = append(l.calls, evm.MustMethod("addOwnerWithThreshold(address,uint256)").Call(l.safe, owner, whole(threshold)))
	l.owners, l.threshold = slices.Insert(l.owners, 0, owner), threshold
}

func (l *ownerList) setThreshold(threshold uint64) {
	l.calls = append(l.calls, evm.MustMethod("changeThreshold(uint256)").Call(l.safe, whole(threshold)))
	l.threshold = threshold
}

func whole(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

// amountOf is an amount that is never nil.
func amountOf(value *big.Int) *big.Int {
	if value == nil {
		return new(big.Int)
	}
	return value
}
