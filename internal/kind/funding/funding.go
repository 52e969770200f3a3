// Package funding keeps wallets filled: one resource for each network and key,
// satisfied anywhere between floor and target. It only ever sends plain value
// transfers from the declared bank, and never takes anything back.
package funding

import (
	"context"
	"errors"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "funding"

// OpTransfer is the one operation: a plain value transfer from the bank.
const OpTransfer = "transfer"

// Spec is one wallet on one network. What only the configuration says (bank,
// limits) is declared and not observed; what only the chain says is computed.
type Spec struct {
	Network string `json:"network"`
	// To is the wallet's address, or the ref of the key that will have it.
	To resource.Value `json:"to"`
	// Balance is {floor, target} as declared and {wei} as read.
	Balance Level `json:"balance"`
	// Bank is the paying key's name, BankID its resource, BankAddress its address.
	Bank        string          `json:"bank,omitempty"`
	BankID      string          `json:"bankId,omitempty"`
	BankAddress *resource.Value `json:"bankAddress,omitempty"`
	// Ceiling is the most that one payment may move, in wei: the target, or the
	// cap on one transaction where that is lower.
	Ceiling string `json:"ceiling,omitempty"`
	// Reserve stays in the bank, in wei.
	Reserve string `json:"reserve,omitempty"`
	// BurnPerDay is what the wallet may lose in a day, in wei; empty: not declared.
	BurnPerDay string `json:"burnPerDay,omitempty"`
	// Pin is the address that addresses.json names for the key; PinMissing where
	// the environment asks for one and there is none; empty where it does not.
	Pin string `json:"pin,omitempty"`
	// Literal says that the address stands in the configuration itself: it may
	// have code, somebody reviewed it.
	Literal bool `json:"literal,omitempty"`
	// CoveredBy is the resource through which this very address is funded
	// already, to a target at least as high.
	CoveredBy string `json:"coveredBy,omitempty"`
}

// PinMissing is the Pin of a key that must be pinned and is not.
const PinMissing = "missing"

// Level is a balance in wei: what is wanted (floor and target) or what is there.
type Level struct {
	Wei    string `json:"wei,omitempty"`
	Floor  string `json:"floor,omitempty"`
	Target string `json:"target,omitempty"`
}

// Network is what the kind needs of a chain.
type Network interface {
	// Survey reads head, bank, balances and codes, all at one block.
	Survey(ctx context.Context, q chain.Query) (chain.Survey, error)
	// EstimateTransfer is the gas that a plain transfer takes, with room.
	EstimateTransfer(ctx context.Context, from, to common.Address, wei *big.Int) (uint64, error)
	// Send broadcasts signed bytes; bytes that are known already are no error.
	Send(ctx context.Context, raw []byte) error
	// Await waits until the transaction has its confirmations.
	Await(ctx context.Context, hash common.Hash) (chain.Receipt, error)
	// Fate says what became of a transaction that may have been sent.
	Fate(ctx context.Context, from common.Address, nonce uint64, hash common.Hash) (chain.Fate, chain.Receipt, error)
}

// Signer signs plain transfers of one address and nothing else.
type Signer interface {
	Sign(ctx context.Context, t chain.Transfer) (chain.SignedTransfer, error)
}

// Options are the clients of the kind.
type Options struct {
	// Networks opens a network by name.
	Networks func(name string) (Network, error)
	// Signer opens the paying key, whose address must be the given one.
	Signer func(ctx context.Context, key config.Key, address common.Address) (Signer, error)
	// Readings is the balance that was last recorded of a wallet, and when.
	Readings func(resource.ID) (wei string, at time.Time, ok bool)
	// Now is the clock (UTC) against which a burn is told.
	Now func() time.Time
	// Timeout bounds how long one transfer may take to confirm; 0 means 10 minutes.
	Timeout time.Duration
}

type funding struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.Networks == nil || o.Signer == nil || o.Readings == nil || o.Now == nil {
		return kind.Kind{}, errors.New("funding: needs networks, a signer, readings and a clock")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Minute
	}
	f := &funding{o}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Declare: declare, Observe: f.observe, Read: f.read,
		Check: check, Steps: steps, Prepare: f.prepare, Do: f.do, Probe: f.probe,
	})
}

// Traits are what the pure rooms know of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Immutable: []string{"network"},
		Moving:    []string{"balance"},
		Computed:  []string{"coveredBy"},
		Satisfies: satisfies,
		Risks:     map[string]resource.Risk{OpTransfer: resource.Routine},
		Verbs:     map[string]string{"create": "top up", "update": "top up"},
		Symbol:    "$",
		DeleteOff: true,
	}
}

// satisfies holds a balance to its floor: a wallet above its target is fine,
// and so is one that is funded through another resource. What only the
// configuration says can not be off.
func satisfies(path string, desired, observed resource.Attrs) bool {
	switch path {
	case "to", "network":
		return false // canonical forms differ: not the same wallet
	case "balance":
		if covered, _ := observed["coveredBy"].(string); covered != "" {
			return true
		}
		want, have := levelOf(desired), levelOf(observed)
		wei, okWei := number(have.Wei)
		floor, okFloor := number(want.Floor)
		return okWei && okFloor && wei.Cmp(floor) >= 0
	default:
		return true
	}
}

func levelOf(attrs resource.Attrs) Level {
	object, _ := attrs["balance"].(map[string]any)
	text := func(name string) string { s, _ := object[name].(string); return s }
	return Level{Wei: text("wei"), Floor: text("floor"), Target: text("target")}
}

// number reads a decimal count of wei; anything else is not one.
func number(text string) (*big.Int, bool) {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 {
		return nil, false
	}
	return n, true
}

// networkID is the ID that facts and findings about a whole network carry.
func networkID(network string) resource.ID {
	return resource.ID{Kind: "network", Scope: network, Name: network}
}

// walletID is the resource of one wallet on one network.
func walletID(network, wallet string) resource.ID {
	return resource.ID{Kind: Name, Scope: network, Name: wallet}
}
