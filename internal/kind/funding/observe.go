package funding

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The facts about a network, by name; amounts in wei.
const (
	factBlock       = "block"        // number:hash that every balance is of
	factCoin        = "coin"         // symbol and decimals
	factBankBalance = "bank-balance" // what the bank holds
	factInFlight    = "in-flight"    // the bank's transactions that are not mined
	factFeeCeiling  = "fee-ceiling"  // the most that one transfer may cost in fees
	// factBurned is about a wallet: it lost more than its declared burn.
	factBurned = "burned"
	// factCode is about a wallet below its floor: its address has code.
	factCode = "has-code"
)

// observe reads every wallet of every network, networks side by side.
func (f *funding) observe(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Observation[Spec] {
	return f.readWallets(ctx, env, lookup, func(resource.ID) bool { return true })
}

// read is the same for some wallets.
func (f *funding) read(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	return f.readWallets(ctx, env, lookup, func(id resource.ID) bool { return slices.Contains(ids, id) })
}

func (f *funding) readWallets(ctx context.Context, env *config.Environment, lookup kind.Lookup, wanted func(resource.ID) bool) kind.Observation[Spec] {
	seen := make([]kind.Observation[Spec], len(env.Funding))
	var wait sync.WaitGroup
	for i, declared := range env.Funding {
		if !slices.ContainsFunc(declared.Wallets, func(w config.Wallet) bool { return wanted(walletID(declared.Network, w.Name)) }) {
			continue
		}
		wait.Go(func() { seen[i] = f.readNetwork(ctx, env, declared, lookup, wanted) })
	}
	wait.Wait()
	var all kind.Observation[Spec]
	for _, s := range seen {
		all.Owned = append(all.Owned, s.Owned...)
		all.Facts = append(all.Facts, s.Facts...)
		all.Unread = append(all.Unread, s.Unread...)
	}
	return all
}

// wallet is a declared wallet whose address is known.
type wallet struct {
	id      resource.ID
	address common.Address
	config.Wallet
}

func (f *funding) readNetwork(ctx context.Context, env *config.Environment, declared config.Funding, lookup kind.Lookup, wanted func(resource.ID) bool) kind.Observation[Spec] {
	unread := func(operation string, err error) kind.Observation[Spec] {
		return kind.Observation[Spec]{Unread: []resource.Unread{{Scope: declared.Network, Operation: operation, Cause: err.Error()}}}
	}
	known, ok := env.Network(declared.Network)
	if !ok {
		return unread("open", fmt.Errorf("no network of this name"))
	}
	network, err := f.Networks(declared.Network)
	if err != nil {
		return unread("open", err)
	}
	wallets, bank := resolve(env, declared, lookup)
	query := chain.Query{}
	if bank != (common.Address{}) {
		query.Bank = &bank
	}
	for _, w := range wallets {
		if wanted(w.id) {
			query.Wallets = append(query.Wallets, chain.Wallet{Address: w.address, Floor: w.codeFloor()})
		}
	}
	survey, err := network.Survey(ctx, query)
	if err != nil {
		return unread("read balances", err)
	}
	coin := coin{known.Symbol, known.Decimals}
	out := kind.Observation[Spec]{Facts: networkFacts(declared.Network, coin, survey)}
	covered := coveredBy(wallets)
	for _, w := range wallets {
		balance, read := survey.Balances[w.address]
		if !wanted(w.id) || !read {
			continue
		}
		out.Owned = append(out.Owned, kind.Object[Spec]{
			ID: w.id, Outputs: resource.Outputs{"address": w.address.Hex()},
			Spec: Spec{
				Network: declared.Network, To: resource.Literal(w.address.Hex()),
				Balance: Level{Wei: balance.String()}, CoveredBy: covered[w.id],
			},
		})
		if survey.Code[w.address] {
			out.Facts = append(out.Facts, resource.Fact{ID: w.id, Name: factCode, Value: "true"})
		}
		if burned := f.burned(w, balance, coin); burned != "" {
			out.Facts = append(out.Facts, resource.Fact{ID: w.id, Name: factBurned, Value: burned})
		}
	}
	return out
}

func networkFacts(network string, c coin, survey chain.Survey) []resource.Fact {
	id := networkID(network)
	facts := []resource.Fact{
		{ID: id, Name: factCoin, Value: c.fact()},
		{ID: id, Name: factBlock, Value: fmt.Sprintf("%d:%s", survey.Block.Number, survey.Block.Hash)},
	}
	bank := survey.Bank
	if bank == nil {
		return facts
	}
	facts = append(facts,
		resource.Fact{ID: id, Name: factBankBalance, Value: bank.Balance.String()},
		resource.Fact{ID: id, Name: factFeeCeiling, Value: bank.Fees.Ceiling(gasBound(bank.Gas)).String()},
	)
	if bank.Pending > bank.Nonce {
		facts = append(facts, resource.Fact{ID: id, Name: factInFlight, Value: fmt.Sprint(bank.Pending - bank.Nonce)})
	}
	return facts
}

// gasBound is the most gas that one transfer may take, from what a plain one
// takes on this chain now: room for a Safe as recipient (27,300 measured) and,
// on chains that bill data as gas, for a busier hour.
func gasBound(plain uint64) uint64 { return max(3*plain, 60_000) }

// codeFloor asks for the code of wallets that would be paid; a literal address
// was reviewed with whatever code it has.
func (w wallet) codeFloor() *big.Int {
	if w.Address != "" {
		return nil
	}
	return w.Floor
}

// resolve finds the addresses of wallets and bank; a key that does not exist
// yet has none, and its wallet is not there to be read.
func resolve(env *config.Environment, declared config.Funding, lookup kind.Lookup) (wallets []wallet, bank common.Address) {
	if key, ok := env.Key(declared.Bank); ok {
		if address, known := lookup(resource.Ref{ID: key.ResourceID(), Output: "address"}); known {
			bank = common.HexToAddress(address)
		}
	}
	for _, w := range declared.Wallets {
		address := w.Address
		if key, ok := env.Key(w.Name); ok && address == "" {
			address, _ = lookup(resource.Ref{ID: key.ResourceID(), Output: "address"})
		}
		if common.IsHexAddress(address) {
			wallets = append(wallets, wallet{walletID(declared.Network, w.Name), common.HexToAddress(address), w})
		}
	}
	return wallets, bank
}

// coveredBy finds wallets with one address: the one with the highest target
// (then the lowest name) is funded, the others are covered by it.
func coveredBy(wallets []wallet) map[resource.ID]string {
	byAddress := map[common.Address][]wallet{}
	for _, w := range wallets {
		byAddress[w.address] = append(byAddress[w.address], w)
	}
	covered := map[resource.ID]string{}
	for _, same := range byAddress {
		slices.SortFunc(same, func(a, b wallet) int {
			if byTarget := b.Target.Cmp(a.Target); byTarget != 0 {
				return byTarget
			}
			return strings.Compare(a.Name, b.Name)
		})
		for _, w := range same[1:] {
			covered[w.id] = same[0].id.String()
		}
	}
	return covered
}

// burned says by how much a wallet lost more than it declares to burn, or
// nothing. Less than a day counts as a day: burning is not even.
func (f *funding) burned(w wallet, balance *big.Int, c coin) string {
	wei, at, ok := f.Readings(w.id)
	last, okLast := number(wei)
	if !ok || !okLast || w.BurnPerDay == nil {
		return ""
	}
	elapsed := max(f.Now().Sub(at), 24*time.Hour)
	allowed := new(big.Int).Mul(w.BurnPerDay, big.NewInt(int64(elapsed/time.Second)))
	allowed.Div(allowed, big.NewInt(int64(24*time.Hour/time.Second)))
	lost := new(big.Int).Sub(last, balance)
	if lost.Cmp(allowed) <= 0 {
		return ""
	}
	return fmt.Sprintf("lost %s since %s, its declared burn allows %s", c.format(lost), at.UTC().Format("2006-01-02 15:04 UTC"), c.format(allowed))
}
