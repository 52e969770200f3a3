package safe

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Where a Safe keeps what has no getter of its own. The proxy's only variable is
// its singleton (SafeProxy.sol, slot 0); the others are the keccak-256 of
// "guard_manager.guard.address", "module_manager.module_guard.address" (1.5.0)
// and "fallback_manager.handler.address".
const (
	GuardSlot       = "0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8"
	ModuleGuardSlot = "0xb104e0b93118902c651344349b610029d694cfdec91c589c91ebafbcd0289947"
	FallbackSlot    = "0x6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5"
)

// maxModules is how many modules are read, and maxOwners how many owners are
// believed.
const (
	maxModules = 50
	maxOwners  = 200
)

// Sentinel is the head of a Safe's lists of owners and modules (OwnerManager.sol).
func Sentinel() common.Address { return common.Address{19: 1} }

// State is what a Safe is at one block.
type State struct {
	// Proxy is the code hash of the contract itself, see Published.
	Proxy   common.Hash
	Version string
	// Singleton is whose code the proxy runs; ask SingletonQuestion for it.
	Singleton common.Address
	// Owners stand in the order of the Safe's list, which says nothing but is
	// needed to change it (OwnerChanges).
	Owners    []common.Address
	Threshold uint64
	Nonce     uint64
	// Modules may act without any owner. MoreModules says that there are more than
	// were read.
	Modules     []common.Address
	MoreModules bool
	// Guard, ModuleGuard and FallbackHandler are zero for none.
	Guard, ModuleGuard, FallbackHandler common.Address
}

// Questions are what Read needs of a Safe, to be asked at one block.
func Questions(safe common.Address) []evm.Question {
	return []evm.Question{
		evm.AskCode(safe),
		evm.Ask(versionMethod().Call(safe)),
		evm.Ask(ownersMethod().Call(safe)),
		evm.Ask(thresholdMethod().Call(safe)),
		evm.Ask(nonceMethod().Call(safe)),
		evm.Ask(modulesMethod().Call(safe, Sentinel(), big.NewInt(maxModules))),
		evm.AskSlot(safe, common.Hash{}),
		evm.AskSlot(safe, common.HexToHash(GuardSlot)),
		evm.AskSlot(safe, common.HexToHash(ModuleGuardSlot)),
		evm.AskSlot(safe, common.HexToHash(FallbackSlot)),
	}
}

func versionMethod() evm.Method   { return evm.MustMethod("VERSION()(string)") }
func ownersMethod() evm.Method    { return evm.MustMethod("getOwners()(address[])") }
func thresholdMethod() evm.Method { return evm.MustMethod("getThreshold()(uint256)") }
func nonceMethod() evm.Method     { return evm.MustMethod("nonce()(uint256)") }
func modulesMethod() evm.Method {
	return evm.MustMethod("getModulesPaginated(address,uint256)(address[],address)")
}

// SingletonQuestion asks for the code that the proxy runs; its hash (evm.CodeHash)
// is one of Published, or nothing that the Safe says can be believed.
func (s State) SingletonQuestion() evm.Question { return evm.AskCode(s.Singleton) }

// Read reads the answers to Questions, in their order. They are a stranger's: what
// contradicts itself is an error.
func Read(results []evm.Result) (State, error) {
	var s State
	if need := len(Questions(common.Address{})); len(results) != need {
		return s, fmt.Errorf("read safe: %d answers, need %d", len(results), need)
	}
	if results[0].Reverted || len(results[0].Data) == 0 {
		return s, errors.New("read safe: there is no contract at its address")
	}
	s.Proxy = evm.CodeHash(results[0].Data)
	for _, read := range []func() error{
		func() error { return s.readVersion(results[1]) },
		func() error { return s.readOwners(results[2], results[3]) },
		func() (err error) { s.Nonce, err = count(nonceMethod(), results[4]); return err },
		func() error { return s.readModules(results[5]) },
		func() error { return slot(&s.Singleton, "singleton", results[6]) },
		func() error { return slot(&s.Guard, "guard", results[7]) },
		func() error { return slot(&s.ModuleGuard, "module guard", results[8]) },
		func() error { return slot(&s.FallbackHandler, "fallback handler", results[9]) },
	} {
		if err := read(); err != nil {
			return State{}, fmt.Errorf("read safe: %w", err)
		}
	}
	return s, nil
}

func (s *State) readVersion(r evm.Result) error {
	values, err := versionMethod().Unpack(r)
	if err != nil {
		return err
	}
	s.Version = values[0].(string)
	// An older one is read too, and named; it is only not changed (CheckVersion).
	if len(s.Version) == 0 || len(s.Version) > 20 || slices.ContainsFunc([]byte(s.Version), func(b byte) bool { return b <= ' ' || b > '~' }) {
		return fmt.Errorf("%.40q is no version", s.Version)
	}
	return nil
}

func (s *State) readOwners(owners, threshold evm.Result) error {
	values, err := ownersMethod().Unpack(owners)
	if err != nil {
		return err
	}
	s.Owners = values[0].([]common.Address)
	if s.Threshold, err = count(thresholdMethod(), threshold); err != nil {
		return err
	}
	return checkOwners(s.Owners, s.Threshold, common.Address{})
}

func (s *State) readModules(r evm.Result) error {
	values, err := modulesMethod().Unpack(r)
	if err != nil {
		return err
	}
	s.Modules = values[0].([]common.Address)
	if len(s.Modules) > maxModules {
		return fmt.Errorf("%d modules in a page of %d", len(s.Modules), maxModules)
	}
	for i, m := range s.Modules {
		if m == (common.Address{}) || m == Sentinel() || slices.Contains(s.Modules[:i], m) {
			return fmt.Errorf("its list of modules holds %s, which cannot be", m.Hex())
		}
	}
	next := values[1].(common.Address)
	if s.MoreModules = next != Sentinel(); next == (common.Address{}) {
		return errors.New("its list of modules has no end: it was never set up")
	}
	return nil
}

// count reads a number that fits into 63 bits.
func count(m evm.Method, r evm.Result) (uint64, error) {
	values, err := m.Unpack(r)
	if err != nil {
		return 0, err
	}
	n := values[0].(*big.Int)
	if !n.IsInt64() {
		return 0, fmt.Errorf("%s: %s is too large", m.Signature, n)
	}
	return n.Uint64(), nil
}

func slot(into *common.Address, what string, r evm.Result) error {
	value, ok := r.Word()
	if !ok || new(big.Int).SetBytes(value[:12]).Sign() != 0 {
		return fmt.Errorf("%s: the word in storage is no address", what)
	}
	*into = common.Address(value[12:])
	return nil
}
