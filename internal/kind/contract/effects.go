package contract

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// prepare holds a step against the environment that it belongs to, and leaves the
// rest to the maker of calls: it plays the call on the newest block before it signs.
func (c *contracts) prepare(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
	if err := declared(r); err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	return c.Calls.Prepare(ctx, r)
}

type effect func(context.Context, kind.Resolved, kind.Prepared) (resource.Outputs, error)

// declaredOnly asks once more before the effect: recovery comes here with what an
// earlier run prepared.
func declaredOnly(then effect) effect {
	return func(ctx context.Context, r kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
		if err := declared(r); err != nil {
			return nil, &kind.NotAcceptedError{Err: err}
		}
		return then(ctx, r, prepared)
	}
}

// declared reports whether every call of a step is the write of a parameter that
// the environment declares, with its value, by a method that governance lists.
func declared(r kind.Resolved) error {
	env := r.Environment
	if env == nil {
		return fmt.Errorf("%s: the step states no environment", r.Step.ID)
	}
	at := slices.IndexFunc(env.Contracts, func(c config.Contract) bool { return c.ResourceID() == r.Step.ID })
	if at < 0 || !env.Contracts[at].Managed {
		return fmt.Errorf("%s: is not a contract that the environment manages", r.Step.ID)
	}
	var step struct{ Calls []evm.Wire }
	attrs := resource.Attrs{"Calls": r.Step.Params[resource.CallsParam]}
	if err := attrs.Decode(&step); err != nil || len(step.Calls) == 0 {
		return fmt.Errorf("%s: the step holds no calls", r.Step.ID)
	}
	for i, w := range step.Calls {
		c, err := w.Call()
		if err != nil {
			return fmt.Errorf("%s: call %d: %w", r.Step.ID, i+1, err)
		}
		if !slices.ContainsFunc(env.Contracts[at].Parameters, func(p config.Parameter) bool { return writes(env, env.Contracts[at], p, c) }) {
			return fmt.Errorf("%s: call %d (%.74s) writes no declared parameter by a method of gates.calls", r.Step.ID, i+1, w.Data)
		}
	}
	return nil
}

// writes reports whether a call gives a parameter its declared value.
func writes(env *config.Environment, contract config.Contract, p config.Parameter, c evm.Call) bool {
	if p.Write == "" || env.Governance.Calls[p.Write] == "" || config.Delegates(p.Write) {
		return false
	}
	method, err := evm.ParseMethod(p.Write)
	if err != nil || c.To != common.HexToAddress(contract.Address) || c.Value != nil {
		return false
	}
	values, ours := method.Arguments(c.Data)
	if !ours || len(values) != len(p.WriteArgs) {
		return false
	}
	for i, want := range p.WriteArgs {
		if want.Wanted {
			want = p.Want
		}
		need, have := want.Literal, evm.Format(values[i])
		if want.Key != "" {
			// What the key's address is, the plan says; its pin says more where there is one.
			if need = env.Pins[want.Key]; need == "" && env.Addresses != "pinned" {
				continue
			}
		}
		if !same(need, have) {
			return false
		}
	}
	return true
}
