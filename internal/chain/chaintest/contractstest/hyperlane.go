package contractstest

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Shape is how a Mailbox's default ISM is built.
type Shape string

// ShapeRouting is the plain one: a routing ISM with one ISM for each origin.
// ShapeAggregation is what upstream runs: 2 of [routing, pausable]. ShapeSingle has
// no routing: the only origin's ISM is the Mailbox's, and takes every origin.
const (
	ShapeRouting     Shape = "routing"
	ShapeAggregation Shape = "aggregation"
	ShapeSingle      Shape = "single"
)

// Type of an origin's ISM.
type Type string

// The static multisig ISMs, and 1 of both of them, which upstream uses; Storage is
// a message-id one that its owner changes in place.
const (
	MessageID  Type = "message-id"
	MerkleRoot Type = "merkle-root"
	Either     Type = "either"
	Storage    Type = "storage"
)

// Origin is a chain whose messages are accepted, and by whose word.
type Origin struct {
	Domain     uint32
	Validators []common.Address
	Threshold  uint8
	Type       Type // MessageID where empty
}

// Options of a Hyperlane deployment.
type Options struct {
	Domain uint32
	// Owner of the Mailbox, its proxy admin and its ISMs; the deployer where zero.
	Owner common.Address
	// RoutingOwner owns the routing and storage ISMs instead of Owner.
	RoutingOwner common.Address
	Origins      []Origin
	Shape        Shape // ShapeRouting where empty
}

// Addresses of a Hyperlane deployment.
type Addresses struct {
	Mailbox, MailboxImplementation, ProxyAdmin common.Address // Mailbox is a transparent proxy

	MerkleTreeHook    common.Address // the default hook
	RequiredHook      common.Address // asks no fee and does nothing
	ValidatorAnnounce common.Address
	TestRecipient     common.Address // takes any message, by the default ISM

	StaticMessageIDMultisigISMFactory, StaticMerkleRootMultisigISMFactory common.Address
	StaticAggregationISMFactory, DomainRoutingISMFactory                  common.Address
	StorageMessageIDMultisigISMFactory                                    common.Address

	DefaultISM  common.Address // RoutingISM, or the aggregation above it
	RoutingISM  common.Address // zero in ShapeSingle
	PausableISM common.Address
	// OriginISMs is what the routing ISM has for each origin.
	OriginISMs map[uint32]common.Address
	// FromBlock is a block before the first of these contracts.
	FromBlock uint64
}

// Hyperlane deploys Hyperlane's core with its factories and an ISM for the given
// origins, each contract as upstream publishes it, the Mailbox behind a proxy as in
// production. The chain needs Cancun; the key a tenth of a native token, while the
// base fee is 1 gwei.
func Hyperlane(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey, o Options) (Addresses, error) {
	s, err := NewSender(ctx, client, key)
	if err != nil {
		return Addresses{}, err
	}
	if o.Owner == (common.Address{}) {
		o.Owner = s.From()
	}
	if o.RoutingOwner == (common.Address{}) {
		o.RoutingOwner = o.Owner
	}
	d := &deployment{Sender: s, Options: o}
	if d.at.FromBlock, err = client.BlockNumber(ctx); err != nil {
		return Addresses{}, fmt.Errorf("head: %w", err)
	}
	for _, step := range []func(context.Context) error{d.core, d.originISMs, d.routing, d.top, d.initialize} {
		if err := step(ctx); err != nil {
			return Addresses{}, fmt.Errorf("hyperlane on domain %d: %w", o.Domain, err)
		}
	}
	return d.at, nil
}

type deployment struct {
	*Sender
	Options
	at Addresses
}

// deploy puts the address of a fetched contract where it belongs.
func (d *deployment) deploy(ctx context.Context, at *common.Address, name, types string, args ...any) error {
	creation, err := Creation("hyperlane/" + name)
	if err == nil {
		creation, err = With(creation, types, args...)
	}
	if err == nil {
		*at, err = d.Deploy(ctx, name, creation)
	}
	return err
}

// core deploys what depends on no validator. The Mailbox comes first: its clients
// ask it in their constructors.
func (d *deployment) core(ctx context.Context) error {
	at := &d.at
	err := d.deploy(ctx, &at.MailboxImplementation, "Mailbox", "(uint32)", d.Domain)
	if err == nil {
		err = d.deploy(ctx, &at.ProxyAdmin, "ProxyAdmin", "()")
	}
	if err == nil {
		err = d.deploy(ctx, &at.Mailbox, "TransparentUpgradeableProxy", "(address,address,bytes)", at.MailboxImplementation, at.ProxyAdmin, []byte{})
	}
	for _, one := range []struct {
		at   *common.Address
		name string
		args []any
	}{
		{&at.MerkleTreeHook, "MerkleTreeHook", []any{at.Mailbox}},
		{&at.ValidatorAnnounce, "ValidatorAnnounce", []any{at.Mailbox}},
		{&at.PausableISM, "PausableIsm", []any{d.Owner}},
		{&at.RequiredHook, "TestPostDispatchHook", nil},
		{&at.TestRecipient, "TestRecipient", nil},
		{&at.StaticMessageIDMultisigISMFactory, "StaticMessageIdMultisigIsmFactory", nil},
		{&at.StaticMerkleRootMultisigISMFactory, "StaticMerkleRootMultisigIsmFactory", nil},
		{&at.StaticAggregationISMFactory, "StaticAggregationIsmFactory", nil},
		{&at.StorageMessageIDMultisigISMFactory, "StorageMessageIdMultisigIsmFactory", nil},
		{&at.DomainRoutingISMFactory, "DomainRoutingIsmFactory", nil},
	} {
		types := "()"
		if one.args != nil {
			types = "(address)"
		}
		if err == nil {
			err = d.deploy(ctx, one.at, one.name, types, one.args...)
		}
	}
	if err == nil {
		_, err = d.Settle(ctx)
	}
	return err
}

// originISMs makes the ISM of each origin.
func (d *deployment) originISMs(ctx context.Context) error {
	d.at.OriginISMs = map[uint32]common.Address{}
	for _, origin := range d.Origins {
		ism, err := d.originISM(ctx, origin)
		if err != nil {
			return fmt.Errorf("ISM for origin %d: %w", origin.Domain, err)
		}
		d.at.OriginISMs[origin.Domain] = ism
	}
	_, err := d.Settle(ctx)
	return err
}

func (d *deployment) originISM(ctx context.Context, o Origin) (common.Address, error) {
	id, root := d.at.StaticMessageIDMultisigISMFactory, d.at.StaticMerkleRootMultisigISMFactory
	switch o.Type {
	case MessageID, "":
		return d.static(ctx, id, o.Validators, o.Threshold)
	case MerkleRoot:
		return d.static(ctx, root, o.Validators, o.Threshold)
	case Either:
		var both []common.Address
		for _, factory := range []common.Address{id, root} {
			ism, err := d.static(ctx, factory, o.Validators, o.Threshold)
			if err != nil {
				return common.Address{}, err
			}
			both = append(both, ism)
		}
		return d.static(ctx, d.at.StaticAggregationISMFactory, both, 1)
	case Storage:
		return d.storage(ctx, o)
	}
	return common.Address{}, fmt.Errorf("type %q is none that is deployed here", o.Type)
}

// storage makes a clone (EIP-1167) of the factory's implementation, as the factory
// does, but with another owner than the deployer.
func (d *deployment) storage(ctx context.Context, o Origin) (common.Address, error) {
	implementation, err := readAddress(ctx, d.client, d.at.StorageMessageIDMultisigISMFactory, "implementation()(address)")
	if err != nil {
		return common.Address{}, err
	}
	ism, err := d.Deploy(ctx, "storage ISM", slices.Concat(
		common.FromHex("3d602d80600a3d3981f3363d3d373d3d3d363d73"), implementation[:], common.FromHex("5af43d82803e903d91602b57fd5bf3")))
	if err != nil {
		return common.Address{}, err
	}
	return ism, d.Send(ctx, "initialize storage ISM", evm.MustMethod("initialize(address,address[],uint8)").
		Call(ism, d.RoutingOwner, sorted(o.Validators), o.Threshold))
}

func sorted(members []common.Address) []common.Address {
	return slices.SortedFunc(slices.Values(members), common.Address.Cmp)
}

// static makes a static ISM of a factory, members sorted by their bytes, and takes
// the factory's own word for its address.
func (d *deployment) static(ctx context.Context, factory common.Address, members []common.Address, threshold uint8) (common.Address, error) {
	return Static(ctx, d.Sender, factory, members, threshold)
}

// Static sends the deployment of a static ISM by one of Hyperlane's factories,
// members sorted by their bytes, and returns the address that the factory tells.
func Static(ctx context.Context, s *Sender, factory common.Address, members []common.Address, threshold uint8) (common.Address, error) {
	members = sorted(members)
	address, err := readAddress(ctx, s.client, factory, "getAddress(address[],uint8)(address)", members, threshold)
	if err != nil {
		return common.Address{}, err
	}
	return address, s.Send(ctx, "deploy static ISM", evm.MustMethod("deploy(address[],uint8)").Call(factory, members, threshold))
}

// routing makes the routing ISM. Its factory uses CREATE, so that only the event
// tells where it stands.
func (d *deployment) routing(ctx context.Context) error {
	if d.Shape == ShapeSingle {
		return nil
	}
	domains, isms := make([]uint32, 0, len(d.Origins)), make([]common.Address, 0, len(d.Origins))
	for _, origin := range d.Origins {
		domains, isms = append(domains, origin.Domain), append(isms, d.at.OriginISMs[origin.Domain])
	}
	call := evm.MustMethod("deploy(address,uint32[],address[])").Call(d.at.DomainRoutingISMFactory, d.RoutingOwner, domains, isms)
	if err := d.sendWith(ctx, "deploy routing ISM", callGas+uint64(len(domains))*originGas, call); err != nil {
		return err
	}
	receipts, err := d.Settle(ctx)
	if err != nil {
		return err
	}
	for _, log := range receipts[0].Logs {
		if log.Topics[0] == topic("ModuleDeployed(address)") {
			d.at.RoutingISM = common.BytesToAddress(log.Data)
			return nil
		}
	}
	return errors.New("deploy routing ISM: no event tells its address")
}

// top puts what Shape asks for above the routing ISM.
func (d *deployment) top(ctx context.Context) error {
	switch d.Shape {
	case ShapeRouting, "":
		d.at.DefaultISM = d.at.RoutingISM
		return nil
	case ShapeAggregation:
		var err error
		d.at.DefaultISM, err = d.static(ctx, d.at.StaticAggregationISMFactory, []common.Address{d.at.RoutingISM, d.at.PausableISM}, 2)
		return err
	case ShapeSingle:
		if len(d.Origins) != 1 {
			return fmt.Errorf("shape %q has one origin, not %d", d.Shape, len(d.Origins))
		}
		d.at.DefaultISM = d.at.OriginISMs[d.Origins[0].Domain]
		return nil
	}
	return fmt.Errorf("shape %q is none that is deployed here", d.Shape)
}

// initialize gives the Mailbox its ISM and hooks, and all of it to its owner.
func (d *deployment) initialize(ctx context.Context) error {
	err := d.Send(ctx, "initialize Mailbox", evm.MustMethod("initialize(address,address,address,address)").
		Call(d.at.Mailbox, d.Owner, d.at.DefaultISM, d.at.MerkleTreeHook, d.at.RequiredHook))
	if err == nil && d.Owner != d.From() {
		err = d.Send(ctx, "hand over ProxyAdmin", evm.MustMethod("transferOwnership(address)").Call(d.at.ProxyAdmin, d.Owner))
	}
	if err == nil {
		_, err = d.Settle(ctx)
	}
	return err
}
