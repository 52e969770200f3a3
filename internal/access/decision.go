package access

import "github.com/crosschain-ops/reconcile/internal/resource"

// Request asks whether one principal may do one thing.
type Request struct {
	// Principal is the ARN of a user, a role, a role's session or an account's
	// root; empty: somebody without credentials.
	Principal string
	// Action by its IAM name: kms:Sign.
	Action string
	// Resource is an ARN, or "*" where the action has none.
	Resource string
	// Context holds condition keys that the world does not. A key with no values
	// is known to be absent; a key that is not here is not known.
	Context map[string][]string
}

// Verdict is the answer to a Request.
type Verdict string

// The four answers. Unknown is given wherever something that could turn the
// answer was not read or not understood.
const (
	Allowed    Verdict = "allowed"
	Denied     Verdict = "denied"
	NotAllowed Verdict = "not allowed"
	Unknown    Verdict = "cannot tell"
)

// Decision is a verdict and what it rests on.
type Decision struct {
	Verdict Verdict
	// Reason names the statement that decided and where it stands, the link that
	// is missing, or what cannot be told.
	Reason string
	// Through lists what allows, where the verdict is Allowed or may become so:
	// one line per document or grant.
	Through []string
	// Admitted: this account lets the principal in, and another account's IAM,
	// which we do not see, has the last word.
	Admitted bool
}

// Holder is a principal that can do something, or of whom that cannot be told.
type Holder struct {
	// Principal is an ARN, an account's root, a service name, or Everyone.
	Principal string
	// Kind is user, role, external, service or everyone.
	Kind     string
	Decision Decision
}

// Everyone is the Holder of a right that needs no particular account.
const Everyone = "*"

// The kinds of a Holder.
const (
	HolderUser     = "user"
	HolderRole     = "role"
	HolderExternal = "external"
	HolderService  = "service"
	HolderEveryone = "everyone"
)

// Path is one way in which a principal that cannot sign with a key can come to
// do so.
type Path struct {
	Principal string
	Kind      string
	// Hops are what it does, in order; the last one makes it able, or makes it
	// somebody who is.
	Hops []Hop
	// Sure: every hop is allowed. Otherwise one of them cannot be told.
	Sure bool
}

// Hop is one act of a Path.
type Hop struct {
	// Actions are all needed for it: iam:PassRole and ec2:RunInstances.
	Actions []string
	// Target is the ARN that is acted on.
	Target string
	// Sure: the actions are allowed; otherwise it cannot be told.
	Sure bool
}

// Expectation says who should be able to use a key, and who besides may.
type Expectation struct {
	Key resource.ID
	// KeyARN is empty while the key does not exist.
	KeyARN string
	// Alias is the one that the key has or will have.
	Alias string
	// Agent is whose key it is; keys of one agent may share a principal and an
	// alias pattern.
	Agent string
	// Principals are ARNs that must be able to sign.
	Principals []string
	// Others may be able to sign and need not.
	Others []string
	// External: the principals belong to a contracted operator and may have
	// nothing but these keys and Buckets.
	External bool
	// Buckets are ARNs of buckets that they may use too.
	Buckets []string
	// Admins are principals that are known to have power over the key.
	Admins []string
}
