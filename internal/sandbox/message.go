package sandbox

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Message is one that left a network.
type Message struct {
	ID common.Hash
	// From and To are networks.
	From, To string
	// Index is its leaf in From's Merkle tree.
	Index uint32
	Bytes []byte

	checkpoint contractstest.Checkpoint
}

// Dispatch sends a message through a network's Mailbox to the TestRecipient of
// another one, as an application would. One process at a time may do that.
func (s *Somebody) Dispatch(ctx context.Context, from, to string, body []byte) (Message, error) {
	origin, err := s.messenger(ctx, from)
	if err != nil {
		return Message{}, err
	}
	defer origin.client.Close()
	n, ok := s.env.Network(to)
	if !ok {
		return Message{}, fmt.Errorf("%s: no network %q among %d", s.env.Name, to, len(s.env.Networks))
	}
	recipient, ok := s.env.Deployment.Contract(to, roleTestRecipient)
	if !ok {
		return Message{}, fmt.Errorf("%s: the deployment has no %s", to, roleTestRecipient)
	}
	at := contractstest.Addresses{Mailbox: origin.mailbox, MerkleTreeHook: origin.hook}
	sent, err := contractstest.Dispatch(ctx, origin.client, hand(messages, from), at, n.DomainID, common.HexToAddress(recipient.Address), body)
	if err != nil {
		return Message{}, fmt.Errorf("%s to %s: %w", from, to, err)
	}
	return Message{
		ID: sent.Checkpoint.MessageID, From: from, To: to, Index: sent.Checkpoint.Index, Bytes: sent.Bytes, checkpoint: sent.Checkpoint,
	}, nil
}

// Message finds a message that has left a network.
func (s *Somebody) Message(ctx context.Context, from string, id common.Hash) (Message, error) {
	origin, err := s.messenger(ctx, from)
	if err != nil {
		return Message{}, err
	}
	defer origin.client.Close()
	logs, err := origin.client.FilterLogs(ctx, ethereum.FilterQuery{
		FromBlock: new(big.Int), Addresses: []common.Address{origin.mailbox},
		Topics: [][]common.Hash{{crypto.Keccak256Hash([]byte("Dispatch(address,uint32,bytes32,bytes)"))}},
	})
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", from, err)
	}
	leaves, err := contractstest.Leaves(ctx, origin.client, origin.hook)
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", from, err)
	}
	for _, log := range logs {
		values, err := evm.MustMethod("log()(bytes)").Unpack(evm.Result{Data: log.Data})
		if err != nil {
			return Message{}, fmt.Errorf("%s: %w", from, err)
		}
		bytes := values[0].([]byte)
		// A message begins with version (1 byte), nonce (4), origin (4), sender (32)
		// and destination (4).
		if len(bytes) < 45 || crypto.Keccak256Hash(bytes) != id {
			continue
		}
		domain := binary.BigEndian.Uint32(bytes[41:45])
		to := slices.IndexFunc(s.env.Networks, func(n config.Network) bool { return n.DomainID == domain })
		index := slices.Index(leaves, id)
		if to < 0 || index < 0 {
			return Message{}, fmt.Errorf("%s: message %s: domain %d is none of the networks, or the message is not in the tree", from, id, domain)
		}
		checkpoint := contractstest.CheckpointAt(origin.domain, origin.hook, leaves, index)
		return Message{ID: id, From: from, To: s.env.Networks[to].Name, Index: checkpoint.Index, Bytes: bytes, checkpoint: checkpoint}, nil
	}
	return Message{}, fmt.Errorf("%s: no message %s among %d", from, id, len(logs))
}

// messenger is a network with its Mailbox.
type messenger struct {
	client                  *ethclient.Client
	domain                  uint32
	mailbox, hook, announce common.Address
}

func (s *Somebody) messenger(ctx context.Context, network string) (*messenger, error) {
	n, ok := s.env.Network(network)
	if !ok {
		return nil, fmt.Errorf("%s: no network %q among %d", s.env.Name, network, len(s.env.Networks))
	}
	m := &messenger{domain: n.DomainID}
	for role, at := range map[string]*common.Address{
		config.RoleMailbox: &m.mailbox, config.RoleMerkleTreeHook: &m.hook, config.RoleValidatorAnnounce: &m.announce,
	} {
		c, ok := s.env.Deployment.Contract(network, role)
		if !ok || len(n.RPC) == 0 {
			return nil, fmt.Errorf("%s: no %s is deployed\nhint: sandbox up %s --contracts", network, role, s.env.Name)
		}
		*at = common.HexToAddress(c.Address)
	}
	var err error
	if m.client, err = ethclient.DialContext(ctx, n.RPC[0]); err != nil {
		return nil, fmt.Errorf("%s: %w", network, err)
	}
	return m, nil
}

// Verdict is what a destination's default ISM says of a message.
type Verdict struct {
	Accepted bool
	// Reason of a refusal: what its contracts said, or which signatures are missing.
	Reason string
	// Signers are the validators whose signatures were shown, each once.
	Signers []common.Address
}

// Verify asks the destination's default ISM about a message, with the metadata that
// a relayer would build: with what the validators that the ISM names have published
// where they announced it. A throw-away validator, which publishes nothing, signs here.
func (s *Somebody) Verify(ctx context.Context, m Message) (Verdict, error) {
	return s.verify(ctx, m, common.Address{})
}

// verify asks the default ISM, or the given one.
func (s *Somebody) verify(ctx context.Context, m Message, module common.Address) (Verdict, error) {
	p := &proof{message: m, signatures: map[common.Address][]byte{}}
	var err error
	if p.origin, err = s.messenger(ctx, m.From); err != nil {
		return Verdict{}, err
	}
	defer p.origin.client.Close()
	destination, err := s.messenger(ctx, m.To)
	if err != nil {
		return Verdict{}, err
	}
	defer destination.client.Close()
	p.client = destination.client
	o := attestation.Options{}
	if s.env.Overlay != nil {
		o.Endpoint, o.FileRoot = s.env.Overlay.AWS.Endpoint, s.env.Overlay.Checkpoints
	}
	p.rules = o.Rules
	if p.reader, err = attestation.NewReader(o); err != nil {
		return Verdict{}, err
	}
	if module == (common.Address{}) {
		values, err := contractstest.Read(ctx, p.client, destination.mailbox, "defaultIsm()(address)")
		if err != nil {
			return Verdict{}, fmt.Errorf("%s: default ISM: %w", m.To, err)
		}
		module = values[0].(common.Address)
	}
	v, err := p.ask(ctx, module)
	if err != nil {
		return Verdict{}, fmt.Errorf("%s: %w", m.To, err)
	}
	return v, nil
}
