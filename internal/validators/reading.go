package validators

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// atOnce is how many networks are read at the same time.
const atOnce = 32

// reading is what one network is asked, and what it said.
type reading struct {
	network config.Network
	env     *config.Environment
	// As a destination:
	mailbox   common.Address
	factories ism.Factories
	parties   call.Parties
	// payer is whom fees are asked for: a contract may refuse what they are
	// reckoned from, and must not make a network unread.
	payer  common.Address
	wishes []*wish
	// As an origin, whose set has these members:
	origin   attestation.Origin
	announce common.Address
	members  []common.Address

	paths     map[uint32]ism.Path
	code      map[common.Address]bool
	level     level
	owners    map[common.Address]call.Owner
	fees      chain.Fees
	locations map[common.Address][]string
	tip       attestation.Tip
	tipErr    error
	err       error
}

func newReading(env *config.Environment, name string) *reading {
	r := &reading{env: env, factories: Factories(env, name), origin: originOf(env, name)}
	r.network, _ = env.Network(name)
	r.mailbox, r.announce = contractAt(env, name, config.RoleMailbox), contractAt(env, name, config.RoleValidatorAnnounce)
	return r
}

// read reads networks, each at one block.
func (s Source) read(ctx context.Context, readings []*reading) {
	var work errgroup.Group
	work.SetLimit(atOnce)
	for _, r := range readings {
		work.Go(func() error {
			client, err := s.Networks(r.network.Name)
			if err == nil {
				err = client.Look(ctx, r.ask)
			}
			if r.err = err; err == nil {
				r.rise(ctx, client)
			}
			return nil
		})
	}
	_ = work.Wait() // each reading has its own error
}

// ask is all rounds of a network. It may be run again from its start.
func (r *reading) ask(ctx context.Context, l *chain.Look) error {
	r.paths, r.code, r.owners, r.locations = nil, map[common.Address]bool{}, nil, map[common.Address][]string{}
	r.level = level{}
	// What needs no answer goes with the first round of the walk.
	early := slices.Concat(r.announcements(), codeOf(r.leaves()), runs(r.implementations()))
	if len(r.wishes) > 0 {
		if err := r.walk(ctx, l, early); err != nil {
			return err
		}
	} else if err := r.first(ctx, l, early); err != nil {
		return err
	}
	if len(r.members) > 0 {
		if err := r.top(ctx, l); err != nil {
			return err
		}
	}
	return r.means(ctx, l)
}

func (r *reading) first(ctx context.Context, l *chain.Look, early []evm.Question) error {
	results, err := l.Ask(ctx, early)
	if err == nil {
		r.heard(results)
	}
	return err
}

func (r *reading) walk(ctx context.Context, l *chain.Look, early []evm.Question) error {
	var origins []uint32
	for _, w := range r.wishes {
		origins = append(origins, w.domain)
	}
	walk := ism.NewWalk(r.mailbox, origins, r.factories)
	for questions := walk.Ask(); len(questions) > 0; questions = walk.Ask() {
		results, err := l.Ask(ctx, append(slices.Clone(questions), early...))
		if err != nil {
			return err
		}
		if len(early) > 0 {
			r.heard(results[len(questions):])
			early = nil
		}
		if err := walk.Answer(results[:len(questions)]); err != nil {
			return err
		}
	}
	r.paths = walk.Paths()
	return nil
}

// announcements asks for each member by itself, so that one whose answer is too
// long to be read hides no other.
func (r *reading) announcements() []evm.Question {
	list := evm.MustMethod("getAnnouncedStorageLocations(address[])(string[][])")
	questions := make([]evm.Question, len(r.members))
	for i, m := range r.members {
		questions[i] = evm.Ask(list.Call(r.announce, []common.Address{m}))
	}
	return questions
}

// leaves are the modules that the declared sets are asked for by, wherever the
// path to them leads: whether they exist is asked before the path is known.
func (r *reading) leaves() []common.Address {
	var list []common.Address
	for _, w := range r.wishes {
		if w.Known && w.Set.Managed {
			for _, at := range r.factories.Leaves(w.Wanted) {
				if !slices.Contains(list, at) {
					list = append(list, at)
				}
			}
		}
	}
	return list
}

func codeOf(list []common.Address) []evm.Question {
	questions := make([]evm.Question, len(list))
	for i, at := range list {
		questions[i] = evm.AskCode(at)
	}
	return questions
}

// heard takes the answers to what was asked early.
func (r *reading) heard(results []evm.Result) {
	list := evm.MustMethod("getAnnouncedStorageLocations(address[])(string[][])")
	for i, m := range r.members {
		values, err := list.Unpack(results[i])
		if lists, ok := first[[][]string](values, err); ok && len(lists) == 1 {
			r.locations[m] = lists[0]
		}
	}
	results = results[len(r.members):]
	leaves := r.leaves()
	for i, at := range leaves {
		r.code[at] = len(results[i].Data) > 0
	}
	r.level = ran(r.implementations(), results[len(leaves):])
}

// deepest is how far below the head a tip is read at most: every node keeps the
// state of so many blocks (geth: 128).
const deepest = 100

// top reads the tree of an origin as it was before the network's confirmations:
// validators sign what is that deep, and nobody lags for what is not.
func (r *reading) top(ctx context.Context, l *chain.Look) error {
	count, root := evm.MustMethod("count()(uint32)"), evm.MustMethod("root()(bytes32)")
	results, err := l.AskAgo(ctx, min(r.network.Confirmations, deepest), []evm.Question{
		evm.Ask(count.Call(r.origin.Hook)), evm.Ask(root.Call(r.origin.Hook)),
	})
	if err != nil {
		return err
	}
	n, errCount := count.Unpack(results[0])
	top, errRoot := root.Unpack(results[1])
	leaves, okCount := first[uint32](n, errCount)
	hash, okRoot := first[[32]byte](top, errRoot)
	r.tip, r.tipErr = attestation.Tip{Count: leaves, Root: hash}, nil
	if !okCount || !okRoot {
		r.tipErr = fmt.Errorf("%s: %s is no merkle tree hook", r.network.Name, r.origin.Hook)
	}
	return nil
}

func first[T any](values []any, err error) (T, bool) {
	var none T
	if err != nil || len(values) != 1 {
		return none, false
	}
	v, ok := values[0].(T)
	return v, ok
}

// means reads what changes would take: which modules exist, who owns what must
// be called, and what a transaction costs. Only where something differs.
func (r *reading) means(ctx context.Context, l *chain.Look) error {
	var unknown, owners []common.Address
	for _, w := range r.wishes {
		repoint, ok := r.repoint(w)
		if !ok {
			continue
		}
		owners = append(owners, repoint.Owner)
		for _, m := range repoint.Modules {
			if _, asked := r.code[m]; !asked && !slices.Contains(unknown, m) {
				unknown = append(unknown, m)
			}
		}
	}
	if len(owners) == 0 {
		return nil
	}
	results, err := l.Ask(ctx, codeOf(unknown))
	if err != nil {
		return err
	}
	for i, m := range unknown {
		r.code[m] = len(results[i].Data) > 0
	}
	if r.owners, err = r.parties.Resolve(ctx, l, owners, call.Routers(r.env, r.network.Name)...); err != nil {
		return err
	}
	account, err := l.Account(ctx, r.payer)
	r.fees = account.Fees
	return err
}

// repoint is what a wish takes, where its path is read and asks for another set.
func (r *reading) repoint(w *wish) (ism.Repoint, bool) {
	path, read := r.paths[w.domain]
	if !read || !w.Known || !w.Set.Managed || path.Set != nil && path.Set.Equal(w.Wanted) {
		return ism.Repoint{}, false
	}
	repoint, err := ism.Rebuild(path, w.Wanted, r.factories, func(at common.Address) bool { return r.code[at] })
	return repoint, err == nil
}

// route is what was read of a wish.
func (w *wish) route(destination, origin *reading) Route {
	route := w.Route
	route.Err, route.OriginErr = destination.err, origin.err
	if route.OriginErr == nil {
		route.OriginErr = origin.tipErr
	}
	if route.Err != nil {
		return route
	}
	route.Path = destination.paths[w.domain]
	repoint, differs := destination.repoint(w)
	if !differs {
		return route
	}
	push0, err := destination.level.push0Of(repoint)
	if err != nil {
		route.Err = err
		return route
	}
	route.Change = destination.change(w, repoint)
	route.Change.Push0 = push0
	return route
}

func (r *reading) change(w *wish, repoint ism.Repoint) *Change {
	c := &Change{Repoint: repoint, By: r.owners[repoint.Owner], Fees: r.fees}
	for _, m := range repoint.Modules {
		if r.code[m] {
			c.There = append(c.There, m)
		}
	}
	for _, domain := range repoint.Sharing(w.domain, r.paths) {
		for _, other := range r.wishes {
			if other.domain != domain {
				continue
			}
			c.Shared = append(c.Shared, other.Set.Origin)
			if !w.Wanted.Equal(other.Wanted) {
				c.Against = append(c.Against, other.Set.Origin)
			}
		}
	}
	if repoint.OwnedBy == ism.HeldByMailbox {
		c.Shared = append(c.Shared, "every origin that is not declared")
	}
	return c
}
