package access

import (
	"cmp"
	"slices"
	"strings"
)

// deepest is how many hops a Path may have.
const deepest = 4

// sign is the action that this is all about.
const sign = "kms:sign"

// Become lists who cannot sign with the key and can come to do so, by the
// shortest path that was found, sorted by principal. Paths that are sure come
// before those that cannot be told. What somebody can start that runs already,
// and what services do on their own, is not looked at.
func (w *World) Become(key string) []Path {
	return w.Inquire().Become(key)
}

func (ix *index) become(key *Key) []Path {
	loose := &search{index: ix, key: key, least: maybe, hops: map[*caller][]Hop{}, hopeless: map[*caller]bool{}}
	loose.run()
	strict := &search{index: ix, key: key, least: yes, hops: map[*caller][]Hop{}, hopeless: loose.hopeless, mighty: loose.mighty}
	strict.run()
	var paths []Path
	done := map[string]bool{}
	for c, hops := range strict.hops {
		done[c.arn] = len(hops) == 0
	}
	for _, p := range append(strict.paths(), loose.paths()...) {
		if !done[p.Principal] {
			done[p.Principal] = true
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, func(a, b Path) int { return strings.Compare(a.Principal, b.Principal) })
	return paths
}

// search walks back from those who can sign to those who can become them, over
// links that are at least so sure.
type search struct {
	*index
	key   *Key
	least answer
	// hops are the shortest way of everybody who was reached; empty: can sign.
	hops  map[*caller][]Hop
	edge  []*caller
	outer []Path
	// mighty are those who may have a power over the key or over themselves.
	mighty []*caller
	// hopeless are those who cannot make themselves able, however unsure.
	hopeless map[*caller]bool
}

func (f *search) run() {
	for _, h := range f.held(sign, f.key.ARN) {
		if h.who.kind <= ownRole && h.answer() >= f.least {
			f.reach(h.who, nil)
		}
	}
	if f.mighty == nil {
		f.mighty = f.powerful()
	}
	for _, c := range f.mighty {
		if _, there := f.hops[c]; there || f.hopeless[c] {
			continue
		}
		if hops := f.alone(c); hops != nil {
			f.reach(c, hops)
		} else if f.least == maybe {
			f.hopeless[c] = true
		}
	}
	f.over()
	f.outsiders("kms:putkeypolicy", f.key.ARN, nil)
	f.outsiders("kms:creategrant", f.key.ARN, nil)
	for len(f.edge) > 0 {
		edge := f.edge
		f.edge = nil
		for _, to := range edge {
			f.back(to)
		}
	}
}

func (f *search) reach(c *caller, hops []Hop) {
	f.hops[c] = hops
	f.edge = append(f.edge, c)
}

// signs is the answer to whether the principal, with what was done to it, can
// sign with the key.
func (f *search) signs(c *caller, r raised) answer {
	s := f.direct(c, sign, f.key.ARN)
	s.raised = r
	return s.decide().answer()
}

// powerful lists those who may have a power over the key or over themselves.
func (f *search) powerful() []*caller {
	in := map[*caller]bool{}
	for _, action := range powers() {
		for _, c := range f.candidates(action, f.key.ARN) {
			in[c] = true
		}
	}
	for _, c := range f.restless() {
		in[c] = true
	}
	return f.only(in)
}

// restless lists those who may have a power over what IAM says of somebody,
// themselves perhaps.
func (ix *index) restless() []*caller {
	return ix.union("restless", append(raiser(), "iam:addusertogroup", "iam:setdefaultpolicyversion", "iam:deleteuserpermissionsboundary",
		"iam:deleterolepermissionsboundary", "iam:putuserpermissionsboundary", "iam:putrolepermissionsboundary"))
}

// union lists those who may do one of the actions on something; it is known by
// its name from then on.
func (ix *index) union(name string, actions []string) []*caller {
	list, known := ix.unions[name]
	if !known {
		in := map[*caller]bool{}
		for _, action := range actions {
			for _, c := range ix.acting(action).all {
				in[c] = true
			}
		}
		list = ix.only(in)
		ix.unions[name] = list
	}
	return list
}

// alone finds how somebody makes itself able without being anybody else.
func (f *search) alone(c *caller) []Hop {
	for _, action := range []string{"kms:PutKeyPolicy", "kms:CreateGrant"} {
		if a := f.may(c, action, f.key.ARN); a >= f.least {
			return []Hop{{Actions: []string{action}, Target: f.key.ARN, Sure: a == yes}}
		}
	}
	if hops := f.reshape(c); hops != nil {
		return hops
	}
	if hops := f.lift(c, c); hops != nil {
		return hops
	}
	if hops := f.joins(c); hops != nil {
		return hops
	}
	return f.olderVersion(c)
}

// lift finds how one principal can make another, or itself, able to sign: by
// widening its policies, and where those are not all by taking away its boundary
// or a Deny.
func (f *search) lift(from, to *caller) []Hop {
	up := f.raise(from, to)
	tries := []struct {
		state raised
		links func() []link
	}{
		{raised{allowed: true}, func() []link { return []link{up} }},
		{raised{unbound: true}, func() []link { return []link{f.unbind(from, to)} }},
		{raised{allowed: true, unbound: true}, func() []link { return []link{up, f.unbind(from, to)} }},
		{raised{allowed: true, undenied: true}, func() []link { return []link{up, f.undeny(from, to)} }},
	}
	for _, try := range tries {
		if try.state.allowed && up.answer < f.least || try.state.unbound && to.boundary == nil || f.signs(to, try.state) < f.least {
			continue
		}
		links := try.links()
		if !slices.ContainsFunc(links, func(l link) bool { return l.answer < f.least }) {
			hops := make([]Hop, len(links))
			for i, l := range links {
				hops[i] = l.hop()
			}
			return hops
		}
	}
	return nil
}

// over finds those who lift somebody whom they can act as.
func (f *search) over() {
	for _, from := range f.lifters() {
		if _, there := f.hops[from]; there {
			continue
		}
		for _, to := range f.puppets(from) {
			if f.raise(from, to).answer < f.least || f.actAs(from, to).answer < f.least {
				continue
			}
			if hops := f.lift(from, to); hops != nil {
				f.reach(from, append(hops, f.actAs(from, to).hop()))
				break
			}
		}
	}
}

// lifters lists those who may write policies.
func (ix *index) lifters() []*caller { return ix.union("lifters", raiser()) }

// only gives the users and roles of a set in their order.
func (ix *index) only(in map[*caller]bool) []*caller {
	list := make([]*caller, 0, len(in))
	for c := range in {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *caller) int { return cmp.Compare(a.place, b.place) })
	return list
}

// puppets lists those whose policies somebody may write and as whom it may act.
func (ix *index) puppets(from *caller) []*caller {
	list, known := ix.puppet[from]
	if !known {
		for _, to := range ix.callers {
			if to != from && ix.raise(from, to).answer > no && ix.actAs(from, to).answer > no {
				list = append(list, to)
			}
		}
		ix.puppet[from] = list
	}
	return list
}

// back takes in everybody who can act as one who was reached.
func (f *search) back(to *caller) {
	if len(f.hops[to]) >= deepest {
		return
	}
	for _, from := range f.actingAs(to) {
		if _, there := f.hops[from]; there || from == to {
			continue
		}
		if l := f.actAs(from, to); l.answer >= f.least {
			f.reach(from, slices.Concat([]Hop{l.hop()}, f.hops[to]))
		}
	}
	if to.kind == ownRole {
		f.outsiders("sts:assumerole", to.arn, f.hops[to])
		f.outsiders("sts:assumerolewithwebidentity", to.arn, f.hops[to])
		f.outsiders("sts:assumerolewithsaml", to.arn, f.hops[to])
	}
}

// actingAs lists those who may be able to act as the principal.
func (ix *index) actingAs(to *caller) []*caller {
	list, known := ix.as[to]
	if known {
		return list
	}
	if to.kind != ownRole {
		list = ix.union("users", []string{"iam:createaccesskey", "iam:createloginprofile", "iam:updateloginprofile"})
	} else {
		in := map[*caller]bool{}
		for _, c := range ix.candidates("sts:assumerole", to.arn) {
			in[c] = true
		}
		for _, c := range ix.union("roles", []string{"iam:updateassumerolepolicy", "iam:passrole"}) {
			in[c] = true
		}
		list = ix.only(in)
	}
	ix.as[to] = list
	return list
}

// outsiders adds those from outside whom a role or the key itself lets in. They
// are never sure: their own account or provider decides.
func (f *search) outsiders(action, arn string, rest []Hop) {
	if f.least == yes {
		return
	}
	everybody := &caller{kind: unnamed, arn: stranger, account: stranger}
	for _, c := range append(f.named(action, arn), everybody) {
		if c.kind == service || f.direct(c, action, arn).decide().answer() == no {
			continue
		}
		hop := Hop{Actions: []string{spelled(action)}, Target: arn}
		f.outer = append(f.outer, Path{Principal: c.name(), Kind: c.holder(), Hops: slices.Concat([]Hop{hop}, rest)})
	}
}

// spelled is the action as IAM writes it.
func spelled(action string) string {
	for _, name := range []string{"kms:PutKeyPolicy", "kms:CreateGrant", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"} {
		if strings.EqualFold(name, action) {
			return name
		}
	}
	return action
}

func (f *search) paths() []Path {
	var paths []Path
	for c, hops := range f.hops {
		if len(hops) > 0 {
			sure := !slices.ContainsFunc(hops, func(h Hop) bool { return !h.Sure }) && f.least == yes
			paths = append(paths, Path{Principal: c.arn, Kind: c.holder(), Hops: hops, Sure: sure})
		}
	}
	return append(paths, f.outer...)
}
