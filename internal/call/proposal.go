package call

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// Record is a proposal to a Safe as the store keeps it. Everything that its
// hash covers follows from it: the batch of its calls, and nothing else.
type Record struct {
	Network string `json:"network"`
	ChainID uint64 `json:"chainId"`
	// Safe and MultiSend are addresses.
	Safe      string     `json:"safe"`
	MultiSend string     `json:"multiSend"`
	Nonce     uint64     `json:"nonce"`
	Calls     []evm.Wire `json:"calls"`
	// Hash is the safeTxHash.
	Hash string `json:"hash"`
	// Of are the resources whose changes it makes.
	Of []resource.ID `json:"of"`
}

// Batch makes the record's calls, its transaction and its hashes again. A
// record whose hash does not follow from its other fields is an error.
func (r Record) Batch() ([]evm.Call, safe.Tx, safe.Hashes, error) {
	calls, err := callsOf(r.Calls)
	if err != nil {
		return nil, safe.Tx{}, safe.Hashes{}, fmt.Errorf("proposal %.80q: %w", r.Hash, err)
	}
	if !common.IsHexAddress(r.Safe) || !common.IsHexAddress(r.MultiSend) || r.ChainID == 0 {
		return nil, safe.Tx{}, safe.Hashes{}, fmt.Errorf("proposal %.80q: names no chain, no Safe or no MultiSendCallOnly", r.Hash)
	}
	tx, err := safe.Batch(common.HexToAddress(r.MultiSend), calls, r.Nonce)
	if err != nil {
		return nil, safe.Tx{}, safe.Hashes{}, err
	}
	hashes, err := safe.HashesOf(r.ChainID, common.HexToAddress(r.Safe), tx)
	if err != nil {
		return nil, safe.Tx{}, safe.Hashes{}, err
	}
	if hashes.SafeTx.Hex() != r.Hash {
		return nil, safe.Tx{}, safe.Hashes{}, fmt.Errorf("proposal %.80q: its calls have the hash %s", r.Hash, hashes.SafeTx)
	}
	return calls, tx, hashes, nil
}

func callsOf(wires []evm.Wire) ([]evm.Call, error) {
	calls := make([]evm.Call, len(wires))
	for i, w := range wires {
		var err error
		if calls[i], err = w.Call(); err != nil {
			return nil, fmt.Errorf("call %d: %w", i+1, err)
		}
	}
	if len(calls) == 0 {
		return nil, errors.New("it holds no calls")
	}
	return calls, nil
}

// Book keeps proposals.
type Book interface {
	// Records lists the proposals to a Safe from a nonce up, by their nonce. What
	// was executed, or can no longer be, has a lower one than the Safe.
	Records(ctx context.Context, network string, safe common.Address, from uint64) ([]Record, error)
	// Keep writes one. The same record again is no error.
	Keep(ctx context.Context, r Record) error
}

// Desk hands a proposal to the Safe's own service, where one is declared.
type Desk interface {
	// NextNonce is the first nonce that neither the chain nor the queue has used.
	NextNonce(ctx context.Context, s config.Safe, onChain uint64) (uint64, error)
	// Propose posts a transaction, signed by an owner or a delegate. One that is
	// there already is no error.
	Propose(ctx context.Context, s config.Safe, tx safe.Tx, hash common.Hash, by common.Address, signature []byte) error
}

// proposal is the journalled form of a propose step: the record, whole.
type proposal struct {
	Record Record `json:"record"`
}

func (m *Maker) prepareProposal(ctx context.Context, r kind.Resolved, p params) (kind.Prepared, error) {
	s, network, err := declaredSafe(r, p)
	if err != nil {
		return nil, refuse(err)
	}
	if err := appoints(s, p.Delegate); err != nil {
		return nil, refuse(err)
	}
	record := Record{
		Network: p.Network, ChainID: network.ChainID, Safe: p.Safe, MultiSend: p.MultiSend, Calls: p.Batch, Of: []resource.ID{r.Step.ID},
	}
	client, err := m.Networks(p.Network)
	if err != nil {
		return nil, err
	}
	state, err := stateOf(ctx, client, common.HexToAddress(p.Safe))
	if err != nil {
		return nil, err
	}
	onChain := state.Nonce
	if again, ok, err := m.same(ctx, record, onChain); ok || err != nil {
		return again, err
	}
	if record.Nonce, err = m.freeNonce(ctx, s, record, onChain); err != nil {
		return nil, err
	}
	if record.Hash, err = hashOf(record); err != nil {
		return nil, refuse(err)
	}
	data, err := json.Marshal(proposal{record})
	return kind.Prepared(data), err
}

func hashOf(r Record) (string, error) {
	calls, err := callsOf(r.Calls)
	if err != nil {
		return "", err
	}
	tx, err := safe.Batch(common.HexToAddress(r.MultiSend), calls, r.Nonce)
	if err != nil {
		return "", err
	}
	hashes, err := safe.HashesOf(r.ChainID, common.HexToAddress(r.Safe), tx)
	return hashes.SafeTx.Hex(), err
}

// same finds a proposal of the very same batch that can still be executed:
// another step of this plan made it, or an earlier run.
func (m *Maker) same(ctx context.Context, want Record, onChain uint64) (kind.Prepared, bool, error) {
	records, err := m.Book.Records(ctx, want.Network, common.HexToAddress(want.Safe), onChain)
	if err != nil {
		return nil, false, err
	}
	for _, have := range records {
		if have.MultiSend != want.MultiSend || !equalWires(have.Calls, want.Calls) {
			continue
		}
		data, err := json.Marshal(proposal{have})
		return kind.Prepared(data), true, err
	}
	return nil, false, nil
}

func equalWires(a, b []evm.Wire) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// freeNonce is behind the chain, the service's queue and our own proposals.
func (m *Maker) freeNonce(ctx context.Context, s config.Safe, want Record, onChain uint64) (uint64, error) {
	next := onChain
	if s.Service != "" {
		queued, err := m.Desk.NextNonce(ctx, s, onChain)
		if err != nil {
			return 0, err
		}
		next = max(next, queued)
	}
	records, err := m.Book.Records(ctx, want.Network, common.HexToAddress(want.Safe), next)
	if err != nil {
		return 0, err
	}
	for _, have := range records {
		if have.Nonce-onChain >= maxAhead { // never below it: Records starts there
			return 0, refuse(fmt.Errorf("a proposal to Safe %s is kept with nonce %d and the chain is at %d; at most %d ahead is believed", s.Name, have.Nonce, onChain, maxAhead))
		}
		next = max(next, have.Nonce+1)
	}
	return next, nil
}

// maxAhead is how many proposals of ours may wait at one Safe.
const maxAhead = 500

// appoints holds the key that proposes against the one that is declared.
func appoints(s config.Safe, delegate string) error {
	name, _, _ := strings.Cut(delegate, "=")
	if Posted(s) && name != s.Delegate {
		return fmt.Errorf("safe %s has the delegate %q, the step names %q", s.Name, s.Delegate, name)
	}
	return nil
}

// Posted reports that proposals to the Safe are posted to its service. Without a
// delegate they are only kept, and a person carries them there.
func Posted(s config.Safe) bool { return s.Service != "" && s.Delegate != "" }

// declaredSafe holds a step against what the environment declares.
func declaredSafe(r kind.Resolved, p params) (config.Safe, config.Network, error) {
	network, ok := r.Environment.Network(p.Network)
	if !ok {
		return config.Safe{}, network, fmt.Errorf("no network %q", p.Network)
	}
	if len(p.Batch) == 0 || !equalWires(p.Calls, within(p.Batch, p.Calls)) {
		return config.Safe{}, network, errors.New("its batch does not hold its calls")
	}
	for _, s := range r.Environment.Safes {
		if s.Network == p.Network && s.Name == p.SafeName && s.Address == p.Safe {
			return s, network, nil
		}
	}
	return config.Safe{}, network, fmt.Errorf("the environment declares no Safe %s at %s on %s", p.SafeName, p.Safe, p.Network)
}

// within cuts the run of calls out of a batch; nil where it has none.
func within(batch, calls []evm.Wire) []evm.Wire {
	if (Proposed{Calls: batch}).Holds(calls) {
		return calls
	}
	return nil
}

func (m *Maker) propose(ctx context.Context, r kind.Resolved, p params, prepared kind.Prepared) (resource.Outputs, error) {
	s, record, tx, err := ownProposal(r, p, prepared)
	if err == nil {
		err = appoints(s, p.Delegate)
	}
	if err != nil {
		return nil, refuse(err)
	}
	// The record comes first: a proposal that nobody remembers is a stranger's.
	if err := m.Book.Keep(ctx, record); err != nil {
		return nil, err
	}
	if Posted(s) {
		if err := m.post(ctx, r, s, record, tx, p.Delegate); err != nil {
			return nil, err
		}
	}
	return proposedOutputs(record), nil
}

// post signs the proposal as the declared delegate, and posts it.
func (m *Maker) post(ctx context.Context, r kind.Resolved, s config.Safe, record Record, tx safe.Tx, delegate string) error {
	name, address, _ := strings.Cut(delegate, "=")
	key, by, err := holder(r, name, address)
	if err != nil {
		return err
	}
	digest, err := m.Digest(ctx, key, by)
	if err != nil {
		return fmt.Errorf("key %s: %w", name, err)
	}
	_, _, hashes, err := record.Batch()
	if err != nil {
		return err
	}
	signature, err := chain.NewSafeSigner(by, digest).Sign(ctx, chain.SafeHashes(hashes))
	if err != nil {
		return err
	}
	return m.Desk.Propose(ctx, s, tx, hashes.SafeTx, by, signature[:])
}

func proposedOutputs(r Record) resource.Outputs {
	return resource.Outputs{"safeTxHash": r.Hash, "safeNonce": strconv.FormatUint(r.Nonce, 10), "safe": r.Safe}
}

// ownProposal reads prepared bytes and refuses whatever is not this very step.
func ownProposal(r kind.Resolved, p params, prepared kind.Prepared) (config.Safe, Record, safe.Tx, error) {
	var from proposal
	if err := json.Unmarshal(prepared, &from); err != nil {
		return config.Safe{}, Record{}, safe.Tx{}, errors.New("the prepared proposal is malformed")
	}
	s, network, err := declaredSafe(r, p)
	if err != nil {
		return s, from.Record, safe.Tx{}, err
	}
	have := from.Record
	if have.Network != p.Network || have.ChainID != network.ChainID || have.Safe != p.Safe || have.MultiSend != p.MultiSend || !equalWires(have.Calls, p.Batch) {
		return s, have, safe.Tx{}, fmt.Errorf("proposal %.80q is not this step's", have.Hash)
	}
	_, tx, _, err := have.Batch()
	return s, have, tx, err
}

// probeProposal says yes when the proposal is recorded, and on its service where
// there is one: proposing the same again is then not needed.
func (m *Maker) probeProposal(ctx context.Context, r kind.Resolved, p params, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	for _, one := range prepared {
		s, want, _, err := ownProposal(r, p, one)
		if err != nil {
			return kind.Unknown, nil, err
		}
		records, err := m.Book.Records(ctx, p.Network, common.HexToAddress(p.Safe), want.Nonce)
		if err != nil {
			return kind.Unknown, nil, err
		}
		for _, have := range records {
			// What is posted to a service is posted again: it refuses a copy.
			if have.Hash == want.Hash && !Posted(s) {
				return kind.Yes, proposedOutputs(have), nil
			}
		}
	}
	return kind.No, nil, nil
}
