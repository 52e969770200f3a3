package multisigsafe

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
)

func (s *safes) observe(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Observation[Spec] {
	return s.look(ctx, env, nil, lookup)
}

func (s *safes) read(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	return s.look(ctx, env, ids, lookup)
}

// live is one Safe as read.
type live struct {
	config.Safe
	state safe.State
	code  common.Hash
	fees  chain.Fees
	err   error
}

func (s *safes) look(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	byNetwork := map[string][]*live{}
	for _, declared := range env.Safes {
		if declared.Address != "" && (ids == nil || slices.Contains(ids, declared.ResourceID())) {
			byNetwork[declared.Network] = append(byNetwork[declared.Network], &live{Safe: declared})
		}
	}
	var networks [][]*live
	for _, n := range env.Networks {
		if len(byNetwork[n.Name]) > 0 {
			networks = append(networks, byNetwork[n.Name])
		}
	}
	return kind.Gather(ctx, networks, func(ctx context.Context, list []*live) kind.Observation[Spec] {
		return s.network(ctx, env, list, lookup)
	})
}

// network reads all Safes of one network at one block, and then their queues.
func (s *safes) network(ctx context.Context, env *config.Environment, list []*live, lookup kind.Lookup) kind.Observation[Spec] {
	var seen kind.Observation[Spec]
	client, err := s.Networks(list[0].Network)
	if err == nil {
		err = client.Look(ctx, func(ctx context.Context, l *chain.Look) error { return ask(ctx, l, list) })
	}
	for _, one := range list {
		if cause := firstOf(err, one.err); cause != nil {
			seen.Unread = append(seen.Unread, resource.Unread{Scope: one.ResourceID().String(), Operation: "read safe", Cause: cause.Error()})
			continue
		}
		seen.Owned = append(seen.Owned, one.object())
		seen.Facts = append(seen.Facts, one.facts(env, lookup)...)
		facts, err := s.proposals(ctx, env, one)
		if err != nil {
			seen.Unread = append(seen.Unread, resource.Unread{Scope: one.ResourceID().String(), Operation: "read proposals", Cause: err.Error()})
		}
		seen.Facts = append(seen.Facts, facts...)
	}
	return seen
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func ask(ctx context.Context, l *chain.Look, list []*live) error {
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
	account, err := l.Account(ctx, common.HexToAddress(list[0].Address))
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
	if !l.Managed {
		o.Mode = resource.Observed
	}
	o.Spec.Order = texts(l.state.Owners)
	sorted := slices.Clone(o.Spec.Order)
	slices.Sort(sorted)
	for _, owner := range sorted {
		o.Spec.Owners = append(o.Spec.Owners, resource.Literal(owner))
	}
	return o
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
		{ID: id, Name: call.FactNonce, Value: strconv.FormatUint(l.state.Nonce, 10)},
		{ID: id, Name: call.FactThreshold, Value: strconv.FormatUint(l.state.Threshold, 10)},
	}
	var held []call.HeldKey
	for _, owner := range l.state.Owners {
		if k, ok := known[owner]; ok && k.Sort == call.Held {
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
)

// foreign is somebody else's transaction: all of it is a stranger's.
type foreign struct {
	Nonce   uint64   `json:"nonce"`
	Effects []string `json:"effects"`
	Dangers []string `json:"dangers,omitempty"`
	// Like says how it differs from a proposal of ours that it resembles.
	Like string `json:"like,omitempty"`
}

// proposals are what can still be executed: those that we recorded and that
// are recognised, and what else waits in the service's queue.
func (s *safes) proposals(ctx context.Context, env *config.Environment, l *live) ([]resource.Fact, error) {
	records, err := s.Calls.Book.Records(ctx, l.Network, common.HexToAddress(l.Address), l.state.Nonce)
	if err != nil {
		return nil, err
	}
	id := l.ResourceID()
	var facts []resource.Fact
	ours := map[common.Hash]call.Record{}
	for _, r := range records {
		ours[common.HexToHash(r.Hash)] = r
	}
	queued := map[common.Hash]bool{}
	if l.Service != "" {
		pending, err := s.Queue.Pending(ctx, l.Safe, l.state.Nonce)
		if err != nil {
			facts = append(facts, resource.Fact{ID: id, Name: factQueue, Value: "unread"})
			for hash := range ours {
				queued[hash] = true // what cannot be asked for is taken to wait
			}
		}
		for _, p := range pending {
			hash, fact, err := stranger(env, l, records, p)
			if err != nil {
				return facts, err
			}
			if queued[hash] = true; ours[hash].Hash == "" {
				facts = append(facts, fact)
			}
		}
	}
	for hash, r := range ours {
		if l.Service != "" && !queued[hash] {
			continue // nobody sees it: it is proposed again
		}
		fact, err := call.ProposalFact(id, call.Proposed{Hash: hash, Nonce: r.Nonce, Calls: r.Calls})
		if err != nil {
			return facts, err
		}
		facts = append(facts, fact)
	}
	return facts, nil
}

// stranger tells what a pending transaction does, by its bytes, under the hash
// that they have here.
func stranger(env *config.Environment, l *live, records []call.Record, p safeservice.Proposal) (common.Hash, resource.Fact, error) {
	network, _ := env.Network(l.Network)
	address := common.HexToAddress(l.Address)
	hashes, err := safe.HashesOf(network.ChainID, address, p.Tx)
	if err != nil {
		return common.Hash{}, resource.Fact{}, err
	}
	multiSend := common.HexToAddress(call.MultiSend(env, l.Network))
	f := foreign{Nonce: p.Tx.Nonce}
	for _, e := range safe.EffectsOf(address, multiSend, p.Tx, names(env, l.Network)) {
		f.Effects = append(f.Effects, e.Text)
		if e.Danger != "" {
			f.Dangers = append(f.Dangers, e.Danger)
		}
	}
	for _, r := range records {
		if calls, _, _, err := r.Batch(); err == nil && resembles(p.Tx, calls) {
			if odd := safe.Recognise(network.ChainID, address, multiSend, calls, p.Tx); odd != nil {
				f.Like = odd.Error()
			}
		}
	}
	data, err := json.Marshal(f)
	return hashes.SafeTx, resource.Fact{ID: l.ResourceID(), Name: factForeign + hashes.SafeTx.Hex(), Value: string(data)}, err
}

// resembles reports a transaction that makes a call of ours, or says to.
func resembles(tx safe.Tx, calls []evm.Call) bool {
	return slices.ContainsFunc(calls, func(c evm.Call) bool {
		return len(c.Data) > 0 && strings.Contains(string(tx.Data), string(c.Data))
	})
}

// names are the configuration's own for addresses of a network.
func names(env *config.Environment, network string) safe.Names {
	return func(a common.Address) string {
		address := a.Hex()
		for role, c := range deployed(env, network) {
			if strings.EqualFold(c.Address, address) {
				return role
			}
		}
		for _, s := range env.Safes {
			if s.Network == network && strings.EqualFold(s.Address, address) {
				return "Safe " + s.Name
			}
		}
		return ""
	}
}

func deployed(env *config.Environment, network string) map[string]config.Deployed {
	if env.Deployment == nil {
		return nil
	}
	return env.Deployment.Networks[network]
}

// foreigners reads the facts back.
func foreigners(facts map[string]string) (map[string]foreign, error) {
	found := map[string]foreign{}
	for name, value := range facts {
		hash, is := strings.CutPrefix(name, factForeign)
		if !is {
			continue
		}
		var f foreign
		if err := json.Unmarshal([]byte(value), &f); err != nil {
			return nil, fmt.Errorf("fact %q is malformed", name)
		}
		found[hash] = f
	}
	return found, nil
}
