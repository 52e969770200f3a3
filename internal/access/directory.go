package access

import (
	"slices"
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

// Attachments lists who has each managed policy, by its ARN, in order.
func (d *Directory) Attachments() map[string][]Attachment {
	by := map[string][]Attachment{}
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

// Tagged reports whether the entity carries all of the tags.
func (e Entity) Tagged(want map[string]string) bool {
	for name, value := range want {
		if have, there := e.Tags[name]; !there || have != value {
			return false
		}
	}
	return true
}
