package config

import (
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Global is the scope of resources that belong to the account and to no region.
const Global = "global"

// Access is the lowering of agents to who may do what: every user, group, role,
// policy and bucket that must exist. Lists are sorted by name.
type Access struct {
	// Path is where we create in IAM: /reconcile/<environment>/.
	Path string
	// Boundary is the ARN of the permissions boundary that users and roles carry;
	// empty: none.
	Boundary string
	// Shape, Keys, Grants, Delegate and KeyAdmin are what was chosen for all
	// agents; what follows from them is in the lists below.
	Shape, Keys, Grants, Delegate, KeyAdmin string
	Users                                   []User
	Groups                                  []Group
	Roles                                   []Role
	Policies                                []Policy
	Buckets                                 []Bucket
	// Uses says who is expected to use which key, by name of the key: one entry
	// for each running instance that has it. It is what the proof of access is held
	// against.
	Uses   []KeyUse
	Source resource.Source
}

// KeyUse is the expectation that some principals can use a key, and that nobody
// else of the environment's principals can.
type KeyUse struct {
	Key string
	// Agent and Instance are whose key it is; empty for generic keys.
	Agent    string
	Instance int
	// Principals are ARNs, sorted: users and roles of ours, or of an external
	// operator's account.
	Principals []string
	// By says where the right is written: in IAM policies or in the key's policy.
	By string
	// External: a contracted party uses it, and may have this right only.
	External bool
}

// The values of KeyUse.By.
const (
	ByIAM       = "iam"
	ByKeyPolicy = "keyPolicy"
)

// User is an IAM user.
type User struct {
	// Name in IAM; also the resource's name.
	Name string
	// Path begins and ends with a slash.
	Path string
	// Policies are attached: names of Access.Policies, or ARNs of others. All
	// there may be.
	Policies []string
	// Boundary is the ARN of its permissions boundary; empty: none is put on it.
	Boundary string
	// AccessKey is declared where a static key must exist; nil: none may.
	AccessKey *AccessKey
	// Agent, Instance and Operator say for whom it is.
	Agent, Operator string
	Instance        int
	Adopt, Protect  bool
	Source          resource.Source
}

// AccessKey is a static key of a user. Its secret goes straight into Secrets
// Manager.
type AccessKey struct {
	// Secret is the name of the secret: {"AccessKeyId", "SecretAccessKey"}.
	Secret string
	Region string
	// MaxAge is when a key is due for rotation, Overlap how long the old one
	// stays usable beside the new one.
	MaxAge, Overlap time.Duration
	Source          resource.Source
}

// Group is an IAM group. Members are names of Access.Users, all there may be.
type Group struct {
	Name, Path     string
	Members        []string
	Policies       []string
	Adopt, Protect bool
	Source         resource.Source
}

// Role is an IAM role.
type Role struct {
	Name, Path string
	// Trust lists who may assume it, one statement each.
	Trust    []Trust
	Policies []string
	Boundary string
	// MaxSession is the longest session, 1 to 12 hours; 0: not managed.
	MaxSession      time.Duration
	Agent, Operator string
	Instance        int
	Adopt, Protect  bool
	Source          resource.Source
}

// Trust is one way into a role. No field holds a wildcard.
type Trust struct {
	// Kind is irsa (EKS service account), ecs (a task), account (a principal of
	// another account) or github (a job of a repository).
	Kind string
	// Provider is the host and path of the OIDC provider, without https://: irsa.
	Provider string
	// Namespace and ServiceAccount: irsa.
	Namespace, ServiceAccount string
	// Account is the other account (kind account), or the one in which tasks run
	// (kind ecs).
	Account string
	// Principal is an ARN of that account; empty: the account itself decides.
	Principal string
	// ExternalID must be presented: kind account.
	ExternalID string
	// Subjects are the exact "sub" claims: github.
	Subjects []string
}

// The values of Trust.Kind.
const (
	TrustIRSA    = "irsa"
	TrustECS     = "ecs"
	TrustAccount = "account"
	TrustGitHub  = "github"
)

// Policy is a managed policy.
type Policy struct {
	Name, Path, Description string
	Statements              []Statement
	Adopt, Protect          bool
	Source                  resource.Source
}

// Statement allows actions on resources.
type Statement struct {
	Sid     string
	Actions []string
	// Keys are names of keys whose exact ARNs the statement is about.
	Keys []string
	// Resources are literal ARNs, wildcards included.
	Resources []string
	// Aliases are patterns that one of the key's aliases must match (condition
	// kms:ResourceAliases); empty: no condition.
	Aliases []string
}

// KeyPolicy is who may use and administer a KMS key by the key's own policy.
type KeyPolicy struct {
	// Delegate is what the account's IAM may decide: DelegateAll, or
	// DelegateAdmin: everything but signing.
	Delegate string
	// Signers are the ARNs that the policy itself lets sign, sorted.
	Signers []string
}

// The values of KeyPolicy.Delegate.
const (
	DelegateAll   = "all"
	DelegateAdmin = "admin"
)

// Bucket holds proofs or checkpoints that anybody may read.
type Bucket struct {
	// Name is the resource's name (proofs, validator-0-fuji), Bucket S3's.
	Name, Bucket, Region string
	// Purpose is "proofs" or "checkpoints".
	Purpose string
	// Listing lets anybody list the bucket too.
	Listing bool
	// Writers are ARNs that the bucket's policy itself lets write; writers of our
	// account that have the right by IAM are not among them.
	Writers []string
	// Agent and Instance say whose bucket it is; empty: shared.
	Agent          string
	Instance       int
	Adopt, Protect bool
	Source         resource.Source
}

// Tool is how this tool gets into the account: the roles that a person makes
// once, and who may assume them.
type Tool struct {
	// Repository is the forge's, owner/name.
	Repository string
	// Subjects are the exact OIDC "sub" claims that may assume each role.
	PlanSubjects, ApplySubjects, WatchSubjects []string
	Source                                     resource.Source
}

// UserID, GroupID, RoleID, PolicyID and BucketID name the resources.
func UserID(name string) resource.ID { return resource.ID{Kind: "iam-user", Scope: Global, Name: name} }
func GroupID(name string) resource.ID {
	return resource.ID{Kind: "iam-group", Scope: Global, Name: name}
}
func RoleID(name string) resource.ID { return resource.ID{Kind: "iam-role", Scope: Global, Name: name} }
func PolicyID(name string) resource.ID {
	return resource.ID{Kind: "iam-policy", Scope: Global, Name: name}
}

// ResourceID is the ID of the resource that is this bucket.
func (b Bucket) ResourceID() resource.ID {
	return resource.ID{Kind: "bucket", Scope: b.Region, Name: b.Name}
}

// ARN of the user in an account; a path is part of it (IAM User Guide, "IAM
// ARNs").
func (u User) ARN(account string) string {
	return "arn:aws:iam::" + account + ":user" + u.Path + u.Name
}

// ARN of the role.
func (r Role) ARN(account string) string {
	return "arn:aws:iam::" + account + ":role" + r.Path + r.Name
}

// ARN of the policy.
func (p Policy) ARN(account string) string {
	return "arn:aws:iam::" + account + ":policy" + p.Path + p.Name
}
