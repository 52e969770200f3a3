package call

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Maker makes the calls of steps that Steps planned.
type Maker struct {
	// Networks opens a declared network.
	Networks func(name string) (*chain.Network, error)
	// Digest gives what signs digests with a key that the environment holds.
	Digest func(ctx context.Context, key config.Key, address common.Address) (chain.SignDigest, error)
	// Book keeps proposals, Desk posts them.
	Book Book
	Desk Desk
	// Timeout bounds one wait for a transaction; 10 minutes if zero.
	Timeout time.Duration
}

func refuse(err error) error { return &kind.NotAcceptedError{Err: err} }

func read(r kind.Resolved) (params, error) {
	var p params
	if err := r.Step.Params.Decode(&p); err != nil {
		return p, err
	}
	if r.Environment == nil {
		return p, errors.New("the step states no environment")
	}
	return p, nil
}

// Prepare makes what the journal records before the effect: signed bytes, or a
// proposal with its hash. Nothing is sent. Where the effect is there already it
// is Nothing.
func (m *Maker) Prepare(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
	p, err := read(r)
	if err != nil {
		return nil, refuse(err)
	}
	if r.Step.Op == resource.Propose {
		return m.prepareProposal(ctx, r, p)
	}
	return m.prepareTransaction(ctx, r, p)
}

// Do sends the transaction and waits for its confirmations, or proposes.
func (m *Maker) Do(ctx context.Context, r kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	p, err := read(r)
	if err != nil {
		return nil, refuse(err)
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout())
	defer cancel()
	if r.Step.Op == resource.Propose {
		return m.propose(ctx, r, p, prepared)
	}
	return m.send(ctx, r, p, prepared)
}

// Probe says whether any of the prepared effects happened.
func (m *Maker) Probe(ctx context.Context, r kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	p, err := read(r)
	if err != nil {
		return kind.Unknown, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout())
	defer cancel()
	if r.Step.Op == resource.Propose {
		return m.probeProposal(ctx, r, p, prepared)
	}
	return m.probeTransaction(ctx, r, p, prepared)
}

func (m *Maker) timeout() time.Duration {
	if m.Timeout <= 0 {
		return 10 * time.Minute
	}
	return m.Timeout
}

// holder finds the key that a step signs with, by name, and refuses one that is
// no owner: no agent's key and no bank ever signs a contract call.
func holder(r kind.Resolved, name, address string) (config.Key, common.Address, error) {
	key, ok := r.Environment.Key(name)
	if !ok || key.Use != "owner" {
		return key, common.Address{}, fmt.Errorf("no key %q of use owner", name)
	}
	if !common.IsHexAddress(address) {
		return key, common.Address{}, fmt.Errorf("%q is no address", address)
	}
	a := common.HexToAddress(address)
	if pin := r.Environment.Pins[name]; pin != "" && common.HexToAddress(pin) != a {
		return key, a, fmt.Errorf("key %s has the address %s, addresses.json pins %s", name, a, pin)
	}
	return key, a, nil
}
