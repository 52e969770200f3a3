package funding

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Facts about a network.
const (
	factBlock    = "block"            // number:hash that balances were read at
	factBank     = "bank"             // the bank's address
	factHolds    = "bank-balance"     // wei
	factNonce    = "bank-nonce"       // of the next transaction
	factInFlight = "in-flight"        // transactions of the bank that are not mined; only when there are any
	factFee      = "fee-per-transfer" // the most that one may cost in wei, L1 fee included
	factType     = "tx-type"          // legacy or 1559
)

// Facts about a wallet.
const (
	factLast = "last-reading" // "<wei> <RFC 3339>"; of wallets with a declared burn
	factNow  = "read-at"      // RFC 3339; with last-reading
	factCode = "code"         // "yes" for a wallet below its floor that has code
)

// atOnce is how many networks are read at the same time.
const atOnce = 32

func (f *funding) observe(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Observation[Spec] {
	return f.look(ctx, env, lookup, func(resource.ID) bool { return true })
}

func (f *funding) read(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	return f.look(ctx, env, lookup, func(id resource.ID) bool { return slices.Contains(ids, id) })
}

// look reads the networks at once. One that cannot be read is unread and does
// not hold up the others.
func (f *funding) look(ctx context.Context, env *config.Environment, lookup kind.Lookup, wanted func(resource.ID) bool) kind.Observation[Spec] {
	found := make([]kind.Observation[Spec], len(env.Funding))
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i, declared := range env.Funding {
		if !slices.ContainsFunc(declared.Wallets, func(w config.Wallet) bool { return wanted(idOf(declared.Network, w.Name)) }) {
			continue
		}
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i] = f.network(ctx, env, declared, lookup, wanted)
		})
	}
	wait.Wait()
	var all kind.Observation[Spec]
	for _, one := range found {
		all.Owned = append(all.Owned, one.Owned...)
		all.Facts = append(all.Facts, one.Facts...)
		all.Unread = append(all.Unread, one.Unread...)
	}
	return all
}

// recipient is a declared wallet whose address is known.
type recipient struct {
	config.Wallet
	id      resource.ID
	address common.Address
}

func (f *funding) network(ctx context.Context, env *config.Environment, declared config.Funding, lookup kind.Lookup, wanted func(resource.ID) bool) kind.Observation[Spec] {
	unread := func(operation string, err error) kind.Observation[Spec] {
		return kind.Observation[Spec]{Unread: []resource.Unread{{Scope: declared.Network, Operation: operation, Cause: err.Error()}}}
	}
	network, err := f.Networks(declared.Network)
	if err != nil {
		return unread("open", err)
	}
	known, err := recipients(env, declared, lookup)
	if err != nil {
		return unread("addresses", err)
	}
	query := chain.Query{}
	for _, r := range known {
		if wanted(r.id) {
			query.Wallets = append(query.Wallets, chain.Wallet{Address: r.address, Floor: r.Floor})
		}
	}
	bank, banked, err := resolve(env, declared.Bank, "", lookup)
	if err != nil {
		return unread("addresses", err)
	}
	if banked {
		query.Bank = &bank
	}
	survey, err := network.Survey(ctx, query)
	if err != nil {
		return unread("balances", err)
	}
	out := kind.Observation[Spec]{Facts: networkFacts(declared.Network, bank, survey)}
	covering := coverage(known, survey)
	for _, r := range known {
		if !wanted(r.id) {
			continue
		}
		wei, ok := survey.Balances[r.address]
		if !ok {
			return unread("balances", fmt.Errorf("no balance of %s", r.address))
		}
		out.Owned = append(out.Owned, kind.Object[Spec]{
			ID:      r.id,
			Spec:    Spec{To: resource.Literal(r.address.Hex()), Balance: &Level{Wei: wei.String()}, CoveredBy: covering[r.id]},
			Outputs: resource.Outputs{"address": r.address.Hex()},
		})
		out.Facts = append(out.Facts, f.walletFacts(r, survey)...)
	}
	return out
}

// recipients are the wallets whose addresses are known; those of keys that do
// not exist yet are left out.
func recipients(env *config.Environment, declared config.Funding, lookup kind.Lookup) ([]recipient, error) {
	var known []recipient
	for _, w := range declared.Wallets {
		address, ok, err := resolve(env, w.Name, w.Address, lookup)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
		if ok {
			known = append(known, recipient{Wallet: w, id: idOf(declared.Network, w.Name), address: address})
		}
	}
	return known, nil
}

// resolve gives the address of a wallet or bank: as stated, or of its key.
// Not ok: the key does not exist yet.
func resolve(env *config.Environment, name, stated string, lookup kind.Lookup) (common.Address, bool, error) {
	text := stated
	if stated == "" {
		key, known := env.Key(name)
		if !known {
			return common.Address{}, false, fmt.Errorf("no key %q", name)
		}
		value, err := addressOf(env, key)
		if err != nil {
			return common.Address{}, false, err
		}
		if text = value.Literal; value.Ref != nil {
			if text, known = lookup(*value.Ref); !known {
				return common.Address{}, false, nil
			}
		}
	}
	address, ok := addressFrom(text)
	if !ok {
		return common.Address{}, false, fmt.Errorf("%q is not an address", text)
	}
	return address, true, nil
}

func addressFrom(text string) (common.Address, bool) {
	address := common.HexToAddress(text)
	return address, common.IsHexAddress(text) && strings.HasPrefix(text, "0x") && address != common.Address{}
}

// coverage: of several wallets with one address that are below their floors,
// the one with the highest target is paid and covers the others. Balances of
// addresses that nobody wanted were not read, and their wallets left out.
func coverage(known []recipient, survey chain.Survey) map[resource.ID]string {
	payees := map[common.Address]recipient{}
	low := slices.DeleteFunc(slices.Clone(known), func(r recipient) bool {
		wei, ok := survey.Balances[r.address]
		return !ok || wei.Cmp(r.Floor) >= 0
	})
	slices.SortFunc(low, func(a, b recipient) int { return a.id.Compare(b.id) })
	for _, r := range low {
		if best, taken := payees[r.address]; !taken || r.Target.Cmp(best.Target) > 0 {
			payees[r.address] = r
		}
	}
	covering := map[resource.ID]string{}
	for _, r := range low {
		if payee := payees[r.address]; payee.id != r.id {
			covering[r.id] = payee.id.String()
		}
	}
	return covering
}

func networkFacts(network string, bank common.Address, s chain.Survey) []resource.Fact {
	id := networkID(network)
	facts := []resource.Fact{{ID: id, Name: factBlock, Value: fmt.Sprintf("%d:%s", s.Block.Number, s.Block.Hash.Hex())}}
	if s.Bank == nil {
		return facts
	}
	facts = append(facts,
		resource.Fact{ID: id, Name: factBank, Value: bank.Hex()},
		resource.Fact{ID: id, Name: factHolds, Value: s.Bank.Balance.String()},
		resource.Fact{ID: id, Name: factNonce, Value: strconv.FormatUint(s.Bank.Nonce, 10)},
		resource.Fact{ID: id, Name: factFee, Value: feeCeiling(*s.Bank).String()},
		resource.Fact{ID: id, Name: factType, Value: s.Bank.Fees.Type},
	)
	if s.Bank.Pending > s.Bank.Nonce {
		facts = append(facts, resource.Fact{ID: id, Name: factInFlight, Value: strconv.FormatUint(s.Bank.Pending-s.Bank.Nonce, 10)})
	}
	return facts
}

// feeCeiling is the most that one transfer may cost when the plan is applied:
// gas for a recipient with a little code, twice the L1 fee of now, rounded up.
func feeCeiling(bank chain.Account) *big.Int {
	fees := bank.Fees
	fees.L1 = new(big.Int).Lsh(fees.L1, 1)
	return powerOfTwo(fees.Ceiling(bank.Gas + bank.Gas/2))
}

func (f *funding) walletFacts(r recipient, s chain.Survey) []resource.Fact {
	var facts []resource.Fact
	if s.Code[r.address] {
		facts = append(facts, resource.Fact{ID: r.id, Name: factCode, Value: "yes"})
	}
	if r.BurnPerDay == nil {
		return facts
	}
	if wei, at, ok := f.Readings(r.id); ok {
		facts = append(facts,
			resource.Fact{ID: r.id, Name: factLast, Value: wei + " " + at.UTC().Format(time.RFC3339)},
			resource.Fact{ID: r.id, Name: factNow, Value: f.Now().UTC().Format(time.RFC3339)})
	}
	return facts
}
