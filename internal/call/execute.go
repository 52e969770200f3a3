package call

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// signedSafe makes the Safe's transaction of a step's batch at the Safe's own
// nonce and signs it with the owner keys that the step names.
func (m *Maker) signedSafe(ctx context.Context, r kind.Resolved, o order) (common.Hash, evm.Call, error) {
	s, network, err := declaredSafe(r, o.params)
	if err != nil {
		return common.Hash{}, evm.Call{}, refuse(err)
	}
	if !s.Execute {
		return common.Hash{}, evm.Call{}, refuse(fmt.Errorf("safe %s may not be signed for here: execute is not declared", s.Name))
	}
	state, err := stateOf(ctx, o.client, common.HexToAddress(s.Address))
	if err != nil {
		return common.Hash{}, evm.Call{}, err
	}
	calls, err := callsOf(o.Batch)
	if err != nil {
		return common.Hash{}, evm.Call{}, refuse(err)
	}
	tx, err := safe.Batch(common.HexToAddress(o.MultiSend), calls, state.Nonce)
	if err != nil {
		return common.Hash{}, evm.Call{}, refuse(err)
	}
	hashes, err := safe.HashesOf(network.ChainID, common.HexToAddress(s.Address), tx)
	if err != nil {
		return common.Hash{}, evm.Call{}, refuse(err)
	}
	if uint64(len(o.Signers)) < state.Threshold {
		return common.Hash{}, evm.Call{}, refuse(fmt.Errorf("safe %s needs %d signatures, the plan names %d signers", s.Name, state.Threshold, len(o.Signers)))
	}
	by := map[common.Address][65]byte{}
	for _, signer := range o.Signers[:state.Threshold] {
		address, signature, err := m.signSafe(ctx, r, signer, state.Owners, hashes)
		if err != nil {
			return common.Hash{}, evm.Call{}, err
		}
		by[address] = signature
	}
	signatures, err := safe.Signatures(hashes.SafeTx, by)
	if err != nil {
		return common.Hash{}, evm.Call{}, refuse(err)
	}
	c, err := safe.Exec(common.HexToAddress(s.Address), tx, signatures)
	return hashes.SafeTx, c, err
}

// signSafe signs with one owner key, and only for an owner of the Safe.
func (m *Maker) signSafe(ctx context.Context, r kind.Resolved, signer string, owners []common.Address, h safe.Hashes) (common.Address, [65]byte, error) {
	name, address, _ := strings.Cut(signer, "=")
	key, owner, err := holder(r, name, address)
	if err != nil {
		return owner, [65]byte{}, refuse(err)
	}
	if !slices.Contains(owners, owner) {
		return owner, [65]byte{}, refuse(fmt.Errorf("%s (key %s) is no owner of the Safe any more", owner, name))
	}
	digest, err := m.Digest(ctx, key, owner)
	if err != nil {
		return owner, [65]byte{}, fmt.Errorf("key %s: %w", name, err)
	}
	signature, err := chain.NewSafeSigner(owner, digest).Sign(ctx, chain.SafeHashes(h))
	return owner, signature, err
}

func stateOf(ctx context.Context, client *chain.Network, address common.Address) (safe.State, error) {
	var state safe.State
	err := client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		results, err := l.Ask(ctx, safe.Questions(address))
		if err != nil {
			return err
		}
		state, err = safe.Read(results)
		return err
	})
	return state, err
}

// executes reports whether a call is the execution of this step's batch, by
// whatever signatures and at whatever nonce: those are the journal's record.
func (o order) executes(c evm.Call) bool {
	calls, err := callsOf(o.Batch)
	if err != nil || c.To != common.HexToAddress(o.Safe) {
		return false
	}
	tx, err := safe.Batch(common.HexToAddress(o.MultiSend), calls, 0)
	if err != nil {
		return false
	}
	bare, err := safe.Exec(c.To, tx, nil)
	// The signatures are the last argument: what comes before them is all that
	// the owners signed.
	head := len(bare.Data) - 32
	return err == nil && len(c.Data) > head && bytes.Equal(c.Data[:head], bare.Data[:head])
}

// succeeded asks the receipt's block for the Safe's own word: what it executes
// can fail inside a transaction that does not.
func (o order) succeeded(ctx context.Context, mine sent, receipt chain.Receipt) error {
	address := common.HexToAddress(o.Safe)
	var logs []*types.Log
	err := o.client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		found, err := l.Logs(ctx, chain.LogQuery{Addresses: []common.Address{address}, From: receipt.Block})
		logs = nil
		for _, log := range found {
			if log.Block == receipt.Block {
				logs = append(logs, &types.Log{Address: log.Address, Topics: log.Topics, Data: log.Data})
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return safe.Succeeded(address, common.HexToHash(mine.SafeTxHash), logs)
}
