package funding

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"

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

// payment is a step with its addresses and numbers read.
type payment struct {
	Params
	network  config.Network
	client   Network
	key      config.Key
	from, to common.Address
	level
	reserve, feeCeiling *big.Int
}

func (f *funding) payment(r kind.Resolved) (payment, error) {
	var p payment
	if err := r.Step.Params.Decode(&p.Params); err != nil {
		return p, err
	}
	var ok bool
	if p.network, ok = r.Environment.Network(p.Network); !ok {
		return p, fmt.Errorf("no network is named %q", p.Network)
	}
	if p.key, ok = r.Environment.Key(p.Bank); !ok {
		return p, fmt.Errorf("no key is named %q", p.Bank)
	}
	if !p.To.Known() || !common.IsHexAddress(p.To.Literal) || !p.BankAddress.Known() || !common.IsHexAddress(p.BankAddress.Literal) {
		return p, fmt.Errorf("addresses are not known: to %s, bank %s", p.To, p.BankAddress)
	}
	p.from, p.to = common.HexToAddress(p.BankAddress.Literal), common.HexToAddress(p.To.Literal)
	if p.to == (common.Address{}) || p.to == p.from {
		return p, fmt.Errorf("%s is not an address to pay", p.to)
	}
	declared := Spec{Balance: Level{Floor: p.Floor, Target: p.Target}, Ceiling: p.Ceiling}
	if p.level, ok = limits(declared, ""); !ok {
		return p, fmt.Errorf("floor %q, target %q and ceiling %q must be wei", p.Floor, p.Target, p.Ceiling)
	}
	if p.reserve, ok = number(p.Reserve); !ok {
		return p, fmt.Errorf("reserve %q must be wei", p.Reserve)
	}
	if r.Step.Spend == nil {
		return p, fmt.Errorf("the step states no spend")
	}
	if p.feeCeiling, ok = number(r.Step.Spend.Fee); !ok {
		return p, fmt.Errorf("fee ceiling %q must be wei", r.Step.Spend.Fee)
	}
	var err error
	p.client, err = f.Networks(p.Network)
	return p, err
}

// prepare reads the live balance again, decides the amount, and signs. It
// sends nothing. Whatever speaks against paying now is an error.
func (f *funding) prepare(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
	p, err := f.payment(r)
	if err != nil {
		return nil, err
	}
	asked := chain.Wallet{Address: p.to, Floor: p.target}
	if p.Literal {
		asked.Floor = nil
	}
	survey, err := p.client.Survey(ctx, chain.Query{Bank: &p.from, Wallets: []chain.Wallet{asked}})
	if err != nil {
		return nil, err
	}
	wei, read := survey.Balances[p.to]
	if !read || survey.Bank == nil {
		return nil, fmt.Errorf("the balances of %s and of the bank were not read", p.to)
	}
	p.wei = wei
	if p.need().Sign() == 0 {
		return kind.Nothing(), nil
	}
	if survey.Bank.Pending > survey.Bank.Nonce {
		return nil, fmt.Errorf("the bank has %d transactions in flight on %s: nothing is paid until they are mined", survey.Bank.Pending-survey.Bank.Nonce, p.Network)
	}
	if survey.Code[p.to] {
		return nil, fmt.Errorf("%s has code: a key's wallet has none", p.to)
	}
	return f.sign(ctx, p, survey.Bank)
}

func (f *funding) sign(ctx context.Context, p payment, bank *chain.Account) (kind.Prepared, error) {
	amount := p.need()
	gas, err := p.client.EstimateTransfer(ctx, p.from, p.to, amount)
	if err != nil {
		return nil, err
	}
	c := coin{p.network.Symbol, p.network.Decimals}
	fees, ok := bank.Fees.Within(gas, p.feeCeiling)
	if !ok {
		return nil, fmt.Errorf("the fee is %s now, the plan allows %s", c.format(bank.Fees.Ceiling(gas)), c.format(p.feeCeiling))
	}
	fee := fees.Ceiling(gas)
	must := new(big.Int).Add(amount, fee)
	must.Add(must, p.reserve)
	if bank.Balance.Cmp(must) < 0 {
		return nil, fmt.Errorf("bank %s: balance %s, needs %s (%s to send, %s fees; reserve %s)",
			p.from, c.format(bank.Balance), c.format(must), c.format(amount), c.format(fee), c.format(p.reserve))
	}
	signer, err := f.Signer(ctx, p.key, p.from)
	if err != nil {
		return nil, err
	}
	tx, err := signer.Sign(ctx, chain.Transfer{ChainID: p.network.ChainID, Nonce: bank.Nonce, To: p.to, Value: amount, Gas: gas, Fees: fees})
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(signed{Raw: tx.Raw, Hash: tx.Hash, From: p.from, To: p.to, Nonce: bank.Nonce, Amount: amount.String()})
	return kind.Prepared(data), err
}

// do sends the bytes and waits for their confirmations. Bytes that were mined
// by an earlier run are found, not paid twice: they have one nonce.
func (f *funding) do(ctx context.Context, r kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	p, err := f.payment(r)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	tx, err := p.own(prepared)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if err := p.client.Send(ctx, tx.Raw); err != nil {
		return p.refused(ctx, tx, err)
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	receipt, err := p.client.Await(ctx, tx.Hash)
	if reverted := (*chain.RevertedError)(nil); errors.As(err, &reverted) {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if err != nil {
		return nil, err
	}
	return paid(tx, receipt), nil
}

// refused sorts a refusal of the nodes. A used nonce may have been used by
// these very bytes; doubt stays doubt.
func (p payment) refused(ctx context.Context, tx signed, cause error) (resource.Outputs, error) {
	var refusal *chain.SendError
	if !errors.As(cause, &refusal) || refusal.Refusal == chain.Ambiguous {
		return nil, cause
	}
	if refusal.Refusal != chain.NonceTooLow {
		return nil, &kind.NotAcceptedError{Err: cause}
	}
	fate, receipt, err := p.client.Fate(ctx, tx.From, tx.Nonce, tx.Hash)
	switch {
	case err != nil:
		return nil, errors.Join(cause, err)
	case fate == chain.Mined:
		return paid(tx, receipt), nil
	case fate == chain.Replaced || fate == chain.Reverted:
		return nil, &kind.NotAcceptedError{Err: fmt.Errorf("transaction %s is %s: %w", tx.Hash, fate, cause)}
	default:
		return nil, fmt.Errorf("transaction %s is %s: %w", tx.Hash, fate, cause)
	}
}

// own reads prepared bytes and refuses those of another payer or recipient.
func (p payment) own(prepared kind.Prepared) (signed, error) {
	var tx signed
	if err := json.Unmarshal(prepared, &tx); err != nil {
		return tx, fmt.Errorf("prepared transfer: %w", err)
	}
	if tx.From != p.from || tx.To != p.to {
		return tx, fmt.Errorf("prepared transfer goes from %s to %s, the step from %s to %s", tx.From, tx.To, p.from, p.to)
	}
	return tx, nil
}

// paid turns the receipt of a transfer that succeeded into outputs.
func paid(tx signed, receipt chain.Receipt) resource.Outputs {
	outputs := resource.Outputs{
		"hash": tx.Hash.Hex(), "to": tx.To.Hex(), "amount": tx.Amount,
		"nonce": strconv.FormatUint(tx.Nonce, 10), "block": strconv.FormatUint(receipt.Block, 10),
	}
	if amount, ok := number(tx.Amount); ok && receipt.Fee != nil {
		outputs["spent"] = new(big.Int).Add(amount, receipt.Fee).String()
	}
	return outputs
}

// probe asks what became of the prepared transactions. One that is not mined
// did not happen, and recovery sends the same bytes again, which is safe at any
// time: they have one nonce. A nonce that somebody used a moment ago is unclear.
func (f *funding) probe(ctx context.Context, r kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	p, err := f.payment(r)
	if err != nil {
		return kind.Unknown, nil, err
	}
	for _, one := range prepared {
		tx, err := p.own(one)
		if err != nil {
			return kind.Unknown, nil, err
		}
		fate, receipt, err := p.client.Fate(ctx, tx.From, tx.Nonce, tx.Hash)
		switch {
		case err != nil:
			return kind.Unknown, nil, err
		case fate == chain.Mined:
			return kind.Yes, paid(tx, receipt), nil
		case fate == chain.Unclear:
			return kind.Unknown, nil, nil
		}
	}
	return kind.No, nil, nil
}
