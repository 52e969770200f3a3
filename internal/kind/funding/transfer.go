package funding

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// signed is the journalled form of a transfer: the very bytes that are sent,
// and sent again by recovery. It holds no secret.
type signed struct {
	Raw    hexutil.Bytes  `json:"raw"`
	Hash   common.Hash    `json:"hash"`
	From   common.Address `json:"from"`
	To     common.Address `json:"to"`
	Nonce  uint64         `json:"nonce"`
	Amount string         `json:"amount"`
}

// payment is a step, read and held against what the environment declares.
type payment struct {
	params
	client                 Network
	network                config.Network
	bank                   config.Key
	byKey                  bool
	from, to               common.Address
	floor, target, ceiling *big.Int
	reserve, limit, fee    *big.Int
	terms                  *Terms
}

func (f *funding) payment(r kind.Resolved) (payment, error) {
	var p payment
	if err := r.Step.Params.Decode(&p.params); err != nil {
		return p, err
	}
	if r.Environment == nil || r.Step.Spend == nil {
		return p, errors.New("the step states no environment or no spend")
	}
	if err := p.amounts(r.Step.Spend); err != nil {
		return p, err
	}
	if err := p.declared(r.Environment, r.Step.ID); err != nil {
		return p, err
	}
	var fromOK, toOK bool
	p.from, fromOK = addressFrom(p.params.From.Literal)
	p.to, toOK = addressFrom(p.params.To.Literal)
	if !fromOK || !toOK || p.from == p.to {
		return p, fmt.Errorf("from %s to %s is no payment", p.params.From, p.params.To)
	}
	if err := p.pinned(r.Environment, r.Step.ID.Name); err != nil {
		return p, err
	}
	var err error
	p.client, err = f.Networks(p.Network)
	return p, err
}

func (p *payment) amounts(spend *resource.Spend) error {
	for _, part := range []struct {
		name, text string
		into       **big.Int
	}{
		{"floor", p.Floor, &p.floor}, {"target", p.Target, &p.target}, {"ceiling", p.Ceiling, &p.ceiling}, {"fee", spend.Fee, &p.fee},
	} {
		wei, ok := decimal(part.text)
		if !ok {
			return fmt.Errorf("%s %q is not an amount of wei", part.name, part.text)
		}
		*part.into = wei
	}
	if spend.Wei != p.Ceiling || spend.Network != p.Network {
		return fmt.Errorf("the step may spend %s wei on %s, its parameters say %s on %s", spend.Wei, spend.Network, p.Ceiling, p.Network)
	}
	return nil
}

// declared finds what the environment says of this payment: no payment is made
// that it does not declare, whatever the step says.
func (p *payment) declared(env *config.Environment, id resource.ID) error {
	at := slices.IndexFunc(env.Funding, func(f config.Funding) bool { return f.Network == p.Network })
	if at < 0 || id.Scope != p.Network || env.Funding[at].Bank != p.Bank {
		return fmt.Errorf("the environment declares no funding by %s on %s", p.Bank, p.Network)
	}
	f := env.Funding[at]
	w := slices.IndexFunc(f.Wallets, func(w config.Wallet) bool { return w.Name == id.Name })
	if w < 0 || f.Wallets[w].Target == nil || f.Wallets[w].Target.Cmp(p.target) != 0 || f.Wallets[w].Floor.Cmp(p.floor) != 0 {
		return errors.New("the environment declares no such wallet, or other levels")
	}
	stated := f.Wallets[w].Address
	p.byKey = stated == ""
	if !p.byKey && !strings.EqualFold(stated, p.params.To.Literal) {
		return fmt.Errorf("the environment states the address %s, the step pays %s", stated, p.params.To)
	}
	var known bool
	if p.network, known = env.Network(p.Network); !known {
		return fmt.Errorf("no network %q", p.Network)
	}
	if p.bank, known = env.Key(p.Bank); !known {
		return fmt.Errorf("no key %q", p.Bank)
	}
	p.reserve, p.limit = new(big.Int), f.CapTransaction
	if f.Reserve != nil {
		p.reserve = f.Reserve
	}
	p.terms = &Terms{Symbol: p.network.Symbol, Decimals: p.network.Decimals}
	return nil
}

// pinned holds the addresses against addresses.json once more.
func (p *payment) pinned(env *config.Environment, wallet string) error {
	pin := env.Pins[wallet]
	switch {
	case p.byKey && pin == "" && env.Addresses == "pinned":
		return fmt.Errorf("the address of key %s is not pinned in addresses.json", wallet)
	case p.byKey && pin != "" && !strings.EqualFold(pin, p.to.Hex()):
		return fmt.Errorf("key %s has the address %s, addresses.json pins %s", wallet, p.to, pin)
	}
	if bank := env.Pins[p.Bank]; bank != "" && !strings.EqualFold(bank, p.from.Hex()) {
		return fmt.Errorf("bank %s has the address %s, addresses.json pins %s", p.Bank, p.from, bank)
	}
	return nil
}

func refuse(format string, args ...any) error {
	return &kind.NotAcceptedError{Err: fmt.Errorf(format, args...)}
}

// prepare reads the live balance again, decides the amount and signs. It sends
// nothing. Whatever speaks against paying now is an error.
func (f *funding) prepare(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
	p, err := f.payment(r)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	survey, err := p.client.Survey(ctx, chain.Query{Bank: &p.from, Wallets: []chain.Wallet{{Address: p.to, Floor: p.floor}}})
	if err != nil {
		return nil, err
	}
	wei, bank := survey.Balances[p.to], survey.Bank
	if wei == nil || bank == nil {
		return nil, fmt.Errorf("the balances of %s and %s were not read", p.to, p.from)
	}
	switch {
	case wei.Cmp(p.floor) >= 0:
		return kind.Nothing(), nil
	case bank.Pending > bank.Nonce:
		return nil, refuse("%d transactions of bank %s are in flight (next nonce %d): nothing is paid until they are mined", bank.Pending-bank.Nonce, p.from, bank.Nonce)
	case p.byKey && survey.Code[p.to]:
		return nil, refuse("%s, the address of a key, has code: it is not paid by itself", p.to)
	}
	return f.sign(ctx, p, wei, bank)
}

// sign decides amount and fee. What is sent never exceeds the ceiling, with its
// fee never the cap, and never leaves less than the reserve in the bank.
func (f *funding) sign(ctx context.Context, p payment, wei *big.Int, bank *chain.Account) (kind.Prepared, error) {
	wanted := least(new(big.Int).Sub(p.target, wei), p.ceiling)
	free := new(big.Int).Sub(bank.Balance, p.reserve)
	if asked := least(wanted, free); asked.Sign() > 0 {
		gas, err := p.client.EstimateTransfer(ctx, p.from, p.to, asked)
		if err != nil {
			return nil, err
		}
		fees, ok := bank.Fees.Within(gas, p.fee)
		if !ok {
			return nil, refuse("the fee moved: it may cost %s now, the plan allows %s", coins(bank.Fees.Ceiling(gas), p.terms), coins(p.fee, p.terms))
		}
		amount := affordable(wanted, free, fees.Ceiling(gas), p.limit)
		if reached := new(big.Int).Add(wei, amount); amount.Sign() > 0 && reached.Cmp(p.floor) >= 0 {
			return f.signed(ctx, p, bank.Nonce, chain.Transfer{ChainID: p.network.ChainID, To: p.to, Value: amount, Nonce: bank.Nonce, Gas: gas, Fees: fees})
		}
	}
	return nil, refuse("bank %s: balance %s, needs %s (%s to send, fees up to %s, reserve %s) to lift %s from %s to its floor %s", p.from,
		coins(bank.Balance, p.terms), coins(new(big.Int).Add(new(big.Int).Add(wanted, p.fee), p.reserve), p.terms),
		coins(wanted, p.terms), coins(p.fee, p.terms), coins(p.reserve, p.terms), p.to, coins(wei, p.terms), coins(p.floor, p.terms))
}

// affordable cuts the wanted amount to what is free beside the fee and, where
// there is a cap on one transaction, to what it leaves beside the fee.
func affordable(wanted, free, fee, limit *big.Int) *big.Int {
	amount := least(wanted, new(big.Int).Sub(free, fee))
	if limit != nil {
		amount = least(amount, new(big.Int).Sub(limit, fee))
	}
	return amount
}

func (f *funding) signed(ctx context.Context, p payment, nonce uint64, t chain.Transfer) (kind.Prepared, error) {
	signer, err := f.Signer(ctx, p.bank, p.from)
	if err != nil {
		return nil, fmt.Errorf("bank %s: %w", p.Bank, err)
	}
	if signer.Address() != p.from {
		return nil, refuse("bank %s signs for %s, the plan pays from %s", p.Bank, signer.Address(), p.from)
	}
	tx, err := signer.Sign(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("bank %s: %w", p.Bank, err)
	}
	data, err := json.Marshal(signed{Raw: tx.Raw, Hash: tx.Hash, From: p.from, To: p.to, Nonce: nonce, Amount: t.Value.String()})
	return kind.Prepared(data), err
}

// own reads prepared bytes and refuses whatever is not this very payment.
func (p *payment) own(prepared kind.Prepared) (signed, error) {
	var tx signed
	if err := json.Unmarshal(prepared, &tx); err != nil {
		return tx, errors.New("the prepared transfer is malformed")
	}
	from, t, hash, err := chain.ReadTransfer(tx.Raw)
	if err != nil {
		return tx, err
	}
	if from != p.from || t.To != p.to || t.ChainID != p.network.ChainID || t.Value.Cmp(p.ceiling) > 0 {
		return tx, fmt.Errorf("transaction %s pays %s wei from %s to %s on chain %d: that is not this step", hash, t.Value, from, t.To, t.ChainID)
	}
	if hash != tx.Hash || t.Nonce != tx.Nonce || t.Value.String() != tx.Amount {
		return tx, fmt.Errorf("the record of transaction %s does not fit its bytes", hash)
	}
	return tx, nil
}

// do sends the bytes and waits for their confirmations. Bytes that an earlier
// run sent are found and not paid twice: they have one nonce.
func (f *funding) do(ctx context.Context, r kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	p, err := f.payment(r)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	tx, err := p.own(prepared)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	if err := p.client.Send(ctx, tx.Raw); err != nil {
		if done, err := p.unsent(ctx, tx, err); done != nil || err != nil {
			return done, err
		}
	}
	receipt, err := p.client.Await(ctx, tx.Hash)
	if reverted := (*chain.RevertedError)(nil); errors.As(err, &reverted) {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if err != nil {
		return nil, err
	}
	return paid(tx, receipt), nil
}

// unsent sorts a refusal of the nodes. A used nonce may have been used by these
// very bytes, and a lost answer may have been a yes: then the chain is asked.
// Nothing and no error means: it is on its way.
func (p *payment) unsent(ctx context.Context, tx signed, cause error) (resource.Outputs, error) {
	var refused *chain.SendError
	if !errors.As(cause, &refused) {
		return nil, cause
	}
	if refused.Refusal != chain.Ambiguous && refused.Refusal != chain.NonceTooLow {
		return nil, &kind.NotAcceptedError{Err: cause}
	}
	fate, receipt, err := p.client.Fate(ctx, tx.From, tx.Nonce, tx.Hash)
	switch {
	case err != nil:
		return nil, errors.Join(cause, err)
	case fate == chain.Mined:
		return paid(tx, receipt), nil
	case fate == chain.Waiting:
		return nil, nil
	case fate == chain.Replaced || fate == chain.Reverted:
		return nil, refuse("transaction %s is %s: %w", tx.Hash, fate, cause)
	default:
		return nil, fmt.Errorf("transaction %s is %s: %w", tx.Hash, fate, cause)
	}
}

// paid turns the receipt of a transfer that succeeded into outputs; amounts in
// wei, spent with the fee.
func paid(tx signed, receipt chain.Receipt) resource.Outputs {
	outputs := resource.Outputs{
		"hash": tx.Hash.Hex(), "to": tx.To.Hex(), "amount": tx.Amount,
		"nonce": strconv.FormatUint(tx.Nonce, 10), "block": strconv.FormatUint(receipt.Block, 10),
	}
	if amount, ok := decimal(tx.Amount); ok && receipt.Fee != nil {
		outputs["spent"] = new(big.Int).Add(amount, receipt.Fee).String()
	}
	return outputs
}

// probe asks what became of the prepared transactions and waits for those that
// are on their way. No means that none was mined and none is known to a node:
// sending the same bytes again is safe, and so is any other payment, because
// the next one takes the same nonce.
func (f *funding) probe(ctx context.Context, r kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	p, err := f.payment(r)
	if err != nil {
		return kind.Unknown, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	answer := kind.No
	for _, one := range prepared {
		tx, err := p.own(one)
		if err != nil {
			return kind.Unknown, nil, err
		}
		fate, receipt, err := p.settled(ctx, tx)
		if err == nil && fate == chain.Mined {
			return kind.Yes, paid(tx, receipt), nil
		}
		if err != nil {
			return kind.Unknown, nil, err
		}
		if fate == chain.Waiting || fate == chain.Unclear {
			answer = kind.Unknown
		}
	}
	return answer, nil, nil
}

// settled asks until the answer can not change any more, or time is up.
func (p *payment) settled(ctx context.Context, tx signed) (chain.Fate, chain.Receipt, error) {
	wait := 50 * time.Millisecond
	for {
		fate, receipt, err := p.client.Fate(ctx, tx.From, tx.Nonce, tx.Hash)
		if err != nil || (fate != chain.Waiting && fate != chain.Unclear) {
			return fate, receipt, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fate, receipt, nil
		case <-timer.C:
		}
		wait = min(2*wait, 3*time.Second)
	}
}
