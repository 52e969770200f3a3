package funding

import (
	"fmt"
	"math/big"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// declare makes one resource of every wallet on every network.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	var objects []kind.Object[Spec]
	for _, f := range env.Funding {
		bank, ok := env.Key(f.Bank)
		if !ok {
			return nil, fmt.Errorf("%s: funding.%s: no key is named %q", f.Source, f.Network, f.Bank)
		}
		bankAddress := resource.RefTo(bank.ResourceID(), "address")
		for _, w := range f.Wallets {
			to, pin, err := recipient(env, w)
			if err != nil {
				return nil, err
			}
			spec := Spec{
				Network: f.Network, To: to, Balance: Level{Floor: w.Floor.String(), Target: w.Target.String()},
				Bank: f.Bank, BankID: bank.ResourceID().String(), BankAddress: &bankAddress,
				Ceiling: ceiling(w.Target, f.CapTransaction).String(), Reserve: text(f.Reserve),
				Pin: pin, Literal: w.Address != "",
			}
			if w.BurnPerDay != nil {
				spec.BurnPerDay = w.BurnPerDay.String()
			}
			objects = append(objects, kind.Object[Spec]{
				ID: walletID(f.Network, w.Name), Spec: spec, Why: []resource.Source{w.Source},
			})
		}
	}
	return objects, nil
}

// recipient is the wallet's address or the key that has it, and its pin.
func recipient(env *config.Environment, w config.Wallet) (to resource.Value, pin string, err error) {
	if w.Address != "" {
		return resource.Literal(w.Address), "", nil
	}
	key, ok := env.Key(w.Name)
	if !ok {
		return resource.Value{}, "", fmt.Errorf("%s: no key is named %q", w.Source, w.Name)
	}
	if env.Addresses == "pinned" {
		if pin = env.Pins[w.Name]; pin == "" {
			pin = PinMissing
		}
	}
	return resource.RefTo(key.ResourceID(), "address"), pin, nil
}

// ceiling is the most that one payment may move.
func ceiling(target, capTransaction *big.Int) *big.Int {
	if capTransaction != nil && capTransaction.Cmp(target) < 0 {
		return capTransaction
	}
	return target
}

func text(n *big.Int) string {
	if n == nil {
		return "0"
	}
	return n.String()
}
