package sandbox

import (
	"context"
	"crypto/ecdsa"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// site is one network that is being deployed to.
type site struct {
	*deployer
	network config.Network
	client  *ethclient.Client
	key     *ecdsa.PrivateKey
	safes   map[string]common.Address
}

// deploy makes the Safes, then Hyperlane's contracts with their owner.
func (s *site) deploy(ctx context.Context) (map[string]config.Deployed, map[string]string, error) {
	s.safes = map[string]common.Address{}
	names := map[string]string{}
	for _, safe := range s.deployer.safes {
		if safe.Network != s.network.Name {
			continue
		}
		address, err := s.safe(ctx, safe.Name, nil)
		if err != nil {
			return nil, nil, err
		}
		names[safe.Name] = address.Hex()
	}
	owner := s.keys[s.owner]
	if s.ownerSafe != "" {
		owner = s.safes[s.ownerSafe]
	}
	at, err := contractstest.Hyperlane(ctx, s.client, s.key, contractstest.Options{
		Domain: s.network.DomainID, Owner: owner, Origins: s.origins(s.network.Name), Shape: s.shape,
	})
	if err != nil {
		return nil, nil, err
	}
	contracts, err := s.record(ctx, at)
	return contracts, names, err
}

// safe makes a Safe unless it is there already, after those that own it: above are
// the Safes that wait for it.
func (s *site) safe(ctx context.Context, name string, above []string) (common.Address, error) {
	if address, made := s.safes[name]; made {
		return address, nil
	}
	for nonce, safe := range s.deployer.safes {
		if safe.Name != name || safe.Network != s.network.Name {
			continue
		}
		if len(above) > len(s.deployer.safes) {
			return common.Address{}, fmt.Errorf("safe %s: owns itself, through other Safes", name)
		}
		owners := make([]common.Address, len(safe.Owners))
		for i, party := range safe.Owners {
			var err error
			if owners[i], err = s.party(ctx, party, append(above, name)); err != nil {
				return common.Address{}, fmt.Errorf("safe %s: owner %d: %w", name, i, err)
			}
		}
		// Safes of the same owners differ by the nonce.
		address, err := contractstest.Safe(ctx, s.client, s.key, owners, uint64(safe.Threshold), uint64(nonce))
		if err != nil {
			return common.Address{}, fmt.Errorf("safe %s: %w", name, err)
		}
		s.safes[name] = address
		return address, nil
	}
	return common.Address{}, fmt.Errorf("no Safe %q of the deployment", name)
}

// party is somebody's address.
func (s *site) party(ctx context.Context, p config.Party, above []string) (common.Address, error) {
	switch {
	case p.Key != "":
		if address, made := s.keys[p.Key]; made {
			return address, nil
		}
		return common.Address{}, fmt.Errorf("key %s is not of use owner", p.Key)
	case p.Safe != "":
		return s.safe(ctx, p.Safe, above)
	case p.Address != "":
		return evm.ParseAddress(p.Address)
	}
	return common.Address{}, fmt.Errorf("contract %s: a sandbox's Safes are owned by keys, Safes and addresses", p.Contract)
}

// Roles that only sandboxes give.
const (
	roleMultiSend     = "multiSendCallOnly"
	roleTestRecipient = "testRecipient"
)

// record pins what was deployed: the code, what the proxy points at, and what the
// factories make clones of.
func (s *site) record(ctx context.Context, at contractstest.Addresses) (map[string]config.Deployed, error) {
	deployed := map[string]config.Deployed{}
	for role, address := range map[string]common.Address{
		config.RoleMailbox: at.Mailbox, config.RoleMerkleTreeHook: at.MerkleTreeHook, config.RoleValidatorAnnounce: at.ValidatorAnnounce,
		"proxyAdmin": at.ProxyAdmin, "requiredHook": at.RequiredHook, roleTestRecipient: at.TestRecipient, roleMultiSend: contractstest.SafeMultiSend,
	} {
		pinned, err := s.pin(ctx, address)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		deployed[role] = pinned
	}
	mailbox, err := s.clones(ctx, deployed[config.RoleMailbox], at.MailboxImplementation)
	if err != nil {
		return nil, err
	}
	deployed[config.RoleMailbox] = mailbox
	for role, address := range map[string]common.Address{
		config.RoleMessageIDFactory: at.StaticMessageIDMultisigISMFactory, config.RoleMerkleRootFactory: at.StaticMerkleRootMultisigISMFactory,
		config.RoleAggregationFactory: at.StaticAggregationISMFactory, config.RoleRoutingFactory: at.DomainRoutingISMFactory,
		"storageMessageIdMultisigIsmFactory": at.StorageMessageIDMultisigISMFactory,
	} {
		pinned, err := s.pin(ctx, address)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		values, err := contractstest.Read(ctx, s.client, address, "implementation()(address)")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		if deployed[role], err = s.clones(ctx, pinned, values[0].(common.Address)); err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
	}
	return deployed, nil
}

// pin reads the code at an address.
func (s *site) pin(ctx context.Context, address common.Address) (config.Deployed, error) {
	code, err := s.client.CodeAt(ctx, address, nil)
	if err != nil {
		return config.Deployed{}, err
	}
	if len(code) == 0 {
		return config.Deployed{}, fmt.Errorf("%s has no code", address)
	}
	return config.Deployed{Address: address.Hex(), CodeHash: evm.CodeHash(code).Hex()}, nil
}

// clones pins an implementation too.
func (s *site) clones(ctx context.Context, d config.Deployed, implementation common.Address) (config.Deployed, error) {
	pinned, err := s.pin(ctx, implementation)
	d.Implementation, d.ImplementationHash = pinned.Address, pinned.CodeHash
	return d, err
}
