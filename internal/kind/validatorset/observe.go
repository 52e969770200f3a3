package validatorset

import (
	"context"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func (s *sets) observe(ctx context.Context, env *config.Environment, lookup kind.Lookup) kind.Observation[Spec] {
	return s.look(ctx, env, nil, lookup)
}

func (s *sets) read(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	return s.look(ctx, env, ids, lookup)
}

// look reads each network once: as a destination, the modules of its mailbox;
// as an origin, where its validators announced that they publish. Then all
// validators are judged.
func (s *sets) look(ctx context.Context, env *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Observation[Spec] {
	plan := gather(env, ids, lookup)
	var seen kind.Observation[Spec]
	readings := plan.networks()
	done := make(chan int)
	for i := range readings {
		go func() {
			s.network(ctx, &readings[i])
			done <- i
		}()
	}
	for range readings {
		<-done
	}
	for i := range readings {
		readings[i].into(&seen)
	}
	seen.Facts = append(seen.Facts, s.standings(ctx, env, readings)...)
	return seen
}

// wish is one resource that is looked for.
type wish struct {
	id     resource.ID
	set    config.ValidatorSet
	terms  *Terms
	origin uint32
	// want is the declared set where all addresses are known.
	want    ism.Set
	waiting bool
	mode    resource.Mode
}

// reading is what one network is asked, and what it said.
type reading struct {
	network string
	env     *config.Environment
	parties call.Parties
	mailbox common.Address
	wishes  []wish
	// announced are the members of the set of this network as an origin.
	announce  common.Address
	members   []common.Address
	locations map[common.Address][]string

	paths  map[uint32]ism.Path
	code   map[common.Address]bool
	owners map[common.Address]call.Owner
	fees   *chain.Fees
	err    error
}

type gathering struct {
	env      *config.Environment
	readings map[string]*reading
	lookup   kind.Lookup
}

// gather lists what is declared, or of it what ids name, by network.
func gather(env *config.Environment, ids []resource.ID, lookup kind.Lookup) gathering {
	g := gathering{env: env, readings: map[string]*reading{}, lookup: lookup}
	for _, set := range env.ValidatorSets {
		members := g.addresses(set)
		for _, destination := range set.Destinations {
			id := config.SetID(destination, set.Origin)
			terms, deployed := termsOf(env, set, destination)
			if !deployed || (ids != nil && !slices.Contains(ids, id)) {
				continue
			}
			origin, _ := env.Network(set.Origin)
			w := wish{id: id, set: set, terms: terms, origin: origin.DomainID, mode: resource.Managed, waiting: slices.Contains(members, common.Address{})}
			w.want = ism.Set{Type: ism.SetType(set.Type), Threshold: set.Threshold, Members: members}
			if !set.Managed {
				w.mode = resource.Observed
			}
			at := g.at(destination)
			at.wishes = append(at.wishes, w)
			from := g.at(set.Origin)
			from.members = members
		}
	}
	return g
}

// addresses of a set's members, the zero address for one that is not known yet.
func (g gathering) addresses(set config.ValidatorSet) []common.Address {
	var list []common.Address
	for _, m := range set.Members {
		text := m.Address
		if key, ok := g.env.Key(m.Key); ok {
			text, _ = g.lookup(resource.Ref{ID: key.ResourceID(), Output: "address"})
		}
		list = append(list, common.HexToAddress(text))
	}
	return list
}

func (g gathering) at(network string) *reading {
	if g.readings[network] == nil {
		r := &reading{network: network, env: g.env, parties: call.Known(g.env, network, g.lookup)}
		if c, ok := g.env.Deployment.Contract(network, config.RoleMailbox); ok {
			r.mailbox = common.HexToAddress(c.Address)
		}
		if c, ok := g.env.Deployment.Contract(network, config.RoleValidatorAnnounce); ok {
			r.announce = common.HexToAddress(c.Address)
		}
		g.readings[network] = r
	}
	return g.readings[network]
}

func (g gathering) networks() []reading {
	var list []reading
	for _, n := range g.env.Networks {
		if r := g.readings[n.Name]; r != nil {
			list = append(list, *r)
		}
	}
	return list
}

// network reads one network at one block.
func (s *sets) network(ctx context.Context, r *reading) {
	client, err := s.Networks(r.network)
	if err == nil {
		err = client.Look(ctx, func(ctx context.Context, l *chain.Look) error { return r.ask(ctx, l) })
	}
	r.err = err
}

// ask is all rounds of a network. It may be run again from its start.
func (r *reading) ask(ctx context.Context, l *chain.Look) error {
	r.paths, r.code, r.owners, r.locations, r.fees = nil, map[common.Address]bool{}, nil, nil, nil
	origins := make([]uint32, len(r.wishes))
	for i, w := range r.wishes {
		origins[i] = w.origin
	}
	walk := ism.NewWalk(r.mailbox, origins, r.factories())
	announced := r.announcements()
	for questions := walk.Ask(); len(questions) > 0 && len(r.wishes) > 0; questions = walk.Ask() {
		results, err := l.Ask(ctx, append(slices.Clone(questions), announced...))
		if err != nil {
			return err
		}
		r.heard(results[len(questions):])
		announced = nil
		if err := walk.Answer(results[:len(questions)]); err != nil {
			return err
		}
	}
	if len(announced) > 0 {
		results, err := l.Ask(ctx, announced)
		if err != nil {
			return err
		}
		r.heard(results)
	}
	if len(r.wishes) == 0 {
		return nil
	}
	r.paths = walk.Paths()
	return r.means(ctx, l)
}

func (r *reading) factories() ism.Factories {
	if len(r.wishes) == 0 {
		return ism.Factories{}
	}
	return r.wishes[0].terms.Factories
}

// means reads what a change would take: which modules exist, who owns what
// must be called, and what a transaction costs. Only where something differs.
func (r *reading) means(ctx context.Context, l *chain.Look) error {
	var modules, owners []common.Address
	for _, w := range r.wishes {
		if repoint, ok := r.repoint(w, func(common.Address) bool { return false }); ok {
			modules, owners = append(modules, repoint.Modules...), append(owners, repoint.Owner)
		}
	}
	if len(owners) == 0 {
		return nil
	}
	questions := make([]evm.Question, len(modules))
	for i, m := range modules {
		questions[i] = evm.AskCode(m)
	}
	results, err := l.Ask(ctx, questions)
	if err != nil {
		return err
	}
	for i, m := range modules {
		r.code[m] = len(results[i].Data) > 0
	}
	if r.owners, err = r.parties.Resolve(ctx, l, owners); err != nil {
		return err
	}
	account, err := l.Account(ctx, owners[0])
	r.fees = &account.Fees
	return err
}

// repoint is what a wish takes, where its path is read and asks for another set.
func (r *reading) repoint(w wish, deployed func(common.Address) bool) (ism.Repoint, bool) {
	path := r.paths[w.origin]
	if w.waiting || w.mode == resource.Observed || (path.Set != nil && path.Set.Equal(w.want)) {
		return ism.Repoint{}, false
	}
	repoint, err := ism.Rebuild(path, w.want, w.terms.Factories, deployed)
	return repoint, err == nil
}

// into writes what was read of a destination.
func (r *reading) into(seen *kind.Observation[Spec]) {
	if r.err != nil {
		for _, w := range r.wishes {
			seen.Unread = append(seen.Unread, resource.Unread{Scope: w.id.String(), Operation: "read the modules of its mailbox", Cause: r.err.Error()})
		}
		return
	}
	for _, w := range r.wishes {
		path := r.paths[w.origin]
		o := kind.Object[Spec]{ID: w.id, Mode: w.mode, Group: Name + "/" + w.set.Origin, Spec: Spec{Members: []resource.Value{}, Path: &path}}
		if path.Set != nil {
			o.Spec.Type, o.Spec.Threshold, o.Spec.ISM = string(path.Set.Type), path.Set.Threshold, path.Leaf().Address.Hex()
			for _, m := range texts(path.Set.Members) {
				o.Spec.Members = append(o.Spec.Members, resource.Literal(m))
			}
			o.Outputs = resource.Outputs{"ism": o.Spec.ISM}
		}
		seen.Owned = append(seen.Owned, o)
		seen.Facts = append(seen.Facts, r.facts(w)...)
	}
}

// facts are what the steps of a wish are made of.
func (r *reading) facts(w wish) []resource.Fact {
	repoint, differs := r.repoint(w, func(common.Address) bool { return false })
	if !differs {
		return nil
	}
	facts := []resource.Fact{{ID: w.id, Name: call.FactOwner, Value: r.owners[repoint.Owner].String()}}
	for _, m := range repoint.Modules {
		if r.code[m] {
			facts = append(facts, resource.Fact{ID: w.id, Name: factCode + m.Hex(), Value: "yes"})
		}
	}
	if sharing := r.sharing(repoint, w.origin); sharing != "" {
		facts = append(facts, resource.Fact{ID: w.id, Name: factShared, Value: sharing})
	}
	return append(facts, call.Fees(w.id, r.fees.PerGas(), r.fees.L1)...)
}

// factShared names the other origins whose set a repoint changes too.
const factShared = "shared-with"

func (r *reading) sharing(repoint ism.Repoint, origin uint32) string {
	var names []string
	for _, domain := range repoint.Sharing(origin, r.paths) {
		for _, n := range r.env.Networks {
			if n.DomainID == domain {
				names = append(names, n.Name)
			}
		}
	}
	if repoint.OwnedBy == ism.HeldByMailbox {
		names = append(names, "every origin that is not declared")
	}
	return strings.Join(names, ", ")
}

// locationsMethod is ValidatorAnnounce's list of where validators publish.
func locationsMethod() evm.Method {
	return evm.MustMethod("getAnnouncedStorageLocations(address[])(string[][])")
}

// announcements asks for each member by itself, so that one whose answer is too
// long to be read hides no other.
func (r *reading) announcements() []evm.Question {
	if r.announce == (common.Address{}) {
		return nil
	}
	questions := make([]evm.Question, len(r.members))
	for i, m := range r.members {
		questions[i] = evm.Ask(locationsMethod().Call(r.announce, []common.Address{m}))
	}
	return questions
}

func (r *reading) heard(results []evm.Result) {
	if len(results) == 0 {
		return
	}
	r.locations = map[common.Address][]string{}
	for i, m := range r.members {
		values, err := locationsMethod().Unpack(results[i])
		if lists, ok := first[[][]string](values, err); ok && len(lists) == 1 {
			r.locations[m] = lists[0]
		}
	}
}

func first[T any](values []any, err error) (T, bool) {
	var none T
	if err != nil || len(values) != 1 {
		return none, false
	}
	v, ok := values[0].(T)
	return v, ok
}

// originOf is what a network's validators attest to.
func originOf(env *config.Environment, network string) (attestation.Origin, bool) {
	n, known := env.Network(network)
	hook, there := env.Deployment.Contract(network, config.RoleMerkleTreeHook)
	mailbox, deployed := env.Deployment.Contract(network, config.RoleMailbox)
	return attestation.Origin{Domain: n.DomainID, Hook: common.HexToAddress(hook.Address), Mailbox: common.HexToAddress(mailbox.Address)}, known && there && deployed
}
