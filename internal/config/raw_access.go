package config

// The raw types of access, buckets and tool, field by field as in the schema.

type rawAccess struct {
	Shape        string
	Organization string
	Keys         string
	Grants       string
	Delegate     string
	Boundary     bool
	Trust        *rawTrust
	MaxSession   string
	AccessKey    *rawAccessKey
	User, Group  rawObject
	KeyAdmin     string
	Agents       map[string]rawAgentAccess
	Users        map[string]rawUser
	Roles        map[string]rawRole
	Groups       map[string]rawGroup
	Policies     map[string]rawPolicy
}

// rawObject is what may be stated of a thing in IAM with a default name.
type rawObject struct {
	Name    string
	Path    string
	Adopt   bool
	Protect bool
}

type rawAgentAccess struct {
	rawObject
	Shape         string
	Keys          string
	Grants        string
	Trust         *rawTrust
	AccessKey     *rawAccessKey
	Principals    []string
	Policies      []string
	SignerPolicy  rawObject
	StoragePolicy rawObject
}

type rawTrust struct {
	IRSA    *rawIRSA
	ECS     *struct{}
	Account *rawOtherAccount
	GitHub  *rawForgeJobs
}

type rawForgeJobs struct{ Repository, Environment, Ref string }

type rawRole struct {
	Path           string
	Adopt, Protect bool
	Trust          rawTrust
	Policies       []string
	MaxSession     string
	Operator       string
}

type rawIRSA struct{ Provider, Namespace, ServiceAccount string }

type rawOtherAccount struct{ Account, ExternalID, Principal string }

type rawAccessKey struct{ MaxAge, Overlap, Secret string }

type rawUser struct {
	Path           string
	Adopt, Protect bool
	Policies       []string
	AccessKey      *rawAccessKey
	Operator       string
}

type rawGroup struct {
	Path           string
	Adopt, Protect bool
	Members        []string
	Policies       []string
}

type rawPolicy struct {
	Path           string
	Adopt, Protect bool
	Description    string
	Statements     []rawStatement
}

type rawStatement struct{ Actions, Keys, Resources []string }

// rawBucket has a pointer where "left out" differs from a value.
type rawBucket struct {
	Purpose string
	Bucket  string
	Region  string
	Listing *bool
	Adopt   bool
	Protect bool
	Writers []string
}

type rawTool struct {
	Repository  string
	IDs         []string
	Environment string
	Watch       string
}
