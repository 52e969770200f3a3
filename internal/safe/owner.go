package safe

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// OwnerKind says how the owner of a contract makes a call.
type OwnerKind string

// The kinds of owners. An account that delegates its code (EIP-7702) still signs
// with its key and is an EOA. An ICA is an interchain account: a contract whose
// owner is the router that relays calls from another chain. Whatever answers in
// none of these ways is a contract that nobody here knows how to ask.
const (
	OwnerEOA      OwnerKind = "eoa"
	OwnerSafe     OwnerKind = "safe"
	OwnerTimelock OwnerKind = "timelock"
	OwnerICA      OwnerKind = "ica"
	OwnerContract OwnerKind = "contract"
)

// OwnerQuestions are what KindOfOwner needs of an owner, to be asked at one block.
func OwnerQuestions(owner common.Address) []evm.Question {
	return []evm.Question{
		evm.AskCode(owner),
		evm.Ask(versionMethod().Call(owner)),
		evm.Ask(ownersMethod().Call(owner)),
		evm.Ask(thresholdMethod().Call(owner)),
		evm.Ask(delayMethod().Call(owner)),
		evm.Ask(ownerMethod().Call(owner)),
	}
}

func delayMethod() evm.Method { return evm.MustMethod("getMinDelay()(uint256)") }
func ownerMethod() evm.Method { return evm.MustMethod("owner()(address)") }

// KindOfOwner tells what an owner is from the answers to OwnerQuestions. routers
// are the interchain-account routers that the network is known to have; without
// one, no owner is an ICA. A Safe's answers alone make it one: whether its code is
// published is read with its State.
func KindOfOwner(results []evm.Result, routers ...common.Address) (OwnerKind, error) {
	if need := len(OwnerQuestions(common.Address{})); len(results) != need {
		return "", fmt.Errorf("kind of owner: %d answers, need %d", len(results), need)
	}
	code := results[0]
	if code.Reverted {
		return "", errors.New("kind of owner: its code was not read")
	}
	if len(code.Data) == 0 || delegates(code.Data) {
		return OwnerEOA, nil
	}
	var s State
	if s.readVersion(results[1]) == nil && s.readOwners(results[2], results[3]) == nil {
		return OwnerSafe, nil
	}
	if _, ok := results[4].Word(); ok {
		return OwnerTimelock, nil
	}
	var owner common.Address
	if slot(&owner, "owner", results[5]) == nil {
		for _, router := range routers {
			if owner == router && owner != (common.Address{}) {
				return OwnerICA, nil
			}
		}
	}
	return OwnerContract, nil
}

// delegates reports the code of an account that runs another's: 0xef0100 and an
// address (EIP-7702).
func delegates(code []byte) bool {
	return len(code) == 23 && bytes.HasPrefix(code, []byte{0xef, 0x01, 0x00})
}
