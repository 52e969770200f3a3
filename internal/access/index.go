package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// callerKind is what somebody is to this account.
type callerKind int

const (
	ownUser callerKind = iota
	ownRole
	ownRoot
	// outside is a principal of another account, outsideAccount any principal of
	// one, unnamed somebody of an account that nobody names.
	outside
	outsideAccount
	unnamed
	anonymous
	service
	federated
	// missing is a principal of this account that does not exist.
	missing
)

// caller is somebody who asks.
type caller struct {
	kind    callerKind
	arn     string
	account string
	// session is the name of a role's session, empty where any is meant.
	session string
	entity  Entity
	sources []*source
	// boundary is nil where there is none.
	boundary *source
	trust    *source
	groups   []string
	// place is where it stands among the account's users and roles.
	place int
}

// index is the world made ready for many questions. It remembers what it found
// and serves one question at a time.
type index struct {
	world    *World
	callers  []*caller
	byARN    map[string]*caller
	byID     map[string]*caller
	roles    map[string]*caller
	keys     map[string]*Key
	buckets  map[string]*Bucket
	around   map[string]*source
	refs     map[resource.Ref]string
	policy   map[string]*source
	groups   map[string]*Group
	group    map[string][]*source
	tagged   map[*caller]bool
	actors   map[string]*actors
	unions   map[string][]*caller
	as       map[*caller][]*caller
	weighed  map[string]map[weighing]rulings
	listings map[*clause]listing
	// lastHeld is the answer that was given last.
	lastHeld struct {
		action, arn string
		list        []held
	}
	alike   map[string][]string
	links   map[pair]link
	raises  map[pair]link
	puppet  map[*caller][]*caller
	usually map[string]map[string][]string
}

func newIndex(w *World) *index {
	ix := &index{
		world: w, byARN: map[string]*caller{}, byID: map[string]*caller{}, roles: map[string]*caller{},
		keys: map[string]*Key{}, buckets: map[string]*Bucket{}, around: map[string]*source{}, refs: map[resource.Ref]string{},
		policy: map[string]*source{}, groups: map[string]*Group{}, group: map[string][]*source{}, tagged: map[*caller]bool{},
		actors: map[string]*actors{}, unions: map[string][]*caller{}, as: map[*caller][]*caller{}, alike: map[string][]string{}, weighed: map[string]map[weighing]rulings{}, listings: map[*clause]listing{}, links: map[pair]link{}, raises: map[pair]link{}, puppet: map[*caller][]*caller{}, usually: map[string]map[string][]string{},
	}
	for i := range w.Keys {
		key := &w.Keys[i]
		ix.keys[key.ARN] = key
		ix.refs[resource.Ref{ID: key.ID, Output: "arn"}] = key.ARN
	}
	for i := range w.Buckets {
		bucket := &w.Buckets[i]
		ix.buckets[bucket.ARN] = bucket
		ix.refs[resource.Ref{ID: bucket.ID, Output: "arn"}] = bucket.ARN
	}
	d := w.Directory
	for _, p := range d.Policies {
		ix.policy[p.ARN] = newSource("policy "+p.Name, p.Document)
	}
	for i := range d.Groups {
		g := &d.Groups[i]
		ix.groups[g.Name] = g
		ix.group[g.Name] = ix.sources(g.Entity, "group "+g.Name)
	}
	for _, u := range d.Users {
		c := ix.add(ownUser, u.Entity, "user "+u.Name)
		c.groups = u.Groups
		for _, name := range u.Groups {
			if list, there := ix.group[name]; there {
				c.sources = append(c.sources, list...)
			} else {
				c.sources = append(c.sources, unreadSource("group "+name))
			}
		}
	}
	for _, r := range d.Roles {
		c := ix.add(ownRole, r.Entity, "role "+r.Name)
		c.trust = newSource("trust of role "+r.Name, r.Trust)
		ix.roles[r.Name] = c
	}
	return ix
}

func (ix *index) add(kind callerKind, e Entity, label string) *caller {
	c := &caller{kind: kind, arn: e.ARN, account: ix.world.Account, entity: e, sources: ix.sources(e, label), place: len(ix.callers)}
	if e.Boundary != "" {
		c.boundary = ix.managed(e.Boundary, "permissions boundary of "+label)
	}
	ix.callers = append(ix.callers, c)
	ix.byARN[e.ARN] = c
	if e.ID != "" {
		ix.byID[e.ID] = c
	}
	return c
}

// sources are the documents of a user, group or role itself.
func (ix *index) sources(e Entity, label string) []*source {
	list := make([]*source, 0, len(e.Attached)+len(e.Inline))
	for _, arn := range e.Attached {
		list = append(list, ix.managed(arn, "policy of "+label))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Inline)) {
		list = append(list, newSource("inline policy "+name+" of "+label, e.Inline[name]))
	}
	return list
}

func (ix *index) managed(arn, label string) *source {
	if src, there := ix.policy[arn]; there {
		return src
	}
	return unreadSource(label + " " + arn)
}

// resolve gives the text of a value: a literal, or a ref to something that is
// there.
func (ix *index) resolve(v resource.Value) (string, bool) {
	if v.Ref == nil {
		return v.Literal, true
	}
	text, known := ix.refs[*v.Ref]
	return text, known
}

// takesTags reports whether a session of the role can bring tags of its own,
// which then stand before the role's (IAM User Guide, "Pass session tags in AWS
// STS").
func (ix *index) takesTags(c *caller) bool {
	if c.kind != ownRole {
		return false
	}
	takes, known := ix.tagged[c]
	if !known {
		takes = c.trust.fault != "" || slices.ContainsFunc(c.trust.about("sts:tagsession"), func(s *clause) bool { return s.Effect == Allow })
		ix.tagged[c] = takes
	}
	return takes
}

// find gives the caller that an ARN names.
func (ix *index) find(arn string) *caller {
	if arn == "" {
		return &caller{kind: anonymous}
	}
	if c, there := ix.byARN[arn]; there {
		return c
	}
	if account, whole := accountPrincipal(arn); whole {
		if account == ix.world.Account {
			return &caller{kind: ownRoot, arn: rootOf(account), account: account}
		}
		return &caller{kind: outsideAccount, arn: rootOf(account), account: account}
	}
	if account, name, session, ok := sessionOf(arn); ok && account == ix.world.Account {
		if role, there := ix.roles[name]; there {
			inSession := *role
			inSession.session = session
			return &inSession
		}
	}
	account := accountOf(arn)
	if account == ix.world.Account || account == "" {
		return &caller{kind: missing, arn: arn, account: account}
	}
	return &caller{kind: outside, arn: arn, account: account}
}

// policyOf is the policy of the resource itself; own reports whether the
// resource is of a kind that has one, and trust that it is a role's.
func (ix *index) policyOf(action, arn string) (src *source, own, trust bool) {
	prefix, _, _ := strings.Cut(action, ":")
	switch prefix {
	case "kms":
		return ix.keyPolicy(arn)
	case "s3":
		return ix.bucketPolicy(arn)
	case "sts":
		if c, there := ix.byARN[arn]; there && c.kind == ownRole {
			return c.trust, true, true
		}
		return unreadSource("trust of " + arn), arn != "*", true
	case "iam", "ec2", "ecs", "cloudformation", "codebuild", "glue":
		return nil, false, false
	}
	if arn == "*" {
		return nil, false, false
	}
	return unreadSource("policy of " + arn), true, false
}

func (ix *index) keyPolicy(arn string) (src *source, own, trust bool) {
	parts := strings.SplitN(arn, ":", arnParts)
	if arn == "*" || len(parts) == arnParts && strings.HasPrefix(parts[5], "alias/") {
		return nil, false, false
	}
	key, there := ix.keys[arn]
	if !there {
		return unreadSource("key policy of " + arn), true, false
	}
	src, known := ix.around[arn]
	if !known {
		src = newSource("key policy of "+key.ID.Name, key.Policy)
		if key.PolicyUnread {
			src = unreadSource("key policy of " + key.ID.Name)
		}
		ix.around[arn] = src
	}
	return src, true, false
}

func (ix *index) bucketPolicy(arn string) (src *source, own, trust bool) {
	if arn == "*" {
		return nil, false, false
	}
	name, _, _ := strings.Cut(arn, "/")
	bucket, there := ix.buckets[name]
	if !there {
		return unreadSource("bucket policy of " + name), true, false
	}
	src, known := ix.around[name]
	if !known {
		src = newSource("bucket policy of "+strings.TrimPrefix(name, "arn:aws:s3:::"), bucket.Policy)
		if bucket.PolicyUnread {
			src = unreadSource(src.label)
		}
		ix.around[name] = src
	}
	return src, true, false
}
