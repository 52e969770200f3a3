package multisigsafe

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

func (s *safes) observe(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Observation[Spec] {
	return s.read(ctx, env, nil, lookup)
}

// live is one Safe as read.
type live struct {
	config.Safe
	state safe.State
	code  common.Hash
	fees  chain.Fees
	err   error
}

func (s *safes) read(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	byNetwork := map[string][]*live{}
	var absent []resource.Fact
	for _, declared := range env.Safes {
		id := declared.ResourceID()
		network, _ := env.Network(declared.Network)
		switch {
		case network.State == config.Retired || ids != nil && !slices.Contains(ids, id):
		case declared.Address == "":
			absent = append(absent, resource.Fact{ID: id, Name: factAbsent, Value: "yes"})
		default:
			byNetwork[declared.Network] = append(byNetwork[declared.Network], &live{Safe: declared})
		}
	}
	var networks [][]*live
	for _, name := range slices.Sorted(maps.Keys(byNetwork)) {
		networks = append(networks, byNetwork[name])
	}
	seen := kind.Gather(ctx, networks, func(ctx context.Context, list []*live) kind.Observation[Spec] {
		return s.network(ctx, env, list, lookup)
	})
	seen.Facts = append(seen.Facts, absent...)
	return seen
}

// network reads all Safes of one network at one block, and then their queues.
func (s *safes) network(ctx context.Context, env *config.Environment, list []*live, lookup kind.Lookup) kind.Observation[Spec] {
	var seen kind.Observation[Spec]
	client, err := s.Networks(list[0].Network)
	if err == nil {
		err = client.Look(ctx, func(ctx context.Context, l *chain.Look) error { return ask(ctx, l, list, call.Payer(env, lookup)) })
	}
	for _, one := range list {
		if cause := cmp.Or(err, one.err); cause != nil {
			seen.Unread = append(seen.Unread, resource.Unread{Scope: one.ResourceID().String(), Operation: "read safe", Cause: cause.Error()})
			continue
		}
		seen.Owned = append(seen.Owned, one.object())
		seen.Facts = append(seen.Facts, one.facts(env, lookup)...)
		facts, err := s.waiting(ctx, env, one)
		if err != nil {
			seen.Unread = append(seen.Unread, resource.Unread{Scope: one.ResourceID().String(), Operation: "read proposals", Cause: err.Error()})
		}
		seen.Facts = append(seen.Facts, facts...)
	}
	return seen
}

func ask(ctx context.Context, l *chain.Look, list []*live, payer common.Address) error {
	var questions []evm.Question
	each := len(safe.Questions(common.Address{}))
	for _, one := range list {
		one.err = nil
		questions = append(questions, safe.Questions(common.HexToAddress(one.Address))...)
	}
	results, err := l.Ask(ctx, questions)
	if err != nil {
		return err
	}
	var codes []evm.Question
	for i, one := range list {
		if one.state, one.err = safe.Read(results[i*each : (i+1)*each]); one.err == nil {
			one.err = safe.CheckVersion(one.state.Version)
		}
		codes = append(codes, one.state.SingletonQuestion())
	}
	if results, err = l.Ask(ctx, codes); err != nil {
		return err
	}
	account, err := l.Account(ctx, payer)
	for i, one := range list {
		one.code, one.fees = evm.CodeHash(results[i].Data), account.Fees
	}
	return err
}

func (l *live) object() kind.Object[Spec] {
	o := kind.Object[Spec]{ID: l.ResourceID(), Group: Name + "/" + l.Name, Spec: Spec{
		Owners: []resource.Value{}, Threshold: l.state.Threshold, Version: l.state.Version,
		Around: &Around{
			Singleton: l.state.Singleton.Hex(), Proxy: l.state.Proxy.Hex(), Code: l.code.Hex(), Modules: texts(l.state.Modules), MoreModules: l.state.MoreModules,
			Guard: text(l.state.Guard), ModuleGuard: text(l.state.ModuleGuard), Fallback: text(l.state.FallbackHandler),
		},
	}, Outputs: resource.Outputs{"address": l.Address}}
	o.Spec.Order = texts(l.state.Owners)
	sorted := slices.Clone(o.Spec.Order)
	slices.Sort(sorted)
	for _, owner := range sorted {
		o.Spec.Owners = append(o.Spec.Owners, resource.Literal(owner))
	}
	return watched(o, l.Safe)
}

func text(a common.Address) string {
	if a == (common.Address{}) {
		return ""
	}
	return a.Hex()
}

func texts(list []common.Address) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.Hex()
	}
	return out
}

// facts are what steps of whatever the Safe owns are made of.
func (l *live) facts(env *config.Environment, lookup kind.Lookup) []resource.Fact {
	id := l.ResourceID()
	known := call.Known(env, l.Network, lookup)
	own := known[common.HexToAddress(l.Address)]
	facts := []resource.Fact{
		{ID: id, Name: call.FactOwner, Value: own.String()},
		{ID: id, Name: call.FactThreshold, Value: strconv.FormatUint(l.state.Threshold, 10)},
		{ID: id, Name: factOwners, Value: strconv.Itoa(len(l.state.Owners))},
	}
	var held []call.HeldKey
	for _, owner := range l.state.Owners {
		if k := known[owner]; k.Sort == call.Held {
			held = append(held, call.HeldKey{Key: k.Name, Address: owner})
		}
	}
	facts = append(facts, call.HeldFact(id, held))
	for _, k := range known {
		if k.Sort == call.Held && k.Name == l.Delegate {
			facts = append(facts, resource.Fact{ID: id, Name: call.FactDelegate, Value: call.HeldKey{Key: k.Name, Address: k.Address}.String()})
		}
	}
	return append(facts, call.Fees(id, l.fees.PerGas(), l.fees.L1)...)
}

// Facts about transactions that wait and are not recognised as ours.
const (
	// factForeign with the safeTxHash computed here: what it does, as foreign.
	factForeign = "foreign "
	// factQueue says that the service's queue was not read.
	factQueue = "queue"
	// factOwners is how many owners the Safe has: threshold of owners must sign.
	factOwners = "owners"
	// factAbsent says that the deployment has no address for it.
	factAbsent = "not-deployed"
)

// foreign is somebody else's transaction: all of it is a stranger's.
type foreign struct {
	Nonce   uint64   `json:"nonce"`
	Effects []string `json:"effects"`
	Dangers []string `json:"dangers,omitempty"`
	// Like says how it differs from a proposal of ours that it resembles.
	Like string `json:"like,omitempty"`
}

// waiting are the facts of what can still be executed: our proposals that are
// recognised, and what else waits in the service's queue.
func (s *safes) waiting(ctx context.Context, env *config.Environment, l *live) ([]resource.Fact, error) {
	records, err := s.Calls.Book.Records(ctx, l.Network, common.HexToAddress(l.Address), l.state.Nonce)
	if err != nil {
		return nil, err
	}
	id := l.ResourceID()
	var facts []resource.Fact
	var queue call.Queue
	if l.Service != "" {
		pending, err := s.Queue.Pending(ctx, l.Safe, l.state.Nonce)
		if queue.Read = err == nil; err != nil {
			facts = append(facts, resource.Fact{ID: id, Name: factQueue, Value: "unread"})
		}
		for _, p := range pending {
			queue.Txs = append(queue.Txs, p.Tx)
		}
	}
	list, err := call.Waits(env, l.Safe, records, queue)
	for _, w := range list {
		fact, err := factOf(id, w)
		if err != nil {
			return facts, err
		}
		facts = append(facts, fact)
	}
	return facts, err
}

func factOf(id resource.ID, w call.Waiting) (resource.Fact, error) {
	if w.Record != nil {
		return call.ProposalFact(id, call.Proposed{Hash: w.Hash, Nonce: w.Tx.Nonce, Calls: w.Record.Calls})
	}
	f := foreign{Nonce: w.Tx.Nonce, Like: w.Like}
	for _, e := range w.Effects {
		f.Effects = append(f.Effects, e.Text)
		if e.Danger != "" {
			f.Dangers = append(f.Dangers, e.Danger)
		}
	}
	data, err := json.Marshal(f)
	return resource.Fact{ID: id, Name: factForeign + w.Hash.Hex(), Value: string(data)}, err
}
