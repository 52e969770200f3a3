package ism

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Walk reads the modules that a mailbox asks for messages of many origins, all
// of them together and level by level: a tree of depth d costs d+1 rounds of
// questions, however many origins and modules there are.
//
//	for questions := w.Ask(); len(questions) > 0; questions = w.Ask() {
//		… results, all of one block …
//		if err := w.Answer(results); err != nil { … }
//	}
//	paths := w.Paths()
type Walk struct {
	mailbox   common.Address
	origins   []uint32
	factories Factories
	words     words

	top    *top
	nodes  map[common.Address]*Node
	routes map[visit]route
	// seen are all visits that are asked; size counts them by origin. Why an origin's
	// tree is not read further is in left.
	seen  map[visit]bool
	size  map[uint32]int
	left  map[uint32]string
	front []visit
	depth int
	round []probe
}

// visit is one module as messages of one origin meet it.
type visit struct {
	node   common.Address
	origin uint32
}

// top is what the mailbox answered.
type top struct {
	owner *common.Address
	ism   common.Address
	// problem is nil where the mailbox names a default module.
	problem *Problem
}

// route is where a routing module sends an origin: nowhere, when to is nil.
type route struct {
	to      *common.Address
	problem *Problem
}

// probe is a question with what is done with its answer.
type probe struct {
	question evm.Question
	take     func(evm.Result)
}

// NewWalk begins at a mailbox, for messages of these origin domains. Factories
// are the pinned ones, by which static modules are proved.
func NewWalk(mailbox common.Address, origins []uint32, factories Factories) *Walk {
	sorted := slices.Clone(origins)
	slices.Sort(sorted)
	return &Walk{
		mailbox: mailbox, origins: slices.Compact(sorted), factories: factories, words: newWords(),
		nodes: map[common.Address]*Node{}, routes: map[visit]route{}, seen: map[visit]bool{}, size: map[uint32]int{}, left: map[uint32]string{},
	}
}

// Ask is what must be known next; nothing when the walk is over. All rounds of a
// walk belong to one block.
func (w *Walk) Ask() []evm.Question {
	if w.round == nil {
		w.round = w.probes()
	}
	questions := make([]evm.Question, len(w.round))
	for i, p := range w.round {
		questions[i] = p.question
	}
	return questions
}

// Answer takes the results of the last Ask, in its order.
func (w *Walk) Answer(results []evm.Result) error {
	if len(results) != len(w.round) {
		return fmt.Errorf("modules of mailbox %s: %d answers for %d questions", w.mailbox.Hex(), len(results), len(w.round))
	}
	asked := w.round
	w.round = nil
	for i, p := range asked {
		p.take(results[i])
	}
	w.descend()
	// A level of modules that are all known, from the trees of other origins, needs
	// no question.
	for len(w.front) > 0 && len(w.probes()) == 0 {
		w.descend()
	}
	return nil
}

func (w *Walk) probes() []probe {
	if w.top == nil {
		return w.ofMailbox()
	}
	round := []probe{}
	fresh := map[common.Address]bool{}
	for _, v := range w.front {
		n := w.nodes[v.node]
		if n == nil && !fresh[v.node] {
			fresh[v.node] = true
			round = append(round, w.ofNode(v.node)...)
		}
		// A module's type is not known yet when its routes are asked for: an answer
		// that means nothing is cheaper than one more round.
		if n == nil || n.Type == Routing {
			round = append(round, w.ofRoute(v))
		}
	}
	return round
}

func (w *Walk) ofMailbox() []probe {
	var code, owner evm.Result
	return []probe{
		{evm.AskCode(w.mailbox), func(r evm.Result) { code = r }},
		{evm.Ask(w.words.owner.Call(w.mailbox)), func(r evm.Result) { owner = r }},
		{evm.Ask(w.words.defaultIsm.Call(w.mailbox)), func(r evm.Result) {
			w.top = &top{owner: address(w.words.owner.Unpack(owner))}
			values, err := w.words.defaultIsm.Unpack(r)
			switch ism := address(values, err); {
			case len(code.Data) == 0:
				w.top.problem = &Problem{RuleUnknown, w.mailbox, "there is no code at the mailbox's address"}
			case err != nil:
				w.top.problem = &Problem{RuleUnread, w.mailbox, err.Error()}
			case *ism == (common.Address{}):
				w.top.problem = &Problem{RuleNoSet, w.mailbox, "the mailbox has no default module"}
			default:
				w.top.ism = *ism
			}
		}},
	}
}

func (w *Walk) ofNode(at common.Address) []probe {
	a := &told{}
	probes := []probe{{evm.AskCode(at), func(r evm.Result) { a.code = r }}}
	for _, q := range []struct {
		call evm.Call
		into *evm.Result
	}{
		{w.words.owner.Call(at), &a.owner}, {w.words.validators.Call(at, []byte{}), &a.validators}, {w.words.modules.Call(at, []byte{}), &a.modules},
		{w.words.domains.Call(at), &a.domains}, {w.words.paused.Call(at), &a.paused},
	} {
		probes = append(probes, probe{evm.Ask(q.call), func(r evm.Result) { *q.into = r }})
	}
	return append(probes, probe{evm.Ask(w.words.moduleType.Call(at)), func(r evm.Result) {
		a.moduleType = r
		w.nodes[at] = w.words.node(at, *a, w.factories)
	}})
}

func (w *Walk) ofRoute(v visit) probe {
	return probe{evm.Ask(w.words.route.Call(v.node, v.origin)), func(r evm.Result) { w.routes[v] = w.readRoute(v, r) }}
}

// absentRoute is how a routing module says that it has none; what follows it has
// differed between versions.
const absentRoute = "No ISM found for origin"

func (w *Walk) readRoute(v visit, r evm.Result) route {
	values, err := w.words.route.Unpack(r)
	to := address(values, err)
	switch n := w.nodes[v.node]; {
	case r.Reverted && strings.HasPrefix(evm.Reason(r.Data), absentRoute):
		return route{}
	case err != nil:
		return route{problem: &Problem{RuleUnread, v.node, fmt.Sprintf("it routes, and not by the origin alone: %s", err)}}
	case *to == (common.Address{}):
		return route{}
	case *to == w.top.ism && n.Domains != nil && !slices.Contains(n.Domains, v.origin):
		// It falls back to the mailbox's default, below which it stands itself
		// (DefaultFallbackRoutingIsm): such a message is never verified.
		return route{}
	}
	return route{to: to}
}

// descend makes the next level's visits of this one's answers.
func (w *Walk) descend() {
	level := w.front
	w.front = nil
	w.depth++
	if w.depth == 1 {
		for _, origin := range w.origins {
			if w.top.problem == nil {
				w.visit(visit{w.top.ism, origin})
			}
		}
		return
	}
	for _, v := range level {
		for _, child := range w.below(v) {
			w.visit(visit{child, v.origin})
		}
	}
}

// below are the modules that a module hands an origin's messages to.
func (w *Walk) below(v visit) []common.Address {
	switch n := w.nodes[v.node]; {
	case n == nil || n.Problem != nil:
	case n.Type == Aggregation:
		return n.Members
	case n.Type == Routing && w.routes[v].to != nil:
		return []common.Address{*w.routes[v].to}
	}
	return nil
}

// most is how many visits a walk makes at most: enough for every origin to have
// some modules of its own, whatever one of them holds.
func (w *Walk) most() int { return MaxModules + 32*len(w.origins) }

// visit adds a module to the next level, within the bounds.
func (w *Walk) visit(v visit) {
	if w.seen[v] {
		return
	}
	switch {
	case w.depth > MaxDepth:
		w.left[v.origin] = fmt.Sprintf("it is below %d other modules, and no deeper one is read", MaxDepth)
	case w.size[v.origin] >= MaxModules:
		w.left[v.origin] = fmt.Sprintf("it is one of more than %d modules, and no more are read of one origin", MaxModules)
	case len(w.seen) >= w.most():
		w.left[v.origin] = fmt.Sprintf("it is one of more than %d modules, and no more are read of %d origins", w.most(), len(w.origins))
	default:
		w.seen[v] = true
		w.size[v.origin]++
		w.front = append(w.front, v)
	}
}
