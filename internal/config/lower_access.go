package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Shapes of access: one role or one user per running instance, or the seeds'
// one user in one group.
const (
	shapeRoles  = "roles"
	shapeUsers  = "users"
	shapeGroups = "groups"
)

// accessing lowers agents to users, roles, groups, policies and buckets.
type accessing struct {
	*lowering
	raw   *rawAccess
	out   *Access
	seats []*seat
	// stated is where a fault about a resource is reported.
	stated map[resource.ID]cue.Path
}

// seat is one running instance of an agent: what it needs, and who it is.
type seat struct {
	agent    Agent
	instance int
	base     string
	form     form
	keys     []Key
	writes   []writing
	// principals are the ARNs of who sits here.
	principals []string
}

// form is how one agent's access is written.
type form struct {
	// shape is empty where the operator's own principals are stated.
	shape, keys, grants string
	own                 rawAgentAccess
	at                  cue.Path
}

// access lowers what is declared about access; nothing of it is managed where
// nothing is.
func (l *lowering) access() {
	raw := l.doc.raw.Access
	if raw == nil {
		l.unmanaged()
		return
	}
	a := &accessing{lowering: l, raw: raw, stated: map[resource.ID]cue.Path{}}
	a.out = &Access{
		Path: "/reconcile/" + l.env.Name + "/", Source: l.doc.at(in("access")),
		Shape: raw.Shape, Keys: raw.Keys, Grants: raw.Grants, Delegate: raw.Delegate, KeyAdmin: raw.KeyAdmin,
	}
	if raw.Boundary && l.doc.raw.Tool != nil {
		a.out.Boundary = "arn:aws:iam::" + l.env.AWS.Account + ":policy/reconcile-boundary-" + l.env.Name
	}
	a.takeSeats()
	a.buckets()
	a.principals()
	a.keyUses()
	a.keyAdmin()
	a.declared()
	a.checkForms()
	a.checkTrust()
	a.checkNames()
	a.checkAttachments()
	l.env.Access = a.out
}

// unmanaged refuses what has no meaning while access is not managed.
func (l *lowering) unmanaged() {
	const hint = "declare access: {}, or take it out"
	if len(l.doc.raw.Buckets) > 0 {
		l.fault(in("buckets"), hint, "access is not managed, so no bucket is")
	}
	for _, name := range slices.Sorted(maps.Keys(l.doc.raw.Agents)) {
		if storage := l.doc.raw.Agents[name].Storage; storage != "" && storage != storageNone {
			l.fault(in("agents", name, "storage"), hint, "access is not managed, so no bucket is")
		}
	}
}

// takeSeats lists the running instances with their keys.
func (a *accessing) takeSeats() {
	names := make([]string, 0, len(a.env.Agents))
	for _, agent := range a.env.Agents {
		names = append(names, agent.Name)
		raw := a.agents[agent.Name]
		form := a.formOf(agent)
		for instance := range agent.Instances {
			s := &seat{agent: agent, instance: instance, base: baseName(agent.Name, instance, raw), form: form}
			for _, key := range a.env.Keys {
				own := key.Agent == agent.Name && key.Instance == instance || raw.SignerKey != "" && key.Name == raw.SignerKey
				if own && key.Holder != "keystore" {
					s.keys = append(s.keys, key)
				}
			}
			a.seats = append(a.seats, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.raw.Agents)) {
		if !slices.Contains(names, name) {
			a.fault(in("access", "agents", name), meant(name, names), "no agent %q in this environment", name)
		}
	}
}

// needs says whether there is anything that AWS must admit it to.
func (s *seat) needs() bool { return len(s.keys)+len(s.writes) > 0 }

// formOf joins what is stated of an agent's access with what holds for all.
func (a *accessing) formOf(agent Agent) form {
	own := a.raw.Agents[agent.Name]
	f := form{
		shape: cmp.Or(own.Shape, a.raw.Shape), keys: cmp.Or(own.Keys, a.raw.Keys), grants: cmp.Or(own.Grants, a.raw.Grants),
		own: own, at: in("access", "agents", agent.Name),
	}
	if len(own.Principals) > 0 {
		f.shape, f.grants = "", ByKeyPolicy
	}
	return f
}

// principals makes one role or user for each seat that needs something, and
// the one user and group of those that share them.
func (a *accessing) principals() {
	var shared []*seat
	for _, s := range a.seats {
		if !s.needs() {
			continue
		}
		switch s.form.shape {
		case shapeRoles:
			a.role(s)
		case shapeUsers:
			a.user(s)
		case shapeGroups:
			shared = append(shared, s)
		default:
			s.principals = slices.Compact(slices.Sorted(slices.Values(s.form.own.Principals)))
		}
	}
	if len(shared) > 0 {
		a.group(shared)
	}
}

func (a *accessing) role(s *seat) {
	own := s.form.own
	role := Role{
		Name: a.named(own.Name, "{environment}-{name}", s.form.at, s.words(a.env.Name)), Path: cmp.Or(own.Path, a.out.Path),
		Trust: a.trustOf(s), Policies: a.policiesOf(s), Boundary: a.boundary(own.Adopt),
		Agent: s.agent.Name, Operator: s.agent.Operator, Instance: s.instance,
		MaxSession: session(a.raw.MaxSession), Adopt: own.Adopt, Protect: own.Protect, Source: a.sourceOf(s),
	}
	s.principals = []string{role.ARN(a.env.AWS.Account)}
	a.out.Roles = append(a.out.Roles, role)
	a.stated[RoleID(role.Name)] = s.form.at
}

func (a *accessing) user(s *seat) {
	own := s.form.own
	user := User{
		Name: a.named(own.Name, "{environment}-{name}", s.form.at, s.words(a.env.Name)), Path: cmp.Or(own.Path, a.out.Path),
		Policies: a.policiesOf(s), Boundary: a.boundary(own.Adopt),
		Agent: s.agent.Name, Operator: s.agent.Operator, Instance: s.instance,
		Adopt: own.Adopt, Protect: own.Protect, Source: a.sourceOf(s),
	}
	at := s.form.at.Append(cue.Str("accessKey"))
	if own.AccessKey == nil {
		at = in("access", "accessKey")
	}
	user.AccessKey = a.accessKey(cmp.Or(own.AccessKey, a.raw.AccessKey), at, user.Name, s.words(a.env.Name))
	s.principals = []string{user.ARN(a.env.AWS.Account)}
	a.out.Users = append(a.out.Users, user)
	a.stated[UserID(user.Name)] = s.form.at
}

// group makes the seeds' shape: <organization>-signer-<environment> in the group
// <environment>-signer, which holds one signer policy per agent.
func (a *accessing) group(shared []*seat) {
	if a.raw.Organization == "" && a.raw.User.Name == "" {
		a.fault(in("access", "organization"), "write organization: \"acme\", which gives acme-signer-"+a.env.Name, "is missing, and the user of shape groups is named by it")
	}
	words := map[string]string{"environment": a.env.Name}
	user := User{
		Name: a.named(a.raw.User.Name, a.raw.Organization+"-signer-{environment}", in("access", "user"), words), Path: cmp.Or(a.raw.User.Path, a.out.Path),
		Boundary: a.boundary(a.raw.User.Adopt), Operator: a.doc.raw.Operator,
		Adopt: a.raw.User.Adopt, Protect: a.raw.User.Protect, Source: a.out.Source,
	}
	user.AccessKey = a.accessKey(a.raw.AccessKey, in("access", "accessKey"), user.Name, words)
	group := Group{
		Name: a.named(a.raw.Group.Name, "{environment}-signer", in("access", "group"), words), Path: cmp.Or(a.raw.Group.Path, a.out.Path),
		Members: []string{user.Name}, Adopt: a.raw.Group.Adopt, Protect: a.raw.Group.Protect, Source: a.out.Source,
	}
	for first := 0; first < len(shared); {
		agent := shared[first].agent.Name
		last := first
		for last < len(shared) && shared[last].agent.Name == agent {
			shared[last].principals = []string{user.ARN(a.env.AWS.Account)}
			last++
		}
		group.Policies = append(group.Policies, a.policiesOf(shared[first:last]...)...)
		first = last
	}
	slices.Sort(group.Policies)
	a.out.Users = append(a.out.Users, user)
	a.out.Groups = append(a.out.Groups, group)
	a.stated[UserID(user.Name)], a.stated[GroupID(group.Name)] = in("access", "user"), in("access", "group")
}

// boundary is what a user or role carries: what we make, never what we found,
// which it could take power from.
func (a *accessing) boundary(adopted bool) string {
	if adopted {
		return ""
	}
	return a.out.Boundary
}

// sourceOf is where a seat was asked for: what is stated of its access, or the
// agent.
func (a *accessing) sourceOf(s *seat) resource.Source {
	if _, stated := a.raw.Agents[s.agent.Name]; stated {
		return a.doc.at(s.form.at)
	}
	return s.agent.Source
}

// words are what the placeholders of a seat's names stand for.
func (s *seat) words(environment string) map[string]string {
	return map[string]string{"environment": environment, "agent": s.agent.Name, "instance": itoa(s.instance), "name": s.base}
}

// named fills the placeholders of a stated name, or of the usual one.
func (a *accessing) named(stated, usual string, at cue.Path, words map[string]string) string {
	if stated == "" {
		name, _ := fill(usual, words)
		return name
	}
	name, unknown := fill(stated, words)
	if unknown != "" {
		a.fault(at, meant(unknown, slices.Collect(maps.Keys(words))), "{%s} is no placeholder here", unknown)
	}
	return name
}

// fill replaces each {word} of a form, and gives the first that is none.
func fill(form string, words map[string]string) (filled, unknown string) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(form, "{")
		b.WriteString(before)
		if !found {
			return b.String(), unknown
		}
		word, rest, closed := strings.Cut(after, "}")
		value, known := words[word]
		if !closed || !known {
			unknown, value = cmp.Or(unknown, word, "}"), "{"+word+"}"
		}
		b.WriteString(value)
		form = rest
	}
}
