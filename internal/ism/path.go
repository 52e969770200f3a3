package ism

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Path is what messages of one origin meet at one destination.
type Path struct {
	Origin  uint32         `json:"origin"`
	Mailbox common.Address `json:"mailbox"`
	// Owner of the mailbox; nil where it does not answer.
	Owner *common.Address `json:"owner,omitempty"`
	// Modules are all that a message may meet, each once, the default one first.
	Modules []*Node `json:"modules,omitempty"`
	// Trail leads from the default module down to the one that holds the set; where
	// there is no route, to the routing module that lacks it.
	Trail []*Node `json:"trail,omitempty"`
	// Set is nil where there is no route, and where no one set decides.
	Set *Set `json:"set,omitempty"`
	// Absent says that no module serves the origin: nothing of it is delivered.
	Absent bool `json:"absent,omitempty"`
	// Problems are why the path is not rewritten.
	Problems []Problem `json:"problems,omitempty"`
}

// Leaf is the module that holds the set: a multisig, or the aggregation of the
// two that ask for the same one. Nil without a set.
func (p Path) Leaf() *Node {
	if p.Set == nil {
		return nil
	}
	return p.Trail[len(p.Trail)-1]
}

// mutable is where the path can be changed: the index in the trail of the lowest
// module that its owner can change, and −1 for the mailbox.
func (p Path) mutable() int {
	for i := len(p.Trail) - 1; i >= 0; i-- {
		if n := p.Trail[i]; n.Type == Routing || n.Keeping == Storage {
			return i
		}
	}
	return -1
}

// Unproven are the modules of which nothing but their own word says what they
// ask for: made by no factory that is pinned, and of no owner.
func (p Path) Unproven() []*Node {
	var list []*Node
	for _, n := range p.Modules {
		if n.Keeping == Unproven {
			list = append(list, n)
		}
	}
	return list
}

// Paths are the paths of all origins. Before the walk is over, those that are
// not read to their end have a problem.
func (w *Walk) Paths() map[uint32]Path {
	paths := map[uint32]Path{}
	for _, origin := range w.origins {
		paths[origin] = w.path(origin)
	}
	return paths
}

func (w *Walk) path(origin uint32) Path {
	p := Path{Origin: origin, Mailbox: w.mailbox}
	switch {
	case w.top == nil:
		p.Problems = []Problem{{RuleUnread, w.mailbox, "the mailbox is not read"}}
		return p
	case w.top.problem != nil:
		p.Owner, p.Problems = w.top.owner, []Problem{*w.top.problem}
		return p
	}
	j := judgement{walk: w, origin: origin, done: map[common.Address]meaning{}}
	m := j.of(w.top.ism)
	p.Owner, p.Modules, p.Trail, p.Set, p.Absent, p.Problems = w.top.owner, j.order, m.trail, m.set, m.absent, m.problems
	if m.nobody {
		p.Problems = append(p.Problems, Problem{RuleNoSet, w.top.ism, "no signature is asked for"})
	}
	if problem := p.ownerless(); problem != nil && len(p.Problems) == 0 {
		p.Problems = append(p.Problems, *problem)
	}
	return p
}

// ownerless reports that who may change the path cannot be told, or is nobody.
func (p Path) ownerless() *Problem {
	at, owner := p.Mailbox, p.Owner
	if i := p.mutable(); i >= 0 {
		at, owner = p.Trail[i].Address, p.Trail[i].Owner
	}
	switch {
	case owner == nil:
		return &Problem{RuleNoOwner, at, "owner() does not answer: who may change it cannot be told"}
	case *owner == (common.Address{}):
		return &Problem{RuleNoOwner, at, "its owner is the zero address: nobody can change it"}
	}
	return nil
}

// meaning is what a module asks of one origin's messages.
type meaning struct {
	trail    []*Node
	set      *Set
	absent   bool
	nobody   bool // whoever passes, no signature is asked for
	problems []Problem
}

func trouble(rule string, at common.Address, reason string, args ...any) meaning {
	return meaning{problems: []Problem{{rule, at, fmt.Sprintf(reason, args...)}}}
}

// judgement makes sense of one origin's modules, each once: trees may share
// branches so often that walking every way through them would never end.
type judgement struct {
	walk   *Walk
	origin uint32
	done   map[common.Address]meaning
	stack  []common.Address
	order  []*Node
}

func (j *judgement) of(at common.Address) meaning {
	if m, ok := j.done[at]; ok {
		return m
	}
	v := visit{at, j.origin}
	n := j.walk.nodes[at]
	left, bounded := j.walk.left[j.origin]
	switch {
	case slices.Contains(j.stack, at):
		return trouble(RuleCycle, at, "it leads back to itself, through %s: nothing is ever verified", j.loop(at))
	case bounded && !j.walk.seen[v]:
		return trouble(RuleBounds, at, "%s", left)
	case n == nil || !j.walk.seen[v]:
		return trouble(RuleUnread, at, "it is not read")
	}
	j.order = append(j.order, n)
	j.stack = append(j.stack, at)
	m := j.node(n, v)
	j.stack = j.stack[:len(j.stack)-1]
	j.done[at] = m
	return m
}

// loop names the modules between one and its second meeting.
func (j *judgement) loop(at common.Address) string {
	var names []string
	for _, a := range j.stack[slices.Index(j.stack, at):] {
		names = append(names, a.Hex())
	}
	return strings.Join(names, ", ")
}

func (j *judgement) node(n *Node, v visit) meaning {
	switch {
	case n.Problem != nil:
		return meaning{problems: []Problem{*n.Problem}}
	case n.Type == MessageIDMultisig:
		return meaning{trail: []*Node{n}, set: &Set{MessageID, n.Members, n.Threshold}}
	case n.Type == MerkleRootMultisig:
		return meaning{trail: []*Node{n}, set: &Set{MerkleRoot, n.Members, n.Threshold}}
	case n.Type == Routing:
		return j.routing(n, j.walk.routes[v])
	case n.Type == Aggregation:
		return j.aggregation(n)
	}
	return meaning{nobody: true}
}

func (j *judgement) routing(n *Node, r route) meaning {
	switch {
	case r.problem != nil:
		return meaning{problems: []Problem{*r.problem}}
	case r.to == nil:
		return meaning{trail: []*Node{n}, absent: true}
	}
	return j.of(*r.to).under(n)
}

// under is the same meaning one module higher.
func (m meaning) under(n *Node) meaning {
	if !m.nobody {
		m.trail = append([]*Node{n}, m.trail...)
	}
	return m
}

// aggregation passes through to the one module that asks for signatures, if it
// and all others must agree; the others (a switch that pauses, say) stay.
func (j *judgement) aggregation(n *Node) meaning {
	var signed []meaning
	var problems []Problem
	for _, child := range n.Members {
		m := j.of(child)
		problems = append(problems, m.problems...)
		if !m.nobody {
			signed = append(signed, m)
		}
	}
	asked, free := len(signed), len(n.Members)-len(signed)
	switch {
	case len(problems) > 0:
		return meaning{problems: distinct(problems)}
	case n.Threshold == 0 || n.Threshold > len(n.Members):
		return trouble(RuleUnread, n.Address, "it asks for %d of %d modules, which no message can satisfy", n.Threshold, len(n.Members))
	case n.Threshold <= free && asked > 0:
		return trouble(RuleNoSet, n.Address, "it asks for %d of %d modules, and %d of them ask for no signature", n.Threshold, len(n.Members), free)
	case asked == 0:
		return meaning{nobody: true}
	case asked == 1:
		return signed[0].under(n)
	case asked == 2 && free == 0 && n.Threshold == 1 && n.Keeping != Storage:
		if set := either(signed[0], signed[1]); set != nil {
			return meaning{trail: []*Node{n}, set: set}
		}
	}
	return trouble(RuleSeveralSets, n.Address, "it asks for %d of %d modules, %d of which ask for signatures of their own: no one set decides", n.Threshold, len(n.Members), asked)
}

// either is the one set of two static multisigs, one of each type.
func either(a, b meaning) *Set {
	for _, m := range []meaning{a, b} {
		if m.set == nil || len(m.trail) != 1 || m.trail[0].Keeping == Storage {
			return nil
		}
	}
	types := []SetType{a.set.Type, b.set.Type}
	if !a.set.sameSigners(*b.set) || !slices.Contains(types, MessageID) || !slices.Contains(types, MerkleRoot) {
		return nil
	}
	return &Set{Either, a.set.Members, a.set.Threshold}
}

// distinct keeps the first of equal problems, and few enough to be read.
func distinct(problems []Problem) []Problem {
	var kept []Problem
	for _, p := range problems {
		if len(kept) < 16 && !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	return kept
}
