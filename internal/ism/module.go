// Package ism reads, judges and rebuilds the interchain security modules of a
// Hyperlane mailbox: who must sign a message before it is delivered, who may
// change that, and which calls do. It is pure: it makes questions and calls, and
// asks and sends nothing itself.
package ism

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Type is what a module says it is: the enum of IInterchainSecurityModule
// (@hyperlane-xyz/core 12.1.0).
type Type uint8

// The types that are walked. All others are known by name only.
const (
	Routing            Type = 1
	Aggregation        Type = 2
	MerkleRootMultisig Type = 4
	MessageIDMultisig  Type = 5
	Null               Type = 6
)

// String is the type's name; a number for one that nobody has published.
func (t Type) String() string {
	names := []string{
		"unused", "routing", "aggregation", "legacy-multisig", "merkle-root-multisig", "message-id-multisig", "null", "ccip-read",
		"arbitrum-l2-to-l1", "weighted-merkle-root-multisig", "weighted-message-id-multisig", "optimism-l2-to-l1", "polymer",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

func (t Type) multisig() bool { return t == MerkleRootMultisig || t == MessageIDMultisig }

// Keeping is how a module keeps its members.
type Keeping string

// How members are kept. Unproven is neither: the code is not what a pinned
// factory makes of these members, and nobody owns it, so that only its own word
// says what it asks for.
const (
	Static   Keeping = "static"
	Storage  Keeping = "storage"
	Unproven Keeping = "unproven"
)

// Node is one module as read at one block. It is shared by the paths of all
// origins that pass through it.
type Node struct {
	Address common.Address `json:"address"`
	Type    Type           `json:"type"`
	// Code is the hash of the runtime code, Implementation what that code delegates
	// to, where it is a proxy of EIP-1167 or EIP-3448.
	Code           common.Hash    `json:"code"`
	Implementation common.Address `json:"implementation,omitzero"`
	// Keeping is set on aggregations and multisigs.
	Keeping Keeping `json:"keeping,omitempty"`
	// Owner is nil where owner() does not answer.
	Owner *common.Address `json:"owner,omitempty"`
	// Members are a multisig's validators, sorted by bytes, or an aggregation's
	// modules in their live order; Threshold is how many of them must agree.
	Members   []common.Address `json:"members,omitempty"`
	Threshold int              `json:"threshold,omitempty"`
	// Domains that a routing module lists, in order; nil where it lists none. They
	// are for the walk alone and are not written.
	Domains []uint32 `json:"-"`
	// Paused is nil where paused() does not answer.
	Paused *bool `json:"paused,omitempty"`
	// Problem says why the module is not understood; such a one is never rewritten.
	Problem *Problem `json:"problem,omitempty"`
}

// Problem is why a path is reported and not rewritten.
type Problem struct {
	Rule string `json:"rule"`
	// At is the module, or the mailbox.
	At     common.Address `json:"at"`
	Reason string         `json:"reason"`
}

// Error is the problem as a sentence.
func (p Problem) Error() string { return fmt.Sprintf("%s: %s", p.At.Hex(), p.Reason) }

// The rules that a problem is named by.
const (
	// RuleUnknown is a module that is not there or not of a type we know.
	RuleUnknown = "ism-unknown"
	// RuleUnread is a module that does not answer what its type promises.
	RuleUnread = "ism-unread"
	// RuleContradiction is a module whose answer is not what its code says.
	RuleContradiction = "ism-contradiction"
	// RuleCycle is a module that leads back to itself: nothing is ever verified.
	RuleCycle = "ism-cycle"
	// RuleBounds is a tree deeper or larger than is read.
	RuleBounds = "ism-bounds"
	// RuleNoSet is a path on which nobody must sign.
	RuleNoSet = "ism-no-set"
	// RuleSeveralSets is a path on which no one set decides.
	RuleSeveralSets = "ism-several-sets"
	// RuleNoOwner is a path that nobody can change.
	RuleNoOwner = "ism-no-owner"
)

// words are the methods of mailboxes and modules. A walk makes them once.
type words struct {
	defaultIsm, owner, moduleType, validators, modules, route, domains, paused evm.Method
}

func newWords() words {
	return words{
		defaultIsm: evm.MustMethod("defaultIsm()(address)"),
		owner:      evm.MustMethod("owner()(address)"),
		moduleType: evm.MustMethod("moduleType()(uint8)"),
		validators: evm.MustMethod("validatorsAndThreshold(bytes)(address[],uint8)"),
		modules:    evm.MustMethod("modulesAndThreshold(bytes)(address[],uint8)"),
		route:      evm.MustMethod("module(uint32)(address)"),
		domains:    evm.MustMethod("domains()(uint256[])"),
		paused:     evm.MustMethod("paused()(bool)"),
	}
}

// told is all that a module answered.
type told struct {
	code, moduleType, owner, validators, modules, domains, paused evm.Result
}

// node makes sense of a module's answers. Whatever they are, it comes back with
// a node; what it cannot read is its Problem.
func (w words) node(at common.Address, a told, factories Factories) *Node {
	n := &Node{Address: at, Code: evm.CodeHash(a.code.Data), Implementation: implementation(a.code.Data)}
	n.Owner = address(w.owner.Unpack(a.owner))
	if values, err := w.paused.Unpack(a.paused); err == nil {
		paused := values[0].(bool)
		n.Paused = &paused
	}
	if len(a.code.Data) == 0 {
		return n.refuse(RuleUnknown, "there is no code at this address")
	}
	values, err := w.moduleType.Unpack(a.moduleType)
	if err != nil {
		return n.refuse(RuleUnknown, err.Error())
	}
	switch n.Type = Type(values[0].(uint8)); n.Type {
	case Routing:
		n.Domains = domains(w.domains.Unpack(a.domains))
	case Aggregation:
		values, err := w.modules.Unpack(a.modules)
		return n.hold(values, err, a.code.Data, factories.Aggregation)
	case MessageIDMultisig:
		values, err := w.validators.Unpack(a.validators)
		return n.hold(values, err, a.code.Data, factories.MessageID)
	case MerkleRootMultisig:
		values, err := w.validators.Unpack(a.validators)
		return n.hold(values, err, a.code.Data, factories.MerkleRoot)
	case Null:
	default:
		return n.refuse(RuleUnknown, fmt.Sprintf("a module of type %s is not understood", n.Type))
	}
	return n
}

func (n *Node) refuse(rule, reason string) *Node {
	n.Problem = &Problem{Rule: rule, At: n.Address, Reason: reason}
	return n
}

// hold takes the members of an aggregation or multisig, and proves by the code
// that they can never be others.
func (n *Node) hold(values []any, err error, code []byte, factory Factory) *Node {
	if err != nil {
		return n.refuse(RuleUnread, err.Error())
	}
	members := values[0].([]common.Address)
	n.Threshold = int(values[1].(uint8))
	if len(members) > MaxMembers {
		return n.refuse(RuleBounds, fmt.Sprintf("it has %d members, at most %d are read", len(members), MaxMembers))
	}
	n.Members, n.Keeping = slices.Clone(members), Unproven
	switch made := factory.made(n.Implementation); {
	case made && bytes.Equal(code, Code(n.Implementation, members, n.Threshold)):
		n.Keeping = Static
	case made:
		return n.refuse(RuleContradiction, fmt.Sprintf("its answer, %d of %d members, is not what its own code holds", n.Threshold, len(members)))
	case n.Owner != nil:
		n.Keeping = Storage
	}
	if n.Type.multisig() {
		slices.SortFunc(n.Members, common.Address.Cmp)
	}
	return n
}

// address is a single address that was answered; nil for no answer.
func address(values []any, err error) *common.Address {
	if err != nil {
		return nil
	}
	a := values[0].(common.Address)
	return &a
}

// domains are what domains() answered; nil for no answer or one that holds
// something else than domains.
func domains(values []any, err error) []uint32 {
	if err != nil {
		return nil
	}
	list := []uint32{}
	for _, d := range values[0].([]*big.Int) {
		if d.BitLen() > 32 {
			return nil
		}
		list = append(list, uint32(d.Uint64()))
	}
	slices.Sort(list)
	return list
}
