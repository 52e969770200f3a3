package access

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

// User finds a user by its name, nil where there is none.
func (d *Directory) User(name string) *User {
	for i := range d.Users {
		if d.Users[i].Name == name {
			return &d.Users[i]
		}
	}
	return nil
}

// Role finds a role by its name, nil where there is none.
func (d *Directory) Role(name string) *Role {
	for i := range d.Roles {
		if d.Roles[i].Name == name {
			return &d.Roles[i]
		}
	}
	return nil
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
