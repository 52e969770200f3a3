// Package funding keeps wallets filled: where a wallet is below its floor, the
// network's bank sends what is missing to the target, within the declared caps.
// It never takes money out of a wallet, never pays while a transaction of the
// bank is in flight, and signs nothing but plain transfers.
package funding

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "funding"

// transfer is the one operation of the kind.
const transfer = "transfer"

// Spec is a wallet as it must be and as it is. Amounts are decimal strings of
// the network's smallest unit (wei).
type Spec struct {
	// To is the wallet's address: stated, or the output of its key.
	To resource.Value `json:"to,omitzero"`
	// Balance is {floor, target} as declared, {wei} as read.
	Balance *Level `json:"balance,omitempty"`
	// CoveredBy names the wallet that has the same address and is filled in
	// place of this one. Only observation fills it in.
	CoveredBy string `json:"coveredBy,omitempty"`
	// Terms say how to pay; they are declared and never compared.
	Terms *Terms `json:"terms,omitempty"`
}

// Level is a balance as wanted or as read.
type Level struct {
	Floor  string `json:"floor,omitempty"`
	Target string `json:"target,omitempty"`
	Wei    string `json:"wei,omitempty"`
}

// Terms say who pays a wallet and within which limits.
type Terms struct {
	// Key is the wallet's key, empty for a stated address; Pin is that key's
	// address in addresses.json, or PinMissing where one is required.
	Key string `json:"key,omitempty"`
	Pin string `json:"pin,omitempty"`
	// Bank is the key that pays, From its address, BankID its resource.
	Bank    string         `json:"bank"`
	BankID  string         `json:"bankId"`
	BankPin string         `json:"bankPin,omitempty"`
	From    resource.Value `json:"from"`
	// Cap bounds one transaction, fee included; Reserve stays in the bank.
	Cap     string `json:"cap,omitempty"`
	Reserve string `json:"reserve,omitempty"`
	// Burn is what the wallet may lose a day. BurnAccepted is until when (RFC
	// 3339, or "always") a reviewed line accepts that it lost more.
	Burn         string `json:"burn,omitempty"`
	BurnAccepted string `json:"burnAccepted,omitempty"`
	Symbol       string `json:"symbol,omitempty"`
	Decimals     int    `json:"decimals"`
}

// PinMissing stands for a pin that the environment demands and does not have.
const PinMissing = "missing"

// Network is what the kind needs of a chain; *chain.Network is one.
type Network interface {
	Config() config.Network
	Survey(context.Context, chain.Query) (chain.Survey, error)
	EstimateTransfer(ctx context.Context, from, to common.Address, wei *big.Int) (uint64, error)
	Send(ctx context.Context, raw []byte) error
	Await(context.Context, common.Hash) (chain.Receipt, error)
	Fate(ctx context.Context, from common.Address, nonce uint64, hash common.Hash) (chain.Fate, chain.Receipt, error)
}

// Signer can sign plain transfers from one address, and nothing else.
type Signer = *chain.TransferSigner

// Options are what the kind works with.
type Options struct {
	// Networks gives the client of a declared network.
	Networks func(name string) (Network, error)
	// Signer opens the key of a bank, whose address was derived from the key.
	Signer func(ctx context.Context, key config.Key, address common.Address) (Signer, error)
	// Readings gives a wallet's last recorded balance in wei, with what was paid
	// to it since counted in. Nil: there are none.
	Readings func(resource.ID) (wei string, at time.Time, ok bool)
	// Now is the clock; nil means the wall clock.
	Now func() time.Time
	// Timeout bounds the wait for a transaction's confirmations; 10 min.
	Timeout time.Duration
}

type funding struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.Networks == nil || o.Signer == nil {
		return kind.Kind{}, errors.New("funding: needs networks and a signer")
	}
	if o.Readings == nil {
		o.Readings = func(resource.ID) (string, time.Time, bool) { return "", time.Time{}, false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	f := &funding{o}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(),
		Declare: declare, Observe: f.observe, Read: f.read, Check: check, Steps: steps,
		Prepare: f.prepare, Do: f.do, Probe: f.probe,
	})
}

// Traits of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Moving:    []string{"balance"},
		Computed:  []string{"coveredBy"},
		Steering:  []string{"terms"},
		Satisfies: satisfies,
		Risks:     map[string]resource.Risk{transfer: resource.Routine},
		Verbs:     map[string]string{"create": "top up", "update": "top up"},
		Symbol:    "$",
		DeleteOff: true,
	}
}

// satisfies: a balance is good from the floor up, also above the target, and
// where another wallet of the same address is filled. An address that another
// resource gives is whatever it gives.
func satisfies(path string, desired, observed resource.Attrs) bool {
	switch path {
	case "to":
		if _, pending := desired["to"].(resource.Ref); pending {
			return true
		}
		want, _ := desired["to"].(string)
		have, _ := observed["to"].(string)
		return want != "" && strings.EqualFold(want, have)
	case "balance":
		if by, _ := observed["coveredBy"].(string); by != "" {
			return true
		}
		floor, floorOK := weiOf(desired["balance"], "floor")
		wei, weiOK := weiOf(observed["balance"], "wei")
		return floorOK && weiOK && wei.Cmp(floor) >= 0
	default:
		return false
	}
}

func weiOf(level any, field string) (*big.Int, bool) {
	object, _ := level.(map[string]any)
	text, _ := object[field].(string)
	return decimal(text)
}

// Actions are what opening a bank and signing with it asks of AWS. They change
// nothing there, and move money: no plan may do either.
func Actions() []kind.Action {
	return []kind.Action{
		{Name: "kms:Sign", Writes: true, Ops: []string{transfer}},
		{Name: "secretsmanager:GetSecretValue", Writes: true, Ops: []string{transfer}},
	}
}

// declare makes one wallet per network and recipient.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	var objects []kind.Object[Spec]
	for _, f := range env.Funding {
		network, known := env.Network(f.Network)
		if !known {
			return nil, fmt.Errorf("%s: funding of %q: no network of this name", f.Source, f.Network)
		}
		for _, w := range f.Wallets {
			object, err := declareWallet(env, network, f, w)
			if err != nil {
				return nil, fmt.Errorf("%s: funding of %s on %s: %w", w.Source, w.Name, f.Network, err)
			}
			objects = append(objects, object)
		}
	}
	return objects, nil
}

func declareWallet(env *config.Environment, network config.Network, f config.Funding, w config.Wallet) (kind.Object[Spec], error) {
	object := kind.Object[Spec]{ID: idOf(f.Network, w.Name), Mode: resource.Managed, Why: []resource.Source{w.Source}}
	if w.Floor == nil || w.Target == nil {
		return object, errors.New("floor and target are needed")
	}
	bank, known := env.Key(f.Bank)
	if !known {
		return object, fmt.Errorf("no key %q for the bank", f.Bank)
	}
	from, err := addressOf(env, bank)
	if err != nil {
		return object, err
	}
	terms := &Terms{
		Bank: bank.Name, BankID: bank.ResourceID().String(), BankPin: env.Pins[bank.Name], From: from,
		Cap: textOf(f.CapTransaction), Reserve: textOf(f.Reserve), Burn: textOf(w.BurnPerDay),
		BurnAccepted: accepted(env.Governance, RuleBurn, object.ID), Symbol: network.Symbol, Decimals: network.Decimals,
	}
	to := resource.Literal(w.Address)
	if w.Address == "" {
		key, known := env.Key(w.Name)
		if !known {
			return object, fmt.Errorf("no key %q, and no address", w.Name)
		}
		if to, err = addressOf(env, key); err != nil {
			return object, err
		}
		terms.Key, terms.Pin = key.Name, env.Pins[key.Name]
		if terms.Pin == "" && env.Addresses == "pinned" {
			terms.Pin = PinMissing
		}
	}
	object.Spec = Spec{To: to, Balance: &Level{Floor: w.Floor.String(), Target: w.Target.String()}, Terms: terms}
	return object, nil
}

// addressOf is the output of the key, or its pin where nothing outputs it: a
// key in a file is no resource.
func addressOf(env *config.Environment, key config.Key) (resource.Value, error) {
	if key.Holder != "keystore" {
		return resource.RefTo(key.ResourceID(), "address"), nil
	}
	pin := env.Pins[key.Name]
	if pin == "" {
		return resource.Value{}, fmt.Errorf("key %s is in a file: its address must stand in addresses.json", key.Name)
	}
	return resource.Literal(pin), nil
}

// accepted is until when a reviewed line accepts a finding: "", a time, or "always".
func accepted(g config.Governance, rule string, id resource.ID) string {
	for _, a := range g.Acknowledged {
		if a.Rule != rule || a.ID != id.String() {
			continue
		}
		if a.Expires.IsZero() {
			return "always"
		}
		return a.Expires.UTC().Format(time.RFC3339)
	}
	return ""
}

func idOf(network, wallet string) resource.ID {
	return resource.ID{Kind: Name, Scope: network, Name: wallet}
}

func networkID(network string) resource.ID {
	return resource.ID{Kind: "network", Scope: network, Name: network}
}
