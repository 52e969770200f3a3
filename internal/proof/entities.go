package proof

import (
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
)

func (p *projection) policy(arn, name string, s spec, gone bool) {
	if gone {
		delete(p.policies, arn)
		return
	}
	policy := p.policies[arn]
	policy.ARN, policy.Name, policy.Path = arn, name, s.Path
	if s.Document != nil {
		policy.Document = *s.Document
	}
	p.policies[arn] = policy
}

func (p *projection) user(arn, name string, s spec, gone bool) {
	if gone {
		delete(p.users, name)
		return
	}
	u := p.users[name]
	entity(&u.Entity, arn, name, s)
	p.users[name] = u
}

func (p *projection) role(arn, name string, s spec, gone bool) {
	if gone {
		delete(p.roles, name)
		return
	}
	r := p.roles[name]
	entity(&r.Entity, arn, name, s)
	if s.Trust != nil {
		r.Trust = *s.Trust
	}
	p.roles[name] = r
}

// group sets who its members are, which IAM keeps at the users.
func (p *projection) group(arn, name string, s spec, gone bool) {
	members := namesOf(s.Members)
	if gone {
		delete(p.groups, name)
		members = nil
	} else {
		g := p.groups[name]
		entity(&g.Entity, arn, name, s)
		g.Members = slices.Sorted(slices.Values(members))
		p.groups[name] = g
	}
	if s.Members == nil && !gone {
		return
	}
	for _, user := range slices.Sorted(maps.Keys(p.users)) {
		u := p.users[user]
		in, wanted := slices.Contains(u.Groups, name), slices.Contains(members, user)
		switch {
		case in && !wanted:
			u.Groups = slices.DeleteFunc(slices.Clone(u.Groups), func(g string) bool { return g == name })
		case !in && wanted:
			u.Groups = slices.Sorted(slices.Values(append(slices.Clone(u.Groups), name)))
		}
		p.users[user] = u
	}
}

// namesOf are the names at the end of ARNs: a group's attributes list its
// members by ARN, IAM's directory by name.
func namesOf(arns []string) []string {
	names := make([]string, len(arns))
	for i, arn := range arns {
		names[i] = arn[strings.LastIndexByte(arn, '/')+1:]
	}
	return names
}

func entity(e *access.Entity, arn, name string, s spec) {
	e.ARN, e.Name = arn, name
	if s.Path != "" {
		e.Path = s.Path
	}
	if s.Boundary != "" {
		e.Boundary = s.Boundary
	}
	if s.Policies != nil {
		e.Attached = slices.Sorted(slices.Values(s.Policies))
	}
	if s.Inline != nil {
		e.Inline = s.Inline
	}
	if s.Tags != nil && e.Tags == nil {
		e.Tags = s.Tags
	}
}

// world is the account at this moment of the plan. Attachments are counted
// anew: a policy that nobody has gives nobody anything.
func (p *projection) world() *access.World {
	w := &access.World{Account: p.in.Account, Environment: p.in.Environment, Managed: slices.Clone(p.in.Managed)}
	for id, arn := range p.later {
		if strings.HasPrefix(id.Kind, "iam-") {
			w.Managed = append(w.Managed, arn)
		}
	}
	slices.Sort(w.Managed)
	w.Directory = p.directory()
	for _, key := range p.keys {
		w.Keys = append(w.Keys, key)
	}
	slices.SortFunc(w.Keys, func(a, b access.Key) int { return a.ID.Compare(b.ID) })
	for _, bucket := range p.buckets {
		w.Buckets = append(w.Buckets, bucket)
	}
	slices.SortFunc(w.Buckets, func(a, b access.Bucket) int { return a.ID.Compare(b.ID) })
	return w
}

// directory is IAM at this moment. AWS's own policies are in it while somebody
// has one, as IAM itself tells of them.
func (p *projection) directory() access.Directory {
	var d access.Directory
	attached, bounds := map[string]int{}, map[string]bool{}
	count := func(e access.Entity) {
		bounds[e.Boundary] = true
		for _, arn := range e.Attached {
			attached[arn]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.users)) {
		d.Users = append(d.Users, p.users[name])
		count(p.users[name].Entity)
	}
	for _, name := range slices.Sorted(maps.Keys(p.groups)) {
		d.Groups = append(d.Groups, p.groups[name])
		count(p.groups[name].Entity)
	}
	for _, name := range slices.Sorted(maps.Keys(p.roles)) {
		d.Roles = append(d.Roles, p.roles[name])
		count(p.roles[name].Entity)
	}
	for _, arn := range slices.Sorted(maps.Keys(p.policies)) {
		policy := p.policies[arn]
		policy.Attachments = attached[arn]
		if !strings.HasPrefix(arn, "arn:aws:iam::aws:") || policy.Attachments > 0 || bounds[arn] {
			d.Policies = append(d.Policies, policy)
		}
	}
	return d
}
