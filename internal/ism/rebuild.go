package ism

import (
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Holder is what the last call of a repoint changes.
type Holder string

// What an owner changes: one route of a routing module; what a mailbox asks for
// by default; the members of a module that keeps them in storage.
const (
	HeldByRouting Holder = "routing"
	HeldByMailbox Holder = "mailbox"
	HeldByStorage Holder = "storage"
)

// Repoint is how a path comes to ask for another set: modules that anybody may
// make, in this order, and then one call by an owner.
type Repoint struct {
	// Deploys are those without code yet.
	Deploys []Deploy
	// Modules are the addresses of all modules that the new path is made of, those
	// that exist already too.
	Modules []common.Address
	Final   evm.Call
	// Owner must send Final; OwnedBy is what Final.To is.
	Owner   common.Address
	OwnedBy Holder
}

// Rebuild makes the calls after which the path asks for the wanted set. Static
// modules between the set and what an owner can change are made anew around it,
// with their other members and thresholds as they are. Deployed reports which
// addresses have code; asked with one that always says no, Rebuild names in
// Modules all that there is to ask.
func Rebuild(path Path, want Set, factories Factories, deployed func(common.Address) bool) (Repoint, error) {
	b := builder{factories: factories, deployed: deployed}
	if err := b.rebuild(path, want); err != nil {
		return Repoint{}, fmt.Errorf("modules of origin %d at mailbox %s: rebuild: %w", path.Origin, path.Mailbox.Hex(), err)
	}
	return b.made, nil
}

// Leaves are the addresses of the modules that ask for the set itself, whatever
// leads to them; none where it is no set, or lacks a factory.
func (f Factories) Leaves(want Set) []common.Address {
	b := builder{factories: f, deployed: func(common.Address) bool { return true }}
	if want.Check() != nil {
		return nil
	}
	if _, err := b.set(want); err != nil {
		return nil
	}
	return b.made.Modules
}

type builder struct {
	factories Factories
	deployed  func(common.Address) bool
	made      Repoint
}

func (b *builder) rebuild(path Path, want Set) error {
	if len(path.Problems) > 0 {
		return path.Problems[0]
	}
	if path.Set == nil && !path.Absent {
		return fmt.Errorf("the path is not read")
	}
	if err := want.Check(); err != nil {
		return err
	}
	above, old := path.Trail, common.Address{}
	if leaf := path.Leaf(); leaf != nil {
		if leaf.Keeping == Storage && want.Type == path.Set.Type {
			set := evm.MustMethod("setValidatorsAndThreshold(address[],uint8)").Call(leaf.Address, Sorted(want.Members), uint8(want.Threshold))
			return b.finish(set, leaf.Owner, HeldByStorage)
		}
		above, old = path.Trail[:len(path.Trail)-1], leaf.Address
	}
	now, err := b.set(want)
	if err != nil {
		return err
	}
	for _, n := range slices.Backward(above) {
		switch {
		case n.Type == Routing:
			return b.route(n, path, now)
		case n.Keeping == Storage:
			modules := replaced(n.Members, old, now)
			set := evm.MustMethod("setModulesAndThreshold(address[],uint8)").Call(n.Address, modules, uint8(n.Threshold))
			return b.finish(set, n.Owner, HeldByStorage)
		case n.Keeping == Unproven:
			return Problem{RuleUnknown, n.Address, "no pinned factory made this aggregation: it cannot be made anew with one member replaced"}
		}
		made, err := b.deploy("aggregation", b.factories.Aggregation, replaced(n.Members, old, now), n.Threshold)
		if err != nil {
			return err
		}
		old, now = n.Address, made
	}
	return b.finish(evm.MustMethod("setDefaultIsm(address)").Call(path.Mailbox, now), path.Owner, HeldByMailbox)
}

// route points one origin of a routing module to the new module.
func (b *builder) route(n *Node, path Path, now common.Address) error {
	if !path.Absent && slices.Contains(b.factories.AddOnly, n.Implementation) {
		return Problem{RuleNoOwner, n.Address, fmt.Sprintf("it only ever adds routes, and has one for origin %d: its owner would have to replace the whole module", path.Origin)}
	}
	return b.finish(evm.MustMethod("set(uint32,address)").Call(n.Address, path.Origin, now), n.Owner, HeldByRouting)
}

func (b *builder) finish(call evm.Call, owner *common.Address, by Holder) error {
	if owner == nil {
		return Problem{RuleNoOwner, call.To, "owner() does not answer"}
	}
	b.made.Final, b.made.Owner, b.made.OwnedBy = call, *owner, by
	return nil
}

// set makes the module that asks for the set.
func (b *builder) set(want Set) (common.Address, error) {
	types := map[SetType]Factory{MessageID: b.factories.MessageID, MerkleRoot: b.factories.MerkleRoot}
	if want.Type != Either {
		return b.deploy(string(want.Type), types[want.Type], want.Members, want.Threshold)
	}
	var both []common.Address
	for _, t := range []SetType{MessageID, MerkleRoot} {
		made, err := b.deploy(string(t), types[t], want.Members, want.Threshold)
		if err != nil {
			return common.Address{}, err
		}
		both = append(both, made)
	}
	return b.deploy("aggregation", b.factories.Aggregation, both, 1)
}

func (b *builder) deploy(what string, f Factory, members []common.Address, threshold int) (common.Address, error) {
	d, err := f.deploy(what, members, threshold)
	if err != nil {
		return common.Address{}, err
	}
	b.made.Modules = append(b.made.Modules, d.Address)
	if !b.deployed(d.Address) {
		b.made.Deploys = append(b.made.Deploys, d)
	}
	return d.Address, nil
}

// replaced are the members with one in the place of another.
func replaced(members []common.Address, old, now common.Address) []common.Address {
	list := slices.Clone(members)
	list[slices.Index(list, old)] = now
	return list
}

// Sharing lists the other origins whose set the repoint changes too: a route is
// one origin's, the mailbox's default is everybody's, also of origins that
// nobody declared.
func (r Repoint) Sharing(origin uint32, paths map[uint32]Path) []uint32 {
	var list []uint32
	for other, p := range paths {
		meets := slices.ContainsFunc(p.Modules, func(n *Node) bool { return n.Address == r.Final.To })
		if other != origin && (r.OwnedBy == HeldByMailbox || r.OwnedBy == HeldByStorage && meets) {
			list = append(list, other)
		}
	}
	slices.Sort(list)
	return list
}
