package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Facts: factKey with a key's name is its address, where a contract must hold it;
// factAbsent of a network lists the contracts that are declared without an address.
const (
	factKey    = "key "
	factAbsent = "not-deployed"
)

// atOnce is how many networks are read at the same time.
const atOnce = 32

func (c *contracts) observe(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Observation[Spec] {
	return c.look(ctx, env, lookup, func(resource.ID) bool { return true })
}

func (c *contracts) read(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	return c.look(ctx, env, lookup, func(id resource.ID) bool { return slices.Contains(ids, id) })
}

// look reads the networks at once. One that cannot be read is unread and does not
// hold up the others.
func (c *contracts) look(ctx context.Context, env *config.Environment, lookup kind.Lookup, wanted func(resource.ID) bool) kind.Observation[Spec] {
	found := make([]kind.Observation[Spec], len(env.Networks))
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i, network := range env.Networks {
		if network.State == config.Retired {
			continue
		}
		v := view{env: env, network: network, lookup: lookup}
		v.choose(wanted)
		if len(v.absent) > 0 {
			found[i].Facts = append(found[i].Facts, resource.Fact{ID: networkID(network.Name), Name: factAbsent, Value: strings.Join(v.absent, ", ")})
		}
		if len(v.chosen) == 0 {
			continue
		}
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			c.network(ctx, &v, &found[i])
		})
	}
	wait.Wait()
	var all kind.Observation[Spec]
	for _, one := range found {
		all.Owned, all.Facts, all.Unread = append(all.Owned, one.Owned...), append(all.Facts, one.Facts...), append(all.Unread, one.Unread...)
	}
	return all
}

func networkID(network string) resource.ID {
	return resource.ID{Kind: "network", Scope: network, Name: network}
}

// view is what is asked of one network.
type view struct {
	env     *config.Environment
	network config.Network
	lookup  kind.Lookup
	chosen  []config.Contract
	absent  []string
}

func (v *view) choose(wanted func(resource.ID) bool) {
	for _, c := range v.env.Contracts {
		switch {
		case c.Network != v.network.Name || !wanted(c.ResourceID()):
		case c.Address == "":
			v.absent = append(v.absent, c.Name)
		default:
			v.chosen = append(v.chosen, c)
		}
	}
}

// text is a value that a read takes or a set holds; false where it is the address
// of a key that nobody knows yet.
func (v *view) text(w config.Want) (string, bool) {
	if w.Key == "" {
		return w.Literal, true
	}
	key, known := v.env.Key(w.Key)
	if known && key.Holder == "keystore" {
		return v.env.Pins[w.Key], v.env.Pins[w.Key] != ""
	}
	return v.lookup(resource.Ref{ID: key.ResourceID(), Output: "address"})
}

// network reads all contracts of a network in one look, and their events, which
// not every endpoint keeps, in a look of their own.
func (c *contracts) network(ctx context.Context, v *view, out *kind.Observation[Spec]) {
	unread := func(scope, operation string, err error) {
		out.Unread = append(out.Unread, resource.Unread{Scope: scope, Operation: operation, Cause: err.Error()})
	}
	client, err := c.Networks(v.network.Name)
	if err != nil {
		unread(Name+"/"+v.network.Name, "open", err)
		return
	}
	var list []*reading
	var facts []resource.Fact
	err = client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		list, facts = v.begin(), nil
		if err := ask(ctx, l, v, list); err != nil {
			return err
		}
		facts, err = v.who(ctx, l, list)
		return err
	})
	if err != nil {
		unread(Name+"/"+v.network.Name, "read contracts", err)
		return
	}
	if err := scan(ctx, client, list); err != nil {
		for _, r := range list {
			if len(r.Scans) > 0 {
				unread(r.ResourceID().String(), "eth_getLogs", err)
			}
		}
	}
	out.Facts = append(out.Facts, facts...)
	for _, r := range list {
		out.Owned = append(out.Owned, kind.Object[Spec]{ID: r.ResourceID(), Spec: r.spec})
	}
}

func (v *view) begin() []*reading {
	list := make([]*reading, len(v.chosen))
	for i, c := range v.chosen {
		list[i] = &reading{Contract: c, address: common.HexToAddress(c.Address), spec: Spec{
			Address: c.Address, Parameters: map[string]resource.Value{}, Scans: map[string][][]resource.Value{},
			Readings: map[string]Reading{}, Unreadable: map[string]string{},
		}}
	}
	return list
}

// ask puts the questions of all contracts, and those that follow from the answers,
// in two rounds.
func ask(ctx context.Context, l *chain.Look, v *view, list []*reading) error {
	var first, second round
	for _, r := range list {
		r.begin(v, &first, &second)
	}
	if err := first.run(ctx, l); err != nil {
		return err
	}
	return second.run(ctx, l)
}

// round is a list of questions with what takes each answer.
type round struct {
	questions []evm.Question
	take      []func(evm.Result)
}

func (r *round) ask(q evm.Question, take func(evm.Result)) {
	r.questions, r.take = append(r.questions, q), append(r.take, take)
}

func (r *round) run(ctx context.Context, l *chain.Look) error {
	if len(r.questions) == 0 {
		return nil
	}
	results, err := l.Ask(ctx, r.questions)
	if err != nil {
		return err
	}
	if len(results) != len(r.take) {
		return errors.New("answers do not fit their questions")
	}
	for i, take := range r.take {
		take(results[i])
	}
	return nil
}

// who are the owners of the contracts, what a transaction costs, and the addresses
// that keys have.
func (v *view) who(ctx context.Context, l *chain.Look, list []*reading) ([]resource.Fact, error) {
	var facts []resource.Fact
	var addresses []common.Address
	writes := false
	for _, r := range list {
		facts = append(facts, v.keys(r)...)
		if r.written() && common.IsHexAddress(r.spec.Owner.Literal) {
			addresses = append(addresses, common.HexToAddress(r.spec.Owner.Literal))
		}
		writes = writes || r.written()
	}
	owners, err := call.Known(v.env, v.network.Name, v.lookup).Resolve(ctx, l, addresses, call.Routers(v.env, v.network.Name)...)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		if o, known := owners[common.HexToAddress(r.spec.Owner.Literal)]; known && r.written() && r.spec.Owner.Literal != "" {
			facts = append(facts, resource.Fact{ID: r.ResourceID(), Name: call.FactOwner, Value: o.String()})
		}
	}
	if !writes {
		return facts, nil
	}
	account, err := l.Account(ctx, v.payer(owners))
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		if r.written() {
			facts = append(facts, call.Fees(r.ResourceID(), account.Fees.PerGas(), account.Fees.L1)...)
		}
	}
	return facts, nil
}

// payer is an account whose fees are asked for: that of a key, because a contract
// may refuse the plain transfer that they are reckoned from.
func (v *view) payer(owners map[common.Address]call.Owner) common.Address {
	var payer common.Address
	for address, o := range owners {
		if o.Sort == call.Held && address.Cmp(payer) > 0 {
			payer = address
		}
	}
	return payer
}

// keys are the addresses that the contract must hold, as far as they are known:
// Check compares with them.
func (v *view) keys(r *reading) []resource.Fact {
	var names []string
	add := func(w config.Want) {
		if w.Key != "" && !slices.Contains(names, w.Key) {
			names = append(names, w.Key)
		}
	}
	if r.Owner != nil {
		add(config.Want{Key: r.Owner.Key})
	}
	for _, p := range r.Contract.Parameters {
		add(p.Want)
		for _, a := range p.WriteArgs {
			add(a)
		}
	}
	for _, s := range r.Contract.Scans {
		for _, e := range s.Want {
			for _, w := range e {
				add(w)
			}
		}
	}
	var facts []resource.Fact
	for _, name := range names {
		if address, known := v.text(config.Want{Key: name}); known {
			facts = append(facts, resource.Fact{ID: r.ResourceID(), Name: factKey + name, Value: address})
		}
	}
	return facts
}

// word is an answer that is one address.
func word(r evm.Result) (common.Address, error) {
	w, ok := r.Word()
	address := common.BytesToAddress(w[:])
	switch {
	case r.Reverted:
		return address, fmt.Errorf("reverts: %q", evm.Reason(r.Data))
	case !ok || w != common.BytesToHash(address[:]):
		return address, errors.New("is no address")
	case address == common.Address{}:
		return address, errors.New("is empty")
	}
	return address, nil
}
