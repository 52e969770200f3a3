package access

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Directory is all of one account's IAM, as one walk over
// GetAccountAuthorizationDetails gives it. Lists are sorted by ARN.
type Directory struct {
	Users    []User
	Groups   []Group
	Roles    []Role
	Policies []Policy
}

// Entity is what users, groups and roles have in common.
type Entity struct {
	ARN  string
	Name string
	// Path begins and ends with a slash.
	Path string
	// ID is IAM's unique id (AIDA…, AROA…): another entity of the same name has
	// another one.
	ID string
	// Tags; groups have none in IAM.
	Tags map[string]string
	// Boundary is the ARN of the permissions boundary; groups have none.
	Boundary string
	// Attached are the ARNs of the managed policies, sorted.
	Attached []string
	// Inline are the documents that live inside the entity, by name.
	Inline map[string]Document
}

// User is an IAM user.
type User struct {
	Entity
	// Groups are the names of its groups, sorted.
	Groups []string
}

// Group is an IAM group.
type Group struct {
	Entity
	// Members are the names of its users, sorted.
	Members []string
}

// Role is an IAM role.
type Role struct {
	Entity
	Trust Document
	// MaxSession is the longest session in seconds, 0 where it was not read.
	MaxSession int
}

// Policy is a managed policy: one of the account's own, or AWS's.
type Policy struct {
	ARN, Name, Path string
	Document        Document
	// Older are the documents of the versions that are not in force, by id.
	Older map[string]Document
	// DefaultVersion is the id of the version in force (v3), Versions all of
	// them, oldest first. AWS keeps five at most.
	DefaultVersion string
	Versions       []string
	// Attachments counts the users, groups and roles that have it.
	Attachments int
}

// User finds a user by its name, nil where there is none. Here and below case
// does not count: IAM does not tell it apart in names (IAM User Guide, "IAM
// identifiers").
func (d *Directory) User(name string) *User {
	return find(d.Users, func(u User) bool { return strings.EqualFold(u.Name, name) })
}

// Group finds a group by its name, nil where there is none.
func (d *Directory) Group(name string) *Group {
	return find(d.Groups, func(g Group) bool { return strings.EqualFold(g.Name, name) })
}

// Role finds a role by its name, nil where there is none.
func (d *Directory) Role(name string) *Role {
	return find(d.Roles, func(r Role) bool { return strings.EqualFold(r.Name, name) })
}

// Policy finds a managed policy by its ARN, nil where there is none.
func (d *Directory) Policy(arn string) *Policy {
	return find(d.Policies, func(p Policy) bool { return p.ARN == arn })
}

// Taken is the ARN of the user, group, role or policy that has a name; empty: a
// new one can have it. The names of AWS's own policies are free.
func (d *Directory) Taken(kind, name string) string {
	switch kind {
	case "user":
		if u := d.User(name); u != nil {
			return u.ARN
		}
	case "group":
		if g := d.Group(name); g != nil {
			return g.ARN
		}
	case "role":
		if r := d.Role(name); r != nil {
			return r.ARN
		}
	case "policy":
		if p := find(d.Policies, func(p Policy) bool { return strings.EqualFold(p.Name, name) && !AWSOwned(p.ARN) }); p != nil {
			return p.ARN
		}
	}
	return ""
}

// AWSOwned reports the ARN of one of AWS's own policies: there is no account in
// it.
func AWSOwned(arn string) bool { return strings.HasPrefix(arn, "arn:aws:iam::aws:") }

func find[T any](list []T, is func(T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return &list[i]
	}
	return nil
}

// Attachment is a user, group or role that has a managed policy.
type Attachment struct {
	// Kind is user, group or role.
	Kind string
	Entity
	// Bounds: the policy is its permissions boundary and gives it nothing.
	Bounds bool
}

// String names who has the policy, and what it is to him.
func (a Attachment) String() string {
	if a.Bounds {
		return a.Kind + "/" + a.Name + " (boundary)"
	}
	return a.Kind + "/" + a.Name
}

// Attachments are all that have one policy.
type Attachments []Attachment

// Names names them; nil: nobody.
func (list Attachments) Names() []string {
	var names []string
	for _, a := range list {
		names = append(names, a.String())
	}
	return names
}

// Attachments lists who has each managed policy, by its ARN, in order.
func (d *Directory) Attachments() map[string]Attachments {
	by := map[string]Attachments{}
	add := func(kind string, e Entity) {
		for _, arn := range e.Attached {
			by[arn] = append(by[arn], Attachment{Kind: kind, Entity: e})
		}
		if e.Boundary != "" {
			by[e.Boundary] = append(by[e.Boundary], Attachment{Kind: kind, Entity: e, Bounds: true})
		}
	}
	for _, g := range d.Groups {
		add("group", g.Entity)
	}
	for _, r := range d.Roles {
		add("role", r.Entity)
	}
	for _, u := range d.Users {
		add("user", u.Entity)
	}
	for _, list := range by {
		slices.SortFunc(list, func(a, b Attachment) int { return strings.Compare(a.String(), b.String()) })
	}
	return by
}

// CompareVersions orders the versions of a policy by their age: v9 is older than
// v10.
func CompareVersions(a, b string) int {
	number := func(version string) int {
		n, _ := strconv.Atoi(strings.TrimPrefix(version, "v"))
		return n
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
}

// Tagged reports whether the entity carries all of the tags.
func (e Entity) Tagged(want map[string]string) bool {
	for name, value := range want {
		if have, there := e.Tags[name]; !there || have != value {
			return false
		}
	}
	return true
}
