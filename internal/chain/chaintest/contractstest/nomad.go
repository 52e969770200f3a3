package contractstest

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// NomadOptions say what the doubles of Nomad's contracts are set to on one chain.
type NomadOptions struct {
	// Domain of this chain, Remote of the one whose messages its replica takes.
	Domain, Remote         uint32
	Updater, RemoteUpdater common.Address
	Watchers               []common.Address // of the remote home
	OptimisticSeconds      uint64
	// CommittedRoot that the replica starts from: zero, as for a new home, together
	// with a replica that is not Mended, is the fault of August 2022.
	CommittedRoot    common.Hash
	Mended           bool
	RecoveryTimelock uint64 // seconds
	RecoveryManager  common.Address
	// Governor of this chain; the deployer where zero.
	Governor common.Address
}

// NomadAddresses of the doubles. Home, Replica and GovernanceRouter are proxies of
// an upgrade beacon each.
type NomadAddresses struct {
	Home, HomeBeacon, HomeImplementation                                     common.Address
	Replica, ReplicaBeacon, ReplicaImplementation                            common.Address
	GovernanceRouter, GovernanceRouterBeacon, GovernanceRouterImplementation common.Address

	UpdaterManager, XAppConnectionManager, UpgradeBeaconController common.Address
	// FromBlock is a block before the first event of these contracts.
	FromBlock uint64
}

// Nomad deploys doubles of Nomad's contracts on one chain, compiled for london, as
// Nomad's own deployment leaves them: all owned by the governance router.
func Nomad(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey, o NomadOptions) (NomadAddresses, error) {
	code, err := Doubles(ctx, London)
	if err != nil {
		return NomadAddresses{}, err
	}
	s, err := NewSender(ctx, client, key)
	if err != nil {
		return NomadAddresses{}, err
	}
	if o.Governor == (common.Address{}) {
		o.Governor = s.From()
	}
	n := &nomad{Sender: s, NomadOptions: o, code: code}
	if n.at.FromBlock, err = client.BlockNumber(ctx); err != nil {
		return NomadAddresses{}, fmt.Errorf("head: %w", err)
	}
	for _, step := range []func(context.Context) error{n.core, n.proxies, n.wire} {
		if err := step(ctx); err != nil {
			return NomadAddresses{}, fmt.Errorf("nomad on domain %d: %w", o.Domain, err)
		}
	}
	_, err = s.Settle(ctx)
	return n.at, err
}

type nomad struct {
	*Sender
	NomadOptions
	code map[string][]byte
	at   NomadAddresses
}

func (n *nomad) deploy(ctx context.Context, at *common.Address, name, types string, args ...any) error {
	creation, err := With(n.code[name], types, args...)
	if err == nil {
		*at, err = n.Deploy(ctx, name, creation)
	}
	return err
}

// core deploys what stands without a proxy, and the implementations.
func (n *nomad) core(ctx context.Context) error {
	replica := "Replica"
	if n.Mended {
		replica = "MendedReplica"
	}
	for _, one := range []struct {
		at          *common.Address
		name, types string
		args        []any
	}{
		{&n.at.UpgradeBeaconController, "UpgradeBeaconController", "()", nil},
		{&n.at.XAppConnectionManager, "XAppConnectionManager", "()", nil},
		{&n.at.UpdaterManager, "UpdaterManager", "(address)", []any{n.Updater}},
		{&n.at.HomeImplementation, "Home", "(uint32)", []any{n.Domain}},
		{&n.at.ReplicaImplementation, replica, "(uint32)", []any{n.Domain}},
		{&n.at.GovernanceRouterImplementation, "GovernanceRouter", "(uint32,uint256)", []any{n.Domain, new(big.Int).SetUint64(n.RecoveryTimelock)}},
	} {
		if err := n.deploy(ctx, one.at, one.name, one.types, one.args...); err != nil {
			return err
		}
	}
	return nil
}

// proxies deploys each beacon and the proxy that asks it, initialised.
func (n *nomad) proxies(ctx context.Context) error {
	none := common.Address{}
	home := evm.MustMethod("initialize(address)").Call(none, n.at.UpdaterManager)
	replica := evm.MustMethod("initialize(uint32,address,bytes32,uint256)").
		Call(none, n.Remote, n.RemoteUpdater, [32]byte(n.CommittedRoot), new(big.Int).SetUint64(n.OptimisticSeconds))
	router := evm.MustMethod("initialize(address,address)").Call(none, n.at.XAppConnectionManager, n.RecoveryManager)
	for _, one := range []struct {
		proxy, beacon  *common.Address
		implementation common.Address
		initialize     []byte
	}{
		{&n.at.Home, &n.at.HomeBeacon, n.at.HomeImplementation, home.Data},
		{&n.at.Replica, &n.at.ReplicaBeacon, n.at.ReplicaImplementation, replica.Data},
		{&n.at.GovernanceRouter, &n.at.GovernanceRouterBeacon, n.at.GovernanceRouterImplementation, router.Data},
	} {
		err := n.deploy(ctx, one.beacon, "UpgradeBeacon", "(address,address)", one.implementation, n.at.UpgradeBeaconController)
		if err == nil {
			err = n.deploy(ctx, one.proxy, "UpgradeBeaconProxy", "(address,bytes)", *one.beacon, one.initialize)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wire makes the contracts know each other and hands them to governance.
func (n *nomad) wire(ctx context.Context) error {
	setHome, own := evm.MustMethod("setHome(address)"), evm.MustMethod("transferOwnership(address)")
	calls := []evm.Call{
		setHome.Call(n.at.UpdaterManager, n.at.Home),
		setHome.Call(n.at.XAppConnectionManager, n.at.Home),
		evm.MustMethod("ownerEnrollReplica(address,uint32)").Call(n.at.XAppConnectionManager, n.at.Replica, n.Remote),
	}
	for _, watcher := range n.Watchers {
		calls = append(calls, evm.MustMethod("setWatcherPermission(address,uint32,bool)").Call(n.at.XAppConnectionManager, watcher, n.Remote, true))
	}
	for _, owned := range []common.Address{n.at.Home, n.at.Replica, n.at.UpdaterManager, n.at.XAppConnectionManager, n.at.UpgradeBeaconController} {
		calls = append(calls, own.Call(owned, n.at.GovernanceRouter))
	}
	if n.Governor != n.From() {
		calls = append(calls, evm.MustMethod("transferGovernor(uint32,address)").Call(n.at.GovernanceRouter, n.Domain, n.Governor))
	}
	for _, call := range calls {
		if err := n.Send(ctx, "wire up", call); err != nil {
			return err
		}
	}
	return nil
}
