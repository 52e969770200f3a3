package proof

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The kinds that say something about access.
const (
	kindKey    = "kms-key"
	kindPolicy = "iam-policy"
	kindUser   = "iam-user"
	kindGroup  = "iam-group"
	kindRole   = "iam-role"
	kindBucket = "bucket"
)

// tagEnvironment is the tag that says whose a resource is.
const tagEnvironment = "reconcile:environment"

// spec is what all these kinds' attributes say about access, under the names
// that they share.
type spec struct {
	Name     string                     `json:"name"`
	Path     string                     `json:"path"`
	Document *access.Document           `json:"document"`
	Trust    *access.Document           `json:"trust"`
	Policy   *access.Document           `json:"policy"`
	Inline   map[string]access.Document `json:"inline"`
	Policies []string                   `json:"policies"`
	Members  []string                   `json:"members"`
	Boundary string                     `json:"boundary"`
	Alias    string                     `json:"alias"`
	Aliases  []string                   `json:"aliases"`
	Bucket   string                     `json:"bucket"`
	Mark     string                     `json:"mark"`
	Tags     map[string]string          `json:"tags"`
	Grants   []access.Grant             `json:"grants"`
}

// projection is the account while a plan is played through on it.
type projection struct {
	in       Input
	users    map[string]access.User
	groups   map[string]access.Group
	roles    map[string]access.Role
	policies map[string]access.Policy
	keys     map[resource.ID]access.Key
	buckets  map[resource.ID]access.Bucket
	// later holds the ARNs of what the plan makes.
	later map[resource.ID]string
}

func newProjection(in Input) *projection {
	p := &projection{
		in: in, users: map[string]access.User{}, groups: map[string]access.Group{}, roles: map[string]access.Role{},
		policies: map[string]access.Policy{}, keys: map[resource.ID]access.Key{}, buckets: map[resource.ID]access.Bucket{},
		later: map[resource.ID]string{},
	}
	if in.Live != nil {
		for _, u := range in.Live.Users {
			p.users[u.Name] = u
		}
		for _, g := range in.Live.Groups {
			p.groups[g.Name] = g
		}
		for _, r := range in.Live.Roles {
			p.roles[r.Name] = r
		}
		for _, policy := range in.Live.Policies {
			p.policies[policy.ARN] = policy
		}
	}
	for id, r := range in.Observed {
		switch id.Kind {
		case kindKey:
			p.keys[id] = p.key(id, r.Outputs["arn"], p.decode(r.Attrs))
		case kindBucket:
			p.buckets[id] = p.bucket(id, p.decode(r.Attrs))
		}
	}
	for _, c := range in.Changes {
		if c.Before == nil {
			p.later[c.ID] = p.arnOf(c.ID, c.After)
		}
	}
	return p
}

// arnOf is the ARN of what does not exist yet. Names decide it in IAM; a key
// gets a stand-in that no real key has.
func (p *projection) arnOf(id resource.ID, attrs resource.Attrs) string {
	text := func(name string) string {
		value, _ := attrs[name].(string)
		return value
	}
	name := text("name")
	if name == "" {
		name = id.Name
	}
	switch id.Kind {
	case kindUser, kindGroup, kindRole, kindPolicy:
		return "arn:aws:iam::" + p.in.Account + ":" + strings.TrimPrefix(id.Kind, "iam-") + text("path") + name
	case kindKey:
		return "arn:aws:kms:" + id.Scope + ":" + p.in.Account + ":key/" + id.Name
	default:
		return "arn:aws:" + id.Kind + ":" + id.Scope + ":" + p.in.Account + ":" + id.Name
	}
}

// decode reads attributes with every ref filled in: with what it stands for, or
// with what it will be. What cannot be read says nothing.
func (p *projection) decode(attrs resource.Attrs) spec {
	known, _ := attrs.Resolve(func(ref resource.Ref) (string, bool) {
		if value, ok := p.in.Resolved[ref.String()]; ok {
			return value, true
		}
		if ref.Output == "name" {
			return ref.ID.Name, true
		}
		if value := p.later[ref.ID]; value != "" {
			return value, true
		}
		value := p.in.Observed[ref.ID].Outputs[ref.Output]
		return value, value != ""
	})
	var s spec
	for _, name := range []string{"name", "path", "document", "trust", "policy", "inline", "policies", "members", "boundary", "alias", "aliases", "bucket", "mark", "tags", "grants"} {
		value, has := known[name]
		if !has {
			continue
		}
		// One attribute at a time: what one kind calls so, another may mean otherwise.
		_ = (resource.Attrs{name: value}).Decode(&s)
	}
	return s
}

func (p *projection) key(id resource.ID, arn string, s spec) access.Key {
	// Of a key's tags its kind shows those that are declared, and whose it is.
	tags := maps.Clone(s.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	if s.Mark != "" {
		tags[tagEnvironment], _, _ = strings.Cut(s.Mark, " ")
	}
	k := access.Key{ID: id, ARN: arn, Aliases: slices.Clone(s.Aliases), Tags: tags, PolicyUnread: s.Policy == nil, GrantsUnread: s.Policy == nil}
	if s.Alias != "" && !slices.Contains(k.Aliases, s.Alias) {
		k.Aliases = append(k.Aliases, s.Alias)
	}
	if s.Policy != nil {
		k.Policy = *s.Policy
	}
	k.Grants = s.Grants
	return k
}

func (p *projection) bucket(id resource.ID, s spec) access.Bucket {
	b := access.Bucket{ID: id, ARN: "arn:aws:s3:::" + s.Bucket, PolicyUnread: s.Policy == nil}
	if s.Policy != nil {
		b.Policy = *s.Policy
	}
	return b
}

// copied is the same account, to play changes on.
func (p *projection) copied() *projection {
	c := *p
	c.users, c.groups, c.roles, c.policies = maps.Clone(p.users), maps.Clone(p.groups), maps.Clone(p.roles), maps.Clone(p.policies)
	c.keys, c.buckets = maps.Clone(p.keys), maps.Clone(p.buckets)
	return &c
}

func (p *projection) keyARN(id resource.ID) string { return p.keys[id].ARN }

// move is a change made ready to be played.
type move struct {
	plan.Change
	s         spec
	arn, name string
	gone      bool
}

// moves makes changes ready, without those that change no access: an adoption
// writes a mark and nothing else.
func (p *projection) moves(changes []plan.Change) []move {
	list := make([]move, 0, len(changes))
	for _, c := range changes {
		if !onlyAdopts(c) && isAccess(c.ID.Kind) {
			list = append(list, p.move(c))
		}
	}
	return list
}

func (p *projection) move(c plan.Change) move {
	m := move{Change: c, gone: c.Action == plan.Delete, arn: p.later[c.ID]}
	if m.gone && c.Before != nil {
		m.s = p.decode(c.Before.Attrs)
	} else {
		m.s = p.decode(c.After)
	}
	if c.Before != nil && c.Before.Outputs["arn"] != "" {
		m.arn = c.Before.Outputs["arn"]
	}
	m.name = cmp.Or(m.s.Name, c.ID.Name)
	return m
}

// play does one change.
func (p *projection) play(c move) {
	s, arn, name, gone := c.s, c.arn, c.name, c.gone
	switch c.ID.Kind {
	case kindPolicy:
		p.policy(arn, name, s, gone)
	case kindUser:
		p.user(arn, name, s, gone)
	case kindGroup:
		p.group(arn, name, s, gone)
	case kindRole:
		p.role(arn, name, s, gone)
	case kindKey:
		p.keys[c.ID] = p.keyAfter(c)
	case kindBucket:
		p.buckets[c.ID] = p.bucket(c.ID, s)
	}
}

func (p *projection) keyAfter(c move) access.Key {
	was := p.keys[c.ID]
	next := p.key(c.ID, c.arn, c.s)
	next.Grants = was.Grants
	for _, alias := range was.Aliases {
		if !slices.Contains(next.Aliases, alias) {
			next.Aliases = append(next.Aliases, alias)
		}
	}
	if c.s.Policy == nil {
		next.Policy, next.PolicyUnread = was.Policy, was.PolicyUnread || c.Before == nil
	}
	return next
}

func isAccess(kind string) bool { return kind == kindKey || kind == kindBucket || isIAM(kind) }

func isIAM(kind string) bool {
	return kind == kindPolicy || kind == kindUser || kind == kindGroup || kind == kindRole
}

func onlyAdopts(c plan.Change) bool {
	return len(c.Steps) > 0 && !slices.ContainsFunc(c.Steps, func(s resource.Step) bool { return s.Op != "adopt" })
}
