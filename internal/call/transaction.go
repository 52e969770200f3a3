package call

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// sent is the journalled form of a transaction: the very bytes that are sent,
// and sent again by recovery. It holds no secret.
type sent struct {
	Raw   hexutil.Bytes  `json:"raw"`
	Hash  common.Hash    `json:"hash"`
	From  common.Address `json:"from"`
	Nonce uint64         `json:"nonce"`
	// SafeTxHash of what an execute step carries.
	SafeTxHash string `json:"safeTxHash,omitempty"`
}

// order is a step, read and held against what the environment declares.
type order struct {
	params
	network config.Network
	client  *chain.Network
	key     config.Key
	from    common.Address
	gas     uint64
	fee     *big.Int
	// call is what the transaction makes; for an execute step it is known only
	// when the Safe's transaction is signed.
	call evm.Call
}

func (m *Maker) order(r kind.Resolved, p params) (order, error) {
	o := order{params: p}
	var known bool
	if o.network, known = r.Environment.Network(p.Network); !known {
		return o, fmt.Errorf("no network %q", p.Network)
	}
	var err error
	if o.key, o.from, err = holder(r, p.Sender, p.From); err != nil {
		return o, err
	}
	if o.gas, err = strconv.ParseUint(p.Gas, 10, 64); err != nil {
		return o, fmt.Errorf("gas %q is no number", p.Gas)
	}
	spend := r.Step.Spend
	if spend == nil || spend.Network != p.Network || spend.From != p.From || spend.Wei != "0" {
		return o, errors.New("the step states no fee, or spends more than one")
	}
	var ok bool
	if o.fee, ok = new(big.Int).SetString(spend.Fee, 10); !ok || o.fee.Sign() < 0 {
		return o, fmt.Errorf("fee %q is no amount of wei", spend.Fee)
	}
	if r.Step.Op != Execute {
		calls, err := callsOf(p.Calls)
		if err != nil {
			return o, err
		}
		if len(calls) != 1 {
			return o, fmt.Errorf("%d calls in one transaction, must be 1", len(calls))
		}
		o.call = calls[0]
	}
	o.client, err = m.Networks(p.Network)
	return o, err
}

func (m *Maker) prepareTransaction(ctx context.Context, r kind.Resolved, p params) (kind.Prepared, error) {
	o, err := m.order(r, p)
	if err != nil {
		return nil, refuse(err)
	}
	if there, err := o.made(ctx); there || err != nil {
		return kind.Nothing(), err
	}
	record := sent{From: o.from}
	if r.Step.Op == Execute {
		hash, c, err := m.signedSafe(ctx, r, o)
		if err != nil {
			return nil, err
		}
		record.SafeTxHash, o.call = hash.Hex(), c
	}
	fees, nonce, err := o.price(ctx, r.Earlier)
	if err != nil {
		return nil, err
	}
	gas, err := o.simulate(ctx)
	if err != nil {
		return nil, err
	}
	if fees, err = o.affordable(fees, gas); err != nil {
		return nil, err
	}
	return m.sign(ctx, o, record, chain.Transaction{
		ChainID: o.network.ChainID, To: o.call.To, Value: o.call.Value, Data: o.call.Data, Nonce: nonce, Gas: gas, Fees: fees,
	})
}

// made reports that the contract which the step makes is there: somebody made
// it meanwhile, and its address says that it is the very one.
func (o order) made(ctx context.Context) (bool, error) {
	if o.Creates == "" {
		return false, nil
	}
	var there bool
	err := o.client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		results, err := l.Ask(ctx, []evm.Question{evm.AskCode(common.HexToAddress(o.Creates))})
		if err == nil {
			there = len(results[0].Data) > 0
		}
		return err
	})
	return there, err
}

// price decides nonce and fees. A transaction of the sender in flight that is
// not ours is reported and not raced; one of ours that is stuck is replaced at
// its nonce, with more of both fees.
func (o order) price(ctx context.Context, earlier []kind.Prepared) (chain.Fees, uint64, error) {
	var account chain.Account
	err := o.client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		var err error
		account, err = l.Account(ctx, o.from)
		return err
	})
	if err != nil {
		return chain.Fees{}, 0, err
	}
	if len(earlier) == 0 {
		if account.Pending > account.Nonce {
			return chain.Fees{}, 0, refuse(fmt.Errorf("%d transactions of %s are in flight (next nonce %d): nothing is sent until they are mined", account.Pending-account.Nonce, o.from, account.Nonce))
		}
		return account.Fees, account.Nonce, nil
	}
	last, tx, err := o.own(earlier[len(earlier)-1])
	if err != nil {
		return chain.Fees{}, 0, refuse(err)
	}
	return account.Fees.AtLeast(tx.Fees.Bump()), last.Nonce, nil
}

// simulate runs the call on the newest block before anything is signed. What
// would revert is not sent, with the contract's reason.
func (o order) simulate(ctx context.Context) (uint64, error) {
	results, err := o.client.Simulate(ctx, o.from, []evm.Call{o.call})
	if err != nil {
		return 0, err
	}
	if results[0].Reverted {
		return 0, refuse(fmt.Errorf("the call would revert: %q", results[0].Reason))
	}
	if results[0].Gas > o.gas {
		return 0, refuse(fmt.Errorf("the call takes %d gas, the plan allows %d", results[0].Gas, o.gas))
	}
	gas, err := chain.GasLimit(results[0].Gas, 0)
	if err != nil {
		return 0, refuse(err)
	}
	return min(gas, o.gas), nil
}

func (o order) affordable(fees chain.Fees, gas uint64) (chain.Fees, error) {
	within, ok := fees.Within(gas, o.fee)
	if !ok {
		return fees, refuse(fmt.Errorf("the fee moved: it may cost %s wei now, the plan allows %s", fees.Ceiling(gas), o.fee))
	}
	return within, nil
}

func (m *Maker) sign(ctx context.Context, o order, record sent, tx chain.Transaction) (kind.Prepared, error) {
	digest, err := m.Digest(ctx, o.key, o.from)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", o.Sender, err)
	}
	signer, err := chain.NewCallSigner(o.from, digest, func(c evm.Call) error {
		if !c.Equal(o.call) {
			return errors.New("this call is not the step's")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", o.Sender, err)
	}
	signed, err := signer.Sign(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", o.Sender, err)
	}
	record.Raw, record.Hash, record.Nonce = signed.Raw, signed.Hash, tx.Nonce
	data, err := json.Marshal(record)
	return kind.Prepared(data), err
}

// own reads prepared bytes and refuses whatever is not this very step.
func (o order) own(prepared kind.Prepared) (sent, chain.Transaction, error) {
	var s sent
	if err := json.Unmarshal(prepared, &s); err != nil {
		return s, chain.Transaction{}, errors.New("the prepared transaction is malformed")
	}
	from, tx, hash, err := chain.ReadTransaction(s.Raw)
	if err != nil {
		return s, tx, err
	}
	c := evm.Call{To: tx.To, Value: tx.Value, Data: tx.Data}
	mine := c.Equal(o.call)
	if s.SafeTxHash != "" {
		mine = o.executes(c)
	}
	if from != o.from || tx.ChainID != o.network.ChainID || !mine || tx.Gas > o.gas {
		return s, tx, fmt.Errorf("transaction %s is not this step's", hash)
	}
	if hash != s.Hash || tx.Nonce != s.Nonce || from != s.From {
		return s, tx, fmt.Errorf("the record of transaction %s does not fit its bytes", hash)
	}
	return s, tx, nil
}

// send broadcasts the bytes and waits for their confirmations, or those of one
// that they replace. Bytes that an earlier run sent are found and not sent
// twice: they have one nonce.
func (m *Maker) send(ctx context.Context, r kind.Resolved, p params, prepared kind.Prepared) (resource.Outputs, error) {
	o, err := m.order(r, p)
	if err != nil {
		return nil, refuse(err)
	}
	mine, _, err := o.own(prepared)
	if err != nil {
		return nil, refuse(err)
	}
	tries := o.tries(mine, r.Earlier)
	if err := o.client.Send(ctx, mine.Raw); err != nil {
		if done, err := m.unsent(ctx, o, tries, err); done != nil || err != nil {
			return done, err
		}
	}
	receipt, err := o.client.AwaitAny(ctx, hashesOf(tries))
	if late := (*chain.StuckError)(nil); errors.As(err, &late) {
		return nil, &kind.StuckError{Err: err}
	}
	if reverted := (*chain.RevertedError)(nil); errors.As(err, &reverted) {
		return nil, refuse(err)
	}
	if err != nil {
		return nil, err
	}
	return m.settled(ctx, o, tries, receipt)
}

// tries are all transactions of this step at one nonce, the last one last: one of
// them at most is ever mined.
func (o order) tries(last sent, earlier []kind.Prepared) []sent {
	var all []sent
	for _, one := range earlier {
		if s, _, err := o.own(one); err == nil && s.Nonce == last.Nonce && s.Hash != last.Hash {
			all = append(all, s)
		}
	}
	return append(all, last)
}

func hashesOf(tries []sent) []common.Hash {
	hashes := make([]common.Hash, len(tries))
	for i, s := range tries {
		hashes[i] = s.Hash
	}
	return hashes
}

// unsent sorts a refusal of the nodes, as chain.Send tells them. Nothing and no
// error means: it is on its way.
func (m *Maker) unsent(ctx context.Context, o order, tries []sent, cause error) (resource.Outputs, error) {
	mine := tries[len(tries)-1]
	var refused *chain.SendError
	if !errors.As(cause, &refused) {
		return nil, cause
	}
	open := refused.Refusal == chain.Ambiguous || refused.Refusal == chain.NonceTooLow || len(tries) > 1
	if !open {
		return nil, refuse(cause)
	}
	fate, receipt, err := o.client.FateAny(ctx, mine.From, mine.Nonce, hashesOf(tries))
	switch {
	case err != nil:
		return nil, errors.Join(cause, err)
	case fate == chain.Mined:
		return m.settled(ctx, o, tries, receipt)
	case fate == chain.Waiting:
		return nil, nil
	case fate == chain.Replaced || fate == chain.Reverted:
		return nil, refuse(fmt.Errorf("transaction %s is %s: %w", mine.Hash, fate, cause))
	default:
		return nil, fmt.Errorf("transaction %s is %s: %w", mine.Hash, fate, cause)
	}
}

func (o order) outputs(mine sent, receipt chain.Receipt) resource.Outputs {
	outputs := resource.Outputs{
		"hash": receipt.Hash.Hex(), "nonce": strconv.FormatUint(mine.Nonce, 10), "block": strconv.FormatUint(receipt.Block, 10),
	}
	if receipt.Fee != nil {
		outputs["spent"] = receipt.Fee.String()
	}
	if o.Creates != "" {
		outputs["created"] = o.Creates
	}
	if mine.SafeTxHash != "" {
		outputs["safeTxHash"] = mine.SafeTxHash
	}
	return outputs
}

// settled looks at what a mined transaction did: a deploy must have left code,
// and a Safe must say that its transaction succeeded, because it can be mined
// and have failed inside.
func (m *Maker) settled(ctx context.Context, o order, tries []sent, receipt chain.Receipt) (resource.Outputs, error) {
	at := slices.IndexFunc(tries, func(s sent) bool { return s.Hash == receipt.Hash })
	if at < 0 {
		return nil, fmt.Errorf("transaction %s is mined and none of this step's", receipt.Hash)
	}
	mine := tries[at]
	if o.Creates != "" {
		if there, err := o.made(ctx); err != nil || !there {
			return nil, errors.Join(err, fmt.Errorf("transaction %s is mined, and there is no code at %s", receipt.Hash, o.Creates))
		}
	}
	if mine.SafeTxHash != "" {
		if err := o.succeeded(ctx, mine, receipt); err != nil {
			return nil, err
		}
	}
	return o.outputs(mine, receipt), nil
}

func (m *Maker) probeTransaction(ctx context.Context, r kind.Resolved, p params, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	o, err := m.order(r, p)
	if err != nil {
		return kind.Unknown, nil, err
	}
	byNonce := map[uint64][]sent{}
	for _, one := range prepared {
		s, _, err := o.own(one)
		if err != nil {
			return kind.Unknown, nil, err
		}
		byNonce[s.Nonce] = append(byNonce[s.Nonce], s)
	}
	answer := kind.No
	for nonce, tries := range byNonce {
		fate, receipt, err := o.client.FateAny(ctx, o.from, nonce, hashesOf(tries))
		switch {
		case err != nil:
			return kind.Unknown, nil, err
		case fate == chain.Mined:
			outputs, err := m.settled(ctx, o, tries, receipt)
			if err != nil {
				return kind.Unknown, nil, err
			}
			return kind.Yes, outputs, nil
		case fate == chain.Waiting || fate == chain.Unclear:
			answer = kind.Unknown
		}
	}
	return answer, nil, nil
}
