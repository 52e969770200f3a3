package proof

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// rehearsal tries parts of a plan. Whether somebody can sign depends on the key,
// on himself, on his groups and on the policies of these; whatever a part of the
// plan does to others is not played for him, and what was tried once for the
// same changes is not tried again.
type rehearsal struct {
	now   *projection
	moves []move
	held  []pair
	// before lists what each move waits for, by its place among the moves; what
	// changes no access is waited for too, and has a place after them.
	before [][]int
	// people are the principals of held.
	people []*person
	byARN  map[string]*person
	// concerned lists whom a change of an IAM object concerns, keyed those who
	// hold a right on a key.
	concerned map[object][]*person
	keyed     map[resource.ID][]int
	parts     map[string]part
}

// object names something in IAM: a policy by its ARN, the others by their name.
type object struct{ kind, name string }

// person is a principal with everything that decides what it can do, as it is
// now or will be: each thing is one or the other at any moment.
type person struct {
	objects map[object]bool
	// held are places in the rehearsal's list.
	held  []int
	tried map[string][]int
}

// part is what changes in IAM alone do: which of them are about each person, and
// which rights are lost while the keys are as they are now.
type part struct {
	moves map[*person][]int
	lost  []int
}

func newRehearsal(now, after *projection, moves []move, held []pair) *rehearsal {
	r := &rehearsal{
		now: now, moves: moves, held: held, byARN: map[string]*person{}, concerned: map[object][]*person{},
		keyed: map[resource.ID][]int{}, parts: map[string]part{},
	}
	r.wait()
	for i, h := range held {
		p := r.byARN[h.principal]
		if p == nil {
			p = &person{objects: map[object]bool{}, tried: map[string][]int{}}
			r.byARN[h.principal] = p
			r.people = append(r.people, p)
		}
		p.held = append(p.held, i)
		r.keyed[h.key] = append(r.keyed[h.key], i)
	}
	for _, account := range []*projection{now, after} {
		r.know(account)
	}
	for _, p := range r.people {
		for o := range maps.Clone(p.objects) {
			if o.kind == kindGroup {
				p.has(now.groups[o.name].Entity)
				p.has(after.groups[o.name].Entity)
			}
		}
		for o := range p.objects {
			r.concerned[o] = append(r.concerned[o], p)
		}
	}
	return r
}

// know adds what each person is and has in one state of the account.
func (r *rehearsal) know(account *projection) {
	for name, u := range account.users {
		if p := r.byARN[u.ARN]; p != nil {
			p.objects[object{kindUser, name}] = true
			p.has(u.Entity)
			for _, group := range u.Groups {
				p.objects[object{kindGroup, group}] = true
			}
		}
	}
	for name, role := range account.roles {
		if p := r.byARN[role.ARN]; p != nil {
			p.objects[object{kindRole, name}] = true
			p.has(role.Entity)
		}
	}
}

func (p *person) has(e access.Entity) {
	for _, arn := range e.Attached {
		p.objects[object{kindPolicy, arn}] = true
	}
	if e.Boundary != "" {
		p.objects[object{kindPolicy, e.Boundary}] = true
	}
}

// wait notes what each change waits for.
func (r *rehearsal) wait() {
	place := map[resource.ID]int{}
	for i, m := range r.moves {
		place[m.ID] = i
	}
	before := plan.Dependencies(r.now.in.Changes, r.now.in.Previous)
	for _, c := range r.now.in.Changes {
		if _, known := place[c.ID]; !known {
			place[c.ID] = len(place)
		}
	}
	r.before = make([][]int, len(place))
	for id, list := range before {
		for _, first := range list {
			r.before[place[id]] = append(r.before[place[id]], place[first])
		}
	}
}

// earliest lists the moves that are done right after one of them, if it is done
// as soon as it can be: it, and what it waits for. In their order.
func (r *rehearsal) earliest(at int) []int {
	done := map[int]bool{at: true}
	for left := slices.Clone(r.before[at]); len(left) > 0; {
		next := left[len(left)-1]
		left = left[:len(left)-1]
		if !done[next] {
			done[next] = true
			left = append(left, r.before[next]...)
		}
	}
	maps.DeleteFunc(done, func(i int, _ bool) bool { return i >= len(r.moves) })
	return slices.Sorted(maps.Keys(done))
}

// lost names the rights that are gone right after a move, each with its key.
func (r *rehearsal) lost(at int) []string {
	var iam, keys []int
	for _, i := range r.earliest(at) {
		switch kind := r.moves[i].ID.Kind; {
		case isIAM(kind):
			iam = append(iam, i)
		case kind == kindKey:
			keys = append(keys, i)
		}
	}
	part := r.part(iam)
	lost := map[int]bool{}
	for _, h := range part.lost {
		lost[h] = true
	}
	for _, i := range keys {
		for _, h := range r.keyed[r.moves[i].ID] {
			p := r.byARN[r.held[h].principal]
			lost[h] = len(r.without(p, part.moves[p], []int{h}, r.now.keyAfter(r.moves[i]))) > 0
		}
	}
	var names []string
	for _, h := range slices.Sorted(maps.Keys(lost)) {
		if lost[h] {
			names = append(names, r.held[h].principal+" with "+r.held[h].key.Name)
		}
	}
	return names
}

// part plays changes of IAM for everybody whom they concern.
func (r *rehearsal) part(moves []int) part {
	name := nameOf(moves)
	known, there := r.parts[name]
	if there {
		return known
	}
	known.moves = map[*person][]int{}
	for _, i := range moves {
		for _, p := range r.concerned[r.moves[i].object()] {
			if list := known.moves[p]; len(list) == 0 || list[len(list)-1] != i {
				known.moves[p] = append(list, i)
			}
		}
	}
	for p, list := range known.moves {
		name := nameOf(list)
		lost, tried := p.tried[name]
		if !tried {
			lost = r.without(p, list, p.held)
			p.tried[name] = lost
		}
		known.lost = append(known.lost, lost...)
	}
	r.parts[name] = known
	return known
}

// nameOf tells lists of places apart.
func nameOf(moves []int) string {
	var name []byte
	for _, i := range moves {
		name = binary.AppendUvarint(name, uint64(i))
	}
	return string(name)
}

func (m move) object() object {
	if m.ID.Kind == kindPolicy {
		return object{kindPolicy, m.arn}
	}
	return object{m.ID.Kind, m.name}
}

// without gives those of a person's rights that it has not once some changes are
// played; keys are as they are now, but for those that are given.
func (r *rehearsal) without(p *person, moves, held []int, keys ...access.Key) []int {
	small := r.now.about(p.objects)
	for _, i := range moves {
		small.play(r.moves[i])
	}
	w := &access.World{Account: r.now.in.Account, Environment: r.now.in.Environment, Directory: small.directory(), Keys: keys}
	if len(keys) == 0 {
		for _, h := range held {
			w.Keys = append(w.Keys, r.now.keys[r.held[h].key])
		}
	}
	q := w.Inquire()
	return slices.DeleteFunc(slices.Clone(held), func(h int) bool { return signs(q, r.held[h]) })
}

// about is the same account with only some objects in IAM.
func (p *projection) about(objects map[object]bool) *projection {
	small := &projection{
		in: p.in, later: p.later, users: map[string]access.User{}, groups: map[string]access.Group{}, roles: map[string]access.Role{},
		policies: map[string]access.Policy{}, keys: map[resource.ID]access.Key{}, buckets: map[resource.ID]access.Bucket{},
	}
	for o := range objects {
		switch o.kind {
		case kindUser:
			keep(small.users, p.users, o.name)
		case kindGroup:
			keep(small.groups, p.groups, o.name)
		case kindRole:
			keep(small.roles, p.roles, o.name)
		case kindPolicy:
			keep(small.policies, p.policies, o.name)
		}
	}
	return small
}

func keep[V any](to, from map[string]V, name string) {
	if v, there := from[name]; there {
		to[name] = v
	}
}
